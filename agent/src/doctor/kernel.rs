//! What the kernel allows: descriptors, queues of connections, mappings, randomness, memory.

use std::fs;
use std::time::Duration;

use super::{Check, Line, Site};

pub(super) const CHECK: Check =
    Check { key: "kernel", zh: "内核和内存", bound: Duration::from_secs(5), look };

fn look(site: &Site) -> Vec<Line> {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let limits = site.says().map(|_| fs::read_to_string("/proc/self/limits").unwrap_or_default());
    let connections = site.config.listen.connections_max as u64;
    vec![
        descriptors(limits.as_deref(), connections),
        limit(
            "net.core.somaxconn",
            "排队等接的连接",
            number("/proc/sys/net/core/somaxconn"),
            1_024,
        ),
        limit("vm.max_map_count", "内存映射", number("/proc/sys/vm/max_map_count"), 65_530),
        randomness(number("/proc/sys/kernel/random/entropy_avail")),
        free_memory(&memory),
    ]
}

/// Half of them are for connections: the store opens files, too. Of a command they say nothing about
/// the service.
fn descriptors(limits: Option<&str>, connections: u64) -> Line {
    let Some(limits) = limits else {
        return Line::ok("打开文件数以服务单元的 LimitNOFILE 为准，前置机运行时再看");
    };
    let line = limits.lines().find_map(|it| it.strip_prefix("Max open files"));
    let soft = line.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
    match soft {
        Some(soft) if soft / 2 < connections => Line::warn(
            "H091",
            format!(
                "最多打开 {soft} 个文件，connections_max = {connections} 要 {}",
                connections * 2
            ),
        )
        .cure("在服务单元里写 LimitNOFILE=65536，重新加载并重启"),
        Some(soft) => Line::ok(format!("最多打开 {soft} 个文件")),
        None => Line::ok("打开文件数没有上限"),
    }
}

fn limit(name: &str, zh: &str, found: Option<u64>, least: u64) -> Line {
    match found {
        Some(found) if found < least => {
            Line::warn("H091", format!("{zh}（{name}）是 {found}，少于 {least}"))
                .cure(format!("sysctl -w {name}={least}，并写进 /etc/sysctl.d/"))
        }
        Some(found) => Line::ok(format!("{zh}（{name}）{found}")),
        None => Line::ok(format!("{zh}（{name}）：系统没有说")),
    }
}

/// Old kernels wait for it, and with them each key and each TLS connection.
fn randomness(found: Option<u64>) -> Line {
    match found {
        Some(found) if found < ENTROPY_MIN => {
            Line::warn("H092", format!("系统的随机数只有 {found} 位"))
        }
        _ => Line::ok("随机数够用"),
    }
}

fn free_memory(meminfo: &str) -> Line {
    let line = meminfo.lines().find_map(|it| it.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|it| it.split_whitespace().next()?.parse::<u64>().ok());
    let Some(mib) = kib.map(|it| it >> 10) else {
        return Line::ok("系统没有说还有多少内存");
    };
    let told = format!("可用内存 {mib} MiB");
    if mib < MEMORY_MIB_MIN {
        Line::bad(mib < MEMORY_MIB_LEAST, "H093", told)
    } else {
        Line::ok(told)
    }
}

const ENTROPY_MIN: u64 = 100;
/// Idle it takes 30 MiB, under load some hundreds.
const MEMORY_MIB_MIN: u64 = 512;
const MEMORY_MIB_LEAST: u64 = 64;

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn too_little_is_told() {
        let limits = "Limit  Soft  Hard  Units\nMax open files            1024                 524288               files\n";
        check(&descriptors(Some(limits), 2_048), State::Warn, "要 4096");
        check(&descriptors(Some(limits), 512), State::Ok, "1024");
        check(&descriptors(None, 2_048), State::Ok, "LimitNOFILE");
        check(&limit("vm.max_map_count", "内存映射", Some(1_000), 65_530), State::Warn, "是 1000");
        check(&limit("vm.max_map_count", "内存映射", Some(65_530), 65_530), State::Ok, "65530");
        check(&randomness(Some(20)), State::Warn, "20 位");
        check(&randomness(Some(256)), State::Ok, "够用");
        let memory = |mib: u64| format!("MemTotal: 9 kB\nMemAvailable:   {} kB\n", mib << 10);
        check(&free_memory(&memory(2_000)), State::Ok, "2000 MiB");
        check(&free_memory(&memory(300)), State::Warn, "300 MiB");
        check(&free_memory(&memory(20)), State::Fail, "20 MiB");
    }

    #[track_caller]
    fn check(line: &Line, state: State, text: &str) {
        assert_eq!(line.state, state, "{line:?}");
        assert!(line.found.contains(text), "{line:?}");
        assert_eq!(line.cure.is_some(), state != State::Ok, "{line:?}");
    }
}
