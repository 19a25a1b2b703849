//! The files that the daemon works with: dictionary, mappings, code maps, rules.

use std::time::Duration;

use serde_json::Value;

use super::{Check, Line, Site};
use crate::sets::Sets;

/// Reading and proving everything takes a second on a machine that does nothing else.
pub(super) const CHECK: Check =
    Check { key: "sets", zh: "配置和配套文件", bound: Duration::from_secs(15), look };

fn look(site: &Site) -> Vec<Line> {
    match site.says() {
        Some(says) => in_force(says),
        None => on_disk(site),
    }
}

/// What came of the daemon's last try to load them.
fn in_force(says: &Value) -> Vec<Line> {
    let problems = says.get("problems").and_then(Value::as_array);
    let told: Vec<Line> = problems
        .into_iter()
        .flatten()
        .map(|it| {
            let [code, text] =
                [0, 1].map(|at| it.get(at).and_then(Value::as_str).unwrap_or_default());
            Line::warn(code, format!("没有换上，在用的仍是原来的：{text}"))
        })
        .collect();
    let count = |name: &str| says.get(name).and_then(Value::as_u64).unwrap_or_default();
    if told.is_empty() { vec![well(count("channels"), count("rules"))] } else { told }
}

fn on_disk(site: &Site) -> Vec<Line> {
    match Sets::load(&site.config) {
        Ok(sets) => {
            let warned = sets.warnings.iter().map(|it| Line::warn(it.code, it.to_string()));
            let (channels, rules) = (sets.channels.len() as u64, sets.rules.rules().len() as u64);
            [well(channels, rules)].into_iter().chain(warned).collect()
        }
        Err(problems) => problems.iter().map(|it| Line::fail(it.code, it.to_string())).collect(),
    }
}

fn well(channels: u64, rules: u64) -> Line {
    match channels {
        0 => Line::warn("H021", "还没有通道：报文没有地方进来"),
        _ => Line::ok(format!("可用：{channels} 个通道，{rules} 条规则")),
    }
}
