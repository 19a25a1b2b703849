//! `his-agent init`: from an installed program to an accepted message. Asks what it was not told by flags,
//! writes the configuration and its secrets, proves them as the doctor does, takes a message for a trial,
//! and prints what the vendor of the HIS has to know.
//!
//! Nothing that is there is overwritten (the file that a package brought is moved aside if nobody has changed
//! it), and nothing is written before all of it is proved. The trial is
//! made in a folder of its own, and its records go nowhere: a platform wants no sample data.

mod answers;
mod channel;
mod secrets;
mod text;
mod trial;
mod vendor;

use std::fs;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::answers::Answers;
use super::{ConfigArgument, Exit, tell};
use crate::config::{Config, keys};
use crate::doctor::{self, Daemon, Site};
use crate::sets::Sets;

#[derive(Clone, Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// 医疗机构在医保的定点编码 | the institution's code at the insurer
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// 医疗机构名称 | its name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// 地区版本 | the region's profile
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// 平台的消息队列 amqps://用户:口令@主机:端口/虚拟主机；不写就写成文件 | the platform's broker; files without one
    #[arg(long, value_name = "URL")]
    broker: Option<String>,
    /// 平台的队列名，核对它是不是仲裁队列 | the platform's queue, to be checked
    #[arg(long, value_name = "NAME")]
    queue: Option<String>,
    /// amqps 时信任的 CA 证书 | certificates of CAs to trust with amqps
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// HIS 的一份样例报文：据此选通道的映射，并试收 | a message of the HIS, by which mappings are chosen
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
    /// 被顶替的 WebService 的 WSDL：据此写出通道的方法 | the description of the service that is taken the place of
    #[arg(long, value_name = "FILE")]
    wsdl: Option<PathBuf>,
    /// 通道名 | the channel's name
    #[arg(long, value_name = "NAME", default_value = "his")]
    channel: String,
    /// HIS 调用的地址，缺省 127.0.0.1:8700 | where the HIS calls
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// 运维用的地址 | where operators find it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8701")]
    operators: String,
    /// 接受患者数据明文过网（监听本机以外的地址而没有 TLS 时） | accept clear text off this machine
    #[arg(long)]
    clear_text: bool,
    /// 数据目录 | the data folder
    #[arg(long, value_name = "DIR", default_value = "/var/lib/his-agent")]
    data: PathBuf,
    /// 不提问：没有写的用缺省 | ask nothing
    #[arg(long, short)]
    yes: bool,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match set_up(arguments) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn set_up(arguments: &Arguments) -> Result<Exit, Exit> {
    let file = &arguments.config.config;
    let is_shipped = is_shipped(file);
    if file.exists() && !is_shipped {
        eprintln!("{} 已经有了，没有改动：要重新来，先把它移走或改名", file.display());
        return Err(Exit::Config);
    }
    let asks = !arguments.yes && std::io::stdin().is_terminal();
    let arguments = &mut arguments.clone();
    let answers = Answers::gather(arguments, asks)?;
    let arguments = &*arguments;
    let channel = channel::of(arguments)?;
    let text = text::of(&answers, arguments, &channel.text);
    let made = secrets::write(&answers, arguments)?;
    match proved(file, &text) {
        Ok((config, sets)) => {
            made.keep(file, &text, is_shipped)?;
            Ok(finish(arguments, &config, sets, &channel))
        }
        // What was made for it goes again: a next try begins where this one did.
        Err(exit) => {
            made.undo();
            Err(exit)
        }
    }
}

/// Whether nobody has changed the file since a package brought it: nothing is lost with it. A package's
/// names the key that its service has.
fn is_shipped(file: &Path) -> bool {
    let Ok(found) = fs::read_to_string(file) else { return false };
    let shipped = keys::example();
    let key = "key = \"credential:master.key\"\n";
    found == shipped || found == shipped.replace(&format!("\n# {key}"), &format!("\n{key}"))
}

/// As the daemon would read it.
fn proved(file: &Path, text: &str) -> Result<(Config, Sets), Exit> {
    let config = Config::parse(&file.display().to_string(), text).map_err(|it| tell(&it))?;
    let sets = Sets::load(&config).map_err(|it| tell(&it))?;
    Ok((config, sets))
}

fn finish(arguments: &Arguments, config: &Config, sets: Sets, channel: &channel::Channel) -> Exit {
    say!("配置写好了：{}", arguments.config.config.display());
    let report = doctor::examine(&Arc::new(Site {
        config: config.clone(),
        daemon: Daemon::IsDown,
        locale: Some(doctor::locale()),
    }));
    say!("\n体检\n{}", report.text(false));
    // The vendor's page comes whatever became of the trial.
    let tried = trial::run(config, sets, channel).unwrap_or_else(|exit| exit);
    say!("\n{}", vendor::page(config, channel));
    say!("{}", next(&arguments.config.config));
    if report.fail > 0 { Exit::Unavailable } else { tried }
}

fn next(file: &Path) -> String {
    let file = file.display();
    format!(
        "下一步\n  systemctl enable --now his-agent    启动（不是服务时：his-agent run --config {file}）\n  \
         his-agent doctor --config {file}    再体检一次\n  另外备份 secrets 里的 master.key：丢了，发件箱里的内容谁也读不出"
    )
}

/// Where the HIS calls when nobody says otherwise.
const LISTEN: &str = "127.0.0.1:8700";

/// The bytes of a file, or why not.
fn read(file: &Path) -> Result<Vec<u8>, Exit> {
    fs::read(file).map_err(|error| {
        eprintln!("{}: {error}", file.display());
        Exit::Unavailable
    })
}
