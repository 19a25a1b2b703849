//! Backups: how old the newest is.

use std::time::Duration;

use super::{Check, Line, Site};
use crate::{backup, clock};

/// The folder may be another machine's.
pub(super) const CHECK: Check =
    Check { key: "backup", zh: "备份", bound: Duration::from_secs(5), look };

fn look(site: &Site) -> Vec<Line> {
    let config = &site.config.backup;
    let epoch = site.says().and_then(|it| it.pointer("/road/outbox/epoch")?.as_str());
    let now = clock::now();
    let to = config.to.display();
    vec![match (backup::newest(&config.to, epoch, now), config.at) {
        (Some(newest), Some(_)) if backup::is_old(newest, now) => {
            Line::warn(backup::OLD, format!("最近一份备份是 {newest} 的：{to}"))
        }
        (Some(newest), _) => Line::ok(format!("最近一份备份是 {newest} 的：{to}")),
        (None, Some(_)) => Line::warn(backup::OLD, format!("还没有一份备份：{to}")),
        (None, None) => Line::ok("没有备份，也没有写 [backup] at（几点自动备份）"),
    }]
}
