//! A stay and its orders, out of the records of a ward.

use jiff::civil::DateTime;

use super::patient;
use crate::age::Age;
use crate::facts::{Encounter, Facts, Group, Order, Patient, VisitKind};
use crate::groups;
use crate::reading::{Object, Reading};
use crate::vocabulary;

/// Who is in, and where.
pub(super) fn admission(object: &Object<'_>, facts: &mut Facts, reading: &mut Reading) {
    let who = patient(object, reading);
    let age = || Age::parse(&reading.text(object, "age_dscr")?);
    facts.patient = Group::Present(Patient { age: who.age.or_else(age), ..who });
    facts.encounter = Group::Present(stay(object, reading));
}

fn stay(object: &Object<'_>, reading: &mut Reading) -> Encounter {
    let stay = groups::encounter(object, reading);
    let id = stay.mdtrt_id.or_else(|| reading.text(object, "mdtrt_sn"));
    Encounter {
        mdtrt_id: id.or_else(|| reading.text(object, "ipt_no")),
        visit: Some(VisitKind::Inpatient),
        bed: stay.bed.or_else(|| reading.text(object, "adm_bed")),
        ended: stay.ended.or_else(|| reading.moment(object, "dscg_time")),
        ..stay
    }
}

/// What an order says of the stay it belongs to, where no admission came with it.
pub(super) fn stay_of(order: &Object<'_>, reading: &mut Reading) -> Encounter {
    let id = reading.text(order, "mdtrt_id").or_else(|| reading.text(order, "mdtrt_sn"));
    Encounter {
        mdtrt_id: id,
        visit: Some(VisitKind::Inpatient),
        bed: reading.text(order, "ipt_bed_no"),
        department_code: reading.text(order, "ipt_dept_code"),
        ..Encounter::default()
    }
}

/// An order as it is checked. The lines of one infusion share the number of the order, so a line goes by
/// the number of its own.
pub(super) fn order(object: &Object<'_>, position: usize, reading: &mut Reading) -> Order {
    let numbers = ["medcas_drord_detl_id", "drord_no"];
    let id = reading.first_of(numbers, |it, name| it.text(object, name));
    let id = id.unwrap_or_else(|| (position + 1).to_string());
    let object = Object { path: format!("orders[{id}]"), json: object.json };
    Order { current: true, ..inpatient_order(&object, id, reading) }
}

/// What an order says, under the id that it is to go by.
pub(crate) fn inpatient_order(object: &Object<'_>, rx_id: String, reading: &mut Reading) -> Order {
    let begins = reading.moment(object, "medc_begntime");
    let begins = begins.or_else(|| reading.moment(object, "drord_begntime"));
    // The planned end stays in an order that was stopped before it.
    let ends = ["medc_endtime", "drord_endtime"].map(|name| reading.moment(object, name));
    let is_before_it = |end: &DateTime| begins.is_some_and(|begins| end.date() < begins.date());
    let stops = ends.into_iter().flatten().min_by_key(|end| (is_before_it(end), *end));
    let (route, route_text) = super::way(object, "drug_used_way", reading);
    let kind = reading.text(object, "drord_type");
    Order {
        rx_id,
        group: reading.text(object, "drord_grp_no"),
        hospital_code: reading.text(object, "drord_detl_code"),
        name: reading.text(object, "drord_detl_name"),
        single_dose: reading.number(object, "drug_used_sdose", groups::DOSE),
        dose_unit: groups::unit(object, "medn_used_dosunt", reading),
        frequency: groups::frequency(object, "medn_use_frqu", reading),
        route,
        route_text,
        days: reading.number(object, "medc_days", groups::DAYS),
        quantity: reading.number(object, "dismed_cnt", groups::COUNT),
        quantity_unit: groups::unit(object, "dismed_cnt_unt", reading),
        specification: reading.text(object, "drug_spec"),
        department_code: reading.text(object, "isu_dept_code"),
        doctor_code: reading.text(object, "isu_drord_dr_code"),
        begins: begins.or_else(|| reading.moment(object, "drord_isu_time")),
        stops,
        standing: kind.as_deref().and_then(vocabulary::is_standing),
        ..Order::default()
    }
}
