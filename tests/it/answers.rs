//! Answers in the caller's own dialect, over HTTP: what a client that nobody will recompile reads.

use tests::agent::{Agent, Setup};
use tests::cases;
use tests::his::{Answer, Caller};

const CHANNELS: &str = r#"
[[channel]]
name = "pass"
mappings = ["pass/"]
[[channel]]
name = "outmsg"
mappings = ["pinyin/"]
answer = "pinyin/answers/dialect.toml"
[[channel]]
name = "winning"
mappings = ["techservice/"]
answer = "techservice/answers/dialect.toml"
[[channel]]
name = "yaowei"
mappings = ["yaowei/"]
[[channel]]
name = "yiyao"
mappings = ["yiyao/"]
[[channel]]
name = "bsxml"
mappings = ["bsxml/"]
[[channel]]
name = "strings"
mappings = ["webapi/"]
answer = "webapi/answers/dialect.toml"
"#;

#[test]
fn a_review_is_answered_in_the_words_of_its_dialect() {
    let agent = agent();
    let review = read("pass/cases/review.in.txt");
    let long = review.replacen("\"duration\":7", "\"duration\":30", 1);
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    let ask = |door: &str, body: &str| post(&agent, &format!("pass/{door}"), form, body.as_bytes());

    // Metformin without a kidney value is not checked whole, which is no pass.
    says(&ask("checks", &review), 200, "{\"HighestSlcode\":-1,\"MustUseReason\":0,");
    let plain = review
        .replace("YP000118", "YP000413")
        .replace("盐酸二甲双胍片", "硫酸氢氯吡格雷片")
        .replace("\"DoseUnit\":\"g\"", "\"DoseUnit\":\"mg\"")
        .replace("0.5g*20片", "75mg*7片")
        .replace("\"2/1\",\"DosePerTime\":\"0.5\"", "\"1/1\",\"DosePerTime\":\"75\"");
    let passed = ask("checks", &plain);
    assert_eq!(passed.header("content-type"), Some("text/xml; charset=utf-8"));
    // Nothing was found, and not everything was known: that is no pass either.
    says(&passed, 200, "{\"HighestSlcode\":-1,\"MustUseReason\":0,\"ScreenResultDrugs\":[]}");
    assert!(
        passed.text().starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<string xmlns=")
    );
    assert!(passed.text().ends_with("</string>"));
    says(
        &ask("checks", &long),
        200,
        "\"ScreenResultDrugs\":[{\"DrugIndex\":\"1\",\"OrderNo\":1,\"DrugName\":\"苯磺酸氨氯地平片\",\"Slcode\":2",
    );
    assert_eq!(agent.readiness()["outbox"]["next_seq"], 1, "a check stores nothing");
    // What was not checked never looks like a pass.
    says(&ask("messages", &review), 200, "{\"HighestSlcode\":-2,");
    says(&ask("checks", "psJSONStr={"), 200, "{\"HighestSlcode\":-10,");
    let unknown = review.replacen("\"Sex\":\"男\"", "\"Sex\":\"<\\\"男\"", 1);
    says(&ask("checks", &unknown), 200, "psJSONStr/Patient/Sex");
}

/// The same prescription for thirty days, as five review products put it: each reads of it in its own
/// words. A request that nobody can read is told as such, and never looks like a pass.
#[test]
fn every_dialect_has_words_for_a_check() {
    let agent = agent();
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    let days = "【苯磺酸氨氯地平片】30日用量，一般不超过7日，请注明理由";
    let ask = |vendor: &str, content_type: &str, body: &[u8]| {
        let channel = if vendor == "webapi" { "strings" } else { vendor };
        post(&agent, &format!("{channel}/checks"), content_type, body)
    };
    for (channel, content_type, case, hit, not_read) in [
        (
            "pass",
            form,
            "long.in.txt",
            "\"HighestSlcode\":2,\"MustUseReason\":1",
            "\"HighestSlcode\":-10",
        ),
        ("yaowei", form, "long.in.txt", "<oeridid>CF202405150007-1</oeridid>", "<errormsg>"),
        (
            "yiyao",
            form,
            "long.in.txt",
            "<message><recipe_id><![CDATA[CF1]]></recipe_id><infos><info>",
            "未审查",
        ),
        (
            "bsxml",
            "text/xml",
            "soap-with-a-head.in.xml",
            "&lt;OrderId&gt;701&lt;/OrderId&gt;",
            "Fault",
        ),
        (
            "webapi",
            "application/json",
            "long.in.json",
            "{\"output_out\":\"[{\\\"code\\\":\\\"2\\\"",
            "JSON 没有结束",
        ),
    ] {
        let body = bytes(&format!("{channel}/cases/{case}"));
        let answer = ask(channel, content_type, &body);
        says(&answer, 200, hit);
        says(&answer, 200, days);
        let half = body.get(..body.len() / 2).expect("the half of it is there");
        let refused = ask(channel, content_type, half);
        assert!(refused.text().contains(not_read), "{channel}: {}", refused.text());
        assert!(
            !refused.text().contains("\\\"code\\\":\\\"0\\\""),
            "{channel}: {}",
            refused.text()
        );
    }
}

#[test]
fn receipts_come_in_the_callers_encoding_and_soap() {
    let agent = agent();
    let prescription = bytes("pinyin/cases/two-diagnoses-three-drugs.in.xml");
    let receipt = post(&agent, "outmsg/messages", "text/xml; charset=GBK", &prescription);
    assert_eq!(receipt.header("content-type"), Some("text/xml; charset=gbk"));
    assert_eq!(receipt.body, bytes("pinyin/cases/two-diagnoses-three-drugs.answer.accepted.out"));

    let call = bytes("techservice/cases/two-diagnoses-three-drugs.in.xml");
    let soap = "application/soap+xml; charset=utf-8";
    let receipt = post(&agent, "winning/messages", soap, &call);
    assert_eq!(receipt.header("content-type"), Some(soap));
    says(
        &receipt,
        200,
        "<TechServiceResponse xmlns=\"http://his.example/\"><returnCode>0</returnCode><returnXml>&lt;WinResponse&gt;",
    );
    // A call that cannot be read has nothing to be wrapped in: it is a fault of its version.
    let broken = call.get(..call.len() / 2).expect("the half of it is there");
    says(&post(&agent, "winning/messages", soap, broken), 500, "soap:Sender");
}

fn agent() -> Agent {
    // Checks are records, too, a moment later: here only messages are to be.
    let forward = format!("[check]\nreport = false\n{CHANNELS}");
    Agent::start(Setup { forward, ..Setup::files() })
}

fn post(agent: &Agent, path: &str, content_type: &str, body: &[u8]) -> Answer {
    let mut caller = Caller::connect(agent.his()).expect("the agent answers");
    let headers = [("Content-Type", content_type)];
    let path = format!("/v1/channels/{path}");
    caller.call("POST", &path, &headers, body).expect("an answer")
}

#[track_caller]
fn says(answer: &Answer, status: u16, expected: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.text().contains(expected), "`{expected}` is not in {}", answer.text());
}

fn bytes(case: &str) -> Vec<u8> {
    std::fs::read(cases::mappings().join(case)).expect("the case is shipped")
}

fn read(case: &str) -> String {
    String::from_utf8(bytes(case)).expect("this case is UTF-8")
}
