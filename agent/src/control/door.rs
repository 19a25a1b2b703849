//! The socket file: taken at start, guarded while it serves, gone at the end.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as Probe;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::map_request;
use axum::response::Response;
use http::StatusCode;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::people;
use super::rights::Person;
use crate::callers::Seat;
use crate::config::AdminConfig;
use crate::intake::http::{Bounds, connection};

/// A bound socket that does not serve yet.
#[derive(Debug)]
pub(crate) struct ControlDoor {
    listener: UnixListener,
    path: PathBuf,
    /// The daemon's user, as the system wrote it on the new file.
    owner: u32,
    /// Who else has which role.
    admin: AdminConfig,
}

impl ControlDoor {
    /// Takes the address. A file that a killed daemon left is replaced; one that somebody answers
    /// at, or that is no socket, is not ours to remove.
    pub(crate) fn bind(path: &Path, admin: &AdminConfig) -> io::Result<ControlDoor> {
        clear(path)?;
        let listener = UnixListener::bind(path)?;
        // Who has no role is turned away by what the system says of it, whatever the file lets in.
        let mode = if admin.people.is_empty() { 0o600 } else { 0o666 };
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        let owner = fs::metadata(path)?.uid();
        Ok(ControlDoor { listener, path: path.to_owned(), owner, admin: admin.clone() })
    }

    /// Serves until told to stop, then until every request that was taken is answered.
    pub(crate) async fn serve(self, router: Router, stop: CancellationToken) {
        let router = router.layer(map_request(read_whole));
        let tasks = TaskTracker::new();
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        while let Some((stream, person)) = self.next(&stop).await {
            let Ok(room) = Arc::clone(&connections).try_acquire_owned() else {
                continue; // closing it says so; commands come one at a time
            };
            let connection = connection(
                (stream, Arc::new(Seat::of(person))),
                router.clone(),
                BOUNDS,
                stop.clone(),
            );
            tasks.spawn(async move {
                connection.await;
                drop(room);
            });
        }
        // First the file: whoever comes now should learn at once that nobody is here.
        drop(fs::remove_file(&self.path));
        drop(self.listener);
        tasks.close();
        tasks.wait().await;
    }

    /// The next caller who may give orders.
    async fn next(&self, stop: &CancellationToken) -> Option<(UnixStream, Person)> {
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => return None,
            };
            match accepted {
                Ok((stream, _)) => {
                    if let Some(person) = self.person(&stream) {
                        return Some((stream, person));
                    }
                    tracing::warn!("a user without a role was turned away");
                }
                Err(error) => {
                    tracing::warn!(%error, "control connection not accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Whoever is there, if it has a role.
    fn person(&self, stream: &UnixStream) -> Option<Person> {
        let person = people::person(stream.peer_cred().ok()?, self.owner, &self.admin);
        (!person.roles.is_empty()).then_some(person)
    }
}

/// Reads what was sent before anybody answers: a socket that is closed over unread bytes resets the
/// connection, and the caller hears nothing.
async fn read_whole(request: Request) -> Result<Request, Response> {
    let (head, body) = request.into_parts();
    match to_bytes(body, BODY_BYTES_MAX).await {
        Ok(body) => Ok(Request::from_parts(head, Body::from(body))),
        Err(error) => {
            Err(super::failed(StatusCode::PAYLOAD_TOO_LARGE, "I101", &[error.to_string()]))
        }
    }
}

fn clear(path: &Path) -> io::Result<()> {
    let kind = match fs::symlink_metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !kind.is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "it is there and is no socket"));
    }
    if Probe::connect(path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process answers there"));
    }
    fs::remove_file(path)
}

/// More than any command has to say: a table of 250,000 knowledge points, in base64.
pub(crate) const BODY_BYTES_MAX: usize = 64 << 20;
/// Commands at one time.
const CONNECTIONS_MAX: usize = 16;
/// A command sends its head at once, and takes its answer.
const BOUNDS: Bounds = Bounds {
    head: Duration::from_secs(5),
    head_bytes: 64 << 10,
    idle: Duration::from_secs(5),
    answer: Duration::from_secs(60),
};
