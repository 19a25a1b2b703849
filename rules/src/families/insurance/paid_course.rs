//! I08 限支付疗程: how many days of a drug the fund pays.
//!
//! What: a row gives a drug a number of days or months, how they are counted (`dates`: every date of
//! use once; `span`: from the first use on), and within which window (单次住院, 90天, 医保年度, 累计). What
//! was used before counts with what is written now.
//! Why: beyond the course nobody has shown a benefit.
//! Basis: GZ10000101010000; public batch 6 and its revision.
//! Example: 奥扎格雷钠 used on 12 dates, 5 days written, cap 14 → 17 > 14: a forecast (3); from the
//! fifteenth day on a violation (1). Two strengths are one drug; stopped and restarted on one day
//! is one date; another department is the same stay; what was returned counts no more. A drug that
//! must be started in time (丁苯酞 within 72 hours) is unknown at its first use until that is attested.

use std::collections::BTreeSet;

use jiff::ToSpan;
use jiff::civil::{Date, DateTime};

use crate::family::{Case, Family, Hit, LooksAt, Match, Outcome, Rows, Usual};
use crate::parameter::{Column, ColumnKind, Parameters};
use crate::rule::{Action, Severity};
use crate::session::{Line, LineKind};
use crate::text::Text;
use crate::window::Window;

use super::usage::{dates_of, is_same_drug, past_since, unknown};

/// The family `paid_course`.
pub struct PaidCourse;

const ROWS: [Column; 5] = [
    Column::required(
        "mode",
        "计算方式：用药日期数或首次使用起的跨度",
        ColumnKind::Choice(&["dates", "span"]),
    ),
    Column::required("scope", "范围", ColumnKind::Window),
    Column::optional("max_days", "最多支付天数", ColumnKind::Whole),
    Column::optional("max_months", "最多支付月数", ColumnKind::Whole),
    Column::optional("start_condition", "开始用药须符合的条件", ColumnKind::Text),
];

impl Family for PaidCourse {
    fn id(&self) -> &'static str {
        "paid_course"
    }

    fn zh_name(&self) -> &'static str {
        "药品限支付疗程"
    }

    fn usual(&self) -> Option<Usual> {
        Some(Usual {
            severity: Severity::Clear,
            action: Action::SelfPay,
            basis: "GZ10000101010000 药品限支付疗程",
            window: "支付疗程内",
            text: "【{药品}】{范围}，超过支付上限{上限}天",
        })
    }

    fn reads(&self) -> &'static [&'static str] {
        &[
            "encounter.mdtrt_id",
            "encounter.begntime",
            "orders.hilist_code",
            "orders.hosplist_code",
            "orders.drug_ingd",
            "orders.drord_begn_date",
            "orders.drord_stop_date",
            "orders.medc_days",
            "orders.attst_flag",
            "fees.fee_ocur_time",
            "history.orders",
            "history.since",
        ]
    }

    fn rows(&self) -> Rows {
        Rows::Required(&ROWS)
    }

    fn looks_at(&self) -> LooksAt {
        LooksAt::Both
    }

    fn check_row(&self, row: &Parameters) -> Option<String> {
        let is_counted = row.get("max_days").is_some() != row.get("max_months").is_some();
        if !is_counted {
            return Some("write `max_days` or `max_months`, one of them".to_owned());
        }
        if row.get("max_months").is_some() && row.text("mode") == "dates" {
            return Some("`dates` are counted in `max_days`".to_owned());
        }
        let window = row.window("scope");
        let is_long = window.is_by_time() && !window.needs_time() && window != Window::Day;
        (!is_long && window != Window::Stay).then(|| format!("`{window}` is no window of a course"))
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let mut seen = BTreeSet::new();
        let mut outcomes = Vec::new();
        for found in case.matches {
            if seen.contains(&found.line.position) {
                continue;
            }
            let course = Course::of(case, found);
            seen.extend(course.new.iter().chain(&course.charged).map(|line| line.position));
            seen.insert(found.line.position);
            outcomes.extend(course.judge(case));
        }
        outcomes
    }
}

/// All that was and will be used of one drug.
struct Course<'a> {
    found: &'a Match<'a>,
    /// What this session writes.
    new: Vec<&'a Line<'a>>,
    /// What was charged.
    charged: Vec<&'a Line<'a>>,
    used_dates: BTreeSet<Date>,
    new_dates: BTreeSet<Date>,
    /// Something was used in an encounter that cannot be compared with this one, which has no number.
    is_unplaced: bool,
}

impl<'a> Course<'a> {
    fn of(case: &Case<'a>, found: &'a Match<'a>) -> Course<'a> {
        let session = case.session;
        let is_counted = |line: &&Line<'_>| {
            let is_it =
                line.is_about(&found.row.key, session.sets) || is_same_drug(line, found.line);
            is_it && !(case.rule.exempt_self_pay && line.is_self_paid())
        };
        let lines: Vec<&Line<'_>> = session.lines.iter().filter(is_counted).collect();
        let is_new = |line: &&Line<'_>| line.kind == LineKind::Order && line.order.current;
        let new: Vec<&Line<'_>> = lines.iter().copied().filter(is_new).collect();
        let charged = lines.iter().copied().filter(|l| l.kind == LineKind::Charge).collect();
        let today = case.now.date();
        let new_dates: BTreeSet<Date> = new.iter().flat_map(|l| dates_of(l, today)).collect();
        let past = session.past.iter().filter(is_counted);
        let encounter = case.facts.encounter.present();
        let has_number = encounter.is_some_and(|encounter| encounter.mdtrt_id.is_some());
        let began = encounter.and_then(|encounter| encounter.began).map(DateTime::date);
        let is_unplaced = !has_number
            && past.clone().any(|line| {
                line.order.mdtrt_id.is_some() && began.is_none_or(|began| line.begins >= began)
            });
        let used = lines.iter().copied().filter(|line| !is_new(line)).chain(past);
        let used_dates = used
            .filter(|line| is_of_scope(case, line, found.row.parameters.window("scope")))
            .flat_map(|line| dates_of(line, today))
            .collect();
        let mut course = Course { found, new, charged, used_dates, new_dates, is_unplaced };
        course.forget_what_is_out_of(found.row.parameters.window("scope"));
        course
    }

    /// Drops the dates before the window that ends with the last date.
    fn forget_what_is_out_of(&mut self, scope: Window) {
        let last = self.new_dates.last().or(self.used_dates.last());
        let Some(first) = last.and_then(|last| scope.first_day(*last)) else { return };
        self.used_dates.retain(|day| *day >= first);
        self.new_dates.retain(|day| *day >= first);
    }

    fn judge(&self, case: &Case<'_>) -> Vec<Outcome> {
        let is_span = self.found.row.parameters.text("mode") == "span";
        let hit = if is_span { self.span() } else { self.dates() };
        if let Some((severity, violating, text)) = hit {
            let name = self.found.line.name();
            return vec![self.hit(severity, violating, format!("【{name}】{text}"))];
        }
        if self.new.is_empty() {
            return vec![Outcome::Pass];
        }
        let mut missing = self.unknown_ends(case);
        if let (Some(condition), true) = (self.start_condition(), self.used_dates.is_empty()) {
            let asked = self.new.iter().filter(|line| line.order.attested.is_none());
            missing.extend(asked.map(|line| line.path("attst_flag")));
            let denied = self.new.iter().filter(|line| line.order.attested == Some(false));
            let denied: Vec<usize> = denied.map(|line| line.position).collect();
            if !denied.is_empty() {
                let text = format!("【{}】限{condition}", self.found.line.name());
                return vec![self.hit(Severity::Clear, denied, text)];
            }
        }
        // The past is not the doctor's to bring, nor is a table of codes: logged, and never asked for.
        let unread = self.may_go_home(case).map(|line| line.path("drord_bhvr"));
        let past: Vec<Text> =
            self.unknown_past(case).into_iter().chain(unread).map(Text::from).collect();
        let is_open = !past.is_empty();
        let mut outcomes =
            if is_open { vec![Outcome::Unidentified { missing: past }] } else { vec![] };
        if !missing.is_empty() || !is_open {
            outcomes.push(unknown(missing));
        }
        outcomes
    }

    fn start_condition(&self) -> Option<&str> {
        self.found.row.parameters.maybe_text("start_condition")
    }

    fn hit(&self, severity: Severity, violating: Vec<usize>, text: String) -> Outcome {
        Outcome::Hit(Hit {
            violating,
            evidence: vec![text.clone()],
            text,
            source: Some(self.found.row.source.clone()),
            severity: Some(severity),
            ..Hit::default()
        })
    }

    /// Every date of use counts once.
    fn dates(&self) -> Option<(Severity, Vec<usize>, String)> {
        let cap = self.found.row.parameters.whole("max_days");
        let max = usize::try_from(cap).unwrap_or(usize::MAX);
        let all: BTreeSet<Date> = self.used_dates.union(&self.new_dates).copied().collect();
        let first_beyond = *all.iter().nth(max)?;
        let scope = self.found.row.parameters.window("scope");
        if self.new_dates.is_empty() {
            let beyond = self.charged.iter().filter(|line| line.begins >= first_beyond);
            let beyond: Vec<usize> = beyond.map(|line| line.position).collect();
            let text = format!("{scope}已用{}天，超过支付上限{cap}天", all.len());
            return (!beyond.is_empty()).then_some((Severity::Clear, beyond, text));
        }
        let used = self.used_dates.difference(&self.new_dates).count();
        let new = self.new.iter().map(|line| line.position).collect();
        if used >= max {
            let text = format!("{scope}已用{used}天，已达支付上限{cap}天");
            return Some((Severity::Clear, new, text));
        }
        let total = all.len();
        let text = format!("{scope}已用{used}天，本次后{total}天，超过支付上限{cap}天");
        Some((Severity::Slight, new, text))
    }

    /// The time since the first use counts, used or not.
    fn span(&self) -> Option<(Severity, Vec<usize>, String)> {
        let row = &self.found.row.parameters;
        let first = *self.used_dates.first().into_iter().chain(self.new_dates.first()).min()?;
        let last = *self.new_dates.last().or(self.used_dates.last())?;
        let (length, cap) = match (row.maybe_whole("max_months"), row.maybe_whole("max_days")) {
            (Some(months), _) => (i64::from(months).months(), format!("{months}个月")),
            (None, days) => {
                let days = days.unwrap_or_default();
                (i64::from(days).days(), format!("{days}天"))
            }
        };
        let end = first.checked_add(length).ok()?;
        if last < end {
            return None;
        }
        let lines = if self.new.is_empty() { &self.charged } else { &self.new };
        let beyond =
            lines.iter().filter(|line| dates_of(line, last).last().is_some_and(|day| *day >= end));
        let beyond: Vec<usize> = beyond.map(|line| line.position).collect();
        let is_over = self.new_dates.first().is_none_or(|day| *day >= end);
        let severity = if is_over { Severity::Clear } else { Severity::Slight };
        let text = format!("自{first}首次使用至{last}，支付跨度超过{cap}");
        (!beyond.is_empty()).then_some((severity, beyond, text))
    }

    /// Whether earlier use may be hidden from us.
    fn unknown_past(&self, case: &Case<'_>) -> Vec<String> {
        let scope = self.found.row.parameters.window("scope");
        let today = case.now.date();
        if scope != Window::Stay {
            let last = self.new_dates.last().copied().unwrap_or(today);
            return past_since(case, scope.first_day(last)).err().into_iter().collect();
        }
        let encounter = case.facts.encounter.present();
        let is_stay = case.is_in_ward();
        let began = encounter.and_then(|e| e.began).map(DateTime::date);
        // What was charged in the stay tells its past; a visit of today has none.
        if !is_stay || began == Some(today) || case.facts.fees.present().is_some() {
            return Vec::new();
        }
        if self.is_unplaced {
            return vec!["encounter.mdtrt_id".to_owned()];
        }
        let Some(began) = began else { return vec!["encounter.begntime".to_owned()] };
        past_since(case, Some(began)).err().into_iter().collect()
    }

    /// A ward order may have no end, and is judged anew each day; a prescription has one.
    fn unknown_ends(&self, case: &Case<'_>) -> Vec<String> {
        let is_stay = case.is_in_ward();
        let is_prescribed = |line: &&&Line<'_>| !is_stay || line.is_taken_home() == Some(true);
        let open = self.new.iter().filter(|line| line.ends().is_none()).filter(is_prescribed);
        open.map(|line| line.path("medc_days")).collect()
    }

    /// Lines of a stay without an end of which nobody can read whether they are taken home.
    fn may_go_home(&self, case: &Case<'_>) -> impl Iterator<Item = &Line<'a>> {
        let is_stay = case.is_in_ward();
        let open = self.new.iter().copied().filter(move |line| is_stay && line.ends().is_none());
        open.filter(|line| line.is_taken_home().is_none())
    }
}

/// For a stay: whether a line is of this encounter, whatever the department.
fn is_of_scope(case: &Case<'_>, line: &Line<'_>, scope: Window) -> bool {
    if scope != Window::Stay {
        return true;
    }
    let encounter = case.facts.encounter.present();
    let began = encounter.and_then(|encounter| encounter.began);
    match &line.order.mdtrt_id {
        Some(id) => encounter.and_then(|encounter| encounter.mdtrt_id.as_ref()) == Some(id),
        None => began.is_none_or(|began| line.begins >= began.date()),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use crate::families::bench::{Bench, unreadable};

    const BENCH: Bench = Bench {
        family: "paid_course",
        parameters: "",
        rows: "match,key,item,mode,scope,max_days,max_months,start_condition,source,flag\n\
               hospital,OZ40,奥扎格雷钠,dates,单次住院,14,,,batch 6,A\n\
               hospital,OZ80,奥扎格雷钠,dates,单次住院,14,,,batch 6,A\n\
               hospital,NBP,丁苯酞,dates,单次住院,20,,发病72小时内开始使用,batch 6,A\n\
               hospital,PER,帕妥珠单抗,span,累计,,12,,batch 6,A\n\
               hospital,QTR,按季限量药,dates,90天,10,,,site,A\n",
        drugs: "hospital,OZ40,奥扎格雷钠注射液,,奥扎格雷,40 mg,支,1,注射,\n\
                hospital,OZ80,注射用奥扎格雷钠,,奥扎格雷,80 mg,支,1,注射,\n\
                hospital,NBP,丁苯酞软胶囊,,丁苯酞,0.1 g,粒,24,口服,\n\
                hospital,PER,帕妥珠单抗注射液,,帕妥珠单抗,420 mg,支,1,注射,\n\
                hospital,QTR,按季限量药,,甲,1 mg,片,10,口服,\n",
    };

    const STAY: &str =
        r#""encounter":{"mdtrt_id":"Z1","med_mdtrt_type":"2","begntime":"20260501"}"#;
    const FIVE: &str = r#"{"rx_id":"1","hosplist_code":"OZ40","medc_days":"5"}"#;
    const FORECAST: &str =
        "hit 1: 【奥扎格雷钠注射液】单次住院已用12天，本次后17天，超过支付上限14天";

    #[test]
    fn twelve_dates_and_five_days() {
        check(&stay_of("OZ40", 3..15, "Z1"), FIVE, FORECAST);
        check(&stay_of("OZ40", 3..12, "Z1"), FIVE, "pass");
        check(
            &stay_of("OZ40", 1..15, "Z1"),
            FIVE,
            "hit 1: 【奥扎格雷钠注射液】单次住院已用14天，已达支付上限14天",
        );
    }

    #[test]
    fn two_strengths_and_another_department_are_one_course() {
        check(&stay_of("OZ80", 3..15, "Z1"), FIVE, FORECAST);
        let other = stay_of("OZ40", 3..15, "Z1")
            .replace("\"rx_id\":\"h9\"", "\"bilg_dept_codg\":\"ICU\",\"rx_id\":\"h9\"");
        check(&other, FIVE, FORECAST);
        check(&stay_of("OZ40", 3..15, "Z0"), FIVE, "pass");
        let two = r#"{"rx_id":"1","hosplist_code":"OZ40","medc_days":"5"},{"rx_id":"2","hosplist_code":"OZ80","medc_days":"2"}"#;
        check(&stay_of("OZ40", 3..15, "Z1"), two, &FORECAST.replace("hit 1", "hit 1,2"));
    }

    #[test]
    fn stopped_and_restarted_is_one_date() {
        let active = r#"{"rx_id":"1","hosplist_code":"OZ40","drord_begn_date":"20260503","drord_stop_date":"20260515","curr_drord_flag":"0"},
            {"rx_id":"2","hosplist_code":"OZ40","medc_days":"2"}"#;
        check(r#""history":{"since":"20260101"}"#, active, "pass");
        let longer = active.replace(r#""medc_days":"2""#, r#""medc_days":"3""#);
        check(
            r#""history":{"since":"20260101"}"#,
            &longer,
            "hit 2: 【奥扎格雷钠注射液】单次住院已用12天，本次后15天，超过支付上限14天",
        );
    }

    #[test]
    fn what_was_returned_or_paid_alone_counts_no_more() {
        let past = stay_of("OZ40", 1..15, "Z1");
        let returned = past.replace(
            "\"orders\":[",
            r#""orders":[{"rx_id":"h0","hosplist_code":"OZ40","cnt":"1","fee_ocur_time":"20260420","mdtrt_id":"Z1"},"#,
        );
        let refunds = (1..10).fold(String::new(), |mut text, day| {
            let _ = write!(text, r#",{{"rx_id":"r{day}","hosplist_code":"OZ40","cnt":"-1","refd_rx_id":"h{day}","fee_ocur_time":"20260515","mdtrt_id":"Z1"}}"#);
            text
        });
        let returned = returned.replace("]}", &format!("{refunds}]}}"));
        check(&returned, FIVE, "pass");
    }

    #[test]
    fn what_is_charged_is_judged_afterwards() {
        let fees: Vec<_> = (1..=16).map(|day| format!(r#"{{"rx_id":"f{day}","hosplist_code":"OZ40","cnt":"1","fee_ocur_time":"202605{day:02}"}}"#)).collect();
        let text = format!(r#"{{{STAY},"fees":[{}]}}"#, fees.join(","));
        BENCH.check(&text, "hit f15,f16: 【奥扎格雷钠注射液】单次住院已用16天，超过支付上限14天");
        let text = format!(r#"{{{STAY},"fees":[{}]}}"#, fees[..14].join(","));
        BENCH.check(&text, "pass");
    }

    #[test]
    fn a_past_that_nobody_knows() {
        check(r#""labs":[]"#, FIVE, "unknown history");
        check(r#""history":{"since":"20260510"}"#, FIVE, "unknown history.since");
        let long = FIVE.replace("\"5\"", "\"15\"");
        check(
            r#""labs":[]"#,
            &long,
            "hit 1: 【奥扎格雷钠注射液】单次住院已用0天，本次后15天，超过支付上限14天",
        );
        let desk = r#"{"encounter":{"med_mdtrt_type":"1"},"orders":[{"rx_id":"1","hosplist_code":"OZ40"}]}"#;
        BENCH.check(desk, "unknown orders[1].medc_days");
        check(&stay_of("OZ40", 3..12, "Z1"), r#"{"rx_id":"1","hosplist_code":"OZ40"}"#, "pass");
    }

    /// Whether such a line goes home is a matter of the table of codes, and not the doctor's to say.
    #[test]
    fn an_open_line_of_a_ward_with_an_unreadable_code_is_only_logged() {
        let told = |visit: &str| {
            let past = stay_of("OZ40", 3..12, "Z1");
            let stay = STAY.replace(r#"type":"2""#, &format!(r#"type":"{visit}""#));
            let request =
                format!(r#"{{{stay},{past},"orders":[{{"rx_id":"1","hosplist_code":"OZ40"}}]}}"#);
            BENCH.told_after(&request, |facts| unreadable(facts, "1"))
        };
        assert_eq!(told("2"), "unknown orders[1].drord_bhvr");
        assert_eq!(told("1"), "unknown orders[1].medc_days");
        let home = r#"{"rx_id":"1","hosplist_code":"OZ40","dscg_tkdrug_flag":"1"}"#;
        check(&stay_of("OZ40", 3..12, "Z1"), home, "unknown orders[1].medc_days");
    }

    #[test]
    fn without_its_number_a_stay_knows_no_past() {
        let stay = r#""encounter":{"med_mdtrt_type":"2","begntime":"20260501"}"#;
        let request = |past: &str| format!(r#"{{{stay},{past},"orders":[{FIVE}]}}"#);
        BENCH.check(&request(&stay_of("OZ40", 3..15, "Z1")), "unknown encounter.mdtrt_id");
        let before = stay_of("OZ40", 3..15, "Z1").replace("202605", "202604");
        BENCH.check(&request(&before), "pass");
    }

    #[test]
    fn the_start_in_time_is_attested() {
        let today = r#""encounter":{"med_mdtrt_type":"2","begntime":"20260515"}"#;
        let ask = |line: &str, expected: &str| {
            BENCH.check(
                &format!(r#"{{{today},"orders":[{{"rx_id":"1","hosplist_code":"NBP"{line}}}]}}"#),
                expected,
            );
        };
        ask("", "unknown orders[1].attst_flag");
        ask(r#","attst_flag":"1""#, "pass");
        ask(r#","attst_flag":"0""#, "hit 1: 【丁苯酞软胶囊】限发病72小时内开始使用");
        check(&stay_of("NBP", 3..6, "Z1"), r#"{"rx_id":"1","hosplist_code":"NBP"}"#, "pass");
    }

    #[test]
    fn twelve_months_from_the_first_use() {
        let first = |day: &str| {
            format!(
                r#""history":{{"since":"20250101","orders":[{{"rx_id":"h","hosplist_code":"PER","fee_ocur_time":"{day}"}}]}}"#
            )
        };
        let line = r#"{"rx_id":"1","hosplist_code":"PER","medc_days":"1"}"#;
        check(&first("20250516"), line, "pass");
        check(
            &first("20250515"),
            line,
            "hit 1: 【帕妥珠单抗注射液】自2025-05-15首次使用至2026-05-15，支付跨度超过12个月",
        );
    }

    #[test]
    fn a_rolling_window() {
        check(
            &stay_of("QTR", 1..10, "Z0"),
            r#"{"rx_id":"1","hosplist_code":"QTR","medc_days":"2"}"#,
            "hit 1: 【按季限量药】90天已用9天，本次后11天，超过支付上限10天",
        );
        let old = stay_of("QTR", 1..10, "Z0").replace("202605", "202601");
        check(&old, r#"{"rx_id":"1","hosplist_code":"QTR","medc_days":"2"}"#, "pass");
    }

    /// One past line on each day of May.
    fn stay_of(drug: &str, days: std::ops::Range<u32>, stay: &str) -> String {
        let lines: Vec<_> = days
            .map(|day| format!(r#"{{"rx_id":"h{day}","hosplist_code":"{drug}","cnt":"1","fee_ocur_time":"202605{day:02}","mdtrt_id":"{stay}"}}"#))
            .collect();
        format!(r#""history":{{"since":"20250101","orders":[{}]}}"#, lines.join(","))
    }

    #[track_caller]
    fn check(rest: &str, orders: &str, expected: &str) {
        BENCH.check(&format!(r#"{{{STAY},{rest},"orders":[{orders}]}}"#), expected);
    }
}
