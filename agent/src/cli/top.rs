//! `his-agent top`: the road live in a terminal, from the running daemon's own metrics. Once is enough for
//! scripts, and for what is no terminal.

mod sample;
mod screen;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use self::sample::Sample;
use super::asking::unanswered;
use super::ended::ended;
use super::{ConfigArgument, Exit, runtime, tell};
use crate::config::Config;
use crate::control::client::{self, ControlError};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// 只看一次，给脚本用 | once, for scripts
    #[arg(long)]
    once: bool,
    /// 每隔几秒看一次 | seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2,
        value_parser = clap::value_parser!(u64).range(1..=60))]
    every: u64,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let config = match Config::load(&arguments.config.config) {
        Ok(config) => config,
        Err(problems) => return tell(&problems),
    };
    let socket = &config.control.socket;
    let first = match look(socket) {
        Ok(first) => first,
        Err(error) => return unanswered(&error),
    };
    if arguments.once || !io::stdout().is_terminal() {
        return once(socket, &first);
    }
    match runtime() {
        Ok(runtime) => {
            let every = Duration::from_secs(arguments.every);
            let shown =
                ended(&runtime).and_then(|it| runtime.block_on(live(socket, first, every, it)));
            // A look at a daemon that is stuck holds nobody who wants to leave.
            runtime.shutdown_background();
            shown.map_or_else(|it| lost(&it), |()| Exit::Ok)
        }
        Err(exit) => exit,
    }
}

/// A rate wants two looks.
fn once(socket: &Path, first: &Sample) -> Exit {
    std::thread::sleep(Duration::from_secs(1));
    match look(socket) {
        Ok(now) => {
            for line in screen::lines(first, &now, usize::MAX) {
                say!("{}", line.trim_end());
            }
            Exit::Ok
        }
        Err(error) => unanswered(&error),
    }
}

async fn live(
    socket: &Path,
    first: Sample,
    every: Duration,
    ended: impl Future<Output = ()>,
) -> io::Result<()> {
    let mut ended = std::pin::pin!(ended);
    let _screen = Screen::open()?;
    let mut before = first;
    let mut pause = FIRST_PAUSE;
    loop {
        tokio::select! {
            () = &mut ended => return Ok(()),
            () = tokio::time::sleep(pause) => {}
        }
        pause = every;
        let asked = socket.to_owned();
        let mut looking = tokio::task::spawn_blocking(move || look(&asked));
        let seen = loop {
            tokio::select! {
                () = &mut ended => return Ok(()),
                seen = &mut looking => break seen.map_err(io::Error::other)?,
                () = tokio::time::sleep(SILENT) => draw(&[STUCK.to_owned()], size())?,
            }
        };
        let (width, height) = size();
        let lines = match seen {
            Ok(now) => {
                let lines = screen::lines(&before, &now, height.saturating_sub(1));
                before = now;
                lines
            }
            // It may be starting anew: what is asked for is to go on.
            Err(error) => error.to_string().lines().map(str::to_owned).collect(),
        };
        draw(&lines, (width, height))?;
    }
}

fn look(socket: &Path) -> Result<Sample, ControlError> {
    client::get(socket, "/admin/v1/top").map(|it| Sample::of(&it))
}

/// Each line over the old one: nothing flickers.
fn draw(lines: &[String], (width, height): (usize, usize)) -> io::Result<()> {
    let mut out = String::from("\x1b[H");
    for line in lines.iter().take(height.saturating_sub(1)) {
        out.push_str(&screen::cut(line, width));
        out.push_str("\x1b[K\r\n");
    }
    out.push_str("\x1b[J");
    out.push_str(&screen::cut("Ctrl-C 退出", width));
    let mut terminal = io::stdout().lock();
    terminal.write_all(out.as_bytes())?;
    terminal.flush()
}

/// The terminal's other screen; the first comes back as it was, however this ends.
struct Screen;

impl Screen {
    fn open() -> io::Result<Screen> {
        let mut terminal = io::stdout().lock();
        terminal.write_all(b"\x1b[?1049h\x1b[?25l\x1b[2J")?;
        terminal.flush()?;
        Ok(Screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut terminal = io::stdout().lock();
        let _ = terminal.write_all(b"\x1b[?25h\x1b[?1049l").and_then(|()| terminal.flush());
    }
}

/// Columns and rows of the terminal.
#[allow(unsafe_code)]
fn size() -> (usize, usize) {
    let mut told = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel writes the one structure of this request, which lives until the call returns.
    let done = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut told) };
    if done != 0 || told.ws_col == 0 || told.ws_row == 0 {
        return (80, 24);
    }
    (usize::from(told.ws_col), usize::from(told.ws_row))
}

fn lost(error: &io::Error) -> Exit {
    eprintln!("the terminal: {error}");
    Exit::Unavailable
}

const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// How long nothing may be heard before that is shown.
const SILENT: Duration = Duration::from_secs(5);
const STUCK: &str = "前置机在运行，没有答复：多半卡住了，看 journalctl -u his-agent；还在等";
