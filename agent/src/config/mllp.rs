//! `[channel.mllp]`: the address of its own at which a channel takes HL7, and its bounds.

use std::net::SocketAddr;
use std::time::Duration;

use super::section::{Complaints, Section};
use super::tls::certificate;
use super::{ChannelConfig, Listen};
use crate::tls::Certificate;

/// A channel's MLLP door.
#[derive(Clone, Debug)]
pub struct MllpConfig {
    /// Where senders connect.
    pub listen: SocketAddr,
    /// Connections at one time; when full, silent ones make room.
    pub connections_max: usize,
    /// How long a connection may say nothing between two messages.
    pub idle_timeout: Duration,
    /// From a frame's first byte to its last, and for an answer to be taken.
    pub frame_timeout: Duration,
    /// What the door shows to senders, if it speaks TLS.
    pub certificate: Option<Certificate>,
    /// Whether patient data may cross the network in clear text.
    clear_text: bool,
    /// Where `listen` stands in the file.
    offset: usize,
}

/// The table in a channel; without one the channel has no such door.
pub(super) fn mllp(channel: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> Option<MllpConfig> {
    let is_given = channel.gives("mllp");
    let mut section = channel.section("mllp", to);
    if !is_given {
        return None;
    }
    if !section.gives("listen") {
        let message = "[channel.mllp] needs `listen`".to_owned();
        to.error("A005", section.offset_of("listen"), message);
    }
    let address = "an address and a port, such as \"127.0.0.1:2575\"";
    let config = MllpConfig {
        listen: section.parsed("listen", SocketAddr::from(([127, 0, 0, 1], 2575)), address, to),
        connections_max: section.size("connections_max", 64, 1..=65_536, to),
        idle_timeout: section.duration("idle_timeout_ms", 3_600_000, 100..=604_800_000, to),
        frame_timeout: section.duration("frame_timeout_ms", 30_000, 100..=600_000, to),
        certificate: certificate(&mut section, true, "[channel.mllp]", to),
        clear_text: section.switch("clear_text_off_loopback", false, to),
        offset: section.offset_of("listen"),
    };
    section.finish(to);
    Some(config)
}

/// What the doors may not do to each other, and to patients.
pub(super) fn prove(channels: &[ChannelConfig], listen: &Listen, to: &mut Complaints<'_>) {
    let mut taken = vec![listen.his, listen.operators];
    for channel in channels {
        let Some(door) = &channel.mllp else { continue };
        if channel.stream.is_some() {
            let message =
                "a channel with `stream` takes no HL7: leave [channel.mllp] out".to_owned();
            to.error("A004", door.offset, message);
        }
        if door.listen.port() != 0 && taken.contains(&door.listen) {
            let message = format!("`listen` {} is the address of another door", door.listen);
            to.error("A008", door.offset, message);
        }
        if !door.listen.ip().is_loopback() && door.certificate.is_none() && !door.clear_text {
            let message = "`listen` is not a loopback address and there is no `cert_file`: patient data would \
                           cross the network in clear text; set clear_text_off_loopback = true to accept that"
                .to_owned();
            to.error("A007", door.offset, message);
        }
        taken.push(door.listen);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::proving::told_of;

    #[test]
    fn a_door_of_its_own() {
        check("listen = \"127.0.0.1:2575\"", "");
        check("", "error[A005]: [channel.mllp] needs `listen`");
        check(
            "listen = \"127.0.0.1:8700\"",
            "error[A008]: `listen` 127.0.0.1:8700 is the address of another door",
        );
        check(
            "listen = \"127.0.0.1:2575\"\ncert_file = \"a.pem\"",
            "error[A005]: `cert_file` and `key_file` go together",
        );
        check("listen = \"0.0.0.0:2575\"\nclear_text_off_loopback = true", "");
        check("listen = \"0.0.0.0:2575\"", "error[A007]: `listen` is not a loopback address");
        check(
            "listen = \"127.0.0.1:2575\"\ncert_file = \"/no/a.pem\"\nkey_file = \"/no/a.key\"",
            "error[A009]: the certificate of [channel.mllp]: /no/a.pem",
        );
        check(
            "lisen = 1",
            "error[A003]: there is no key `lisen` in [mllp]; did you mean `listen`?",
        );
    }

    #[track_caller]
    fn check(lines: &str, expected: &str) {
        told_of(&format!("[[channel]]\nname = \"a\"\n[channel.mllp]\n{lines}"), expected);
    }
}
