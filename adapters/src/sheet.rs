//! The first sheet of an Excel file (`.xlsx`) as rows of texts.
//!
//! Authorities publish their tables so. What is taken is what a person sees in the cells, as far as it
//! is data: shared and inline texts, numbers as they are stored, the results of formulas. Formats,
//! hidden rows and merged cells are not looked at: a cell merged over several rows stands in the first.
//!
//! The container is read by its directory, a part at a time, and everything that unfolds is bounded.

mod container;
mod writer;

use crate::codes::{NO_SHEET, NOT_A_WORKBOOK};
use crate::document::{Document, Kind, NodeId};
use crate::error::DecodeError;
use crate::limits::Limits;
use crate::{Input, WireFormat, decode};
use container::Container;
pub use writer::{SheetCell, write_sheet};

/// Whether a file is a container as Excel writes it: by its first bytes, whatever its name.
#[must_use]
pub fn is_workbook(bytes: &[u8]) -> bool {
    bytes.starts_with(b"PK\x03\x04")
}

/// The rows of a sheet, the first when no name is given; row 1 of the sheet is item 0. Rows and cells
/// that were left out are there and empty, so that positions are those that a person sees.
pub fn read_sheet(
    bytes: &[u8],
    name: Option<&str>,
    limits: &Limits,
) -> Result<Vec<Vec<String>>, DecodeError> {
    let container = Container::open(bytes, limits)?;
    let shared = match container.part("xl/sharedStrings.xml")? {
        Some(part) => shared_texts(&parse(&part, limits)?),
        None => Vec::new(),
    };
    let path = path_of_sheet(&container, name, limits)?;
    let sheet = container.part(&path)?.ok_or(DecodeError::new(&NO_SHEET))?;
    Ok(rows(&parse(&sheet, limits)?, &shared))
}

fn parse(part: &[u8], limits: &Limits) -> Result<Document, DecodeError> {
    let input = Input::new(part, WireFormat::Xml, Some("text/xml"));
    Ok(decode(&input, limits)?.document)
}

/// Where a sheet lies: the workbook gives its relation, and the relations give the path.
fn path_of_sheet(
    container: &Container<'_>,
    name: Option<&str>,
    limits: &Limits,
) -> Result<String, DecodeError> {
    let part = |path: &str| container.part(path)?.ok_or(DecodeError::new(&NOT_A_WORKBOOK));
    let workbook = parse(&part("xl/workbook.xml")?, limits)?;
    let relations = parse(&part("xl/_rels/workbook.xml.rels")?, limits)?;
    let wanted =
        |sheet: &NodeId| name.is_none_or(|name| attribute(&workbook, *sheet, "name") == Some(name));
    let sheet = all(&workbook, "sheet").into_iter().find(wanted);
    let id = sheet.and_then(|sheet| attribute(&workbook, sheet, "id"));
    let id = id.ok_or(DecodeError::new(&NO_SHEET))?;
    let mut all_relations = all(&relations, "Relationship").into_iter();
    let relation = all_relations.find(|it| attribute(&relations, *it, "Id") == Some(id));
    let target = relation.and_then(|it| attribute(&relations, it, "Target"));
    let target = target.ok_or(DecodeError::new(&NO_SHEET))?;
    Ok(match target.strip_prefix('/') {
        Some(whole) => whole.to_owned(),
        None => format!("xl/{target}"),
    })
}

/// A text of several runs is one text; how it is pronounced (`rPh`) is no part of it.
fn shared_texts(document: &Document) -> Vec<String> {
    all(document, "si").into_iter().map(|it| runs(document, it)).collect()
}

fn runs(document: &Document, item: NodeId) -> String {
    let mut text = String::new();
    for child in document.children(item) {
        match local(document.name(child)) {
            "t" => text.push_str(document.value(child).unwrap_or_default()),
            "r" => text.push_str(&runs(document, child)),
            _ => {}
        }
    }
    text
}

fn rows(document: &Document, shared: &[String]) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for row in all(document, "row") {
        let at = attribute(document, row, "r").and_then(|it| it.parse::<usize>().ok());
        let at = at.map_or(rows.len(), |it| it.saturating_sub(1));
        // Rows come in order; a gap is as many empty rows, up to what Excel itself can hold.
        if at >= rows.len() && at < ROWS_MAX {
            rows.resize_with(at, Vec::new);
            rows.push(cells(document, row, shared));
        }
    }
    rows
}

fn cells(document: &Document, row: NodeId, shared: &[String]) -> Vec<String> {
    let mut cells: Vec<String> = Vec::new();
    for cell in document.children(row).filter(|it| local(document.name(*it)) == "c") {
        let at = attribute(document, cell, "r").and_then(column).unwrap_or(cells.len());
        if at >= cells.len() && at < COLUMNS_MAX {
            cells.resize_with(at, String::new);
            cells.push(value(document, cell, shared));
        }
    }
    cells
}

fn value(document: &Document, cell: NodeId, shared: &[String]) -> String {
    let child = |name: &str| {
        document
            .children(cell)
            .find(|it| document.kind(*it) == Kind::Element && local(document.name(*it)) == name)
    };
    let stored = child("v").and_then(|it| document.value(it)).unwrap_or_default();
    match attribute(document, cell, "t") {
        Some("s") => {
            let text = stored.trim().parse().ok().and_then(|at: usize| shared.get(at));
            text.cloned().unwrap_or_default()
        }
        Some("inlineStr") => child("is").map(|it| runs(document, it)).unwrap_or_default(),
        _ => stored.to_owned(),
    }
}

/// `AB12` is in column 27, from 0.
fn column(reference: &str) -> Option<usize> {
    let letters = reference.bytes().take_while(u8::is_ascii_alphabetic);
    let number = letters.take(4).fold(0, |number, letter| {
        number * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1
    });
    number.checked_sub(1)
}

/// Every element of a name, in document order; the parts nest a few levels at most.
fn all(document: &Document, name: &str) -> Vec<NodeId> {
    let mut found = Vec::new();
    let mut open = vec![document.children(document.root())];
    while let Some(children) = open.last_mut() {
        let Some(node) = children.next() else {
            open.pop();
            continue;
        };
        if document.kind(node) != Kind::Element {
            continue;
        }
        if local(document.name(node)) == name {
            found.push(node);
        } else {
            open.push(document.children(node));
        }
    }
    found
}

fn attribute<'a>(document: &'a Document, node: NodeId, name: &str) -> Option<&'a str> {
    let mut attributes = document.children(node).filter(|it| document.kind(*it) == Kind::Attribute);
    let found = attributes.find(|it| local(document.name(*it)) == name)?;
    document.value(found)
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

const ROWS_MAX: usize = 1 << 20;
const COLUMNS_MAX: usize = 1 << 14;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    const SHARED: &str = r#"<sst xmlns="x"><si><t>药品编码</t></si><si><r><t>限</t></r><r><rPr/><t xml:space="preserve">男性</t></r><rPh><t>xian</t></rPh></si></sst>"#;

    #[test]
    fn cells_are_where_a_person_sees_them() {
        let sheet = r#"<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>
            <row r="3"><c r="B3"><v>15</v></c><c r="AA3" t="inlineStr"><is><t>甲&amp;乙</t></is></c></row>
            <row r="4"><c r="A4" t="str"><f>"a"&amp;"b"</f><v>ab</v></c><c r="B4" s="1"/><c r="C4" t="b"><v>1</v></c></row>"#;
        let gap = "|".repeat(25);
        check(sheet, None, &format!("药品编码||限男性//|15{gap}甲&乙/ab||1"));
    }

    #[test]
    fn sheets_have_names() {
        check("<row><c><v>1</v></c></row>", Some("知识点"), "1");
        check("<row><c><v>1</v></c></row>", Some("其他"), "D711");
    }

    #[test]
    fn what_is_no_workbook_is_told() {
        let good = workbook("", true);
        assert!(is_workbook(&good) && !is_workbook(b"code,name"));
        for damaged in [&good[..good.len() - 30], &good[..10], b"PK\x03\x04", b""] {
            let error = read_sheet(damaged, None, &Limits::default()).unwrap_err();
            assert_eq!(error.code(), "D710");
        }
    }

    #[test]
    fn what_unfolds_too_far_is_refused() {
        let rows = "<row><c><v>1</v></c></row>".repeat(1000);
        let limits = Limits { body_bytes_max: 4096, ..Limits::default() };
        for packed in [true, false] {
            let error = read_sheet(&workbook(&rows, packed), None, &limits).unwrap_err();
            assert_eq!(error.code(), "D706");
        }
    }

    /// Cells between `|`, rows between `/`; or the code of the fault.
    #[track_caller]
    fn check(sheet: &str, name: Option<&str>, expected: &str) {
        for packed in [true, false] {
            let read = read_sheet(&workbook(sheet, packed), name, &Limits::default());
            let shown = match read {
                Ok(rows) => rows.iter().map(|row| row.join("|")).collect::<Vec<_>>().join("/"),
                Err(error) => error.code().to_owned(),
            };
            assert_eq!(shown, expected);
        }
    }

    fn workbook(rows: &str, packed: bool) -> Vec<u8> {
        let sheet = format!("<worksheet xmlns=\"x\"><sheetData>{rows}</sheetData></worksheet>");
        let parts = [
            (
                "xl/workbook.xml",
                r#"<workbook xmlns="x" xmlns:r="y"><sheets><sheet name="知识点" sheetId="1" r:id="rId7"/></sheets></workbook>"#,
            ),
            (
                "xl/_rels/workbook.xml.rels",
                r#"<Relationships xmlns="z"><Relationship Id="rId1" Target="styles.xml"/><Relationship Id="rId7" Target="worksheets/sheet1.xml"/></Relationships>"#,
            ),
            ("xl/sharedStrings.xml", SHARED),
            ("xl/worksheets/sheet1.xml", &sheet),
        ];
        container(&parts, packed)
    }

    fn container(parts: &[(&str, &str)], packed: bool) -> Vec<u8> {
        let (mut file, mut directory) = (Vec::new(), Vec::new());
        for (name, text) in parts {
            let body = if packed { deflated(text) } else { text.as_bytes().to_vec() };
            let method = if packed { 8u16 } else { 0 };
            let at = u32::try_from(file.len()).unwrap();
            let length = u32::try_from(body.len()).unwrap();
            let name_length = u16::try_from(name.len()).unwrap();
            let mut common = vec![0; 22];
            common[4..6].copy_from_slice(&method.to_le_bytes());
            common[14..18].copy_from_slice(&length.to_le_bytes());
            common.extend(name_length.to_le_bytes());
            common.extend([0, 0]);
            file.extend(b"PK\x03\x04");
            file.extend(&common);
            file.extend(name.as_bytes());
            file.extend(&body);
            directory.extend(b"PK\x01\x02\x14\x00");
            directory.extend(&common);
            directory.extend([0; 10]);
            directory.extend(at.to_le_bytes());
            directory.extend(name.as_bytes());
        }
        let begin = u32::try_from(file.len()).unwrap();
        let count = u16::try_from(parts.len()).unwrap();
        file.extend(directory);
        file.extend(b"PK\x05\x06\0\0\0\0\0\0");
        file.extend(count.to_le_bytes());
        file.extend([0; 4]);
        file.extend(begin.to_le_bytes());
        file.extend([0, 0]);
        file
    }

    fn deflated(text: &str) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }
}
