//! What is to be known of the hospital: by flags, else asked where somebody sits at the terminal.
//!
//! What is asked is what the usual hospital needs to come to the end: a question that cannot be answered
//! is passed over with the enter key, and an answer that cannot be right is asked for again.

use std::borrow::Cow;
use std::io::{BufRead, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;

use encoding_rs::GB18030;

use super::super::Exit;
use super::{Arguments, LISTEN};

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
    /// With somebody at the terminal, the arguments that were left out are asked for as well.
    pub(super) fn gather(arguments: &mut Arguments, asks: bool) -> Result<Answers, Exit> {
        if asks {
            complete(arguments, std::io::stdin().lock());
        }
        let (Some(code), Some(name)) = (&arguments.code, &arguments.name) else {
            eprintln!("要写明 --code 定点编码 和 --name 医疗机构名称");
            return Err(Exit::Usage);
        };
        Ok(Answers {
            code: code.clone(),
            name: name.clone(),
            profile: arguments.profile.clone().unwrap_or_else(|| NATIONAL.to_owned()),
            broker: arguments.broker.clone(),
            queue: arguments.queue.clone().filter(|_| arguments.broker.is_some()),
        })
    }
}

/// Asks for what no flag said.
fn complete(it: &mut Arguments, terminal: impl BufRead) {
    let mut asked = Terminal(terminal);
    fill(&mut it.code, || asked.must("医疗机构在医保的定点编码"));
    fill(&mut it.name, || asked.must("医疗机构名称"));
    fill(&mut it.profile, || asked.ask("地区版本", NATIONAL));
    fill(&mut it.broker, || {
        asked.ask(
            "平台的消息队列 amqps://用户:口令@主机:端口/虚拟主机，还没有就直接回车（写成文件）",
            "",
        )
    });
    if let Some(broker) = &it.broker {
        fill(&mut it.queue, || {
            asked.ask("平台的队列名（核对它是不是仲裁队列），不知道就直接回车", "")
        });
        if broker.starts_with("amqps:") {
            fill(&mut it.ca, || asked.file("平台证书的 CA 文件（PEM），用公共 CA 签的就直接回车"));
        }
    }
    fill(&mut it.sample, || asked.file("HIS 的一份样例报文的文件，没有就直接回车"));
    fill(&mut it.wsdl, || {
        asked.file("顶替 HIS 原来调用的 WebService 时，它的 WSDL 文件，不是就直接回车")
    });
    if it.listen.is_none() {
        (it.listen, it.clear_text) = asked.listen(it.clear_text);
    }
}

fn fill<T>(place: &mut Option<T>, ask: impl FnOnce() -> Option<T>) {
    if place.is_none() {
        *place = ask();
    }
}

struct Terminal<R>(R);

impl<R: BufRead> Terminal<R> {
    /// One line; nothing when it is empty and there is no default.
    fn ask(&mut self, question: &str, default: &str) -> Option<String> {
        let told = self.line(question, default)?;
        let told = if told.is_empty() { default.to_owned() } else { told };
        (!told.is_empty()).then_some(told)
    }

    /// The same, until something is said.
    fn must(&mut self, question: &str) -> Option<String> {
        loop {
            let told = self.line(question, "")?;
            if !told.is_empty() {
                return Some(told);
            }
            eprintln!("  这一项必须写");
        }
    }

    /// The path of a file that is there.
    fn file(&mut self, question: &str) -> Option<PathBuf> {
        loop {
            let path = PathBuf::from(self.ask(question, "")?);
            match std::fs::File::open(&path) {
                Ok(_) => return Some(path),
                Err(error) => eprintln!("  {}：{error}，再写一次", path.display()),
            }
        }
    }

    /// Where the HIS calls, and whether that may be in clear text: certificates come later.
    fn listen(&mut self, clear_text: bool) -> (Option<String>, bool) {
        let question = "HIS 调用的地址；HIS 在别的机器上时写本机在内网的地址，例如 192.0.2.10:8700";
        loop {
            let Some(told) = self.ask(question, LISTEN) else { return (None, clear_text) };
            match told.parse::<SocketAddr>() {
                Ok(at) if at.ip().is_loopback() || clear_text => return (Some(told), clear_text),
                Ok(_) => {
                    let question = "还没有证书：患者数据就会明文过网，先这样用吗？写 y 或 n（n：先只听本机，配好证书再改）";
                    match self.ask(question, "n").as_deref() {
                        Some("y" | "Y" | "yes") => return (Some(told), true),
                        _ => return (None, clear_text),
                    }
                }
                Err(_) => eprintln!("  要写成 地址:端口，例如 {LISTEN}"),
            }
        }
    }

    /// What was typed, without blanks around it; nothing at the end of all input.
    fn line(&mut self, question: &str, default: &str) -> Option<String> {
        let shown = if default.is_empty() { String::new() } else { format!("（{default}）") };
        loop {
            eprint!("{question}{shown}：");
            drop(std::io::stderr().flush());
            let mut line = Vec::new();
            if self.0.read_until(b'\n', &mut line).ok()? == 0 {
                eprintln!();
                return None;
            }
            match read(&line) {
                Some(text) => return Some(text.trim().to_owned()),
                None => eprintln!("  读不出是什么字：请用 UTF-8 或 GBK 的终端，再写一次"),
            }
        }
    }
}

/// Consoles of these systems are often set to a Chinese charset of their own.
fn read(line: &[u8]) -> Option<Cow<'_, str>> {
    match str::from_utf8(line) {
        Ok(text) => Some(text.into()),
        Err(_) => GB18030.decode_without_bom_handling_and_without_replacement(line),
    }
}

const NATIONAL: &str = "national";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Cursor;

    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    #[test]
    fn the_usual_hospital_is_asked_everything_it_needs() {
        let file = file!().rsplit_once('/').unwrap().1;
        let here = format!("{}/src/cli/init/{file}", env!("CARGO_MANIFEST_DIR"));
        let typed = format!(
            "\nH1\n\n示例医院\n\namqps://a:b@c:5671/v\nplatform\n/no/such.pem\n{here}\n{here}\n\n\
             8700\n192.0.2.1:8700\ny\n"
        );
        let told = check(&[], typed.as_bytes());
        assert_eq!(
            told,
            format!(
                "H1 示例医院 national amqps://a:b@c:5671/v platform ca {here} sample {here} wsdl - \
                 192.0.2.1:8700 clear"
            )
        );
    }

    #[test]
    fn what_a_flag_says_is_not_asked() {
        let flags = ["--code", "H1", "--broker", "amqp://c", "--sample", "x"];
        let told = check(&flags, "示例医院\nhunan\n\n\n\n".as_bytes());
        assert_eq!(told, "H1 示例医院 hunan amqp://c - ca - sample x wsdl - 127.0.0.1:8700 -");
        // Clear text was not wanted: this machine alone, until there is a certificate.
        let told = check(&flags, "示例医院\n\n\n\n0.0.0.0:8700\n\n".as_bytes());
        assert_eq!(told, "H1 示例医院 national amqp://c - ca - sample x wsdl - - -");
    }

    #[test]
    fn a_name_typed_at_a_console_of_another_charset_is_that_name() {
        let typed = b"H1\n\xff\xff\n\xca\xbe\xc0\xfd\xd2\xbd\xd4\xba\n";
        assert!(check(&[], typed).starts_with("H1 示例医院 "), "the second line is nothing at all");
        assert!(check(&[], b"H1\n").starts_with("H1 - "), "the input ends");
    }

    fn check(flags: &[&str], typed: &[u8]) -> String {
        let line = Line::parse_from([&["init"], flags].concat());
        let mut it = line.arguments;
        complete(&mut it, Cursor::new(typed));
        let text = |it: &Option<String>| it.clone().unwrap_or("-".to_owned());
        let path =
            |it: &Option<PathBuf>| it.as_ref().map_or("-".into(), |it| it.display().to_string());
        let [code, name, profile] = [&it.code, &it.name, &it.profile].map(text);
        let [broker, queue, listen] = [&it.broker, &it.queue, &it.listen].map(text);
        let [ca, sample, wsdl] = [&it.ca, &it.sample, &it.wsdl].map(path);
        let clear = if it.clear_text { "clear" } else { "-" };
        format!(
            "{code} {name} {profile} {broker} {queue} ca {ca} sample {sample} wsdl {wsdl} {listen} {clear}"
        )
    }
}
