//! The screen: what fits into 80 columns and 24 rows, the doors that are busiest first.

use serde_json::Value;

use super::sample::Sample;

/// Lines for the terminal; doors and alerts give way when there are fewer rows.
pub(super) fn lines(before: &Sample, now: &Sample, rows: usize) -> Vec<String> {
    let mut lines = vec![head(now), process(before, now), RULE.to_owned()];
    let road =
        [outbox(before, now), disk(now), checks(before, now), stages(before, now), waits(now)];
    let alerts = alerts(now);
    let taken = lines.len() + road.len() + 3;
    let free = rows.saturating_sub(taken);
    let alerts_max = alerts.len().min((free / 3).max(2));
    lines.extend(doors(before, now, free.saturating_sub(alerts_max + 1)));
    lines.push(RULE.to_owned());
    lines.extend(road);
    lines.push(RULE.to_owned());
    lines.extend(some(alerts, alerts_max));
    lines
}

fn head(now: &Sample) -> String {
    let text = |name: &str| now.told.get(name).and_then(Value::as_str).unwrap_or_default();
    let (hospital, org, version) = (text("hospital"), text("org"), text("version"));
    let uptime = long(now.told.get("uptime_seconds").and_then(Value::as_f64));
    format!("前置机 {hospital} {org}  {version}  {}  已运行 {uptime}", text("at"))
}

fn process(before: &Sample, now: &Sample) -> String {
    let accepting =
        if now.sum("his_agent_accepting", "") > 0.0 { "接收中" } else { "暂停接收" };
    let cpu = 100.0 * now.rate(before, "process_cpu_seconds_total", "");
    let memory = size(now.one("process_resident_memory_bytes", ""));
    let [open, most] = ["process_open_fds", "process_max_fds"].map(|it| now.sum(it, ""));
    format!(
        "{accepting}  CPU {cpu:.1}%  内存 {memory}  描述符 {open:.0}/{most:.0}  {}",
        forward(now)
    )
}

fn forward(now: &Sample) -> String {
    let told = now.told.get("forward");
    let text = |name| told.and_then(|it| it.get(name)?.as_str()).unwrap_or_default();
    format!("平台 {} {}", text("state"), text("peer"))
}

fn doors(before: &Sample, now: &Sample, rows: usize) -> Vec<String> {
    const MESSAGES: &str = "his_agent_messages_total";
    let mut doors: Vec<(f64, String)> = Vec::new();
    for channel in now.values(MESSAGES, "channel") {
        let label = format!("channel=\"{channel}\"");
        let of = |outcome: &str| format!("{label},outcome=\"{outcome}\"");
        let [accepted, refused, busy] = ["accepted", "refused", "busy"].map(of);
        let rate = now.rate(before, MESSAGES, &label);
        let p99 = now.quantile(before, 0.99, "his_agent_receipt_seconds", &label);
        let cells = [
            left(&channel, 24),
            right(&format!("{:.1}", now.rate(before, MESSAGES, &accepted)), 8),
            right(&format!("{:.1}", now.rate(before, MESSAGES, &refused)), 8),
            right(&format!("{:.1}", now.rate(before, MESSAGES, &busy)), 8),
            right(&format!("{:.0}", now.sum(MESSAGES, &accepted)), 11),
            right(&format!("{:.0}", now.sum(MESSAGES, &refused)), 9),
            right(&time(p99), 9),
        ];
        doors.push((rate * 1e9 + now.sum(MESSAGES, &label), cells.concat()));
    }
    doors.sort_by(|a, b| b.0.total_cmp(&a.0));
    let titles = [
        ("通道", 0),
        ("接收/秒", 8),
        ("拒收/秒", 8),
        ("答忙/秒", 8),
        ("接收", 11),
        ("拒收", 9),
        ("p99", 9),
    ];
    let titles = titles.map(|(it, width)| if width == 0 { left(it, 24) } else { right(it, width) });
    let doors = doors.into_iter().map(|it| it.1).collect();
    [vec![titles.concat()], some(doors, rows)].concat()
}

fn outbox(before: &Sample, now: &Sample) -> String {
    let waiting = now.sum("his_agent_outbox_waiting", "");
    let bytes = size(now.one("his_agent_outbox_waiting_bytes", ""));
    let oldest = long(now.one("his_agent_outbox_oldest_seconds", ""));
    let out = now.rate(before, "his_agent_forward_confirmed_total", "");
    let [flying, held] =
        ["his_agent_forward_in_flight", "his_agent_forward_held"].map(|it| now.sum(it, ""));
    format!(
        "发件箱  等待 {waiting:.0} 条 {bytes}  最久 {oldest}  送出 {out:.1}/秒  未答 {flying:.0}  被拒留待 {held:.0}"
    )
}

fn disk(now: &Sample) -> String {
    let [free, low] =
        ["free", "low_water"].map(|it| size(now.one(&format!("his_agent_disk_{it}_bytes"), "")));
    let [average, peak] = ["average", "peak"]
        .map(|it| long(now.one("his_agent_outage_seconds", &format!("rate=\"{it}\""))));
    format!("磁盘    空闲 {free}（低水位 {low}）  平台中断还能撑 {average}，按最忙 {peak}")
}

fn checks(before: &Sample, now: &Sample) -> String {
    let rate = now.rate(before, "his_agent_checks_total", "");
    let [p50, p99] =
        [0.5, 0.99].map(|it| time(now.quantile(before, it, "his_agent_check_seconds", "")));
    let all = now.sum("his_agent_checks_total", "");
    let degraded = now.sum("his_agent_checks_total", "degraded");
    format!("审查    {rate:.1}/秒  p50 {p50}  p99 {p99}  累计 {all:.0}，超时 {degraded:.0}")
}

fn stages(before: &Sample, now: &Sample) -> String {
    let names = [
        ("decode", "解码"),
        ("map", "映射"),
        ("validate", "校验"),
        ("store", "落盘"),
        ("evaluate", "规则"),
        ("answer", "答复"),
        ("confirm", "确认"),
    ];
    let p99 = |(stage, zh): (&str, &str)| {
        let label = format!("stage=\"{stage}\"");
        format!("{zh} {}", time(now.quantile(before, 0.99, "his_agent_stage_seconds", &label)))
    };
    format!("p99     {}", names.map(p99).join("  "))
}

fn waits(now: &Sample) -> String {
    let [dead, parked] =
        ["his_agent_dead_letters", "his_agent_parked_messages"].map(|it| now.sum(it, ""));
    let behind = now.sum("his_agent_subscription_behind", "");
    format!("等人    死信 {dead:.0}  待对照 {parked:.0}  推送落后 {behind:.0}")
}

fn alerts(now: &Sample) -> Vec<String> {
    let alerts = now.told.get("alerts").and_then(Value::as_array).cloned().unwrap_or_default();
    let line = |it: &Value| {
        let text = |name: &str| it[name].as_str().unwrap_or_default();
        let severity = if text("severity") == "critical" { "严重" } else { "注意" };
        let silenced = if it["silenced"] == true { "（静默）" } else { "" };
        format!("{severity}{silenced} {} {}", text("code"), text("text"))
    };
    if alerts.is_empty() {
        vec!["没有告警".to_owned()]
    } else {
        alerts.iter().map(line).collect()
    }
}

/// So many lines, the last of which says how many more there are.
fn some(mut lines: Vec<String>, rows: usize) -> Vec<String> {
    if lines.len() > rows {
        let shown = rows.saturating_sub(1);
        let more = lines.len() - shown;
        lines.truncate(shown);
        lines.push(format!("……还有 {more} 项"));
    }
    lines
}

fn time(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(it) if it < 0.001 => format!("{:.0}µs", it * 1e6),
        Some(it) if it < 1.0 => format!("{:.1}ms", it * 1e3),
        Some(it) => format!("{it:.1}s"),
    }
}

fn long(seconds: Option<f64>) -> String {
    match seconds {
        None => "-".to_owned(),
        Some(it) if it < 120.0 => format!("{it:.0} 秒"),
        Some(it) if it < 7_200.0 => format!("{:.0} 分钟", it / 60.0),
        Some(it) if it < 172_800.0 => format!("{:.1} 小时", it / 3_600.0),
        Some(it) => format!("{:.1} 天", it / 86_400.0),
    }
}

fn size(bytes: Option<f64>) -> String {
    match bytes {
        None => "-".to_owned(),
        Some(it) if it < 1e6 => format!("{:.0} KB", it / 1e3),
        Some(it) if it < 1e9 => format!("{:.1} MB", it / 1e6),
        Some(it) => format!("{:.1} GB", it / 1e9),
    }
}

/// A line of no more columns than the terminal has; Chinese takes two each.
pub(super) fn cut(line: &str, columns: usize) -> String {
    let mut left = columns;
    let fits = |letter: &char| {
        let fits = width(*letter) <= left;
        left = left.saturating_sub(width(*letter));
        fits
    };
    // What a peer or a broker says may hold what a terminal would obey.
    line.chars().map(|it| if it.is_control() { ' ' } else { it }).take_while(fits).collect()
}

fn left(text: &str, columns: usize) -> String {
    let text = cut(text, columns);
    let room = columns.saturating_sub(text.chars().map(width).sum());
    text + &" ".repeat(room)
}

fn right(text: &str, columns: usize) -> String {
    let room = columns.saturating_sub(text.chars().map(width).sum());
    " ".repeat(room) + text
}

const fn width(letter: char) -> usize {
    if letter as u32 >= 0x1100 { 2 } else { 1 }
}

const RULE: &str =
    "--------------------------------------------------------------------------------";

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_busy_agent_fits_into_the_smallest_terminal() {
        let (before, now) = (sample(0), sample(100));
        let lines = lines(&before, &now, 23);
        assert!(lines.len() <= 23, "{}: {lines:#?}", lines.len());
        for line in &lines {
            let columns: usize = line.chars().map(width).sum();
            assert!(columns <= 80, "{columns}: {line}");
        }
        let all = lines.join("\n");
        for part in [
            "前置机 示例市人民医院 H1  0.1.0  22:45:00  已运行 25.0 小时",
            "接收中  CPU 50.0%  内存 45.0 MB  描述符 31/1024  平台 open 10.0.0.9:5672",
            "c00                         50.0     0.0     0.0        100        0   99.0ms",
            "……还有",
            "等待 100 条 -  最久 90 秒  送出 0.0/秒",
            "平台中断还能撑 10.0 小时，按最忙 -",
            "没有告警",
        ] {
            assert!(all.contains(part), "`{part}`:\n{all}");
        }
    }

    #[test]
    fn chinese_takes_two_columns_and_nothing_is_obeyed() {
        assert_eq!(cut("通道abc", 5), "通道a");
        assert_eq!(cut("通道abc", 3), "通");
        assert_eq!(cut("a\x1b[2Jb", 80), "a [2Jb");
        assert_eq!(left("通道", 6) + "|", "通道  |");
    }

    fn sample(count: u32) -> Sample {
        let mut metrics = format!(
            "his_agent_accepting 1\nprocess_cpu_seconds_total {}\nprocess_resident_memory_bytes 45000000\n\
             process_open_fds 31\nprocess_max_fds 1024\nhis_agent_outbox_waiting {count}\n\
             his_agent_outbox_oldest_seconds 90\nhis_agent_outage_seconds{{rate=\"average\"}} 36000\n\
             his_agent_outage_seconds{{rate=\"peak\"}} NaN\n",
            f64::from(count) / 100.0
        );
        for channel in 0..30 {
            let count = if channel == 0 { count } else { 0 };
            let _ = write!(
                metrics,
                "his_agent_messages_total{{channel=\"c{channel:02}\",outcome=\"accepted\"}} {count}\n\
                 his_agent_receipt_seconds_bucket{{channel=\"c{channel:02}\",le=\"0.1\"}} {count}\n\
                 his_agent_receipt_seconds_bucket{{channel=\"c{channel:02}\",le=\"+Inf\"}} {count}\n"
            );
        }
        Sample::of(&json!({
            "at_ms": count * 20, "at": "22:45:00", "hospital": "示例市人民医院", "org": "H1", "version": "0.1.0",
            "uptime_seconds": 90_000, "metrics": metrics, "alerts": [],
            "forward": { "state": "open", "peer": "10.0.0.9:5672" },
        }))
    }
}
