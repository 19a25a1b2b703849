//! What was ordered before this session and is still taken: a program that sends only the new line has
//! told of the others earlier, by the records that were accepted.
//!
//! A line of the past surely runs when its end is known and not over, or when it is a standing order
//! of this stay that nobody has stopped. What was stopped is over from that moment. One that may be
//! the very line of this session under another number, or of which nobody says for how long it is,
//! perhaps runs: it proves nothing, and what would be a hit with it is no pass. So does what a patient
//! in a ward has at home.

use jiff::civil::{Date, DateTime};

use crate::facts::Scene;
use crate::families::insurance::usage::{is_same_drug, is_same_form};
use crate::family::{Case, Outcome};
use crate::frequency::Frequency;
use crate::session::{Line, LineKind};

/// What runs beside the lines of this session, by its places in the past.
#[derive(Debug, Default)]
pub(crate) struct Active {
    surely: Vec<usize>,
    perhaps: Vec<usize>,
}

/// Whether a line of the past runs.
enum Runs {
    Surely,
    Perhaps,
}

impl Active {
    /// Found once for all rules of a check.
    fn of<'a>(case: &Case<'a>) -> &'a Active {
        case.session.active.get_or_init(|| Active::among(case))
    }

    fn among(case: &Case<'_>) -> Active {
        let mut found = Active::default();
        // What is charged was ordered before: its orders run beside nothing new.
        if case.facts.orders_are_charges {
            return found;
        }
        for (at, line) in case.session.past.iter().enumerate() {
            match runs(case, line) {
                Some(Runs::Surely) => found.surely.push(at),
                Some(Runs::Perhaps) => found.perhaps.push(at),
                None => {}
            }
        }
        found
    }
}

/// Judges with what surely runs; where only what perhaps runs would make a fault, nobody knows.
pub(super) fn beside_active<'a>(
    case: &Case<'a>,
    judge: impl Fn(&[&'a Line<'a>]) -> Vec<Outcome>,
) -> Vec<Outcome> {
    let active = Active::of(case);
    let lines = |places: &[usize]| -> Vec<&'a Line<'a>> {
        places.iter().filter_map(|at| case.session.past.get(*at)).collect()
    };
    let (surely, perhaps) = (lines(&active.surely), lines(&active.perhaps));
    let mut outcomes = judge(&surely);
    let is_open = |outcomes: &[Outcome]| {
        outcomes.iter().any(|it| matches!(it, Outcome::Hit(_) | Outcome::Unknown { .. }))
    };
    let with = |some: &[&'a Line<'a>]| is_open(&judge(&[surely.as_slice(), some].concat()));
    if perhaps.is_empty() || is_open(&outcomes) || !with(&perhaps) {
        return outcomes;
    }
    let alone: Vec<_> = perhaps.iter().filter(|line| with(&[**line])).copied().collect();
    // Some make a fault only together.
    let meant = if alone.is_empty() { perhaps } else { alone };
    let missing = meant.iter().map(|line| line.path("drord_stop_date")).collect();
    outcomes.push(Outcome::Unknown { missing });
    outcomes
}

/// Whether it was ordered in the encounter of this check.
pub(super) fn is_of_this_encounter(case: &Case<'_>, line: &Line<'_>) -> bool {
    let encounter = case.facts.encounter.present().and_then(|it| it.mdtrt_id.as_deref());
    encounter.is_some() && line.order.mdtrt_id.as_deref() == encounter
}

/// What is given once does not go on, though it counts on its day.
pub(super) fn goes_on(line: &Line<'_>) -> bool {
    line.order.frequency != Some(Frequency::Once)
}

fn runs(case: &Case<'_>, line: &Line<'_>) -> Option<Runs> {
    let is_gone = line.is_refund() || line.is_cancelled() || is_over(case, line);
    if is_gone || line.ends().is_some_and(|end| end < first_day(case)) {
        return None;
    }
    let is_of_this = is_of_this_encounter(case, line);
    let is_certain = match line.ends() {
        Some(_) if is_of_this => true,
        // A ward gives its own: nobody says whether what is at home is taken beside it.
        Some(_) if goes_on(line) => !case.is_in_ward(),
        _ if !is_of_this => return None,
        _ => match (line.order.standing, line.order.frequency) {
            (Some(true), _) => true,
            (None, Some(_)) => false,
            // A charge, or what was ordered for the moment.
            _ => return None,
        },
    };
    let is_beside = if is_of_this { !gives_way(case, line) } else { !is_set_apart(case, line) };
    if !is_beside {
        return None;
    }
    match same_item(case, line) {
        // It was sent with the others that are active.
        Some(sent) if !sent.order.current => None,
        // The next supply of the same drug is judged by whoever asks what is left of the last.
        Some(_) if !is_of_this => None,
        None if is_certain => Some(Runs::Surely),
        _ => Some(Runs::Perhaps),
    }
}

/// What this session orders.
fn ordered<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Line<'a>> {
    case.session.lines.iter().filter(|it| it.kind == LineKind::Order && it.order.current)
}

/// It comes weeks later, when all is over: what ran while the orders did counts.
pub(super) fn is_audit(case: &Case<'_>) -> bool {
    matches!(case.facts.scene(), Some(Scene::DailyBatch | Scene::MonthlyBatch))
}

/// What still ran on this day counts. A sheet that is sent whole has orders of weeks ago among the new ones.
fn first_day(case: &Case<'_>) -> Date {
    let today = case.now.date();
    if !is_audit(case) {
        return today;
    }
    ordered(case).map(|it| it.begins).min().map_or(today, |first| first.min(today))
}

/// Of another visit: what was written later did not run yet, and the next supply is I13's.
fn is_set_apart(case: &Case<'_>, line: &Line<'_>) -> bool {
    let last = ordered(case).map(|it| it.begins).max();
    is_audit(case) && last.is_some_and(|last| last < line.begins)
        || ordered(case).any(|it| is_next_supply(case, it, line))
}

/// Any brand and strength; what a ward gives is no supply.
fn is_next_supply(case: &Case<'_>, new: &Line<'_>, line: &Line<'_>) -> bool {
    let is_supply = !case.is_in_ward() || new.is_taken_home() == Some(true);
    is_supply && is_same_drug(new, line) && is_same_form(new, line)
}

/// What the ward gives ends where what is taken home begins.
fn gives_way(case: &Case<'_>, line: &Line<'_>) -> bool {
    all_go_home(ordered(case)) && line.is_taken_home() == Some(false)
}

/// Whether there are any, and all are taken home from a stay.
pub(super) fn all_go_home<'a>(lines: impl Iterator<Item = &'a Line<'a>>) -> bool {
    let mut lines = lines.peekable();
    lines.peek().is_some() && lines.all(|it| it.is_taken_home() == Some(true))
}

/// Stopped by now; an audit looks at the days before that. A stop that was planned for later is none yet, and
/// one before the start is none at all.
fn is_over(case: &Case<'_>, line: &Line<'_>) -> bool {
    let is_past = |stop: DateTime| stop.date() >= line.begins && stop <= case.now;
    !is_audit(case) && line.order.stops.is_some_and(is_past)
}

/// The line of this session that is of the same item; one that is active before one that is new.
fn same_item<'a>(case: &Case<'a>, line: &Line<'_>) -> Option<&'a Line<'a>> {
    let orders = case.session.lines.iter().filter(|it| it.kind == LineKind::Order);
    let same = orders.filter(|it| is_same_item(it, line));
    same.min_by_key(|it| it.order.current)
}

fn is_same_item(one: &Line<'_>, other: &Line<'_>) -> bool {
    let is_same = |one: Option<&str>, other: Option<&str>| one.is_some() && one == other;
    let (one_order, other_order) = (one.order, other.order);
    is_same(one_order.hospital_code.as_deref(), other_order.hospital_code.as_deref())
        || is_same(one.national_code(), other.national_code())
        || is_same(one_order.name.as_deref(), other_order.name.as_deref())
}

#[cfg(test)]
mod tests {
    use crate::families::bench::Bench;

    const DRUGS: &str = "match,key,name,national_code,ingredients,strengths,piece,pieces_per_package,form,tier,atc,kinds\n\
        hospital,APAP,对乙酰氨基酚片,,对乙酰氨基酚,0.5 g,片,20,口服,,,\n\
        hospital,APAP2,对乙酰氨基酚缓释片,,对乙酰氨基酚,0.65 g,片,20,口服,,,\n\
        hospital,COLD,氨酚伪麻那敏片,,对乙酰氨基酚+伪麻黄碱,325 mg+30 mg,片,20,口服,,,\n\
        hospital,IBU,布洛芬缓释胶囊,,布洛芬,0.3 g,粒,20,口服,,M01AE01,\n\
        hospital,DIC,双氯芬酸钠缓释片,,双氯芬酸,75 mg,片,20,口服,,M01AB05,\n\
        hospital,FZ,黑顺片,,附子,?,,,其他,,,\nhospital,BX,法半夏,,半夏,?,,,其他,,,\n\
        hospital,CRO,注射用头孢曲松,,头孢曲松,1 g,支,1,注射,,,\n\
        hospital,CAL,葡萄糖酸钙注射液,,葡萄糖酸钙,1 g,支,5,注射,,,\n\
        hospital,DS,丹参注射液,,丹参,?,支,5,注射,,,中药注射剂\n";

    const DUPLICATE: Bench =
        Bench { family: "duplicate_ingredient", parameters: "", rows: "", drugs: DRUGS };
    const CLASS: Bench = Bench {
        rows: "match,key,item,class,source,flag\natc,M01A,非甾体抗炎药,非甾体抗炎药,ATC,B\n",
        ..DUPLICATE
    };
    const DAY: Bench = Bench {
        family: "daily_dose",
        rows: "match,key,item,max_day,source,flag\ningredient,对乙酰氨基酚,对乙酰氨基酚,2 g,site,B\n",
        ..DUPLICATE
    };
    const MANY: Bench = Bench {
        family: "too_many",
        rows: "match,key,item,count_min,source,flag\natc,M01A,非甾体抗炎药,2,s,B\n",
        ..DUPLICATE
    };
    const HERBS: Bench = Bench {
        family: "herb_pair",
        rows: "match,key,item,against,relation,source,flag\ningredient,附子,附子,ingredient:半夏,反,s,A\n",
        ..DUPLICATE
    };
    const BAG: Bench = Bench {
        family: "incompatibility",
        rows: "match,key,item,partner,source,flag\ningredient,头孢曲松,头孢曲松,ingredient:葡萄糖酸钙,label,B\n",
        ..DUPLICATE
    };
    const HERBAL: Bench = Bench { family: "herbal_injection", ..DUPLICATE };

    /// Since yesterday, of this stay, and nobody has stopped it.
    const STANDING: &str = r#""drord_begn_date":"20260514080000","mdtrt_id":"ZY1","drug_used_frqu":"QD","long_drord_flag":"1""#;

    const BOTH: &str = "hit 1: 【对乙酰氨基酚片】与【氨酚伪麻那敏片】均含对乙酰氨基酚";
    const UNKNOWN: &str = "unknown history.orders[H].drord_stop_date";

    #[test]
    fn a_standing_order_of_the_stay_runs_until_it_is_stopped() {
        let cold = |more: &str| check(&DUPLICATE, "COLD", "APAP", more);
        assert_eq!(cold(STANDING), BOTH);
        let stopped = |at: &str| format!(r#"{STANDING},"drord_stop_date":"{at}""#);
        assert_eq!(cold(&stopped("20260514200000")), "pass");
        // The new order takes its place this morning.
        assert_eq!(cold(&stopped("20260515080000")), "pass");
        assert_eq!(cold(&stopped("20260515")), "pass");
        assert_eq!(cold(&stopped("20260516080000")), BOTH);
        // Of another stay it says nothing.
        assert_eq!(cold(&STANDING.replace("ZY1", "ZY0")), "pass");
        assert_eq!(cold(&STANDING.replace(r#""long_drord_flag":"1""#, r#""cnt":"1""#)), UNKNOWN);
        assert_eq!(cold(&STANDING.replace(r#"flag":"1""#, r#"flag":"0""#)), "pass");
        assert_eq!(cold(&STANDING.replace("QD", "ST")), "pass");
        assert_eq!(cold(r#""drord_begn_date":"20260514080000","mdtrt_id":"ZY1""#), "pass");
    }

    #[test]
    fn what_has_days_left_runs_wherever_it_was_ordered() {
        let days = |day: &str| {
            format!(
                r#""drord_begn_date":"{day}","medc_days":"7","drug_used_frqu":"QD","mdtrt_id":"MZ0""#
            )
        };
        assert_eq!(visited(&DUPLICATE, "1", "COLD", "APAP", &days("20260510")), BOTH);
        assert_eq!(visited(&DUPLICATE, "1", "COLD", "APAP", &days("20260508")), "pass");
        // The next supply of the same product is another rule's.
        assert_eq!(visited(&DUPLICATE, "1", "APAP", "APAP", &days("20260510")), "pass");
        // A ward may be told by the scene alone.
        assert_eq!(check(&DUPLICATE, "COLD", "APAP", &days("20260510")), UNKNOWN);
    }

    /// A week from the desk that is half taken.
    const SUPPLY: &str = r#""drord_begn_date":"20260512","medc_days":"7","drug_used_frqu":"TID","drug_used_sdose":"0.65","drug_used_dosunt":"g","mdtrt_id":"MZ0""#;

    #[test]
    fn a_refill_is_no_second_drug_whatever_its_brand() {
        let new = r#"APAP","drug_used_sdose":"0.5","drug_used_dosunt":"g","drug_used_frqu":"TID"#;
        for bench in [&DUPLICATE, &DAY] {
            assert_eq!(visited(bench, "1", new, "APAP2", SUPPLY), "pass");
        }
        // Of the same stay it is no supply.
        let of_stay = SUPPLY.replace("MZ0", "ZY1");
        let twice = "hit 1: 【对乙酰氨基酚缓释片】与【对乙酰氨基酚片】均含对乙酰氨基酚";
        assert_eq!(visited(&DUPLICATE, "2", new, "APAP2", &of_stay), twice);
    }

    #[test]
    fn nobody_says_whether_what_is_at_home_is_taken_in_the_ward() {
        assert_eq!(visited(&DUPLICATE, "2", "APAP", "APAP2", SUPPLY), UNKNOWN);
        assert_eq!(visited(&DUPLICATE, "2", "COLD", "APAP2", SUPPLY), UNKNOWN);
        assert_eq!(visited(&CLASS, "2", "DIC", "IBU", SUPPLY), UNKNOWN);
        // What is taken home is the next supply.
        let home = r#"APAP","dscg_tkdrug_flag":"1"#;
        assert_eq!(visited(&DUPLICATE, "2", home, "APAP2", SUPPLY), "pass");
    }

    #[test]
    fn a_month_later_it_counts_what_ran_when_it_was_written() {
        let new = r#"COLD","drord_begn_date":"20260501100000","medc_days":"30"#;
        let audited = |more: &str| in_scene(&DUPLICATE, "monthly_batch", new, "APAP2", more);
        let days = |day: &str| SUPPLY.replace("20260512", day);
        let old = BOTH.replace("对乙酰氨基酚片", "对乙酰氨基酚缓释片");
        // The visit that came later accuses nobody before it.
        assert_eq!(audited(&days("20260510")), "pass");
        assert_eq!(audited(&days("20260428")), old);
        assert_eq!(audited(&days("20260401")), "pass");
        // What was stopped since ran until then.
        let stopped = |at: &str| format!(r#"{},"drord_stop_date":"{at}""#, days("20260428"));
        assert_eq!(audited(&stopped("20260503090000")), old);
        assert_eq!(audited(&stopped("20260501100000")), "pass");
        assert_eq!(audited(&stopped("20260430")), "pass");
    }

    #[test]
    fn what_is_over_today_runs_beside_nothing_though_the_whole_sheet_is_sent() {
        let sheet = r#"APAP","drord_begn_date":"20260501","long_drord_flag":"1"},{"rx_id":"2","hosplist_code":"COLD"#;
        let brief = r#""drord_begn_date":"20260503","medc_days":"3","drug_used_frqu":"QD","mdtrt_id":"ZY1""#;
        let apart = sheet.replace("COLD", "FZ");
        for scene in ["nurse", "pharmacist", "inpatient"] {
            assert_eq!(in_scene(&DUPLICATE, scene, &apart, "APAP2", brief), "pass", "{scene}");
        }
        // It came later from another visit, and runs.
        let written = r#"COLD","drord_begn_date":"20260501","medc_days":"30"#;
        let old = BOTH.replace("对乙酰氨基酚片", "对乙酰氨基酚缓释片");
        let later = SUPPLY.replace("20260512", "20260510");
        assert_eq!(in_scene(&DUPLICATE, "pharmacist", written, "APAP2", &later), old);
    }

    #[test]
    fn what_is_taken_home_follows_what_the_ward_gave() {
        let dose = r#""drug_used_sdose":"0.5","drug_used_dosunt":"g","#;
        let ward = format!("{dose}{}", STANDING.replace("QD", "QID"));
        let new = r#"COLD","drug_used_sdose":"1","drug_used_dosunt":"片","drug_used_frqu":"TID"#;
        let home = format!(r#"{new}","dscg_tkdrug_flag":"1"#);
        assert_eq!(visited(&DAY, "2", &home, "APAP", &ward), "pass");
        assert!(visited(&DAY, "2", new, "APAP", &ward).starts_with("hit 1"));
        let earlier = format!(r#"{ward},"dscg_tkdrug_flag":"1""#);
        assert!(visited(&DAY, "2", &home, "APAP", &earlier).starts_with("hit 1"));
        let away = r#"DIC","dscg_tkdrug_flag":"1"#;
        assert_eq!(visited(&MANY, "2", away, "IBU", STANDING), "pass");
        // Sent as active beside what is new, it is the same.
        let beside = |active: &str, more: &str, new: &str| {
            format!(
                r#"{active}","curr_drord_flag":"0",{more}}},{{"rx_id":"2","hosplist_code":"{new}"#
            )
        };
        assert_eq!(visited(&DAY, "2", &beside("APAP", &ward, &home), "FZ", STANDING), "pass");
        assert_eq!(visited(&MANY, "2", &beside("IBU", STANDING, away), "FZ", STANDING), "pass");
        assert!(
            visited(&DAY, "2", &beside("APAP", &ward, new), "FZ", STANDING).starts_with("hit 1,2")
        );
    }

    #[test]
    fn the_same_item_may_be_the_same_order() {
        assert_eq!(check(&DUPLICATE, "APAP", "APAP", STANDING), UNKNOWN);
        // Sent as active beside the new line, it is there already.
        let active = r#"APAP","curr_drord_flag":"0"},{"rx_id":"2","hosplist_code":"COLD"#;
        let sent = check(&DUPLICATE, active, "APAP", STANDING);
        assert_eq!(sent, BOTH.replace("hit 1", "hit 2"));
    }

    #[test]
    fn doses_and_classes_add_up_with_what_runs() {
        let dose = r#""drug_used_sdose":"0.5","drug_used_dosunt":"g","#;
        let four = format!("{dose}{}", STANDING.replace("QD", "QID"));
        let new = r#"COLD","drug_used_sdose":"1","drug_used_dosunt":"片","drug_used_frqu":"TID"#;
        let hit = "hit 1: 【对乙酰氨基酚】合计日剂量2.975g，超过2g（氨酚伪麻那敏片975mg，对乙酰氨基酚片2g）";
        assert_eq!(check(&DAY, new, "APAP", &four), hit);
        assert_eq!(
            check(&DAY, new, "APAP", &four.replace(r#","long_drord_flag":"1""#, "")),
            UNKNOWN
        );
        assert_eq!(check(&DAY, new, "APAP", &four.replace("0.5", "0.1")), "pass");
        // Once this morning counts on its day.
        let once = format!(
            r#"{dose}"drord_begn_date":"20260515080000","mdtrt_id":"ZY1","drug_used_frqu":"ST""#
        );
        let three = new.replace("\"1\"", "\"2\"");
        let hit = "hit 1: 【对乙酰氨基酚】合计日剂量2.45g，超过2g（氨酚伪麻那敏片1.95g，对乙酰氨基酚片500mg）";
        assert_eq!(check(&DAY, &three, "APAP", &once), hit);
        assert_eq!(check(&DAY, &three, "APAP", &once.replace("0515", "0514")), "pass");
        assert_eq!(
            check(&CLASS, "DIC", "IBU", STANDING),
            "hit 1: 【布洛芬缓释胶囊】与【双氯芬酸钠缓释片】同属非甾体抗炎药"
        );
        assert_eq!(
            check(&MANY, "DIC", "IBU", STANDING),
            "hit 1: 同时使用2种非甾体抗炎药：【双氯芬酸钠缓释片】【布洛芬缓释胶囊】"
        );
        assert_eq!(check(&MANY, "DIC", "IBU", &STANDING.replace("ZY1", "ZY0")), "pass");
    }

    #[test]
    fn herbs_meet_what_runs_on_either_side() {
        let said = "【黑顺片】（附子）反【法半夏】（半夏），确需同用请医师再次签名";
        assert_eq!(check(&HERBS, "BX", "FZ", STANDING), format!("hit 1: {said}"));
        assert_eq!(check(&HERBS, "FZ", "BX", STANDING), format!("hit 1: {said}"));
        assert_eq!(check(&HERBS, r#"BX","attst_flag":"1"#, "FZ", STANDING), "pass");
        let earlier = r#""drord_begn_date":"20260510","medc_days":"7","mdtrt_id":"MZ0""#;
        assert_eq!(check(&HERBS, "BX", "FZ", earlier), UNKNOWN);
    }

    #[test]
    fn a_bag_of_this_stay() {
        let group = |number: &str| format!(r#"{STANDING},"grpno":"{number}""#);
        let hit = "hit 1: 【注射用头孢曲松】与【葡萄糖酸钙注射液】不得同瓶";
        assert_eq!(check(&BAG, r#"CAL","grpno":"7"#, "CRO", &group("7")), hit);
        assert_eq!(check(&BAG, r#"CRO","grpno":"7"#, "CAL", &group("7")), hit);
        assert_eq!(check(&BAG, r#"CAL","grpno":"7"#, "CRO", &group("8")), "pass");
        assert_eq!(check(&BAG, "CAL", "CRO", &group("7")), "unknown orders[1].grpno");
        let hit = "hit 1: 【丹参注射液】应单独使用，不得与其他药品同瓶：【葡萄糖酸钙注射液】";
        assert_eq!(check(&HERBAL, r#"CAL","grpno":"7"#, "DS", &group("7")), hit);
        assert_eq!(check(&HERBAL, r#"DS","grpno":"7"#, "CAL", &group("7")), hit);
        let other = group("7").replace("ZY1", "MZ0");
        assert_eq!(check(&HERBAL, r#"DS","grpno":"7"#, "CAL", &other), "pass");
    }

    /// The same in a visit of a kind: 1 at a desk, 2 in a ward.
    fn visited(bench: &Bench, kind: &str, new: &str, old: &str, more: &str) -> String {
        bench.told(&format!(
            r#"{{"encounter":{{"mdtrt_id":"ZY1","med_mdtrt_type":"{kind}"}},"orders":[{{"rx_id":"1","hosplist_code":"{new}"}}],
            "history":{{"orders":[{{"rx_id":"H","hosplist_code":"{old}",{more}}}]}}}}"#
        ))
    }

    fn check(bench: &Bench, new: &str, old: &str, more: &str) -> String {
        in_scene(bench, "inpatient", new, old, more)
    }

    fn in_scene(bench: &Bench, scene: &str, new: &str, old: &str, more: &str) -> String {
        bench.told(&format!(
            r#"{{"scene":"{scene}","encounter":{{"mdtrt_id":"ZY1"}},"orders":[{{"rx_id":"1","hosplist_code":"{new}"}}],
            "history":{{"orders":[{{"rx_id":"H","hosplist_code":"{old}",{more}}}]}}}}"#
        ))
    }
}
