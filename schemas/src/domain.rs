//! Value domains: closed lists of codes, and proof that a code is on its list.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A code that is in its value domain. Whoever holds one never asks again.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(Arc<str>);

/// The list that an element's value must come from.
#[derive(Debug, PartialEq)]
pub struct ValueDomain {
    name: String,
    codes: Vec<(Code, String)>,
    // Invariant: each code of `codes` with its place there.
    places: HashMap<Arc<str>, usize>,
    closed: bool,
}

impl Code {
    /// The code as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ValueDomain {
    /// A closed list without Chinese names, for codes given on the spot. Repeats are ignored.
    #[must_use]
    pub fn new<'a>(name: &str, codes: impl IntoIterator<Item = &'a str>) -> ValueDomain {
        let mut domain = ValueDomain::empty(name, true);
        for code in codes {
            domain.add(code, "");
        }
        domain
    }

    /// A domain that has a name and no published values: every value may be right.
    pub(crate) fn open(name: &str) -> ValueDomain {
        ValueDomain::empty(name, false)
    }

    pub(crate) fn empty(name: &str, closed: bool) -> ValueDomain {
        ValueDomain { name: name.to_owned(), codes: Vec::new(), places: HashMap::new(), closed }
    }

    /// Adds a code at the end; `false` when the list already has it.
    pub(crate) fn add(&mut self, code: &str, zh_name: &str) -> bool {
        if self.places.contains_key(code) {
            return false;
        }
        let code: Arc<str> = code.into();
        self.places.insert(Arc::clone(&code), self.codes.len());
        self.codes.push((Code(code), zh_name.to_owned()));
        true
    }

    /// Name of the table, or the codes joined by `|` when they are given on the spot.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The code, if this list has it.
    #[must_use]
    pub fn code(&self, text: &str) -> Option<Code> {
        self.entry(text).map(|(code, _)| code.clone())
    }

    /// The Chinese name of a code of this list; empty when it has none.
    #[must_use]
    pub fn zh_name(&self, code: &str) -> Option<&str> {
        self.entry(code).map(|(_, zh_name)| zh_name.as_str())
    }

    /// Whether the list has this code.
    #[must_use]
    pub fn contains(&self, text: &str) -> bool {
        self.places.contains_key(text)
    }

    /// Codes and their Chinese names, in the order of the file.
    pub fn codes(&self) -> impl Iterator<Item = (&Code, &str)> {
        self.codes.iter().map(|(code, zh_name)| (code, zh_name.as_str()))
    }

    /// Whether the values are published. An open domain never makes a finding.
    #[must_use]
    pub fn closed(&self) -> bool {
        self.closed
    }

    fn entry(&self, text: &str) -> Option<&(Code, String)> {
        self.places.get(text).and_then(|place| self.codes.get(*place))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_exists_only_if_its_domain_has_it() {
        let sex = ValueDomain::new("gend", ["0", "1", "2", "9", "1"]);
        assert_eq!(sex.code("1").as_ref().map(Code::as_str), Some("1"));
        assert_eq!(sex.code("3"), None);
        assert_eq!(sex.code(""), None);
        assert_eq!(sex.codes().count(), 4);
        assert!(sex.closed());
        assert!(!ValueDomain::open("admdvs").closed());
    }
}
