//! Which namespace a prefix stands for, at the place where the reader is.

use crate::document::Kept;

/// The declarations in force, innermost last.
#[derive(Debug, Default)]
pub(super) struct Namespaces<'a> {
    bindings: Vec<Binding<'a>>,
}

#[derive(Debug)]
struct Binding<'a> {
    prefix: &'a str,
    /// `None` where `xmlns=""` takes the default namespace away.
    uri: Option<Kept>,
    is_instance: bool,
}

/// What a prefix stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Resolved {
    /// No namespace: no prefix and no default.
    None,
    /// A namespace that was declared.
    Uri(Kept),
    /// XML Schema's instance namespace: `xsi:nil`, `xsi:type`.
    Instance,
    /// `xml:lang`, `xml:space`: declared by XML itself.
    Xml,
}

impl<'a> Namespaces<'a> {
    /// How many declarations are in force; give it to [`Namespaces::leave`] later.
    pub(super) fn len(&self) -> usize {
        self.bindings.len()
    }

    /// Forgets the declarations of elements that have ended.
    pub(super) fn leave(&mut self, len: usize) {
        self.bindings.truncate(len);
    }

    /// Takes in one declaration. False when too many are in force at once.
    pub(super) fn bind(&mut self, prefix: &'a str, uri: &str, kept: Kept) -> bool {
        let is_instance = uri == INSTANCE;
        let uri = (!uri.is_empty()).then_some(kept);
        self.bindings.push(Binding { prefix, uri, is_instance });
        self.bindings.len() <= BINDINGS_MAX
    }

    /// The namespace of elements without a prefix. It is asked for once per element, and never by
    /// comparing with an empty string: some processors are very slow at comparing no bytes at all.
    pub(super) fn unprefixed(&self) -> Resolved {
        let mut bindings = self.bindings.iter().rev();
        match bindings.find(|binding| binding.prefix.is_empty()) {
            Some(Binding { uri: Some(uri), .. }) => Resolved::Uri(*uri),
            _ => Resolved::None,
        }
    }

    /// What a prefix stands for; `None` when nobody declared it.
    pub(super) fn resolve(&self, prefix: &str) -> Option<Resolved> {
        let mut bindings = self.bindings.iter().rev();
        match bindings.find(|binding| binding.prefix == prefix) {
            Some(Binding { is_instance: true, .. }) => Some(Resolved::Instance),
            Some(Binding { uri: Some(uri), .. }) => Some(Resolved::Uri(*uri)),
            _ if prefix == "xml" => Some(Resolved::Xml),
            _ => None,
        }
    }
}

const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Every prefixed name looks through the declarations, so they must stay few.
const BINDINGS_MAX: usize = 128;
