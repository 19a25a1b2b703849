//! The table, the shipped file and what is read are one.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::example::{CHANNELS_HEAD, OPERATION};
use super::*;
use crate::config::{Config, ForwardConfig};
use crate::sets::Sets;

const LEAST: &str = "[hospital]\ncode = \"H99999900001\"\nname = \"示例市人民医院\"\n";
const SECRET: &str = "file:/etc/his-agent/secrets/amqp-url";

#[test]
fn the_shipped_file_is_this_table() {
    let path = shipped("agent.toml");
    if std::env::var_os("HIS_AGENT_UPDATE").is_some() {
        std::fs::write(&path, example()).unwrap();
    }
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(
        text == example(),
        "config/agent.toml is not what keys.rs says: run the tests with HIS_AGENT_UPDATE=1"
    );
}

#[test]
fn the_shipped_file_starts_an_agent_with_a_channel_for_every_shipped_vendor() {
    let config = accept(&example());
    let mut names: Vec<&str> = config.channels.iter().map(|it| it.name.as_str()).collect();
    names.sort_unstable();
    let mut vendors: Vec<&str> =
        mappings::SHIPPED.iter().filter_map(|(path, _)| vendor_of(path)).collect();
    vendors.dedup();
    assert_eq!(names, vendors);
    let sets = Sets::load(&config).unwrap();
    assert_eq!(sets.channels.len(), vendors.len());
}

/// The folder of a mapping; nothing for what only goes with one.
fn vendor_of(path: &str) -> Option<&str> {
    let (vendor, file) = path.split_once('/')?;
    let (name, ending) = file.rsplit_once('.')?;
    let is_mapping = ending == "toml" && !file.contains('/') && name != "answer";
    is_mapping.then_some(vendor)
}

/// A default that is told and a default that holds must be one.
#[test]
fn writing_every_default_out_changes_nothing() {
    let told = defaults(&example(), "files");
    assert_ne!(told, example());
    assert_eq!(seen(&accept(&told)), seen(&accept(&example())));
    for channel in [
        "",
        "format = \"auto\"\nunwrap = []\nunwrap_padding = \"pkcs7\"\nstrip_controls = false\nstrip_nuls = false\nmappings = []\n",
    ] {
        let config = accept(&format!("{LEAST}[[channel]]\nname = \"a\"\n{channel}"));
        assert_eq!(
            format!("{:?}", config.channels),
            "[ChannelConfig { name: \"a\", format: Auto, prepare: Prepare { unwrap: [], \
             skip_to: None, strip_controls: false, strip_nuls: false }, keys: {}, stream: None, \
             mappings: [], answer: None, addresses: [], check_deadline: None, mllp: None, folder: None, totals: None, view: None, soap: None }]"
        );
    }
}

#[test]
fn writing_every_default_of_amqp_out_changes_nothing() {
    let amqp = |keys: String| {
        accept(&format!("{LEAST}[forward]\nkind = \"amqp\"\nurl = \"amqp://broker:5672\"\n{keys}"))
    };
    let told = all().filter(|it| it.kind == "amqp" && matches!(it.without, Without::Default(_)));
    let told: Vec<String> =
        told.map(|it| format!("{} = {}\n", it.name, it.without.value())).collect();
    let told = told.concat();
    assert_eq!(seen(&amqp(told)), seen(&amqp(String::new())));
}

#[test]
fn every_key_is_read_and_a_wrong_type_is_told_with_its_name() {
    for key in all() {
        let problems = Config::parse("agent.toml", &with(key, "{}")).unwrap_err();
        let named = format!("`{}` must be ", key.name);
        let told = problems.iter().any(|it| it.code == "A004" && it.message.starts_with(&named));
        assert!(told, "{}.{}: {problems:?}", key.section, key.name);
    }
}

#[test]
fn a_key_that_is_not_in_the_table_is_told() {
    for key in all() {
        let misspelt = Key { name: "no_such_key", ..*key };
        let problems = Config::parse("agent.toml", &with(&misspelt, "1")).unwrap_err();
        assert!(problems.iter().any(|it| it.code == "A003"), "{}: {problems:?}", key.section);
    }
}

/// Finds the names in the sources, so that a key cannot be read and not be told.
#[test]
fn every_key_that_is_read_is_in_the_table() {
    let source: String = include_str!("../read.rs")
        .split("#[cfg(test)]")
        .next()
        .unwrap()
        .lines()
        .chain(include_str!("../forward.rs").lines())
        .chain(include_str!("../secrets.rs").lines())
        .chain(include_str!("../unwrap.rs").lines())
        .chain(include_str!("../log.rs").lines())
        .chain(include_str!("../relay.rs").lines())
        .chain(include_str!("../subscription.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
        .chain(include_str!("../alert.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
        .chain(include_str!("../query.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
        .chain(include_str!("../tls.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
        .chain(include_str!("../access.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
        .chain(include_str!("../calls.rs").lines())
        .chain(include_str!("../callers.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
        .chain(include_str!("../totals.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
        .chain(include_str!("../patrol.rs").lines())
        .chain(include_str!("../mllp.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
        .chain(include_str!("../folder.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
        .chain(include_str!("../view.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
        .chain(include_str!("../versions.rs").lines())
        .chain(include_str!("../admin.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
        .chain(include_str!("../backup.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
        .chain(include_str!("../soap.rs").lines().take_while(|it| *it != "#[cfg(test)]"))
        .flat_map(str::split_whitespace)
        .collect();
    let read: BTreeSet<&str> = GETTERS
        .iter()
        .flat_map(|getter| source.split(getter).skip(1))
        .map(|it| it.split('"').next().unwrap())
        .collect();
    let told: BTreeSet<&str> = all().map(|it| it.name).collect();
    assert_eq!(read, told);
}

/// How `read` asks for a key.
const GETTERS: [&str; 12] = [
    ".secrets(\"",
    ".text(\"",
    ".texts(\"",
    ".required(\"",
    ".parsed(\"",
    ".switch(\"",
    ".number(\"",
    ".size(\"",
    ".duration(\"",
    "secret(section,\"",
    "one_of(section,\"",
    "file(\"",
];

#[test]
fn the_other_examples_are_accepted() {
    for name in [
        "examples/small-clinic.toml",
        "examples/large-hospital.toml",
        "examples/hl7-mllp.toml",
        "examples/soap-asmx.toml",
        "examples/drop-folder.toml",
        "examples/database-view.toml",
    ] {
        let text = std::fs::read_to_string(shipped(name)).unwrap();
        let text = text.replace(SECRET, "amqp://broker:5672");
        let text = ["his-odbc", "fees-odbc"].iter().fold(text, |text, it| {
            text.replace(&format!("file:/etc/his-agent/secrets/{it}"), "DSN=his")
        });
        let config = accept(&text);
        assert!(Sets::load(&config).is_ok(), "{name}");
    }
}

#[track_caller]
fn accept(text: &str) -> Config {
    Config::parse("agent.toml", text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"))
}

/// Everything a configuration says, what its `Debug` hides among it.
fn seen(config: &Config) -> String {
    match &config.forward {
        ForwardConfig::Amqp(it) => {
            let access = &it.access;
            let (urls, name) = (&access.urls, &access.server_name);
            let more = (access.heartbeat, access.external, &access.ca_pem);
            format!("{config:?} {urls:?} {name:?} {more:?} {:?}", access.identity_pem)
        }
        ForwardConfig::Files { .. } => format!("{config:?}"),
    }
}

/// The file with its commented defaults uncommented, those of channels and of other kinds left.
fn defaults(text: &str, kind: &str) -> String {
    let stated: BTreeSet<String> = all()
        .filter(|it| {
            !it.is_of_channel() && !it.is_of_list() && (it.kind.is_empty() || it.kind == kind)
        })
        .filter(|it| matches!(it.without, Without::Default(_)))
        .map(|it| format!("# {} = {}", it.name, it.without.value()))
        .collect();
    // The keys of channels share names with others; they stand at the end.
    let (text, channels) = text.split_once(CHANNELS_HEAD).unwrap();
    let all = text
        .lines()
        .map(|it| if stated.contains(it) { format!("{}\n", &it[2..]) } else { format!("{it}\n") })
        .collect::<String>();
    all + CHANNELS_HEAD + channels
}

/// The least configuration with one key more.
fn with(key: &Key, value: &str) -> String {
    let line = format!("{} = {value}\n", key.name);
    let kind =
        if key.kind.is_empty() { String::new() } else { format!("kind = \"{}\"\n", key.kind) };
    match key.section {
        "" => format!("{line}{LEAST}"),
        "hospital" => format!("{}{line}", LEAST.replace(&format!("\n{} = ", key.name), "\n# ")),
        "channel" => format!("{LEAST}[[channel]]\n{line}"),
        list if LISTS.contains(&list) => format!("{LEAST}[[{list}]]\n{line}"),
        "channel.mllp" => format!("{LEAST}[[channel]]\nname = \"a\"\n[channel.mllp]\n{line}"),
        "channel.folder" => {
            format!("{LEAST}[[channel]]\nname = \"a\"\n[channel.folder]\n{line}")
        }
        "channel.totals" => {
            format!("{LEAST}[[channel]]\nname = \"a\"\n[channel.totals]\n{line}")
        }
        "channel.view" => format!("{LEAST}[[channel]]\nname = \"a\"\n[channel.view]\n{line}"),
        "channel.soap" => format!("{LEAST}[[channel]]\nname = \"a\"\n[channel.soap]\n{line}"),
        OPERATION => format!(
            "{LEAST}[[channel]]\nname = \"a\"\n[channel.soap]\n[[channel.soap.operation]]\n{line}"
        ),
        section => format!("{LEAST}[{section}]\n{kind}{line}"),
    }
}

fn shipped(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "config", name].iter().collect()
}
