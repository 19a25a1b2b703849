//! The addresses of our own doors: open, if the daemon runs; free and ours to take, if it does not.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use super::{Check, Daemon, Line, Site};

pub(super) const CHECK: Check =
    Check { key: "ports", zh: "端口", bound: Duration::from_secs(8), look };

fn look(site: &Site) -> Vec<Line> {
    // One that answers badly runs too, and holds its ports by right.
    let runs = !matches!(site.daemon, Daemon::IsDown);
    // Held until all are looked at, so that two doors at one address are seen.
    let mut held = Vec::new();
    let look = |(whose, at, _): (String, SocketAddr, bool)| {
        if runs { open(&whose, at) } else { free(&whose, at, &mut held) }
    };
    site.config.doors().map(look).collect()
}

fn open(whose: &str, at: SocketAddr) -> Line {
    match TcpStream::connect_timeout(&reachable(at), CONNECT_MAX) {
        Ok(_) => Line::ok(format!("{whose} {at} 开着")),
        Err(error) => Line::fail("H064", format!("{whose} {at} 连不上：{error}")),
    }
}

/// An address that stands for all of this machine's cannot be called.
fn reachable(at: SocketAddr) -> SocketAddr {
    match at {
        SocketAddr::V4(it) if it.ip().is_unspecified() => ([127, 0, 0, 1], it.port()).into(),
        SocketAddr::V6(it) if it.ip().is_unspecified() => {
            (std::net::Ipv6Addr::LOCALHOST, it.port()).into()
        }
        it => it,
    }
}

fn free(whose: &str, at: SocketAddr, held: &mut Vec<TcpListener>) -> Line {
    let error = match TcpListener::bind(at) {
        Ok(listener) => {
            held.push(listener);
            return Line::ok(format!("{whose} {at} 空着"));
        }
        Err(error) => error,
    };
    let is_at_port = |it: &TcpListener| it.local_addr().is_ok_and(|it| it.port() == at.port());
    match error.kind() {
        io::ErrorKind::AddrInUse if held.iter().any(is_at_port) => {
            Line::fail("H061", format!("{whose} {at} 在配置里已经给了另一个监听"))
                .cure("在配置里给每个监听各写一个端口")
        }
        io::ErrorKind::AddrInUse => {
            let by = holder(at.port()).unwrap_or_else(|| "另一个程序".to_owned());
            Line::fail("H061", format!("{whose} {at} 被{by}占用"))
        }
        io::ErrorKind::AddrNotAvailable => {
            Line::fail("H062", format!("{whose} {at}：本机没有这个地址"))
        }
        io::ErrorKind::PermissionDenied => {
            Line::fail("H063", format!("{whose} {at}：1024 以下的端口，这个用户不能监听"))
        }
        _ => Line::fail("H061", format!("{whose} {at} 监听不了：{error}")),
    }
}

/// The process that listens at a port, if the kernel shows it to us.
fn holder(port: u16) -> Option<String> {
    let listening = ["/proc/net/tcp", "/proc/net/tcp6"].map(fs::read_to_string);
    let inode = listening.iter().flatten().find_map(|it| inode_of(it, port).map(str::to_owned))?;
    let wanted = format!("socket:[{inode}]");
    for process in fs::read_dir("/proc").ok()?.filter_map(Result::ok) {
        // `self` and `thread-self` are processes under another name.
        let Some(id) =
            process.file_name().into_string().ok().filter(|it| it.parse::<u32>().is_ok())
        else {
            continue;
        };
        let held = fs::read_dir(process.path().join("fd")).into_iter().flatten();
        let mut held = held.filter_map(|it| fs::read_link(it.ok()?.path()).ok());
        if held.any(|it| it.as_os_str() == wanted.as_str()) {
            let name = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!(" {}（进程 {id}）", name.trim()));
        }
    }
    None
}

/// The inode of the socket that listens at a port, in a table of the kernel.
fn inode_of(table: &str, port: u16) -> Option<&str> {
    let ending = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let listens = words.get(1)?.ends_with(&ending) && *words.get(3)? == LISTENS;
        listens.then(|| words.get(9).copied()).flatten()
    })
}

const CONNECT_MAX: Duration = Duration::from_secs(2);
/// The kernel's number for a socket that listens.
const LISTENS: &str = "0A";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_port_that_somebody_has_is_told_with_who_has_it() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = taken.local_addr().unwrap();
        let ours = format!("（进程 {}）占用", std::process::id());
        let mut held = Vec::new();
        check(&free("HIS", at, &mut held), State::Fail, &ours);
        check(&open("HIS", at), State::Ok, "开着");
        check(&open("HIS", SocketAddr::from(([0, 0, 0, 0], at.port()))), State::Ok, "开着");
        drop(taken);
        check(&free("HIS", at, &mut held), State::Ok, "空着");
        check(&free("运维", at, &mut held), State::Fail, "给了另一个监听");
        held.clear();
        check(&open("HIS", at), State::Fail, "连不上");
        check(
            &free("HIS", "192.0.2.1:8700".parse().unwrap(), &mut held),
            State::Fail,
            "没有这个地址",
        );
    }

    #[track_caller]
    fn check(line: &Line, state: State, text: &str) {
        assert_eq!(line.state, state, "{line:?}");
        assert!(line.found.contains(text), "{line:?}");
        assert_eq!(line.cure.is_some(), state != State::Ok, "{line:?}");
    }
}
