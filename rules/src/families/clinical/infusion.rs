//! C07 溶媒/浓度/滴速: what a drug is dissolved in, how strong, how fast.
//!
//! What: a row gives a drug that is infused the solvents it may or must not be mixed with, the most of
//! it in a millilitre or litre of the bag, the most in a minute or an hour, and the least time. Lines of
//! one group are one bag; its volume is that of all lines whose volume is known, the others are powder.
//! Why: a strong or fast infusion stops hearts (potassium) or reddens patients (vancomycin).
//! Basis: drug labels; 医院处方点评管理规范 2-5.
//! Example: 万古霉素 1 g in 100 mL over 30 min: 10 mg/mL > 5 and 33 mg/min > 10 → two hits. Drops count
//! twenty to a millilitre, unless the rule says otherwise. No group, no volume, no speed → unknown.

use rust_decimal::Decimal;

use crate::dose::single_in;
use crate::drug_kind::DrugKind;
use crate::families::clinical::contact::is_infused;
use crate::families::clinical::population::{self, AGE_BELOW, AGE_FROM, Fits, WAYS};
use crate::family::{Case, Family, Hit, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::Line;
use crate::unit::{Dimension, Dose};
use crate::way::Way;

/// The family `infusion`.
pub struct Infusion;

const PARAMETERS: [Column; 1] =
    [Column::optional("drops_per_ml", "每毫升滴数，空为20", ColumnKind::Decimal)];

const ROWS: [Column; 10] = [
    Column::optional("solvents", "允许的溶媒", ColumnKind::Keys),
    Column::optional("not_solvents", "禁用的溶媒", ColumnKind::Keys),
    Column::optional("max_per_ml", "每毫升最高含量", ColumnKind::Dose),
    Column::optional("max_per_l", "每升最高含量", ColumnKind::Dose),
    Column::optional("max_per_minute", "每分钟最大剂量", ColumnKind::Dose),
    Column::optional("max_per_hour", "每小时最大剂量", ColumnKind::Dose),
    Column::optional("minutes_min", "最短输注时间，分钟", ColumnKind::Decimal),
    AGE_FROM,
    AGE_BELOW,
    WAYS,
];

/// Limits of strength and of speed: column, divisor to the base, and how it is written.
const STRENGTHS: [(&str, u32, &str); 2] = [("max_per_ml", 1, "mL"), ("max_per_l", 1_000, "L")];
const SPEEDS: [(&str, u32, &str); 2] =
    [("max_per_minute", 1, "分钟"), ("max_per_hour", 60, "小时")];

impl Family for Infusion {
    fn id(&self) -> &'static str {
        "infusion"
    }

    fn zh_name(&self) -> &'static str {
        "溶媒、浓度与滴速"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::Reason,
            basis: "药品说明书；GZ10000301005000 超说明书用量；医院处方点评管理规范（试行）2-5",
            window: "本次",
            text: "【{药品}】{原因}",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "orders.grpno",
            "orders.slvt_flag",
            "orders.drug_used_sdose",
            "orders.drug_used_dosunt",
            "orders.drug_used_way_code",
            "orders.drip_spd",
            "orders.pump_spd",
            "orders.drip_min",
            "orders.drug_ingd",
            "patient.brdy",
            "patient.geso_val",
        ]
    }

    fn parameters(&self) -> &'static [Column] {
        &PARAMETERS
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn has_several_rows_per_key(&self) -> bool {
        true
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let has_limit = ROWS.iter().take(7).any(|column| row.get(column.name).is_some());
        if !has_limit {
            return Some("a row needs a solvent, a strength, a speed or a time".to_owned());
        }
        population::fault(row)
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        case.current().flat_map(|found| judge_line(case, found)).collect()
    }
}

/// The lines of one bag, of which one is the drug in question.
struct Bag<'a> {
    found: &'a Match<'a>,
    lines: Vec<&'a Line<'a>>,
    drops_per_ml: Decimal,
}

fn judge_line(case: &Case<'_>, found: &Match<'_>) -> Vec<Outcome> {
    let line = found.line;
    let infused = is_infused(line);
    if infused == Some(false) || line.way() == Some(Way::Push) {
        return Vec::new();
    }
    match population::fits(case, found.row, line) {
        Fits::No => return Vec::new(),
        Fits::Unknown(missing) => return vec![Outcome::Unknown { missing }],
        Fits::Yes if infused.is_none() => {
            return vec![Outcome::unknown(line.path("drug_used_way_code"))];
        }
        Fits::Yes => {}
    }
    let Some(group) = &line.order.group else {
        return vec![Outcome::unknown(line.path("grpno"))];
    };
    let lines = case.lines().filter(|other| other.order.group.as_ref() == Some(group)).collect();
    let twenty = Decimal::from(20);
    let drops_per_ml = case.rule.parameters.maybe_decimal("drops_per_ml").unwrap_or(twenty);
    let bag = Bag { found, lines, drops_per_ml };
    let mut outcomes: Vec<Outcome> = bag.solvents(case).into_iter().collect();
    outcomes.extend(bag.strength());
    let mut speeds = bag.speed();
    let time = told_once(&mut speeds, bag.time());
    outcomes.extend(speeds.into_iter().chain(time));
    outcomes
}

/// Too fast and in too short a time is one mistake: the doctor reads of both, and answers once.
fn told_once(speeds: &mut [Outcome], time: Option<Outcome>) -> Option<Outcome> {
    let fast = speeds.iter_mut().find_map(|outcome| match outcome {
        Outcome::Hit(hit) => Some(hit),
        _ => None,
    });
    match (fast, time) {
        (Some(fast), Some(Outcome::Hit(short))) => {
            let said = short.text.rsplit_once('】').map_or("", |(_, said)| said);
            fast.text = format!("{}；{said}", fast.text);
            None
        }
        (_, time) => time,
    }
}

impl Bag<'_> {
    fn cells(&self) -> &Parameters {
        &self.found.row.parameters
    }

    fn solvents(&self, case: &Case<'_>) -> Option<Outcome> {
        let (allowed, forbidden) =
            (self.cells().keys("solvents"), self.cells().keys("not_solvents"));
        if allowed.is_empty() && forbidden.is_empty() {
            return None;
        }
        let line = self.found.line;
        let of_bag = self.lines.iter().filter(|l| is_solvent(l) && l.position != line.position);
        let solvents: Vec<_> = of_bag.collect();
        if solvents.is_empty() {
            return Some(Outcome::unknown(line.path("slvt_flag")));
        }
        let is_about = |solvent: &Line<'_>, keys: &[crate::knowledge::Key]| {
            keys.iter().any(|key| solvent.is_about(key, case.session.sets))
        };
        let bad = solvents.iter().find(|solvent| {
            is_about(solvent, forbidden) || (!allowed.is_empty() && !is_about(solvent, allowed))
        });
        Some(match bad {
            None => Outcome::Pass,
            Some(solvent) => {
                let text = format!("【{}】不得用【{}】溶解", line.name(), solvent.name());
                self.hit(text, &[solvent.name().to_owned()], &[solvent.position])
            }
        })
    }

    /// The volume of the bag in millilitres.
    fn volume(&self) -> Result<Decimal, Vec<String>> {
        let known = self.lines.iter().filter_map(|line| volume_of(line));
        let volume = known.fold(Decimal::ZERO, Decimal::saturating_add);
        if volume > Decimal::ZERO {
            return Ok(volume);
        }
        Err(vec![self.found.line.path("slvt_flag")])
    }

    fn dose(&self, dimension: Dimension) -> Result<Dose, Vec<String>> {
        let ingredient = population::ingredient(self.found.row, self.found.line);
        single_in(self.found.line, ingredient, dimension)
    }

    fn strength(&self) -> Vec<Outcome> {
        let limits =
            STRENGTHS.iter().filter_map(|limit| Some((limit, self.cells().maybe_dose(limit.0)?)));
        limits.map(|(limit, max)| self.compare("浓度", limit, max, || self.volume())).collect()
    }

    fn speed(&self) -> Vec<Outcome> {
        let limits =
            SPEEDS.iter().filter_map(|limit| Some((limit, self.cells().maybe_dose(limit.0)?)));
        limits.map(|(limit, max)| self.compare("滴速", limit, max, || self.minutes())).collect()
    }

    /// The dose divided by a volume or a time, against its limit.
    fn compare(
        &self,
        what: &str,
        (_, base, unit): &(&str, u32, &str),
        max: Dose,
        divisor: impl FnOnce() -> Result<Decimal, Vec<String>>,
    ) -> Outcome {
        let (dose, by) = match self.dose(max.dimension).and_then(|dose| Ok((dose, divisor()?))) {
            Ok(found) => found,
            Err(missing) => return Outcome::Unknown { missing },
        };
        let amount = dose.amount.saturating_mul(Decimal::from(*base));
        let Some(amount) = amount.checked_div(by) else {
            return Outcome::unknown(self.found.line.path("drip_spd"));
        };
        if amount <= max.amount {
            return Outcome::Pass;
        }
        let shown = Dose { amount: amount.round_dp(2), ..dose };
        let name = self.found.line.name();
        let text = format!("【{name}】{what}{shown}/{unit}，最高{max}/{unit}");
        self.hit(text, &[what.to_owned(), shown.to_string(), max.to_string()], &[])
    }

    fn time(&self) -> Option<Outcome> {
        let least = self.cells().maybe_decimal("minutes_min")?;
        Some(match self.minutes() {
            Err(missing) => Outcome::Unknown { missing },
            Ok(minutes) if minutes < least => {
                let shown = minutes.round_dp(1).normalize();
                let text = format!(
                    "【{}】输注{shown}分钟，至少{}分钟",
                    self.found.line.name(),
                    least.normalize()
                );
                self.hit(text, &[shown.to_string(), least.to_string()], &[])
            }
            Ok(_) => Outcome::Pass,
        })
    }

    /// How long the bag runs: as written, else its volume by its speed.
    fn minutes(&self) -> Result<Decimal, Vec<String>> {
        if let Some(minutes) = self.lines.iter().find_map(|line| line.order.minutes) {
            return Ok(minutes);
        }
        let lacking = || vec![self.found.line.path("drip_spd")];
        let by_drops = self.lines.iter().find_map(|line| line.order.drops_per_minute);
        let by_drops = by_drops.and_then(|drops| drops.checked_div(self.drops_per_ml));
        let by_pump = self.lines.iter().find_map(|line| line.order.ml_per_hour);
        let by_pump = by_pump.and_then(|speed| speed.checked_div(Decimal::from(60)));
        let ml_per_minute = by_pump.or(by_drops).ok_or_else(lacking)?;
        self.volume()?.checked_div(ml_per_minute).ok_or_else(lacking)
    }

    fn hit(&self, text: String, evidence: &[String], involved: &[usize]) -> Outcome {
        Outcome::Hit(Hit {
            violating: vec![self.found.line.position],
            involved: involved.to_vec(),
            text,
            evidence: evidence.to_vec(),
            source: Some(self.found.row.source.clone()),
            ..Hit::default()
        })
    }
}

/// As the order says, else as the drug table says.
fn is_solvent(line: &Line<'_>) -> bool {
    line.order.solvent.or(line.is_kind(DrugKind::Solvent)) == Some(true)
}

/// Millilitres of one intake; what brings none by order or drug table is powder.
fn volume_of(line: &Line<'_>) -> Option<Decimal> {
    let ingredient = line.ingredients().and_then(|all| all.first().copied()).unwrap_or_default();
    single_in(line, ingredient, Dimension::Volume).ok().map(|dose| dose.amount)
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const BENCH: Bench = Bench {
        family: "infusion",
        parameters: "",
        rows: "match,key,item,solvents,not_solvents,max_per_ml,max_per_l,max_per_minute,max_per_hour,minutes_min,source,flag\n\
               ingredient,万古霉素,万古霉素,,,5 mg,,10 mg,,60,label,B\n\
               ingredient,两性霉素B,两性霉素B,ingredient:葡萄糖,,,,,,,label,B\n\
               ingredient,苯妥英,苯妥英,,ingredient:葡萄糖,,,,,,label,B\n\
               ingredient,氯化钾,氯化钾,,,,40 mmol,,20 mmol,,label,B\n",
        drugs: "match,key,name,ingredients,strengths,piece,form,kinds,equivalents\n\
                hospital,VAN,注射用万古霉素,万古霉素,0.5 g,支,注射,,\n\
                hospital,AMB,注射用两性霉素B,两性霉素B,25 mg,支,注射,,\n\
                hospital,PHT,苯妥英钠注射液,苯妥英,0.25 g,支,注射,,\n\
                hospital,KCL,氯化钾注射液,氯化钾,1 g,支,注射,,1 mL=100 mg|1 g=13.4 mmol\n\
                hospital,NS,氯化钠注射液,氯化钠,250 mL,袋,注射,溶媒,\n\
                hospital,GS,葡萄糖注射液,葡萄糖,500 mL,袋,注射,溶媒,\n",
    };

    #[test]
    fn too_strong_and_too_fast_are_two_hits() {
        check(
            &[("VAN", "1", "g", r#","drip_min":"30""#), ("NS", "100", "mL", "")],
            "hit 1: 【注射用万古霉素】浓度10mg/mL，最高5mg/mL; hit 1: 【注射用万古霉素】滴速33.33mg/分钟，最高10mg/分钟；输注30分钟，至少60分钟",
        );
        check(&[("VAN", "1", "g", r#","drip_min":"120""#), ("NS", "1", "袋", "")], "pass");
        check(&[("VAN", "2", "支", ""), ("NS", "250", "mL", "")], "unknown orders[1].drip_spd");
    }

    #[test]
    fn drops_and_pumps() {
        let bag = |speed: &'static str| [("VAN", "1", "g", speed), ("NS", "250", "mL", "")];
        check(&bag(r#","drip_spd":"40""#), "pass");
        check(&bag(r#","drip_spd":"60""#), "hit 1: 【注射用万古霉素】滴速12mg/分钟，最高10mg/分钟");
        check(&bag(r#","pump_spd":"125""#), "pass");
        check(
            &bag(r#","pump_spd":"500""#),
            "hit 1: 【注射用万古霉素】滴速33.33mg/分钟，最高10mg/分钟；输注30分钟，至少60分钟",
        );
    }

    #[test]
    fn solvents() {
        check(
            &[("AMB", "25", "mg", ""), ("NS", "250", "mL", "")],
            "hit 1: 【注射用两性霉素B】不得用【氯化钠注射液】溶解",
        );
        check(&[("AMB", "25", "mg", ""), ("GS", "500", "mL", "")], "pass");
        check(
            &[("PHT", "0.25", "g", ""), ("GS", "250", "mL", "")],
            "hit 1: 【苯妥英钠注射液】不得用【葡萄糖注射液】溶解",
        );
        check(&[("PHT", "0.25", "g", "")], "unknown orders[1].slvt_flag");
    }

    #[test]
    fn the_volume_of_what_is_added_counts() {
        let slow = r#","pump_spd":"100""#;
        // 1.5 g are 20.1 mmol in 515 mL: 39.03 a litre; 3.9 an hour.
        check(&[("KCL", "15", "mL", slow), ("GS", "1", "袋", "")], "pass");
        check(
            &[("KCL", "3", "g", slow), ("GS", "500", "mL", "")],
            "hit 1: 【氯化钾注射液】浓度75.85mmol/L，最高40mmol/L",
        );
        check(
            &[("KCL", "1.5", "g", r#","pump_spd":"515""#), ("GS", "500", "mL", "")],
            "hit 1: 【氯化钾注射液】滴速20.1mmol/小时，最高20mmol/小时",
        );
    }

    #[test]
    fn what_is_not_infused_is_not_judged() {
        check(&[("VAN", "1", "g", r#","drug_used_way_name":"口服""#)], "nothing");
        let fast = |way: &str| format!(r#","drip_min":"30","drug_used_way_name":"{way}""#);
        let hits = "hit 1: 【注射用万古霉素】浓度10mg/mL，最高5mg/mL; hit 1: 【注射用万古霉素】滴速33.33mg/分钟，最高10mg/分钟；输注30分钟，至少60分钟";
        check(&[("VAN", "1", "g", &fast("静脉输液")), ("NS", "100", "mL", "")], hits);
        let unknown = "unknown orders[1].drug_used_way_code; data C309";
        check(&[("VAN", "1", "g", &fast("科室用")), ("NS", "100", "mL", "")], unknown);
        BENCH.check(
            r#"{"orders":[{"rx_id":"1","hosplist_code":"VAN","drug_used_sdose":"1","drug_used_dosunt":"g"}]}"#,
            "unknown orders[1].grpno",
        );
    }

    #[track_caller]
    fn check(lines: &[(&str, &str, &str, &str)], expected: &str) {
        let lines: Vec<_> = lines
            .iter()
            .enumerate()
            .map(|(at, (drug, dose, unit, more))| {
                format!(
                    r#"{{"rx_id":"{}","grpno":"G","hosplist_code":"{drug}","drug_used_sdose":"{dose}","drug_used_dosunt":"{unit}"{more}}}"#,
                    at + 1
                )
            })
            .collect();
        BENCH.check(&format!(r#"{{"orders":[{}]}}"#, lines.join(",")), expected);
    }
}
