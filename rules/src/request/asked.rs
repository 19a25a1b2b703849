//! What the readers of a request ask for, written down while they read: from this the schema of the
//! request is made, so that an element that is read is described, and one that is not read is not.

use std::collections::BTreeMap;

use crate::facts::{RightKind, Scene};

/// Everything that is read, object by object.
#[derive(Debug, Default)]
pub(crate) struct Asked(pub(crate) BTreeMap<String, Members>);

/// What is read of one object.
#[derive(Debug, Default)]
pub(crate) struct Members {
    pub(crate) kinds: BTreeMap<String, Kind>,
    /// Of each of these, one must be sent.
    pub(crate) needed: Vec<&'static [&'static str]>,
}

/// As what an element is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Moment,
    Flag,
    /// One of these codes and words.
    Code(Vec<String>),
    /// A number, or steps in its place.
    Dose,
    Steps,
    /// A list of texts, or one text.
    Texts,
    Rights,
    Object,
    Objects,
}

impl Kind {
    /// The codes that a reader understands, of all that are in use anywhere.
    pub(crate) fn code(understands: impl Fn(&str) -> bool) -> Kind {
        let numbers = (0..=999).map(|it: u32| it.to_string());
        let padded = (1..=9).map(|it: u32| format!("{it:02}"));
        let words = Scene::NAMES.iter().map(|it| it.0).chain(WORDS).map(str::to_owned);
        Kind::Code(numbers.chain(padded).chain(words).filter(|it| understands(it)).collect())
    }

    /// The words for a right to prescribe.
    pub(crate) fn rights() -> impl Iterator<Item = &'static str> {
        RightKind::NAMES.iter().map(|it| it.0).chain(["无"])
    }
}

impl Asked {
    /// The first reader of an element knows it best: the others come behind it.
    pub(crate) fn note(&mut self, path: &str, name: &str, kind: impl FnOnce() -> Kind) {
        let kinds = &mut self.of(path).kinds;
        if !kinds.contains_key(name) {
            kinds.insert(name.to_owned(), kind());
        }
    }

    pub(crate) fn needs(&mut self, path: &str, names: &'static [&'static str]) {
        let needed = &mut self.of(path).needed;
        if !needed.contains(&names) {
            needed.push(names);
        }
    }

    /// `orders[RX1]` and `orders[2]` are lines of one list.
    fn of(&mut self, path: &str) -> &mut Members {
        let list = path.split('[').next().unwrap_or_default();
        self.0.entry(list.to_owned()).or_default()
    }
}

/// Words that stand for codes in one value domain or another.
const WORDS: [&str; 51] = [
    "男",
    "女",
    "门诊",
    "住院",
    "购药",
    "其他",
    "主任医师",
    "副主任医师",
    "主治医师",
    "主诊医师",
    "医师",
    "住院医师",
    "医士",
    "无",
    "三级",
    "二级",
    "一级",
    "三级特等",
    "三级甲等",
    "三级乙等",
    "三级丙等",
    "二级甲等",
    "二级乙等",
    "二级丙等",
    "一级甲等",
    "一级乙等",
    "一级丙等",
    "无等级",
    "-",
    "(-)",
    "阴性",
    "+",
    "(+)",
    "阳性",
    "待判",
    "待皮试",
    "免试",
    "续用",
    "轻",
    "轻度",
    "中",
    "中度",
    "重",
    "重度",
    "严重",
    "I",
    "II",
    "III",
    "Ⅰ",
    "Ⅱ",
    "Ⅲ",
];
