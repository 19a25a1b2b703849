//! Reads what people write of allergies: which pieces name one, and which say that nobody knows.
//!
//! One text holds several answers: 「否认食物过敏，青霉素过敏」. A denial reaches to the first 过敏 behind it,
//! over an enumeration too (「否认青霉素、头孢过敏史」), and no further. 无 alone also begins names
//! (无环鸟苷), so it denies only where 过敏 or nothing but general words follow it.

/// One piece of a text; what was denied leaves none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said<'t> {
    /// Something was reacted to.
    Allergy(&'t str),
    /// Nobody knows of any: 不详.
    NobodyKnows,
}

const DENIALS: [&str; 7] = ["否认", "没有", "暂无", "未发现", "未见", "未诉", "无"];
const NAMES_LIKE_A_DENIAL: [&str; 4] = ["无环鸟苷", "无水", "无味", "无极"];
const NOBODY_KNOWS: [&str; 3] = ["不详", "未知", "不清楚"];
const CLAUSE_ENDS: [char; 6] = ['，', ',', '；', ';', '。', '\n'];

/// Words that name nothing in particular, longer ones first.
const GENERAL: [&str; 28] = [
    "接触物",
    "接触性",
    "药物",
    "药品",
    "食物",
    "食品",
    "其他",
    "其它",
    "任何",
    "明显",
    "明确",
    "已知",
    "特殊",
    "异常",
    "既往",
    "个人",
    "家族",
    "具体",
    "情况",
    "过敏",
    "药敏",
    "反应",
    "史",
    "原",
    "及",
    "和",
    "与",
    "等",
];

/// What a reaction is called, longer words first: beside a substance it names no other.
const REACTIONS: [&str; 20] = [
    "过敏性",
    "荨麻疹",
    "皮疹",
    "药疹",
    "红疹",
    "休克",
    "瘙痒",
    "呼吸困难",
    "喉头水肿",
    "水肿",
    "潮红",
    "红斑",
    "恶心",
    "呕吐",
    "胸闷",
    "头晕",
    "发热",
    "全身",
    "面部",
    "严重",
];

/// The pieces of a text; `is_known` tells whether one names a drug that rules or drug tables know.
pub(super) fn read<'t>(text: &'t str, is_known: &dyn Fn(&str) -> bool) -> Vec<Said<'t>> {
    let mut said = Vec::new();
    // Whether a denial before this clause has found no 过敏 yet: 「否认药物，食物过敏史」.
    let mut is_open = false;
    for clause in text.split(CLAUSE_ENDS) {
        let mut rest = without_label(clause.trim());
        while let Some((piece, behind)) = first_piece(rest) {
            if let Some(word) = denial(rest) {
                (rest, is_open) = behind_denial(rest, word, is_known);
                continue;
            }
            rest = behind;
            let is_denied = std::mem::take(&mut is_open) && is_general(piece);
            if is_open_answer(piece) {
                said.push(Said::NobodyKnows);
            } else if !is_denied {
                said.push(Said::Allergy(piece));
            }
        }
    }
    without_reactions(said)
}

/// `药物过敏史：青霉素` is about 青霉素.
fn without_label(clause: &str) -> &str {
    match clause.rsplit_once([':', '：']) {
        Some((label, value)) if is_general(label) => value.trim(),
        _ => clause,
    }
}

/// The next item of an enumeration and what stands behind it.
fn first_piece(rest: &str) -> Option<(&str, &str)> {
    let rest = rest.trim_start_matches(is_between);
    let (piece, behind) = rest.split_once('、').unwrap_or((rest, ""));
    (!rest.is_empty()).then_some((piece.trim(), behind))
}

fn is_between(letter: char) -> bool {
    letter == '、' || letter.is_whitespace()
}

/// The word with which a denial begins here.
fn denial(rest: &str) -> Option<&'static str> {
    let rest = rest.trim_start_matches(is_between);
    let word = DENIALS.into_iter().find(|word| rest.starts_with(word))?;
    let behind = rest.strip_prefix(word)?;
    let is_name = NAMES_LIKE_A_DENIAL.iter().any(|name| rest.starts_with(name));
    let denies = word != "无"
        || behind.is_empty()
        || behind.starts_with(is_between)
        || behind.contains("过敏")
        || is_general(behind);
    (denies && !is_name).then_some(word)
}

/// What a denial does not reach, and whether it waits for its 过敏 still.
fn behind_denial<'t>(
    rest: &'t str,
    word: &str,
    is_known: &dyn Fn(&str) -> bool,
) -> (&'t str, bool) {
    let rest = rest.trim_start_matches(is_between);
    let behind = rest.strip_prefix(word).unwrap_or_default();
    if behind.is_empty() || behind.starts_with(is_between) {
        return (behind, true);
    }
    let Some((_, tail)) = behind.split_once("过敏") else { return ("", true) };
    let tail = tail.trim_start_matches(['史', '反', '应']);
    if tail.starts_with('、') || tail.contains("过敏") || is_known(tail) {
        return (tail, false);
    }
    (tail.split_once('、').map_or("", |(_, behind)| behind), false)
}

fn is_general(piece: &str) -> bool {
    without(piece, &GENERAL).trim().is_empty()
}

fn is_open_answer(piece: &str) -> bool {
    let left = without(piece, &NOBODY_KNOWS);
    left.len() < piece.len() && is_general(&left)
}

fn without(piece: &str, words: &[&str]) -> String {
    words.iter().fold(piece.to_owned(), |left, word| left.replace(word, ""))
}

/// 「青霉素，皮疹」 names one substance and what it did.
fn without_reactions(mut said: Vec<Said<'_>>) -> Vec<Said<'_>> {
    let is_reaction = |said: &Said<'_>| match said {
        Said::Allergy(piece) => is_general(&without(piece, &REACTIONS)),
        Said::NobodyKnows => false,
    };
    if said.iter().any(|it| matches!(it, Said::Allergy(_)) && !is_reaction(it)) {
        said.retain(|it| !is_reaction(it));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_reaches_to_its_word() {
        check("否认食物过敏，青霉素过敏", "青霉素过敏");
        check("无食物过敏，青霉素过敏", "青霉素过敏");
        check("无食物过敏青霉素过敏", "青霉素过敏");
        check("否认食物过敏、某消炎药", "某消炎药");
        check("无过敏史、青霉素", "青霉素");
        check("无，青霉素过敏", "青霉素过敏");
        check("否认食物过敏 青霉素", "青霉素");
        check("否认食物过敏，有药物过敏", "有药物过敏");
    }

    #[test]
    fn what_is_denied_is_nothing() {
        for text in [
            "",
            "无",
            "否认",
            "无药敏史",
            "无特殊",
            "否认药物过敏史",
            "否认药物、食物过敏史",
            "否认药物，食物过敏史",
            "否认青霉素、头孢过敏史",
            "否认药物过敏史及输血史",
            "未发现",
            "药物过敏史：无",
            "否认手术史；否认过敏史",
        ] {
            check(text, "");
        }
    }

    #[test]
    fn names_that_begin_like_a_denial() {
        check("无环鸟苷", "无环鸟苷");
        check("无环鸟苷过敏", "无环鸟苷过敏");
        check("无名药", "无名药");
    }

    #[test]
    fn nobody_knows() {
        check("不详", "?");
        check("药物过敏史不详", "?");
        check("过敏史：未知", "?");
        check("青霉素过敏，具体不详", "青霉素过敏|?");
        check("某不明药物", "某不明药物");
    }

    #[test]
    fn several_and_their_reactions() {
        check("海鲜、某消炎药", "海鲜|某消炎药");
        check("青霉素 皮疹", "青霉素 皮疹");
        check("青霉素，皮疹", "青霉素");
        check("青霉素，全身皮疹、过敏性休克", "青霉素");
        check("青霉素，磺胺皮疹", "青霉素|磺胺皮疹");
        check("皮疹", "皮疹");
        check("青霉素 皮疹；磺胺 皮疹", "青霉素 皮疹|磺胺 皮疹");
        check("药物过敏史：青霉素；食物过敏史：无", "青霉素");
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let is_known = |text: &str| text.contains("青霉素") || text.contains("头孢");
        let said = read(text, &is_known);
        let shown: Vec<_> = said
            .iter()
            .map(|said| match said {
                Said::Allergy(piece) => piece,
                Said::NobodyKnows => "?",
            })
            .collect();
        assert_eq!(shown.join("|"), expected, "{text}");
    }
}
