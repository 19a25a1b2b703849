//! Each thing that somebody is to be told of is made to happen, and read as the chat robots of WeCom and DingTalk
//! read it.

use rustls::version::TLS13;
use tests::chance::is_long;
use tests::his::Caller;

use super::*;

#[test]
fn what_keeps_messages_out_or_ends_soon_is_told_to_both_robots_until_it_is_over() {
    let made = Certificates::new();
    made.sign("server", "mq.test", 3 * 86_400);
    let (wecom, ding) = (Sink::robot(), Sink::robot());
    let alerts = format!(
        "[tls]\ncert_file = \"{}\"\nkey_file = \"{}\"\n[access]\nwithout_token = \"nobody\"\n\
         failures_max = 3\nlock_ms = 10000\n[[caller]]\nname = \"his\"\ntoken_sha256 = \"{SHA}\"\nverbs = [\"message\"]\n{}",
        made.path("server.pem").display(),
        made.path("server.key").display(),
        robots(&made, &wecom, &ding)
    );
    let agent = Agent::start(Setup { channels: alerts, faults: true, ..Setup::files() });
    let both = |what: &str, parts: &[&str]| {
        for (name, sink) in [("wecom", &wecom), ("ding", &ding)] {
            let is_told = || {
                let told = sink.told();
                told.iter().any(|it| parts.iter().all(|part| it.contains(part)))
            };
            let is_told = wait_until(PATIENCE, is_told);
            assert!(is_told, "{name}: {what}: {:#?}\n{}", sink.told(), agent.log());
        }
    };
    let call = |token: &str, body: &[u8]| {
        let sealed = made.client(None, &TLS13);
        let mut line = Caller::connect_sealed(agent.his(), sealed, "mq.test").expect("it listens");
        let token = format!("Bearer {token}");
        let headers = [("Content-Type", "application/json"), ("Authorization", token.as_str())];
        let path = "/v1/channels/cdss/messages";
        line.call("POST", path, &headers, body).expect("an answer").status
    };
    both("a certificate", &["严重", "I230", "的证书还有 2 天到期"]);
    assert_eq!(call("test", b"{\"a\":"), 400);
    both("a dead letter", &["死信 1 封", "messages list --state dead --code D"]);
    for _ in 0..3 {
        assert_eq!(call("guessed", b"{}"), 401);
    }
    both("guessed tokens", &["I225", "1 个地址反复出示错误的令牌"]);
    both("the end of it", &["已恢复", "I225"]);
    agent.disk().pretend_free(1 << 20);
    both("closed doors", &["严重", "O107", "暂停接收"]);
    agent.disk().pretend_free(1 << 38);
    both("open doors", &["已恢复", "O107"]);
    let colours: usize = wecom.told().iter().map(|it| check_wecom(it)).sum();
    assert!(colours > 0, "no colour was looked at: is it written otherwise now?");
    ding.told().iter().for_each(|it| check_ding(it));
}

/// Nothing is said of hours before five minutes were measured; so this one is for those who have the time.
#[test]
fn hours_that_the_disk_would_do_are_told() {
    if !is_long() {
        return;
    }
    let made = Certificates::new();
    let (wecom, ding) = (Sink::robot(), Sink::robot());
    let channels =
        robots(&made, &wecom, &ding).replace("capacity_hours = 0", "capacity_hours = 8760");
    let agent = Agent::start(Setup { channels, faults: true, ..Setup::files() });
    agent.disk().pretend_free(1 << 32);
    let case = tests::cases::Case::of("rows");
    let begun = Instant::now();
    let mut n = 0;
    let is_told =
        || wecom.told().iter().chain(&ding.told()).filter(|it| it.contains("O110")).count();
    while is_told() < 2 {
        assert!(begun.elapsed() < Duration::from_mins(8), "{}", agent.log());
        tests::his::send(agent.his(), &case.numbered(n)).expect("the agent answers");
        n += 1;
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(wecom.told().concat().contains("平台中断时磁盘只够再撑"), "{:?}", wecom.told());
}

fn robots(made: &Certificates, wecom: &Sink, ding: &Sink) -> String {
    let secret = |name: &str, text: &str| {
        let path = made.folder().join(name);
        fs::write(&path, text).expect("a folder of ours");
        format!("\"file:{}\"", path.display())
    };
    let wecom = secret("wecom", &format!("http://{}/cgi-bin/webhook/send?key=k", wecom.at));
    let ding = secret("ding", &format!("http://{}/robot/send?access_token=t", ding.at));
    let sign = secret("sign", SIGN);
    format!(
        "[alerts]\nhold_ms = 300\nclear_ms = 300\ncapacity_hours = 0\n\
         [[alert]]\nname = \"wecom\"\nkind = \"webhook\"\ngroup_ms = 200\nurl = {wecom}\n\
         template = \"wecom\"\n\
         [[alert]]\nname = \"ding\"\nkind = \"webhook\"\ngroup_ms = 200\nurl = {ding}\n\
         template = \"dingtalk\"\nsign_key = {sign}\n"
    )
}

/// As 企业微信 says what it takes: markdown of at most 4096 bytes. Gives how many colours it has.
fn check_wecom(told: &str) -> usize {
    let (path, body) = told.split_once('\n').expect("path and body");
    assert_eq!(path, "/cgi-bin/webhook/send?key=k");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["msgtype"], "markdown");
    let content = body["markdown"]["content"].as_str().expect("its text");
    assert!(
        content.starts_with("**[前置机 示例市人民医院] ") && content.len() <= 4_096,
        "{content}"
    );
    let colours: Vec<&str> = content.split("<font color=\"").skip(1).collect();
    for colour in &colours {
        let known =
            ["info", "comment", "warning"].iter().any(|it| colour.starts_with(&format!("{it}\">")));
        assert!(known && colour.contains("</font>"), "{content}");
    }
    colours.len()
}

/// As 钉钉 says what it takes: title and text, and a signature of a time that is not an hour ago.
fn check_ding(told: &str) {
    let (path, body) = told.split_once('\n').expect("path and body");
    let (at, sign) = path
        .strip_prefix("/robot/send?access_token=t&timestamp=")
        .and_then(|it| it.split_once("&sign="))
        .unwrap_or_else(|| panic!("{path}"));
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let age = now.as_millis().abs_diff(at.parse().expect("milliseconds"));
    assert!(age < 3_600_000, "{path}");
    let line = format!(
        "printf '%s\\n%s' {at} {SIGN} | openssl dgst -sha256 -hmac {SIGN} -binary | base64 \
         | sed 's/+/%2B/g; s,/,%2F,g; s/=/%3D/g'"
    );
    let made = Command::new("/bin/sh").args(["-c", &line]).output().expect("openssl is there");
    assert_eq!(String::from_utf8(made.stdout).expect("ASCII").trim(), sign);
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["msgtype"], "markdown");
    let [title, text] =
        ["title", "text"].map(|it| body["markdown"][it].as_str().expect("it has one"));
    assert!(text.starts_with(&format!("#### {title}\n")) && text.len() < 20_000, "{text}");
}

const SIGN: &str = "SECabc";
/// Of `test`.
const SHA: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
