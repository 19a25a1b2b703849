//! `his-agent channel`: what helps to set up a channel.
//!
//! `from-wsdl`: a description that the hospital hands over becomes a channel of the configuration, and
//! what is unsure about it is said. `view-try`: what a database view has, and what it becomes.

mod view_try;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use adapters::{SoapHolds, SoapImport, SoapOperation, SoapReply, SoapVersion};
use clap::Subcommand;

use super::Exit;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// 由 WSDL 写出通道的配置，打在标准输出；没有把握的打在标准错误 | a channel from a WSDL; what is unsure on standard error
    FromWsdl {
        /// WSDL 文件；它 import 的文件放在旁边 | the file; what it imports lies beside it
        file: PathBuf,
        /// 通道名 | the channel's name
        #[arg(long, default_value = "soap")]
        name: String,
        /// 映射文件路径的开头 | beginnings of the mappings it may use
        #[arg(long, default_value = "platform/")]
        mappings: Vec<String>,
    },
    /// 连上数据库视图，列出各列、前几行（遮盖）和第一行变成的记录；什么也不存 | logs in to a view, shows columns, rows and the first record
    ViewTry(view_try::Arguments),
}

pub(super) fn run(arguments: &Arguments) -> Exit {
    match &arguments.what {
        What::FromWsdl { file, name, mappings } => from_wsdl(file, name, mappings),
        What::ViewTry(arguments) => view_try::run(arguments),
    }
}

fn from_wsdl(file: &Path, name: &str, mappings: &[String]) -> Exit {
    match described(file, name, mappings) {
        Ok(text) => {
            say!("{}", text.trim_end());
            Exit::Ok
        }
        Err(exit) => exit,
    }
}

/// The channel that a description becomes; what is unsure about it is told.
pub(super) fn described(file: &Path, name: &str, mappings: &[String]) -> Result<String, Exit> {
    let (parts, missing) = gather(file).map_err(|why| {
        eprintln!("{why}");
        Exit::Unavailable
    })?;
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let imported = adapters::import_wsdl(&parts).map_err(|error| {
        eprintln!("{}: {}: {}", file.display(), error.code(), error.message());
        Exit::Data
    })?;
    if !missing.is_empty() {
        eprintln!("{}: {}", file.display(), told(&missing));
        return Err(Exit::Data);
    }
    let Some(imported) = imported else {
        eprintln!("{}: 里面没有 SOAP 绑定", file.display());
        return Err(Exit::Data);
    };
    for doubt in &imported.doubts {
        eprintln!("没有把握：{}", one_line(doubt));
    }
    Ok(channel(&imported, name, mappings))
}

/// What the description refers to and is not here, and what to type to have it. Of half a description
/// no channel is made: what is missing would be guessed, and wrong.
fn told(missing: &[Missing]) -> String {
    let mut told =
        "它引用的文件不在旁边，方法或参数在那里面。下载后再执行一次，文件内容不用改：".to_owned();
    for it in missing {
        let _ = write!(told, "\n  {}", one_line(&it.line()));
    }
    told + "\n下载不到的，把引用它的那一行从文件里删去再试，缺了什么会写成没有把握。"
}

/// A part that a description refers to, and where it is looked for.
struct Missing {
    /// As the description names it.
    named: String,
    file: PathBuf,
}

impl Missing {
    fn line(&self) -> String {
        let file = self.file.display();
        if self.named.contains("://") {
            // Whoever wrote the description shall not write a command.
            return format!("curl -o '{file}' '{}'", self.named.replace('\'', "%27"));
        }
        format!("{file}（文件里写作 {}）", self.named)
    }
}

/// The file, and what it refers to that lies beside it, in the order in which it is referred to.
fn gather(file: &Path) -> Result<(Vec<Vec<u8>>, Vec<Missing>), String> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let first = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let (mut parts, mut missing) = (vec![first], Vec::new());
    let mut seen = BTreeSet::from([file.to_owned()]);
    let mut at = 0;
    while let Some(bytes) = parts.get(at).filter(|_| at < PARTS_MAX) {
        at += 1;
        for named in adapters::wsdl_imports(bytes).unwrap_or_default() {
            if STANDARD.iter().any(|it| named.starts_with(it)) {
                continue;
            }
            let file = beside(folder, &named);
            match std::fs::read(&file) {
                _ if !seen.insert(file.clone()) => {}
                Ok(bytes) => parts.push(bytes),
                Err(_) => missing.push(Missing { named, file }),
            }
        }
    }
    Ok((parts, missing))
}

fn beside(folder: &Path, named: &str) -> PathBuf {
    let as_named = folder.join(named);
    if as_named.is_file() { as_named } else { folder.join(plain(named)) }
}

/// What a part is called beside the file: the end of its address, without what no file's name should have.
fn plain(named: &str) -> String {
    let end = named.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '-');
    let name: String = end.chars().map(|it| if is_plain(it) { it } else { '_' }).collect();
    if name.chars().all(|it| it == '.') { "part".to_owned() } else { name }
}

const PARTS_MAX: usize = 64;

/// What everybody refers to; no service is described there.
const STANDARD: [&str; 2] = ["http://schemas.xmlsoap.org/", "http://www.w3.org/"];

/// The channel as it stands in `agent.toml`. What holds anyway is left out.
fn channel(imported: &SoapImport, name: &str, mappings: &[String]) -> String {
    let service = &imported.service;
    let mut out = format!("[[channel]]\nname = {}\nmappings = {}\n", quoted(name), list(mappings));
    for doubt in &imported.doubts {
        let _ = writeln!(out, "# 没有把握：{}", one_line(doubt));
    }
    let _ = write!(
        out,
        "[channel.soap]\nnamespace = {}\nservice = {}\nstyle = \"{}\"\nqualified = {}\n",
        quoted(&service.namespace),
        quoted(&service.name),
        service.style,
        service.is_qualified
    );
    let versions = service.described.iter().map(|it| match it {
        SoapVersion::V11 => "1.1",
        SoapVersion::V12 => "1.2",
    });
    let described: Vec<&str> = versions.chain(service.describes_forms.then_some("form")).collect();
    let _ = writeln!(out, "describe = {}", list(&described));
    if !imported.paths.is_empty() {
        let _ = writeln!(out, "paths = {}", list(&imported.paths));
    }
    for operation in &service.operations {
        write_operation(operation, &mut out);
    }
    out
}

fn write_operation(operation: &SoapOperation, out: &mut String) {
    let SoapOperation { name, parameters, action, reply } = operation;
    let _ = write!(
        out,
        "\n[[channel.soap.operation]]\nname = {}\nparameters = {}\naction = {}\n",
        quoted(name),
        list(parameters),
        quoted(action)
    );
    let habit = SoapReply::habit(name);
    if reply.response != habit.response {
        let _ = writeln!(out, "response = {}", quoted(&reply.response));
    }
    if reply.results != habit.results {
        let results: Vec<String> = reply.results.iter().map(ToString::to_string).collect();
        let _ = writeln!(out, "results = {}", list(&results));
    }
    if reply.results.iter().any(|it| it.holds == SoapHolds::Code) {
        out.push_str("# code: 放代码，0 是成功；请对照原服务的约定。\n");
    }
    if reply.results.iter().any(|it| matches!(it.holds, SoapHolds::Number { .. })) {
        out.push_str("# int(0,-1): 成功是 0，别的是 -1；请对照原服务的约定，例如 int(1,0)。\n");
    }
    out.push_str("# to = \"checks\"    # 审查的方法去掉行首的 #\n");
}

fn list(texts: &[impl AsRef<str>]) -> String {
    let texts: Vec<String> = texts.iter().map(|it| quoted(it.as_ref())).collect();
    format!("[{}]", texts.join(", "))
}

/// A vendor's text that breaks its line would go on as configuration.
fn one_line(text: &str) -> String {
    text.replace(|it: char| it.is_control(), " ")
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// What is written is a configuration, and describes what was given.
    #[test]
    fn a_description_becomes_a_channel_that_describes_it_again() {
        let head = "[hospital]\ncode = \"H1\"\nname = \"x\"\n";
        let given = "[[channel]]\nname = \"a\"\nmappings = [\"platform/\"]\n[channel.soap]\nnamespace = \"www.zysoft.com.cn\"\n\
            qualified = false\npaths = [\"/x/S.asmx\"]\n[[channel.soap.operation]]\nname = \"F\"\nparameters = [\"头\"]\n\
            action = \"\"\nresults = [\"code:c\", \"r\"]\n";
        let service = |text: &str| {
            let config = Config::parse("agent.toml", &format!("{head}{text}"));
            let config = config.unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
            config.channels[0].soap.as_ref().unwrap().service.clone()
        };
        let described = adapters::wsdl(&service(given), "http://old/x/S.asmx");
        let imported = adapters::import_wsdl(&[described.as_bytes()]).unwrap().unwrap();
        let written = channel(&imported, "a", &["platform/".to_owned()]);
        assert_eq!(service(&written), service(given), "{written}");
        assert!(written.contains("paths = [\"/x/S.asmx\"]"), "{written}");
        assert!(written.contains("# 没有把握：F 有 2 个结果"), "{written}");
    }

    #[test]
    fn a_vendors_line_breaks_do_not_become_configuration() {
        let given = "[[channel]]\nname = \"a\"\n[channel.soap]\nnamespace = \"u\"\n[[channel.soap.operation]]\nname = \"F\"\n";
        let config = Config::parse(
            "agent.toml",
            &format!("[hospital]\ncode = \"H1\"\nname = \"x\"\n{given}"),
        );
        let service = (*config.unwrap().channels[0].soap.as_ref().unwrap().service).clone();
        let doubts = vec!["F\nkey = 1\r\u{85}x".to_owned()];
        let written = channel(&SoapImport { service, paths: Vec::new(), doubts }, "a", &[]);
        assert!(written.contains("# 没有把握：F key = 1  x\n"), "{written}");
    }
}
