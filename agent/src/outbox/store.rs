//! The disk under the outbox. The only file of the product that names `rocksdb`.
//!
//! It knows families, keys and bytes, and nothing of what they mean. What it promises:
//!
//! - [`Store::open`] makes the folder, and syncs every folder it made and the one above, before it
//!   returns: RocksDB syncs its own folder only, and a power cut could take the whole store away.
//! - [`Store::write`] is all or nothing; with [`Durability::Synced`] it returns after the disk has
//!   it. After any error the log's state is unknown: the caller must stop, never try again.
//! - Reading back after a crash *skips* what is damaged in the write-ahead log and goes on behind
//!   it. The usual mode stops at the first damaged byte and silently forgets what was synced
//!   behind it. Skipping is right here because every batch stands for itself, the next synced
//!   batch begins after the last one is on disk, and the queue's numbers have no gaps: whoever
//!   reads the queue sees what is missing. A torn last batch was never acknowledged.
//! - Logs are used again (`recycle_log_file_num`): overwriting blocks the file already has makes
//!   each sync cheaper. A recycled log's old entries carry another log number and are no danger.

#[cfg(test)]
mod faults;
mod kinds;
#[cfg(test)]
mod mains;
mod reseal;
mod tuning;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use rocksdb::checkpoint::Checkpoint;
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, BottommostLevelCompaction, Cache, ColumnFamily,
    ColumnFamilyDescriptor, CompactOptions, CompactionDecision, DB, DBCompressionType,
    DBRecoveryMode, ErrorKind, FlushOptions, LogLevel, Options, ReadOptions, ReadTier, WriteBatch,
    WriteOptions,
};
use tracing::error;

#[cfg(test)]
pub(super) use self::faults::{Faults, add_later_family, has_later_family};
pub(super) use self::kinds::{Durability, FAMILIES, Family, Stretch, WalkError};
pub use self::kinds::{Reach, RowError};
#[cfg(test)]
pub(crate) use self::mains::Moment;
#[cfg(test)]
pub(super) use self::mains::{Left, Mains, followed};
pub(super) use self::reseal::Chunk;
use self::tuning::{family_names, family_options, history_options, shared_options};
use super::format::{Content, Damage, Plain};
use super::vault::Vault;
use super::{Options as OutboxOptions, StoreError};
use crate::durable_folder::make_durable_folder;

/// The open store. Closing is dropping.
pub(super) struct Store {
    db: DB,
    synced: WriteOptions,
    buffered: WriteOptions,
    /// Bytes of all batches since the store was opened.
    written: AtomicU64,
    /// Entries of [`Family::Seen`] that were last used below this number may go.
    forget_below: Arc<AtomicU64>,
    /// Entries of [`Family::History`] of a day before this one may go.
    forget_before: Arc<AtomicU32>,
    /// Known once it is known what the store holds.
    vault: OnceLock<Vault>,
    /// Held by many who write, or by one who writes anew what it has just read.
    turn: RwLock<()>,
    /// How often what had been seen under a business key could not be read: then it counts as never seen.
    unread_names: AtomicU64,
    #[cfg(test)]
    pub(super) faults: Faults,
}

impl Store {
    /// Opens the store in `dir`, making both when they are not there.
    pub(super) fn open(dir: &Path, options: &OutboxOptions) -> Result<Store, StoreError> {
        make_durable_folder(dir).map_err(|error| failed("make the folder of the store", &error))?;
        let forget_below = Arc::new(AtomicU64::new(0));
        let forget_before = Arc::new(AtomicU32::new(0));
        let shared = shared_options(options);
        let cache = Cache::new_lru_cache(options.block_cache_bytes);
        let families = family_names(&shared, dir).into_iter().map(|name| {
            let tuned = if name == Family::History.name() {
                history_options(options, &forget_before)
            } else {
                family_options(&name, options, &cache, &forget_below)
            };
            ColumnFamilyDescriptor::new(name, tuned)
        });
        let db = DB::open_cf_descriptors(&shared, dir, families).map_err(|e| opening(&e))?;
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        Ok(Store {
            db,
            synced,
            buffered: WriteOptions::default(),
            written: AtomicU64::new(0),
            forget_below,
            forget_before,
            vault: OnceLock::new(),
            turn: RwLock::new(()),
            unread_names: AtomicU64::new(0),
            #[cfg(test)]
            faults: Faults::of(shared),
        })
    }

    /// Gives it the keys to what is sealed. Once.
    pub(super) fn keep_vault(&self, vault: Vault) -> &Vault {
        self.vault.get_or_init(|| vault)
    }

    /// The content of what is stored at a place; `scratch` is where it is opened.
    pub(super) fn open_value<'a>(
        &self,
        (family, key): (Family, &[u8]),
        value: &'a [u8],
        scratch: &'a mut Vec<u8>,
    ) -> Result<Content<'a>, Damage> {
        self.vault().open(family, key, value, scratch)
    }

    pub(super) fn vault(&self) -> &Vault {
        self.vault.get().expect("`opening` has put it in")
    }

    /// The value of a key.
    pub(super) fn get(&self, family: Family, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get_cf(self.handle(family), key).map_err(|error| refused("read", &error))
    }

    /// The values of many keys, in their order. Cheaper than asking one by one. A damaged one
    /// counts as absent.
    pub(super) fn get_many(
        &self,
        family: Family,
        keys: &[[u8; 16]],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.db
            .batched_multi_get_cf(self.handle(family), keys, false)
            .into_iter()
            .map(|found| match found {
                Ok(value) => Ok(value.map(|bytes| bytes.to_vec())),
                Err(error) if error.kind() == ErrorKind::Corruption => {
                    error!(%error, family = family.name(), "stored bytes are damaged");
                    self.name_is_unread();
                    Ok(None)
                }
                Err(error) => Err(failed("read", &error)),
            })
            .collect()
    }

    /// What had been seen under a business key could not be read.
    pub(super) fn name_is_unread(&self) {
        self.unread_names.fetch_add(1, Ordering::Relaxed);
    }

    /// How often that was so since the store was opened.
    pub(super) fn unread_names(&self) -> u64 {
        self.unread_names.load(Ordering::Relaxed)
    }

    /// The value of a key, from as near as is allowed.
    pub(super) fn get_within(
        &self,
        family: Family,
        key: &[u8],
        reach: Reach,
    ) -> Result<Option<Vec<u8>>, RowError> {
        let found = self.db.get_cf_opt(self.handle(family), key, &reading_within(reach));
        found.map_err(|error| not_read(&error))
    }

    /// Shows the entries whose keys are in `from..end`, from as near as is allowed; what the disk
    /// gives is remembered.
    pub(super) fn walk_within(
        &self,
        family: Family,
        [from, end]: [&[u8]; 2],
        reach: Reach,
        mut show: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), RowError> {
        let mut reading = reading_within(reach);
        reading.set_iterate_upper_bound(end);
        let mut entries = self.db.raw_iterator_cf_opt(self.handle(family), reading);
        entries.seek(from);
        while let Some((key, value)) = entries.item() {
            if show(key, value).is_break() {
                return Ok(());
            }
            entries.next();
        }
        entries.status().map_err(|error| not_read(&error))
    }

    /// Lets entries of [`Family::History`] go that are of a day before this one.
    pub(super) fn forget_before(&self, day: u32) {
        self.forget_before.store(day, Ordering::Relaxed);
    }

    /// Writes what is left of a stretch of keys anew, so that what was removed is gone from the disk.
    pub(super) fn compact(&self, family: Family, from: &[u8], end: &[u8]) {
        drop(self.db.flush_cf(self.handle(family)));
        let mut whole = CompactOptions::default();
        // A file that nothing lies above would only be moved, with the keys of what was removed in it.
        whole.set_bottommost_level_compaction(BottommostLevelCompaction::Force);
        self.db.compact_range_cf_opt(self.handle(family), Some(from), Some(end), &whole);
    }

    /// An empty batch.
    pub(super) fn batch(&self) -> Batch<'_> {
        Batch { store: self, inner: WriteBatch::default() }
    }

    /// Writes a batch, all of it or nothing.
    pub(super) fn write(&self, batch: WriteBatch, how: Durability) -> Result<(), StoreError> {
        #[cfg(test)]
        let syncs = self.faults.before_write(how)?;
        let options = match how {
            Durability::Synced => &self.synced,
            Durability::Buffered => &self.buffered,
        };
        let bytes = batch.size_in_bytes() as u64;
        let turn = self.turn.read().unwrap_or_else(PoisonError::into_inner);
        self.db.write_opt(batch, options).map_err(|error| refused("write", &error))?;
        drop(turn);
        #[cfg(test)]
        self.faults.after_write(how, syncs);
        self.written.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Bytes written since the store was opened, before compression.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Forces what was written into the kernel's hands onto the disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        #[cfg(test)]
        let syncs = self.faults.syncs();
        self.db.flush_wal(true).map_err(|error| refused("sync", &error))?;
        #[cfg(test)]
        self.faults.after_sync(syncs);
        Ok(())
    }

    /// Writes what is in memory to tables.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        let families = FAMILIES.map(|family| self.handle(family));
        let flushed = self.db.flush_cfs_opt(&families, &FlushOptions::default());
        flushed.map_err(|error| refused("write a table", &error))
    }

    /// Makes a folder with the store as it is now. Tables are shared with it: neither side changes one.
    pub(super) fn checkpoint(&self, to: &Path) -> Result<(), StoreError> {
        let made = Checkpoint::new(&self.db).and_then(|it| it.create_checkpoint(to));
        made.map_err(|error| refused("take a checkpoint", &error))
    }

    /// Whether every family can be read at its begin: a table that cannot be opened shows here.
    pub(super) fn probe(&self) -> Result<(), StoreError> {
        for family in FAMILIES {
            let mut entries = self.db.raw_iterator_cf(self.handle(family));
            entries.seek_to_first();
            entries.status().map_err(|error| refused("read", &error))?;
        }
        Ok(())
    }

    /// Shows entries in ascending order: first the last one at or before `from` (if `lowest` lets
    /// it), then all behind it and below `end`.
    ///
    /// It never looks below `lowest`, so what was removed there costs nothing.
    pub(super) fn walk(
        &self,
        family: Family,
        [lowest, from, end]: [u64; 3],
        mut show: impl FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), WalkError> {
        let mut reading = ReadOptions::default();
        reading.set_iterate_lower_bound(lowest.to_be_bytes());
        reading.set_iterate_upper_bound(end.to_be_bytes());
        // A backlog is read once; it must not push the filters out of the cache.
        reading.fill_cache(false);
        let mut entries = self.db.raw_iterator_cf_opt(self.handle(family), reading);
        if lowest < from {
            entries.seek_for_prev(from.to_be_bytes());
            entries.status().map_err(|error| unreadable(&error))?;
        }
        if !entries.valid() {
            entries.seek(from.to_be_bytes());
        }
        while let Some((key, value)) = entries.item() {
            let Ok(number) = key.try_into().map(u64::from_be_bytes) else {
                return Err(WalkError::Damaged("a key is not a number".to_owned()));
            };
            if show(number, value).is_break() {
                return Ok(());
            }
            entries.next();
        }
        entries.status().map_err(|error| unreadable(&error))
    }

    /// Shows the entries whose keys are in `from..end`, in ascending order.
    pub(super) fn walk_keys(
        &self,
        family: Family,
        from: &[u8],
        end: &[u8],
        mut show: impl FnMut(&[u8], &[u8]) -> ControlFlow<()>,
    ) -> Result<(), WalkError> {
        let mut reading = ReadOptions::default();
        reading.set_iterate_upper_bound(end);
        reading.fill_cache(false);
        let mut entries = self.db.raw_iterator_cf_opt(self.handle(family), reading);
        entries.seek(from);
        while let Some((key, value)) = entries.item() {
            if show(key, value).is_break() {
                return Ok(());
            }
            entries.next();
        }
        entries.status().map_err(|error| unreadable(&error))
    }

    /// Gives whole files back whose keys are all in `from..=last`.
    ///
    /// Only for what a *synced* write has already declared gone: files vanish at once, and must
    /// not vanish before the reason for it is on disk.
    pub(super) fn drop_files(
        &self,
        family: Family,
        from: &[u8],
        last: &[u8],
    ) -> Result<(), StoreError> {
        self.db
            .delete_file_in_range_cf(self.handle(family), from, last)
            .map_err(|error| refused("give files back", &error))
    }

    /// Whether there is an entry in `from..end`.
    pub(super) fn has_any(
        &self,
        family: Family,
        from: &[u8],
        end: &[u8],
    ) -> Result<bool, StoreError> {
        let mut found = false;
        let walked = self.walk_keys(family, from, end, |_, _| {
            found = true;
            ControlFlow::Break(())
        });
        match walked {
            // Damaged is there, too.
            Ok(()) => Ok(found),
            Err(WalkError::Damaged(_)) => Ok(true),
            Err(WalkError::Failed(cause)) => Err(StoreError::Failed { operation: "read", cause }),
        }
    }

    /// The files of a family: their bytes, and the first and last key of each, in no order.
    pub(super) fn files(&self, family: Family) -> Result<Vec<Stretch>, StoreError> {
        let files = self.db.live_files().map_err(|error| failed("list the files", &error))?;
        let ours = files.into_iter().filter(|it| it.column_family_name == family.name());
        let stretch = |it: rocksdb::LiveFile| Stretch {
            bytes: it.size as u64,
            first: it.start_key.unwrap_or_default(),
            last: it.end_key.unwrap_or_default(),
        };
        Ok(ours.map(stretch).collect())
    }

    /// Lets entries of [`Family::Seen`] go that were last used for a record below `seq`.
    pub(super) fn forget_below(&self, seq: u64) {
        self.forget_below.store(seq, Ordering::Relaxed);
    }

    fn handle(&self, family: Family) -> &ColumnFamily {
        self.db.cf_handle(family.name()).expect("`open` opens every family")
    }

    #[cfg(test)]
    pub(super) fn flush_and_compact(&self) {
        for family in FAMILIES {
            self.db.flush_cf(self.handle(family)).expect("flush");
            self.db.compact_range_cf(self.handle(family), None::<&[u8]>, None::<&[u8]>);
        }
    }
}

/// Changes that happen together or not at all.
pub(super) struct Batch<'a> {
    store: &'a Store,
    inner: WriteBatch,
}

impl Batch<'_> {
    /// Sets a key.
    pub(super) fn put(&mut self, family: Family, key: &[u8], value: &[u8]) {
        self.inner.put_cf(self.store.handle(family), key, value);
    }

    /// Seals a content and sets a key to it; gives the number of bytes.
    pub(super) fn seal(&mut self, family: Family, key: &[u8], plain: Plain) -> usize {
        let value = self.store.vault().seal(family, key, plain);
        self.put(family, key, &value);
        value.len()
    }

    /// Removes a key.
    pub(super) fn delete(&mut self, family: Family, key: &[u8]) {
        self.inner.delete_cf(self.store.handle(family), key);
    }

    /// Removes all keys in `from..end`, by one mark however many they are.
    pub(super) fn delete_range(&mut self, family: Family, from: u64, end: u64) {
        self.inner.delete_range_cf(
            self.store.handle(family),
            from.to_be_bytes(),
            end.to_be_bytes(),
        );
    }

    /// The same for keys that are no numbers.
    pub(super) fn delete_keys(&mut self, family: Family, from: &[u8], end: &[u8]) {
        self.inner.delete_range_cf(self.store.handle(family), from, end);
    }

    /// Nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.inner.is_empty()
    }

    /// Writes it.
    pub(super) fn write(self, how: Durability) -> Result<(), StoreError> {
        self.store.write(self.inner, how)
    }
}

fn reading_within(reach: Reach) -> ReadOptions {
    let mut reading = ReadOptions::default();
    if reach == Reach::Memory {
        reading.set_read_tier(ReadTier::BlockCache);
    }
    reading
}

fn opening(error: &rocksdb::Error) -> StoreError {
    let text = error.to_string();
    if text.contains("lock") && error.kind() == ErrorKind::IOError {
        return StoreError::Locked { cause: text };
    }
    refused("open the store", error)
}

fn refused(operation: &'static str, error: &rocksdb::Error) -> StoreError {
    match error.kind() {
        ErrorKind::Corruption => StoreError::Damaged { cause: error.to_string() },
        _ => failed(operation, error),
    }
}

fn failed(operation: &'static str, error: &dyn std::error::Error) -> StoreError {
    StoreError::of_disk(operation, error.to_string())
}

fn not_read(error: &rocksdb::Error) -> RowError {
    match error.kind() {
        ErrorKind::Incomplete => RowError::NotInMemory,
        _ => RowError::Store(refused("read", error)),
    }
}

fn unreadable(error: &rocksdb::Error) -> WalkError {
    match error.kind() {
        ErrorKind::Corruption => WalkError::Damaged(error.to_string()),
        _ => WalkError::Failed(error.to_string()),
    }
}

/// How many removed or overwritten keys this thread's reads have passed over, while `work` ran.
#[cfg(test)]
pub(super) fn skipped_by(work: impl FnOnce()) -> u64 {
    use rocksdb::perf::{PerfContext, PerfMetric, PerfStatsLevel, set_perf_stats};
    set_perf_stats(PerfStatsLevel::EnableCount);
    let mut counters = PerfContext::default();
    counters.reset();
    work();
    let skipped = counters.metric(PerfMetric::InternalDeleteSkippedCount)
        + counters.metric(PerfMetric::InternalKeySkippedCount);
    set_perf_stats(PerfStatsLevel::Disable);
    skipped
}
