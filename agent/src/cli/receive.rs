//! `his-agent receive`: the platform's reference receiver, from a queue or from a folder.

use std::path::PathBuf;
use std::time::Duration;

use schemas::{Catalog, Files};
use tokio_util::sync::CancellationToken;

use super::{Exit, runtime, tell};
use crate::forward::options::Access;
use crate::receive::{self, FilesOptions, Options, Summary};
use crate::telemetry;

#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("from").required(true))]
pub(super) struct Arguments {
    /// 消息队列地址，或 file:PATH、env:NAME | the broker's address, or where it is written
    #[arg(long, value_name = "URL", group = "from", requires = "queue")]
    amqp: Option<String>,
    /// 队列名 | queue
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// 经网闸摆渡来的目录 | a folder that was ferried through a one-way gate
    #[arg(long, value_name = "DIR", group = "from")]
    files: Option<PathBuf>,
    /// 写到哪个目录 | where to keep what came
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// 记录另外写入 PostgreSQL：postgres://用户@主机/库，或 file:PATH、env:NAME | into PostgreSQL as well
    #[arg(long, value_name = "URL")]
    postgres: Option<String>,
    /// 多少毫秒没有新消息就结束；缺省一直运行 | end when nothing came for so long
    #[arg(long, value_name = "MS")]
    idle_ms: Option<u64>,
    /// 另外把这一天的账导出成文件，带给医院对账 | write the account of a day, to be carried to the hospital
    #[arg(long, value_name = "DATE")]
    account: Option<jiff::civil::Date>,
    /// 不按数据元目录核对记录 | take records as they are, without the dictionary
    #[arg(long, default_value_t = false)]
    no_validation: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    telemetry::log_to_terminal("info");
    let checker = match Checker::new(arguments.no_validation) {
        Ok(checker) => checker,
        Err(exit) => return exit,
    };
    let stop = CancellationToken::new();
    let check = |record: &receive::Record<'_>| checker.check(record);
    let summary = match (&arguments.files, &arguments.amqp) {
        (Some(from), _) => {
            let table = match table(arguments) {
                Ok(table) => table,
                Err(exit) => return exit,
            };
            let options = FilesOptions { from: from.clone(), out: arguments.out.clone(), table };
            receive::run_files(&options, &check, &stop)
        }
        (None, url) => match broker_options(arguments, url.as_deref().unwrap_or_default()) {
            Ok(options) => match runtime() {
                Ok(runtime) => runtime.block_on(async {
                    let signalled = stop.clone();
                    tokio::spawn(async move {
                        stop_signal().await;
                        signalled.cancel();
                    });
                    receive::run(&options, &check, &stop).await
                }),
                Err(exit) => return exit,
            },
            Err(exit) => return exit,
        },
    };
    match summary.and_then(|it| export(arguments).map(|()| it)) {
        Ok(summary) => told(&summary),
        Err(error) => {
            eprintln!("{}: {error}", arguments.out.display());
            Exit::Unavailable
        }
    }
}

fn export(arguments: &Arguments) -> std::io::Result<()> {
    let Some(day) = arguments.account else { return Ok(()) };
    for name in receive::write_account(&arguments.out, &day.strftime("%Y%m%d").to_string())? {
        say!("{}", arguments.out.join(name).display());
    }
    Ok(())
}

fn broker_options(arguments: &Arguments, url: &str) -> Result<Options, Exit> {
    let url = secret("--amqp", url)?;
    let queue = arguments.queue.as_deref().unwrap_or_default();
    let mut options = Options::new(Access::new(vec![url]), queue, arguments.out.clone());
    options.table = table(arguments)?;
    options.idle_max = arguments.idle_ms.map(Duration::from_millis);
    Ok(options)
}

fn table(arguments: &Arguments) -> Result<Option<receive::Address>, Exit> {
    let Some(url) = &arguments.postgres else { return Ok(None) };
    let url = secret("--postgres", url)?;
    receive::Address::parse(&url).map(Some).map_err(|why| {
        eprintln!("--postgres: {why}");
        Exit::Usage
    })
}

/// A password on the command line is seen by everybody on the machine: it may be named instead.
fn secret(name: &str, url: &str) -> Result<String, Exit> {
    let found = if let Some(path) = url.strip_prefix("file:") {
        std::fs::read_to_string(path).map(|it| it.trim().to_owned()).map_err(|it| it.to_string())
    } else if let Some(name) = url.strip_prefix("env:") {
        std::env::var(name).map_err(|it| it.to_string())
    } else {
        Ok(url.to_owned())
    };
    found.map_err(|error| {
        eprintln!("{name} {url}: {error}");
        Exit::Unavailable
    })
}

async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn told(summary: &Summary) -> Exit {
    say!(
        "received {} distinct {} doubles {} rejected {} gaps {}",
        summary.received,
        summary.distinct,
        summary.doubles,
        summary.rejected,
        summary.gaps.len()
    );
    for (entity, count) in &summary.entities {
        say!("  {entity} {count}");
    }
    for gap in &summary.gaps {
        say!("  missing from {} {}: {} to {}", gap.agent, gap.epoch, gap.from, gap.to);
    }
    let sound =
        summary.rejected == 0 && summary.gaps.is_empty() && summary.damaged_segments.is_empty();
    if sound { Exit::Ok } else { Exit::Data }
}

/// Validates each record against the profile it says it was made by.
struct Checker {
    catalogs: Vec<Catalog>,
}

impl Checker {
    fn new(none: bool) -> Result<Checker, Exit> {
        let files = Files::from_shipped(schemas::SHIPPED);
        let names = if none { Vec::new() } else { Catalog::profiles(&files) };
        let catalogs =
            names.iter().map(|it| Catalog::load(&files, it)).collect::<Result<Vec<_>, _>>();
        catalogs.map(|catalogs| Checker { catalogs }).map_err(|it| tell(&it))
    }

    fn check(&self, record: &receive::Record<'_>) -> Result<(), String> {
        if self.catalogs.is_empty() {
            return Ok(());
        }
        let catalog = self.catalogs.iter().find(|it| it.profile() == record.profile);
        let catalog = catalog.ok_or_else(|| format!("unknown profile `{}`", record.profile))?;
        let entity = catalog
            .entity(&record.entity)
            .ok_or_else(|| format!("unknown entity `{}`", record.entity))?;
        let elements = schemas::read_record_elements(entity, record.elements)?;
        let findings = catalog.validate(entity, &elements);
        let rejected: Vec<String> = findings
            .iter()
            .filter(|it| it.severity == schemas::FindingSeverity::Reject)
            .map(|it| format!("{} {}", it.code, it.element))
            .collect();
        if rejected.is_empty() { Ok(()) } else { Err(rejected.join(", ")) }
    }
}
