//! What is to be known of the hospital: by flags, else asked where somebody sits at the terminal.

use std::io::{BufRead as _, Write as _};

use super::super::Exit;
use super::Arguments;

/// Everything that has no default for all hospitals.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) code: String,
    pub(super) name: String,
    pub(super) profile: String,
    pub(super) broker: Option<String>,
    pub(super) queue: Option<String>,
}

impl Answers {
    pub(super) fn gather(arguments: &Arguments, asks: bool) -> Result<Answers, Exit> {
        let given = |flag: &Option<String>, question, default| match flag {
            Some(text) => Some(text.clone()),
            None if asks => ask(question, default),
            None => None,
        };
        let code = given(&arguments.code, "医疗机构在医保的定点编码", "");
        let name = given(&arguments.name, "医疗机构名称", "");
        let (Some(code), Some(name)) = (code, name) else {
            eprintln!("要写明 --code 定点编码 和 --name 医疗机构名称");
            return Err(Exit::Usage);
        };
        let profile = given(&arguments.profile, "地区版本", "national");
        let zh =
            "平台的消息队列 amqps://用户:口令@主机:端口/虚拟主机，还没有就直接回车（写成文件）";
        let broker = given(&arguments.broker, zh, "");
        let queue = match &broker {
            Some(_) => given(
                &arguments.queue,
                "平台的队列名（核对它是不是仲裁队列），不知道就直接回车",
                "",
            ),
            None => None,
        };
        let profile = profile.unwrap_or_else(|| "national".to_owned());
        Ok(Answers { code, name, profile, broker, queue })
    }
}

/// One line of the terminal; nothing when it is empty and there is no default.
fn ask(question: &str, default: &str) -> Option<String> {
    let shown = if default.is_empty() { String::new() } else { format!("（{default}）") };
    eprint!("{question}{shown}：");
    drop(std::io::stderr().flush());
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).ok()?;
    let told = if line.trim().is_empty() { default } else { line.trim() };
    (!told.is_empty()).then(|| told.to_owned())
}
