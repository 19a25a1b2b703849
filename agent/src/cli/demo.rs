//! `his-agent demo`: the whole road on one machine, without a broker, without root, in a folder that
//! is thrown away: messages in, records out, a check with a finding, the receiver's count.

mod folder;
mod show;
mod talk;
mod told;

use std::fmt::Display;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{self as unix, UnixListener};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::ended::ended;
use super::{Exit, runtime, tell};
use crate::config::Config;
use crate::receive::{self, Summary};
use crate::sets::Sets;
use crate::supervise::{self, Running};
use crate::telemetry;
pub(super) use folder::{Folder, over};
pub(super) use talk::post;
use told::Told;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// 走完一遍就退出 | once through, then end
    #[arg(long)]
    once: bool,
}

/// A message the demo sends: what to say of it, where to, as what, and its bytes.
pub(super) struct Sample {
    title: &'static str,
    file: &'static str,
    pub(super) channel: &'static str,
    pub(super) content_type: &'static str,
    pub(super) bytes: &'static [u8],
}

pub(super) const SAMPLES: [Sample; 2] = [
    Sample {
        title: "SOAP 1.1，GBK 编码，报文体是 CDATA 里的另一份 XML",
        file: "prescription-soap-gbk.xml",
        channel: "platform",
        content_type: "text/xml; charset=GBK",
        bytes: include_bytes!("demo/prescription-soap-gbk.xml"),
    },
    Sample {
        title: "嵌套 JSON，GB18030 编码，报文头没有说明编码",
        file: "prescription-gb18030.json",
        channel: "cdss",
        content_type: "application/json",
        bytes: include_bytes!("demo/prescription-gb18030.json"),
    },
];

/// A pre-prescription check in the national interface's own words and in the canonical ones.
const CHECK: &str = include_str!("demo/check.json");

pub(super) fn run(arguments: &Arguments) -> Exit {
    telemetry::log_to_terminal("warn");
    try_out(arguments.once).unwrap_or_else(|exit| exit)
}

fn try_out(once: bool) -> Result<Exit, Exit> {
    let failed = |error: &dyn Display, exit| {
        eprintln!("{error:#}");
        exit
    };
    let runtime = runtime()?;
    let ended = ended(&runtime).map_err(|it| failed(&it, Exit::Internal))?;
    let no_folder = |it| failed(&format!("no folder for the demo: {it}"), Exit::Unavailable);
    let folder = Folder::new().map_err(no_folder)?;
    let claim = claim();
    let (config, sets) = prepare(&folder.path, claim.is_some())?;
    let played = runtime.block_on(play(config, sets, (&folder.path, once), ended));
    drop(runtime); // before the folder
    played.map_err(|it| failed(&it, Exit::Internal))
}

/// Whoever has it takes the usual ports: of two that begin at once, both would find them free. The name is the
/// kernel's, known wherever the ports are, and goes with the process.
fn claim() -> Option<UnixListener> {
    let name = unix::SocketAddr::from_abstract_name("his-agent-demo").ok()?;
    UnixListener::bind_addr(&name).ok()
}

fn prepare(folder: &Path, is_usual: bool) -> Result<(Config, Sets), Exit> {
    let port = |usual| free_port(if is_usual { usual } else { 0 });
    let text = format!(
        "[hospital]\ncode = \"H99999900001\"\nname = \"示例市人民医院\"\n\
         [listen]\nhis = \"{}\"\noperators = \"{}\"\n\
         [outbox]\ndir = \"{}\"\n[forward]\nkind = \"files\"\ndir = \"{}\"\n\
         [[channel]]\nname = \"platform\"\nmappings = [\"platform/\"]\n\
         [[channel]]\nname = \"cdss\"\nmappings = [\"cdss/\"]\n",
        port(8700),
        port(8701),
        folder.join("outbox").display(),
        folder.join("records").display(),
    );
    let config = Config::parse("demo", &text).map_err(|it| tell(&it))?;
    let sets = Sets::load(&config).map_err(|it| tell(&it))?;
    Ok((config, sets))
}

/// The usual port when it is free, else any: a demo must not fail because something runs already.
fn free_port(usual: u16) -> SocketAddr {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, usual));
    match TcpListener::bind(usual) {
        Ok(_) => usual,
        Err(_) => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    }
}

/// Whatever comes of it, and whoever ends it, the agent is stopped before its folder goes.
async fn play(
    config: Config,
    sets: Sets,
    (folder, once): (&Path, bool),
    ended: impl Future<Output = ()>,
) -> anyhow::Result<Exit> {
    let mut ended = std::pin::pin!(ended);
    let running = supervise::start(config, sets).await?;
    let walked = tokio::select! {
        walked = walk(&running, folder) => walked.map(|()| Exit::Ok),
        () = &mut ended => Ok(Exit::Waiting),
    };
    if let (Ok(Exit::Ok), false) = (&walked, once) {
        show::invitation(running.his, running.operators, folder);
        ended.await;
    }
    over(running).await?;
    walked
}

async fn walk(running: &Running, folder: &Path) -> anyhow::Result<()> {
    show::title(running.his);
    let mut sent = 0;
    for sample in &SAMPLES {
        fs::write(folder.join(sample.file), sample.bytes)?;
        let path = format!("/v1/channels/{}/messages", sample.channel);
        let answer = post(running.his, &path, sample.content_type, sample.bytes).await?;
        anyhow::ensure!(answer.status == 200, "{}: {}", sample.file, answer.body);
        sent += show::receipt(sample.title, sample.bytes.len(), &Told::read(&answer.body)?);
    }
    resend(running).await?;
    wait_until_forwarded(running).await?;
    let summary = count(folder)?;
    show::records(&folder.join("received"))?;
    check(running, folder).await?;
    show::summary(sent, &summary);
    anyhow::ensure!(
        summary.distinct == sent,
        "{sent} records were accepted, {} arrived",
        summary.distinct
    );
    Ok(())
}

/// The HIS did not hear the answer and sends again: it gets the first receipt.
async fn resend(running: &Running) -> anyhow::Result<()> {
    let [sample, ..] = &SAMPLES;
    let path = format!("/v1/channels/{}/messages", sample.channel);
    let answer = post(running.his, &path, sample.content_type, sample.bytes).await?;
    show::resend(&Told::read(&answer.body)?);
    Ok(())
}

async fn wait_until_forwarded(running: &Running) -> anyhow::Result<()> {
    let empty = async {
        while running.road().outbox.status().waiting > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), empty).await.context("records were not forwarded")
}

/// The platform's receiver reads what was forwarded.
fn count(folder: &Path) -> anyhow::Result<Summary> {
    let options = receive::FilesOptions {
        from: folder.join("records"),
        out: folder.join("received"),
        table: None,
    };
    Ok(receive::run_files(&options, &receive::accept_all, &CancellationToken::new())?)
}

async fn check(running: &Running, folder: &Path) -> anyhow::Result<()> {
    fs::write(folder.join("check.json"), CHECK)?;
    let answer = post(running.his, "/v1/checks", "application/json", CHECK.as_bytes()).await?;
    anyhow::ensure!(answer.status == 200, "check: {}", answer.body);
    show::verdict(CHECK, &answer.body);
    Ok(())
}
