//! A run: every encounter that a scene is about, judged as it stood at the end of a day, and what that
//! does to the suspicions of the book.
//!
//! Encounters are written one by one, so that a run which is broken off has done what it has done; the
//! same run once more finds the rest, and finds nothing twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use rules::facts::{Scene, VisitKind};
use rules::rule::Action;
use rules::{Group, Verdict};
use serde::{Deserialize, Serialize};

use super::page::Page;
use super::states::{Said, State};
use super::suspicion::{Suspicion, Turn};
use super::walk::{self, Met, Over, before_stays, end_of, month_of};
use super::{NotRun, book, settle};
use crate::checks::records::{Looked, Writer};
use crate::checks::writer;
use crate::clock;
use crate::history::Kind;
use crate::intake::Road;
use crate::outbox::Outbox;
use crate::pipeline;
use crate::sets::Sets;

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `daily_batch` and `pre_settlement` look at who is in hospital on the day; `monthly_batch` and
    /// `settlement` at who left, or came as an outpatient, in the month of the day.
    pub scene: Scene,
    /// The day at whose end everything is looked at; any day of the month where the scene is about one.
    pub day: Date,
    /// Only this encounter, whatever the scene.
    pub encounter: Option<String>,
}

/// The account of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ran {
    /// Its id. Sorts by time.
    pub run_id: String,
    /// The scene.
    pub scene: String,
    /// The day at whose end everything was looked at, `YYYYMMDD`.
    pub day: String,
    /// The one encounter it was about.
    pub encounter: Option<String>,
    /// `running`, `done` or `failed`; one that runs though nothing runs was broken off.
    pub state: String,
    /// When, `YYYYMMDDhhmmss`.
    pub started: String,
    /// When, `YYYYMMDDhhmmss`.
    pub ended: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Encounters that were judged.
    pub encounters: u64,
    /// Suspicions that are there.
    pub found: u64,
    /// Of these new.
    pub opened: u64,
    /// Of these open again.
    pub reopened: u64,
    /// Suspicions that are not found any more.
    pub closed: u64,
    /// Suspicions of settled stays that nobody answered.
    pub escalated: u64,
    /// In how many encounters each rule could not decide.
    pub unknown: BTreeMap<String, u64>,
    /// Records that were accepted and not looked at, since the past was not up to date.
    pub behind: u64,
    /// From which day on the past is complete.
    pub since: Option<String>,
    /// The packs that judged.
    pub rules_version: String,
}

/// Runs, one at a time. Blocks for as long as it takes; half the time of one core.
pub fn run(road: &Arc<Road>, asked: &Asked) -> Result<Ran, NotRun> {
    let _turn = road.audit.turn()?;
    let mut run = Run::new(road, asked);
    run.keep_account("running")?;
    let outcome = run.over_all(asked);
    let (state, error) = match &outcome {
        Ok(()) => ("done", None),
        Err(error) => ("failed", Some(error.to_string())),
    };
    run.ran.error = error;
    run.ran.ended = Some(pipeline::stamp(clock::now()));
    run.keep_account(state)?;
    let Ran { run_id, encounters, found, opened, .. } = &run.ran;
    tracing::info!(run_id, state, encounters, found, opened, "an audit was run");
    outcome.map(|()| run.ran)
}

struct Run<'a> {
    road: &'a Arc<Road>,
    sets: Arc<Sets>,
    writer: Option<Writer>,
    scene: Scene,
    day: Date,
    ran: Ran,
}

impl<'a> Run<'a> {
    fn new(road: &'a Arc<Road>, asked: &Asked) -> Run<'a> {
        let sets = road.sets.load_full();
        let stamp = |day: Date| day.strftime("%Y%m%d").to_string();
        let day = last_day(asked, clock::now().date());
        let ran = Ran {
            run_id: clock::new_id(),
            scene: name_of(asked.scene).to_owned(),
            day: stamp(day),
            encounter: asked.encounter.clone(),
            started: pipeline::stamp(clock::now()),
            since: road.history.since().map(stamp),
            rules_version: sets.rules.version(),
            ..Ran::default()
        };
        Run { road, sets, writer: writer(road), scene: asked.scene, day, ran }
    }

    fn over_all(&mut self, asked: &Asked) -> Result<(), NotRun> {
        self.ran.behind = self.road.audit.wait_for(&self.road.history)?;
        self.ran.escalated += settle::escalate_settled(self.road)?;
        settle::forget_old(self.road)?;
        if let Some(name) = &asked.encounter {
            let met = walk::one(&self.road.history, name, end_of(self.day))?;
            return self.judge(met.ok_or(NotRun::NoEncounter)?);
        }
        if self.is_of_month() {
            let (first, last) = month_of(self.day);
            self.over(Kind::Stay, before_stays(first), last)?;
            return self.over(Kind::Visit, first, last);
        }
        self.over(Kind::Stay, before_stays(self.day), self.day)
    }

    fn over(&mut self, kind: Kind, from: Date, to: Date) -> Result<(), NotRun> {
        let road = Arc::clone(self.road);
        let over = Over { kind, from, until: end_of(to) };
        walk::walk((&road.audit, &road.history), over, |met| {
            if self.is_wanted(&met, kind) { self.judge(met) } else { Ok(()) }
        })
    }

    fn is_of_month(&self) -> bool {
        is_of_month(self.scene)
    }

    /// Who is in hospital on the day; or who left, or came as an outpatient, in its month.
    fn is_wanted(&self, met: &Met, kind: Kind) -> bool {
        let facts = &met.told.facts;
        let is_there = !facts.orders.is_absent() || !facts.fees.is_absent();
        let (began, ended) = met.span();
        let is_stay = met.visit() == Some(VisitKind::Inpatient);
        if !self.is_of_month() {
            return is_stay
                && (is_there || began.is_some())
                && ended.is_none_or(|it| it >= self.day);
        }
        // A settlement names no ward: its stay is found among the visits once more.
        if is_stay && kind == Kind::Visit {
            return false;
        }
        let in_month = |day: Date| day.first_of_month() == self.day.first_of_month();
        let day = if is_stay { ended } else { began.or_else(|| first_line(met)) };
        day.is_some_and(in_month)
    }

    /// Judges one encounter, and writes what that does to its suspicions.
    fn judge(&mut self, mut met: Met) -> Result<(), NotRun> {
        let (now, began) = (clock::now(), std::time::Instant::now());
        made_ready(self.road, &mut met, self.scene);
        let at = moment(self.day, now);
        let verdict = rules::evaluate(&self.sets.rules, &met.told.facts, at);
        self.ran.encounters += 1;
        for it in &verdict.unknown {
            *self.ran.unknown.entry(it.rule_id.clone()).or_default() += 1;
        }
        let _pen = self.road.audit.pen();
        let writer = self.writer.clone();
        let mut page = Page::new(self.road, writer.as_ref(), now)?;
        let looked_at = self.write_found(&met, &verdict, (&mut page, now))?;
        self.write_gone(&met, (&verdict, at), (&mut page, now))?;
        if page.is_empty() {
            return Ok(());
        }
        if looked_at.is_news {
            page.tell_looked(&Looked {
                check_id: &looked_at.id,
                met: (&met.found.encounter, &met.found.person),
                facts: &met.told.facts,
                verdict: &verdict,
                at: now,
                elapsed_us: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
            });
        }
        page.write()
    }

    fn write_found(
        &mut self,
        met: &Met,
        verdict: &Verdict,
        (page, now): (&mut Page<'_>, DateTime),
    ) -> Result<LookedAt, NotRun> {
        let mut looked_at = LookedAt { id: clock::new_id(), is_news: false };
        let stamp = pipeline::stamp(now);
        for it in suspicions(met, verdict) {
            let known = book::suspicion(&self.road.outbox, &it.id)?;
            let (scene, run) = (self.ran.scene.clone(), self.ran.run_id.clone());
            let (mut it, turn) = it.seen(known, (&run, &scene), (self.day, &stamp));
            self.ran.found += 1;
            let what = match turn {
                Turn::Opened => Some("opened"),
                Turn::Reopened => Some("reopened"),
                Turn::Found => None,
            };
            self.ran.opened += u64::from(turn == Turn::Opened);
            self.ran.reopened += u64::from(turn == Turn::Reopened);
            if what.is_some() {
                looked_at.is_news = true;
                it.last_check.clone_from(&looked_at.id);
                page.tell_found(&it, &verdict.rules_version);
            }
            page.keep(&it, what);
        }
        Ok(looked_at)
    }

    /// What this run looked for and did not find is closed: it was mended, or never true. A run for an
    /// earlier day than the last one closes nothing.
    fn write_gone(
        &mut self,
        met: &Met,
        (verdict, at): (&Verdict, DateTime),
        (page, now): (&mut Page<'_>, DateTime),
    ) -> Result<(), NotRun> {
        let book = (&self.road.outbox, self.road.checks.names()?);
        let known = book::of_encounter(book, &met.found.encounter)?;
        let day = &self.ran.day;
        let is_found = |it: &Suspicion| {
            verdict.findings.iter().any(|found| Suspicion::of(met, found).id == it.id)
        };
        let gone: Vec<_> = known
            .into_iter()
            .filter(|it| it.state != State::Closed && it.last_day <= *day)
            .filter(|it| self.was_looked_for(&it.rule_id, met, (verdict, at)) && !is_found(it))
            .collect();
        for mut it in gone {
            let said = Said::by_agent(State::Closed, "再次运行不再存在", &pipeline::stamp(now));
            it.turn_to(said.clone());
            it.last_run.clone_from(&self.ran.run_id);
            self.ran.closed += 1;
            page.tell_said(&it, &said);
            page.keep(&it, Some("closed"));
        }
        Ok(())
    }

    /// Whether a rule ran here and could decide. One that was switched off or suppressed here looks for
    /// nothing, and mends nothing.
    fn was_looked_for(
        &self,
        rule_id: &str,
        met: &Met,
        (verdict, at): (&Verdict, DateTime),
    ) -> bool {
        let is_judged = rules::is_judged(&self.sets.rules, &met.told.facts, at, rule_id);
        let is_open = verdict.unknown.iter().any(|it| it.rule_id == rule_id)
            || verdict.not_run.iter().any(|it| it == rule_id);
        is_judged && !is_open
    }

    fn keep_account(&mut self, state: &str) -> Result<(), NotRun> {
        state.clone_into(&mut self.ran.state);
        Ok(self.road.outbox.shelve(&[book::run(&self.ran.run_id, &self.ran)])?)
    }
}

/// What the platform calls the look at one encounter.
struct LookedAt {
    id: String,
    is_news: bool,
}

/// The accounts of runs, the oldest first; whatever runs though nothing runs was broken off.
pub(super) fn accounts(outbox: &Outbox, is_running: bool) -> Result<Vec<Ran>, NotRun> {
    let mut all: Vec<Ran> = book::runs(outbox)?;
    let last = all.len().saturating_sub(1);
    for (at, it) in all.iter_mut().enumerate() {
        if it.state == "running" && !(is_running && at == last) {
            "broken_off".clone_into(&mut it.state);
        }
    }
    Ok(all)
}

/// The name of a scene in files and requests.
pub(super) fn name_of(scene: Scene) -> &'static str {
    Scene::NAMES.iter().find(|(_, it)| *it == scene).map_or("", |(name, _)| name)
}

/// What records of an encounter do not say themselves: the scene, who it is, how far back is known.
pub(super) fn made_ready(road: &Road, met: &mut Met, scene: Scene) {
    let facts = &mut met.told.facts;
    facts.scene = Some(scene);
    if let Group::Present(patient) = &mut facts.patient {
        patient.patn_id = Some(met.found.patient());
    }
    if let Group::Present(history) = &mut facts.history {
        history.since = road.history.since();
    }
}

/// When everything is looked at: the end of the day, unless it is still to come.
pub(super) fn moment(day: Date, now: DateTime) -> DateTime {
    end_of(day).min(now.max(day.at(0, 0, 0, 0)))
}

/// What was found, each suspicion once: two findings of a rule about the same lines (one drug that goes
/// with neither of two others) are one, and it says both.
fn suspicions(met: &Met, verdict: &Verdict) -> Vec<Suspicion> {
    let mut all: Vec<Suspicion> = Vec::new();
    for finding in verdict.findings.iter().filter(|it| it.action != Action::Silent) {
        let it = Suspicion::of(met, finding);
        match all.iter_mut().find(|one| one.id == it.id) {
            Some(one) => one.join(it),
            None => all.push(it),
        }
    }
    all
}

fn is_of_month(scene: Scene) -> bool {
    matches!(scene, Scene::MonthlyBatch | Scene::Settlement)
}

/// The day at whose end everything is looked at: of a month its last one, whichever of its days was
/// said. A month that is not over ends today, so that nothing is told of days to come.
fn last_day(asked: &Asked, today: Date) -> Date {
    if !is_of_month(asked.scene) {
        return asked.day;
    }
    asked.day.last_of_month().min(today.max(asked.day))
}

fn first_line(met: &Met) -> Option<Date> {
    let facts = &met.told.facts;
    let lines = facts.orders.present().into_iter().chain(facts.fees.present()).flatten();
    lines.filter_map(|it| it.begins).map(DateTime::date).min()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_month_is_looked_at_to_its_end_or_to_today() {
        check(Scene::DailyBatch, date(2026, 5, 12), "2026-05-12");
        check(Scene::PreSettlement, date(2026, 6, 20), "2026-06-20");
        check(Scene::MonthlyBatch, date(2026, 5, 12), "2026-05-31");
        check(Scene::Settlement, date(2026, 6, 1), "2026-06-15");
        check(Scene::MonthlyBatch, date(2026, 6, 20), "2026-06-20");
    }

    #[track_caller]
    fn check(scene: Scene, day: Date, expected: &str) {
        let asked = Asked { scene, day, encounter: None };
        assert_eq!(last_day(&asked, date(2026, 6, 15)).to_string(), expected);
    }
}
