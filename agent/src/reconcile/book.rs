//! The platform's side of the account: the records of one day, as they lie on its disk, and what it
//! answers about them.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use super::leaf::{Leaf, hex};
use super::page::{Group, Page, range_of};
use super::question::{Answer, Ask, Day, Doubled};
use super::sums::{self, Sums};

/// A day's account as a file that is carried where nothing can be asked.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Carried {
    #[serde(flatten)]
    pub(crate) of: Day,
    pages: Vec<CarriedPage>,
    doubled: Vec<Doubled>,
}

#[derive(Debug, Serialize, Deserialize)]
struct CarriedPage {
    #[serde(flatten)]
    group: Group,
    sums: BTreeMap<String, String>,
    leaves: Vec<Leaf>,
}

/// All records of a day, by page and range.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    pages: BTreeMap<Group, (Sums, BTreeMap<u64, Vec<Leaf>>)>,
    pub(crate) doubled: BTreeMap<String, Doubled>,
}

impl Book {
    /// Takes in a record. `elements` is the JSON of its data elements.
    pub(crate) fn take(&mut self, group: Group, leaf: Leaf, elements: &str) {
        let (sums, ranges) = self.pages.entry(group).or_default();
        sums::add(sums, elements);
        let leaves = ranges.entry(range_of(leaf.seq)).or_default();
        // Copies of one record stand beside each other, so that both sides have one order.
        let at = leaves.partition_point(|it| *it <= leaf);
        leaves.insert(at, leaf);
    }

    /// To be carried.
    pub(crate) fn carried(&self, of: Day) -> Carried {
        let page = |(group, (sums, ranges)): (&Group, &(Sums, BTreeMap<u64, Vec<Leaf>>))| {
            let leaves = ranges.values().flatten().copied().collect();
            CarriedPage { group: group.clone(), sums: sums::told(sums), leaves }
        };
        let doubled = self.doubled.values().cloned().collect();
        Carried { of, pages: self.pages.iter().map(page).collect(), doubled }
    }

    /// What it says to a question that changes nothing.
    pub(crate) fn answer(&self, ask: &Ask) -> Answer {
        match ask {
            Ask::Account => Answer::Account {
                pages: self.pages().map(|(group, page)| (group.clone(), page.totals())).collect(),
                doubled: self.doubled.values().cloned().collect(),
            },
            Ask::Ranges { group } => {
                let page = self.page(group).unwrap_or_default();
                let ranges = page.ranges.iter().map(|(range, it)| (*range, hex(it))).collect();
                Answer::Ranges { ranges }
            }
            Ask::Leaves { group, ranges } => {
                let page = self.pages.get(group).map(|(_, ranges)| ranges);
                // Each once, however often it is asked for.
                let ranges: BTreeSet<&u64> = ranges.iter().collect();
                let leaves = ranges.into_iter().filter_map(|it| page?.get(it)).flatten().copied();
                Answer::Leaves { leaves: leaves.collect() }
            }
            Ask::Withdraw { .. } | Ask::Keep { .. } => {
                Answer::Refused { reason: "this account can only be read".to_owned() }
            }
        }
    }

    fn pages(&self) -> impl Iterator<Item = (&Group, Page)> {
        self.pages.keys().filter_map(|group| Some((group, self.page(group)?)))
    }

    fn page(&self, group: &Group) -> Option<Page> {
        let (sums, ranges) = self.pages.get(group)?;
        let mut page = Page { sums: sums.clone(), ..Page::default() };
        for (range, leaves) in ranges {
            page.take(*range, leaves);
        }
        Some(page)
    }
}

impl From<Carried> for Book {
    fn from(carried: Carried) -> Book {
        let mut book = Book::default();
        for CarriedPage { group, sums, leaves } in carried.pages {
            for leaf in leaves {
                book.take(group.clone(), leaf, "");
            }
            let read =
                |(name, sum): (String, String)| Some((name, Decimal::from_str_exact(&sum).ok()?));
            book.pages.entry(group).or_default().0 = sums.into_iter().filter_map(read).collect();
        }
        let by_id = carried.doubled.into_iter().map(|it| (it.record_id.clone(), it));
        book.doubled = by_id.collect();
        book
    }
}
