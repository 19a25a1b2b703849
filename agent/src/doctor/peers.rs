//! Other systems that the agent calls, and addresses that it tells others to call: whether anybody
//! answers there. Only a connection is made; nothing is sent.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use super::{Check, Line, Site, side_by_side};
use crate::alerts::SyslogAddress;
use crate::config::{AlertTarget, AlertWay, Config};
use crate::relay::Target;

pub(super) const CHECK: Check =
    Check { key: "peers", zh: "其他系统", bound: Duration::from_secs(12), look };

/// A system and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    what: String,
    pub(super) host: String,
    port: u16,
    /// Whether it leads to ourselves, and so only while the daemon runs.
    is_ours: bool,
}

/// Everything the configuration names, but for the broker.
pub(super) fn peers(config: &Config) -> Vec<Peer> {
    let peer = |what: String, at: &Target| Peer::at(what, &at.host, at.port);
    let relay = &config.relay;
    let urls = [
        ("url", &relay.url),
        ("course_url", &relay.course_url),
        ("feedback_url", &relay.feedback_url),
    ];
    let relays = urls.into_iter().filter_map(|(key, it)| {
        it.as_ref().map(|it| peer(format!("医保端审查 [relay] {key}"), it))
    });
    let subscriptions = config
        .subscriptions
        .iter()
        .filter_map(|it| it.url.as_ref().map(|at| peer(format!("订阅 {}", it.name), at)));
    let totals = config.channels.iter().filter_map(|it| {
        let at = it.totals.as_ref()?.url.as_ref()?;
        Some(peer(format!("通道 {} 的日合计", it.name), at))
    });
    let described = config.channels.iter().filter_map(|it| {
        let at: Target = it.soap.as_ref()?.address.as_ref()?.parse().ok()?;
        let what = format!("通道 {} 的 WSDL 里写的地址", it.name);
        Some(Peer { is_ours: true, ..peer(what, &at) })
    });
    let alerts = config.alerts.targets.iter().filter_map(notified);
    relays.chain(subscriptions).chain(totals).chain(alerts).chain(described).collect()
}

impl Peer {
    fn at(what: String, host: &str, port: u16) -> Peer {
        Peer { what, host: host.to_owned(), port, is_ours: false }
    }
}

/// Who is told of alerts. Of datagrams nobody knows whether they arrive.
fn notified(target: &AlertTarget) -> Option<Peer> {
    let (host, port) = match &target.way {
        AlertWay::Mail(mail) => (&mail.server.0, mail.server.1),
        AlertWay::Webhook(hook) => (&hook.url.host, hook.url.port),
        AlertWay::Syslog(syslog) => match &syslog.address {
            SyslogAddress::Tcp(host, port) => (host, *port),
            SyslogAddress::Udp(..) | SyslogAddress::Unix(_) => return None,
        },
    };
    let what = format!("告警 {}（{}）", target.name, target.way.kind());
    Some(Peer::at(what, host, port))
}

fn look(site: &Site) -> Vec<Line> {
    let mut peers = peers(&site.config);
    peers.retain(|it| !it.is_ours || site.says().is_some());
    if peers.is_empty() {
        return vec![Line::ok("没有要连的其他系统")];
    }
    side_by_side(&peers, SILENT, reach, |it| {
        Line::fail("H081", format!("{} {}:{}：没有答复", it.what, it.host, it.port))
    })
}

fn reach(peer: &Peer) -> Line {
    let Peer { what, host, port, .. } = peer;
    match connect(host, *port, CONNECT_MAX) {
        Ok(_) => Line::ok(format!("{what} {host}:{port} 连得上")),
        Err(why) => Line::fail("H081", format!("{what} {host}:{port} 连不上：{why}")),
    }
}

/// A connection to the first of a host's addresses that answers.
pub(super) fn connect(host: &str, port: u16, bound: Duration) -> Result<TcpStream, String> {
    let host = host.trim_matches(['[', ']']);
    let addresses = (host, port).to_socket_addrs().map_err(|error| error.to_string())?;
    let mut why = "没有地址".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, bound) {
            Ok(stream) => return Ok(stream),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

const CONNECT_MAX: Duration = Duration::from_secs(3);
const SILENT: Duration = Duration::from_secs(10);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::net::TcpListener;

    use super::super::State;
    use super::*;

    #[test]
    fn everything_that_is_called_is_found_and_tried() {
        let there = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let door = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = door.local_addr().unwrap().port();
        let text = format!(
            "[hospital]\ncode = \"H1\"\nname = \"n\"\n[relay]\nurl = \"http://127.0.0.1:{here}/{{infno}}\"\n\
             [[subscription]]\nname = \"emr\"\nurl = \"http://127.0.0.1:{there}/\"\nentities = [\"settlement\"]\n\
             [[channel]]\nname = \"a\"\n[channel.soap]\nnamespace = \"u\"\naddress = \"http://127.0.0.1:{here}/x\"\n\
             [[channel.soap.operation]]\nname = \"F\"\n"
        );
        let text = text
            + &format!(
                "[[alert]]\nname = \"log\"\nkind = \"syslog\"\naddress = \"tcp://127.0.0.1:{here}\"\n\
             [[alert]]\nname = \"lost\"\nkind = \"syslog\"\naddress = \"udp://127.0.0.1:{here}\"\n\
             [[alert]]\nname = \"robot\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{there}/\"\n"
            );
        let peers = peers(&Config::parse("agent.toml", &text).unwrap());
        let told: Vec<(State, String)> =
            peers.iter().map(reach).map(|it| (it.state, it.found)).collect();
        let [relay, emr, log, robot, soap] = told.as_slice() else { panic!("{told:?}") };
        assert_eq!(relay, &(State::Ok, format!("医保端审查 [relay] url 127.0.0.1:{here} 连得上")));
        assert_eq!(emr.0, State::Fail, "{emr:?}");
        assert!(emr.1.starts_with("订阅 emr"), "{emr:?}");
        assert_eq!(log, &(State::Ok, format!("告警 log（syslog） 127.0.0.1:{here} 连得上")));
        assert_eq!(robot.0, State::Fail, "{robot:?}");
        assert_eq!(soap.0, State::Ok, "{soap:?}");
        assert!(peers.last().unwrap().is_ours);
    }
}
