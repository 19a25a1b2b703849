//! Syslog, RFC 5424: one line for each alert, over UDP, over TCP with counted frames (RFC 6587), or into the
//! machine's own socket.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Instant;

use super::mail;
use super::notice::Sender;
use super::target::Notice;
use super::{Alert, Severity};
use crate::clock;
use crate::config::SyslogConfig;
use crate::relay::exchange::{dial, left};

/// Where a syslog server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogAddress {
    /// A datagram a line.
    Udp(String, u16),
    /// Frames that say how long they are.
    Tcp(String, u16),
    /// A socket of this machine, such as `/dev/log`.
    Unix(PathBuf),
}

impl FromStr for SyslogAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<SyslogAddress, &'static str> {
        const FORM: &str = "udp://HOST:PORT, tcp://HOST:PORT or unix:PATH";
        if let Some(path) = text.strip_prefix("unix:").filter(|it| it.starts_with('/')) {
            return Ok(SyslogAddress::Unix(PathBuf::from(path)));
        }
        let (kind, place) = text.split_once("://").ok_or(FORM)?;
        let (host, port) = place.rsplit_once(':').ok_or(FORM)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = port.parse().ok().filter(|it| *it > 0).ok_or(FORM)?;
        match kind {
            "udp" if !host.is_empty() => Ok(SyslogAddress::Udp(host, port)),
            "tcp" if !host.is_empty() => Ok(SyslogAddress::Tcp(host, port)),
            _ => Err(FORM),
        }
    }
}

/// Sends a line for each alert. Whether a datagram arrives nobody knows.
pub(super) fn send(
    config: &SyslogConfig,
    sender: &Sender,
    notice: &Notice,
    until: Instant,
) -> Result<Option<String>, String> {
    let lines = lines(config.facility, sender, notice);
    let sent = match &config.address {
        SyslogAddress::Udp(host, port) => by_udp(host, *port, &lines),
        SyslogAddress::Tcp(host, port) => by_tcp(host, *port, &lines, until),
        SyslogAddress::Unix(path) => UnixDatagram::unbound().and_then(|socket| {
            socket.set_write_timeout(Some(left(until)?))?;
            lines.iter().try_for_each(|it| socket.send_to(it.as_bytes(), path).map(drop))
        }),
    };
    sent.map(|()| None).map_err(|error| mail::told(&error))
}

fn by_udp(host: &str, port: u16, lines: &[String]) -> io::Result<()> {
    let address = resolved(host, port)?;
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    // Connected, so that the next line hears that nobody listened to the one before.
    socket.connect(address)?;
    lines.iter().try_for_each(|it| socket.send(it.as_bytes()).map(drop))
}

fn by_tcp(host: &str, port: u16, lines: &[String], until: Instant) -> io::Result<()> {
    let mut stream = dial(host, port, until)?;
    for line in lines {
        stream.set_write_timeout(Some(left(until)?))?;
        stream.write_all(format!("{} {line}", line.len()).as_bytes())?;
    }
    stream.flush()
}

fn resolved(host: &str, port: u16) -> io::Result<SocketAddr> {
    (host, port).to_socket_addrs()?.next().ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn lines(facility: u8, sender: &Sender, notice: &Notice) -> Vec<String> {
    let said = [("began", &notice.began), ("over", &notice.over), ("standing", &notice.still)];
    let mut lines: Vec<String> = said
        .iter()
        .flat_map(|(state, alerts)| alerts.iter().map(move |it| line(facility, sender, state, it)))
        .collect();
    if notice.is_test {
        let test = Alert { text: "测试，没有告警".to_owned(), ..Alert::default() };
        lines.push(line(facility, sender, "test", &test));
    }
    lines
}

fn line(facility: u8, sender: &Sender, state: &str, alert: &Alert) -> String {
    let severity = match (state, alert.severity) {
        ("over" | "test", _) => NOTICE,
        (_, Severity::Critical) => CRITICAL,
        (_, Severity::Warning) => WARNING,
    };
    let at = clock::now().strftime("%Y-%m-%dT%H:%M:%S+08:00");
    let pid = std::process::id();
    let mut line = format!(
        "<{}>1 {at} {} his-agent {pid} alert [alert@32473",
        facility * 8 + severity,
        sender.host
    );
    let worst = alert.severity.as_str();
    for (name, value) in [
        ("org", sender.code.as_str()),
        ("code", alert.code.as_str()),
        ("state", state),
        ("severity", worst),
    ] {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace(']', "\\]");
        let _ = write!(line, " {name}=\"{value}\"");
    }
    // The mark says that the text is UTF-8. A line break would begin another line at many servers.
    let text = alert.text.replace(['\r', '\n'], " ");
    let _ = write!(line, "] \u{feff}{} {text}", alert.code);
    line
}

/// The facilities that make sense here, by their names.
pub(crate) const FACILITIES: [(&str, u8); 11] = [
    ("user", 1),
    ("daemon", 3),
    ("auth", 4),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

const CRITICAL: u8 = 2;
const WARNING: u8 = 4;
const NOTICE: u8 = 5;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::notice::tests::{alert, sender};
    use super::*;

    #[test]
    fn addresses() {
        check("udp://10.0.0.9:514", "Udp(\"10.0.0.9\", 514)");
        check("tcp://[::1]:601", "Tcp(\"::1\", 601)");
        check("unix:/dev/log", "Unix(\"/dev/log\")");
        for wrong in
            ["10.0.0.9:514", "udp://10.0.0.9", "udp://:514", "tcp://a:0", "unix:log", "http://a:1"]
        {
            check(wrong, "refused");
        }
    }

    #[test]
    fn a_line_is_one_line_of_rfc_5424() {
        let mut odd = alert("F101", Severity::Critical);
        odd.text = "连不上\n\"]\\".to_owned();
        odd.code = "F1\"]".to_owned();
        let line = line(16, &sender(), "began", &odd);
        assert!(line.starts_with("<130>1 20"), "{line}");
        assert!(
            line.ends_with("+08:00 gate his-agent PID alert [alert@32473 org=\"H1\" code=\"F1\\\"\\]\" state=\"began\" severity=\"critical\"] \u{feff}F1\"] 连不上 \"]\\".replace("PID", &std::process::id().to_string()).as_str()),
            "{line}"
        );
        assert!(super::line(16, &sender(), "over", &odd).starts_with("<133>1 "));
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let told =
            text.parse::<SyslogAddress>().map_or("refused".to_owned(), |it| format!("{it:?}"));
        assert_eq!(told, expected, "{text}");
    }
}
