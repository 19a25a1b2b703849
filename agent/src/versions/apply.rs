//! Takes a configuration in by command: proved as a start would prove it, kept as a version, and in force
//! with the next start of the road.

use std::net::TcpListener;

use schemas::Problem;
use serde::Serialize;

use super::book::{By, Version};
use super::changed::{Changed, changed};
use super::health::Baseline;
use super::state::Accepted;
use super::{Kind, Life};
use crate::config::Config;
use crate::forward::files::sha256;
use crate::intake::Road;
use crate::sets::{Sets, Texts};

/// What was accepted.
#[derive(Debug, Serialize)]
pub(super) struct Taken {
    /// Its number.
    pub(super) version: u64,
    /// What is different from the one in force.
    pub(super) changed: Vec<Changed>,
    /// The file holds it now; else somebody with the right to has to write it.
    pub(super) written: bool,
    /// Where it has to be written.
    pub(super) file: String,
    /// What the file has to hold.
    pub(super) text: String,
}

/// Why nothing was taken.
#[derive(Debug)]
pub(super) enum NotTaken {
    /// The configuration, or a set that it names.
    Wrong(Vec<Problem>),
    /// It is right, and cannot be put in force this way.
    Unfit(&'static str, String),
}

/// Proves a text and keeps it. Blocks.
pub(super) fn accept(road: &Road, text: &str, by: By) -> Result<Taken, NotTaken> {
    let _turn = road.versions.turn();
    let life = life(road)?;
    let config = Config::parse("agent.toml", text).map_err(NotTaken::Wrong)?;
    Texts::read(&config).and_then(|it| Sets::prove(&config, it)).map_err(NotTaken::Wrong)?;
    stays(&road.config, &config)?;
    free(&road.config, &config)?;
    let mut state = life.book.state();
    let known = life.book.version(state.in_force);
    let now = known.as_ref().and_then(|it| life.book.config(it).ok()).unwrap_or_default();
    life.keep_edit(text, &state.file).map_err(not_kept)?;
    let version = life.book.keep_config(text, by).map_err(not_kept)?;
    state.accepted = Some(Accepted { no: version.no, before: Baseline::of(road) });
    let written = life.bring(text, &mut state).map_err(not_kept)?;
    tracing::info!(version = version.no, author = version.by.author, "a configuration is accepted");
    let (file, changed) = (life.file.display().to_string(), changed(&now, text));
    Ok(Taken { version: version.no, changed, written, file, text: text.to_owned() })
}

/// Takes the text of an earlier version in. Blocks.
pub(super) fn accept_again(road: &Road, version: &Version, by: By) -> Result<Taken, NotTaken> {
    debug_assert_eq!(version.kind, Kind::Config);
    let text = road.versions.book.config(version).map_err(not_kept)?;
    accept(road, &text, by)
}

/// Ends the road, so that it starts with what was accepted; or tells that nothing was.
pub(super) fn start(road: &Road) -> Result<u64, NotTaken> {
    let life = life(road)?;
    let Some(accepted) = life.book.state().accepted else {
        let reason = "没有等着换上的配置：先用 his-agent config apply 提交".to_owned();
        return Err(NotTaken::Unfit("A031", reason));
    };
    tracing::info!(version = accepted.no, "the road starts anew with another configuration");
    road.versions.again.notify_one();
    Ok(accepted.no)
}

fn life(road: &Road) -> Result<&Life, NotTaken> {
    let reason = || NotTaken::Unfit("A032", "这个进程不是由 his-agent run 启动的".to_owned());
    road.versions.life.get().ok_or_else(reason)
}

/// What lies on the disk does not move because a key says so.
fn stays(now: &Config, new: &Config) -> Result<(), NotTaken> {
    let moved = [
        ("[outbox] dir", &now.outbox.dir, &new.outbox.dir),
        ("[versions] dir", &now.versions.dir, &new.versions.dir),
    ];
    let moved = moved.into_iter().find(|(_, now, new)| now != new);
    let Some((key, now, new)) = moved else { return Ok(()) };
    let (now, new) = (now.display(), new.display());
    let reason = format!(
        "{key} 由 {now} 改成 {new}：里面的记录不会跟着搬。停下前置机，把 {now} 移到 {new}，改文件再启动"
    );
    Err(NotTaken::Unfit("A032", reason))
}

/// An address that is new must be there to be taken.
fn free(now: &Config, new: &Config) -> Result<(), NotTaken> {
    for (door, address, _) in new.doors() {
        // Ours are free by the time of the start, a changed host on the same port among them.
        let is_ours = now.doors().any(|(_, it, _)| it.port() == address.port());
        if let Err(error) = TcpListener::bind(address)
            && !is_ours
        {
            let reason = format!("{door} 的地址 {address} 用不了：{error}；换一个地址或端口");
            return Err(NotTaken::Unfit("A032", reason));
        }
    }
    Ok(())
}

#[allow(clippy::needless_pass_by_value)] // as `map_err` gives it
fn not_kept(error: std::io::Error) -> NotTaken {
    NotTaken::Unfit("A035", format!("版本存不下或读不出：{error}"))
}

/// Whether a text is the version in force.
pub(super) fn is_in_force(road: &Road, text: &str) -> bool {
    let book = &road.versions.book;
    book.version(book.state().in_force).is_some_and(|it| it.digest == sha256(text.as_bytes()))
}
