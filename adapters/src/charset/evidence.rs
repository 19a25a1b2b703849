//! What the characters themselves tell about the encoding they came from.

/// What kinds of characters a text holds besides ASCII.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// At least one Chinese character.
    pub(super) han: bool,
    /// At least one character that Chinese medical text does not hold.
    pub(super) foreign: bool,
    /// Two neighbours from U+0080 to U+00FF: how text looks that was encoded twice.
    pub(super) latin_pair: bool,
    /// The first U+FFFD that was really sent.
    pub(super) replaced_at: Option<usize>,
}

impl Survey {
    /// Holds Chinese, and nothing that speaks against it.
    pub(super) fn is_chinese(self) -> bool {
        self.han && !self.foreign
    }
}

/// Looks at every character that is not ASCII.
pub(super) fn survey(text: &str) -> Survey {
    let mut survey = Survey::default();
    let mut at = 0;
    let mut latin_ended_at = usize::MAX;
    while let Some(rest) = text.get(at..) {
        at += ascii_prefix(rest.as_bytes());
        let Some(character) = text.get(at..).and_then(|rest| rest.chars().next()) else { break };
        let end = at + character.len_utf8();
        match character {
            '\u{4E00}'..='\u{9FFF}' => survey.han = true,
            '\u{80}'..='\u{FF}' => {
                survey.latin_pair |= latin_ended_at == at;
                survey.foreign |= !is_sign_in_latin1(character);
                latin_ended_at = end;
            }
            '\u{FFFD}' => {
                survey.foreign = true;
                survey.replaced_at = survey.replaced_at.or(Some(at));
            }
            _ if is_rarer_han(character) => survey.han = true,
            _ => survey.foreign |= !is_sign_in_chinese_text(character),
        }
        at = end;
    }
    survey
}

/// True when in GB18030 every character beyond ASCII is a hanzi of GB2312.
pub(super) fn is_gb2312_hanzi_only(bytes: &[u8]) -> bool {
    all_pairs(bytes, |lead, trail| (0xB0..=0xF7).contains(&lead) && trail >= 0xA1)
}

/// Places where the bytes can only be UTF-8 and where they cannot be, if there are both: the
/// earlier one first.
///
/// A stretch can only be UTF-8 when it begins with two or more Chinese characters in UTF-8 and
/// reading it as GB18030 needs characters outside GB2312, which ordinary text hardly has.
pub(super) fn mixture(bytes: &[u8]) -> Option<(usize, usize)> {
    let (utf8, other) = sides(bytes);
    let (utf8, other) = (utf8?, other?);
    Some((utf8.min(other), utf8.max(other)))
}

/// The first place where the bytes can only be UTF-8, and the first where they cannot be.
pub(super) fn sides(bytes: &[u8]) -> (Option<usize>, Option<usize>) {
    let (mut is_utf8_at, mut is_not_utf8_at) = (None, None);
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        at += ascii_prefix(rest);
        let rest = bytes.get(at..).unwrap_or_default();
        let end = rest.iter().position(u8::is_ascii).unwrap_or(rest.len());
        let stretch = rest.get(..end).unwrap_or_default();
        let valid = std::str::from_utf8(stretch).map_or_else(|it| it.valid_up_to(), str::len);
        let readable = stretch.get(..valid).unwrap_or_default();
        if is_utf8_at.is_none() && can_only_be_utf8(readable) {
            is_utf8_at = Some(at);
        }
        if is_not_utf8_at.is_none() && valid < stretch.len() {
            is_not_utf8_at = Some(at + valid);
        }
        at += end;
    }
    (is_utf8_at, is_not_utf8_at)
}

fn can_only_be_utf8(stretch: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(stretch) else { return false };
    let han = text.chars().filter(|it| ('\u{4E00}'..='\u{9FFF}').contains(it)).count();
    let in_gb2312 = |lead, trail| (0xA1..=0xF7).contains(&lead) && trail >= 0xA1;
    han >= 2 && survey(text).is_chinese() && !all_pairs(stretch, in_gb2312)
}

/// Whether `fits` holds for all two-byte characters, and there are only such and ASCII.
fn all_pairs(bytes: &[u8], fits: impl Fn(u8, u8) -> bool) -> bool {
    let mut bytes = bytes.iter();
    while let Some(lead) = bytes.next() {
        if lead.is_ascii() {
            continue;
        }
        match bytes.next() {
            Some(trail) if fits(*lead, *trail) => {}
            _ => return false,
        }
    }
    true
}

/// How many ASCII bytes stand in front, found sixteen at a time.
fn ascii_prefix(bytes: &[u8]) -> usize {
    let blocks = bytes.chunks_exact(16).take_while(|block| block.is_ascii()).count() * 16;
    let tail = bytes.get(blocks..).unwrap_or_default();
    blocks + tail.iter().position(|byte| !byte.is_ascii()).unwrap_or(tail.len())
}

fn is_rarer_han(character: char) -> bool {
    matches!(
        character,
        '\u{3400}'..='\u{4DBF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{323AF}'
    )
}

fn is_sign_in_latin1(character: char) -> bool {
    matches!(
        character,
        '\u{A0}'
            | '§'
            | '¤'
            | '¥'
            | '¨'
            | '°'
            | '±'
            | '²'
            | '³'
            | '´'
            | 'µ'
            | '·'
            | '¹'
            | '¼'
            | '½'
            | '×'
            | '÷'
    )
}

/// Greek, punctuation, ℃ and №, Roman numerals, arrows and ≤, ① and ㎎, box lines, CJK and
/// full-width forms.
fn is_sign_in_chinese_text(character: char) -> bool {
    matches!(
        character,
        '\u{0370}'..='\u{03FF}'
            | '\u{2000}'..='\u{22FF}'
            | '\u{2460}'..='\u{26FF}'
            | '\u{3000}'..='\u{303F}'
            | '\u{3100}'..='\u{312F}'
            | '\u{3200}'..='\u{33FF}'
            | '\u{FE30}'..='\u{FE4F}'
            | '\u{FF00}'..='\u{FFEF}'
            | '\u{FEFF}'
    )
}
