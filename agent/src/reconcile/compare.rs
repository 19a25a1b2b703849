//! Names the records that are not the same on both sides, and says of each what is wrong with it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::leaf::Leaf;
use super::page::Group;
use super::question::Doubled;

/// A record of ours, with its page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) leaf: Leaf,
    pub(crate) group: Group,
}

/// What is not the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Differences {
    /// The platform does not have them.
    pub(crate) missing: Vec<Named>,
    /// It has something else under their ids.
    pub(crate) different: Vec<Named>,
    /// It has these, and we never sent them.
    pub(crate) unknown: Vec<Named>,
    /// They came more than once.
    pub(crate) doubled: Vec<Doubled>,
}

impl Differences {
    /// Compares what both sides have in the ranges that differ. `begun` is the first record of our
    /// account: of what was sent before it, nothing can be said, nor of what is open: it may be ours
    /// and on its way into the account.
    pub(crate) fn between(
        ours: &[Named],
        theirs: &[Named],
        doubled: Vec<Doubled>,
        (begun, is_open): (u64, impl Fn(u64) -> bool),
    ) -> Differences {
        let mut by_id: BTreeMap<[u8; 16], Vec<&Named>> = BTreeMap::new();
        for it in theirs {
            by_id.entry(it.leaf.id).or_default().push(it);
        }
        let mut found = Differences { doubled, ..Differences::default() };
        for it in ours {
            match by_id.get(&it.leaf.id).map(Vec::as_slice) {
                None => found.missing.push(it.clone()),
                Some([one]) if *one == it => {}
                Some([_]) => found.different.push(it.clone()),
                Some(copies) if copies.iter().all(|copy| *copy == it) => {
                    found.stored_twice(it, copies.len() as u64);
                }
                Some(_) => found.different.push(it.clone()),
            }
        }
        let known: BTreeSet<[u8; 16]> = ours.iter().map(|it| it.leaf.id).collect();
        let unknown = theirs.iter().filter(|it| !known.contains(&it.leaf.id));
        let unknown = unknown.filter(|it| it.leaf.seq >= begun && !is_open(it.leaf.seq));
        found.unknown = unknown.cloned().collect();
        found
    }

    /// The platform's own account counts it more than once, which a receiver that drops doubles never
    /// does.
    fn stored_twice(&mut self, it: &Named, copies: u64) {
        let record_id = it.leaf.record_id();
        let dropped = 0;
        if !self.doubled.iter().any(|known| known.record_id == record_id) {
            let seq = it.leaf.seq;
            self.doubled.push(Doubled { record_id, seq, dropped, different: 0 });
        }
        self.different.extend((copies > 1).then(|| it.clone()));
    }

    /// Both sides have the same. Doubles that the platform has dropped change nothing of that.
    pub(crate) fn is_balanced(&self) -> bool {
        self.missing.is_empty() && self.different.is_empty() && self.unknown.is_empty()
    }

    /// Nothing at all is left to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_balanced() && self.doubled.is_empty()
    }
}

/// A record as people and programs are told of it.
#[derive(Debug, Serialize)]
pub(crate) struct Told<'a> {
    seq: u64,
    record_id: String,
    entity: &'a str,
    channel: &'a str,
}

impl Named {
    pub(crate) fn told(&self) -> Told<'_> {
        Told {
            seq: self.leaf.seq,
            record_id: self.leaf.record_id(),
            entity: &self.group.entity,
            channel: &self.group.channel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_record_is_named_for_what_is_wrong_with_it() {
        check("1a 2b 3c", "1a 2b 3c", "");
        check("1a 2b 3c", "1a 3c", "missing 2");
        check("1a 2b 3c", "1a 2x 3c", "different 2");
        check("1a 2b", "1a 2b 9z", "unknown 9");
        check("1a 2b 3c", "3x 7y", "missing 1 2, different 3, unknown 7");
        check("", "", "");
        check("1a 2b", "", "missing 1 2");
    }

    #[test]
    fn one_that_is_kept_twice_is_doubled_and_has_to_go_once() {
        check("1a 2b", "1a 1a 2b", "different 1, doubled 1");
        check("1a 2b", "1a 1x 2b", "different 1");
    }

    #[test]
    fn what_was_sent_before_our_account_began_is_not_unknown() {
        let found = Differences::between(&[], &leaves("3a 8b"), Vec::new(), (5, |_| false));
        assert_eq!(told(&found), "unknown 8");
    }

    /// Record 2 waits, 3 and 4 are confirmed: the account ends before 2, and the platform is right.
    #[test]
    fn what_is_confirmed_behind_one_that_waits_is_not_unknown() {
        let open = (1, |seq| (2..5).contains(&seq));
        let found = Differences::between(&leaves("1a"), &leaves("1a 3c 4d 7x"), Vec::new(), open);
        assert_eq!(told(&found), "unknown 7");
    }

    #[track_caller]
    fn check(ours: &str, theirs: &str, expected: &str) {
        let found =
            Differences::between(&leaves(ours), &leaves(theirs), Vec::new(), (1, |_| false));
        assert_eq!(told(&found), expected);
        assert_eq!(found.is_empty(), expected.is_empty());
    }

    fn told(found: &Differences) -> String {
        let seqs = |what: &str, named: &[Named]| {
            let seqs: Vec<_> = named.iter().map(|it| it.leaf.seq.to_string()).collect();
            (!seqs.is_empty()).then(|| format!("{what} {}", seqs.join(" ")))
        };
        let doubled: Vec<_> = found.doubled.iter().map(|it| it.seq.to_string()).collect();
        let parts = [
            seqs("missing", &found.missing),
            seqs("different", &found.different),
            seqs("unknown", &found.unknown),
            (!doubled.is_empty()).then(|| format!("doubled {}", doubled.join(" "))),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// `2b`: record 2 with the content b.
    fn leaves(text: &str) -> Vec<Named> {
        let leaf = |it: &str| {
            let (seq, content) = it.split_at(1);
            Leaf::of(seq.parse().unwrap_or_default(), seq, content.as_bytes())
        };
        let group = Group { entity: "rx".to_owned(), channel: "c".to_owned() };
        let named = |it: &str| Named { leaf: leaf(it), group: group.clone() };
        text.split_whitespace().map(named).collect()
    }
}
