//! What the kernel tells of this process, by the names that every dashboard knows.

use std::fs;
use std::path::Path;

use super::page::Page;

/// What can be read; what cannot is left out.
pub(super) fn tell(page: &mut Page) {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (stat, status) = (read("/proc/self/stat"), read("/proc/self/status"));
    // Behind the name, which may have blanks in it; the first field is then the third.
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).and_then(|it| it.parse::<u64>().ok());
    if let (Some(user), Some(system)) = (field(14), field(15)) {
        page.one("process_cpu_seconds_total", seconds(user + system));
    }
    if let Some(kibibytes) = status.lines().find_map(|it| number(it, "VmRSS:")) {
        page.one("process_resident_memory_bytes", kibibytes * 1024);
    }
    if let Some(bytes) = field(23) {
        page.one("process_virtual_memory_bytes", bytes);
    }
    if let Some(threads) = field(20) {
        page.one("process_threads", threads);
    }
    if let Ok(open) = fs::read_dir(Path::new("/proc/self/fd")) {
        page.one("process_open_fds", open.count());
    }
    if let Some(most) =
        read("/proc/self/limits").lines().find_map(|it| number(it, "Max open files"))
    {
        page.one("process_max_fds", most);
    }
    let booted = read("/proc/stat").lines().find_map(|it| number(it, "btime"));
    if let (Some(booted), Some(started)) = (booted, field(22)) {
        page.one("process_start_time_seconds", seconds(booted * TICKS + started));
    }
}

/// The number behind a name.
fn number(line: &str, name: &str) -> Option<u64> {
    line.strip_prefix(name)?.split_whitespace().next()?.parse().ok()
}

fn seconds(ticks: u64) -> String {
    format!("{}.{:02}", ticks / TICKS, ticks % TICKS)
}

/// Of a second, in what the kernel tells programs, on every machine.
const TICKS: u64 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_tells_all_of_it() {
        let mut page = Page::default();
        tell(&mut page);
        let text = page.into_text();
        let told =
            super::super::catalog::METRICS.iter().filter(|it| it.name.starts_with("process_"));
        for metric in told {
            let begin = format!("{} ", metric.name);
            let value = text.lines().find_map(|it| it.strip_prefix(&begin));
            let value = value.and_then(|it| it.parse::<f64>().ok());
            assert!(value.is_some_and(|it| it >= 0.0), "{}: {text}", metric.name);
        }
    }
}
