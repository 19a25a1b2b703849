//! Where an ingredient stands in the anatomical classification, for drugs that are in no drug table.
//!
//! Rows about a class of drugs hang on ATC codes. A product of the drug table has its own; a line that
//! only says what it contains has those of its ingredients: `ingredients.csv` of the packs. One
//! substance may stand in several places by how it is taken, so an entry may be for one form only.

use std::collections::HashSet;

use schemas::Problem;

use crate::drug::{FORMS, Form, word};
use crate::hash::Table;
use crate::knowledge::ATC_LENGTHS;
use crate::table::{self, Cells, Header};
use crate::text::Text;

/// ATC codes by ingredient.
#[derive(Debug, Default)]
pub(crate) struct AtcTable {
    by_ingredient: Table<Text, Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    /// `None` is for every form that has no entry of its own.
    form: Option<Form>,
    codes: Vec<Text>,
}

impl AtcTable {
    /// The codes of an ingredient taken in a form; none when nobody has classified it.
    pub(crate) fn codes(&self, ingredient: &str, form: Option<Form>) -> &[Text] {
        let entries = self.by_ingredient.get(ingredient).map_or(&[][..], Vec::as_slice);
        let of = |form| entries.iter().find(|entry| entry.form == form);
        of(form).or_else(|| of(None)).map_or(&[], |entry| entry.codes.as_slice())
    }

    /// Adds an `ingredients.csv`. Only an overlay may give an ingredient again; what it says of it then
    /// replaces all that was said before.
    pub(crate) fn read(
        &mut self,
        file: &str,
        text: &str,
        is_overlay: bool,
        problems: &mut Vec<Problem>,
    ) {
        let mut seen = HashSet::new();
        table::read(file, text, &HEADERS, problems, |cells, problems| {
            let before = problems.len();
            let name = cells.required("ingredient", problems).map(Text::from);
            let form = cells.get("form").and_then(|_| word(cells, "form", &FORMS, problems));
            let codes = codes(cells, problems);
            let Some(name) = name.filter(|_| problems.len() == before) else { return };
            if is_overlay && !seen.contains(&name) {
                self.by_ingredient.remove(&name);
            }
            let entries = self.by_ingredient.entry(name.clone()).or_default();
            if entries.iter().any(|entry| entry.form == form) {
                let message = format!("`{name}` already has an entry for this form");
                problems.push(cells.problem("R206", "ingredient", message));
                return;
            }
            entries.push(Entry { form, codes });
            seen.insert(name);
        });
    }
}

/// `B01AC06|N02BA01`: where it stands, in one place or several.
fn codes(cells: &Cells<'_>, problems: &mut Vec<Problem>) -> Vec<Text> {
    let Some(text) = cells.required("atc", problems) else { return Vec::new() };
    let codes: Vec<&str> = text.split('|').map(str::trim).collect();
    for code in codes.iter().filter(|code| !ATC_LENGTHS.contains(&code.len())) {
        let message = format!("`{code}` is no ATC code; write 3, 4, 5 or 7 characters");
        problems.push(cells.problem("R205", "atc", message));
    }
    codes.into_iter().map(Text::from).collect()
}

const fn header(name: &'static str, required: bool) -> Header<'static> {
    Header { name, required }
}

const HEADERS: [Header<'static>; 4] = [
    header("ingredient", true),
    header("form", false),
    header("atc", true),
    header("source", false),
];

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const TABLE: &str = "ingredient,form,atc\n双氯芬酸,,M01AB05\n双氯芬酸,外用,M02AA15\n阿司匹林,,B01AC06|N02BA01\n";

    #[test]
    fn by_ingredient_and_form() {
        check(TABLE, "", "双氯芬酸", None, "M01AB05");
        check(TABLE, "", "双氯芬酸", Some(Form::Oral), "M01AB05");
        check(TABLE, "", "双氯芬酸", Some(Form::Topical), "M02AA15");
        check(TABLE, "", "阿司匹林", None, "B01AC06 N02BA01");
        check(TABLE, "", "布洛芬", None, "");
    }

    #[test]
    fn an_overlay_says_it_anew() {
        let overlay = "ingredient,form,atc\n双氯芬酸,,M01AB\n";
        check(TABLE, overlay, "双氯芬酸", Some(Form::Topical), "M01AB");
        check(TABLE, overlay, "阿司匹林", None, "B01AC06 N02BA01");
    }

    #[test]
    fn faults() {
        let told = |text| {
            let mut problems = Vec::new();
            AtcTable::default().read("f", text, false, &mut problems);
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(
            told("ingredient,form,atc\n布洛芬,,M01A\n布洛芬,,M01AE01\n"),
            "f:3:1: error[R206]: `布洛芬` already has an entry for this form"
        );
        assert_eq!(
            told("ingredient,form,atc\n布洛芬,,M0\n"),
            "f:2:6: error[R205]: `M0` is no ATC code; write 3, 4, 5 or 7 characters"
        );
    }

    #[track_caller]
    fn check(text: &str, overlay: &str, ingredient: &str, form: Option<Form>, expected: &str) {
        let (mut table, mut problems) = (AtcTable::default(), Vec::new());
        table.read("f", text, false, &mut problems);
        if !overlay.is_empty() {
            table.read("g", overlay, true, &mut problems);
        }
        assert_eq!(problems, []);
        let codes: Vec<&str> = table.codes(ingredient, form).iter().map(|it| &**it).collect();
        assert_eq!(codes.join(" "), expected);
    }
}
