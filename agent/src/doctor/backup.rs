//! Backups: how old the newest is, and whether it would outlive the disk of the store.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use super::site::there_is;
use super::{Check, Line, Site};
use crate::config::Config;
use crate::{backup, clock};

/// The folder may be another machine's.
pub(super) const CHECK: Check =
    Check { key: "backup", zh: "备份", bound: Duration::from_secs(5), look };

fn look(site: &Site) -> Vec<Line> {
    let epoch = site.says().and_then(|it| it.pointer("/road/outbox/epoch")?.as_str());
    let config = &site.config;
    let newest = newest(config, epoch);
    let is_used = newest.state == super::State::Ok || config.backup.at.is_some();
    let disk = is_used.then(|| on_the_same_disk(config)).flatten();
    std::iter::once(newest).chain(disk).collect()
}

fn newest(config: &Config, epoch: Option<&str>) -> Line {
    let config = &config.backup;
    let now = clock::now();
    let to = config.to.display();
    match (backup::newest(&config.to, epoch, now), config.at) {
        (Some(newest), Some(_)) if backup::is_old(newest, now) => {
            Line::warn(backup::OLD, format!("最近一份好的备份是 {newest} 的：{to}"))
        }
        (Some(newest), _) => Line::ok(format!("最近一份备份是 {newest} 的：{to}")),
        (None, Some(_)) => Line::warn(backup::OLD, format!("还没有一份好的备份：{to}")),
        (None, None) => Line::warn(backup::OLD, format!("没有备份，也没有写自动备份：{to}"))
            .cure("在 [backup] 写 at（每天几点）和 to（另一块盘），见 docs/backup.md；盘坏了，还没有送出的就没有了"),
    }
}

/// Who loses the disk loses both.
fn on_the_same_disk(config: &Config) -> Option<Line> {
    let [store, to] = [&config.outbox.dir, &config.backup.to]
        .map(|it| fs::metadata(there_is(it)).map(|it| it.dev()));
    let is_same = store.ok()? == to.ok()?;
    let told = format!("备份和发件箱在同一块盘上：{}", config.backup.to.display());
    is_same.then(|| Line::warn("B115", told))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn none_at_all_and_one_on_the_same_disk_are_told() {
        let home = tempfile::tempdir().unwrap();
        check(&newest(&of(home.path(), ""), None), State::Warn, "也没有写自动备份");
        check(&newest(&of(home.path(), "at = \"02:00\""), None), State::Warn, "还没有一份好的备份");
        let same = on_the_same_disk(&of(home.path(), "")).unwrap();
        check(&same, State::Warn, "同一块盘");
        // The kernel keeps this one in memory.
        assert_eq!(on_the_same_disk(&of(home.path(), "to = \"/dev/shm/backups\"")), None);
    }

    fn of(home: &std::path::Path, backup: &str) -> Config {
        let text = format!(
            "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{}/outbox\"\n[backup]\n{backup}\n",
            home.display()
        );
        Config::parse("agent.toml", &text).unwrap()
    }

    #[track_caller]
    fn check(line: &Line, state: State, text: &str) {
        assert_eq!(line.state, state, "{line:?}");
        assert!(line.found.contains(text), "{line:?}");
        assert_eq!(line.cure.is_some(), state != State::Ok, "{line:?}");
    }
}
