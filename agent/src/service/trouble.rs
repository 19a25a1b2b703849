//! Why the daemon ended, or did not start: the code under which the manual tells what to do, and the exit
//! code by which a service manager, and a script, knows whether to try again.

use std::io;
use std::net::SocketAddr;

use crate::backup::BackupError;
use crate::cli::Exit;
use crate::config::ChannelConfig;
use crate::outbox::StoreError;

/// An address could not be taken; what the system said goes with it.
#[derive(Debug, thiserror::Error)]
#[error("{key} = {address}: cannot listen there")]
pub(crate) struct CannotListen {
    /// Where in the configuration it stands.
    pub(crate) key: String,
    pub(crate) address: SocketAddr,
}

impl CannotListen {
    /// At the address of a channel that has one of its own.
    pub(crate) fn of_channel(channel: &ChannelConfig) -> CannotListen {
        let address = channel.mllp.as_ref().map(|it| it.listen);
        CannotListen {
            key: format!("channel {}: [channel.mllp] listen", channel.name),
            address: address.unwrap_or(SocketAddr::from(([0; 4], 0))),
        }
    }
}

/// Who has to act, and on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// As listed in the manual; none where nobody can say.
    pub(crate) code: Option<&'static str>,
    pub(crate) exit: Exit,
}

impl Trouble {
    pub(crate) fn of(error: &anyhow::Error) -> Trouble {
        let causes = || error.chain();
        if let Some(error) = causes().find_map(|it| it.downcast_ref::<StoreError>()) {
            return of_store(error);
        }
        if let Some(error) = causes().find_map(|it| it.downcast_ref::<BackupError>()) {
            return Trouble { code: Some(error.code()), exit: Exit::Unavailable };
        }
        let listens = error.downcast_ref::<CannotListen>().is_some();
        let kind = causes().find_map(|it| it.downcast_ref::<io::Error>()).map(io::Error::kind);
        kind.map_or(UNNAMED, |it| of_system(it, listens))
    }
}

/// The engine hands on what the system said as a sentence.
fn of_store(error: &StoreError) -> Trouble {
    let exit = match error {
        StoreError::Failed { cause, .. }
        | StoreError::Damaged { cause }
        | StoreError::Full { cause } => match SAID.iter().find(|it| cause.contains(it.0)) {
            Some((_, kind)) => return of_system(*kind, false),
            None => Exit::Disk,
        },
        // Nothing gets better by starting again until somebody brings the right key, or program.
        StoreError::OtherKey { .. } | StoreError::NoKey { .. } | StoreError::TooNew { .. } => {
            Exit::Config
        }
        StoreError::Busy | StoreError::Stopped | StoreError::Locked { .. } => Exit::Unavailable,
    };
    Trouble { code: Some(error.code()), exit }
}

impl Trouble {
    /// Of what a file or folder could not be written for.
    pub(crate) fn of_file(error: &io::Error) -> Trouble {
        of_system(error.kind(), false)
    }
}

fn of_system(kind: io::ErrorKind, listens: bool) -> Trouble {
    let (code, exit) = match kind {
        io::ErrorKind::AddrInUse => ("A051", Exit::Unavailable),
        io::ErrorKind::AddrNotAvailable => ("A052", Exit::Unavailable),
        io::ErrorKind::PermissionDenied if listens => ("A053", Exit::Permission),
        io::ErrorKind::PermissionDenied => ("A054", Exit::Permission),
        io::ErrorKind::ReadOnlyFilesystem => ("A055", Exit::Disk),
        io::ErrorKind::StorageFull => ("O107", Exit::Disk),
        _ => return UNNAMED,
    };
    Trouble { code: Some(code), exit }
}

const UNNAMED: Trouble = Trouble { code: None, exit: Exit::Unavailable };
const SAID: [(&str, io::ErrorKind); 3] = [
    ("Permission denied", io::ErrorKind::PermissionDenied),
    ("Read-only file system", io::ErrorKind::ReadOnlyFilesystem),
    ("No space left on device", io::ErrorKind::StorageFull),
];

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn what_the_system_says_has_a_code_and_an_end() {
        check(listening(io::ErrorKind::AddrInUse), "A051", Exit::Unavailable);
        check(listening(io::ErrorKind::AddrNotAvailable), "A052", Exit::Unavailable);
        check(listening(io::ErrorKind::PermissionDenied), "A053", Exit::Permission);
        let folder = io::Error::from(io::ErrorKind::PermissionDenied);
        check(anyhow::Error::new(folder).context("the log of checks"), "A054", Exit::Permission);
        check(listening(io::ErrorKind::TimedOut), "", Exit::Unavailable);
    }

    #[test]
    fn what_the_store_says_has_too() {
        let failed =
            |cause: &str| StoreError::Failed { operation: "write", cause: cause.to_owned() };
        check(store(failed("Permission denied (os error 13)")), "A054", Exit::Permission);
        check(store(failed("IO error: /x: Read-only file system")), "A055", Exit::Disk);
        check(store(failed("Input/output error")), "O103", Exit::Disk);
        let full = StoreError::Full { cause: "No space left on device".to_owned() };
        check(store(full), "O107", Exit::Disk);
        check(store(StoreError::NoKey { cause: String::new() }), "O122", Exit::Config);
        check(store(StoreError::TooNew { found: 2, known: 1 }), "O105", Exit::Config);
        let locked = StoreError::Locked { cause: String::new() };
        check(store(locked), "O106", Exit::Unavailable);
    }

    fn listening(kind: io::ErrorKind) -> anyhow::Error {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let taken = Err::<(), _>(io::Error::from(kind));
        taken.context(CannotListen { key: "[listen] his".to_owned(), address }).unwrap_err()
    }

    fn store(error: StoreError) -> anyhow::Error {
        anyhow::Error::new(error).context("outbox /var/lib/his-agent/outbox")
    }

    #[track_caller]
    #[allow(clippy::needless_pass_by_value)] // an error is written down where it is checked
    fn check(error: anyhow::Error, code: &str, exit: Exit) {
        let trouble = Trouble::of(&error);
        assert_eq!((trouble.code.unwrap_or_default(), trouble.exit), (code, exit), "{error:#}");
    }
}
