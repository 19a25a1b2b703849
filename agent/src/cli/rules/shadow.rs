//! `his-agent rules shadow`: a rule on trial runs, finds, is counted, and shows nothing.

use serde_json::{Value, json};

use super::super::{ConfigArgument, Exit};
use super::books::by_daemon_or_files;
use super::overlay::By;
use crate::control::client;
use crate::sets::on_trial::{Step, Whom};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// 试运行：规则照常判断、计数，不提示医生 | runs and counts, and shows nothing
    Start(One),
    /// 转正：恢复规则本来的处置方式，保持启用 | shows what it finds from now on
    Promote(One),
    /// 结束试运行：恢复到试运行之前 | as it was before
    Stop(One),
}

#[derive(Debug, clap::Args)]
struct One {
    /// 规则标识；--pack 时是规则包 | the rule, or the pack with --pack
    name: String,
    /// 规则包里的全部规则 | all rules of the pack
    #[arg(long)]
    pack: bool,
    #[command(flatten)]
    by: By,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let (step, one) = match &arguments.command {
        Command::Start(it) => (Step::Start, it),
        Command::Promote(it) => (Step::Promote, it),
        Command::Stop(it) => (Step::Stop, it),
    };
    take(&arguments.config, step, one).err().unwrap_or(Exit::Ok)
}

fn take(config: &ConfigArgument, step: Step, one: &One) -> Result<(), Exit> {
    let name = client::escaped(&one.name);
    let (whom, address) = if one.pack {
        (Whom::Pack(one.name.clone()), format!("/admin/v1/rules/packs/{name}/shadow"))
    } else {
        (Whom::Rule(one.name.clone()), format!("/admin/v1/rules/{name}/shadow"))
    };
    let body = one.by.sign(json!({ "what": step.name() }));
    let told = by_daemon_or_files(&config.config, (&address, &body), |books| {
        whom.take(step, books, &one.by.by())
    })?;
    let text = |it: &Value, name: &str| match it.get(name) {
        Some(Value::String(text)) => text.clone(),
        it => it.map(Value::to_string).unwrap_or_default(),
    };
    for it in told.get("changes").and_then(Value::as_array).into_iter().flatten() {
        say!("修改 {}（规则包 {}）{}", text(it, "change"), text(&told, "pack"), text(it, "rule"));
    }
    Ok(())
}
