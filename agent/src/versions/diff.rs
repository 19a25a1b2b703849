//! What is different between two versions, line by line, as `diff -u` without its numbers would say it.

use std::fmt::Write as _;

use schemas::Files;

use super::mask::masked;

/// The difference of all files, by path; a file that is equal is not named.
pub(crate) fn of_files(before: &Files, after: &Files) -> String {
    let mut out = String::new();
    let paths = before.iter().chain(after.iter()).map(|(path, _)| path);
    let mut paths: Vec<&str> = paths.collect();
    paths.sort_unstable();
    paths.dedup();
    for path in paths {
        let (old, new) = (before.get(path), after.get(path));
        if old == new {
            continue;
        }
        let word = match (old, new) {
            (None, _) => "+++ ",
            (_, None) => "--- ",
            _ => "*** ",
        };
        let _ = writeln!(out, "{word}{path}");
        out.push_str(&of_texts(old.unwrap_or_default(), new.unwrap_or_default()));
    }
    out
}

/// The lines that went (`-`) and came (`+`), with two unchanged ones around each; secrets are masked.
pub(crate) fn of_texts(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let head = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
    let tails = old.iter().rev().zip(new.iter().rev());
    let tail = tails.take_while(|(one, other)| one == other).count();
    let tail = tail.min(old.len().min(new.len()) - head);
    let middle = |lines: &'_ [&'_ str]| lines.len() - tail;
    let (old_end, new_end) = (middle(&old), middle(&new));
    let (gone, come) = (old.get(head..old_end), new.get(head..new_end));
    let (gone, come) = (gone.unwrap_or_default(), come.unwrap_or_default());
    let mut lines: Vec<(char, &str)> = Vec::new();
    lines.extend(old.iter().take(head).skip(head.saturating_sub(AROUND)).map(|it| (' ', *it)));
    lines.extend(merged(gone, come));
    lines.extend(old.iter().skip(old_end).take(AROUND).map(|it| (' ', *it)));
    told(&lines)
}

/// Only what is near a change.
fn told(lines: &[(char, &str)]) -> String {
    let changed: Vec<usize> =
        lines.iter().enumerate().filter(|(_, it)| it.0 != ' ').map(|(at, _)| at).collect();
    let mut out = String::new();
    let mut left_out = false;
    for (at, (mark, line)) in lines.iter().enumerate() {
        if changed.iter().any(|it| it.abs_diff(at) <= AROUND) {
            if std::mem::take(&mut left_out) {
                out.push_str("...\n");
            }
            let _ = writeln!(out, "{mark} {}", masked(line));
        } else {
            left_out = !out.is_empty();
        }
    }
    out
}

/// By the longest common subsequence; where that would take too long, all that went and all that came.
fn merged<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(char, &'a str)> {
    if old.len().saturating_mul(new.len()) > CELLS_MAX {
        let gone = old.iter().map(|it| ('-', *it));
        return gone.chain(new.iter().map(|it| ('+', *it))).collect();
    }
    let width = new.len() + 1;
    let mut longest = vec![0_u32; (old.len() + 1) * width];
    let at = |table: &[u32], row: usize, column: usize| {
        table.get(row * width + column).copied().unwrap_or(0)
    };
    for (row, one) in old.iter().enumerate().rev() {
        for (column, other) in new.iter().enumerate().rev() {
            let best = if one == other {
                at(&longest, row + 1, column + 1) + 1
            } else {
                at(&longest, row + 1, column).max(at(&longest, row, column + 1))
            };
            if let Some(cell) = longest.get_mut(row * width + column) {
                *cell = best;
            }
        }
    }
    let (mut row, mut column, mut lines) = (0, 0, Vec::new());
    loop {
        match (old.get(row), new.get(column)) {
            (Some(one), Some(other)) if one == other => {
                lines.push((' ', *one));
                (row, column) = (row + 1, column + 1);
            }
            (Some(one), other)
                if other.is_none()
                    || at(&longest, row + 1, column) >= at(&longest, row, column + 1) =>
            {
                lines.push(('-', *one));
                row += 1;
            }
            (_, Some(other)) => {
                lines.push(('+', *other));
                column += 1;
            }
            (_, None) => return lines,
        }
    }
}

/// Unchanged lines told around a change.
const AROUND: usize = 2;
/// Of the table of the longest common subsequence: 16 MB.
const CELLS_MAX: usize = 4_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_and_what_came() {
        check("a\nb\nc\n", "a\nb\nc\n", "");
        check("a\nb\nc\n", "a\nx\nc\n", "  a\n- b\n+ x\n  c\n");
        check("", "a\n", "+ a\n");
        check("a\nb\n", "", "- a\n- b\n");
        check("a\na\n", "a\n", "  a\n- a\n");
        check("a\n", "a\na\n", "  a\n+ a\n");
        check(
            "1\n2\n3\n4\n5\n6\n7\n8\n9\n",
            "1\nx\n3\n4\n5\n6\n7\n8\ny\n",
            "  1\n- 2\n+ x\n  3\n  4\n...\n  7\n  8\n- 9\n+ y\n",
        );
    }

    #[test]
    fn a_secret_is_not_told() {
        check("", "token = \"abc\"\n", "+ token = \"[REDACTED]\"\n");
    }

    #[track_caller]
    fn check(before: &str, after: &str, expected: &str) {
        assert_eq!(of_texts(before, after), expected);
    }

    #[test]
    fn files_by_path() {
        let before: Files = [("a", "1\n"), ("b", "1\n"), ("c", "1\n")].into_iter().collect();
        let after: Files = [("a", "1\n"), ("b", "2\n"), ("d", "1\n")].into_iter().collect();
        let expected = "*** b\n- 1\n+ 2\n--- c\n- 1\n+++ d\n+ 1\n";
        assert_eq!(of_files(&before, &after), expected);
        assert_eq!(of_files(&before, &before), "");
    }
}
