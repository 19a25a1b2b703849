//! Backups: the store, the configuration, the sets and the keys beside them, as they are at one moment, sealed
//! for whoever has the key; and a machine made of one again.
//!
//! ```text
//! backups/20261122T020000/manifest.json     what is in it, which key opens it
//! backups/20261122T020000/000000.sealed     one file each
//! backups/.20261122T030000.part/            being made, or left by a crash: nothing counts on it
//! ```
//!
//! - **Create** (`backup/create.rs`): a checkpoint of the store while it runs, sealed file by file into a
//!   folder that gets its name when everything is on disk and was read back.
//! - **Verify** (`backup/verify.rs`): every digest; with the key every block, the store opened and counted.
//! - **Restore** (`backup/restore.rs`): onto a machine without data. Records that were not delivered when the
//!   backup was made go out once more under the ids and numbers they had, so that the platform drops those
//!   it has; numbers that were given out since are never given out again.
//!
//! A backup is wrapped with the store's own master key, which is then not in it; or with a key for backups
//! alone, and then the master key is inside, sealed.

mod create;
pub(crate) mod keeper;
mod manifest;
mod mounted;
mod owners;
mod placed;
mod places;
mod restore;
mod room;
pub(crate) mod routes;
mod seal;
mod verify;

use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;

pub(crate) use self::create::{Made, Order, create};
pub use self::keeper::Backups;
pub(crate) use self::keeper::{OLD, is_old, list, newest};
pub(crate) use self::manifest::Manifest;
pub(crate) use self::places::data;
pub(crate) use self::restore::{Wish, refuse_unfinished, restore};
pub(crate) use self::verify::verify;
use crate::outbox::StoreError;

/// Why a backup was not made, or not brought back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// B101
    #[error("{} 里没有备份（没有 manifest.json）", .dir.display())]
    NoBackup { dir: PathBuf },
    /// B102
    #[error("备份损坏：{file}")]
    Damaged { file: String },
    /// B103
    #[error("打开这份备份要指纹是 {wanted} 的密钥，给的是 {given}")]
    OtherKey { wanted: String, given: String },
    /// B104
    #[error("密钥 {file} 读不出：{cause}")]
    NoKey { file: String, cause: String },
    /// B105
    #[error("已经有数据，不覆盖：{}；请先移开", .place.display())]
    HasData { place: PathBuf },
    /// B106
    #[error("备份的格式是 {found}，本程序最高认识 {known}：请用新的程序")]
    TooNew { found: u32, known: u32 },
    /// B107
    #[error("{what}：{cause}")]
    Failed { what: String, cause: String },
    /// B108
    #[error("已经有一份备份在做")]
    Busy,
    /// B109
    #[error("读回来核对不上：{what}")]
    Differs { what: String },
    /// B112
    #[error("恢复做了一半（{}）：请再执行一次 his-agent backup restore", .mark.display())]
    Unfinished { mark: PathBuf },
    /// B113
    #[error("[outbox] key（{key}）不是这份备份里发件箱的主密钥：{cause}")]
    StoreKey { key: String, cause: String },
    /// B114
    #[error("{} 所在的盘空间不够，还差 {} MiB", .place.display(), .missing.div_ceil(1 << 20))]
    NoRoom { place: PathBuf, missing: u64 },
    /// As the store tells it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BackupError {
    /// Stable code, as in the manual.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            BackupError::NoBackup { .. } => "B101",
            BackupError::Damaged { .. } => "B102",
            BackupError::OtherKey { .. } => "B103",
            BackupError::NoKey { .. } => "B104",
            BackupError::HasData { .. } => "B105",
            BackupError::TooNew { .. } => "B106",
            BackupError::Failed { .. } => "B107",
            BackupError::Busy => "B108",
            BackupError::Differs { .. } => "B109",
            BackupError::Unfinished { .. } => "B112",
            BackupError::StoreKey { .. } => "B113",
            BackupError::NoRoom { .. } => "B114",
            BackupError::Store(error) => error.code(),
        }
    }

    fn damaged(file: &str) -> BackupError {
        BackupError::Damaged { file: file.to_owned() }
    }

    fn failed(what: &str, cause: &io::Error) -> BackupError {
        BackupError::Failed { what: what.to_owned(), cause: cause.to_string() }
    }

    fn at(path: &Path, cause: &io::Error) -> BackupError {
        BackupError::failed(&path.display().to_string(), cause)
    }
}

/// The configuration of an installed package.
const PACKAGED: &str = "/etc/his-agent/agent.toml";

/// When a backup was begun, which its name says.
fn begun_at(id: &str) -> Option<DateTime> {
    DateTime::strptime("%Y%m%dT%H%M%S", id.get(..15)?).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
