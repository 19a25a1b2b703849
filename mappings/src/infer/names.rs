//! How likely it is that a field's name means an element, by its Chinese and English names.
//!
//! A Chinese name is written in four ways: itself (药品名称), in full pinyin (YAOPINMINGCHENG), in
//! initials (ypmc), or half and half (YAOPINMC). An English name is written in one piece, in camel
//! case or with underscores, often shortened (deptNo). A field called `name` means something only
//! together with what it stands in, so its neighbours above are read along.

use std::collections::BTreeMap;

use schemas::DataElement;

/// The names of elements and how they are read.
#[derive(Debug)]
pub(super) struct Lexicon {
    words: BTreeMap<&'static str, Words>,
    readings: BTreeMap<char, Vec<&'static str>>,
}

#[derive(Debug)]
struct Words {
    chinese: Vec<&'static str>,
    english: Vec<&'static str>,
}

/// How likely, in hundredths, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Likeness {
    pub(super) percent: i32,
    pub(super) by: &'static str,
}

/// What a word that means many things says of one of them.
const WEAK: i32 = 58;
const NONE: Likeness = Likeness { percent: 0, by: "nothing" };

impl Lexicon {
    /// The words that come with the program.
    pub(super) fn shipped() -> Lexicon {
        let rows = |text: &'static str| text.lines().skip(1).filter(|it| !it.is_empty());
        let split = |text: &'static str| text.split('|').filter(|it| !it.is_empty()).collect();
        let words = rows(WORDS).filter_map(|line| {
            let mut cells = line.splitn(3, ',');
            let (element, chinese, english) = (cells.next()?, cells.next()?, cells.next()?);
            Some((element, Words { chinese: split(chinese), english: split(english) }))
        });
        let readings = rows(PINYIN).filter_map(|line| {
            let (character, readings) = line.split_once(',')?;
            Some((character.chars().next()?, split(readings)))
        });
        Lexicon { words: words.collect(), readings: readings.collect() }
    }

    /// How likely the field at the end of a way holds this element.
    /// `group` is the beginning of the way that repeats.
    pub(super) fn likeness(&self, way: &[String], group: usize, element: &DataElement) -> Likeness {
        let own = plain(way.last().map_or("", String::as_str));
        let above = way.iter().enumerate().rev().skip(1).map(|(depth, it)| (depth, plain(it)));
        let telling = above.filter(|(_, it)| !GENERIC.contains(&it.as_str())).take(2);
        let mut best = self.of_name(&own, element, true);
        for (depth, place) in telling {
            // What stands around a list says less of a line than the line's own name.
            let far = if depth + 1 < group { 6 } else { 1 };
            for place in [place.as_str(), singular(&place)] {
                let both = self.of_name(&format!("{place}{own}"), element, false);
                best = best.max(Likeness { percent: both.percent - far, ..both });
            }
        }
        best
    }

    fn of_name(&self, name: &str, element: &DataElement, alone: bool) -> Likeness {
        let official = element.zh_name().split(['(', '（', '/']).next().unwrap_or_default();
        let official: String = official.chars().filter(|it| !"-－ ".contains(*it)).collect();
        let words = self.words.get(element.name());
        let chinese = words.into_iter().flat_map(|it| &it.chinese).copied();
        let of_chinese = chinese.chain([official.as_str()]).map(|it| self.chinese(name, it, alone));
        let english = words.into_iter().flat_map(|it| &it.english).copied();
        let of_english = english.map(|it| english_likeness(name, it, alone));
        let standard = (name == plain(element.name()))
            .then_some(Likeness { percent: 97, by: "the standard's name" });
        of_chinese.chain(of_english).chain(standard).max().unwrap_or(NONE)
    }

    fn chinese(&self, name: &str, said: &str, alone: bool) -> Likeness {
        let (said, weak) = match said.strip_prefix('~') {
            Some(said) => (said, true),
            None => (said, false),
        };
        let said = said.to_lowercase();
        let found =
            if name.is_ascii() { self.pinyin(name, &said) } else { same_characters(name, &said) };
        match (weak, alone) {
            (true, false) => NONE,
            (true, true) => Likeness { percent: found.percent.min(WEAK), ..found },
            (false, _) => found,
        }
    }

    fn pinyin(&self, name: &str, said: &str) -> Likeness {
        let characters: Vec<char> = said.chars().collect();
        let Some(full) = self.cover(name, &characters) else { return NONE };
        let count = characters.len();
        let short =
            |it: &&char| self.readings.get(it).is_some_and(|it| it.iter().all(|it| it.len() == 1));
        // 额 is `e` in full and by its initial.
        if full > 0 && full + characters.iter().filter(short).count() == count {
            return Likeness { percent: 95, by: "full pinyin" };
        }
        if full > 0 {
            return Likeness { percent: 88, by: "pinyin and initials" };
        }
        let percent = match count {
            0 | 1 => 10,
            2 => 64,
            3 => 80,
            _ => 90,
        };
        Likeness { percent, by: "pinyin initials" }
    }

    /// Whether the letters are these characters, each in full or by its initial; gives the most
    /// characters that can be in full.
    fn cover(&self, letters: &str, characters: &[char]) -> Option<usize> {
        let Some((first, others)) = characters.split_first() else {
            return letters.is_empty().then_some(0);
        };
        let mut best = None;
        if first.is_ascii() {
            return self.cover(letters.strip_prefix(*first)?, others);
        }
        for reading in self.readings.get(first)? {
            if let Some(rest) = letters.strip_prefix(reading) {
                let whole = usize::from(reading.len() > 1);
                best = best.max(self.cover(rest, others).map(|it| it + whole));
            }
            if let Some(rest) = letters.strip_prefix(reading.get(..1)?) {
                best = best.max(self.cover(rest, others));
            }
        }
        best
    }
}

fn same_characters(name: &str, said: &str) -> Likeness {
    let (letters, wanted) = (name.chars().count(), said.chars().count());
    let percent = match () {
        () if name == said => 98,
        () if wanted >= 2 && name.contains(said) => 50 + share(wanted, letters, 35),
        // 单位 is part of 年龄单位 and of many others.
        () if letters >= 2 && said.contains(name) => 30 + share(letters, wanted, 40),
        () => 0,
    };
    Likeness { percent, by: "Chinese" }
}

/// `drug name` in `drugName`, `drug_nm`, `reqDrugName`. A word marked with `~` says little alone.
fn english_likeness(name: &str, said: &str, alone: bool) -> Likeness {
    let (said, weak) = match said.strip_prefix('~') {
        Some(said) => (said, true),
        None => (said, false),
    };
    let words: Vec<&str> = said.split(' ').collect();
    let whole: usize = words.iter().map(|it| it.len()).sum();
    let percent = match () {
        () if weak && !alone => 0,
        () if name == words.concat() && !weak => 94,
        () if shortened(name, &words) => {
            if weak {
                WEAK
            } else {
                90
            }
        }
        () if weak || whole < 4 => 0,
        () => part(name, &words, whole),
    };
    Likeness { percent, by: "English" }
}

fn part(name: &str, words: &[&str], whole: usize) -> i32 {
    let joined = words.concat();
    // What stands before qualifies (reqDoctorName); what stands behind makes another thing of it.
    if name.ends_with(&joined) {
        55 + share(whole, name.len(), 35)
    } else if name.starts_with(&joined) {
        35 + share(whole, name.len(), 35)
    } else {
        0
    }
}

/// Whether the letters are these words, each in full or in one of its short forms.
fn shortened(letters: &str, words: &[&str]) -> bool {
    let Some((first, others)) = words.split_first() else { return letters.is_empty() };
    let short = SHORT.iter().filter(|(word, _)| word == first).flat_map(|(_, short)| short.iter());
    std::iter::once(first)
        .chain(short)
        .any(|it| letters.strip_prefix(it).is_some_and(|rest| shortened(rest, others)))
}

fn share(part: usize, whole: usize, of: i32) -> i32 {
    i32::try_from(part.saturating_mul(of.unsigned_abs() as usize) / whole.max(1)).unwrap_or(0)
}

/// Letters, digits and Chinese characters, in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(|it| it.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// `patientinfo` and `diagnoses` say "patient" and "diagnosis" to what stands in them.
fn singular(name: &str) -> &str {
    let name = name.strip_suffix("info").or_else(|| name.strip_suffix("list")).unwrap_or(name);
    name.strip_suffix('s').filter(|it| it.len() > 3).unwrap_or(name)
}

/// Names of containers that say nothing of what is in them.
const GENERIC: [&str; 22] = [
    "item",
    "items",
    "row",
    "rows",
    "data",
    "root",
    "value",
    "detail",
    "details",
    "list",
    "record",
    "records",
    "info",
    "body",
    "request",
    "payload",
    "msgbody",
    "content",
    "xmlcontent",
    "rowitem",
    "entry",
    "baseinfo",
];

/// Short forms of English words in field names.
const SHORT: &[(&str, &[&str])] = &[
    ("patient", &["pat", "p", "hispatient"]),
    ("person", &["psn", "per"]),
    ("department", &["dept", "dep"]),
    ("dept", &["department", "dep"]),
    ("doctor", &["doc", "dr", "physician"]),
    ("number", &["no", "num", "nbr"]),
    ("no", &["number", "num", "nbr", "id"]),
    ("id", &["no"]),
    ("code", &["cd", "id"]),
    ("name", &["nm"]),
    ("diagnosis", &["diag", "dx", "diagnose"]),
    ("prescription", &["presc", "rx", "recipe"]),
    ("quantity", &["qty"]),
    ("amount", &["amt"]),
    ("time", &["dt", "datetime"]),
    ("date", &["dt"]),
    ("medicine", &["med"]),
    ("birth", &["birthday"]),
    ("frequency", &["freq"]),
    ("organization", &["org"]),
];

static WORDS: &str = include_str!("words.csv");
static PINYIN: &str = include_str!("pinyin.csv");

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use schemas::Catalog;

    use super::*;

    #[test]
    fn a_drug_by_any_name() {
        check("药品名称", "rx_detl_name", "98 Chinese");
        check("YAOPINMINGCHENG", "rx_detl_name", "95 full pinyin");
        check("YAOPINMC", "rx_detl_name", "88 pinyin and initials");
        check("ypmc", "rx_detl_name", "90 pinyin initials");
        check("drugName", "rx_detl_name", "94 English");
        check("drug_name", "rx_detl_name", "94 English");
        check("drug/name", "rx_detl_name", "93 English");
        check("drugs/drug/name", "rx_detl_name", "93 English");
        check("rx_detl_name", "rx_detl_name", "97 the standard's name");
        check("patient/name", "rx_detl_name", "0 nothing");
    }

    #[test]
    fn short_names_say_less() {
        check("je", "det_item_fee_sumamt", "64 pinyin initials");
        check("zje", "rx_sumamt", "80 pinyin initials");
        check("reqDoctorName", "prsc_dr_name", "81 English");
        check("unit", "cnt_unt", "94 English");
        check("unit", "drug_used_dosunt", "58 English");
    }

    #[track_caller]
    fn check(way: &str, element: &str, expected: &str) {
        let catalog = Catalog::shipped("clinical").unwrap();
        let entity = catalog.entity("outpatient_prescription").unwrap();
        let way: Vec<String> = way.split('/').map(str::to_owned).collect();
        let found = Lexicon::shipped().likeness(&way, 0, entity.element(element).unwrap());
        let by = if found.percent == 0 { "nothing" } else { found.by };
        assert_eq!(format!("{} {by}", found.percent), expected);
    }
}
