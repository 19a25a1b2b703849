//! The service manager's end of the line: lines in datagrams to the socket it has named, as
//! sd_notify(3) says. Where it has named none, nothing is sent.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// Whoever has started the daemon; clones speak to the same.
#[derive(Clone, Debug)]
pub(super) struct Manager {
    socket: Option<SocketAddr>,
    watchdog: Option<Duration>,
}

impl Manager {
    pub(super) fn from_environment() -> Manager {
        Manager::named_by(|name| std::env::var_os(name), std::process::id())
    }

    /// `NOTIFY_SOCKET`, and how often it wants to hear of us; both may be meant for another process.
    fn named_by(variable: impl Fn(&str) -> Option<OsString>, pid: u32) -> Manager {
        let number = |name| variable(name)?.to_str()?.parse::<u64>().ok();
        let socket = variable("NOTIFY_SOCKET").and_then(|it| match address(&it) {
            Ok(address) => Some(address),
            Err(error) => {
                tracing::warn!(%error, "NOTIFY_SOCKET names no socket; the service manager hears nothing");
                None
            }
        });
        let for_us = number("WATCHDOG_PID").is_none_or(|it| it == u64::from(pid));
        let watchdog = number("WATCHDOG_USEC").filter(|it| for_us && *it > 0);
        Manager {
            watchdog: watchdog.filter(|_| socket.is_some()).map(Duration::from_micros),
            socket,
        }
    }

    /// Within how long it wants to hear of us each time, if it does.
    pub(super) fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Tells it, and never waits for it.
    pub(super) fn tell(&self, lines: &[&str]) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = send(socket, &lines.join("\n")) {
            tracing::warn!(%error, "the service manager did not take what it was told");
        }
    }
}

/// What it shows as the state of the service: one line.
pub(super) fn status(text: &str) -> String {
    format!("STATUS={}", text.replace(char::is_control, " "))
}

/// That what is under way may take so long from now on.
pub(super) fn more_time(time: Duration) -> String {
    format!("EXTEND_TIMEOUT_USEC={}", time.as_micros())
}

fn send(socket: &SocketAddr, text: &str) -> io::Result<()> {
    let from = UnixDatagram::unbound()?;
    from.set_nonblocking(true)?;
    from.send_to_addr(text.as_bytes(), socket)?;
    Ok(())
}

/// A path, or a name without one: what begins with `@`.
fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(name),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn it_is_heard_at_a_path_and_at_a_name_without_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        check(&SocketAddr::from_pathname(&path).unwrap(), path.to_str().unwrap());
        let name = format!("his-agent-test-{}", std::process::id());
        check(&SocketAddr::from_abstract_name(&name).unwrap(), &format!("@{name}"));
    }

    #[track_caller]
    fn check(bound: &SocketAddr, named: &str) {
        let socket = UnixDatagram::bind_addr(bound).unwrap();
        let manager = manager(&[("NOTIFY_SOCKET", named)]);
        manager.tell(&["READY=1", &status("serving\n 1"), &more_time(Duration::from_secs(2))]);
        let mut heard = [0; 100];
        let length = socket.recv(&mut heard).unwrap();
        let heard = str::from_utf8(heard.get(..length).unwrap()).unwrap();
        assert_eq!(heard, "READY=1\nSTATUS=serving  1\nEXTEND_TIMEOUT_USEC=2000000");
    }

    #[test]
    fn the_watchdog_is_for_the_process_that_it_names() {
        let watched = |more: &[(&'static str, &'static str)]| {
            manager(&[&[("NOTIFY_SOCKET", "@x"), ("WATCHDOG_USEC", "3000000")], more].concat())
        };
        let seconds = |it: Manager| it.watchdog().map(|it| it.as_secs());
        assert_eq!(seconds(watched(&[])), Some(3));
        assert_eq!(seconds(watched(&[("WATCHDOG_PID", "7")])), Some(3));
        assert_eq!(seconds(watched(&[("WATCHDOG_PID", "8")])), None);
        assert_eq!(seconds(manager(&[("WATCHDOG_USEC", "3000000")])), None);
        assert_eq!(seconds(manager(&[("NOTIFY_SOCKET", "@x"), ("WATCHDOG_USEC", "0")])), None);
        // Nobody is there: that is no reason to stop.
        manager(&[("NOTIFY_SOCKET", "/nowhere/notify")]).tell(&["READY=1"]);
    }

    fn manager(variables: &[(&str, &str)]) -> Manager {
        let find = |name: &str| Some(variables.iter().find(|it| it.0 == name)?.1.into());
        Manager::named_by(find, 7)
    }
}
