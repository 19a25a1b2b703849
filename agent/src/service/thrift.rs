//! Gives back what only the start needed. A start reads most of the program once: every shipped table, the
//! start of every library. The kernel leaves that in the process until memory is short, and so a daemon
//! that does nothing looks as if it took the double. Dropped pages of the program's file are read again
//! when they are wanted, from the page cache. What the store's engine lets go of is given back too, where C's
//! allocator would keep it.

use std::fs;
use std::time::Duration;

/// From here on, a block of a megabyte or more goes back to the kernel when the engine frees it. To be called before
/// the store is opened.
///
/// The engine's memory is C's to allocate. Left to itself, C takes a large block that is freed as a sign that more
/// of them will come, and from then on keeps what is not larger: up to 32 MB in each of a dozen heaps, which was
/// 200 MB after a start with ten million records. A size that is said stays (mallopt(3), `M_MMAP_THRESHOLD`).
#[allow(unsafe_code)]
pub(super) fn let_large_blocks_go() {
    // SAFETY: it takes two numbers and keeps them behind a lock of its own. Advice: refused, all stays as it was.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES);
    }
}

/// Above nearly every commit of the outbox, which come again and again; below the blocks of a table in memory and
/// what is read ahead for a compaction.
#[cfg(target_env = "gnu")]
const LARGE_BYTES: libc::c_int = 1 << 20;

/// Gives back at once, and again when what follows a start is done.
pub(super) async fn after_a_start() {
    for wait in [Duration::ZERO, FOLLOWS] {
        tokio::time::sleep(wait).await;
        drop(tokio::task::spawn_blocking(give_back).await);
    }
}

/// The set is kept, a version noted, the account taken up, the first patrol made.
const FOLLOWS: Duration = Duration::from_secs(20);

/// Lets go of the program's own pages that nobody has changed.
fn give_back() {
    let Ok(program) = std::env::current_exe() else { return };
    let (Some(program), Ok(told)) = (program.to_str(), fs::read_to_string("/proc/self/smaps"))
    else {
        return;
    };
    for (from, to) in unchanged(&told, program) {
        drop_pages(from, to);
    }
}

/// Where the program's file is mapped, not writable, and no page has been copied to be written to: the
/// loader writes to some before it closes them, and those are nowhere else.
fn unchanged(told: &str, program: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut mapped = None;
    for line in told.lines() {
        if let Some(kib) = line.strip_prefix("Anonymous:") {
            found.extend(mapped.take().filter(|_| kib.trim() == "0 kB"));
        } else if let Some((range, rest)) = line.split_once(' ')
            && let Some((from, to)) = range.split_once('-')
        {
            let is_ours = rest.starts_with("r-") && rest.ends_with(program);
            let number = |it| usize::from_str_radix(it, 16).ok();
            mapped = number(from).zip(number(to)).filter(|_| is_ours);
        }
    }
    found
}

/// Advice: where it is not taken, the pages stay.
#[allow(unsafe_code)]
fn drop_pages(from: usize, to: usize) {
    // SAFETY: the range is a mapping of this program's file that cannot be written to and holds no page
    // of its own, so whatever is read there next is read from the file, the same bytes as before.
    unsafe {
        libc::madvise(std::ptr::with_exposed_provenance_mut(from), to - from, libc::MADV_DONTNEED);
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const TOLD: &str = "\
5500-5600 r--p 00000000 fd:00 12 /usr/bin/his-agent
Size:                  4 kB
Anonymous:             0 kB
5600-5700 r-xp 00001000 fd:00 12 /usr/bin/his-agent
Anonymous:             0 kB
5700-5800 r--p 00002000 fd:00 12 /usr/bin/his-agent
Anonymous:             4 kB
5800-5900 rw-p 00003000 fd:00 12 /usr/bin/his-agent
Anonymous:             0 kB
7f00-7f10 r-xp 00000000 fd:00 13 /usr/lib/libc.so.6
Anonymous:             0 kB
";

    #[test]
    fn only_pages_that_are_as_in_the_program_s_file_go() {
        check(TOLD, "5500-5600 5600-5700");
        check(&TOLD.replace("Anonymous:             0 kB", "Anonymous:             8 kB"), "");
        check("", "");
    }

    #[test]
    fn a_program_reads_on_what_it_has_given_back() {
        give_back();
        check(TOLD, "5500-5600 5600-5700");
    }

    /// A block that goes back by itself is a mapping of its own, which begins sixteen bytes behind a page. In a
    /// process of its own: where others have worked, a heap may have room for it by chance.
    #[cfg(target_env = "gnu")]
    #[test]
    #[allow(unsafe_code, clippy::unwrap_used)]
    fn a_large_block_that_was_freed_makes_the_next_no_part_of_a_heap() {
        const NAME: &str = "service::thrift::tests::\
            a_large_block_that_was_freed_makes_the_next_no_part_of_a_heap";
        if std::env::var_os("TEST_ALONE").is_none() {
            let mut alone = Command::new(std::env::current_exe().unwrap());
            let alone = alone.args(["--exact", NAME]).env("TEST_ALONE", "1");
            let ran = alone.output().unwrap();
            let said = str::from_utf8(&ran.stdout).unwrap();
            assert!(ran.status.success() && said.contains("1 passed"), "{said}");
            return;
        }
        let_large_blocks_go();
        // SAFETY: nobody reads or writes the blocks; each is freed once.
        let begins = |bytes| unsafe {
            let block = libc::malloc(bytes);
            libc::free(block);
            block.addr() % 4_096
        };
        let found = [24 << 20, 16 << 20, 8 << 20, 4 << 20].map(begins);
        assert_eq!(found, [16; 4]);
    }

    #[track_caller]
    fn check(told: &str, expected: &str) {
        let found = unchanged(told, "/usr/bin/his-agent");
        let found: Vec<String> = found.iter().map(|(a, b)| format!("{a:x}-{b:x}")).collect();
        assert_eq!(found.join(" "), expected);
    }
}
