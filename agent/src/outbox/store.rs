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

use std::fs::{self, File};
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor,
    CompactionDecision, DB, DBCompressionType, DBRecoveryMode, ErrorKind, LogLevel, Options,
    ReadOptions, ReadTier, WriteBatch, WriteOptions,
};
use tracing::error;

use super::{Options as OutboxOptions, StoreError, format};

/// One keyspace of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    /// What waits for the platform, by the number of its first record.
    Queue,
    /// What was taken in under which business key.
    Seen,
    /// The few values there is one of.
    Meta,
    /// What could not go on, by a number of its own.
    Dead,
    /// What waits for a code to be mapped, by a number of its own.
    Parked,
    /// What is kept beside the queue, under keys that its owner chooses.
    Shelf,
    /// The past of patients. A value begins with the day after whose term it may go.
    History,
}

const FAMILIES: [Family; 7] = [
    Family::Queue,
    Family::Seen,
    Family::Meta,
    Family::Dead,
    Family::Parked,
    Family::Shelf,
    Family::History,
];

impl Family {
    const fn name(self) -> &'static str {
        match self {
            Family::Queue => "queue",
            Family::Seen => "seen",
            Family::Meta => "meta",
            Family::Dead => "dead",
            Family::Parked => "parked",
            Family::Shelf => "shelf",
            Family::History => "history",
        }
    }
}

/// Whether a write returns before or after the disk has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// In the kernel's hands: survives the process, perhaps not the power.
    Buffered,
    /// On disk.
    Synced,
}

/// How far a read may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// To what is in memory; [`RowError::NotInMemory`] when that is not enough.
    Memory,
    /// To the disk.
    Disk,
}

/// Why rows were not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// What is asked for is on the disk, and the disk was not to be asked.
    #[error("the rows are not in memory")]
    NotInMemory,
    /// The store would not read them.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a walk over keys ended early.
#[derive(Debug)]
pub(super) enum WalkError {
    /// A file's checksum does not fit its bytes. Other files and blocks can still be read.
    Damaged(String),
    /// The disk did not answer.
    Failed(String),
}

/// The open store. Closing is dropping.
pub(super) struct Store {
    db: DB,
    synced: WriteOptions,
    buffered: WriteOptions,
    /// Entries of [`Family::Seen`] that were last used below this number may go.
    forget_below: Arc<AtomicU64>,
    /// Entries of [`Family::History`] of a day before this one may go.
    forget_before: Arc<AtomicU32>,
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
            forget_below,
            forget_before,
            #[cfg(test)]
            faults: Faults::default(),
        })
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
                    Ok(None)
                }
                Err(error) => Err(failed("read", &error)),
            })
            .collect()
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
        self.db.compact_range_cf(self.handle(family), Some(from), Some(end));
    }

    /// An empty batch.
    pub(super) fn batch(&self) -> Batch<'_> {
        Batch { store: self, inner: WriteBatch::default() }
    }

    /// Writes a batch, all of it or nothing.
    pub(super) fn write(&self, batch: WriteBatch, how: Durability) -> Result<(), StoreError> {
        #[cfg(test)]
        self.faults.before_write(how)?;
        let options = match how {
            Durability::Synced => &self.synced,
            Durability::Buffered => &self.buffered,
        };
        self.db.write_opt(batch, options).map_err(|error| refused("write", &error))
    }

    /// Forces what was written into the kernel's hands onto the disk.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.db.flush_wal(true).map_err(|error| failed("sync", &error))
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

    /// Gives whole files back whose keys are all in `from..end`.
    ///
    /// Only for what a *synced* write has already declared gone: files vanish at once, and must
    /// not vanish before the reason for it is on disk.
    pub(super) fn drop_files(&self, from: u64, end: u64) -> Result<(), StoreError> {
        let last = end.saturating_sub(1);
        self.db
            .delete_file_in_range_cf(
                self.handle(Family::Queue),
                from.to_be_bytes(),
                last.to_be_bytes(),
            )
            .map_err(|error| failed("give files back", &error))
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

/// Makes the folder and those above it that are missing, and syncs each one's entry in its parent.
fn make_durable_folder(dir: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|path| !path.exists()).collect();
    for path in missing.into_iter().rev().filter(|path| !path.as_os_str().is_empty()) {
        fs::create_dir(path)?;
        sync_parent(path)?;
    }
    // Also when it was there: whoever made it may have been cut off before it could sync.
    sync_parent(dir)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    // The parent of a bare name is the empty path, which stands for "here".
    let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
    File::open(parent)?.sync_all()
}

/// Our families, and whatever a newer release may have added: all must be named to open, and only
/// an open store can be asked for its format.
fn family_names(shared: &Options, dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = FAMILIES.map(|family| family.name().to_owned()).into();
    names.push("default".to_owned());
    // A folder without a store has no list; opening will make one, or say what is wrong.
    for name in DB::list_cf(shared, dir).unwrap_or_default() {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn shared_options(options: &OutboxOptions) -> Options {
    let mut shared = Options::default();
    shared.create_if_missing(true);
    shared.create_missing_column_families(true);
    shared.set_wal_recovery_mode(DBRecoveryMode::SkipAnyCorruptedRecord);
    shared.set_max_total_wal_size(WAL_BYTES_MAX);
    shared.set_recycle_log_file_num(4);
    if options.compress_log {
        shared.set_wal_compression_type(DBCompressionType::Zstd);
    }
    // One thread writes: what would help many costs it.
    shared.set_allow_concurrent_memtable_write(false);
    shared.set_enable_write_thread_adaptive_yield(false);
    shared.set_max_background_jobs(2);
    // Spreads a flush over time, so that the log's next sync does not wait behind all of it.
    shared.set_bytes_per_sync(1 << 20);
    shared.set_max_open_files(256);
    shared.set_max_manifest_file_size(4 << 20);
    shared.set_keep_log_file_num(4);
    shared.set_max_log_file_size(1 << 20);
    shared.set_log_level(LogLevel::Warn);
    shared.set_stats_dump_period_sec(0);
    shared.set_stats_persist_period_sec(0);
    shared.set_skip_stats_update_on_db_open(true);
    shared
}

fn family_options(
    name: &str,
    options: &OutboxOptions,
    cache: &Cache,
    forget_below: &Arc<AtomicU64>,
) -> Options {
    let mut tuned = Options::default();
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_cache_index_and_filter_blocks(true);
    tuned.set_compression_type(DBCompressionType::Lz4);
    tuned.set_write_buffer_size(options.write_buffer_bytes);
    // Two may be on their way to the disk before the writer has to wait.
    tuned.set_max_write_buffer_number(3);
    if name == Family::Seen.name() {
        // Nearly every question is "never seen": filters answer it without touching a block. Cut
        // into parts, so that millions of keys need not keep their whole filter in memory.
        blocks.set_bloom_filter(10.0, false);
        blocks.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
        blocks.set_partition_filters(true);
        blocks.set_pin_top_level_index_and_filter(true);
        tuned.set_memtable_prefix_bloom_ratio(0.05);
        tuned.set_memtable_whole_key_filtering(true);
        tuned.set_write_buffer_size(options.write_buffer_bytes / 2);
        let forget_below = Arc::clone(forget_below);
        tuned.set_compaction_filter("forget old entries", move |_level, _key, value: &[u8]| {
            match format::last_seq(value) {
                Some(seq) if seq < forget_below.load(Ordering::Relaxed) => {
                    CompactionDecision::Remove
                }
                Some(_) | None => CompactionDecision::Keep,
            }
        });
    }
    tuned.set_block_based_table_factory(&blocks);
    tuned
}

/// Read while a doctor waits, a patient at a time: what was read lately stays in memory, in a cache
/// that records on their way to the platform cannot push it out of.
fn history_options(options: &OutboxOptions, forget_before: &Arc<AtomicU32>) -> Options {
    let mut tuned = Options::default();
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(&Cache::new_lru_cache(options.history_cache_bytes));
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_bloom_filter(10.0, false);
    tuned.set_block_based_table_factory(&blocks);
    // What is in it is encrypted: there is nothing to compress.
    tuned.set_compression_type(DBCompressionType::None);
    tuned.set_write_buffer_size(options.write_buffer_bytes / 2);
    tuned.set_max_write_buffer_number(3);
    tuned.set_periodic_compaction_seconds(HISTORY_COMPACTED_EVERY_S);
    let forget_before = Arc::clone(forget_before);
    tuned.set_compaction_filter("forget old days", move |_level, _key, value: &[u8]| {
        let day = value.first_chunk().map(|it| u32::from_be_bytes(*it));
        match day {
            Some(day) if day < forget_before.load(Ordering::Relaxed) => CompactionDecision::Remove,
            Some(_) | None => CompactionDecision::Keep,
        }
    });
    tuned
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
    StoreError::Failed { operation, cause: error.to_string() }
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

/// All logs together; beyond it the oldest families are flushed and their logs used again. Also
/// what a start has to read at most.
const WAL_BYTES_MAX: u64 = 128 << 20;

/// A file of the history is written anew at least so often: then what is too old goes.
const HISTORY_COMPACTED_EVERY_S: u64 = 7 * 86_400;

/// What tests make the disk do.
#[cfg(test)]
#[derive(Default)]
pub(super) struct Faults {
    /// The next write gives an I/O error.
    pub(super) fail_next_write: std::sync::atomic::AtomicBool,
    /// A write waits while this is held.
    pub(super) hold_writes: std::sync::Mutex<()>,
    /// Writes so far: those that were synced, and the others.
    pub(super) synced: AtomicU64,
    pub(super) buffered: AtomicU64,
}

#[cfg(test)]
impl Faults {
    fn before_write(&self, how: Durability) -> Result<(), StoreError> {
        drop(self.hold_writes.lock());
        match how {
            Durability::Synced => self.synced.fetch_add(1, Ordering::SeqCst),
            Durability::Buffered => self.buffered.fetch_add(1, Ordering::SeqCst),
        };
        if self.fail_next_write.swap(false, Ordering::SeqCst) {
            return Err(failed("write", &io::Error::from_raw_os_error(libc::EIO)));
        }
        Ok(())
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
