//! `his-agent rules suppress`: a rule that does not speak in some departments until a day.
//!
//! It is a setting with an end, in the hospital's own file; on the day after, the rule speaks again
//! by itself. Without an end and a reason nothing is suppressed.

use jiff::civil::Date;

use super::super::{ConfigArgument, Exit};
use super::books::Books;
use super::overlay::By;
use crate::clock;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// 规则标识 | the rule
    rule: String,
    /// 科室编码或名称，可多次 | department, by code or name
    #[arg(long, required = true, value_name = "DEPARTMENT")]
    department: Vec<String>,
    /// 到哪天止（含），如 2026-12-31 | the last day
    #[arg(long, value_name = "DAY")]
    to: Date,
    #[command(flatten)]
    by: By,
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    suppress(arguments).err().unwrap_or(Exit::Ok)
}

fn suppress(arguments: &Arguments) -> Result<(), Exit> {
    if arguments.to < clock::now().date() {
        eprintln!("{} 已经过了", arguments.to);
        return Err(Exit::Usage);
    }
    let books = Books::open(&arguments.config.config)?;
    let pack = books.pack_of(&arguments.rule)?;
    books.append_setting(&pack, &setting(arguments, &clock::now().to_string()))?;
    say!("{} 在 {} 停用到 {}", arguments.rule, arguments.department.join("、"), arguments.to);
    Ok(())
}

fn setting(arguments: &Arguments, at: &str) -> String {
    let departments: Vec<String> = arguments.department.iter().map(|it| quoted(it)).collect();
    let reason = format!("{}（{}，{at}）", arguments.by.reason, arguments.by.author);
    format!(
        "\n[[setting]]\nrules = [{}]\ndepartments = [{}]\nto = \"{}\"\nenabled = false\nreason = {}\n",
        quoted(&arguments.rule),
        departments.join(", "),
        arguments.to,
        quoted(&reason)
    )
}

/// A JSON text is a TOML text as well.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn a_setting_with_an_end() {
        let line = [
            "x",
            "drug-sex",
            "--department",
            "0301",
            "--department",
            "老年\"科",
            "--to",
            "2026-12-31",
            "--author",
            "张",
            "--reason",
            "已沟通",
        ];
        let written = setting(&Line::parse_from(line).arguments, "2026-11-22T09:00:00");
        let expected = "\n[[setting]]\nrules = [\"drug-sex\"]\ndepartments = [\"0301\", \"老年\\\"科\"]\n\
            to = \"2026-12-31\"\nenabled = false\nreason = \"已沟通（张，2026-11-22T09:00:00）\"\n";
        assert_eq!(written, expected);
    }
}
