//! One object or a list of one, in whatever order, in XML or JSON: the records are the same.
//!
//! A message is drawn, written down in many ways that say the same, and each way must give what the
//! plainest one gives.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::cast_possible_truncation)]

use mappings::{Catalogs, MappingSet};
use schemas::Files;

const MAPPING: &str = r#"[mapping]
name = "shape"
profile = "clinical"
when = 'msg/visit/no'
lane = '/msg/visit/no'

[[record]]
entity = "outpatient_prescription"
each = "msg/rx/line"
where = 'name is present'

[record.elements]
mdtrt_sn = '/msg/visit/no'
rxno = '../no'
rx_srt_no = 'sn | decimal'
rx_detl_id = 'drug/code'
rx_detl_name = 'name'
drug_spec = '/msg/dict[code = $item/drug/code]/spec'
cnt = 'count(../line)'
pric = 'sum(../line, amt | decimal)'
vali_flag = '"1"'

[[record]]
entity = "outpatient_diagnosis"
each = "msg/diag"
distinct = 'code'
key = ['code']

[record.elements]
diag_srt_no = '$position'
diag_code = 'code'
diag_name = 'name | default("无")'
vali_flag = '"1"'
"#;

#[test]
fn the_way_it_is_written_never_changes_the_records() {
    let set = set();
    let mut written = 0;
    for seed in 1..=120 {
        let mut dice = Dice(seed);
        let message = message(&mut dice);
        let plain = outcome(&set, &format!("{{{}}}", json(&message, &mut None)));
        assert!(plain.starts_with("[\n  {"), "{plain}");
        for _ in 0..4 {
            let (mut shuffled, mut again) = (Some(dice.fork()), Some(dice.fork()));
            let json = format!("{{{}}}", json(&message, &mut shuffled));
            assert_eq!(outcome(&set, &json), plain, "seed {seed}: {json}");
            let xml = xml(&message, &mut again);
            assert_eq!(outcome(&set, &xml), plain, "seed {seed}: {xml}");
            written += 2;
        }
    }
    assert_eq!(written, 960);
}

/// A named value: a text, or members of their own. Members of one name keep their order.
struct Member {
    name: &'static str,
    held: Held,
}

enum Held {
    Text(String),
    Members(Vec<Member>),
}

fn message(dice: &mut Dice) -> Member {
    let visit = vec![text("no", format!("MZ{}", dice.roll(99)))];
    let mut members = vec![holds("visit", visit)];
    let mut drugs = Vec::new();
    for prescription in 0..=dice.roll(3) {
        let mut lines = vec![text("no", format!("CF{prescription}"))];
        for line in 0..=dice.roll(3) {
            let drug = format!("YP{}", dice.roll(5));
            let mut fields = vec![
                text("sn", (line + 1).to_string()),
                text("amt", format!("{}.{}", dice.roll(90), dice.roll(10))),
                holds("drug", vec![text("code", drug.clone())]),
            ];
            if line == 0 || dice.roll(4) > 0 {
                fields.push(text("name", format!("药{line}")));
            }
            lines.push(holds("line", fields));
            drugs.push(drug);
        }
        members.push(holds("rx", lines));
    }
    drugs.sort();
    drugs.dedup();
    for drug in drugs {
        let spec = text("spec", format!("{drug}*7片"));
        members.push(holds("dict", vec![text("code", drug), spec]));
    }
    for diagnosis in 0..dice.roll(4) {
        let code = text("code", format!("I{}", diagnosis / 2));
        members.push(holds("diag", vec![code]));
    }
    holds("msg", members)
}

/// Members of one name are a list, or an object when there is only one and the dice say so.
fn json(member: &Member, dice: &mut Option<Dice>) -> String {
    format!("\"{}\":{}", member.name, json_value(member, dice))
}

fn json_value(member: &Member, dice: &mut Option<Dice>) -> String {
    let members = match &member.held {
        Held::Text(text) => return format!("\"{text}\""),
        Held::Members(members) => members,
    };
    let mut names: Vec<&str> = Vec::new();
    for member in members {
        if !names.contains(&member.name) {
            names.push(member.name);
        }
    }
    shuffle(&mut names, dice);
    let lists = names.into_iter().map(|name| {
        let same = members.iter().filter(|it| it.name == name);
        let values: Vec<_> = same.map(|it| json_value(it, dice)).collect();
        let alone = values.len() == 1 && dice.as_mut().is_some_and(|it| it.roll(2) == 0);
        let value = if alone { values[0].clone() } else { format!("[{}]", values.join(",")) };
        format!("\"{name}\":{value}")
    });
    format!("{{{}}}", lists.collect::<Vec<_>>().join(","))
}

/// Members of several names may stand mixed; those of one name keep their order.
fn xml(member: &Member, dice: &mut Option<Dice>) -> String {
    let name = member.name;
    let members = match &member.held {
        Held::Text(text) => return format!("<{name}>{text}</{name}>"),
        Held::Members(members) => members,
    };
    let mut names: Vec<&str> = members.iter().map(|it| it.name).collect();
    shuffle(&mut names, dice);
    let mut taken: Vec<&Member> = Vec::new();
    for name in names {
        let before = taken.iter().filter(|it| it.name == name).count();
        taken.extend(members.iter().filter(|it| it.name == name).nth(before));
    }
    let inside: String = taken.into_iter().map(|it| xml(it, dice)).collect();
    format!("<{name}>{inside}</{name}>")
}

fn shuffle(names: &mut [&str], dice: &mut Option<Dice>) {
    let Some(dice) = dice else { return };
    for last in (1..names.len()).rev() {
        names.swap(last, dice.roll(last as u64 + 1) as usize);
    }
}

fn text(name: &'static str, text: String) -> Member {
    Member { name, held: Held::Text(text) }
}

fn holds(name: &'static str, members: Vec<Member>) -> Member {
    Member { name, held: Held::Members(members) }
}

/// Drawn numbers that are the same on every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % below
    }

    fn fork(&mut self) -> Dice {
        Dice(self.roll(u64::from(u32::MAX)))
    }
}

fn set() -> MappingSet {
    let mut files = Files::new();
    files.insert("v/shape.toml", MAPPING);
    let catalogs = Catalogs::load(&Files::from_shipped(schemas::SHIPPED), "national").unwrap();
    match MappingSet::load(&files, &catalogs, &[]) {
        Ok((set, _)) => set,
        Err(problems) => panic!("{problems:#?}"),
    }
}

fn outcome(set: &MappingSet, message: &str) -> String {
    mappings::case_outcome(set, message.as_bytes(), None)
}
