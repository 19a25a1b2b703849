//! One line: an order of this session, an active one, a charge, or a line of the past.

use jiff::civil::{Date, DateTime};
use rust_decimal::Decimal;

use super::Title;
use crate::frequency::Frequency;
use crate::unit::Unit;

/// One order line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order {
    /// Line id, unique in the request.
    pub rx_id: String,
    /// The number of the line itself, where records call it by that of an order with several lines.
    pub line_no: Option<String>,
    /// The orders that a charge of the past was for, by every number that they have.
    pub charges_for: Vec<String>,
    /// Prescription number: lines of one prescription share it.
    pub rxno: Option<String>,
    /// Group of one infusion.
    pub group: Option<String>,
    /// National catalogue code.
    pub national_code: Option<String>,
    /// The hospital's own code.
    pub hospital_code: Option<String>,
    /// The drug's name as written.
    pub name: Option<String>,
    /// Ingredients, when the HIS knows them.
    pub ingredients: Vec<String>,
    /// Dose of one intake, in `dose_unit`.
    pub single_dose: Option<Decimal>,
    /// Its unit.
    pub dose_unit: Option<Unit>,
    /// The first intake, when it is larger (首剂加倍), in the same unit.
    pub first_dose: Option<Decimal>,
    /// The largest step of a dose that is raised or lowered, or left open within bounds, in the same
    /// unit; `single_dose` is the smallest then.
    pub largest_dose: Option<Decimal>,
    /// How often.
    pub frequency: Option<Frequency>,
    /// Times a day that must not be exceeded, for drugs taken as needed.
    pub times_per_day_max: Option<Decimal>,
    /// How it enters the body.
    pub route: Option<Route>,
    /// The same as written; tells a push from a drip.
    pub route_text: Option<String>,
    /// Drops a minute.
    pub drops_per_minute: Option<Decimal>,
    /// Millilitres an hour.
    pub ml_per_hour: Option<Decimal>,
    /// How long one infusion takes, in minutes.
    pub minutes: Option<Decimal>,
    /// It only dissolves or carries the others of its group.
    pub solvent: Option<bool>,
    /// How many doses of a herbal formula (付数).
    pub doses: Option<Decimal>,
    /// Days as written by the doctor.
    pub days: Option<Decimal>,
    /// Quantity dispensed, in `quantity_unit`.
    pub quantity: Option<Decimal>,
    /// How much of a line of the past was ordered, where some was given back: `quantity` is what is left.
    pub ordered: Option<Decimal>,
    /// Its unit.
    pub quantity_unit: Option<Unit>,
    /// 规格.
    pub specification: Option<String>,
    /// 单价.
    pub price: Option<Decimal>,
    /// 总费用.
    pub amount: Option<Decimal>,
    /// 自费金额.
    pub own_pay: Option<Decimal>,
    /// Part of this session; others are active orders written earlier.
    pub current: bool,
    /// The line that a refund takes back.
    pub refunds: Option<String>,
    /// The encounter it was written in, when that is not this one.
    pub mdtrt_id: Option<String>,
    /// The department that ordered or charged.
    pub department_code: Option<String>,
    /// The doctor who ordered, as far as records say so; checks name theirs as the prescriber.
    pub doctor_code: Option<String>,
    /// The title of this doctor, where it is written on the line.
    pub doctor_title: Option<Title>,
    /// Which eye, side or tooth: `OD`, `OS`, 左, 右.
    pub body_site: Option<String>,
    /// Start of the order; for a charge, when the service was given.
    pub begins: Option<DateTime>,
    /// Stop of the order.
    pub stops: Option<DateTime>,
    /// 长期医嘱: it runs until somebody stops it; false for one that is given once, or for its days.
    pub standing: Option<bool>,
    /// 出院带药.
    pub discharge: bool,
    /// 医嘱行为 of a stay as it was sent, where no table says what the code means: then nobody knows
    /// whether the drug is taken home.
    pub behaviour_code: Option<String>,
    /// The doctor declared an emergency for this line.
    pub urgent: Option<bool>,
    /// A consultation agreed to this line.
    pub consulted: Option<bool>,
    /// Result of the skin test for this drug.
    pub skin_test: Option<SkinTest>,
    /// 生产批号 of what is given.
    pub batch: Option<String>,
    /// The patient consented in writing: off-label use, self-pay.
    pub consent: Option<bool>,
    /// The hospital's committee has this use on its list.
    pub registered_use: Option<bool>,
    /// The doctor attests what no computer can see: evidence of sensitivity, of failed first line.
    pub attested: Option<bool>,
    /// A first-line drug was used within the last half year, as one region's message says.
    pub first_line_used: Option<bool>,
    /// Billed on a registered chronic disease, when one prescription mixes it with ordinary lines.
    pub on_chronic_scheme: Option<bool>,
    /// The last day on which the prescription may be dispensed.
    pub valid_to: Option<Date>,
    /// Voided: as if it had never been written.
    pub voided: bool,
    /// Why a usual limit is exceeded, as written by the doctor.
    pub reason: Option<String>,
}

/// How a drug enters the body, as far as rules tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// 口服.
    Oral,
    /// 注射.
    Injection,
    /// 局部用药.
    Topical,
    /// 吸入.
    Inhaled,
    /// 其他.
    Other,
}

/// What a skin test said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkinTest {
    /// 阴性.
    Negative,
    /// 阳性.
    Positive,
    /// Ordered, not read yet.
    Pending,
    /// The doctor waived it.
    Waived,
}
