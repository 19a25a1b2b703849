//! Rows of texts and numbers as an Excel file that every spreadsheet opens: one sheet, no formats.
//!
//! A number is written as it was given, digit by digit: it is a decimal here and in the file, and what
//! the spreadsheet makes of it is the spreadsheet's. What is meant as text (a code of digits) stays text.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// A cell to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SheetCell<'a> {
    /// A text.
    Text(&'a str),
    /// A decimal, as digits; anything else is written as a text.
    Number(&'a str),
}

/// An Excel file with one sheet of this name.
#[must_use]
pub fn write_sheet(name: &str, rows: &[Vec<SheetCell<'_>>]) -> Vec<u8> {
    let mut container = Container::default();
    container.add("[Content_Types].xml", TYPES);
    container.add("_rels/.rels", RELATIONS);
    container.add("xl/workbook.xml", &workbook(name));
    container.add("xl/_rels/workbook.xml.rels", OF_WORKBOOK);
    container.add("xl/worksheets/sheet1.xml", &sheet(rows));
    container.finish()
}

fn workbook(name: &str) -> String {
    // What Excel allows in the name of a sheet.
    let allowed = |it: &char| !"[]:*?/\\'".contains(*it) && !it.is_control();
    let name: String = name.chars().filter(allowed).take(31).collect();
    let name = if name.is_empty() { "Sheet1" } else { &name };
    let name = escaped(name);
    format!(
        "{HEAD}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets>\
         <sheet name=\"{name}\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
    )
}

fn sheet(rows: &[Vec<SheetCell<'_>>]) -> String {
    let mut out = format!("{HEAD}<worksheet xmlns=\"{MAIN}\"><sheetData>");
    for (row, cells) in (1..).zip(rows) {
        let _ = write!(out, "<row r=\"{row}\">");
        for (at, cell) in cells.iter().enumerate() {
            let place = format!("{}{row}", letters(at));
            match cell {
                SheetCell::Number(digits) if is_number(digits) => {
                    let _ = write!(out, "<c r=\"{place}\"><v>{digits}</v></c>");
                }
                SheetCell::Text("") | SheetCell::Number("") => {}
                SheetCell::Text(text) | SheetCell::Number(text) => {
                    let text = escaped(text);
                    let _ = write!(
                        out,
                        "<c r=\"{place}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>"
                    );
                }
            }
        }
        out.push_str("</row>");
    }
    out.push_str("</sheetData></worksheet>");
    out
}

/// `-12.50`; no exponent, no point without digits, and no more digits than a spreadsheet can hold.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let all = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    all(whole) && all(part) && whole.len() + part.len() <= 15
}

/// The letters of a column: A, Z, AA.
fn letters(mut at: usize) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(char::from(b'A' + u8::try_from(at % 26).unwrap_or(0)));
        if at < 26 {
            break;
        }
        at = at / 26 - 1;
    }
    letters.iter().rev().collect()
}

/// For XML; what XML cannot say at all is said as Excel says it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for it in text.chars() {
        match it {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' => out.push(it),
            '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "_x{:04X}_", u32::from(it));
            }
            it if it.is_control() && it < '\u{7f}' => {
                let _ = write!(out, "_x{:04X}_", u32::from(it));
            }
            it => out.push(it),
        }
    }
    out
}

/// A container in the making: files, and the directory that ends it.
#[derive(Default)]
struct Container {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    files: u16,
}

impl Container {
    fn add(&mut self, path: &str, content: &str) {
        let mut crc = Crc::new();
        crc.update(content.as_bytes());
        let mut deflater = DeflateEncoder::new(Vec::new(), Compression::default());
        // Writing into memory does not fail.
        let written = deflater.write_all(content.as_bytes());
        let packed = written.and_then(|()| deflater.finish()).unwrap_or_default();
        let begins = length(self.bytes.len());
        let mut common = Vec::new();
        // Version 2.0, names in UTF-8, deflated, the first moment of the calendar of this format.
        for number in [20_u16, 0x0800, 8, 0, 0x21] {
            common.extend_from_slice(&number.to_le_bytes());
        }
        for number in [crc.sum(), length(packed.len()), length(content.len())] {
            common.extend_from_slice(&number.to_le_bytes());
        }
        common.extend_from_slice(&u16::try_from(path.len()).unwrap_or(0).to_le_bytes());
        common.extend_from_slice(&[0, 0]);
        self.bytes.extend_from_slice(b"PK\x03\x04");
        self.bytes.extend_from_slice(&common);
        self.bytes.extend_from_slice(path.as_bytes());
        self.bytes.extend_from_slice(&packed);
        self.directory.extend_from_slice(b"PK\x01\x02\x14\x00");
        self.directory.extend_from_slice(&common);
        self.directory.extend_from_slice(&[0; 10]);
        self.directory.extend_from_slice(&begins.to_le_bytes());
        self.directory.extend_from_slice(path.as_bytes());
        self.files += 1;
    }

    fn finish(mut self) -> Vec<u8> {
        let begins = length(self.bytes.len());
        self.bytes.extend_from_slice(&self.directory);
        self.bytes.extend_from_slice(b"PK\x05\x06\x00\x00\x00\x00");
        self.bytes.extend_from_slice(&self.files.to_le_bytes());
        self.bytes.extend_from_slice(&self.files.to_le_bytes());
        self.bytes.extend_from_slice(&length(self.directory.len()).to_le_bytes());
        self.bytes.extend_from_slice(&begins.to_le_bytes());
        self.bytes.extend_from_slice(&[0, 0]);
        self.bytes
    }
}

/// A sheet of four gigabytes is nobody's.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const TYPES: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
<Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
<Default Extension=\"xml\" ContentType=\"application/xml\"/>\
<Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>\
<Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>\
</Types>";
const RELATIONS: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/>\
</Relationships>";
const OF_WORKBOOK: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n\
<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">\
<Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/>\
</Relationships>";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Limits, read_sheet};

    #[test]
    fn our_own_reader_reads_what_was_written() {
        check(&[&["编号", "金额"], &["00123", "-10.50"], &["", "1"]]);
        check(&[&["a<b>&\"c\"'", "甲\n乙", " x "]]);
        check(&[&["12345678901234567.89", "1e5", ".5"]]);
    }

    #[test]
    fn what_xml_cannot_say() {
        assert_eq!(escaped("a\u{1}b"), "a_x0001_b");
        assert_eq!(["A", "Z", "AA", "AZ", "BA"], [0, 25, 26, 51, 52].map(letters));
        assert!(["1", "-1", "0.10"].iter().all(|it| is_number(it)));
        assert!(
            !["", "-", "1.", ".5", "1e5", "+1", "0123456789012345"].iter().any(|it| is_number(it))
        );
    }

    #[track_caller]
    fn check(rows: &[&[&str]]) {
        let written: Vec<Vec<SheetCell<'_>>> = rows.iter().map(|row| cells_of(row)).collect();
        let read =
            read_sheet(&write_sheet("审核/疑点", &written), None, &Limits::default()).unwrap();
        assert_eq!(read, rows);
    }

    fn cells_of<'a>(row: &[&'a str]) -> Vec<SheetCell<'a>> {
        row.iter().map(|it| SheetCell::Number(it)).collect()
    }
}
