//! The SOAP door by raw bytes: addresses, descriptions, versions, namespaces, faults, encodings, form
//! posts, and checks while the doctor waits.

use std::fs;

use tests::agent::{Agent, Setup};
use tests::cases::{self, Case};
use tests::command::in_gbk;
use tests::his::{Answer, Caller, get};

const CHANNELS: &str = r#"
[[channel]]
name = "short"
mappings = ["platform/"]
[channel.soap]
namespace = "urn:short"
paths = ["/ESB"]
[[channel.soap.operation]]
name = "CallInterface"
parameters = ["msgHeader", "msgBody"]

[[channel]]
name = "asmx"
mappings = ["platform/"]
[channel.soap]
namespace = "http://www.zysoft.com.cn/"
also_namespaces = ["www.zysoft.com.cn"]
paths = ["/ESB/Service.asmx"]
trust_forwarded = true
get = true
[[channel.soap.operation]]
name = "CallInterface"
parameters = ["msgHeader", "msgBody"]
[[channel.soap.operation]]
name = "Check"
parameters = ["msgHeader", "msgBody"]
results = ["code:ReturnCode", "ReturnXml", "message:ReturnText"]
to = "checks"
[[channel.soap.operation]]
name = "审方"
parameters = ["msgHeader", "msgBody"]
to = "checks"

[[channel]]
name = "gbk"
mappings = ["platform/"]
[channel.soap]
namespace = ""
address = "http://10.1.1.1:80/gbk"
answer_as_called = true
[[channel.soap.operation]]
name = "CallInterface"
parameters = ["msgHeader", "msgBody"]

[[channel]]
name = "pharmacy"
mappings = ["pass/"]
[channel.soap]
namespace = "http://tempuri.org/"
paths = ["/PASSwebService.asmx"]
[[channel.soap.operation]]
name = "Mc_DoScreen"
parameters = ["psJSONStr"]
to = "checks"
"#;

/// Two services, of other clients, whose calls one channel reads.
const SHARED: &str = r#"
[[channel]]
name = "old"
mappings = ["platform/"]
[channel.soap]
namespace = "urn:old"
[[channel.soap.operation]]
name = "CallInterface"
parameters = ["msgHeader", "msgBody"]
channel = "platform"

[[channel]]
name = "new"
mappings = ["platform/"]
[channel.soap]
namespace = "urn:new"
[[channel.soap.operation]]
name = "CallInterface"
parameters = ["msgHeader", "msgBody"]
results = ["code:c", "r"]
channel = "platform"
[[channel.soap.operation]]
name = "Check"
parameters = ["msgHeader", "msgBody"]
channel = "platform"
to = "checks"
"#;

const V11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const V12: &str = "http://www.w3.org/2003/05/soap-envelope";
const XML: (&str, &str) = ("Content-Type", "text/xml; charset=utf-8");

#[test]
fn one_description_is_served_whose_address_the_caller_can_reach() {
    let agent = agent();
    let his = agent.his();
    for query in ["wsdl", "WSDL", "wsdl=1", "singleWsdl"] {
        for path in ["/soap/asmx", "/ESB/Service.asmx", "/esb/service.ASMX"] {
            let answer = get(his, &format!("{path}?{query}")).expect("an answer");
            assert_eq!(answer.header("content-type"), Some("text/xml; charset=utf-8"));
            says(&answer, 200, &format!("location=\"http://his-agent{path}\""));
            assert_eq!(answer.text().matches("location=").count(), 2);
        }
    }
    let proxied = [("X-Forwarded-Host", "esb.hospital"), ("X-Forwarded-Proto", "https")];
    let ask = |path: &str| {
        Caller::connect(his).expect("a door").call("GET", path, &proxied, b"").expect("an answer")
    };
    says(&ask("/ESB/Service.asmx?wsdl"), 200, "location=\"https://esb.hospital/ESB/Service.asmx\"");
    says(
        &ask("/PASSwebService.asmx?wsdl"),
        200,
        "location=\"http://his-agent/PASSwebService.asmx\"",
    );
    says(&ask("/soap/gbk?wsdl"), 200, "location=\"http://10.1.1.1:80/gbk\"");
    says(&ask("/soap/platform?wsdl"), 404, "[channel.soap]");
    says(&ask("/soap/asmx"), 200, "<li>CallInterface</li>");
    says(&ask("/nowhere?wsdl"), 404, "I105");
}

#[test]
fn calls_are_answered_in_their_version_and_in_no_namespace_but_the_services() {
    let agent = agent();
    for (envelope, media) in [(V11, "text/xml"), (V12, "application/soap+xml")] {
        for (named, answered) in [
            (" xmlns=\"http://www.zysoft.com.cn/\"", "http://www.zysoft.com.cn/"),
            (" xmlns=\"www.zysoft.com.cn\"", "www.zysoft.com.cn"),
            ("", "http://www.zysoft.com.cn/"),
        ] {
            let answer = call(&agent, envelope, "CallInterface", named);
            let expected =
                format!("<CallInterfaceResponse xmlns=\"{answered}\"><CallInterfaceResult>");
            says(&answer, 200, &expected);
            says(&answer, 200, &format!("xmlns:soap=\"{envelope}\""));
            assert_eq!(answer.header("content-type"), Some(&*format!("{media}; charset=utf-8")));
            assert_eq!(answer.said().receipt.records.len(), 6);
        }
        let wrong = call(&agent, envelope, "CallInterface", " xmlns=\"http://tempuri.org/\"");
        fault(&wrong, envelope, "本服务的命名空间：&quot;http://www.zysoft.com.cn/&quot;");
        let unknown = call(&agent, envelope, "Nothing", " xmlns=\"http://www.zysoft.com.cn/\"");
        fault(&unknown, envelope, "本服务的方法：CallInterface、Check");
    }
    let post = |content_type: &str, body: &str| {
        post(&agent, "/ESB/Service.asmx", &[("Content-Type", content_type)], body.as_bytes())
    };
    fault(&post("application/soap+xml", ""), V12, "D101");
    fault(&post("text/xml", "<a"), V11, "D3");
    // Whatever the header says, what is SOAP is read.
    let body = envelope(V11, "CallInterface", " xmlns=\"www.zysoft.com.cn\"");
    for odd in ["Content-Type", "text/html", "application/x-www-form-urlencoded", "text/plain"] {
        says(&post(odd, &body), 200, "CallInterfaceResult");
    }
}

#[test]
fn a_form_calls_the_operation_of_its_address() {
    let agent = agent();
    let [header, body] = strings();
    let form =
        format!("msgHeader={}&msgBody={}", escaped(header.as_bytes()), escaped(body.as_bytes()));
    let typed = |it| [("Content-Type", it)];
    let plain = typed("application/x-www-form-urlencoded");
    let opening =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><string xmlns=\"http://www.zysoft.com.cn/\">";
    let answer = post(&agent, "/esb/service.asmx/CallInterface", &plain, form.as_bytes());
    says(&answer, 200, opening);
    assert!(answer.text().ends_with("</string>"), "{}", answer.text());
    says(&answer, 200, "outpatient_prescription");
    // In GBK, declared and not.
    let gbk = in_gbk(&format!("{header}\u{1}{body}"));
    let mut parts = gbk.split(|it| *it == 1).map(escaped);
    let form = format!(
        "msgHeader={}&msgBody={}",
        parts.next().unwrap_or_default(),
        parts.next().unwrap_or_default()
    );
    for media in
        ["application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=GBK"]
    {
        let answer =
            post(&agent, "/ESB/Service.asmx/CallInterface", &typed(media), form.as_bytes());
        says(&answer, 200, "duplicate");
    }
    let answer = Caller::connect(agent.his()).expect("a door");
    let path = format!("/ESB/Service.asmx/CallInterface?{form}");
    let answer = { answer }.call("GET", &path, &[], b"").expect("an answer");
    says(&answer, 200, "duplicate");
    let unknown = post(&agent, "/ESB/Service.asmx/Nothing", &plain, b"a=1");
    assert_eq!(unknown.header("content-type"), Some("text/plain; charset=utf-8"));
    says(&unknown, 400, "本服务的方法：CallInterface、Check");
    // PASS pages post JSON in a field, and read it out of a string.
    let review = fs::read(cases::mappings().join("pass/cases/review.in.txt")).expect("a case");
    let answer = post(&agent, "/PASSwebService.asmx/Mc_DoScreen", &plain, &review);
    says(&answer, 200, "<string xmlns=");
    assert_eq!(answer.text().matches("<string").count(), 1, "{}", answer.text());
    says(&answer, 200, "\"HighestSlcode\":");
}

#[test]
fn a_check_is_answered_in_the_results_of_its_operation_and_stores_nothing() {
    let agent = agent();
    let answer = call(&agent, V12, "Check", " xmlns=\"http://www.zysoft.com.cn/\"");
    says(
        &answer,
        200,
        "<CheckResponse xmlns=\"http://www.zysoft.com.cn/\"><ReturnCode>0</ReturnCode><ReturnXml>{",
    );
    says(&answer, 200, "&quot;outcome&quot;:");
    says(&answer, 200, "</ReturnXml><ReturnText>成功</ReturnText></CheckResponse>");
    assert_eq!(agent.readiness()["outbox"]["next_seq"], 1, "a check stores nothing");
    let broken = envelope(V11, "Check", " xmlns=\"www.zysoft.com.cn\"")
        .replace("quantity>1<", "quantity>x<");
    let answer = post(&agent, "/soap/asmx", &[XML], broken.as_bytes());
    says(&answer, 200, "<ReturnCode>12</ReturnCode><ReturnXml>{");
    says(&answer, 200, "M201");
    // The action tells it, where the body's element is of another name.
    let other = envelope(V11, "Anything", " xmlns=\"www.zysoft.com.cn\"");
    let action = ("SOAPAction", "\"http://www.zysoft.com.cn/Check\"");
    says(&post(&agent, "/soap/asmx", &[XML, action], other.as_bytes()), 200, "<ReturnCode>0<");
    let answer = post(&agent, "/soap/asmx", &[XML, action], b"<s:Envelope");
    fault(&answer, V11, "[D3");
}

/// A check that is stored and answered as received would be believed to have been checked.
#[test]
fn what_a_body_calls_decides_its_road_and_the_address_only_what_calls_nothing() {
    let agent = agent();
    let [header, body] = strings();
    let form =
        format!("msgHeader={}&msgBody={}", escaped(header.as_bytes()), escaped(body.as_bytes()));
    let plain = "application/x-www-form-urlencoded";
    let at = |operation: &str, content_type: &str, body: &str| {
        let path = format!("/ESB/Service.asmx/{operation}");
        post(&agent, &path, &[("Content-Type", content_type)], body.as_bytes())
    };
    let forged = "application/x-www-form-urlencoded; operation=CallInterface";
    for (operation, content_type) in [
        ("Check%20", plain),
        ("Check;v=1", plain),
        ("Check%3Bjsessionid=1", plain),
        ("Check", forged),
        ("%E5%AE%A1%E6%96%B9", plain),
    ] {
        let answer = at(operation, content_type, &form);
        says(&answer, 200, "outcome");
        says(&answer, 200, "<string xmlns=");
    }
    let namespace = " xmlns=\"http://www.zysoft.com.cn/\"";
    let check = envelope(V11, "Check", namespace);
    says(&at("CallInterface", "text/xml", &check), 200, "<ReturnCode>0</ReturnCode><ReturnXml>{");
    let action = ("SOAPAction", "\"http://www.zysoft.com.cn/审方\"");
    let other = envelope(V11, "Anything", namespace);
    let answer = post(&agent, "/ESB/Service.asmx", &[XML, action], other.as_bytes());
    says(&answer, 200, "审方Result");
    // As long as a fee list: it is read beside the others.
    let blank = " ".repeat(300 * 1024);
    let long = check.replace("</s:Envelope>", &format!("{blank}</s:Envelope>"));
    says(&at("", "text/xml", &long), 200, "<ReturnCode>0</ReturnCode><ReturnXml>{");
    assert_eq!(agent.readiness()["outbox"]["next_seq"], 1, "a check stores nothing");
    let message = envelope(V11, "CallInterface", namespace);
    says(&at("Check", "text/xml", &message), 200, "CallInterfaceResult");
    assert_eq!(agent.readiness()["outbox"]["next_seq"], 7);
}

#[test]
fn the_service_that_was_called_answers_whoever_else_leads_to_the_same_channel() {
    let agent = Agent::start(Setup { channels: SHARED.to_owned(), ..Setup::files() });
    let call = |service: &str, operation: &str, content_type: &str| {
        let body = envelope(V11, operation, &format!(" xmlns=\"urn:{service}\""));
        post(
            &agent,
            &format!("/soap/{service}"),
            &[("Content-Type", content_type)],
            body.as_bytes(),
        )
    };
    let result = "<CallInterfaceResponse xmlns=\"urn:old\"><CallInterfaceResult>";
    says(&call("old", "CallInterface", "text/xml"), 200, result);
    let result = "<CallInterfaceResponse xmlns=\"urn:new\"><c>0</c><r>";
    says(&call("new", "CallInterface", "text/xml"), 200, result);
    // What the door notes, no caller can say.
    says(&call("new", "CallInterface", "text/xml; service=old"), 200, result);
    says(&call("new", "Check", "text/xml"), 200, "<CheckResponse xmlns=\"urn:new\"><CheckResult>");
    let unknown = post(&agent, "/soap/new", &[XML], b"<a");
    fault(&unknown, V11, "D3");
}

#[test]
fn a_service_may_answer_in_the_encoding_it_is_called_in() {
    let agent = agent();
    let body = in_gbk(&envelope(V11, "CallInterface", ""));
    let typed = [("Content-Type", "text/xml; charset=GBK")];
    let answer = post(&agent, "/soap/gbk", &typed, &body);
    assert_eq!(answer.header("content-type"), Some("text/xml; charset=gbk"));
    assert!(answer.body.windows(4).any(|it| it == b"\xB3\xC9\xB9\xA6"), "成功 in GBK");
    assert!(answer.body.starts_with(b"<?xml version=\"1.0\" encoding=\"gbk\"?>"));
    let answer = post(&agent, "/ESB/Service.asmx", &typed, &body);
    says(&answer, 200, "成功");
}

/// A call of the golden case's two strings.
fn call(agent: &Agent, version: &str, operation: &str, namespace: &str) -> Answer {
    let content_type = if version == V11 { "text/xml" } else { "application/soap+xml" };
    let body = envelope(version, operation, namespace);
    post(agent, "/ESB/Service.asmx", &[("Content-Type", content_type)], body.as_bytes())
}

fn envelope(version: &str, operation: &str, namespace: &str) -> String {
    let [header, body] = strings();
    format!(
        "<s:Envelope xmlns:s=\"{version}\"><s:Body><{operation}{namespace}><msgHeader><![CDATA[{header}]]>\
         </msgHeader><msgBody><![CDATA[{body}]]></msgBody></{operation}></s:Body></s:Envelope>"
    )
}

fn strings() -> [String; 2] {
    Case::of("platform").message().strings()
}

fn post(agent: &Agent, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut caller = Caller::connect(agent.his()).expect("the door is open");
    caller.call("POST", path, headers, body).expect("an answer")
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |all, it| all + &format!("%{it:02X}"))
}

#[track_caller]
fn says(answer: &Answer, status: u16, part: &str) {
    let text = answer.text();
    assert!(answer.status == status && text.contains(part), "{} {text}", answer.status);
}

#[track_caller]
fn fault(answer: &Answer, version: &str, part: &str) {
    says(answer, 500, "<soap:Fault>");
    says(answer, 500, &format!("xmlns:soap=\"{version}\""));
    says(answer, 500, part);
}

fn agent() -> Agent {
    // Checks are records, too, a moment later: here only messages are to be.
    let channels = format!("[check]\nreport = false\n{CHANNELS}");
    Agent::start(Setup { channels, ..Setup::files() })
}
