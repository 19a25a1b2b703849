//! HL7 acknowledgements: what a sender over MLLP is told, in its own punctuation and encoding.
//!
//! In the original mode every message gets one: `AA` it is on disk, `AE` it cannot be accepted as it
//! is and must be changed, `AR` nothing was taken and it may come again as it is. In the enhanced mode
//! MSH-15 and MSH-16 say which a sender wants: a commit acknowledgement (`CA`, `CE`, `CR`), an
//! application acknowledgement (`AA`, `AE`, `AR`), both or none.
//!
//! The header is read from the bytes before anybody has judged the message, so that even one that
//! nobody can read is answered by its number (MSH-10).

use std::fmt::Write as _;

use crate::hl7;
use crate::{AnswerCharset, Charset, Limits, Reference, encode_referring};

/// What an acknowledgement repeats of the message's header. Fields are as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hl7Header {
    fields: Vec<String>,
    separator: char,
    delimiters: String,
    /// The encoding to answer in as long as nobody knows better.
    pub charset: AnswerCharset,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is on disk.
    Accepted,
    /// It cannot be accepted as it is.
    Refused,
    /// Nothing was taken; it may come again.
    NotTaken,
}

/// Which kind of acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The original mode, and the second answer of the enhanced mode.
    Application,
    /// The first answer of the enhanced mode.
    Commit,
}

/// One thing that is wrong with a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Our own code of it.
    pub code: String,
    /// Where it is.
    pub place: String,
    /// What to send instead.
    pub advice: String,
}

/// Everything that an acknowledgement says.
#[derive(Clone, Copy, Debug)]
pub struct Acknowledgement<'a> {
    /// What became of the message.
    pub fate: Fate,
    /// One sentence about it.
    pub message: &'a str,
    /// What is wrong with it.
    pub troubles: &'a [Trouble],
    /// Our own number of the message.
    pub id: &'a str,
    /// When it came, `YYYYMMDDhhmmss`.
    pub time: &'a str,
}

impl Hl7Header {
    /// The header of a message that may be broken: what cannot be read is empty.
    #[must_use]
    pub fn of(message: &[u8]) -> Hl7Header {
        let line = hl7::header_line(message);
        let text = crate::text(line, None, &Limits::default());
        let text = text.unwrap_or_else(|_| readable(line));
        let rest = text.trim_start_matches('\u{feff}').strip_prefix("MSH").unwrap_or_default();
        let separator = rest.chars().next().filter(char::is_ascii_punctuation);
        let mut fields = separator
            .map_or_else(Vec::new, |it| rest.split(it).map(str::to_owned).collect::<Vec<String>>());
        let known = fields.get(1).filter(|it| is_sound(it)).cloned();
        let (separator, delimiters) = separator.zip(known).unwrap_or_else(|| {
            fields.clear();
            ('|', "^~\\&".to_owned())
        });
        let repetition = delimiters.chars().nth(1).unwrap_or('~');
        let declared = fields.get(17).into_iter().flat_map(|it| it.split(repetition));
        let charset = charset_of(declared.map(str::trim).find(|it| !it.is_empty()));
        Hl7Header { fields, separator, delimiters, charset }
    }

    /// A field by its number in the standard: 10 is the message's control number.
    #[must_use]
    pub fn field(&self, number: usize) -> &str {
        // MSH-1 is the separator itself, so that the piece behind the first one is MSH-2.
        let piece = number.checked_sub(1).and_then(|it| self.fields.get(it));
        piece.map_or("", String::as_str)
    }

    /// Which acknowledgements the sender wants, in their order.
    #[must_use]
    pub fn wanted(&self, fate: Fate) -> Vec<Level> {
        let (accept, application) = (self.condition(15), self.condition(16));
        if accept.is_empty() && application.is_empty() {
            return vec![Level::Application];
        }
        let is_good = fate == Fate::Accepted;
        let commit = is_wanted(accept, is_good);
        // A message that was told not to be committed has nothing more to come.
        let application = is_wanted(application, is_good) && (is_good || !commit);
        let levels = [(commit, Level::Commit), (application, Level::Application)];
        levels.into_iter().filter_map(|(wanted, level)| wanted.then_some(level)).collect()
    }

    /// An acknowledgement as bytes in an encoding.
    #[must_use]
    pub fn acknowledge(
        &self,
        level: Level,
        charset: AnswerCharset,
        told: &Acknowledgement<'_>,
    ) -> Vec<u8> {
        let mut out = String::with_capacity(256);
        self.write_header(charset, told, &mut out);
        let code = code(level, told.fate);
        let control = self.field(10);
        let message = self.escaped(told.message);
        self.segment(&["MSA", code, control, &message], &mut out);
        for trouble in told.troubles {
            self.write_trouble(trouble, told.fate, &mut out);
        }
        encode_referring(&out, charset, Reference::Named)
    }

    fn write_header(&self, charset: AnswerCharset, told: &Acknowledgement<'_>, out: &mut String) {
        let component = self.delimiters.chars().next().unwrap_or('^');
        let trigger = self.field(9).split(component).nth(1).unwrap_or_default();
        let kind =
            if trigger.is_empty() { "ACK".to_owned() } else { format!("ACK{component}{trigger}") };
        // HL7 gives MSH-10 twenty characters; the end of our number is what tells two apart.
        let id = told.id.get(told.id.len().saturating_sub(20)..).unwrap_or_default();
        let or = |number: usize, without: &'static str| match self.field(number) {
            "" => without.to_owned(),
            text => text.to_owned(),
        };
        let (processing, version) = (or(11, "P"), or(12, "2.4"));
        let name = charset_name(charset);
        let [to, to_site] = [self.field(3), self.field(4)];
        let [from, from_site] = [self.field(5), self.field(6)];
        let fields = [
            "MSH",
            &self.delimiters,
            from,
            from_site,
            to,
            to_site,
            told.time,
            "",
            &kind,
            id,
            &processing,
            &version,
            "",
            "",
            "",
            "",
            "",
            &name,
        ];
        self.segment(&fields, out);
    }

    fn write_trouble(&self, trouble: &Trouble, fate: Fate, out: &mut String) {
        let component = self.delimiters.chars().next().unwrap_or('^');
        let (number, text) = condition_of(&trouble.code, fate);
        let standard = format!("{number}{component}{text}{component}HL70357");
        let advice = self.escaped(&format!("{} {}", trouble.place, trouble.advice));
        self.segment(&["ERR", "", "", &standard, "E", &trouble.code, "", "", advice.trim()], out);
    }

    fn segment(&self, fields: &[&str], out: &mut String) {
        for (position, field) in fields.iter().enumerate() {
            if position > 0 {
                out.push(self.separator);
            }
            out.push_str(field);
        }
        out.push('\r');
    }

    /// Our own text, the message's punctuation and line ends taken care of.
    fn escaped(&self, text: &str) -> String {
        let marks: Vec<char> =
            std::iter::once(self.separator).chain(self.delimiters.chars()).collect();
        let escape = marks.get(3).copied();
        let mut out = String::with_capacity(text.len());
        for character in text.chars() {
            let position = marks.iter().take(LETTERS.len()).position(|it| *it == character);
            match (position.and_then(|it| LETTERS.get(it)), escape) {
                _ if character.is_control() => out.push(' '),
                (None, _) => out.push(character),
                (Some(letter), Some(escape)) => {
                    let _ = write!(out, "{escape}{letter}{escape}");
                }
                (Some(_), None) => out.push(' '),
            }
        }
        out
    }

    fn condition(&self, number: usize) -> &str {
        self.field(number).trim()
    }
}

/// The letters that stand for field, component, repetition, escape and sub-component in a text.
const LETTERS: [char; 5] = ['F', 'S', 'R', 'E', 'T'];

/// A word that nobody knows is taken for "always": an answer too many is better than a sender
/// that waits.
fn is_wanted(condition: &str, is_good: bool) -> bool {
    match condition {
        "" | "NE" => false,
        "ER" => !is_good,
        "SU" => is_good,
        _ => true,
    }
}

const fn code(level: Level, fate: Fate) -> &'static str {
    match (level, fate) {
        (Level::Application, Fate::Accepted) => "AA",
        (Level::Application, Fate::Refused) => "AE",
        (Level::Application, Fate::NotTaken) => "AR",
        (Level::Commit, Fate::Accepted) => "CA",
        (Level::Commit, Fate::Refused) => "CE",
        (Level::Commit, Fate::NotTaken) => "CR",
    }
}

/// HL7's own table of message errors, 0357, as far as our codes are more than "it failed".
fn condition_of(code: &str, fate: Fate) -> (&'static str, &'static str) {
    match code {
        "M101" => ("200", "Unsupported message type"),
        "V101" | "M206" | "M209" => ("101", "Required field missing"),
        "M203" => ("103", "Table value not found"),
        _ if fate == Fate::Refused && code.starts_with("D8") => ("100", "Segment sequence error"),
        _ if fate == Fate::Refused && code.starts_with(['V', 'M']) => ("102", "Data type error"),
        _ => ("207", "Application internal error"),
    }
}

/// A header with half a character, or in an encoding that nobody knows: every piece
/// that is plain is kept, the others are empty. The number of the message stands among the plain ones.
fn readable(line: &[u8]) -> String {
    let separator = line.get(3).copied().filter(u8::is_ascii_punctuation).unwrap_or(b'|');
    let text = |piece: &[u8]| match str::from_utf8(piece) {
        Ok(text) if piece.is_ascii() => text.to_owned(),
        _ => String::new(),
    };
    let pieces: Vec<String> = line.split(|it| *it == separator).map(text).collect();
    pieces.join(char::from(separator).encode_utf8(&mut [0; 4]))
}

fn is_sound(delimiters: &str) -> bool {
    let plain = |it: char| it.is_ascii_punctuation();
    (1..=5).contains(&delimiters.len()) && delimiters.chars().all(plain)
}

fn charset_of(declared: Option<&str>) -> AnswerCharset {
    let known = declared.and_then(AnswerCharset::of_label);
    known.unwrap_or_else(|| match declared.and_then(Charset::for_label) {
        Some(Charset::Gb18030) => AnswerCharset::Gb18030,
        _ => AnswerCharset::Utf8,
    })
}

/// MSH-18 by HL7's table 0211, or the name that the caller knows.
fn charset_name(charset: AnswerCharset) -> String {
    match charset {
        AnswerCharset::Utf8 => "UNICODE UTF-8".to_owned(),
        AnswerCharset::Gb18030 => "GB 18030-2000".to_owned(),
        other => other.label().to_ascii_uppercase(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const ORIGINAL: &str = "MSH|^~\\&|HIS|A|AGENT|B|20240515||ADT^A04|M1|P|2.4||||||GB2312";

    #[test]
    fn the_original_mode() {
        let good = "MSH|^~\\&|AGENT|B|HIS|A|20240515092006||ACK^A04|0123456789abcdefghij|P|2.4||||||GB2312.MSA|AA|M1|成功.";
        check(ORIGINAL, Fate::Accepted, "成功", &[], good);
        check(
            ORIGINAL,
            Fate::Refused,
            "有 1 处|不符",
            &[("V101", "PID/8", "性别")],
            "MSH|^~\\&|AGENT|B|HIS|A|20240515092006||ACK^A04|0123456789abcdefghij|P|2.4||||||GB2312.MSA|AE|M1|有 1 处\\F\\不符.ERR|||101^Required field missing^HL70357|E|V101|||PID/8 性别.",
        );
        let busy = "MSH|^~\\&|AGENT|B|HIS|A|20240515092006||ACK^A04|0123456789abcdefghij|P|2.4||||||GB2312.MSA|AR|M1|忙.ERR|||207^Application internal error^HL70357|E|I107|||.";
        check(ORIGINAL, Fate::NotTaken, "忙", &[("I107", "", "")], busy);
    }

    #[test]
    fn the_enhanced_mode() {
        for (accept, application, good, bad) in [
            ("AL", "NE", "CA", "CE"),
            ("NE", "AL", "AA", "AE"),
            ("AL", "AL", "CA AA", "CE"),
            ("ER", "AL", "AA", "CE"),
            ("SU", "AL", "CA AA", "AE"),
            ("ER", "ER", "", "CE"),
            ("NE", "NE", "", ""),
            ("", "", "AA", "AE"),
        ] {
            let text =
                format!("MSH|^~\\&|a|b|c|d|e||OMP^O09|7|P|2.4|||{accept}|{application}|CHN|");
            for (fate, expected) in [(Fate::Accepted, good), (Fate::Refused, bad)] {
                let levels = Hl7Header::of(text.as_bytes()).wanted(fate);
                let codes: Vec<_> = levels.into_iter().map(|it| code(it, fate)).collect();
                assert_eq!(codes.join(" "), expected, "{accept} {application}");
            }
        }
    }

    #[test]
    fn punctuation_of_the_senders_own_is_kept() {
        let text = "MSH#*~!&#HIS#A#AGENT#B#2024##ORU*R01#9#P#2.3";
        let told = "MSH#*~!&#AGENT#B#HIS#A#20240515092006##ACK*R01#0123456789abcdefghij#P#2.3######UNICODE UTF-8.MSA#AA#9#a!F!b|c.";
        check(text, Fate::Accepted, "a#b|c", &[], told);
    }

    #[test]
    fn what_has_no_header_is_answered_all_the_same() {
        for text in ["", "PID|1", "MSH", "MSH|", "<a/>"] {
            let told = "MSH|^~\\&|||||20240515092006||ACK|0123456789abcdefghij|P|2.4||||||UNICODE UTF-8.MSA|AE||x.";
            check(text, Fate::Refused, "x", &[], told);
        }
    }

    #[test]
    fn a_separator_inside_a_chinese_character_is_none() {
        // 東 ends in the byte of `|` in GBK.
        let mut bytes = b"MSH|^~\\&|".to_vec();
        bytes.extend(crate::encode_answer("東華", Charset::Gb18030).unwrap());
        bytes.extend(b"|A|AGENT|B|2024||ADT^A04|M7|P|2.4||||||GBK\rPID|1");
        let header = Hl7Header::of(&bytes);
        assert_eq!((header.field(3), header.field(10)), ("東華", "M7"));
        assert_eq!(header.charset, AnswerCharset::Gbk);
    }

    #[test]
    fn a_header_that_cannot_be_decoded_is_answered_by_its_number() {
        // Half a character, as in fields of a fixed length, and bytes of no encoding at all.
        for name in [&b"\xff\xfe\xff"[..], b"\xe4\xb8\xad\xff", b"\xe4 \xd6"] {
            let bytes = [b"MSH|^~\\&|", name, b"|A|AGENT|B|2024||ADT^A04|M7|P|2.4\rPID|1"].concat();
            assert!(crate::text(hl7::header_line(&bytes), None, &Limits::default()).is_err());
            let header = Hl7Header::of(&bytes);
            let fields = [3, 4, 5, 6, 9, 10, 12].map(|it| header.field(it));
            assert_eq!(fields, ["", "A", "AGENT", "B", "ADT^A04", "M7", "2.4"], "{name:x?}");
        }
    }

    #[track_caller]
    fn check(
        text: &str,
        fate: Fate,
        message: &str,
        troubles: &[(&str, &str, &str)],
        expected: &str,
    ) {
        let header = Hl7Header::of(text.as_bytes());
        let troubles: Vec<Trouble> = troubles
            .iter()
            .map(|(code, place, advice)| Trouble {
                code: (*code).to_owned(),
                place: (*place).to_owned(),
                advice: (*advice).to_owned(),
            })
            .collect();
        let id = "019a-0123456789abcdefghij";
        let time = "20240515092006";
        let told = Acknowledgement { fate, message, troubles: &troubles, id, time };
        let bytes = header.acknowledge(Level::Application, header.charset, &told);
        let text = crate::text(&bytes, None, &Limits::default()).unwrap();
        assert_eq!(text.replace('\r', "."), expected);
    }
}
