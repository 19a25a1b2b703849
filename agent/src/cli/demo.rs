//! `his-agent demo`: the whole road on one machine, without a broker, without root, in a folder that
//! is thrown away: messages in, records out, a check with a finding, the receiver's count.

mod show;
mod talk;
mod told;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::{Exit, runtime, tell};
use crate::config::Config;
use crate::intake::Road;
use crate::receive::{self, Summary};
use crate::sets::Sets;
use crate::supervise::{self, Running};
use crate::telemetry;
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
    let folder = match Folder::new() {
        Ok(folder) => folder,
        Err(error) => {
            eprintln!("no folder for the demo: {error}");
            return Exit::Unavailable;
        }
    };
    let (config, sets) = match prepare(&folder.path) {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    match runtime.block_on(play(config, sets, &folder.path, arguments.once)) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            eprintln!("{error:#}");
            Exit::Internal
        }
    }
}

fn prepare(folder: &Path) -> Result<(Config, Sets), Exit> {
    let text = format!(
        "[hospital]\ncode = \"H99999900001\"\nname = \"示例市人民医院\"\n\
         [listen]\nhis = \"{}\"\noperators = \"{}\"\n\
         [outbox]\ndir = \"{}\"\n[forward]\nkind = \"files\"\ndir = \"{}\"\n\
         [[channel]]\nname = \"platform\"\nmappings = [\"platform/\"]\n\
         [[channel]]\nname = \"cdss\"\nmappings = [\"cdss/\"]\n",
        free_port(8700),
        free_port(8701),
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

async fn play(config: Config, sets: Sets, folder: &Path, once: bool) -> anyhow::Result<()> {
    let running = supervise::start(config, sets).await?;
    show::title(running.his);
    let mut sent = 0;
    for sample in &SAMPLES {
        fs::write(folder.join(sample.file), sample.bytes)?;
        let path = format!("/v1/channels/{}/messages", sample.channel);
        let answer = post(running.his, &path, sample.content_type, sample.bytes).await?;
        anyhow::ensure!(answer.status == 200, "{}: {}", sample.file, answer.body);
        sent += show::receipt(sample.title, sample.bytes.len(), &Told::read(&answer.body)?);
    }
    resend(&running).await?;
    wait_until_forwarded(&running).await?;
    let summary = count(folder)?;
    show::records(&folder.join("received"))?;
    check(&running, folder).await?;
    show::summary(sent, &summary);
    anyhow::ensure!(
        summary.distinct == sent,
        "{sent} records were accepted, {} arrived",
        summary.distinct
    );
    let kept = kept(Arc::clone(running.road()));
    if once {
        return running.until(kept).await;
    }
    show::invitation(running.his, running.operators, folder);
    let stop = async {
        drop(tokio::signal::ctrl_c().await);
        kept.await;
    };
    running.until(stop).await
}

/// Waits until the set of the start is kept: nobody waits for the thread that keeps it, and the folder can
/// only go when nothing more is written there.
pub(super) async fn kept(road: Arc<Road>) {
    drop(tokio::task::spawn_blocking(move || road.reloads.keep_begun()).await);
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
    tokio::time::timeout(Duration::from_secs(10), empty).await.context("records were not forwarded")
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

/// A folder of this demo's own, removed when it ends.
pub(super) struct Folder {
    pub(super) path: PathBuf,
}

impl Folder {
    pub(super) fn new() -> std::io::Result<Folder> {
        let path = std::env::temp_dir().join(format!("his-agent-demo-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Folder { path })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("{} stays behind: {error}", self.path.display());
        }
    }
}
