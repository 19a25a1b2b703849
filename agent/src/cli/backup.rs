//! `his-agent backup`: makes one, lists them, proves one, brings an agent back from one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::asking::{list, text, unanswered};
use super::{ConfigArgument, Exit, tell};
use crate::backup::{self, BackupError, Order, Wish, routes};
use crate::config::Config;
use crate::control::client::{self, ControlError};
use crate::outbox::{Options, Outbox};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// 现在就备份一次；不停机，停着也行 | makes one now, whether or not the daemon runs
    Create {
        /// 放在哪个目录，缺省是 [backup] to | the folder; [backup] to when left out
        #[arg(long, value_name = "DIR")]
        to: Option<PathBuf>,
        /// 备份密钥的文件（his-agent keys make 生成），缺省是 [backup] key | file of a key for backups
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
    },
    /// 有哪些备份，何时，多大，用哪把密钥 | which there are: when, how large, under which key
    List {
        /// 看哪个目录，缺省是 [backup] to | the folder; [backup] to when left out
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// 给程序看 | for programs
        #[arg(long)]
        json: bool,
    },
    /// 检查一份备份：有密钥时打开、逐条点数，没有时只核对文件 | proves one: opened and counted with the key
    Verify {
        /// 备份的目录 | the folder of the backup
        backup: PathBuf,
        /// 密钥文件 | file of its key
        #[arg(long, value_name = "FILE")]
        key: Option<PathBuf>,
        /// 解开的发件箱临时放在哪个目录，缺省在备份旁边，那里写不进就在系统的临时目录 | where the store is opened meanwhile
        #[arg(long, value_name = "DIR")]
        scratch: Option<PathBuf>,
    },
    /// 在没有数据的机器上恢复；不覆盖任何数据 | brings an agent back where there is no data
    Restore {
        /// 备份的目录 | the folder of the backup
        backup: PathBuf,
        /// 密钥文件 | file of its key
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// 用这台机器上已有的配置，备份里的写在它旁边 | the configuration that lies here stays and says where
        #[arg(long)]
        keep_config: bool,
        /// 平台已有的最大序号（接收端 summary.json 的 last_seq） | the highest number the platform has
        #[arg(long, value_name = "SEQ")]
        after_seq: Option<u64>,
    },
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let path = &arguments.config.config;
    match &arguments.action {
        Action::Verify { backup, key, scratch } => {
            verify(backup, key.as_deref(), scratch.as_deref())
        }
        Action::Restore { backup, key, keep_config, after_seq } => {
            let wish = |key| Wish {
                backup: backup.clone(),
                key,
                config: path.clone(),
                keep_config: *keep_config,
                after_seq: *after_seq,
            };
            restore(routes::key_of(key).map(wish))
        }
        Action::List { dir: Some(dir), json } => {
            show(&listed(dir), *json);
            Exit::Ok
        }
        Action::List { dir: None, json } => with_config(path, |config| {
            show(&listed(&config.backup.to), *json);
            Exit::Ok
        }),
        Action::Create { to, key } => {
            with_config(path, |config| create(config, path, to.as_deref(), key.as_deref()))
        }
    }
}

fn with_config(path: &Path, work: impl FnOnce(&Config) -> Exit) -> Exit {
    match Config::load(path) {
        Ok(config) => work(&config),
        Err(problems) => tell(&problems),
    }
}

fn create(config: &Config, path: &Path, to: Option<&Path>, key: Option<&Path>) -> Exit {
    // The daemon stands in another folder.
    let full = |it: &Path| std::path::absolute(it).unwrap_or_else(|_| it.to_owned());
    let asked = json!({ "to": to.map(full), "key": key.map(full) });
    match client::post(&config.control.socket, "/admin/v1/backups", &asked) {
        Ok(begun) => wait(config, &begun),
        Err(ControlError::Unreachable { .. }) => match offline(config, path, to, key) {
            Ok(made) => tell_made(&json!(made)),
            Err(error) => failed(&error),
        },
        Err(error) => unanswered(&error),
    }
}

/// What came of the turn that was ours: the daemon may begin the one of the day behind it.
fn wait(config: &Config, begun: &Value) -> Exit {
    let ours = begun.get("turn");
    loop {
        std::thread::sleep(ASK_EVERY);
        let told = match client::get(&config.control.socket, "/admin/v1/backups") {
            Ok(told) => told,
            Err(error) => return unanswered(&error),
        };
        let now = |name: &str| told.pointer(&format!("/now/{name}"));
        if ours.is_some() && now("turn") == ours {
            continue;
        }
        if now("last") == ours {
            return came_of(now("failed"), now("made"));
        }
        eprintln!("B107 前置机不知道这次备份了（重新启动过？）：看日志，再做一次");
        return Exit::Disk;
    }
}

fn came_of(failed: Option<&Value>, made: Option<&Value>) -> Exit {
    let Some(why) = failed.filter(|it| it.is_object()) else {
        return tell_made(made.unwrap_or(&Value::Null));
    };
    eprintln!("{} {}", text(why, "code"), text(why, "reason"));
    Exit::Disk
}

/// Without a daemon the store is opened here, and closed again.
fn offline(
    config: &Config,
    path: &Path,
    to: Option<&Path>,
    key: Option<&Path>,
) -> Result<backup::Made, BackupError> {
    let key = key.map(routes::key_of).transpose()?.or_else(|| config.backup.key.clone());
    let to = to.unwrap_or(&config.backup.to);
    // Opening would make an empty one, and another configuration may have been meant.
    if !config.outbox.dir.exists() {
        let what = config.outbox.dir.display().to_string();
        return Err(BackupError::Failed { what, cause: "还没有发件箱".to_owned() });
    }
    let options = Options { key: config.outbox.key.clone(), ..Options::default() };
    let (outbox, writer) = Outbox::open(&config.outbox.dir, &options)?;
    let order = Order { to, key: key.as_ref(), by_hand: true };
    let made = backup::create((config, path), &outbox, order);
    drop(outbox);
    drop(writer);
    made
}

fn tell_made(made: &Value) -> Exit {
    let [dir, bytes, key] = ["dir", "bytes", "fingerprint"].map(|it| text(made, it));
    say!("备份好，读回来核对过：{dir}，{bytes} 字节，用指纹 {key} 的密钥打开");
    say!("{}", counts(made));
    Exit::Ok
}

fn counts(told: &Value) -> String {
    let counts = told.get("counts").unwrap_or(&Value::Null);
    let [waiting, delivered, dead, parked] =
        ["waiting", "delivered", "dead_letters", "parked"].map(|it| text(counts, it));
    format!("等待送出 {waiting} 条，已送达留存 {delivered} 条，死信 {dead} 封，待对照 {parked} 份")
}

fn listed(dir: &Path) -> Value {
    let all = backup::list(dir);
    json!({ "backups": all.iter().map(|(dir, it)| routes::told(dir, it)).collect::<Vec<_>>() })
}

fn show(told: &Value, as_json: bool) {
    if as_json {
        say!("{told:#}");
        return;
    }
    for it in list(told, "backups") {
        let [id, dir, bytes] = ["id", "dir", "bytes"].map(|name| text(it, name));
        let key = text(it.get("key").unwrap_or(&Value::Null), "fingerprint");
        say!("{id}\t{dir}\t{bytes} 字节\t密钥 {key}\t{}", counts(it));
    }
}

fn verify(dir: &Path, key: Option<&Path>, scratch: Option<&Path>) -> Exit {
    let proved = key.map(routes::key_of).transpose();
    match proved.and_then(|key| Ok((backup::verify(dir, key.as_ref(), scratch)?, key.is_some()))) {
        Ok((manifest, true)) => {
            say!("完好：全部解开，发件箱打开点过数");
            say!("{}", counts(&json!({ "counts": manifest.counts })));
            Exit::Ok
        }
        Ok((manifest, false)) => {
            let key = &manifest.key.fingerprint;
            say!("文件都在，没有改动；没有给密钥，没有打开（要指纹是 {key} 的密钥）");
            Exit::Ok
        }
        Err(error) => failed(&error),
    }
}

fn restore(wish: Result<Wish, BackupError>) -> Exit {
    let restored = match wish.and_then(|it| backup::restore(&it)) {
        Ok(restored) => restored,
        Err(error) => return failed(&error),
    };
    let (told, free) = (json!(restored), restored.next_seq - restored.free_from);
    say!("恢复好：{}", restored.outbox.display());
    say!("{}", counts(&told));
    say!("序号 {} 起空出 {free} 个，新记录从 {} 起", restored.free_from, restored.next_seq);
    for path in &restored.moved {
        say!("原来的移到了 {}", path.display());
    }
    for path in &restored.stayed {
        say!("这台机器上已有，没有动：{}", path.display());
    }
    say!("接下来：his-agent validate，启动；平台会收到一些已有的记录，按 record_id 丢掉即可");
    Exit::Ok
}

fn failed(error: &BackupError) -> Exit {
    eprintln!("{} {error}", error.code());
    match error {
        BackupError::NoBackup { .. }
        | BackupError::Damaged { .. }
        | BackupError::Differs { .. } => Exit::Data,
        // Somebody has to act first: a script is not to try again.
        BackupError::OtherKey { .. }
        | BackupError::NoKey { .. }
        | BackupError::TooNew { .. }
        | BackupError::HasData { .. }
        | BackupError::StoreKey { .. } => Exit::Config,
        BackupError::Busy | BackupError::Unfinished { .. } => Exit::Unavailable,
        BackupError::Failed { .. } | BackupError::NoRoom { .. } | BackupError::Store(_) => {
            Exit::Disk
        }
    }
}

const ASK_EVERY: Duration = Duration::from_millis(200);
