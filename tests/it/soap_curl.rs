//! The SOAP door by curl, which shares no code with the agent and none with these tests: what HIS programs
//! send that nobody can install here, as bytes, and bodies with no envelope, each as it is.

use std::fs;
use std::process::Command;

use tests::agent::{Agent, Setup};
use tests::cases::{Case, Message};
use tests::command::{in_gbk, past_proxies};

use crate::soap_clients::check_records;

/// One service for each kind of client; all read what sample messages of the platform read.
const SERVICES: &str = r#"
[[channel]]
name = "asmx"
mappings = ["platform/"]
[channel.soap]
namespace = "http://tempuri.org/"
paths = ["/x/Service.asmx"]
[[channel.soap.operation]]
name = "CallInterface"
parameters = ["msgHeader", "msgBody"]

[[channel]]
name = "cxf"
mappings = ["platform/"]
[channel.soap]
namespace = "http://service.his.example/"
qualified = false
[[channel.soap.operation]]
name = "CallInterface"
parameters = ["msgHeader", "msgBody"]
results = ["return"]
action = ""

[[channel]]
name = "delphi"
mappings = ["platform/"]
[channel.soap]
namespace = "urn:HisIntf-IHis"
style = "encoded"
[[channel.soap.operation]]
name = "CallInterface"
parameters = ["msgHeader", "msgBody"]
results = ["return"]

[[channel]]
name = "bare"
mappings = ["platform/"]
[channel.soap]
namespace = "http://tempuri.org/"
style = "bare"
[[channel.soap.operation]]
name = "CallInterface"
parameters = ["msgHeader", "msgBody"]

[[channel]]
name = "datapacket"
mappings = ["datapacket/"]

[[channel]]
name = "yiyao"
mappings = ["yiyao/"]

[[channel]]
name = "pass"
mappings = ["pass/"]
[channel.soap]
namespace = "http://tempuri.org/"
paths = ["/PASSwebService.asmx"]
[[channel.soap.operation]]
name = "Mc_DoScreen"
parameters = ["psJSONStr"]
to = "checks"
"#;

/// A client that is not to be had here: what it calls, the heads it sends, and its envelope, in which
/// HEADER and BODY stand for the two strings.
struct Replayed {
    name: &'static str,
    channel: &'static str,
    curl: &'static [&'static str],
    envelope: &'static str,
    charset: &'static str,
    is_escaped: bool,
    /// What stands right before the result, so that a proxy finds it.
    answer: &'static str,
}

const V11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const V12: &str = "http://www.w3.org/2003/05/soap-envelope";

const MSXML: &str = "<?xml version=\"1.0\" encoding=\"gb2312\"?><soap:Envelope xmlns:soap=\"V11\"><soap:Body>\
    <CallInterface xmlns=\"http://tempuri.org/\"><msgHeader>HEADER</msgHeader><msgBody>BODY</msgBody></CallInterface>\
    </soap:Body></soap:Envelope>";
const WCF: &str = "<s:Envelope xmlns:s=\"V11\"><s:Body xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
    xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\"><CallInterface xmlns=\"http://tempuri.org/\"><msgHeader>HEADER\
    </msgHeader><msgBody>BODY</msgBody></CallInterface></s:Body></s:Envelope>";
const CXF: &str = "<soap:Envelope xmlns:soap=\"V11\"><soap:Body><ns2:CallInterface xmlns:ns2=\
    \"http://service.his.example/\"><msgHeader>HEADER</msgHeader><msgBody>BODY</msgBody></ns2:CallInterface>\
    </soap:Body></soap:Envelope>";
const DELPHI: &str = "<?xml version=\"1.0\"?>\r\n<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"V11\" \
    xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
    xmlns:SOAP-ENC=\"http://schemas.xmlsoap.org/soap/encoding/\"><SOAP-ENV:Body SOAP-ENV:encodingStyle=\
    \"http://schemas.xmlsoap.org/soap/encoding/\"><NS1:CallInterface xmlns:NS1=\"urn:HisIntf-IHis\">\
    <msgHeader xsi:type=\"xsd:string\">HEADER</msgHeader><msgBody xsi:type=\"xsd:string\">BODY</msgBody>\
    </NS1:CallInterface></SOAP-ENV:Body></SOAP-ENV:Envelope>\r\n";
const PLAIN: &str = "<s:Envelope xmlns:s=\"V12\"><s:Body><CallInterface xmlns=\"http://tempuri.org/\"><msgHeader>\
    <![CDATA[HEADER]]></msgHeader><msgBody><![CDATA[BODY]]></msgBody></CallInterface></s:Body></s:Envelope>";
const GBK: &str = "<?xml version=\"1.0\" encoding=\"GBK\"?><s:Envelope xmlns:s=\"V11\"><s:Body><CallInterface \
    xmlns=\"http://tempuri.org/\"><msgHeader><![CDATA[HEADER]]></msgHeader><msgBody><![CDATA[BODY]]></msgBody>\
    </CallInterface></s:Body></s:Envelope>";
const BARE: &str = "<?xml version=\"1.0\" encoding=\"GBK\"?><s:Envelope xmlns:s=\"V11\"><s:Body><msgHeader \
    xmlns=\"http://tempuri.org/\"><![CDATA[HEADER]]></msgHeader><msgBody xmlns=\"http://tempuri.org/\"><![CDATA[BODY]]>\
    </msgBody></s:Body></s:Envelope>";

const DOTNET: &str =
    "<CallInterfaceResponse xmlns=\"http://tempuri.org/\"><CallInterfaceResult>&lt;";

const REPLAYED: [Replayed; 10] = [
    // A text goes out as UTF-8, whatever its own declaration says.
    Replayed {
        name: "MSXML",
        channel: "asmx",
        curl: &[
            "-HAccept: */*",
            "-HAccept-Language: zh-cn",
            "-HContent-Type: text/xml; charset=gb2312",
            "-HSOAPAction: http://tempuri.org/CallInterface",
            "-HUser-Agent: Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 6.1; Trident/4.0)",
            "-HCache-Control: no-cache",
        ],
        envelope: MSXML,
        charset: "utf-8",
        is_escaped: true,
        answer: DOTNET,
    },
    Replayed {
        name: "WCF",
        channel: "asmx",
        curl: &[
            "-HContent-Type: text/xml; charset=utf-8",
            "-HSOAPAction: \"http://tempuri.org/CallInterface\"",
            "-HExpect: 100-continue",
            "--compressed",
            "-HConnection: Keep-Alive",
        ],
        envelope: WCF,
        charset: "utf-8",
        is_escaped: true,
        answer: DOTNET,
    },
    Replayed {
        name: "CXF",
        channel: "cxf",
        curl: &[
            "-HContent-Type: text/xml; charset=UTF-8",
            "-HAccept: */*",
            "-HSOAPAction: \"\"",
            "-HUser-Agent: Apache-CXF/3.3.6",
            "-HTransfer-Encoding: chunked",
        ],
        envelope: CXF,
        charset: "utf-8",
        is_escaped: true,
        answer: "CallInterfaceResponse xmlns:m=\"http://service.his.example/\"><return>&lt;",
    },
    Replayed {
        name: "THTTPRIO",
        channel: "delphi",
        curl: &[
            "-HContent-Type: text/xml",
            "-HSOAPAction: \"urn:HisIntf-IHis#CallInterface\"",
            "-HUser-Agent: Borland SOAP 1.2",
        ],
        envelope: DELPHI,
        charset: "utf-8",
        is_escaped: true,
        answer: "<return xsi:type=\"xsd:string\">&lt;",
    },
    Replayed {
        name: "SOAP 1.2",
        channel: "asmx",
        curl: &[
            "-HContent-Type: application/soap+xml; charset=utf-8; action=\"http://tempuri.org/CallInterface\"",
        ],
        envelope: PLAIN,
        charset: "utf-8",
        is_escaped: false,
        answer: DOTNET,
    },
    Replayed {
        name: "GBK",
        channel: "asmx",
        curl: &["-HContent-Type: text/xml; charset=GBK"],
        envelope: GBK,
        charset: "gbk",
        is_escaped: false,
        answer: DOTNET,
    },
    Replayed {
        name: "GBK in SOAP 1.2 that nobody declares",
        channel: "asmx",
        curl: &["-HContent-Type: application/soap+xml"],
        envelope: PLAIN,
        charset: "gbk",
        is_escaped: false,
        answer: DOTNET,
    },
    Replayed {
        name: "no Content-Type, HTTP/1.0",
        channel: "asmx",
        curl: &["-HContent-Type:", "--http1.0"],
        envelope: WCF,
        charset: "utf-8",
        is_escaped: true,
        answer: DOTNET,
    },
    Replayed {
        name: "Content-Type: Content-Type",
        channel: "asmx",
        curl: &["-HContent-Type: Content-Type"],
        envelope: WCF,
        charset: "utf-8",
        is_escaped: true,
        answer: DOTNET,
    },
    Replayed {
        name: "bare, GBK",
        channel: "bare",
        curl: &[
            "-HContent-Type: text/xml; charset=GBK",
            "-HSOAPAction: \"http://tempuri.org/CallInterface\"",
        ],
        envelope: BARE,
        charset: "gbk",
        is_escaped: false,
        answer: "CallInterfaceResult xmlns=\"http://tempuri.org/\">&lt;",
    },
];

#[test]
fn what_clients_send_that_are_not_here_is_answered_and_its_records_are_right() {
    let agent = agent();
    let mut sent = Vec::new();
    for (client, n) in REPLAYED.iter().zip(1..) {
        let message =
            Message { channel: client.channel.to_owned(), ..Case::of("platform").numbered(n) };
        let body = client.body(&message);
        let path = format!("/soap/{}", client.channel);
        let answer = post(&agent, &path, client.curl, &body);
        let is_v12 = client.envelope.contains("V12");
        let version = if is_v12 { V12 } else { V11 };
        for part in [client.answer, &format!("=\"{version}\""), "outpatient_prescription"] {
            assert!(answer.contains(part), "{}: {part} is not in {answer}", client.name);
        }
        sent.push(message);
    }
    check_records(&agent, &sent);
}

/// Bodies without an envelope, as the vendors' programs send them: names of elements in pinyin and in
/// Chinese, GBK that calls itself UTF-8, a declaration that is none, JSON in GB18030.
#[test]
fn bodies_of_six_vendors_go_as_they_are() {
    let agent = agent();
    let typed = |vendor: &str| match vendor {
        "cdss" => "-HContent-Type: application/json",
        "rows" => "-HContent-Type: text/xml; charset=utf-8",
        _ => "-HContent-Type: text/xml",
    };
    let mut sent: Vec<Message> = ["pinyin", "rows", "cdss", "datapacket"]
        .iter()
        .zip(100..)
        .map(|(vendor, n)| Case::of(vendor).numbered(n))
        .collect();
    // Chinese names in GBK, and nothing at all says so.
    let unsaid = Case::of("rows").numbered(110);
    sent.push(unsaid.spoilt("<?xml version=\"1.0\" encoding=\"utf-8\"?>", ""));
    sent.last_mut().expect("just put in").records = unsaid.records;
    for message in &sent {
        let answer = post(&agent, &message.path(), &[typed(&message.channel)], &message.bytes);
        assert!(answer.contains("outpatient_prescription"), "{}: {answer}", message.channel);
    }
    check_records(&agent, &sent);
    let form = "-HContent-Type: application/x-www-form-urlencoded; charset=utf-8";
    let review = |vendor: &str, path: &str, part: &str| {
        let body = fs::read(tests::cases::mappings().join(format!("{vendor}/cases/review.in.txt")));
        let answer = post(&agent, path, &[form], &body.expect("a case"));
        assert!(answer.contains(part), "{vendor}: {part} is not in {answer}");
        assert!(!answer.contains("未被接收"), "{vendor}: {answer}");
    };
    review("yiyao", "/v1/channels/yiyao/checks", "<event_no><![CDATA[MZ20240515003]]></event_no>");
    review("pass", "/PASSwebService.asmx/Mc_DoScreen", "\"HighestSlcode\":");
}

#[test]
fn forms_faults_and_descriptions_reach_curl_too() {
    let agent = agent();
    let message = Message { channel: "asmx".to_owned(), ..Case::of("platform").numbered(200) };
    let fields = ["msgHeader", "msgBody"].iter().zip(message.strings()).map(|(name, text)| {
        let path = agent.beside(name);
        fs::write(&path, text).expect("our own folder");
        format!("{name}@{}", path.display())
    });
    let fields: Vec<String> = fields.collect();
    let form: Vec<&str> = fields.iter().flat_map(|it| ["--data-urlencode", it]).collect();
    let answer = curl(&agent, "/x/Service.asmx/CallInterface", &form);
    assert!(answer.contains("<string xmlns=\"http://tempuri.org/\">&lt;"), "{answer}");
    assert!(answer.ends_with("\n200"), "{answer}");
    check_records(&agent, &[message]);

    let wrong = WCF.replace("V11", V11).replace("http://tempuri.org/", "http://tempuri.org");
    let answer = curl(&agent, "/x/Service.asmx", &["-HContent-Type: text/xml", "--data", &wrong]);
    assert!(answer.contains("<soap:Fault>") && answer.contains("D606"), "{answer}");
    assert!(answer.ends_with("\n500"), "{answer}");
    // WCF's own description is split by imports: here it is one.
    let whole = curl(&agent, "/x/Service.asmx?singleWsdl", &[]);
    assert!(whole.contains("CallInterface") && !whole.contains("import"), "{whole}");
}

impl Replayed {
    /// The bytes it sends for a message.
    fn body(&self, message: &Message) -> Vec<u8> {
        let [header, body] = message.strings().map(|it| {
            let escaped = || it.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            if self.is_escaped { escaped() } else { it }
        });
        let text = self.envelope.replace("V11", V11).replace("V12", V12);
        let text = text.replace("HEADER", &header).replace("BODY", &body);
        if self.charset == "gbk" { in_gbk(&text) } else { text.into_bytes() }
    }
}

fn agent() -> Agent {
    Agent::start(Setup { channels: SERVICES.to_owned(), ..Setup::files() })
}

/// What is answered to a post that is taken.
#[track_caller]
fn post(agent: &Agent, path: &str, arguments: &[&str], body: &[u8]) -> String {
    let body_file = agent.beside("curl.body");
    fs::write(&body_file, body).expect("our own folder");
    let data = format!("@{}", body_file.display());
    let answer = curl(agent, path, &[&["--data-binary", &data], arguments].concat());
    let answer = answer.strip_suffix("\n200");
    answer.unwrap_or_else(|| panic!("{path}: {arguments:?}")).to_owned()
}

/// What curl prints: the body, and the status in a line of its own.
#[track_caller]
fn curl(agent: &Agent, path: &str, arguments: &[&str]) -> String {
    let mut curl = Command::new("curl");
    // `-q`: nor has it settings of its own.
    let ran = past_proxies(&mut curl)
        .args([
            "-q",
            "--silent",
            "--show-error",
            "--max-time",
            "60",
            "--write-out",
            "\n%{http_code}",
        ])
        .args(arguments)
        .arg(format!("http://{}{path}", agent.his()))
        .output()
        .expect("`make setup-tests` installs curl");
    assert!(ran.status.success(), "{path}: {}", ran.stderr.escape_ascii());
    String::from_utf8(ran.stdout).expect("UTF-8")
}
