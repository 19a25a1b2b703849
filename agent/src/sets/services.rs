//! The services whose calls a channel reads: its own, and those that have operations lead to it.
//!
//! Each was compiled into other clients, so a call is read and answered by the service that was called.
//! Only the door knows which; it says so in the content type, which is kept with the message's bytes.

use std::sync::Arc;

use adapters::{ContentType, SoapService};

use crate::config::{ChannelConfig, Config};

/// The services of one channel, by the names of the channels that describe them.
#[derive(Clone, Debug, Default)]
pub struct Services(Vec<(String, Arc<SoapService>)>);

impl Services {
    /// The channel's own service stands first.
    pub(super) fn of(channel: &ChannelConfig, config: &Config) -> Services {
        let leads_here = |it: &&ChannelConfig| {
            let leads = it.soap.iter().flat_map(|door| &door.leads);
            leads.into_iter().any(|lead| lead.channel.as_deref() == Some(&channel.name))
        };
        let others = config.channels.iter().filter(|it| it.name != channel.name).filter(leads_here);
        let described = std::iter::once(channel).chain(others);
        let named =
            |it: &ChannelConfig| Some((it.name.clone(), Arc::clone(&it.soap.as_ref()?.service)));
        Services(described.filter_map(named).collect())
    }

    /// The service that was called; where nothing says which, the first.
    pub fn called(&self, content_type: Option<&str>) -> Option<&SoapService> {
        let found = match self.0.as_slice() {
            [_, _, ..] => {
                let told = ContentType::parse(content_type);
                self.0.iter().find(|(name, _)| told.service() == Some(name))
            }
            _ => None,
        };
        found.or(self.0.first()).map(|(_, service)| &**service)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// The content type is kept with the message: read once more, it is read by the same service.
    #[test]
    fn the_service_that_was_called_is_found_again() {
        check("c", None, Some("urn:own"));
        check("c", Some("text/xml; charset=gbk; service=b"), Some("urn:b"));
        check("c", Some("text/xml; service=c"), Some("urn:own"));
        check("c", Some("; service=gone"), Some("urn:own"));
        check("d", None, Some("urn:a"));
        check("d", Some("; service=b"), Some("urn:b"));
        check("b", Some("; service=a"), Some("urn:b"));
        check("e", Some("; service=a"), None);
    }

    #[track_caller]
    fn check(channel: &str, content_type: Option<&str>, expected: Option<&str>) {
        let mut text = "[hospital]\ncode = \"H1\"\nname = \"n\"\n".to_owned();
        for name in ["a", "b", "c", "d", "e"] {
            let _ = write!(text, "[[channel]]\nname = \"{name}\"\nmappings = [\"platform/\"]\n");
            let leads = match name {
                "a" => "channel = \"d\"",
                "b" => "channel = \"c\"\n[[channel.soap.operation]]\nname = \"G\"\nchannel = \"d\"",
                "c" => "",
                _ => continue,
            };
            let namespace = if name == "c" { "own" } else { name };
            let _ = write!(
                text,
                "[channel.soap]\nnamespace = \"urn:{namespace}\"\n[[channel.soap.operation]]\nname = \"F\"\n{leads}\n"
            );
        }
        let config = Config::parse("agent.toml", &text).unwrap();
        let channel = config.channels.iter().find(|it| it.name == channel).unwrap();
        let services = Services::of(channel, &config);
        let called = services.called(content_type).map(|it| it.namespace.as_str());
        assert_eq!(called, expected);
    }
}
