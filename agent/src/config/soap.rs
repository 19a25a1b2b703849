//! `[channel.soap]`: the service that a channel's HIS was compiled against, to the letter.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapters::{
    SoapHolds, SoapOperation, SoapPart, SoapReply, SoapService, SoapStyle, SoapVersion, WireFormat,
    default_action, is_xml_name,
};

use super::ChannelConfig;
use super::section::{Complaints, Section};

/// A channel's SOAP door.
#[derive(Clone, Debug)]
pub struct SoapConfig {
    /// What clients know of it.
    pub service: Arc<SoapService>,
    /// Where each operation leads, in the order of the service's.
    pub leads: Vec<Lead>,
    /// Addresses besides `/soap/NAME`.
    pub paths: Vec<String>,
    /// The address in the description; without one it is built from the request.
    pub address: Option<String>,
    /// Whether a proxy's `X-Forwarded-Host` and `X-Forwarded-Proto` are believed.
    pub trusts_forwarded: bool,
    /// Whether operations may be called by GET, their parameters in the address.
    pub takes_get: bool,
    /// Where the table stands in the file.
    offset: usize,
}

/// Where an operation leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lead {
    /// Which road.
    pub to: LeadsTo,
    /// The channel whose mappings read it, if it is another.
    pub channel: Option<String>,
}

/// The roads that an operation may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeadsTo {
    /// Stored, and answered with a receipt.
    Messages,
    /// Judged while the doctor waits, and not stored.
    Checks,
}

/// The table in a channel; without one any call is taken, and described to nobody.
pub(super) fn soap(channel: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Option<SoapConfig> {
    let is_given = channel.gives("soap");
    let mut section = channel.section("soap", to);
    if !is_given {
        return None;
    }
    if !section.gives("namespace") {
        let message = "[channel.soap] needs `namespace`; write \"\" where the service has none";
        to.error("A005", section.offset_of("namespace"), message.to_owned());
    }
    let mut service = SoapService {
        name: section.text("service", to).unwrap_or_else(|| "Service".to_owned()),
        namespace: section.text("namespace", to).unwrap_or_default(),
        also: section.texts("also_namespaces", to),
        style: section.parsed("style", SoapStyle::Document, "document, bare, rpc or encoded", to),
        is_qualified: section.switch("qualified", true, to),
        described: Vec::new(),
        describes_forms: false,
        answers_as_called: section.switch("answer_as_called", false, to),
        operations: Vec::new(),
    };
    name(&section, "service", &service.name, to);
    described(&mut section, &mut service, to);
    let leads = operations(&mut section, &mut service, to);
    let config = SoapConfig {
        service: Arc::new(service),
        leads,
        paths: paths(&mut section, to),
        address: address(&mut section, to),
        trusts_forwarded: section.switch("trust_forwarded", false, to),
        takes_get: section.switch("get", false, to),
        offset: section.offset_of("namespace"),
    };
    section.finish(to);
    Some(config)
}

fn described(section: &mut Section<'_, '_>, service: &mut SoapService, to: &mut Complaints<'_>) {
    let words = if section.gives("describe") {
        section.texts("describe", to)
    } else {
        vec!["1.1".to_owned(), "1.2".to_owned()]
    };
    for word in words {
        match word.as_str() {
            "1.1" => service.described.push(SoapVersion::V11),
            "1.2" => service.described.push(SoapVersion::V12),
            "form" => service.describes_forms = true,
            _ => {
                let message = format!("`describe` knows 1.1, 1.2 and form, not `{word}`");
                to.error("A004", section.offset_of("describe"), message);
            }
        }
    }
}

fn operations(
    soap: &mut Section<'_, '_>,
    service: &mut SoapService,
    to: &mut Complaints<'_>,
) -> Vec<Lead> {
    let place = soap.offset_of("operation");
    let mut leads = Vec::new();
    for mut section in soap.sections("operation", to) {
        let operation = operation(&mut section, service, to);
        if service.operations.iter().any(|it| it.name == operation.name) {
            let message = format!("there is another operation `{}`", operation.name);
            to.error("A008", section.offset_of("name"), message);
        }
        let lead = lead(&mut section, to);
        // The number says that a check was made; whoever reads it for the verdict has none.
        let tells = operation.reply.results.iter().any(|it| it.holds == SoapHolds::Text);
        if lead.to == LeadsTo::Checks && !tells {
            let message =
                "a check is answered with its verdict: one of `results` must be a name alone";
            to.error("A004", section.offset_of("results"), message.to_owned());
        }
        service.operations.push(operation);
        leads.push(lead);
        section.finish(to);
    }
    if service.style == SoapStyle::Bare {
        one_type_each(&service.operations, place, to);
    }
    if leads.is_empty() {
        let message = "[channel.soap] needs a [[channel.soap.operation]]".to_owned();
        to.error("A005", place, message);
    }
    leads
}

/// Of a bare service each part is an element of its own, and so has one type wherever it stands.
fn one_type_each(operations: &[SoapOperation], place: usize, to: &mut Complaints<'_>) {
    let mut kinds = BTreeMap::new();
    for operation in operations {
        let texts = operation.parameters.iter().map(|name| (name.as_str(), SoapHolds::Text.xsd()));
        let results = operation.reply.results.iter().map(|it| (it.name.as_str(), it.holds.xsd()));
        for (name, kind) in texts.chain(results) {
            if *kinds.entry(name).or_insert(kind) != kind {
                let message = format!("bare, `{name}` must be of one type in all operations");
                to.error("A008", place, message);
            }
        }
    }
}

fn operation(
    section: &mut Section<'_, '_>,
    service: &SoapService,
    to: &mut Complaints<'_>,
) -> SoapOperation {
    let own = section.required("name", to);
    name(section, "name", &own, to);
    let parameters = section.texts("parameters", to);
    for it in &parameters {
        name(section, "parameters", it, to);
    }
    let action = section.text("action", to);
    let habit = SoapReply::habit(&own);
    let response = section.text("response", to).unwrap_or(habit.response);
    name(section, "response", &response, to);
    let results = results(section, to).unwrap_or(habit.results);
    SoapOperation {
        action: action.unwrap_or_else(|| default_action(&service.namespace, &own)),
        parameters,
        reply: Arc::new(SoapReply {
            response,
            results,
            style: service.style,
            is_qualified: service.is_qualified,
        }),
        name: own,
    }
}

fn results(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Option<Vec<SoapPart>> {
    let words = section.texts("results", to);
    if words.is_empty() {
        return None;
    }
    let place = section.offset_of("results");
    let mut parts: Vec<SoapPart> = Vec::new();
    for word in &words {
        if let Ok(part) = word.parse() {
            parts.push(part);
        } else {
            let message = format!(
                "`results` are names, with code:, message:, int(0,-1):, long(0,-1): or boolean: before those that say only that, not `{word}`"
            );
            to.error("A004", place, message);
        }
    }
    let texts = parts.iter().filter(|it| it.holds == SoapHolds::Text).count();
    if texts > 1 || (texts == 0 && !parts.iter().any(|it| it.holds.is_typed())) {
        let message =
            "of `results` exactly one holds the answer: a name alone, or int, long or boolean where there is none".to_owned();
        to.error("A004", place, message);
    }
    Some(parts)
}

fn lead(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Lead {
    let word = section.text("to", to);
    let road = match word.as_deref() {
        None | Some("messages") => LeadsTo::Messages,
        Some("checks") => LeadsTo::Checks,
        Some(other) => {
            let message = format!("`to` is messages or checks, not `{other}`");
            to.error("A004", section.offset_of("to"), message);
            LeadsTo::Messages
        }
    };
    Lead { to: road, channel: section.text("channel", to) }
}

/// Names of the description stand in it and in answers as they are.
fn name(section: &Section<'_, '_>, key: &str, name: &str, to: &mut Complaints<'_>) {
    if !name.is_empty() && !is_xml_name(name) {
        let message = format!("`{name}` cannot be the name of an element");
        to.error("A006", section.offset_of(key), message);
    }
}

fn paths(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Vec<String> {
    let paths = section.texts("paths", to);
    for path in &paths {
        let is_plain = path.starts_with('/')
            && path.len() > 1
            && !path.ends_with('/')
            && !path.contains(['?', '#', '{', '}', ' ']);
        if !is_plain {
            let message =
                format!("`paths` are addresses such as \"/x/Service.asmx\", not `{path}`");
            to.error("A004", section.offset_of("paths"), message);
        } else if OURS.iter().any(|it| under(path, it)) {
            let message = format!("`{path}` is an address of the agent's own");
            to.error("A008", section.offset_of("paths"), message);
        }
    }
    paths
}

fn address(section: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Option<String> {
    let address = section.text("address", to)?;
    if !address.starts_with("http://") && !address.starts_with("https://") {
        let message = "`address` is whole: \"http://host:port/path\"".to_owned();
        to.error("A004", section.offset_of("address"), message);
    }
    Some(address)
}

/// Addresses that are taken, and everything below them.
const OURS: [&str; 6] = ["/v1", "/soap", "/insurance", "/fsi", "/admin", "/openapi.json"];

fn under(path: &str, ours: &str) -> bool {
    let beginning = path.get(..ours.len()).is_some_and(|it| it.eq_ignore_ascii_case(ours));
    beginning && matches!(path.as_bytes().get(ours.len()), None | Some(b'/'))
}

/// What the doors may not do to each other.
pub(super) fn prove(channels: &[ChannelConfig], to: &mut Complaints<'_>) {
    let mut taken: Vec<(String, &SoapConfig)> = Vec::new();
    for channel in channels {
        let Some(door) = &channel.soap else { continue };
        for path in door.paths.iter().map(|it| it.to_ascii_lowercase()) {
            if taken.iter().any(|it| it.0 == path) {
                to.error(
                    "A008",
                    door.offset,
                    format!("`{path}` is the address of another service"),
                );
            }
            taken.push((path, door));
        }
        takes_envelopes(channel, door.offset, to);
        for other in door.leads.iter().filter_map(|it| it.channel.as_ref()) {
            if let Some(other) = channels.iter().find(|it| it.name == *other) {
                takes_envelopes(other, door.offset, to);
            } else {
                let names = channels.iter().map(|it| it.name.as_str());
                let hint = mappings::suggestion(other, names);
                let message = format!("an operation leads to no channel `{other}`{hint}");
                to.error("A004", door.offset, message);
            }
        }
    }
    operations_are_no_services(&taken, to);
}

/// What stands behind a service's address is an operation, and cannot be a service as well.
fn operations_are_no_services(taken: &[(String, &SoapConfig)], to: &mut Complaints<'_>) {
    for (base, door) in taken {
        for (path, other) in taken {
            let word = path.strip_prefix(base.as_str()).and_then(|it| it.strip_prefix('/'));
            if word.is_some_and(|it| door.service.operation(it).is_some()) {
                let message = format!("`{path}` is the address of an operation of `{base}`");
                to.error("A008", other.offset, message);
            }
        }
    }
}

fn takes_envelopes(channel: &ChannelConfig, place: usize, to: &mut Complaints<'_>) {
    let is_open = matches!(channel.format, WireFormat::Auto | WireFormat::Soap);
    if !is_open || channel.stream.is_some() {
        let name = &channel.name;
        let message = format!(
            "channel `{name}` takes no SOAP: its format must be auto or soap, without `stream`"
        );
        to.error("A004", place, message);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::proving::told_of;

    #[test]
    fn a_service_is_proved() {
        check("namespace = \"\"\n[[channel.soap.operation]]\nname = \"F\"", "");
        check("", "error[A005]: [channel.soap] needs `namespace`");
        check(
            "namespace = \"u\"",
            "error[A005]: [channel.soap] needs a [[channel.soap.operation]]",
        );
        let with = |lines: &str| {
            format!("namespace = \"u\"\n{lines}\n[[channel.soap.operation]]\nname = \"F\"")
        };
        check(&with("paths = [\"/x/Service.asmx\"]"), "");
        check(&with("paths = [\"x\"]"), "error[A004]: `paths` are addresses such as");
        check(
            &with("paths = [\"/V1/x\"]"),
            "error[A008]: `/V1/x` is an address of the agent's own",
        );
        let both = "error[A008]: `/x/f` is the address of an operation of `/x`";
        check(&with("paths = [\"/x\", \"/X/F\"]"), both);
        check(&with("paths = [\"/x\", \"/x/Service.asmx\"]"), "");
        check(&with("style = \"wrapped\""), "error[A004]: `style` must be document, bare, rpc or");
        check(&with("describe = [\"1.3\"]"), "error[A004]: `describe` knows 1.1, 1.2 and form");
        check(&with("address = \"host\""), "error[A004]: `address` is whole");
        check(&with("servise = \"x\""), "did you mean `service`?");
    }

    #[test]
    fn an_operation_is_proved() {
        let with = |lines: &str| {
            format!("namespace = \"u\"\n[[channel.soap.operation]]\nname = \"F\"\n{lines}")
        };
        check(&with("parameters = [\"头\", \"b\"]\nresults = [\"code:c\", \"r\"]"), "");
        check(
            &with("parameters = [\"a b\"]"),
            "error[A006]: `a b` cannot be the name of an element",
        );
        check(&with("results = [\"code:c\"]"), "error[A004]: of `results` exactly one holds");
        check(&with("results = [\"int:r\"]"), "error[A004]: `results` are names");
        check(&with("to = \"checks\"\nresults = [\"int(0,-1):c\", \"r\"]"), "");
        let mute = "error[A004]: a check is answered with its verdict";
        check(&with("to = \"checks\"\nresults = [\"boolean:r\"]"), mute);
        let two = |style: &str| {
            format!(
                "namespace = \"u\"\nstyle = \"{style}\"\n[[channel.soap.operation]]\nname = \"F\"\nresults = [\"r\"]\n\
                 [[channel.soap.operation]]\nname = \"G\"\nresults = [\"int(0,-1):r\"]"
            )
        };
        check(&two("document"), "");
        check(&two("bare"), "error[A008]: bare, `r` must be of one type");
        check(&with("results = [\"int(1,0):r\"]"), "");
        check(&with("results = [\"codes:c\", \"r\"]"), "not `codes:c`");
        check(&with("to = \"check\""), "error[A004]: `to` is messages or checks, not `check`");
        check(&with("channel = \"b\""), "error[A004]: an operation leads to no channel `b`");
        check(
            &with("[[channel.soap.operation]]\nname = \"F\""),
            "error[A008]: there is another operation `F`",
        );
        let two = with("channel = \"j\"\n[[channel]]\nname = \"j\"\nformat = \"json\"");
        check(&two, "error[A004]: channel `j` takes no SOAP");
    }

    #[track_caller]
    fn check(lines: &str, expected: &str) {
        told_of(&format!("[[channel]]\nname = \"a\"\n[channel.soap]\n{lines}"), expected);
    }
}
