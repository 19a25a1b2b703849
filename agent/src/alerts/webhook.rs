//! A webhook: the notice as JSON, in the words of whoever listens there. WeCom (企业微信) and DingTalk (钉钉)
//! robots are shipped; any other is a template of the hospital's own.

use std::fmt::Write as _;
use std::time::Instant;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use rules::verdict::Bureau;

use super::notice::Sender;
use super::target::Notice;
use crate::config::WebhookConfig;
use crate::relay::exchange::{Client, Request};

/// The bodies that are shipped, by name, and what the answer to one that was taken has in it.
pub(crate) const SHIPPED: [(&str, &str, &str); 2] = [
    ("wecom", include_str!("templates/wecom.json"), "\"errcode\":0"),
    ("dingtalk", include_str!("templates/dingtalk.json"), "\"errcode\":0"),
];

/// Posts the notice. Blocks until it is answered or the time is up.
pub(super) fn send(
    config: &WebhookConfig,
    sender: &Sender,
    notice: &Notice,
    until: Instant,
) -> Result<Option<String>, String> {
    let told = notice.told(sender).to_string();
    let body = match &config.template {
        Some(template) => template.say(&told).map_err(|fault| format!("模板：{fault}"))?,
        None => told,
    };
    let mut headers = config.headers.clone();
    headers.push(("Content-Type".to_owned(), config.content_type.clone()));
    let request = Request {
        verb: "POST",
        path: signed(config.url.path(""), config.sign_key.as_deref(), Timestamp::now()),
        target: config.url.clone(),
        headers,
        body: Bytes::from(body),
    };
    let client = Client::new(config.ca_file.as_deref()).map_err(|it| format!("ca_file: {it}"))?;
    let reply = client.ask(&request, until).map_err(|why| unanswered(why).to_owned())?;
    let is_taken = config.answer_has.as_ref().is_none_or(|it| has(&reply.body, it));
    match reply.status {
        200..=299 if is_taken => Ok(None),
        status => Err(format!("答复 {status}：{}", excerpt(&reply.body))),
    }
}

/// Whether the text stands in the answer; blanks count on neither side.
fn has(answer: &[u8], text: &str) -> bool {
    let dense = |it: &[u8]| -> Vec<u8> {
        it.iter().copied().filter(|it| !it.is_ascii_whitespace()).collect()
    };
    let (answer, text) = (dense(answer), dense(text.as_bytes()));
    answer.windows(text.len().max(1)).any(|part| part == text)
}

/// DingTalk's way: the time and its HMAC-SHA256 behind the address.
fn signed(mut path: String, key: Option<&str>, now: Timestamp) -> String {
    let Some(key) = key else { return path };
    let at = now.as_millisecond();
    let hmac_key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    let proof = STANDARD.encode(hmac::sign(&hmac_key, format!("{at}\n{key}").as_bytes()));
    let sign = proof.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let mark = if path.contains('?') { '&' } else { '?' };
    let _ = write!(path, "{mark}timestamp={at}&sign={sign}");
    path
}

fn unanswered(why: Bureau) -> &'static str {
    match why {
        Bureau::Late => "时限内没有应答",
        Bureau::Garbled => "应答不是能读的 HTTP",
        _ => "连不上：核对地址、网络和证书",
    }
}

/// The beginning of what the other side says of itself.
fn excerpt(body: &[u8]) -> String {
    let text = str::from_utf8(body).unwrap_or("（不是 UTF-8）");
    text.chars().filter(|it| !it.is_control()).take(EXCERPT_MAX).collect()
}

const EXCERPT_MAX: usize = 160;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use mappings::RecordTemplate;

    use super::super::Severity;
    use super::super::notice::tests::{alert, sender};
    use super::*;

    /// Worked out with `openssl dgst -sha256 -hmac`.
    #[test]
    fn dingtalk_is_signed() {
        let now = Timestamp::from_millisecond(1_700_000_000_000).unwrap();
        let path = signed("/robot/send?access_token=t".to_owned(), Some("SECabc"), now);
        assert_eq!(
            path,
            "/robot/send?access_token=t&timestamp=1700000000000&sign=jcUpW0QmtKduN03n4JqQ0PBosVjqnM8gU7fIIvsDmCM%3D"
        );
        assert_eq!(signed("/x".to_owned(), None, now), "/x");
    }

    #[test]
    fn blanks_count_on_neither_side_of_an_answer() {
        for (text, expected) in
            [("\"errcode\": 0", true), ("\"errcode\":0", true), ("\"errcode\" : 1", false)]
        {
            assert_eq!(has(b"{ \"errcode\" :0, \"errmsg\": \"ok\" }", text), expected, "{text}");
        }
    }

    #[test]
    fn a_shipped_body_has_room_for_the_longest_night() {
        let mut long = alert("F101", Severity::Critical);
        long.text = "长".repeat(300);
        let (began, still) = (vec![long.clone(); 10], vec![long; 10]);
        let notice = Notice { began, still, ..Notice::default() };
        for (name, source, _) in SHIPPED {
            let template = RecordTemplate::parse(source).unwrap();
            let said = template.say(&notice.told(&sender()).to_string()).unwrap();
            let body: serde_json::Value = serde_json::from_str(&said).unwrap();
            let markdown = body["markdown"].as_object().unwrap();
            let text = markdown.get("content").or(markdown.get("text")).unwrap().as_str().unwrap();
            let rows = text.matches("长长").count() / 150;
            assert!(rows > 1 && text.len() < 4_096, "{name}: {rows} rows, {}", text.len());
            assert!(
                text.ends_with(&format!("还有 {} 项：his-agent alerts list", 20 - rows)),
                "{text}"
            );
        }
    }

    #[test]
    fn every_shipped_body_is_json_with_the_text_in_it() {
        let mut odd = alert("F101", Severity::Critical);
        odd.text = "引号\"、反斜杠\\、\n换行".to_owned();
        let notices = [
            Notice { began: vec![odd], ..Notice::default() },
            Notice { over: vec![alert("F101", Severity::Critical)], ..Notice::default() },
            Notice::test(),
        ];
        for (name, source, _) in SHIPPED {
            let template = RecordTemplate::parse(source).unwrap();
            for notice in &notices {
                let said = template.say(&notice.told(&sender()).to_string()).unwrap();
                let body: serde_json::Value = serde_json::from_str(&said)
                    .unwrap_or_else(|error| panic!("{name}: {error}: {said}"));
                assert_eq!(body["msgtype"], "markdown", "{name}");
                let text = body["markdown"].to_string();
                assert!(text.contains(&notice.title(&sender())), "{name}: {text}");
                assert!(text.len() < 4_096, "{name} takes no more");
            }
        }
    }
}
