//! How the store is tuned: what each family is read for, and what memory and logs may take.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::super::format;
use super::{
    BlockBasedIndexType, BlockBasedOptions, Cache, CompactionDecision, DB, DBCompressionType,
    DBRecoveryMode, FAMILIES, Family, LogLevel, Options, OutboxOptions,
};

/// Our families, and whatever a newer release may have added: all must be named to open, and only
/// an open store can be asked for its format.
pub(super) fn family_names(shared: &Options, dir: &Path) -> Vec<String> {
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

pub(super) fn shared_options(options: &OutboxOptions) -> Options {
    let mut shared = Options::default();
    shared.create_if_missing(true);
    shared.create_missing_column_families(true);
    shared.set_wal_recovery_mode(DBRecoveryMode::SkipAnyCorruptedRecord);
    shared.set_max_total_wal_size(WAL_BYTES_MAX);
    shared.set_recycle_log_file_num(4);
    // After a full disk the engine writes what is in memory to files and leaves the log behind. In
    // one step for all families: a crash in between must not find a refused batch, still whole in
    // that log, in some families and not in others.
    shared.set_atomic_flush(true);
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
    // Counts what the engine has really synced.
    #[cfg(test)]
    shared.enable_statistics();
    shared
}

pub(super) fn family_options(
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
    if name == Family::Journey.name() || name == Family::Raw.name() {
        // They lie in the order of time and are hardly read; what waits for a queue of millions
        // should have the memory.
        tuned.set_write_buffer_size(options.write_buffer_bytes / 4);
    }
    tuned.set_block_based_table_factory(&blocks);
    tuned
}

/// Read while a doctor waits, a patient at a time: what was read lately stays in memory, in a cache
/// that records on their way to the platform cannot push it out of.
pub(super) fn history_options(options: &OutboxOptions, forget_before: &Arc<AtomicU32>) -> Options {
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

/// All logs together; beyond it the oldest families are flushed and their logs used again. Also
/// what a start has to read at most.
const WAL_BYTES_MAX: u64 = 128 << 20;

/// A file of the history is written anew at least so often: then what is too old goes.
const HISTORY_COMPACTED_EVERY_S: u64 = 7 * 86_400;
