//! The names in the configuration: whether and how fast the name servers of this machine know them.

use std::collections::BTreeSet;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use super::peers::peers;
use super::{Check, Line, Site, side_by_side};

pub(super) const CHECK: Check =
    Check { key: "names", zh: "域名解析", bound: Duration::from_secs(12), look };

fn look(site: &Site) -> Vec<Line> {
    let access = site.broker().map(|it| &it.access);
    let places =
        access.into_iter().flat_map(|it| (0..it.urls.len()).filter_map(|turn| it.place(turn)));
    let hosts = places.map(|it| it.host).chain(peers(&site.config).into_iter().map(|it| it.host));
    let names: BTreeSet<String> = hosts.filter(|it| is_name(it)).collect();
    if names.is_empty() {
        return vec![Line::ok("配置里都是 IP 地址，用不到域名")];
    }
    let names: Vec<String> = names.into_iter().collect();
    side_by_side(&names, SILENT, resolve, |name| {
        Line::fail("H071", format!("{name}：{} 秒没有答复", SILENT.as_secs()))
    })
}

fn is_name(host: &str) -> bool {
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_err()
}

fn resolve(name: &String) -> Line {
    let begun = Instant::now();
    let found = (name.as_str(), 0).to_socket_addrs().map(|it| it.map(|it| it.ip()).next());
    let took = begun.elapsed();
    match found {
        Ok(Some(address)) if took > SLOW => {
            Line::warn("H072", format!("{name} 是 {address}，用了 {} 毫秒", took.as_millis()))
        }
        Ok(Some(address)) => Line::ok(format!("{name} 是 {address}")),
        Ok(None) => Line::fail("H071", format!("{name} 没有地址")),
        Err(error) => Line::fail("H071", format!("{name} 解析不出：{error}")),
    }
}

/// Three time-outs of the system's own resolver, which asks its servers in turn.
const SILENT: Duration = Duration::from_secs(10);
/// Each connection to the platform waits for it.
const SLOW: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn names_are_known_or_not() {
        check("localhost", State::Ok, "localhost 是 ");
        check("no-such-host.invalid", State::Fail, "no-such-host.invalid");
        assert!(is_name("mq.platform.example"));
        assert!(!is_name("10.0.0.8") && !is_name("::1") && !is_name("[::1]"));
    }

    #[track_caller]
    fn check(name: &str, state: State, text: &str) {
        let line = resolve(&name.to_owned());
        assert_eq!(line.state, state, "{line:?}");
        assert!(line.found.contains(text), "{line:?}");
    }
}
