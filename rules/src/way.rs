//! How exactly a drug enters the body: a push is not a drip, a muscle is not a spine.
//!
//! Sums and duplicates need only [`Route`]; a rule about routes needs to know more. The code table
//! has one code for "静脉注射或静脉滴注", and many systems send just "注射": such a way is
//! ambiguous, and a question that depends on the difference has no answer.

use crate::facts::Route;

/// One way, or a group of ways that cannot be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// 口服.
    Oral,
    /// 舌下.
    Sublingual,
    /// 鼻饲: through a tube.
    Tube,
    /// 直肠.
    Rectal,
    /// 阴道.
    Vaginal,
    /// 皮下注射.
    Subcutaneous,
    /// 皮内注射.
    Intradermal,
    /// 肌内注射.
    Intramuscular,
    /// 静脉推注.
    Push,
    /// 静脉滴注, by gravity or pump.
    Drip,
    /// Into a vein, push or drip.
    Vein,
    /// Injected, nobody said where.
    Injection,
    /// 鞘内 or other 椎管内.
    Intrathecal,
    /// 关节腔, 胸膜腔, 腹腔.
    Cavity,
    /// 玻璃体腔.
    Intravitreal,
    /// 吸入.
    Inhaled,
    /// 滴眼.
    Eye,
    /// 滴鼻, 喷喉, 含化, 外用 and other places.
    Topical,
}

/// Exact words and codes first, then what a longer text contains; the more specific stand first.
const EXACT: [(&str, Way); 29] = [
    ("1", Way::Oral),
    ("2", Way::Rectal),
    ("3", Way::Sublingual),
    ("4", Way::Injection),
    ("401", Way::Subcutaneous),
    ("402", Way::Intradermal),
    ("403", Way::Intramuscular),
    ("404", Way::Vein),
    ("5", Way::Inhaled),
    ("6", Way::Topical),
    ("601", Way::Intrathecal),
    ("602", Way::Cavity),
    ("603", Way::Cavity),
    ("604", Way::Cavity),
    ("605", Way::Vaginal),
    ("607", Way::Eye),
    ("608", Way::Topical),
    ("609", Way::Topical),
    ("610", Way::Topical),
    ("611", Way::Topical),
    ("612", Way::Topical),
    ("699", Way::Topical),
    ("静脉", Way::Vein),
    ("注射", Way::Injection),
    ("注射给药", Way::Injection),
    ("局部用药", Way::Topical),
    ("其他局部给药途径", Way::Topical),
    ("敷伤口", Way::Topical),
    ("擦皮肤", Way::Topical),
];

const CONTAINED: [(&str, Way); 73] = [
    ("静脉注射或静脉滴注", Way::Vein),
    ("鞘内", Way::Intrathecal),
    ("椎管", Way::Intrathecal),
    ("硬膜外", Way::Intrathecal),
    ("蛛网膜下", Way::Intrathecal),
    ("玻璃体", Way::Intravitreal),
    ("关节腔", Way::Cavity),
    ("胸膜腔", Way::Cavity),
    ("胸腔", Way::Cavity),
    ("腹腔", Way::Cavity),
    ("膀胱", Way::Cavity),
    // Pumps drive what goes under the skin and down a tube, too.
    ("皮下", Way::Subcutaneous),
    ("鼻饲", Way::Tube),
    ("胃管", Way::Tube),
    ("鼻肠管", Way::Tube),
    ("静脉滴注", Way::Drip),
    ("静脉泵", Way::Drip),
    ("静滴", Way::Drip),
    ("静点", Way::Drip),
    ("静脉点滴", Way::Drip),
    ("静脉输", Way::Drip),
    ("输液", Way::Drip),
    ("续滴", Way::Drip),
    ("微泵", Way::Drip),
    ("微量泵", Way::Drip),
    ("泵入", Way::Drip),
    ("静脉推注", Way::Push),
    ("静脉注射", Way::Push),
    ("静推", Way::Push),
    ("静注", Way::Push),
    ("入壶", Way::Push),
    ("皮内", Way::Intradermal),
    ("肌内", Way::Intramuscular),
    ("肌肉", Way::Intramuscular),
    ("肌注", Way::Intramuscular),
    ("舌下", Way::Sublingual),
    ("口服", Way::Oral),
    ("嚼服", Way::Oral),
    ("冲服", Way::Oral),
    ("吞服", Way::Oral),
    ("直肠", Way::Rectal),
    ("灌肠", Way::Rectal),
    ("塞肛", Way::Rectal),
    ("阴道", Way::Vaginal),
    ("雾化", Way::Inhaled),
    ("吸入", Way::Inhaled),
    ("滴眼", Way::Eye),
    ("点眼", Way::Eye),
    ("滴耳", Way::Topical),
    ("滴鼻", Way::Topical),
    ("喷鼻", Way::Topical),
    ("喷喉", Way::Topical),
    ("含化", Way::Topical),
    ("含漱", Way::Topical),
    ("外用", Way::Topical),
    ("外敷", Way::Topical),
    ("外洗", Way::Topical),
    ("涂", Way::Topical),
    // Drunk, whatever is done with what is left of the herbs.
    ("煎服", Way::Oral),
    ("内服", Way::Oral),
    ("熏洗", Way::Topical),
    ("坐浴", Way::Topical),
    ("泡脚", Way::Topical),
    ("足浴", Way::Topical),
    ("湿敷", Way::Topical),
    ("含服", Way::Sublingual),
    // How a herb is prepared that is drunk.
    ("煎", Way::Oral),
    ("后下", Way::Oral),
    ("烊化", Way::Oral),
    ("研末", Way::Oral),
    ("服", Way::Oral),
    // Herbs are soaked before they are boiled, too.
    ("浸泡", Way::Topical),
    ("静脉", Way::Vein),
];

/// Without dots and spaces.
const LATIN: [(&str, Way); 15] = [
    ("po", Way::Oral),
    ("ivgtt", Way::Drip),
    ("ivdrip", Way::Drip),
    ("ivd", Way::Drip),
    ("ivpb", Way::Drip),
    ("ivpush", Way::Push),
    ("ivp", Way::Push),
    ("iv", Way::Vein),
    ("im", Way::Intramuscular),
    ("ih", Way::Subcutaneous),
    ("sc", Way::Subcutaneous),
    ("id", Way::Intradermal),
    ("it", Way::Intrathecal),
    ("ng", Way::Tube),
    ("sl", Way::Sublingual),
];

impl Way {
    /// Reads a code of the table or the words for it; `None` when neither is known.
    #[must_use]
    pub fn parse(text: &str) -> Option<Way> {
        let text = text.trim();
        let exact = |table: &[(&str, Way)], text: &str| {
            table.iter().find(|(known, _)| *known == text).map(|(_, way)| *way)
        };
        let latin = text.to_ascii_lowercase().replace(['.', ' '], "");
        exact(&EXACT, text)
            .or_else(|| exact(&LATIN, &latin))
            .or_else(|| CONTAINED.iter().find(|(word, _)| text.contains(word)).map(|(_, way)| *way))
    }

    /// The coarse route.
    #[must_use]
    pub fn route(self) -> Route {
        match self {
            Way::Oral | Way::Sublingual | Way::Tube => Route::Oral,
            Way::Inhaled => Route::Inhaled,
            Way::Rectal | Way::Intrathecal | Way::Cavity => Route::Other,
            Way::Vaginal | Way::Eye | Way::Topical | Way::Intravitreal => Route::Topical,
            _ => Route::Injection,
        }
    }

    /// The word for an answer.
    #[must_use]
    pub fn zh(self) -> &'static str {
        match self {
            Way::Oral => "口服",
            Way::Sublingual => "舌下",
            Way::Tube => "鼻饲",
            Way::Rectal => "直肠",
            Way::Vaginal => "阴道",
            Way::Subcutaneous => "皮下注射",
            Way::Intradermal => "皮内注射",
            Way::Intramuscular => "肌内注射",
            Way::Push => "静脉推注",
            Way::Drip => "静脉滴注",
            Way::Vein => "静脉",
            Way::Injection => "注射",
            Way::Intrathecal => "鞘内注射",
            Way::Cavity => "腔内注射",
            Way::Intravitreal => "玻璃体腔注射",
            Way::Inhaled => "吸入",
            Way::Eye => "滴眼",
            Way::Topical => "局部用药",
        }
    }

    /// Whether it is one of several ways; `None` when it is ambiguous and only some of what it may
    /// be are among them.
    #[must_use]
    pub fn is_one_of(self, ways: &[Way]) -> Option<bool> {
        let is_named = |way: &Way| ways.iter().any(|named| *way == *named || named.holds(*way));
        let may_be = self.may_be();
        let fitting = may_be.iter().filter(|way| is_named(way)).count();
        if fitting == may_be.len() {
            Some(true)
        } else if fitting == 0 {
            Some(false)
        } else {
            None
        }
    }

    fn may_be(self) -> &'static [Way] {
        const VEIN: [Way; 2] = [Way::Push, Way::Drip];
        const INJECTED: [Way; 6] = [
            Way::Push,
            Way::Drip,
            Way::Subcutaneous,
            Way::Intradermal,
            Way::Intramuscular,
            Way::Intrathecal,
        ];
        match self {
            Way::Vein => &VEIN,
            Way::Injection => &INJECTED,
            Way::Oral => &[Way::Oral],
            Way::Sublingual => &[Way::Sublingual],
            Way::Tube => &[Way::Tube],
            Way::Rectal => &[Way::Rectal],
            Way::Vaginal => &[Way::Vaginal],
            Way::Subcutaneous => &[Way::Subcutaneous],
            Way::Intradermal => &[Way::Intradermal],
            Way::Intramuscular => &[Way::Intramuscular],
            Way::Push => &[Way::Push],
            Way::Drip => &[Way::Drip],
            Way::Intrathecal => &[Way::Intrathecal],
            Way::Cavity => &[Way::Cavity],
            Way::Intravitreal => &[Way::Intravitreal],
            Way::Inhaled => &[Way::Inhaled],
            Way::Eye => &[Way::Eye],
            Way::Topical => &[Way::Topical],
        }
    }

    fn holds(self, way: Way) -> bool {
        self != way && self.may_be().contains(&way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes() {
        for (text, expected) in [
            ("404", "静脉"),
            ("静脉注射或静脉滴注", "静脉"),
            ("静脉注射", "静脉推注"),
            ("静脉滴注(慢)", "静脉滴注"),
            ("ivgtt", "静脉滴注"),
            ("i.m.", "肌内注射"),
            ("601", "鞘内注射"),
            ("鞘内注射", "鞘内注射"),
            ("鼻饲", "鼻饲"),
            ("餐后口服", "口服"),
            ("静脉输液", "静脉滴注"),
            ("静点", "静脉滴注"),
            ("续滴", "静脉滴注"),
            ("ivd", "静脉滴注"),
            ("iv gtt", "静脉滴注"),
            ("I.V. drip", "静脉滴注"),
            ("静脉给药", "静脉"),
            ("皮下泵入", "皮下注射"),
            ("鼻饲泵入", "鼻饲"),
            ("硬膜外泵入", "鞘内注射"),
            ("局部用药", "局部用药"),
            ("先煎", "口服"),
            ("煎水外洗", "局部用药"),
            ("煎水熏洗", "局部用药"),
            ("煎汤坐浴", "局部用药"),
            ("泡脚", "局部用药"),
            ("足浴", "局部用药"),
            ("湿敷", "局部用药"),
            ("浸泡", "局部用药"),
            ("浸泡半小时后水煎", "口服"),
            ("水煎服，药渣泡脚", "口服"),
            ("含服", "舌下"),
        ] {
            assert_eq!(Way::parse(text).map(Way::zh), Some(expected), "{text}");
        }
        for text in ["X", "", "遵医嘱", "99"] {
            assert_eq!(Way::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_ambiguous_way_leaves_the_question_open() {
        check(Way::Vein, &[Way::Push], None);
        check(Way::Vein, &[Way::Push, Way::Drip], Some(true));
        check(Way::Vein, &[Way::Intramuscular], Some(false));
        check(Way::Push, &[Way::Vein], Some(true));
        check(Way::Drip, &[Way::Injection], Some(true));
        check(Way::Injection, &[Way::Intrathecal], None);
        check(Way::Oral, &[Way::Injection], Some(false));
    }

    #[track_caller]
    fn check(way: Way, ways: &[Way], expected: Option<bool>) {
        assert_eq!(way.is_one_of(ways), expected, "{way:?} {ways:?}");
    }
}
