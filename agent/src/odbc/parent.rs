//! The agent's side of a worker: starts it, asks it, ends it when an answer does not come in time.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::frames::{self, Ask, PROTOCOL, Told};

/// A running worker. It ends with this value.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    asks: ChildStdin,
    answers: Receiver<io::Result<Told>>,
}

/// Why a worker is of no more use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    /// It could not be started.
    #[error("the worker cannot be started: {0}")]
    NotStarted(io::Error),
    /// This machine has no ODBC manager.
    #[error("{0}")]
    NoManager(String),
    /// It ended by itself: a driver crashed.
    #[error("the worker ended by itself")]
    Ended,
    /// It did not answer in time and was killed.
    #[error("no answer within {0:?}")]
    TooSlow(Duration),
    /// It said something else than was asked.
    #[error("the worker answered what was not asked")]
    Foreign,
    /// The agent stops.
    #[error("the agent stops")]
    Stopping,
}

impl Worker {
    /// Starts one for a channel. The kernel ends it with this thread.
    pub(crate) fn start(channel: &str, stop: &CancellationToken) -> Result<Worker, Broken> {
        // The file that runs, even when it was replaced meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command.arg0("his-agent").args(["view-worker", "--channel", channel]);
        Worker::run(command, stop)
    }

    fn run(mut command: Command, stop: &CancellationToken) -> Result<Worker, Broken> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(Broken::NotStarted)?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (asks, from) = pipes.ok_or(Broken::Ended)?;
        let answers = listen(from).map_err(Broken::NotStarted)?;
        let mut worker = Worker { child, asks, answers };
        match worker.answer(START_MAX, stop)? {
            Told::Hello { no_manager: Some(why), .. } => Err(Broken::NoManager(why)),
            Told::Hello { protocol: PROTOCOL, .. } => Ok(worker),
            _ => Err(Broken::Foreign),
        }
    }

    /// Asks, and waits for the answer. After an error this worker is to be dropped.
    pub(crate) fn ask(
        &mut self,
        ask: &Ask,
        within: Duration,
        stop: &CancellationToken,
    ) -> Result<Told, Broken> {
        frames::write(&mut self.asks, ask).map_err(|_| Broken::Ended)?;
        self.answer(within, stop)
    }

    fn answer(&mut self, within: Duration, stop: &CancellationToken) -> Result<Told, Broken> {
        let until = Instant::now() + within;
        while !stop.is_cancelled() {
            let left = until.saturating_duration_since(Instant::now());
            match self.answers.recv_timeout(left.min(BREATH)) {
                Ok(Ok(told)) => return Ok(told),
                Ok(Err(_)) => return Err(Broken::Foreign),
                Err(RecvTimeoutError::Disconnected) => return Err(Broken::Ended),
                Err(RecvTimeoutError::Timeout) if left.is_zero() => {
                    return Err(Broken::TooSlow(within));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        Err(Broken::Stopping)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.child.kill());
        // One that hangs in the kernel cannot be waited for; it is init's when the agent ends.
        let until = Instant::now() + END_MAX;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < until {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// A thread that reads frames until the pipe ends; one answer waits at most.
fn listen(mut from: ChildStdout) -> io::Result<Receiver<io::Result<Told>>> {
    let (to, answers) = sync_channel(1);
    thread::Builder::new().name("view-worker".to_owned()).spawn(move || {
        while let Some(told) = frames::read(&mut from).transpose() {
            let is_over = told.is_err();
            if to.send(told).is_err() || is_over {
                return;
            }
        }
    })?;
    Ok(answers)
}

const START_MAX: Duration = Duration::from_secs(10);
const END_MAX: Duration = Duration::from_secs(2);
/// How long a stop may go unnoticed.
const BREATH: Duration = Duration::from_millis(50);

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::frames::Select;
    use super::*;

    /// Frames by a shell: what a worker may do, and what becomes of it.
    #[test]
    fn a_worker_that_is_none_is_told_apart() {
        check("exit 3", "the worker ended by itself");
        check("printf 'driver: hello'", "the worker answered what was not asked");
        check(
            &hello(r#"{"hello":{"protocol":2,"no_manager":null}}"#),
            "the worker answered what was not asked",
        );
        check(&hello(r#"{"hello":{"protocol":1,"no_manager":"no libodbc"}}"#), "no libodbc");
    }

    #[test]
    fn one_that_hangs_is_ended_in_time() {
        let script = format!("{}; exec sleep 600", hello(GOOD));
        let stop = CancellationToken::new();
        let mut worker = Worker::run(shell(&script), &stop).unwrap();
        let pid = worker.child.id();
        let sql = "SELECT 1".to_owned();
        let ask = Ask::Select(Select { sql, rows_max: 1, driver_limits: false, timeout_s: 1 });
        let told = worker.ask(&ask, Duration::from_millis(300), &stop).unwrap_err();
        assert!(matches!(told, Broken::TooSlow(_)), "{told:?}");
        drop(worker);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    }

    #[track_caller]
    fn check(script: &str, expected: &str) {
        let told = Worker::run(shell(script), &CancellationToken::new()).map(drop).unwrap_err();
        assert_eq!(told.to_string(), expected);
    }

    fn hello(json: &str) -> String {
        format!("printf '\\000\\000\\000\\{:03o}{json}'", json.len())
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    const GOOD: &str = r#"{"hello":{"protocol":1,"no_manager":null}}"#;
}
