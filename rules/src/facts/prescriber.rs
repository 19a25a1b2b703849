//! Who orders, and what they may order.

use std::borrow::Cow;

use jiff::civil::Date;

use super::{Facts, Group, Order};

/// Who orders.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prescriber {
    /// Code of the doctor.
    pub code: Option<String>,
    /// 职称.
    pub title: Option<Title>,
    /// Department code.
    pub department_code: Option<String>,
    /// A specialist of the department concerned (专科医师).
    pub specialist: Option<bool>,
    /// Special rights to prescribe; absent when nobody sent the table.
    pub rights: Group<Vec<Right>>,
    /// The lines name several doctors: this is the first of them, and each line has its own.
    pub several: bool,
}

impl Facts {
    /// Who ordered a line.
    #[must_use]
    pub fn prescriber_of(&self, line: &Order) -> Option<Cow<'_, Prescriber>> {
        let first = self.prescriber.present()?;
        if !first.several {
            return Some(Cow::Borrowed(first));
        }
        let is_first = first.code.is_some() && first.code == line.doctor_code;
        let rest = if is_first { first.clone() } else { Prescriber::default() };
        Some(Cow::Owned(Prescriber {
            code: line.doctor_code.clone(),
            title: line.doctor_title.or(rest.title),
            department_code: line.department_code.clone().or(rest.department_code.clone()),
            several: false,
            ..rest
        }))
    }

    /// Who ordered everything; nobody did where there are several.
    #[must_use]
    pub fn sole_prescriber(&self) -> Option<&Prescriber> {
        self.prescriber.present().filter(|it| !it.several)
    }
}

/// Professional title, low to high.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Title {
    /// No title; village doctors.
    Untitled,
    /// 医士.
    Assistant,
    /// 医师 (住院医师).
    Junior,
    /// 主治医师.
    Intermediate,
    /// 副主任医师.
    AssociateSenior,
    /// 主任医师.
    Senior,
}

impl Title {
    /// The word for an answer.
    #[must_use]
    pub fn zh(self) -> &'static str {
        match self {
            Title::Untitled => "无职称",
            Title::Assistant => "医士",
            Title::Junior => "医师",
            Title::Intermediate => "主治医师",
            Title::AssociateSenior => "副主任医师",
            Title::Senior => "主任医师",
        }
    }
}

/// One special right to prescribe, and how long it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Right {
    /// For what.
    pub kind: RightKind,
    /// The last day on which it holds.
    pub to: Option<Date>,
}

/// What a right is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RightKind {
    /// 麻醉药品和第一类精神药品.
    Narcotic,
    /// 第二类精神药品.
    PsychotropicSecond,
    /// 医疗用毒性药品.
    Toxic,
    /// 放射性药品.
    Radioactive,
    /// 限制使用级抗肿瘤药物.
    OncologyRestricted,
    /// 普通使用级抗肿瘤药物.
    OncologyOrdinary,
    /// 中药饮片.
    HerbalSlices,
    /// 特殊使用级抗菌药物.
    AntimicrobialSpecial,
    /// 限制使用级抗菌药物.
    AntimicrobialRestricted,
}

impl RightKind {
    /// Every right with the word for files, requests and answers.
    pub const NAMES: [(&'static str, RightKind); 9] = [
        ("麻精一", RightKind::Narcotic),
        ("精二", RightKind::PsychotropicSecond),
        ("毒性", RightKind::Toxic),
        ("放射性", RightKind::Radioactive),
        ("肿瘤限制级", RightKind::OncologyRestricted),
        ("肿瘤普通级", RightKind::OncologyOrdinary),
        ("中药饮片", RightKind::HerbalSlices),
        ("抗菌特殊级", RightKind::AntimicrobialSpecial),
        ("抗菌限制级", RightKind::AntimicrobialRestricted),
    ];

    /// By its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<RightKind> {
        RightKind::NAMES.into_iter().find(|(known, _)| *known == word).map(|(_, kind)| kind)
    }

    /// Its word.
    #[must_use]
    pub fn zh(self) -> &'static str {
        RightKind::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}
