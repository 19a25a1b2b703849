//! The legal and clinical kinds of drug that rules tell apart, one product may be of several.

/// A kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DrugKind {
    /// 麻醉药品.
    Narcotic,
    /// 第一类精神药品.
    PsychotropicFirst,
    /// 第二类精神药品.
    PsychotropicSecond,
    /// 医疗用毒性药品.
    Toxic,
    /// 放射性药品.
    Radioactive,
    /// 药品类易制毒化学品.
    Precursor,
    /// 抗菌药物.
    Antimicrobial,
    /// 抗肿瘤药物, 限制使用级.
    OncologyRestricted,
    /// 抗肿瘤药物, 普通使用级.
    OncologyOrdinary,
    /// 中药饮片.
    HerbalSlice,
    /// 中成药.
    PatentMedicine,
    /// 中药注射剂.
    HerbalInjection,
    /// 高警示药品.
    HighAlert,
    /// 需皮试.
    SkinTest,
    /// 溶媒: saline, glucose, water for injection.
    Solvent,
    /// 缓释或控释.
    SustainedRelease,
    /// 需特殊贮存.
    SpecialStorage,
}

impl DrugKind {
    /// Every kind with its word in `drugs.csv`.
    pub const NAMES: [(&'static str, DrugKind); 17] = [
        ("麻醉", DrugKind::Narcotic),
        ("精一", DrugKind::PsychotropicFirst),
        ("精二", DrugKind::PsychotropicSecond),
        ("毒性", DrugKind::Toxic),
        ("放射性", DrugKind::Radioactive),
        ("易制毒", DrugKind::Precursor),
        ("抗菌", DrugKind::Antimicrobial),
        ("肿瘤限制级", DrugKind::OncologyRestricted),
        ("肿瘤普通级", DrugKind::OncologyOrdinary),
        ("饮片", DrugKind::HerbalSlice),
        ("中成药", DrugKind::PatentMedicine),
        ("中药注射剂", DrugKind::HerbalInjection),
        ("高警示", DrugKind::HighAlert),
        ("皮试", DrugKind::SkinTest),
        ("溶媒", DrugKind::Solvent),
        ("缓控释", DrugKind::SustainedRelease),
        ("特殊贮存", DrugKind::SpecialStorage),
    ];

    /// By its word.
    #[must_use]
    pub fn parse(word: &str) -> Option<DrugKind> {
        DrugKind::NAMES.into_iter().find(|(known, _)| *known == word).map(|(_, kind)| kind)
    }

    /// Its word.
    #[must_use]
    pub fn zh(self) -> &'static str {
        DrugKind::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(word, _)| word)
    }
}
