//! What the demo says. Short lines, the message's own words, no more than a screen or two.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;
use serde_json::value::RawValue;

use super::told::Told;
use crate::receive::Summary;

pub(super) fn title(his: SocketAddr) {
    say!("his-agent 演示：一台机器走完全程，不需要消息队列，结束后不留痕迹");
    say!("HIS 地址 http://{his}\n");
}

/// Tells a receipt and gives the number of records in it.
pub(super) fn receipt(title: &str, bytes: usize, told: &Told) -> u64 {
    say!("HIS  ──▶  {title}（{bytes} 字节）");
    say!(
        "HIS  ◀──  {}，已落盘 {} 条标准记录，回执 {}",
        told.message,
        told.records.len(),
        told.message_id
    );
    for record in &told.records {
        say!("          {:<24} {:<34} seq {}", record.entity, record.key, record.seq);
    }
    say!();
    told.records.len() as u64
}

pub(super) fn resend(told: &Told) {
    say!(
        "HIS 没收到回执，原样重送  ──▶  还是回执 {}，{} 条都是 duplicate，没有重复入库\n",
        told.message_id,
        told.duplicates()
    );
}

/// The first few records as the platform gets them.
pub(super) fn records(received: &Path) -> anyhow::Result<()> {
    say!("平台收到的标准记录（T/CIIA 046-2024 数据元，节选）：");
    let mut lines = Vec::new();
    for entry in fs::read_dir(received)? {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "ndjson") {
            lines.extend(fs::read_to_string(path)?.lines().map(str::to_owned));
        }
    }
    for line in lines.iter().filter(|it| it.contains("\"outpatient_prescription\"")).take(3) {
        say!("  {}", excerpt(line)?);
    }
    say!();
    Ok(())
}

const SHOWN: [&str; 9] = [
    "rxno",
    "rx_prsc_time",
    "rx_detl_name",
    "drug_used_sdose",
    "drug_used_dosunt",
    "drug_used_frqu",
    "medc_days",
    "cnt",
    "det_item_fee_sumamt",
];

/// Digits are shown as they are written: a record's numbers are exact.
fn excerpt(line: &str) -> anyhow::Result<String> {
    #[derive(serde::Deserialize)]
    struct Record<'a> {
        #[serde(borrow)]
        elements: BTreeMap<&'a str, &'a RawValue>,
    }
    let record: Record<'_> = serde_json::from_str(line)?;
    let shown =
        SHOWN.iter().filter_map(|it| record.elements.get(it).map(|value| format!("{it}={value}")));
    Ok(shown.collect::<Vec<_>>().join(" "))
}

pub(super) fn verdict(request: &str, answer: &str) {
    let request = parse(request);
    let answer = parse(answer);
    let verdict = answer.get("data").unwrap_or(&answer);
    say!("医生开方，保存前审查（/v1/checks）：");
    for order in list(&request, "/orders") {
        say!(
            "  {} 每次 {} {} {}",
            text(order, "/hosplist_name"),
            text(order, "/drug_used_sdose"),
            text(order, "/drug_used_dosunt"),
            text(order, "/drug_used_frqu")
        );
    }
    say!(
        "结论 {}，用时 {} 微秒：",
        text(verdict, "/outcome"),
        verdict.get("elapsed_us").unwrap_or(&Value::Null)
    );
    for finding in list(verdict, "/findings") {
        say!(
            "  [{}] {}：{}",
            text(finding, "/action"),
            text(finding, "/rule_name"),
            text(finding, "/vola_cont")
        );
        say!("       依据：{}", text(finding, "/vola_evid"));
    }
    for unknown in list(verdict, "/unknown") {
        say!(
            "  [无法判断] {}：缺少 {}",
            text(unknown, "/rule_name"),
            unknown.get("missing").unwrap_or(&Value::Null)
        );
    }
    say!();
}

pub(super) fn summary(sent: u64, summary: &Summary) {
    say!(
        "对数：回执 {sent} 条，平台收到 {} 条，重复 {}，拒收 {}，缺号 {}\n",
        summary.distinct,
        summary.doubles,
        summary.rejected,
        summary.gaps.len()
    );
}

pub(super) fn invitation(his: SocketAddr, operators: SocketAddr, folder: &Path) {
    let folder = folder.display();
    say!("演示仍在运行，按 Ctrl-C 结束。可以试试：");
    say!(
        "  curl -s http://{his}/v1/channels/platform/messages -H 'Content-Type: text/xml; charset=GBK' --data-binary @{folder}/prescription-soap-gbk.xml"
    );
    say!(
        "  curl -s http://{his}/v1/checks -H 'Content-Type: application/json' -d @{folder}/check.json"
    );
    say!("  curl -s http://{operators}/readyz");
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}

fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("-")
}

fn list<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
