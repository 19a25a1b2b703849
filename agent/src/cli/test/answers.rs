//! The cases of answers: `cases/NAME.answer.KIND.out` holds one byte for byte.

use std::fs;
use std::path::{Path, PathBuf};

use mappings::{AnswerCase, AnswerKind, Catalogs, MappingSet, answer_case};
use schemas::{Files, Problem};

use super::Tally;

/// What lies in a folder that is tested.
pub(super) struct Tree<'a> {
    pub(super) root: &'a Path,
    pub(super) files: &'a Files,
    /// Put before the folder's own paths to name them as the daemon does.
    pub(super) vendor: &'a str,
    pub(super) catalogs: Catalogs,
}

/// What an answer is written down in.
pub(super) fn is_out(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|it| it == "out")
}

/// Runs every case of an answer below `root`; `update` writes what came out instead.
pub(super) fn run(tree: &Tree<'_>, update: bool, tally: &mut Tally) -> Result<(), Vec<Problem>> {
    let is_answer = |name: &str| name.contains(".answer.") && is_out(name);
    for expectation in super::cases(tree.root, is_answer) {
        let set = tree.set(&expectation)?;
        match holds(&expectation, &set, update) {
            Ok(()) => tally.passed += 1,
            Err(difference) => {
                tally.failed += 1;
                say!("FAILED {}\n  {difference}", expectation.display());
            }
        }
    }
    Ok(())
}

impl Tree<'_> {
    /// The mappings and the answers that lie beside a case.
    pub(super) fn set(&self, expectation: &Path) -> Result<MappingSet, Vec<Problem>> {
        let folder = format!("{}{}", self.vendor, super::vendor_of(self.root, expectation));
        let (set, _) = MappingSet::load(self.files, &self.catalogs, std::slice::from_ref(&folder))?;
        let own = format!("{folder}answer.toml");
        let dialect = format!("{folder}answers/dialect.toml");
        let file = if self.files.get(&own).is_some() { own } else { dialect };
        set.answered_by(&file, self.files, &self.catalogs)
    }
}

fn holds(expectation: &Path, set: &MappingSet, update: bool) -> Result<(), String> {
    let name = expectation.file_name().and_then(|it| it.to_str()).unwrap_or_default();
    let (stem, kind) = name
        .strip_suffix(".out")
        .and_then(|it| it.split_once(".answer."))
        .ok_or("is not named NAME.answer.KIND.out")?;
    let kind = AnswerKind::of_word(kind).ok_or_else(|| format!("there is no kind `{kind}`"))?;
    let beside = |name: String| expectation.with_file_name(name);
    let variables = fs::read_to_string(beside(format!("{stem}.answer.{}.json", kind.word()))).ok();
    let message = match message(expectation, stem) {
        Some(path) => Some(fs::read(path).map_err(|it| it.to_string())?),
        None => None,
    };
    let content_type = fs::read_to_string(beside(format!("{stem}.type"))).ok();
    let content_type = content_type.as_deref().map(str::trim);
    let case = AnswerCase {
        kind,
        message: message.as_deref().map(|it| (it, content_type)),
        variables: variables.as_deref(),
    };
    let answers = set.answered().ok_or("no answers lie beside it")?;
    let said = answer_case(set, answers, &case)?;
    if update {
        return fs::write(expectation, said).map_err(|it| it.to_string());
    }
    let expected = fs::read(expectation).map_err(|it| it.to_string())?;
    if expected == said { Ok(()) } else { Err(difference(&expected, &said)) }
}

/// `NAME.in.*` beside the case.
pub(super) fn message(expectation: &Path, stem: &str) -> Option<PathBuf> {
    let begins = format!("{stem}.in.");
    let entries = fs::read_dir(expectation.parent()?).ok()?.flatten().map(|it| it.path());
    let mut named = entries.filter(|it| {
        it.file_name().and_then(|it| it.to_str()).is_some_and(|it| it.starts_with(&begins))
    });
    named.next()
}

/// The first place that differs, with what stands around it; blanks and line ends count.
pub(super) fn difference(expected: &[u8], said: &[u8]) -> String {
    let at = expected.iter().zip(said).take_while(|(a, b)| a == b).count();
    let around = |bytes: &[u8]| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            let near = at.saturating_sub(32)..bytes.len().min(at + 32);
            return bytes.get(near).unwrap_or_default().escape_ascii().to_string();
        };
        let near = text.char_indices().filter(|(place, _)| place.abs_diff(at) <= 48);
        format!("{:?}", near.map(|(_, it)| it).collect::<String>())
    };
    format!("differs at byte {}\n  - {}\n  + {}", at + 1, around(expected), around(said))
}
