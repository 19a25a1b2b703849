//! The lines of one check, prepared once for all rules: product, ingredients, dates, doubts.

use std::cell::{OnceCell, RefCell};

use jiff::Span;
use jiff::civil::{Date, DateTime, Time};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::age::{BirthRange, WEEKS_MIN};
use crate::atc::AtcTable;
use crate::concentration::{self, Concentration};
use crate::contradiction::CONTRADICTION;
use crate::dose;
use crate::drug::{DrugTable, Form, Product};
use crate::drug_kind::DrugKind;
use crate::facts::{Facts, InputFinding, Order, Route};
use crate::families::clinical::active::Active;
use crate::families::insurance::usage::{Dispensed, Print};
use crate::family::LooksAt;
use crate::frequency::Frequency;
use crate::hash;
use crate::knowledge::Key;
use crate::mask;
use crate::refunds::net_of_refunds;
use crate::sets::CodeSets;
use crate::text::Text;
use crate::unit::{Dose, Specification, Unit};
use crate::way::Way;

/// A single dose of more pieces than this, or less than the inverse, is a mistake of unit: mg and
/// µg lie a factor of 1,000 apart, while real courses reach fifty tablets at once.
const PIECES_PER_DOSE_MAX: u32 = 100;

/// A prescription is not written for so many days ahead, nor checked so many days later.
const BEGIN_DAYS_OFF_MAX: i32 = 400;

/// All lines, and what is known about the patient's birth.
#[derive(Debug)]
pub struct Session<'a> {
    /// Every order line that was not voided, in the order sent; behind them the charges.
    pub lines: Vec<Line<'a>>,
    /// What was ordered or charged before this session.
    pub past: Vec<Line<'a>>,
    /// The named sets that keys may refer to.
    pub sets: &'a CodeSets,
    /// What is known of products.
    pub drugs: &'a DrugTable,
    /// `None` when nothing believable is known.
    pub birth: Option<BirthRange>,
    /// The same as if a small child born too early had been born at term: doses and contraindications
    /// go by it, what the fund and the law limit by the calendar.
    pub term_birth: Option<BirthRange>,
    /// What of the past is found by drug, once a rule asks for it.
    pub(crate) dispensed: OnceCell<Dispensed>,
    /// What of the past still runs, once a rule asks for it.
    pub(crate) active: OnceCell<Active>,
    /// What turned out not to be believable.
    pub data_findings: Vec<InputFinding>,
}

/// What kind of line it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// Ordered, in this session or still active.
    Order,
    /// Charged.
    Charge,
    /// Ordered or charged before this session.
    Past,
}

/// What a national code stands for, by its first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemKind {
    /// X: 西药.
    Western,
    /// Z: 中成药.
    Patent,
    /// T: 中药饮片.
    Slice,
    /// A digit: 医疗服务项目.
    Service,
    /// C: 医用耗材.
    Consumable,
}

impl ItemKind {
    /// By a national code.
    #[must_use]
    pub fn of(code: &str) -> Option<ItemKind> {
        match code.as_bytes().first()? {
            b'X' => Some(ItemKind::Western),
            b'Z' => Some(ItemKind::Patent),
            b'T' => Some(ItemKind::Slice),
            b'C' => Some(ItemKind::Consumable),
            digit if digit.is_ascii_digit() => Some(ItemKind::Service),
            _ => None,
        }
    }

    /// Whether it is taken by a patient.
    #[must_use]
    pub fn is_drug(self) -> bool {
        matches!(self, ItemKind::Western | ItemKind::Patent | ItemKind::Slice)
    }
}

/// One order line and the product behind it.
#[derive(Debug)]
pub struct Line<'a> {
    /// Its position among the lines of the session.
    pub position: usize,
    /// What kind of line it is.
    pub kind: LineKind,
    /// Its quantity after what was taken back; `None` when it is not known.
    pub net: Option<Decimal>,
    /// As sent.
    pub order: &'a Order,
    /// From the drug table.
    pub product: Option<&'a Product>,
    /// The day it starts.
    pub begins: Date,
    /// What the patient weighs, where that was sent: rates may be for each kilogram.
    pub body_kg: Option<Decimal>,
    /// False when the single dose was most likely written in another unit.
    pub dose_is_believable: bool,
    /// False when it is to be taken once and was dispensed for longer.
    pub frequency_is_believable: bool,
    paths: RefCell<Vec<(&'static str, Text)>>,
    specification: OnceCell<Option<Specification>>,
    ingredient_bits: OnceCell<u64>,
    atc: &'a AtcTable,
    ingredient_classes: Vec<&'a str>,
    /// For how many days it lasts: see [`dose::days_supply`].
    pub(crate) days_supply: OnceCell<dose::Computed<Decimal>>,
    /// By which several families find the same drug among hundreds of lines.
    pub(crate) print: OnceCell<Print>,
}

impl<'a> Session<'a> {
    /// Prepares the lines of a check made at `now`.
    #[must_use]
    pub fn new(
        facts: &'a Facts,
        drugs: &'a DrugTable,
        sets: &'a CodeSets,
        now: DateTime,
    ) -> Session<'a> {
        let mut data_findings = Vec::new();
        let birth = birth(facts, now.date(), &mut data_findings);
        let term_birth = term_birth(facts, birth, now.date(), &mut data_findings);
        let orders = facts.orders.present().map_or(&[][..], Vec::as_slice);
        let fees = facts.fees.present().map_or(&[][..], Vec::as_slice);
        let past = facts.history.present().map_or(&[][..], |history| &history.orders);
        let sent = orders.iter().map(|order| (LineKind::Order, order));
        let sent = sent.chain(fees.iter().map(|fee| (LineKind::Charge, fee)));
        let body_kg = facts.patient.present().and_then(|patient| patient.weight_kg);
        let mut lines = lines(sent, drugs, (now.date(), body_kg), &mut data_findings);
        // The past is not the doctor's to correct now: its doubts are not told again.
        let past = past.iter().map(|order| (LineKind::Past, &**order));
        let mut past = lines_of_the_past(past, drugs, now.date());
        let encounter = facts.encounter.present().and_then(|it| it.mdtrt_id.as_deref());
        net_of_refunds(&mut lines, &mut past, encounter);
        for line in &mut lines {
            line.doubt_the_frequency(&mut data_findings);
        }
        for line in &mut past {
            line.doubt_the_frequency(&mut Vec::new());
        }
        Session {
            lines,
            past,
            sets,
            drugs,
            birth,
            term_birth,
            dispensed: OnceCell::new(),
            active: OnceCell::new(),
            data_findings,
        }
    }

    /// The age in words; of a child whose age is corrected, both.
    pub(crate) fn describe_age(&self, on: Date) -> Option<String> {
        let (birth, term) = (self.birth?.describe(on), self.term_birth?.describe(on));
        Some(if self.birth == self.term_birth {
            birth
        } else {
            format!("矫正{term}（实足{birth}）")
        })
    }

    /// Whether a family judges a line.
    #[must_use]
    pub fn is_looked_at(&self, line: &Line<'_>, by: LooksAt) -> bool {
        match by {
            LooksAt::Orders => line.kind == LineKind::Order,
            LooksAt::Both => true,
            LooksAt::Nothing => false,
            LooksAt::Charges => {
                let is_charged = self.lines.last().is_some_and(|l| l.kind == LineKind::Charge);
                (line.kind == LineKind::Charge) == is_charged
            }
        }
    }
}

fn lines<'a>(
    sent: impl Iterator<Item = (LineKind, &'a Order)>,
    drugs: &'a DrugTable,
    (today, body_kg): (Date, Option<Decimal>),
    findings: &mut Vec<InputFinding>,
) -> Vec<Line<'a>> {
    // A line is large and the past is long: it should not be moved while the list grows.
    let mut lines = Vec::with_capacity(sent.size_hint().1.unwrap_or_default());
    let kept = sent.filter(|(_, order)| !order.voided).enumerate();
    lines.extend(kept.map(|(position, (kind, order))| {
        let mut line = Line {
            position,
            kind,
            net: order.quantity,
            order,
            product: drugs.find(order),
            begins: begins(order, today, kind != LineKind::Order, findings),
            body_kg,
            dose_is_believable: true,
            frequency_is_believable: true,
            paths: RefCell::default(),
            specification: OnceCell::new(),
            ingredient_bits: OnceCell::new(),
            atc: &drugs.atc,
            ingredient_classes: Vec::new(),
            days_supply: OnceCell::new(),
            print: OnceCell::new(),
        };
        line.ingredient_classes = line.classes_by_ingredients();
        line.doubt_the_dose(findings);
        line
    }));
    lines
}

fn lines_of_the_past<'a>(
    past: impl Iterator<Item = (LineKind, &'a Order)>,
    drugs: &'a DrugTable,
    today: Date,
) -> Vec<Line<'a>> {
    lines(past, drugs, (today, None), &mut Vec::new())
}

impl<'a> Line<'a> {
    /// The name for an answer.
    #[must_use]
    pub fn name(&self) -> &'a str {
        let named = self.order.name.as_deref().or(self.product.map(|p| p.name.as_str()));
        named.or(self.order.hospital_code.as_deref()).unwrap_or("药品")
    }

    /// The path of one of its elements.
    #[must_use]
    pub fn path(&self, element: &str) -> String {
        let list = match self.kind {
            LineKind::Order => "orders",
            LineKind::Charge => "fees",
            LineKind::Past => "history.orders",
        };
        // Written by hand, since rules that lack something write hundreds in a check.
        [list, "[", &self.order.rx_id, "].", element].concat()
    }

    /// The same for the elements that dozens of rules miss in the same line: written once.
    pub(crate) fn shared_path(&self, element: &'static str) -> Text {
        let mut known = self.paths.borrow_mut();
        if let Some((_, path)) = known.iter().find(|(name, _)| *name == element) {
            return path.clone();
        }
        let path = Text::from(self.path(element));
        known.push((element, path.clone()));
        path
    }

    /// What kind of item its national code says it is.
    #[must_use]
    pub fn item_kind(&self) -> Option<ItemKind> {
        ItemKind::of(self.national_code()?)
    }

    /// Whether it may be a drug: an item without a national code may.
    #[must_use]
    pub fn may_be_drug(&self) -> bool {
        self.item_kind().is_none_or(ItemKind::is_drug)
    }

    /// Whether it is a slice or a patent medicine: the anatomical classification knows none of them.
    #[must_use]
    pub fn is_herbal(&self) -> bool {
        const KINDS: [DrugKind; 3] =
            [DrugKind::HerbalSlice, DrugKind::PatentMedicine, DrugKind::HerbalInjection];
        let is_coded = matches!(self.item_kind(), Some(ItemKind::Slice | ItemKind::Patent));
        is_coded || KINDS.into_iter().any(|kind| self.is_kind(kind) == Some(true))
    }

    /// Whether it takes back what another line charged.
    #[must_use]
    pub fn is_refund(&self) -> bool {
        self.order.quantity.is_some_and(|quantity| quantity < Decimal::ZERO)
    }

    /// Whether nothing of it is left after what was taken back.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.net == Some(Decimal::ZERO)
    }

    /// The part of the whole line's money that refunds left.
    pub(crate) fn share_left(&self, of_line: Decimal) -> Option<Decimal> {
        match (self.net, self.order.quantity) {
            (Some(net), Some(sent)) if net != sent => of_line.checked_mul(net)?.checked_div(sent),
            _ => Some(of_line),
        }
    }

    /// When it began, with its time where that was sent; a bare date is its midnight.
    #[must_use]
    pub fn moment(&self) -> DateTime {
        let sent = self.order.begins.filter(|begins| begins.date() == self.begins);
        sent.unwrap_or_else(|| self.begins.to_datetime(Time::midnight()))
    }

    /// Whether the clock's time was sent and not only the day.
    #[must_use]
    pub fn has_time(&self) -> bool {
        self.order.begins.is_some_and(|begins| begins.time() != Time::midnight())
    }

    /// Whether the drug table says it is of a kind; `None` when the drug is in no table.
    #[must_use]
    pub fn is_kind(&self, kind: DrugKind) -> Option<bool> {
        self.product.map(|product| product.kinds.contains(&kind))
    }

    /// Whether a key is about it. A line that cannot be identified that way is not.
    #[must_use]
    pub fn is_about(&self, key: &Key, sets: &CodeSets) -> bool {
        match key {
            Key::Hospital(code) => self.order.hospital_code.as_deref() == Some(code.as_str()),
            Key::Code(code) => self.national_code() == Some(code.as_str()),
            Key::Prefix(prefix) => {
                self.national_code().is_some_and(|code| code.starts_with(prefix.as_str()))
            }
            Key::Class(class) => {
                let of_code = self.national_code().and_then(|code| code.get(1..));
                of_code.is_some_and(|code| code.starts_with(class.as_str()))
            }
            Key::Atc(branch) => self.atc_codes().any(|code| code.starts_with(branch.as_str())),
            Key::Ingredient(name) => self.contains(name),
            Key::Set(name) => {
                let members = sets.members(name, self.begins);
                members.iter().any(|member| self.is_about(member, sets))
            }
            Key::Diagnosis(_) | Key::Surgery(_) => false,
        }
    }

    /// The element without which nobody can say whether a key is about it; `None` where one can.
    pub(crate) fn lacks_for(&self, key: &Key, sets: &CodeSets) -> Option<&'static str> {
        let (is_lacking, element) = match key {
            Key::Hospital(_) => (self.order.hospital_code.is_none(), "hosplist_code"),
            Key::Code(_) | Key::Prefix(_) | Key::Class(_) => {
                (self.national_code().is_none(), "hilist_code")
            }
            Key::Atc(_) if self.product.is_some() => (self.lacks_atc(), "atc"),
            Key::Atc(_) => (!self.is_herbal() && self.lacks_atc(), "hosplist_code"),
            Key::Ingredient(_) => (!self.has_known_ingredients(), "drug_ingd"),
            Key::Set(name) => {
                let mut members = sets.members(name, self.begins).iter();
                return members.find_map(|member| self.lacks_for(member, sets));
            }
            Key::Diagnosis(_) | Key::Surgery(_) => return None,
        };
        is_lacking.then_some(element)
    }

    /// The national code, as sent or as mapped by the drug table.
    #[must_use]
    pub fn national_code(&self) -> Option<&'a str> {
        let mapped = || self.product.and_then(|product| product.national_code.as_deref());
        self.order.national_code.as_deref().or_else(mapped)
    }

    /// Its ingredients by the drug table, else as sent; `None` when nobody knows.
    #[must_use]
    pub fn ingredients(&self) -> Option<Vec<&'a str>> {
        self.has_known_ingredients().then(|| self.ingredient_names().collect())
    }

    /// The same, one by one; none when nobody knows.
    pub(crate) fn ingredient_names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let (of_product, sent) = match self.product {
            Some(product) => (product.ingredients.as_slice(), &[][..]),
            None => (&[][..], self.order.ingredients.as_slice()),
        };
        of_product.iter().map(|i| i.name.as_str()).chain(sent.iter().map(String::as_str))
    }

    /// Where it stands in the anatomical classification: by the drug table, else by what it contains.
    pub(crate) fn atc_codes(&self) -> impl Iterator<Item = &'a str> {
        let of_product = self.product.and_then(|product| product.atc.as_deref());
        of_product.into_iter().chain(self.ingredient_classes.iter().copied())
    }

    /// What the classes of its ingredients are, where no product says its own.
    fn classes_by_ingredients(&self) -> Vec<&'a str> {
        if self.product.is_some_and(|product| product.atc.is_some()) {
            return Vec::new();
        }
        let form = self.form();
        let codes = self.ingredient_names().flat_map(|name| self.atc.codes(name, form));
        codes.map(Text::as_str).collect()
    }

    /// Whether nobody can say of some part of it where it stands in that classification.
    pub(crate) fn lacks_atc(&self) -> bool {
        if self.product.is_some_and(|product| product.atc.is_some()) {
            return false;
        }
        let form = self.form();
        let mut names = self.ingredient_names();
        !self.has_known_ingredients() || names.any(|name| self.atc.codes(name, form).is_empty())
    }

    /// One bit for each ingredient; two may share one. Rows ask hundreds of lines for theirs, and
    /// a bit that is not set answers without comparing names.
    pub(crate) fn ingredient_bits(&self) -> u64 {
        let bits = || self.ingredient_names().map(hash::bit).fold(0, |all, bit| all | bit);
        *self.ingredient_bits.get_or_init(bits)
    }

    /// Whether it is known to contain something.
    pub(crate) fn contains(&self, ingredient: &str) -> bool {
        self.ingredient_names().any(|name| name == ingredient)
    }

    /// Whether anybody knows what it contains.
    pub(crate) fn has_known_ingredients(&self) -> bool {
        self.product.is_some() || !self.order.ingredients.is_empty()
    }

    /// How it is taken: what the doctor wrote, else what the product is made for.
    #[must_use]
    pub fn form(&self) -> Option<Form> {
        let written = self.order.route.map(|route| match route {
            Route::Oral => Form::Oral,
            Route::Injection => Form::Injection,
            Route::Topical => Form::Topical,
            Route::Inhaled => Form::Inhaled,
            Route::Other => Form::Other,
        });
        written.or(self.product.map(|product| product.form))
    }

    /// How exactly it is given: as written, else by what the product is made for. What has a speed
    /// is dripped, also when only "into a vein" was written.
    #[must_use]
    pub fn way(&self) -> Option<Way> {
        let written = self.order.route_text.as_deref();
        let way = match written {
            Some(text) => Way::parse(text)?,
            None => self.product.and_then(|product| match product.form {
                Form::Oral => Some(Way::Oral),
                Form::Injection => Some(Way::Injection),
                Form::Topical => Some(Way::Topical),
                Form::Inhaled => Some(Way::Inhaled),
                Form::Other => None,
            })?,
        };
        let order = self.order;
        let has_speed = order.drops_per_minute.or(order.ml_per_hour).or(order.minutes).is_some();
        Some(if has_speed && matches!(way, Way::Vein | Way::Injection) { Way::Drip } else { way })
    }

    /// Whether it acts on the whole body; what is put on the skin or in the eye does not add up.
    #[must_use]
    pub fn is_systemic(&self) -> bool {
        self.form() != Some(Form::Topical)
            && self.product.is_none_or(|product| product.form != Form::Topical)
    }

    /// What one piece holds of its only ingredient.
    #[must_use]
    pub fn strength(&self) -> Option<Dose> {
        match self.product.map(|product| product.ingredients.as_slice()) {
            Some([only]) => only.strength,
            Some(_) => None,
            None => self.specification().map(|found| found.strength),
        }
    }

    /// How much of its only ingredient a liquid holds, by its specification.
    pub(crate) fn concentration(&self) -> Option<Concentration> {
        let several = self.ingredient_names().nth(1).is_some();
        let text = self.order.specification.as_deref().filter(|_| !several)?;
        let form = self.product.map(|product| product.form).or_else(|| self.form());
        concentration::of_specification(text, form)
    }

    /// What the specification says.
    #[must_use]
    pub fn specification(&self) -> Option<Specification> {
        let parse = || Specification::parse(self.order.specification.as_deref()?);
        *self.specification.get_or_init(parse)
    }

    /// The last day on which it is taken, when that is known. What is taken once is over on its day,
    /// whatever stop or days were written beside it; a charge that says no more is about its day.
    #[must_use]
    pub fn ends(&self) -> Option<Date> {
        if self.frequency() == Some(Frequency::Once) {
            return Some(self.begins);
        }
        let by_days = || {
            let days = self.order.days?.ceil().to_i64()?;
            self.begins.checked_add(Span::new().try_days(days.checked_sub(1)?).ok()?).ok()
        };
        // A stop before the start is no stop.
        let stops = self.order.stops.map(DateTime::date).filter(|stop| *stop >= self.begins);
        let charged = (self.kind == LineKind::Charge).then_some(self.begins);
        stops.or_else(by_days).or(charged)
    }

    /// Whether it is taken home from a stay; `None` where a code was sent that nobody can read.
    #[must_use]
    pub fn is_taken_home(&self) -> Option<bool> {
        self.order.behaviour_code.is_none().then_some(self.order.discharge)
    }

    /// Whether one of two is of the stay and the other is taken home.
    pub(crate) fn differs_in_being_taken_home(&self, other: &Line<'_>) -> Option<bool> {
        match (self.is_taken_home(), other.is_taken_home()) {
            (Some(one), Some(two)) => Some(one != two),
            // The same code means the same.
            _ if self.order.behaviour_code == other.order.behaviour_code => Some(false),
            _ => None,
        }
    }

    /// Whether both are taken on some day; an unknown end counts as going on. What takes the place of another
    /// at the hour at which that is stopped is not taken beside it.
    #[must_use]
    pub fn overlaps(&self, other: &Line<'_>) -> bool {
        self.ends().is_none_or(|end| other.begins <= end)
            && other.ends().is_none_or(|end| self.begins <= end)
            && !self.replaces(other)
            && !other.replaces(self)
    }

    /// A bare date is a day on which it is still given, and what stops as it begins is given once.
    pub(crate) fn replaces(&self, other: &Line<'_>) -> bool {
        let is_before = |stop: DateTime| {
            stop.time() != Time::midnight() && stop > other.moment() && stop <= self.moment()
        };
        let goes_on = other.frequency() != Some(Frequency::Once);
        goes_on && self.has_time() && other.order.stops.is_some_and(is_before)
    }

    /// Paid by the patient alone.
    #[must_use]
    pub fn is_self_paid(&self) -> bool {
        self.order.amount.is_some_and(|sum| sum > Decimal::ZERO && self.order.own_pay == Some(sum))
    }

    fn doubt_the_dose(&mut self, findings: &mut Vec<InputFinding>) {
        let Some((dose, piece)) = self.dose_and_piece() else { return };
        // Multiplied and not divided: hundreds of lines of the past are looked at in every check.
        let max = Decimal::from(PIECES_PER_DOSE_MAX);
        let is_huge = piece.checked_mul(max).is_some_and(|most| dose > most);
        let is_tiny = dose.checked_mul(max).is_some_and(|product| product < piece);
        if !is_huge && !is_tiny {
            return;
        }
        self.dose_is_believable = false;
        findings.push(InputFinding {
            code: "C302",
            path: self.path("drug_used_sdose"),
            found: self.order.single_dose.map(|dose| dose.to_string()).unwrap_or_default(),
            expected: "核对单次剂量与单位，与药品规格相差过大".to_owned(),
        });
    }

    /// Twenty tablets "at once" are not taken at once; nobody can tell whether the frequency or the
    /// quantity is wrong. By the quantity days are counted, so it is the frequency that is left out.
    fn doubt_the_frequency(&mut self, findings: &mut Vec<InputFinding>) {
        if !dose::is_more_than_once(self) {
            return;
        }
        self.frequency_is_believable = false;
        let quantity = self.net.unwrap_or_default().normalize();
        findings.push(InputFinding {
            code: CONTRADICTION,
            path: self.path("drug_used_frqu"),
            found: format!("用一次，数量{quantity}"),
            expected: "核对频次与数量".to_owned(),
        });
    }

    /// How often it is taken, as far as that can be.
    pub(crate) fn frequency(&self) -> Option<Frequency> {
        self.order.frequency.filter(|_| self.frequency_is_believable)
    }

    /// How many pieces one intake is, when the units allow to say.
    #[must_use]
    pub fn pieces_per_dose(&self) -> Option<Decimal> {
        let (dose, piece) = self.dose_and_piece()?;
        if piece == Decimal::ONE { Some(dose) } else { dose.checked_div(piece) }
    }

    /// One intake, and one piece in the same unit.
    fn dose_and_piece(&self) -> Option<(Decimal, Decimal)> {
        let (amount, unit) = self.order.single_dose.zip(self.order.dose_unit.as_ref())?;
        match unit {
            Unit::Piece(_) if self.is_its_piece(unit) => Some((amount, Decimal::ONE)),
            Unit::Piece(_) | Unit::Rate { .. } => None,
            Unit::Measured { .. } => {
                let dose = Dose::of(amount, unit)?;
                let strength = self.strength().filter(|s| s.dimension == dose.dimension)?;
                (!strength.amount.is_zero()).then_some((dose.amount, strength.amount))
            }
        }
    }

    /// Whether a unit counts pieces of this product.
    #[must_use]
    pub fn is_its_piece(&self, unit: &Unit) -> bool {
        match self.product {
            Some(product) => product.piece.as_ref() == Some(unit),
            None => self
                .specification()
                .and_then(|found| found.pieces)
                .is_some_and(|(_, piece)| *unit == Unit::Piece(piece)),
        }
    }

    /// Pieces in one package, by the drug table, else by the specification.
    #[must_use]
    pub fn pieces_per_package(&self) -> Option<Decimal> {
        let table = self.product.and_then(|product| product.pieces_per_package);
        table.or_else(|| self.specification()?.pieces.map(|(count, _)| count))
    }
}

/// The birth date when it was sent, else what an age leaves possible; what cannot be is told.
fn birth(facts: &Facts, on: Date, findings: &mut Vec<InputFinding>) -> Option<BirthRange> {
    let patient = facts.patient.present()?;
    let mut doubt = |code, element: &str, found: &str, expected: &str| {
        findings.push(InputFinding {
            code,
            path: format!("patient.{element}"),
            found: mask::shown(element, found),
            expected: expected.to_owned(),
        });
    };
    if let Some(birth) = patient.birth {
        let range = BirthRange::exact(birth, on);
        if range.is_none() && birth > on {
            doubt("C304", "brdy", &birth.to_string(), "核对出生日期，不能晚于今天");
        } else if range.is_none() {
            doubt("C305", "brdy", &birth.to_string(), "核对出生日期，年龄不能超过130岁");
        }
        return range;
    }
    let age = patient.age?;
    let range = BirthRange::from_age(age, on);
    if range.is_none() {
        doubt("C305", "age", &age.to_string(), "核对年龄，不能超过130岁");
    }
    range
}

/// The weeks at birth of a small child; of anybody else they are those of a pregnancy.
fn term_birth(
    facts: &Facts,
    birth: Option<BirthRange>,
    on: Date,
    findings: &mut Vec<InputFinding>,
) -> Option<BirthRange> {
    let weeks = facts.patient.present().and_then(|it| it.gestation_weeks);
    let Some((birth, weeks)) = birth.zip(weeks.filter(|it| !it.is_zero())) else { return birth };
    if birth.is_small_child(on) && weeks < Decimal::from(WEEKS_MIN) {
        findings.push(InputFinding {
            code: "C302",
            path: "patient.geso_val".to_owned(),
            found: weeks.to_string(),
            expected: "核对出生孕周，婴幼儿发送出生时的孕周（20到45）".to_owned(),
        });
    }
    Some(birth.corrected(weeks, on).unwrap_or(birth))
}

/// The day an order starts; a date far off is not believed and today is taken. One that says only when it
/// was stopped did not start after that.
fn begins(order: &Order, today: Date, is_past: bool, findings: &mut Vec<InputFinding>) -> Date {
    let is_near =
        |day: &Date| day.since(today).is_ok_and(|span| span.get_days().abs() <= BEGIN_DAYS_OFF_MAX);
    let Some(begins) = order.begins.map(DateTime::date) else {
        let stopped = order.stops.map(DateTime::date).filter(is_near);
        return stopped.map_or(today, |stopped| stopped.min(today));
    };
    if is_past || is_near(&begins) {
        return begins;
    }
    findings.push(InputFinding {
        code: "C302",
        path: format!("orders[{}].drord_begn_date", order.rx_id),
        found: begins.to_string(),
        expected: "核对医嘱开始日期".to_owned(),
    });
    today
}
