//! What is kept of a stay beside its lines: the person, who is responsible, operations.

use rules::facts::{CutClass, Patient, Sex, Surgery};
use rules::past::Care;

use super::super::fields::{self, Fields, Writer};
use super::{at, place};

pub(super) fn write_person(it: &Patient, out: &mut Writer) {
    if let Some(sex) = it.sex {
        out.bytes(1, &[place(&SEXES, &sex)]);
    }
    out.day(2, it.birth);
    out.number(3, it.weight_kg);
    out.day(4, it.weighed);
}

pub(super) fn read_person(content: &[u8]) -> Patient {
    let mut it = Patient::default();
    for (tag, content) in Fields(content) {
        match tag {
            1 => it.sex = at(&SEXES, content),
            2 => it.birth = fields::day(content),
            3 => it.weight_kg = fields::number(content),
            4 => it.weighed = fields::day(content),
            _ => {}
        }
    }
    it
}

pub(super) fn write_care(it: &Care, out: &mut Writer) {
    out.text(1, it.doctor_code.as_deref());
    out.text(2, it.insutype.as_deref());
    out.text(3, it.department_name.as_deref());
}

pub(super) fn read_care(content: &[u8]) -> Care {
    let mut it = Care::default();
    for (tag, content) in Fields(content) {
        match tag {
            1 => it.doctor_code = fields::text(content),
            2 => it.insutype = fields::text(content),
            3 => it.department_name = fields::text(content),
            _ => {}
        }
    }
    it
}

pub(super) fn write_surgery(it: &Surgery, out: &mut Writer) {
    out.text(1, it.code.as_deref());
    out.text(2, it.name.as_deref());
    out.flag(3, it.main);
    out.moment(4, it.began);
    out.moment(5, it.ended);
    if let Some(cut) = it.cut {
        out.bytes(6, &[place(&CUTS, &cut)]);
    }
    out.text(7, it.incision.as_deref());
    out.number(8, it.blood_loss_ml);
}

pub(super) fn read_surgery(content: &[u8]) -> Surgery {
    let mut it = Surgery::default();
    for (tag, content) in Fields(content) {
        match tag {
            1 => it.code = fields::text(content),
            2 => it.name = fields::text(content),
            3 => it.main = fields::flag(content),
            4 => it.began = fields::moment(content),
            5 => it.ended = fields::moment(content),
            6 => it.cut = at(&CUTS, content),
            7 => it.incision = fields::text(content),
            8 => it.blood_loss_ml = fields::number(content),
            _ => {}
        }
    }
    it
}

const SEXES: [Sex; 2] = [Sex::Male, Sex::Female];
const CUTS: [CutClass; 4] =
    [CutClass::None, CutClass::Clean, CutClass::CleanContaminated, CutClass::Contaminated];
