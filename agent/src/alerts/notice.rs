//! What is said: a line for a subject, a text for a mail, JSON for a template. And who says it.

use std::fmt::Write as _;
use std::time::Instant;

use serde_json::{Value, json};

use super::target::Notice;
use super::{Alert, Severity, mail, syslog, webhook};
use crate::config::{AlertTarget, AlertWay, Config};
use crate::{clock, codes};

/// Whose notices these are.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(super) hospital: String,
    pub(super) code: String,
    pub(super) host: String,
}

impl Sender {
    pub(crate) fn of(config: &Config) -> Sender {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let is_plain = |it: &char| it.is_ascii_alphanumeric() || matches!(it, '-' | '.');
        let host: String = host.trim().chars().filter(is_plain).collect();
        let host = if host.is_empty() { "localhost".to_owned() } else { host };
        let (hospital, code) = (config.hospital.name.clone(), config.hospital.code.clone());
        Sender { hospital, code, host }
    }

    /// Says it by the target's way. `Some` tells what of it did not go well.
    pub(super) fn send(
        &self,
        target: &AlertTarget,
        notice: &Notice,
        until: Instant,
    ) -> Result<Option<String>, String> {
        match &target.way {
            AlertWay::Mail(config) => mail::send(config, self, notice, until),
            AlertWay::Webhook(config) => webhook::send(config, self, notice, until),
            AlertWay::Syslog(config) => syslog::send(config, self, notice, until),
        }
    }
}

impl Notice {
    /// Nothing is wrong: somebody wants to see that it arrives.
    pub(super) fn test() -> Notice {
        Notice { is_test: true, ..Notice::default() }
    }

    /// The worst of what it tells.
    pub(super) fn severity(&self) -> Severity {
        let standing = self.began.iter().chain(&self.still);
        standing.map(|it| it.severity).max().unwrap_or_default()
    }

    /// One line.
    pub(super) fn title(&self, sender: &Sender) -> String {
        let who = format!("[前置机 {}]", sender.hospital);
        let first = |word: &str, alerts: &[Alert]| {
            let codes: Vec<&str> =
                alerts.iter().take(CODES_MAX).map(|it| it.code.as_str()).collect();
            let more = if alerts.len() > CODES_MAX { " 等" } else { "" };
            format!("{who} {word} {}{more}", codes.join(" "))
        };
        match self {
            _ if self.is_test => format!("{who} 测试"),
            Notice { began, .. } if !began.is_empty() => {
                let worst = began.iter().map(|it| it.severity).max().unwrap_or_default();
                first(worst.zh(), began)
            }
            Notice { over, .. } if !over.is_empty() => first("恢复", over),
            Notice { still, .. } => first("仍未恢复", still),
        }
    }

    /// A text for people: what began, what is over, what stands still, and what to do.
    pub(super) fn text(&self, sender: &Sender) -> String {
        let now = clock::now().strftime("%Y-%m-%d %H:%M:%S");
        let (hospital, code, host) = (&sender.hospital, &sender.code, &sender.host);
        let mut out = format!("{hospital}（{code}） {host} {now}\n");
        if self.is_test {
            out.push_str("\n这是一次测试，没有告警。\n");
        }
        for (word, alerts) in
            [("新告警", &self.began), ("已恢复", &self.over), ("仍未恢复", &self.still)]
        {
            if alerts.is_empty() {
                continue;
            }
            let _ = write!(out, "\n{word}：\n");
            for it in alerts.iter().take(LINES_MAX) {
                let severity = it.severity.zh();
                let _ = writeln!(out, "- [{severity}] {} {}（自 {}）", it.code, it.text, when(it));
                if let Some(remedy) = remedy(it).filter(|_| word != "已恢复") {
                    let _ = writeln!(out, "  {remedy}");
                }
            }
            if alerts.len() > LINES_MAX {
                let _ =
                    writeln!(out, "- 还有 {} 项：his-agent alerts list", alerts.len() - LINES_MAX);
            }
        }
        out
    }

    /// What a template may ask for.
    pub(super) fn told(&self, sender: &Sender) -> Value {
        let mut room = TOLD_BYTES;
        let [began, over, still] =
            [&self.began, &self.over, &self.still].map(|it| fitting(it, &mut room));
        let all = self.began.len() + self.over.len() + self.still.len();
        let more = all - began.len() - over.len() - still.len();
        let severity = self.severity();
        json!({
            "hospital": sender.hospital,
            "org": sender.code,
            "host": sender.host,
            "at": clock::now().strftime("%Y-%m-%d %H:%M:%S").to_string(),
            "title": self.title(sender),
            "text": self.text(sender),
            "severity": severity.as_str(),
            "severity_zh": severity.zh(),
            "test": self.is_test,
            "began": began,
            "over": over,
            "still": still,
            "more": more,
        })
    }
}

/// As many, the first ones, as there is room for.
fn fitting(alerts: &[Alert], room: &mut usize) -> Vec<Value> {
    let has_room = |it: &&Alert| {
        let bytes = ROW_BYTES + it.text.len() + remedy(it).map_or(0, str::len);
        let left = room.checked_sub(bytes);
        *room = left.unwrap_or(0);
        left.is_some()
    };
    alerts.iter().take(LINES_MAX).take_while(has_room).map(told).collect()
}

fn told(alert: &Alert) -> Value {
    json!({
        "code": alert.code,
        "severity": alert.severity.as_str(),
        "severity_zh": alert.severity.zh(),
        "text": alert.text,
        "since": when(alert),
        "remedy": remedy(alert),
    })
}

fn remedy(alert: &Alert) -> Option<&'static str> {
    codes::remedy(&alert.code)
}

/// `20261122101530` as people write it.
pub(super) fn when(alert: &Alert) -> String {
    let moment = crate::pipeline::moment(&alert.since);
    moment.map_or_else(String::new, |it| it.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// Codes in a title, and alerts in a text: chat programs cut what is longer.
const CODES_MAX: usize = 4;
const LINES_MAX: usize = 10;
/// WeCom refuses a text of more than 4,096 bytes: what rows may have of it, and what a row has beside the
/// alert's own words.
const TOLD_BYTES: usize = 3_500;
const ROW_BYTES: usize = 130;

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn a_title_says_the_worst_first() {
        let (broker, dead) = (alert("F101", Severity::Critical), alert("V203", Severity::Warning));
        check(&Notice { began: vec![dead.clone()], ..Notice::default() }, "注意 V203");
        let both = Notice { began: vec![dead.clone(), broker.clone()], ..Notice::default() };
        check(&both, "严重 V203 F101");
        check(&Notice { over: vec![broker.clone()], ..Notice::default() }, "恢复 F101");
        check(&Notice { still: vec![broker], ..Notice::default() }, "仍未恢复 F101");
        check(&Notice::test(), "测试");
        let many = Notice { began: vec![dead; 5], ..Notice::default() };
        check(&many, "注意 V203 V203 V203 V203 等");
    }

    #[test]
    fn a_text_is_bounded_and_says_what_to_do() {
        let notice =
            Notice { began: vec![alert("F101", Severity::Critical); 12], ..Notice::default() };
        let text = notice.text(&sender());
        assert_eq!(
            text.matches("[严重] F101 连不上（自 2026-11-22 10:15:30）").count(),
            10,
            "{text}"
        );
        assert!(text.contains("还有 2 项") && text.contains("核对地址、端口和防火墙"), "{text}");
    }

    #[track_caller]
    fn check(notice: &Notice, expected: &str) {
        assert_eq!(notice.title(&sender()), format!("[前置机 示例医院] {expected}"));
    }

    pub(crate) fn sender() -> Sender {
        let text = |it: &str| it.to_owned();
        Sender { hospital: text("示例医院"), code: text("H1"), host: text("gate") }
    }

    pub(crate) fn alert(code: &str, severity: Severity) -> Alert {
        let (text, since) = ("连不上".to_owned(), "20261122101530".to_owned());
        Alert { code: code.to_owned(), severity, text, since }
    }
}
