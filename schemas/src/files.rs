//! Texts of a folder tree by path: how a pure crate is given files without opening any.

use std::collections::BTreeMap;

/// Texts by path relative to their folder, with `/` between names, in the order of the paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    texts: BTreeMap<String, String>,
}

impl Files {
    /// No files.
    #[must_use]
    pub fn new() -> Files {
        Files::default()
    }

    /// The files embedded in a crate, such as [`crate::SHIPPED`].
    #[must_use]
    pub fn from_shipped(shipped: &[(&str, &str)]) -> Files {
        shipped.iter().copied().collect()
    }

    /// Adds a file, or replaces the one at that path: an overlay is inserted over what is shipped.
    pub fn insert(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.texts.insert(path.into(), text.into());
    }

    /// The text at a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// The path as it is kept, and its text.
    pub(crate) fn entry(&self, path: &str) -> Option<(&str, &str)> {
        self.texts.get_key_value(path).map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Every path and text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The files whose path begins with `prefix`, such as `entities/`; the paths stay whole.
    pub fn under(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.texts
            .range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded))
            .take_while(move |(path, _)| path.starts_with(prefix))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// How many files there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is no file.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

impl<P: Into<String>, T: Into<String>> FromIterator<(P, T)> for Files {
    fn from_iter<I: IntoIterator<Item = (P, T)>>(files: I) -> Files {
        let texts = files.into_iter().map(|(path, text)| (path.into(), text.into())).collect();
        Files { texts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_keeps_whole_paths_and_stays_inside() {
        let mut files = Files::from_shipped(&[("a/x", "1"), ("ab", "2"), ("b/y", "3")]);
        files.insert("a/x", "over");
        let found: Vec<_> = files.under("a/").collect();
        assert_eq!(found, [("a/x", "over")]);
        assert_eq!(files.len(), 3);
    }
}
