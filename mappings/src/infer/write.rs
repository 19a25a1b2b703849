//! Writes a plan down as a mapping file, with what speaks for each line behind it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use schemas::{DataElement, Format, Required};

use super::plan::{Line, Plan, Record, is_filled_anyway};
use super::survey::{Field, Survey, Way};
use super::{Draft, Wanted};

/// The draft of a mapping and of its code maps.
pub(super) fn draft(survey: &Survey, plan: &Plan<'_>, wanted: &Wanted<'_>) -> Draft {
    let mut writer =
        Writer { survey, plan, out: String::new(), code_maps: Vec::new(), used: BTreeSet::new() };
    writer.head(wanted);
    let mut records = String::new();
    for record in &plan.records {
        std::mem::swap(&mut writer.out, &mut records);
        writer.record(record);
        std::mem::swap(&mut writer.out, &mut records);
    }
    writer.codes();
    writer.out.push_str(&records);
    writer.rest();
    let code_maps =
        writer.code_maps.iter().map(|it| (format!("codes/{}.csv", it.name), it.text.clone()));
    Draft { code_maps: code_maps.collect(), mapping: writer.out }
}

struct Writer<'a> {
    survey: &'a Survey,
    plan: &'a Plan<'a>,
    out: String,
    code_maps: Vec<CodeMapDraft>,
    used: BTreeSet<&'a Way>,
}

struct CodeMapDraft {
    name: String,
    domain: String,
    text: String,
    known: usize,
    unknown: usize,
}

impl<'a> Writer<'a> {
    fn head(&mut self, wanted: &Wanted<'_>) {
        let _ = write!(
            self.out,
            "# A draft made from one sample. The number behind a line says how sure it is: correct what is\n\
             # wrong, add what is missing, write cases, and run `his-agent test`.\n\n\
             [mapping]\nname = {}\nprofile = {}\n",
            quoted(wanted.name),
            quoted(wanted.profile)
        );
        let (when, why) = self.when();
        let _ = writeln!(self.out, "when = '{when}'  # {why}");
        match self.plan.lane {
            Some(lane) if self.survey.group_of(&lane.way).is_empty() => {
                let _ = writeln!(self.out, "lane = '/{} | trim'", lane.way.join("/"));
            }
            Some(_) => {} // each record says its own
            None => self.out.push_str(
                "lane = '$message_id'  # 0.00 no number of an encounter was found: order is not kept like this\n",
            ),
        }
        for (way, word) in &self.survey.opens {
            let _ = write!(self.out, "\n[[open]]\nat = '{}'\nas = \"{word}\"\n", way.join("/"));
        }
    }

    /// What tells these messages from others: a field that names the type, or that the lines are there.
    fn when(&mut self) -> (String, &'static str) {
        let says_type = |it: &&Field| {
            let name: String = it
                .way
                .last()
                .into_iter()
                .flat_map(|it| it.chars())
                .filter(|it| it.is_alphanumeric())
                .collect();
            TYPES.contains(&name.to_ascii_lowercase().as_str())
                && self.survey.group_of(&it.way).is_empty()
                && it.shape.words.len() == 1
                && !it.shape.words.iter().any(|it| it.contains(['"', '\\', '\'']))
        };
        if let Some(field) = self.survey.fields.iter().find(says_type) {
            self.used.insert(&field.way);
            let value = field.shape.words.first().map_or("", String::as_str);
            return (
                format!("{} = \"{value}\"", field.way.join("/")),
                "the field that seems to name the type",
            );
        }
        let each = self.plan.records.iter().rev().map(|it| &it.each).find(|it| !it.is_empty());
        let line = self.plan.records.iter().flat_map(|it| &it.lines).next();
        let way: Way = each.or(line.map(|it| &it.field.way)).cloned().unwrap_or_default();
        (format!("{} is present", way.join("/")), "no field names the type: the message has this")
    }

    fn record(&mut self, record: &Record<'a>) {
        let start = start(self.survey, record);
        let _ = write!(
            self.out,
            "\n# {}\n[[record]]\nentity = \"{}\"\n",
            record.entity.zh_name(),
            record.entity.name()
        );
        if !start.is_empty() {
            let _ = writeln!(self.out, "each = '{}'", start.join("/"));
        }
        let within = self.plan.lane.filter(|it| start.starts_with(self.survey.group_of(&it.way)));
        let number = within.map(|it| path(self.survey, it, &start));
        if let Some(number) = &number {
            if record.distinct {
                let _ = writeln!(self.out, "distinct = '{number}'");
            }
            if self.plan.lane.is_some_and(|it| !self.survey.group_of(&it.way).is_empty()) {
                let _ = writeln!(self.out, "lane = '{number} | trim'");
            }
        } else if self.plan.lane.is_some() {
            self.out.push_str(
                "lane = '$message_id'  # 0.00 the encounter's number is not within reach\n",
            );
        }
        self.key(record, number.as_deref(), &start);
        self.out.push_str("\n[record.elements]\n");
        for element in record.entity.elements() {
            match record.lines.iter().find(|it| std::ptr::eq(it.element, element)) {
                Some(line) => self.line(line, &start),
                None => self.absent(element),
            }
        }
    }

    /// The standard's own key, or what of it the sample has.
    fn key(&mut self, record: &Record<'_>, lane: Option<&str>, start: &Way) {
        let of = |name: &String| record.lines.iter().find(|it| it.element.name() == *name);
        let position = |name: &String| record.entity.element(name).is_some_and(is_filled_anyway);
        let names = record.entity.key();
        if names.iter().all(|it| of(it).is_some() || position(it)) {
            return;
        }
        let mut parts: Vec<String> = vec![lane.unwrap_or("$message_id").to_owned()];
        parts.extend(names.iter().filter_map(of).map(|it| path(self.survey, it.field, start)));
        if parts.len() == 1 || names.iter().any(|it| of(it).is_none() && position(it)) {
            parts.push("$position".to_owned());
        }
        let mut told = BTreeSet::new();
        parts.retain(|it| told.insert(it.clone()));
        let parts: Vec<String> = parts.iter().map(|it| format!("'{it}'")).collect();
        let _ = writeln!(
            self.out,
            "key = [{}]  # not all of the standard's key is in the sample",
            parts.join(", ")
        );
    }

    fn line(&mut self, line: &Line<'a>, start: &Way) {
        self.used.insert(&line.field.way);
        let expression =
            format!("{}{}", path(self.survey, line.field, start), self.steps(line, start));
        let _ = writeln!(
            self.out,
            "{} = '{expression}'  # 0.{:02} {}; name: {}; value: {}",
            line.element.name(),
            line.confidence,
            line.element.zh_name(),
            line.by,
            line.field.shape.word()
        );
    }

    fn steps(&mut self, line: &Line<'a>, start: &Way) -> String {
        let shape = &line.field.shape;
        match line.element.format() {
            _ if line.unit => format!(" | match(\"{MEASURE}\", 2)"),
            Format::Number { .. } if shape.measured && shape.unit && !shape.decimal => {
                format!(" | match(\"{MEASURE}\", 1) | decimal")
            }
            Format::Number { .. } => " | decimal".to_owned(),
            Format::Date => format!(" | date({})", patterns(&shape.dates(), "yyyy-MM-dd")),
            Format::Time => format!(" | time({})", patterns(&shape.times(), "HH:mm:ss")),
            Format::DateTime => self.moment(line.field, start),
            Format::Boolean => " | boolean(\"1\", \"0\")".to_owned(),
            Format::Text { .. } | Format::Binary { .. } | Format::Node => self.text(line),
        }
    }

    /// A day beside a field with the time of day is a moment together with it.
    fn moment(&mut self, day: &'a Field, start: &Way) -> String {
        let dates = day.shape.dates();
        let only_day =
            dates.first().is_some_and(|it| !it.contains('H') && !it.starts_with("epoch"));
        let beside = |it: &&Field| {
            it.way.len() == day.way.len()
                && it.way.split_last().map(|it| it.1) == day.way.split_last().map(|it| it.1)
                && it.shape.seen > 0
                && !it.shape.times().is_empty()
        };
        let time = self.survey.fields.iter().find(beside);
        if let (true, Some(time), Some(date)) = (only_day, time, dates.first()) {
            self.used.insert(&time.way);
            let clock = time.shape.times().first().copied().unwrap_or("HH:mm:ss");
            return format!(
                " | join(\" \", {}) | datetime(\"{date} {clock}\")",
                path(self.survey, time, start)
            );
        }
        format!(" | datetime({})", patterns(&dates, "yyyy-MM-dd HH:mm:ss"))
    }

    fn text(&mut self, line: &Line<'_>) -> String {
        let Some(domain) = line.element.value_domain().filter(|it| it.closed()) else {
            return " | trim".to_owned();
        };
        let words = &line.field.shape.words;
        if words.iter().all(|it| domain.contains(it)) && !words.is_empty() {
            return " | trim".to_owned();
        }
        let name = line.element.name();
        let (mut text, mut known, mut unknown) = ("local,standard\n".to_owned(), 0, 0);
        for word in words.iter().filter(|it| !it.contains([',', '"', '\n', '#'])) {
            if let Some(code) = guess(line.element, word) {
                let _ = writeln!(text, "{word},{code}");
                known += 1;
            } else {
                let _ = writeln!(text, "# {word},");
                unknown += 1;
            }
        }
        if !self.code_maps.iter().any(|it| it.name == name) {
            let domain = domain.name().to_owned();
            self.code_maps.push(CodeMapDraft {
                name: name.to_owned(),
                domain,
                text,
                known,
                unknown,
            });
        }
        format!(" | trim | code(\"{name}\")")
    }

    fn absent(&mut self, element: &DataElement) {
        let (name, zh_name) = (element.name(), element.zh_name());
        let required = element.required() == Required::Yes;
        let _ = match () {
            () if name == "vali_flag" => writeln!(
                self.out,
                "vali_flag = '\"1\"'  # 0.50 {zh_name}; no field says it: what is sent is taken to be valid"
            ),
            () if is_filled_anyway(element)
                && matches!(element.format(), Format::Number { .. }) =>
            {
                writeln!(
                    self.out,
                    "{name} = '$position'  # 0.50 {zh_name}; no field says it: the order in the message"
                )
            }
            () if required => {
                writeln!(self.out, "# missing: {name} {zh_name}, which the standard requires")
            }
            () => Ok(()),
        };
    }

    fn codes(&mut self) {
        for map in &self.code_maps {
            let _ = write!(
                self.out,
                "\n[codes.{}]  # codes/{}.csv: {} guessed, {} to be filled in\ndomain = {}\n",
                map.name,
                map.name,
                map.known,
                map.unknown,
                quoted(&map.domain)
            );
        }
    }

    /// What nothing read, by what it is like: values stay out of the draft.
    fn rest(&mut self) {
        let unread = self.survey.fields.iter().filter(|it| !self.used.contains(&it.way));
        let lines: Vec<String> =
            unread.map(|it| format!("#   {}: {}\n", it.way.join("/"), it.shape.word())).collect();
        if !lines.is_empty() {
            self.out.push_str("\n# Fields that nothing above reads:\n");
            self.out.push_str(&lines.concat());
        }
    }
}

/// Where the record's paths begin: its group, or what all its fields stand in.
fn start(survey: &Survey, record: &Record<'_>) -> Way {
    if !record.each.is_empty() {
        return record.each.clone();
    }
    let mut common: Option<Way> = None;
    for line in record.lines.iter().filter(|it| survey.group_of(&it.field.way).is_empty()) {
        let parents = line.field.way.split_last().map_or(&[][..], |it| it.1);
        common = Some(match common {
            None => parents.to_vec(),
            Some(before) => {
                let same = before.iter().zip(parents).take_while(|(a, b)| a == b);
                same.map(|(it, _)| it.clone()).collect()
            }
        });
    }
    common.unwrap_or_default()
}

/// From the start to a field: downwards, from the top, or upwards inside of a group.
fn path(survey: &Survey, field: &Field, start: &Way) -> String {
    let way = &field.way;
    if let Some(inner) = way.strip_prefix(start.as_slice()) {
        return if inner.is_empty() { ".".to_owned() } else { inner.join("/") };
    }
    if survey.group_of(way).is_empty() {
        return format!("/{}", way.join("/"));
    }
    let common = way.iter().zip(start).take_while(|(a, b)| a == b).count();
    let up = "../".repeat(start.len() - common);
    format!("{up}{}", way.get(common..).unwrap_or_default().join("/"))
}

/// The code that a local word surely means.
fn guess(element: &DataElement, word: &str) -> Option<String> {
    let domain = element.value_domain()?;
    if let Some(code) = domain.code(word) {
        return Some(code.as_str().to_owned());
    }
    let meant = match word.to_ascii_uppercase().as_str() {
        "M" | "男性" | "MALE" if element.name() == "gend" => "男",
        "F" | "女性" | "FEMALE" if element.name() == "gend" => "女",
        _ => word,
    };
    domain.codes().find(|(_, name)| *name == meant).map(|(code, _)| code.as_str().to_owned())
}

/// The first patterns that read all values; a draft asks for two at most.
fn patterns(found: &[&str], otherwise: &str) -> String {
    if found.is_empty() {
        return format!("\"{otherwise}\"");
    }
    let told: Vec<String> = found.iter().take(2).map(|it| format!("\"{it}\"")).collect();
    told.join(", ")
}

/// A TOML text.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A number, and what stands behind it.
const MEASURE: &str = "^([0-9.]+)(.*)$";

/// Names of fields that say what kind of message it is.
const TYPES: [&str; 16] = [
    "servername",
    "actioncode",
    "msgtype",
    "messagetype",
    "servicetype",
    "msgcode",
    "functionno",
    "infno",
    "trancode",
    "transcode",
    "servicecode",
    "methodname",
    "msgname",
    "businesstype",
    "tradecode",
    "eventtype",
];
