//! Which element of a long document is repeated.

use std::fmt;
use std::str::FromStr;

/// A way from the root of a document to the element that is repeated, by local names: `list/fees/fee`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPath {
    // Invariant: not empty.
    names: Vec<String>,
}

/// What is written is no such way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a plain path to an element, such as list/fees/fee: no predicates, attributes or //")]
pub struct BadStreamPath;

impl StreamPath {
    /// How many elements the repeated one stands in.
    pub(super) fn depth(&self) -> usize {
        self.names.len() - 1
    }

    /// Whether an element at a depth, its ancestors being on the way, is on it too.
    pub(super) fn goes_through(&self, depth: usize, tag_name: &str) -> bool {
        let local = tag_name.rsplit(':').next().unwrap_or(tag_name);
        self.names.get(depth).is_some_and(|it| it == "*" || it == local)
    }
}

impl FromStr for StreamPath {
    type Err = BadStreamPath;

    fn from_str(text: &str) -> Result<StreamPath, BadStreamPath> {
        let names: Vec<String> =
            text.strip_prefix('/').unwrap_or(text).split('/').map(str::to_owned).collect();
        let is_name = |it: &String| {
            !it.is_empty()
                && it != "."
                && it != ".."
                && !it.contains(|it: char| it.is_whitespace() || "[]@:='\"<>&{}()".contains(it))
        };
        if names.iter().all(is_name) { Ok(StreamPath { names }) } else { Err(BadStreamPath) }
    }
}

impl fmt::Display for StreamPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        for (text, expected) in [
            ("list/fee", "list/fee"),
            ("/清单/*/明细", "清单/*/明细"),
            ("fee", "fee"),
            ("", "-"),
            ("a//b", "-"),
            ("a/b[1]", "-"),
            ("a/@b", "-"),
            ("a/../b", "-"),
            ("a/b/", "-"),
        ] {
            let actual = text.parse::<StreamPath>().map_or("-".to_owned(), |it| it.to_string());
            assert_eq!(actual, expected, "{text}");
        }
    }
}
