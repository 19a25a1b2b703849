//! What the codes mean that regions read differently: 1 is "neither" here and "pregnant" there.
//!
//! The tables are data of the hospital's profile. They come in as code and word; the words mean the
//! same everywhere, so the words are what is read. A code without a table has no meaning: what
//! depends on it stays unknown until the hospital names its region.

use std::collections::BTreeMap;

use crate::facts::{HospitalLevel, Maternity, Title};
use crate::vocabulary::{self, Stated};

/// The elements whose codes a region's table must explain: entity and name in the dictionary.
pub const REGIONAL: [(&str, &str); 4] = [
    ("fsi_encounter", "matn_stas"),
    ("fsi_encounter", "medins_lv"),
    ("fsi_order", "drord_bhvr"),
    ("fsi_order", "drord_dr_profttl"),
];

/// From here on only the table of fourteen steps has codes.
const LONG_TABLE_ONLY: u32 = 5;

/// The words for the codes of one region.
#[derive(Debug, Clone, Default)]
pub struct Region {
    words: BTreeMap<(String, String), String>,
}

impl Region {
    /// From element, code and word, as the tables in force have them.
    pub fn new<'a>(words: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> Region {
        let entry = |(element, code, word): (&str, &str, &str)| {
            ((element.to_owned(), code.to_owned()), word.to_owned())
        };
        Region { words: words.into_iter().map(entry).collect() }
    }

    /// The word for a code; a caller may send the word itself.
    fn word<'a>(&'a self, element: &str, sent: &'a str) -> &'a str {
        let key = (element.to_owned(), sent.to_owned());
        self.words.get(&key).map_or(sent, String::as_str)
    }

    fn has_table(&self, element: &str) -> bool {
        self.words.keys().any(|(known, _)| known == element)
    }

    /// `matn_stas`. Without a table every code may be right, and none is understood.
    pub(crate) fn maternity(&self, sent: &str) -> Option<Stated<Maternity>> {
        let word = self.word("matn_stas", sent);
        let untold = (!self.has_table("matn_stas")).then_some(Stated::Nothing);
        vocabulary::maternity_word(word).or(untold)
    }

    /// `medins_lv`: 2 is the second best of tertiary hospitals here and any secondary one there. What is
    /// read without a table are words, and codes that only one table has.
    pub(crate) fn hospital_level(&self, sent: &str) -> Option<Stated<HospitalLevel>> {
        let code = sent.trim_start_matches('0');
        let words = [sent, code].map(|it| self.word("medins_lv", it));
        let word = words.into_iter().find(|it| it.chars().any(|it| !it.is_ascii_digit()));
        match (word, code.parse::<u32>()) {
            (Some(word), _) => vocabulary::hospital_level(word),
            (None, _) if self.has_table("medins_lv") => None,
            (None, Ok(LONG_TABLE_ONLY..)) => vocabulary::hospital_level(code),
            (None, _) => Some(Stated::Nothing),
        }
    }

    /// `drord_dr_profttl`. The tables that are known share no code, so those are read without one.
    pub(crate) fn title(&self, sent: &str) -> Option<Stated<Title>> {
        vocabulary::title(self.word("drord_dr_profttl", sent))
    }

    /// `drord_bhvr`: whether the drug is taken home; 1 says so here and "temporary" there. `None` for a
    /// code that no table explains.
    pub(crate) fn is_taken_home(&self, sent: &str) -> Option<bool> {
        match self.word("drord_bhvr", sent) {
            "出院带药" => Some(true),
            word if word == sent && sent.chars().all(|it| it.is_ascii_alphanumeric()) => None,
            _ => Some(false),
        }
    }
}
