//! `his-agent translate`: a dry run of the road as far as the outbox, for files.

mod infer;
mod trace;

use std::path::{Path, PathBuf};

use super::{ConfigArgument, Exit};
use crate::clock;
use crate::config::Config;
use crate::envelope::UnknownCode;
use crate::pipeline::{self, Accepted, Inbound, Refusal, Verdict};
use crate::sets::Channel;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// 通道名 | channel
    #[arg(long, value_name = "NAME", required_unless_present = "infer")]
    channel: Option<String>,
    #[command(flatten)]
    infer: infer::Arguments,
    /// 说明每个值的来历、每处问题的行列、没有读到的字段 | tell how each value came about, where each
    /// finding stands, and what nothing read
    #[arg(long, conflicts_with = "infer")]
    trace: bool,
    /// 当作收到的 Content-Type | the Content-Type header to pretend
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// 报文文件 | message files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    if let Some(wanted) = arguments.infer.wanted() {
        return infer::run(wanted, arguments);
    }
    let (config, sets) = match arguments.config.load() {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    let name = arguments.channel.as_deref().unwrap_or_default();
    let Some(channel) = sets.channels.get(name) else {
        let known: Vec<&str> = sets.channels.keys().map(String::as_str).collect();
        eprintln!("there is no channel `{name}`; configured: {}", known.join(", "));
        return Exit::Usage;
    };
    let mut exit = Exit::Ok;
    for file in &arguments.files {
        let how = if arguments.trace { trace::run } else { translate };
        exit = worse(exit, how(&config, channel, file, arguments.content_type.as_deref()));
    }
    exit
}

/// A file that cannot be read outweighs one that is not right, and both outweigh success.
fn worse(a: Exit, b: Exit) -> Exit {
    if a as u8 >= b as u8 { a } else { b }
}

fn translate(config: &Config, channel: &Channel, file: &Path, content_type: Option<&str>) -> Exit {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            return Exit::Unavailable;
        }
    };
    let inbound = Inbound {
        message_id: "dry-run",
        received_at: clock::now(),
        org: &config.hospital.code,
        bytes: &bytes,
        content_type,
    };
    match pipeline::judge(channel, &inbound, &config.listen.limits) {
        Verdict::Accept(accepted) => {
            tell_records(file, &accepted);
            Exit::Ok
        }
        Verdict::Park(parked) => {
            tell_records(file, &parked.accepted);
            eprintln!("{}: the message would wait, for these codes to be mapped:", file.display());
            for UnknownCode { map, code, element } in &parked.unknown {
                eprintln!("  {element}: `{code}` is not in {map}");
            }
            Exit::Ok
        }
        Verdict::Refuse(refusal) => {
            tell_refusal(file, &refusal);
            Exit::Data
        }
    }
}

fn tell_records(file: &Path, accepted: &Accepted) {
    let reading = &accepted.reading;
    eprintln!(
        "{}: {} records by mapping {}, read as {} in {}",
        file.display(),
        accepted.drafts.len(),
        reading.mapping.as_deref().unwrap_or("-"),
        reading.format,
        reading.charset
    );
    for draft in &accepted.drafts {
        say!("{{{}}}", draft.tail);
    }
}

/// What the HIS developer would be told, line by line.
pub(super) fn tell_refusal(file: &Path, refusal: &Refusal) {
    eprintln!("{}: {} {}: {}", file.display(), refusal.stage, refusal.code, refusal.message);
    for finding in &refusal.findings {
        eprintln!(
            "  {} {} at {}: found `{}`; {}",
            finding.code, finding.element, finding.path, finding.found, finding.expected
        );
    }
}
