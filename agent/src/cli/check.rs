//! `his-agent check`: a dry run of a pre-prescription check, for a file.

use std::path::{Path, PathBuf};

use rules::{Facts, InputFinding};

use super::translate::tell_refusal;
use super::{ConfigArgument, Exit};
use crate::clock;
use crate::config::Config;
use crate::pipeline::{self, Inbound, Verdict};
use crate::sets::Sets;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// 通道名：按该通道的映射读报文；缺省读规范请求（JSON）
    /// | channel whose mappings read the message; without it, the canonical request
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// 当作收到的 Content-Type | the Content-Type header to pretend
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// 解释每个问题：规则、知识点、输入、计算；无法判断的，该发送什么
    /// | why: the rows, the inputs, the arithmetic; for what is unknown, what to send
    #[arg(long)]
    explain: bool,
    /// 报文文件 | message file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    let (config, sets) = match arguments.config.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let bytes = match std::fs::read(&arguments.file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("{}: {error}", arguments.file.display());
            return Exit::Unavailable;
        }
    };
    let content_type = arguments.content_type.as_deref();
    let facts = match &arguments.channel {
        Some(channel) => mapped(&config, &sets, channel, &arguments.file, &bytes, content_type),
        None => canonical(&config, &arguments.file, &bytes, content_type),
    };
    let facts = match facts {
        Ok(facts) => facts,
        Err(exit) => return exit,
    };
    let now = clock::now();
    let verdict = rules::evaluate(&sets.rules, &facts, now);
    if !arguments.explain {
        say!("{}", verdict.to_json("dry-run", 0));
        return Exit::Ok;
    }
    let texts = &sets.texts.rules;
    for it in rules::explain::explain_all(&sets.rules, texts, &facts, now, &verdict) {
        say!("{}", rules::explain::to_text(&it).trim_end());
    }
    for it in &verdict.unknown {
        say!("{}", rules::explain::unknown_to_text(it).trim_end());
    }
    Exit::Ok
}

fn canonical(
    config: &Config,
    file: &Path,
    bytes: &[u8],
    content_type: Option<&str>,
) -> Result<Facts, Exit> {
    let text = adapters::text(bytes, content_type, &config.listen.limits).map_err(|error| {
        eprintln!("{}: {error}", file.display());
        Exit::Data
    })?;
    rules::request::read(&text).map_err(|findings| {
        for InputFinding { code, path, found, expected } in &findings {
            eprintln!("{}: {code} {path}: found `{found}`; {expected}", file.display());
        }
        Exit::Data
    })
}

fn mapped(
    config: &Config,
    sets: &Sets,
    channel: &str,
    file: &Path,
    bytes: &[u8],
    content_type: Option<&str>,
) -> Result<Facts, Exit> {
    let Some(channel) = sets.channels.get(channel) else {
        eprintln!("there is no channel `{channel}`");
        return Err(Exit::Usage);
    };
    let inbound = Inbound {
        message_id: "dry-run",
        received_at: clock::now(),
        org: &config.hospital.code,
        bytes,
        content_type,
    };
    match pipeline::judge(channel, &inbound, &config.listen.limits) {
        Verdict::Accept(accepted) => Ok(pipeline::facts(&accepted)),
        // What a code means that nobody has mapped is not known: a rule that needs it says so.
        Verdict::Park(parked) => Ok(pipeline::facts(&parked.accepted)),
        Verdict::Refuse(refusal) => {
            tell_refusal(file, &refusal);
            Err(Exit::Data)
        }
    }
}
