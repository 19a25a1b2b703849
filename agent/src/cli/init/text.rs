//! The configuration's text: every key explained as in the shipped file, what was told written out.

use super::answers::Answers;
use super::secrets::{self, amqp_url_file, store_key_file};
use super::{Arguments, LISTEN};
use crate::config::keys;
use crate::master_key::KeySource;

pub(super) fn of(answers: &Answers, arguments: &Arguments, channels: &str) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    let path = |it: &std::path::Path| quoted(&it.display().to_string());
    let named = |it: &std::path::Path| quoted(&secrets::named(it));
    let data = &arguments.data;
    let mut given = vec![
        ("hospital", "code", quoted(&answers.code)),
        ("hospital", "name", quoted(&answers.name)),
        ("hospital", "profile", quoted(&answers.profile)),
        ("listen", "his", quoted(arguments.listen.as_deref().unwrap_or(LISTEN))),
        ("listen", "operators", quoted(&arguments.operators)),
        ("outbox", "dir", path(&data.join("outbox"))),
    ];
    if arguments.clear_text {
        given.push(("listen", "clear_text_off_loopback", "true".to_owned()));
    }
    // A store that is there already keeps the key it was made with.
    if !KeySource::beside(&data.join("outbox")).exists() {
        given.push(("outbox", "key", named(&store_key_file(arguments))));
    }
    match &answers.broker {
        Some(_) => {
            given.push(("forward", "kind", quoted("amqp")));
            given.push(("forward", "url", named(&amqp_url_file(arguments))));
            let queue = answers.queue.iter().map(|it| ("forward", "expect_queue", quoted(it)));
            given.extend(queue);
            given.extend(arguments.ca.iter().map(|it| ("forward", "ca_file", path(it))));
        }
        None => given.push(("forward", "dir", path(&data.join("records")))),
    }
    keys::written(&given, channels)
}
