//! A service manager, as far as a daemon sees of it: the socket to which it tells how it stands.

use std::os::unix::net::UnixDatagram;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What was heard, in its order.
#[derive(Debug)]
pub struct Manager {
    folder: TempDir,
    socket: UnixDatagram,
    heard: Mutex<Vec<String>>,
}

impl Manager {
    /// Listens from now on.
    pub fn new() -> Manager {
        let folder = TempDir::with_prefix("manager-").expect("the temp folder takes a folder");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        socket.set_read_timeout(Some(STEP)).expect("a bound of more than nothing");
        Manager { folder, socket, heard: Mutex::default() }
    }

    /// What it says to the daemon; with a watchdog, within how long it wants a ping.
    pub fn variables(&self, watchdog: Option<Duration>) -> Vec<(&'static str, String)> {
        let socket = self.folder.path().join("notify").display().to_string();
        let watchdog = watchdog.map(|it| ("WATCHDOG_USEC", it.as_micros().to_string()));
        [("NOTIFY_SOCKET", socket)].into_iter().chain(watchdog).collect()
    }

    /// Waits for a line that begins so, and forgets all up to it.
    #[track_caller]
    pub fn await_line(&self, begin: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            {
                let mut heard = self.heard.lock().expect("no test panics while it holds it");
                if let Some(at) = heard.iter().position(|it| it.starts_with(begin)) {
                    heard.drain(..=at);
                    return;
                }
            }
            assert!(Instant::now() < until, "nothing was heard of {begin}: {:?}", self.heard);
            self.listen();
        }
    }

    /// Whether a line that begins so has come since the last that was awaited.
    pub fn has_heard(&self, begin: &str) -> bool {
        while self.listen() {}
        let heard = self.heard.lock().expect("no test panics while it holds it");
        heard.iter().any(|it| it.starts_with(begin))
    }

    /// Forgets what has come until now.
    pub fn forget(&self) {
        while self.listen() {}
        self.heard.lock().expect("no test panics while it holds it").clear();
    }

    fn listen(&self) -> bool {
        let mut bytes = [0; 4096];
        let Ok(length) = self.socket.recv(&mut bytes) else { return false };
        let text =
            str::from_utf8(bytes.get(..length).unwrap_or_default()).expect("it speaks UTF-8");
        let mut heard = self.heard.lock().expect("no test panics while it holds it");
        heard.extend(text.lines().map(str::to_owned));
        true
    }
}

impl Default for Manager {
    fn default() -> Manager {
        Manager::new()
    }
}

const STEP: Duration = Duration::from_millis(20);
const PATIENCE: Duration = Duration::from_secs(60);
