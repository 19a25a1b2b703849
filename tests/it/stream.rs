//! Fee lists too long to be held: taken item by item, in memory that does not grow with them.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::chance::is_long;
use tests::far;
use tests::platform::Platform;

/// Eight megabytes, or a hundred when there is time.
#[test]
fn memory_stays_flat_while_a_long_list_streams() {
    let megabytes: usize = if is_long() { 100 } else { 8 };
    let agent = streaming();
    post(&agent, &List::of_bytes(1 << 20)); // everything that is made once is made
    let before = memory_kib(&agent, "VmRSS");

    let list = List::of_bytes(megabytes << 20).named("ZY2024000002");
    let started = Instant::now();
    let receipt = post(&agent, &list);
    let (took, peak) = (started.elapsed(), memory_kib(&agent, "VmHWM"));
    println!(
        "{megabytes} MB, {} lines: {took:?}; {before} KiB before, {peak} KiB at most",
        list.lines()
    );

    assert_eq!(receipt["code"], 0, "{receipt}");
    assert_eq!(receipt["data"]["counts"]["records"], list.lines() + 1, "{receipt}");
    assert_eq!(receipt["data"]["counts"]["accepted"], list.lines() + 1, "{receipt}");
    assert_eq!(receipt["data"]["records"], Value::Null, "{receipt}");
    let grown = peak.saturating_sub(before);
    assert!(grown < GROWTH_MAX_KIB, "{grown} KiB more for {megabytes} MB\n{}", agent.log());
    assert_eq!(spooled(&agent), 0, "a spooled body goes when it is stored");
}

/// What is sent again, wholly or after a crash in the middle, is stored once.
#[test]
fn what_comes_again_is_found() {
    let mut agent = streaming();
    let list = List::of_lines(2_500);
    post(&agent, &list.first(1_200));
    let receipt = post(&agent, &list);
    let counts = &receipt["data"]["counts"];
    assert_eq!(counts["duplicate"], 1_201, "{receipt}");
    assert_eq!(counts["accepted"], 1_300, "{receipt}");
    agent.kill();
    agent.start_again();
    let receipt = post(&agent, &list);
    assert_eq!(receipt["data"]["counts"]["duplicate"], 2_501, "{receipt}");
    agent.await_drained();
    let delivered = Platform::of_folder(&agent.records()).receive(2_501);
    assert_eq!(delivered.records.len(), 2_501);
}

/// A code that nobody has mapped holds back the part it stands in, and what comes behind it of the same
/// stay; once it is mapped everything goes on in its order.
#[test]
fn a_part_with_an_unmapped_code_waits_and_goes_on() {
    let mut agent = Agent::prepare(Setup { sets: Some(String::new()), ..setup() });
    let mapping = agent.mappings().join("feelist/inpatient-fee-list.toml");
    let text = fs::read_to_string(&mapping).expect("it was copied");
    let parking = text.replace("[codes.refund]\n", "[codes.refund]\nunknown = \"park\"\n");
    assert_ne!(parking, text);
    fs::write(&mapping, parking).expect("our own folder");
    agent.start_again();

    let list = List::of_lines(3_400).with("<退费标志>N", "<退费标志>冲", 1_500);
    let counts = post(&agent, &list)["data"]["counts"].clone();
    assert_eq!(
        (&counts["accepted"], &counts["records"]),
        (&1_000.into(), &3_401.into()),
        "{counts}"
    );
    assert_eq!(counts["parked"], 2_401, "{counts}");
    let again = post(&agent, &list)["data"]["counts"].clone();
    assert_eq!((&again["duplicate"], &again["accepted"]), (&1_000.into(), &0.into()), "{again}");

    let map = ["codes", "map", "--map", "feelist/codes/refund.csv", "冲=1"];
    let ran = agent.ask(&map);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    agent.await_drained();
    let delivered = Platform::of_folder(&agent.records()).receive(3_401);
    assert_eq!(delivered.records.len(), 3_401);
    let mut records: Vec<_> = delivered.records.iter().collect();
    records.sort_by_key(|it| it.seq);
    let number = |elements: &str| Some(elements.split_once("FY")?.1.get(..9)?.to_owned());
    let lines: Vec<String> = records.iter().filter_map(|it| number(&it.elements)).collect();
    assert!(lines.is_sorted(), "the lines of a stay go out in their order");
    assert_eq!(lines.len(), 3_400);
}

/// One wrong line refuses all of it, is told with its number, and the body is kept.
#[test]
fn a_wrong_line_refuses_the_whole() {
    let agent = streaming();
    let list = List::of_lines(1_500).with("<数量>1</数量>", "<数量>七</数量>", 1_234);
    let answer = post(&agent, &list);
    assert_eq!(answer["code"], 12, "{answer}");
    let path = answer.pointer("/detail/0/path").and_then(Value::as_str).unwrap_or_default();
    assert!(path.ends_with("明细[1234]/数量"), "{answer}");
    assert_eq!(answer["detail"].as_array().map(Vec::len), Some(1), "{answer}");
    let status = agent.readiness();
    assert_eq!(status.pointer("/outbox/waiting"), Some(&Value::from(0)), "{status}");
    let kept: Vec<_> = fs::read_dir(agent.beside("spool/refused")).expect("it is there").collect();
    assert_eq!(kept.len(), 1);

    let many = List::of_lines(300).with("<数量>1</数量>", "<数量>七</数量>", 0);
    let answer = post(&agent, &many);
    assert_eq!(answer["detail"].as_array().map(Vec::len), Some(100), "{answer}");
    let message = answer["message"].as_str().unwrap_or_default();
    assert!(message.contains("有 300 处") && message.contains("前 100 处"), "{answer}");

    let cut = List::of_lines(300).cut(200);
    let answer = post(&agent, &cut);
    assert_eq!(answer.pointer("/detail/0/code"), Some(&Value::from("D307")), "{answer}");
    assert_eq!(spooled(&agent), 0);
}

/// Lists that stop half-way wait for nothing that others need.
#[test]
fn slow_lists_of_one_address_keep_nobody_else_out() {
    let agent = streaming();
    let slow: Vec<_> = (0..20)
        .map(|_| {
            let mut stream = far::connect([127, 0, 0, 2], agent.his()).expect("a door");
            stream.write_all(HEAD.as_bytes()).expect("the agent reads");
            chunk(&mut stream, "<a>").expect("the agent reads");
            stream
        })
        .collect();
    thread::sleep(Duration::from_millis(500));
    let receipt = post(&agent, &List::of_lines(100));
    assert_eq!(receipt["code"], 0, "{receipt}");
    assert_eq!(spooled(&agent), 8, "one address gets half of the places");
    drop(slow);
}

fn streaming() -> Agent {
    Agent::start(setup())
}

fn setup() -> Setup {
    let path = "住院费用清单/费用/日清单/费用大类/单据列表/单据/明细列表/明细";
    Setup {
        channels: format!(
            "[[channel]]\nname = \"long\"\nformat = \"xml\"\nstream = \"{path}\"\nmappings = [\"feelist/\"]\n"
        ),
        ..Setup::files()
    }
}

/// A stay with its lines, made while it is sent.
struct List {
    stay: String,
    lines: usize,
    /// After how many lines it breaks off.
    cut: Option<usize>,
    /// What to put in place of what, in which line; in all for 0.
    changed: Option<(&'static str, &'static str, usize)>,
}

impl List {
    fn of_lines(lines: usize) -> List {
        List { stay: "ZY2024000001".to_owned(), lines, cut: None, changed: None }
    }

    fn of_bytes(bytes: usize) -> List {
        List::of_lines(bytes / line(1).len())
    }

    fn named(self, stay: &str) -> List {
        List { stay: stay.to_owned(), ..self }
    }

    fn with(self, from: &'static str, to: &'static str, number: usize) -> List {
        List { changed: Some((from, to, number)), ..self }
    }

    fn cut(self, after: usize) -> List {
        List { cut: Some(after), ..self }
    }

    fn first(&self, lines: usize) -> List {
        List { stay: self.stay.clone(), lines, cut: None, changed: None }
    }

    fn lines(&self) -> usize {
        self.lines
    }

    /// Sends it in pieces of the chunked encoding.
    fn write(&self, to: &mut impl Write) -> std::io::Result<()> {
        let stay = &self.stay;
        let mut piece = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<zy:住院费用清单 xmlns:zy=\"urn:his:inpatient:fee\">\
             <zy:患者><病人ID>P00067890</病人ID><姓名>王小雨</姓名><性别代码>2</性别代码>\
             <出生日期>2021-03-02</出生日期><年龄>3岁2月</年龄></zy:患者><zy:住院><住院号>{stay}</住院号>\
             <住院次数>1</住院次数><入院时间>2024-05-10T14:30:00</入院时间><病区 编码=\"0412\">儿科一病区</病区>\
             <床号>12</床号><主管医生 工号=\"1088\">赵晓燕</主管医生><入院诊断 编码=\"J18.000\">支气管肺炎</入院诊断>\
             </zy:住院><zy:费用><日清单 日期=\"2024-05-10\"><费用大类 编码=\"01\" 名称=\"西药费\"><单据列表>"
        );
        for number in 1..=self.cut.unwrap_or(self.lines) {
            if number % BILL_LINES == 1 {
                piece.push_str("<单据 单据号=\"DJ2024051001\" 开单科室=\"0412\" 开单医生=\"1088\"><明细列表>\n");
            }
            let line = line(number);
            match self.changed {
                Some((from, to, at)) if at == number || at == 0 => {
                    piece.push_str(&line.replace(from, to));
                }
                _ => piece.push_str(&line),
            }
            if number % BILL_LINES == 0 || number == self.lines {
                piece.push_str("</明细列表></单据>\n");
            }
            if piece.len() > PIECE_BYTES {
                chunk(to, &piece)?;
                piece.clear();
            }
        }
        if self.cut.is_none() {
            piece.push_str("</单据列表></费用大类></日清单></zy:费用></zy:住院费用清单>");
        }
        chunk(to, &piece)?;
        to.write_all(b"0\r\n\r\n")
    }
}

fn line(number: usize) -> String {
    format!(
        "<明细><流水号>FY{number:09}</流水号><项目编码>YP010001</项目编码><项目名称>注射用头孢曲松钠</项目名称>\
         <规格>1g</规格><单位>支</单位><单价>18.6600</单价><数量>1</数量><金额>18.6600</金额>\
         <计费时间>2024-05-10T08:01:00</计费时间><退费标志>N</退费标志></明细>\n"
    )
}

fn chunk(to: &mut impl Write, piece: &str) -> std::io::Result<()> {
    write!(to, "{:x}\r\n{piece}\r\n", piece.len())
}

/// Posts a list and gives the answer's envelope as JSON would say it.
#[track_caller]
fn post(agent: &Agent, list: &List) -> Value {
    let mut stream = TcpStream::connect(agent.his()).expect("the agent listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.write_all(HEAD.as_bytes()).expect("the agent reads");
    list.write(&mut stream).expect("the agent reads on");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the agent answers");
    let body = answer.split_once("\r\n\r\n").expect("an answer has a body").1;
    element(body, "response").unwrap_or_else(|| panic!("{answer}\n{}", agent.log()))
}

/// The XML of an answer as the JSON that it stands for.
fn element(xml: &str, name: &str) -> Option<Value> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (inside, _) = rest.rsplit_once(&format!("</{name}>"))?;
    Some(value(inside))
}

fn value(inside: &str) -> Value {
    if !inside.starts_with('<') {
        return inside.parse::<u64>().map_or_else(|_| Value::from(inside), Value::from);
    }
    let mut members = serde_json::Map::new();
    let mut items = Vec::new();
    let mut rest = inside;
    while let Some((name, behind)) = rest.strip_prefix('<').and_then(|it| it.split_once('>')) {
        let end = format!("</{name}>");
        let Some((content, after)) = behind.split_once(&end) else { break };
        if name == "item" {
            items.push(value(content));
        } else {
            members.insert(name.to_owned(), value(content));
        }
        rest = after;
    }
    if items.is_empty() { Value::Object(members) } else { Value::Array(items) }
}

pub(crate) fn memory_kib(agent: &Agent, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).expect("it runs");
    let line = status.lines().find(|it| it.starts_with(what)).unwrap_or_default();
    line.split_ascii_whitespace().nth(1).and_then(|it| it.parse().ok()).unwrap_or(0)
}

/// How many bodies lie in the spool folder.
fn spooled(agent: &Agent) -> usize {
    let entries = fs::read_dir(agent.beside("spool")).expect("it is there").flatten();
    entries.filter(|it| it.path().is_file()).count()
}

const HEAD: &str = "POST /v1/channels/long/messages HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\
    Content-Type: text/xml; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n";
const BILL_LINES: usize = 50;
const PIECE_BYTES: usize = 64 << 10;
const PATIENCE: Duration = Duration::from_mins(10);

/// The store's write buffer and what the records need on their way, whatever the length.
const GROWTH_MAX_KIB: u64 = 128 << 10;
