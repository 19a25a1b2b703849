//! From the text of a date pattern to its parts, and what cannot be meant by it.

use super::{Field, Part};

/// How deep brackets may stand in brackets.
const DEPTH_MAX: u32 = 8;

pub(super) fn pattern(text: &str) -> Result<Vec<Part>, String> {
    match text {
        "" => return Err("a date pattern must not be empty".to_owned()),
        "epoch_ms" => return Ok(vec![Part::EpochMilliseconds]),
        "epoch_s" => return Ok(vec![Part::EpochSeconds]),
        _ => {}
    }
    let mut rest = text;
    let parts = parts(&mut rest, 0)?;
    if !rest.is_empty() {
        return Err("`]` in a date pattern closes nothing".to_owned());
    }
    let mut fields = Vec::new();
    collect(&parts, &mut fields);
    sense(&fields)?;
    Ok(parts)
}

/// Parts up to the end of the text, or to the bracket that closes this group.
fn parts(rest: &mut &str, depth: u32) -> Result<Vec<Part>, String> {
    if depth > DEPTH_MAX {
        return Err("brackets stand too deep in each other".to_owned());
    }
    let mut parts = Vec::new();
    while let Some(first) = rest.chars().next() {
        if first == ']' {
            break;
        }
        let (part, used) = match first {
            '[' => (group(rest, depth)?, 0),
            '\'' => quoted(rest)?,
            _ => plain(rest, first)?,
        };
        parts.push(part);
        *rest = rest.get(used..).unwrap_or_default();
    }
    Ok(parts)
}

fn group(rest: &mut &str, depth: u32) -> Result<Part, String> {
    *rest = rest.get(1..).unwrap_or_default();
    let inner = parts(rest, depth + 1)?;
    *rest = rest.strip_prefix(']').ok_or("`[` in a date pattern has no `]`")?;
    Ok(Part::Maybe(inner))
}

fn quoted(rest: &str) -> Result<(Part, usize), String> {
    if rest.starts_with("''") {
        return Ok((Part::Text("'".to_owned()), 2));
    }
    let inside = rest.get(1..).unwrap_or_default();
    let end = inside.find('\'').ok_or("a quote in a date pattern has no end")?;
    Ok((Part::Text(inside.get(..end).unwrap_or_default().to_owned()), end + 2))
}

fn plain(rest: &str, first: char) -> Result<(Part, usize), String> {
    if !first.is_ascii_alphabetic() {
        return Ok((Part::Text(first.to_string()), first.len_utf8()));
    }
    let run = rest.chars().take_while(|it| *it == first).count();
    let written = rest.get(..run).unwrap_or_default();
    let field = match (first, run) {
        ('y', 4) => return Ok((Part::Digits { field: Field::Year, min: 4, max: 4 }, run)),
        ('M', 3) => return Ok((Part::MonthName, run)),
        ('E', 3) => return Ok((Part::Weekday, run)),
        ('S', _) => return Ok((Part::Digits { field: Field::Fraction, min: 1, max: 9 }, run)),
        // The `T` of ISO 8601 is no letter of this language and may stand for itself.
        ('T', 1) => return Ok((Part::Text("T".to_owned()), 1)),
        ('X', _) => return Ok((Part::Zone, run)),
        ('M', _) => Field::Month,
        ('d', _) => Field::Day,
        ('H', _) => Field::Hour,
        ('m', _) => Field::Minute,
        ('s', _) => Field::Second,
        _ => return Err(stray(first, written)),
    };
    match run {
        1 => Ok((Part::Digits { field, min: 1, max: 2 }, run)),
        2 => Ok((Part::Digits { field, min: 2, max: 2 }, run)),
        _ => Err(format!("`{written}` is too long")),
    }
}

fn stray(first: char, written: &str) -> String {
    let hint = match first {
        'h' => {
            return "`h` is the hour of a 12-hour clock, which needs am or pm; write `H`"
                .to_owned();
        }
        'y' | 'Y' => "; the year is `yyyy`",
        'D' => "; the day is `dd`",
        'N' | 'n' => "; minutes are `mm`",
        'Z' | 'z' => "; a zone is `X`",
        _ => "",
    };
    format!("`{written}` is no part of a date pattern{hint}")
}

fn collect(parts: &[Part], fields: &mut Vec<Field>) {
    for part in parts {
        match part {
            Part::Digits { field, .. } => fields.push(*field),
            Part::MonthName => fields.push(Field::Month),
            Part::Maybe(inner) => collect(inner, fields),
            _ => {}
        }
    }
}

/// Upper and lower case are mistaken for each other: `MM` in the place of minutes reads them as a
/// month, and every value before 13 minutes past would be taken for right.
fn sense(fields: &[Field]) -> Result<(), String> {
    let count = |wanted: Field| fields.iter().filter(|it| **it == wanted).count();
    let place = |wanted: Field| fields.iter().position(|it| *it == wanted);
    let twice = |wanted, what: &str, hint: &str| {
        if count(wanted) > 1 { Err(format!("the {what} stands twice{hint}")) } else { Ok(()) }
    };
    twice(Field::Year, "year", "")?;
    twice(Field::Month, "month", "; minutes are `mm`")?;
    twice(Field::Day, "day", "")?;
    twice(Field::Hour, "hour", "")?;
    twice(Field::Minute, "minute", "; the month is `MM`")?;
    twice(Field::Second, "second", "; a fraction is `S`")?;
    if count(Field::Fraction) > 0 && count(Field::Second) == 0 {
        return Err("a fraction stands without seconds, which are `ss`".to_owned());
    }
    match (place(Field::Hour), place(Field::Minute), place(Field::Second)) {
        (None, Some(_), _) => Err("minutes stand before the hour; the month is `MM`".to_owned()),
        (Some(hour), Some(minute), _) if minute < hour => {
            Err("minutes stand before the hour; the month is `MM`".to_owned())
        }
        (_, None, Some(_)) => Err("seconds stand without minutes, which are `mm`".to_owned()),
        _ => Ok(()),
    }
}
