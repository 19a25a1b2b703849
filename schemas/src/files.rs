//! Texts of a folder tree by path: how a pure crate is given files without opening any.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// Texts by path relative to their folder, with `/` between names, in the order of the paths. What is
/// shipped stays where the program has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    texts: BTreeMap<Text, Text>,
}

type Text = Cow<'static, str>;

impl Files {
    /// No files.
    #[must_use]
    pub fn new() -> Files {
        Files::default()
    }

    /// The files embedded in a crate, such as [`crate::SHIPPED`].
    #[must_use]
    pub fn from_shipped(shipped: &[(&'static str, &'static str)]) -> Files {
        let texts = shipped.iter().map(|(path, text)| (Cow::Borrowed(*path), Cow::Borrowed(*text)));
        Files { texts: texts.collect() }
    }

    /// Adds a file, or replaces the one at that path: an overlay is inserted over what is shipped.
    pub fn insert(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.texts.insert(Cow::Owned(path.into()), Cow::Owned(text.into()));
    }

    /// The text at a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(AsRef::as_ref)
    }

    /// The path as it is kept, and its text.
    pub(crate) fn entry(&self, path: &str) -> Option<(&str, &str)> {
        self.texts.get_key_value(path).map(|(path, text)| (path.as_ref(), text.as_ref()))
    }

    /// Every path and text.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_ref(), text.as_ref()))
    }

    /// The files whose path begins with `prefix`, such as `entities/`; the paths stay whole.
    pub fn under(&self, prefix: &str) -> impl Iterator<Item = (&str, &str)> {
        self.texts
            .range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded))
            .take_while(move |(path, _)| path.starts_with(prefix))
            .map(|(path, text)| (path.as_ref(), text.as_ref()))
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
        let owned = |(path, text): (P, T)| (Cow::Owned(path.into()), Cow::Owned(text.into()));
        Files { texts: files.into_iter().map(owned).collect() }
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
