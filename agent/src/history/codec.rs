//! What is kept of records, as bytes. Small, since a patient's past is read while a doctor waits.

mod stay;

use std::sync::Arc;

use rules::facts::{
    Allergy, AllergySeverity, Diagnosis, LabResult, Order, Route, SkinTest, Stay, Title, VisitKind,
};
use rules::frequency::Frequency;
use rules::past::{Note, Noted};
use rules::unit::{Dimension, Unit};

use super::fields::{self, Fields, Writer};

/// Appends what is kept of one record.
pub(super) fn write(record: &Noted, out: &mut Vec<u8>) {
    let mut body = Writer::default();
    body.0.extend_from_slice(&record.identity.to_be_bytes());
    body.length(record.encounter.len());
    body.0.extend_from_slice(record.encounter.as_bytes());
    for note in &record.notes {
        let mut content = Writer::default();
        let kind = write_note(note, &mut content);
        body.bytes(kind, &content.0);
    }
    let mut framed = Writer(std::mem::take(out));
    framed.bytes(RECORD, &body.0);
    *out = framed.0;
}

/// Reads what [`write`] wrote; what it does not know is passed over.
pub(super) fn read(bytes: &[u8], into: &mut Vec<Noted>) {
    for (kind, content) in Fields(bytes) {
        if kind == RECORD {
            into.extend(read_record(content));
        }
    }
}

fn read_record(content: &[u8]) -> Option<Noted> {
    let mut content = Fields(content);
    let identity = u64::from_be_bytes(content.cut(8)?.try_into().ok()?);
    let length = content.length()?;
    let encounter = fields::text(content.cut(length)?)?;
    let notes = content.filter_map(|(kind, content)| read_note(kind, content)).collect();
    Some(Noted { identity, encounter, notes })
}

fn write_note(note: &Note, out: &mut Writer) -> u8 {
    match note {
        Note::Order(line) => {
            write_order(line, out);
            1
        }
        Note::Charge(line, charges_for) => {
            write_order(line, out);
            out.text(0xf0, charges_for.as_deref());
            2
        }
        Note::First(line) => {
            write_order(line, out);
            3
        }
        Note::Stay(stay, names) => {
            write_stay(stay, out);
            for name in names {
                out.text(0xf0, Some(name));
            }
            4
        }
        Note::Diagnosis(it) => {
            write_diagnosis(it, out);
            5
        }
        Note::Allergies(found) => {
            for it in found {
                let mut one = Writer::default();
                one.text(1, it.code.as_deref());
                one.text(2, it.text.as_deref());
                if let Some(severity) = it.severity {
                    one.bytes(3, &[place(&SEVERITIES, &severity)]);
                }
                out.bytes(1, &one.0);
            }
            6
        }
        Note::Lab(it, report) => {
            write_lab(it, out);
            out.text(0xf0, report.as_deref());
            7
        }
        Note::Report(number, made) => {
            out.text(1, Some(number));
            out.moment(2, Some(*made));
            8
        }
        Note::Person(it) => {
            stay::write_person(it, out);
            11
        }
        Note::Care(it) => {
            stay::write_care(it, out);
            12
        }
        Note::Surgery(it) => {
            stay::write_surgery(it, out);
            13
        }
        Note::Settled(at) => {
            out.moment(1, Some(*at));
            14
        }
        Note::Asked(day) => {
            out.day(1, Some(*day));
            15
        }
        Note::Proposed(line, goes_on) => {
            write_order(line, out);
            out.flag(0xf0, goes_on.then_some(true));
            16
        }
        Note::Sale(line) => {
            write_order(line, out);
            17
        }
        Note::Void => 9,
        Note::VoidReport(number) => {
            out.text(1, Some(number));
            10
        }
    }
}

fn read_note(kind: u8, content: &[u8]) -> Option<Note> {
    let last = |tag| Fields(content).filter(|(it, _)| *it == tag).last().map(|(_, it)| it);
    let text = |tag| last(tag).and_then(fields::text);
    Some(match kind {
        1 => Note::Order(Arc::new(read_order(content))),
        2 => Note::Charge(Arc::new(read_order(content)), text(0xf0)),
        3 => Note::First(Arc::new(read_order(content))),
        4 => {
            let names = Fields(content).filter(|(tag, _)| *tag == 0xf0);
            let names = names.filter_map(|(_, it)| fields::text(it)).collect();
            Note::Stay(Box::new(read_stay(content)), names)
        }
        5 => Note::Diagnosis(read_diagnosis(content)),
        6 => Note::Allergies(Fields(content).map(|(_, it)| read_allergy(it)).collect()),
        7 => Note::Lab(read_lab(content), text(0xf0)),
        8 => Note::Report(text(1)?, fields::moment(last(2)?)?),
        9 => Note::Void,
        10 => Note::VoidReport(text(1)?),
        11 => Note::Person(Box::new(stay::read_person(content))),
        12 => Note::Care(stay::read_care(content)),
        13 => Note::Surgery(Box::new(stay::read_surgery(content))),
        14 => Note::Settled(fields::moment(last(1)?)?),
        15 => Note::Asked(fields::day(last(1)?)?),
        16 => {
            let goes_on = last(0xf0).and_then(fields::flag).unwrap_or(false);
            Note::Proposed(Arc::new(read_order(content)), goes_on)
        }
        17 => Note::Sale(Arc::new(read_order(content))),
        _ => return None,
    })
}

fn write_order(it: &Order, out: &mut Writer) {
    out.text(1, Some(&it.rx_id).filter(|it| !it.is_empty()).map(String::as_str));
    out.text(2, it.rxno.as_deref());
    out.text(3, it.group.as_deref());
    out.text(4, it.national_code.as_deref());
    out.text(5, it.hospital_code.as_deref());
    out.text(6, it.name.as_deref());
    for ingredient in &it.ingredients {
        out.text(7, Some(ingredient));
    }
    out.number(8, it.single_dose);
    write_unit(9, it.dose_unit.as_ref(), out);
    out.number(10, it.first_dose);
    write_frequency(11, it.frequency, out);
    out.number(12, it.times_per_day_max);
    if let Some(route) = it.route {
        out.bytes(13, &[place(&ROUTES, &route)]);
    }
    out.text(14, it.route_text.as_deref());
    out.number(15, it.doses);
    out.number(16, it.days);
    out.number(17, it.quantity);
    write_unit(18, it.quantity_unit.as_ref(), out);
    out.text(19, it.specification.as_deref());
    out.number(20, it.price);
    out.number(21, it.amount);
    out.number(22, it.own_pay);
    out.text(23, it.refunds.as_deref());
    out.text(24, it.mdtrt_id.as_deref());
    out.text(25, it.department_code.as_deref());
    out.moment(26, it.begins);
    out.moment(27, it.stops);
    out.flag(28, it.discharge.then_some(true));
    out.flag(29, it.urgent);
    out.flag(30, it.solvent);
    if let Some(result) = it.skin_test {
        out.bytes(31, &[place(&SKIN_TESTS, &result)]);
    }
    out.text(32, it.doctor_code.as_deref());
    out.number(33, it.largest_dose);
    out.flag(34, it.standing);
    out.text(35, it.behaviour_code.as_deref());
    if let Some(title) = it.doctor_title {
        out.bytes(36, &[place(&TITLES, &title)]);
    }
    out.text(37, it.line_no.as_deref());
}

fn read_order(content: &[u8]) -> Order {
    let mut it = Order::default();
    for (tag, content) in Fields(content) {
        match tag {
            1 => it.rx_id = fields::text(content).unwrap_or_default(),
            2 => it.rxno = fields::text(content),
            3 => it.group = fields::text(content),
            4 => it.national_code = fields::text(content),
            5 => it.hospital_code = fields::text(content),
            6 => it.name = fields::text(content),
            7 => it.ingredients.extend(fields::text(content)),
            8 => it.single_dose = fields::number(content),
            9 => it.dose_unit = read_unit(content),
            10 => it.first_dose = fields::number(content),
            11 => it.frequency = read_frequency(content),
            12 => it.times_per_day_max = fields::number(content),
            13 => it.route = at(&ROUTES, content),
            14 => it.route_text = fields::text(content),
            15 => it.doses = fields::number(content),
            16 => it.days = fields::number(content),
            17 => it.quantity = fields::number(content),
            18 => it.quantity_unit = read_unit(content),
            19 => it.specification = fields::text(content),
            20 => it.price = fields::number(content),
            21 => it.amount = fields::number(content),
            22 => it.own_pay = fields::number(content),
            23 => it.refunds = fields::text(content),
            24 => it.mdtrt_id = fields::text(content),
            25 => it.department_code = fields::text(content),
            26 => it.begins = fields::moment(content),
            27 => it.stops = fields::moment(content),
            28 => it.discharge = fields::flag(content).unwrap_or(false),
            29 => it.urgent = fields::flag(content),
            30 => it.solvent = fields::flag(content),
            31 => it.skin_test = at(&SKIN_TESTS, content),
            32 => it.doctor_code = fields::text(content),
            33 => it.largest_dose = fields::number(content),
            34 => it.standing = fields::flag(content),
            35 => it.behaviour_code = fields::text(content),
            36 => it.doctor_title = at(&TITLES, content),
            37 => it.line_no = fields::text(content),
            _ => {}
        }
    }
    it
}

fn write_stay(it: &Stay, out: &mut Writer) {
    out.text(1, it.mdtrt_id.as_deref());
    if let Some(visit) = it.visit {
        out.bytes(2, &[place(&VISITS, &visit)]);
    }
    out.moment(3, it.began);
    out.moment(4, it.ended);
    out.text(5, it.department_code.as_deref());
    out.text(6, it.main_diagnosis.as_deref());
    out.flag(7, it.planned_course);
    out.flag(8, it.transferred);
}

fn read_stay(content: &[u8]) -> Stay {
    let mut it = Stay::default();
    for (tag, content) in Fields(content) {
        match tag {
            1 => it.mdtrt_id = fields::text(content),
            2 => it.visit = at(&VISITS, content),
            3 => it.began = fields::moment(content),
            4 => it.ended = fields::moment(content),
            5 => it.department_code = fields::text(content),
            6 => it.main_diagnosis = fields::text(content),
            7 => it.planned_course = fields::flag(content),
            8 => it.transferred = fields::flag(content),
            _ => {}
        }
    }
    it
}

fn write_diagnosis(it: &Diagnosis, out: &mut Writer) {
    out.text(1, it.code.as_deref());
    out.text(2, it.name.as_deref());
    out.flag(3, it.main);
    out.flag(4, it.suspected.then_some(true));
    out.flag(5, it.excluded.then_some(true));
    out.flag(6, it.chronic.then_some(true));
    out.day(7, it.made);
}

fn read_diagnosis(content: &[u8]) -> Diagnosis {
    let mut it = Diagnosis::default();
    for (tag, content) in Fields(content) {
        match tag {
            1 => it.code = fields::text(content),
            2 => it.name = fields::text(content),
            3 => it.main = fields::flag(content),
            4 => it.suspected = fields::flag(content).unwrap_or(false),
            5 => it.excluded = fields::flag(content).unwrap_or(false),
            6 => it.chronic = fields::flag(content).unwrap_or(false),
            7 => it.made = fields::day(content),
            _ => {}
        }
    }
    it
}

fn read_allergy(content: &[u8]) -> Allergy {
    let mut it = Allergy::default();
    for (tag, content) in Fields(content) {
        match tag {
            1 => it.code = fields::text(content),
            2 => it.text = fields::text(content),
            3 => it.severity = at(&SEVERITIES, content),
            _ => {}
        }
    }
    it
}

fn write_lab(it: &LabResult, out: &mut Writer) {
    out.text(1, it.code.as_deref());
    out.text(2, it.name.as_deref());
    out.number(3, it.value);
    out.text(4, it.unit.as_deref());
    out.text(5, it.text.as_deref());
    out.number(6, it.upper);
    out.number(7, it.lower);
    out.flag(8, it.outside);
    out.moment(9, it.reported);
}

fn read_lab(content: &[u8]) -> LabResult {
    let mut it = LabResult::default();
    for (tag, content) in Fields(content) {
        match tag {
            1 => it.code = fields::text(content),
            2 => it.name = fields::text(content),
            3 => it.value = fields::number(content),
            4 => it.unit = fields::text(content),
            5 => it.text = fields::text(content),
            6 => it.upper = fields::number(content),
            7 => it.lower = fields::number(content),
            8 => it.outside = fields::flag(content),
            9 => it.reported = fields::moment(content),
            _ => {}
        }
    }
    it
}

/// A piece by its word, a measure by its dimension and factor, a rate by its time too. No word begins
/// with the bytes that tell them apart.
fn write_unit(tag: u8, unit: Option<&Unit>, out: &mut Writer) {
    let (mut bytes, factor) = match unit {
        None => return,
        Some(Unit::Piece(word)) => return out.text(tag, Some(word)),
        Some(Unit::Measured { dimension, factor }) => {
            (vec![MEASURED, place(&DIMENSIONS, dimension)], factor)
        }
        Some(Unit::Rate { dimension, factor, per_kg, minutes }) => {
            let mut bytes = vec![RATE, place(&DIMENSIONS, dimension), u8::from(*per_kg)];
            bytes.extend_from_slice(&minutes.to_be_bytes());
            (bytes, factor)
        }
    };
    let mut content = Writer::default();
    content.number(0, Some(*factor));
    bytes.extend_from_slice(content.0.get(2..).unwrap_or_default());
    out.bytes(tag, &bytes);
}

fn read_unit(content: &[u8]) -> Option<Unit> {
    match content {
        [MEASURED, dimension, factor @ ..] => {
            let dimension = at(&DIMENSIONS, &[*dimension])?;
            Some(Unit::Measured { dimension, factor: fields::number(factor)? })
        }
        [RATE, dimension, per_kg, rest @ ..] => {
            let dimension = at(&DIMENSIONS, &[*dimension])?;
            let (minutes, factor) = rest.split_first_chunk()?;
            let (minutes, factor) = (u32::from_be_bytes(*minutes), fields::number(factor)?);
            Some(Unit::Rate { dimension, factor, per_kg: *per_kg != 0, minutes })
        }
        word => Unit::parse(str::from_utf8(word).ok()?),
    }
}

const MEASURED: u8 = 0xff;
const RATE: u8 = 0xfe;

fn write_frequency(tag: u8, frequency: Option<Frequency>, out: &mut Writer) {
    let bytes = match frequency {
        None => return,
        Some(Frequency::Regular { times, days }) => {
            [&[0], &times.to_be_bytes()[..], &days.to_be_bytes()[..]].concat()
        }
        Some(Frequency::Once) => vec![1],
        Some(Frequency::AsNeeded) => vec![2],
        Some(Frequency::Continuous) => vec![3],
    };
    out.bytes(tag, &bytes);
}

fn read_frequency(content: &[u8]) -> Option<Frequency> {
    match content {
        [0, rest @ ..] => {
            let (times, days) = rest.split_first_chunk::<4>()?;
            let days = u32::from_be_bytes(days.try_into().ok()?);
            Some(Frequency::Regular { times: u32::from_be_bytes(*times), days })
        }
        [1] => Some(Frequency::Once),
        [2] => Some(Frequency::AsNeeded),
        [3] => Some(Frequency::Continuous),
        _ => None,
    }
}

/// The number that stands for a choice: its place in a list that only grows at its end.
fn place<T: PartialEq>(list: &[T], choice: &T) -> u8 {
    list.iter().position(|it| it == choice).and_then(|it| u8::try_from(it).ok()).unwrap_or(0xff)
}

fn at<T: Copy>(list: &[T], content: &[u8]) -> Option<T> {
    list.get(usize::from(*content.first()?)).copied()
}

const RECORD: u8 = 1;
const ROUTES: [Route; 5] =
    [Route::Oral, Route::Injection, Route::Topical, Route::Inhaled, Route::Other];
const SKIN_TESTS: [SkinTest; 4] =
    [SkinTest::Negative, SkinTest::Positive, SkinTest::Pending, SkinTest::Waived];
const TITLES: [Title; 6] = [
    Title::Untitled,
    Title::Assistant,
    Title::Junior,
    Title::Intermediate,
    Title::AssociateSenior,
    Title::Senior,
];
const SEVERITIES: [AllergySeverity; 3] =
    [AllergySeverity::Mild, AllergySeverity::Moderate, AllergySeverity::Severe];
const VISITS: [VisitKind; 5] = [
    VisitKind::Outpatient,
    VisitKind::Emergency,
    VisitKind::Inpatient,
    VisitKind::Internet,
    VisitKind::Pharmacy,
];
const DIMENSIONS: [Dimension; 4] =
    [Dimension::Mass, Dimension::Volume, Dimension::Activity, Dimension::Substance];

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use rules::past::Care;

    use super::*;

    #[test]
    fn everything_comes_back_as_it_was() {
        let text = r#"{"patient":{"gend":"2","brdy":"19680315","wt":"61.5","wt_date":"20260430"},"surgeries":[{"oprn_oprt_code":"51.23","oprn_oprt_name":"胆囊切除",
            "main_oprn_flag":"1","oprn_oprt_begntime":"20260501090807","oprn_oprt_endtime":"20260501100807","sinc_type":"2",
            "sinc_no":"1","bld_loss":50}],"orders":[{"rx_id":"1","rxno":"CF1","grpno":"g","hilist_code":"XC08","hosplist_code":"YP1",
            "hosplist_name":"氨氯地平","drug_ingd":["甲","乙"],"drug_used_sdose":"0.5","drug_used_dosunt":"μg/kg/min","first_sdose":1,"step_sdose":"0.5,1,2",
            "drug_used_frqu":"Q8H","drug_used_way_code":"1","medc_days":7,"cnt":2,"cnt_unt":"盒","spec":"5mg*7","pric":"32.50",
            "sumamt":"65.00","ownpay_amt":0,"drord_begn_date":"20260501090807","drord_stop_date":"20260508","urgt_flag":"1",
            "dscg_tkdrug_flag":"1","skin_test_rslt":"阴性","mdtrt_id":"MZ1","refd_rx_id":"0","bilg_dept_codg":"03",
            "slvt_flag":"0","long_drord_flag":"1","day_cnt_max":3,"tcmdrug_dose_cnt":7,"drug_used_way_name":"口服"}],
            "history":{"stays":[{"mdtrt_id":"ZY1","med_mdtrt_type":"2","begntime":"20260401","endtime":"20260402","adm_dept_codg":"3",
            "dise_codg":"I10","plan_course_flag":"1","dscg_way":"2"}],"labs":[{"exam_item_detl_code":"CR","exam_item_detl_name":"肌酐",
            "exam_rslt_val":"90.5","exam_unt":"μmol/L","exam_rslt_dicm":"高","ref_val_up":"80","ref_val_low":"40","ext_rslt_flag":"1",
            "rpt_date":"20260101"}],"allergies":[{"aise_code":"1","algs":"青霉素","algs_sev":"3"}],
            "diagnoses":[{"dise_codg":"I10","dise_name":"高血压待查","maindise_flag":"1","chronic_flag":"1","diag_time":"20260101"}]}}"#;
        let facts = rules::request::read(text).unwrap();
        let mut order = facts.orders.present().unwrap().first().unwrap().clone();
        order.current = false;
        order.doctor_code = Some("2046".to_owned());
        order.behaviour_code = Some("1".to_owned());
        order.doctor_title = Some(Title::Senior);
        order.line_no = Some("L1".to_owned());
        let history = facts.history.present().unwrap();
        let order = Arc::new(order);
        let made = "2026-05-01T09:08:07".parse().unwrap();
        let noted = Noted {
            identity: 7,
            encounter: "MZ1".to_owned(),
            notes: vec![
                Note::Order(order.clone()),
                Note::Charge(order.clone(), Some("D1".to_owned())),
                Note::First(order.clone()),
                Note::Stay(
                    Box::new(history.stays.first().unwrap().clone()),
                    vec!["a".into(), "b".into()],
                ),
                Note::Diagnosis(history.diagnoses.first().unwrap().clone()),
                Note::Allergies(history.allergies.clone()),
                Note::Lab(history.labs.first().unwrap().clone(), Some("RP1".to_owned())),
                Note::Report("RP1".to_owned(), made),
                Note::Void,
                Note::VoidReport("RP1".to_owned()),
                Note::Person(Box::new(facts.patient.present().unwrap().clone())),
                Note::Care(Care {
                    doctor_code: Some("D1".to_owned()),
                    insutype: Some("310".to_owned()),
                    department_name: Some("心内科".to_owned()),
                }),
                Note::Surgery(Box::new(facts.surgeries.present().unwrap()[0].clone())),
                Note::Settled(made),
                Note::Asked(made.date()),
                Note::Proposed(order.clone(), true),
                Note::Proposed(order.clone(), false),
                Note::Sale(order.clone()),
            ],
        };
        let mut bytes = Vec::new();
        write(&noted, &mut bytes);
        write(&noted, &mut bytes);
        let mut back = Vec::new();
        read(&bytes, &mut back);
        assert_eq!(back, [noted.clone(), noted]);
        for end in 0..bytes.len() {
            read(bytes.get(..end).unwrap(), &mut back); // no panic
        }
    }

    /// The bytes are on hospitals' disks: they never change, tags are only added.
    #[test]
    fn the_bytes_of_a_line() {
        let order = Order {
            rx_id: "1".to_owned(),
            quantity: Some("2.5".parse().unwrap()),
            dose_unit: Unit::parse("g"),
            frequency: Frequency::parse("BID"),
            begins: Some("2026-05-01T09:08:07".parse().unwrap()),
            ..Order::default()
        };
        let notes = vec![Note::Order(Arc::new(order))];
        let mut bytes = Vec::new();
        write(&Noted { identity: 1, encounter: "E".to_owned(), notes }, &mut bytes);
        let hex: Vec<String> = bytes.iter().map(|it| format!("{it:02x}")).collect();
        assert_eq!(
            hex.concat(),
            "01300000000000000001014501240101310906ff00000003e80b0900000000020000000111030100191a0707ea0501090807"
        );
    }
}
