//! Runs and settlements over a real store: records in, states of suspicions out.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use jiff::civil::Date;
use rules::facts::Scene;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::run::accounts;
use super::states::{Said, State};
use super::suspicion::Suspicion;
use super::*;
use crate::config::Config;
use crate::envelope::{Draft, Original, Submission};
use crate::forward::ForwardState;
use crate::intake::Road;
use crate::intake::http::his_routes;
use crate::outbox::{Change, Options, Outbox, WriterHandle};
use crate::patient_key::PatientKey;
use crate::sets::Sets;
use crate::{clock, history};

/// A stay of six days with nothing but beds, care, tests: over, and settled with nobody yet.
#[test]
fn a_stay_that_needed_no_bed_is_a_clue_for_the_audit() {
    let house = House::open();
    house.stay("ZY1");
    house.accept(
        "ZY1",
        "inpatient_discharge",
        &json!({ "mdtrt_id": "H-ZY1", "endtime": "20260516100000" }),
    );
    assert_eq!(house.run(Scene::DailyBatch, "2026-05-12").unwrap().encounters, 1);
    house.run(Scene::MonthlyBatch, "2026-05-20").unwrap();
    let found = house.found();
    let clue = found.iter().find(|it| it.rule_id == "low-stay");
    let clue = clue.unwrap_or_else(|| panic!("{}", shown(&found)));
    assert_eq!(clue.text, "住院6天仅有检验检查、常规项目与口服药，未见其他治疗");
    // The same rule has two things to say of a stay: they are two suspicions, answered one by one.
    house.accept(
        "ZY2",
        "inpatient_admission",
        &json!({ "patn_id": "P2", "ipt_no": "ZY2", "mdtrt_id": "H-ZY2",
        "begntime": "20260510080000", "endtime": "20260516100000" }),
    );
    house.accept(
        "ZY2",
        "fee_detail_inpatient",
        &json!({ "ipt_no": "ZY2", "feedetl_sn": "1", "cnt": 1,
        "med_list_codg": "002503020030000", "fee_ocur_time": "20260512100000" }),
    );
    let ran = house.run(Scene::MonthlyBatch, "2026-05-20").unwrap();
    let mut found = house.found();
    found.retain(|it| it.encounter == "ZY2" && it.rule_id == "low-stay");
    assert_eq!(found.len(), 2, "{ran:?}\n{}", shown(&found));
}

/// A rule that was suppressed in the department looks for nothing there, and closes nothing.
#[test]
fn what_nobody_looks_for_any_more_is_not_mended() {
    let house = House::open();
    house.stay("ZY1");
    let left = json!({ "mdtrt_id": "H-ZY1", "endtime": "20260516100000" });
    house.accept("ZY1", "inpatient_discharge", &left);
    let state = || {
        house.run(Scene::MonthlyBatch, "2026-05-20").unwrap();
        let found = house.found();
        found.iter().find(|it| it.rule_id == "low-stay").unwrap().state
    };
    assert_eq!(state(), State::Open);
    let overlay = house.folder.path().join("overlay/charges");
    std::fs::create_dir_all(&overlay).unwrap();
    let suppressed =
        "[[setting]]\nrules = [\"low-stay\"]\ndepartments = [\"03\"]\nenabled = false\n";
    std::fs::write(overlay.join("settings.toml"), suppressed).unwrap();
    let text = format!(
        "[hospital]\ncode = \"H1\"\nname = \"n\"\n[sets]\noverlay = \"{}\"\n",
        house.folder.path().join("overlay").display()
    );
    let config = Config::parse("agent.toml", &text).unwrap_or_else(|it| panic!("{it:?}"));
    house.road.sets.store(Arc::new(Sets::load(&config).unwrap_or_else(|it| panic!("{it:?}"))));
    assert_eq!(state(), State::Open);
}

/// A month is looked at as it was at its end, for one encounter as for all of them.
#[test]
fn one_encounter_in_its_month_is_seen_to_the_end_of_the_month() {
    let house = House::open();
    house.stay("ZY1");
    let left = json!({ "mdtrt_id": "H-ZY1", "endtime": "20260516100000" });
    house.accept("ZY1", "inpatient_discharge", &left);
    let (scene, encounter) = (Scene::MonthlyBatch, Some("ZY1".to_owned()));
    let asked = Asked { scene, day: day("2026-05-12"), encounter };
    assert_eq!(run(&house.road, &asked).unwrap().day, "20260531");
    let found = house.found();
    let texts: Vec<&str> =
        found.iter().filter(|it| it.rule_id == "low-stay").map(|it| it.text.as_str()).collect();
    assert_eq!(texts, ["住院6天仅有检验检查、常规项目与口服药，未见其他治疗"]);
}

#[test]
fn the_platform_hears_one_pseudonym_of_a_patient() {
    let house = House::open();
    // The insurer's number comes first, and the past knows the patient by it.
    house.accept("ZY1", "inpatient_discharge", &json!({ "mdtrt_id": "H-ZY1", "psn_no": "N1" }));
    house.stay("ZY1");
    house.run(Scene::DailyBatch, "2026-05-11").unwrap();
    let key = PatientKey::open(&house.road.config.history.key_file).unwrap();
    let of_check = key.pseudonym("H1", "P1");
    let found = house.found();
    assert!(!found.is_empty() && found.iter().all(|it| it.patient == of_check), "{found:?}");
    let names = [of_check].into();
    assert_eq!(forget(&house.road, &names).unwrap(), found.len() as u64);
    assert!(house.found().is_empty());
}

#[test]
fn one_run_at_a_time_and_what_was_broken_off_says_so() {
    let house = House::open();
    house.stay("ZY1");
    let turn = house.road.audit.turn().unwrap();
    let refused = house.run(Scene::DailyBatch, "2026-05-11");
    assert!(matches!(refused, Err(NotRun::Busy)), "{refused:?}");
    assert!(house.states().is_empty(), "who is refused leaves no account");
    drop(turn);
    let killed = Ran { run_id: "0".to_owned(), state: "running".to_owned(), ..Ran::default() };
    house.road.outbox.shelve(&[book::run("0", &killed)]).unwrap();
    assert_eq!(house.states(), ["broken_off"]);
    let states = |is_running| accounts(&house.road.outbox, is_running).unwrap();
    assert_eq!(states(true)[0].state, "running", "the last one is the one that runs");
    let once = house.run(Scene::DailyBatch, "2026-05-11").unwrap();
    assert_eq!(house.states(), ["broken_off", "done"]);
    assert_eq!(states(true)[0].state, "broken_off", "another one runs");
    let twice = house.run(Scene::DailyBatch, "2026-05-11").unwrap();
    assert_eq!((once.opened, twice.opened, twice.found), (once.found, 0, once.found));
    assert!(once.found > 0);
}

#[test]
fn who_is_stopped_says_so_and_unknown_encounters_are_an_answer() {
    let house = House::open();
    house.stay("ZY1");
    let asked = |name: &str| Asked {
        scene: Scene::DailyBatch,
        day: day("2026-05-11"),
        encounter: Some(name.to_owned()),
    };
    let nobody = run(&house.road, &asked("ZY9"));
    assert!(matches!(nobody, Err(NotRun::NoEncounter)), "{nobody:?}");
    let by_insurer = run(&house.road, &asked("H-ZY1")).unwrap();
    assert_eq!((by_insurer.encounters, by_insurer.opened > 0), (1, true));
    assert!(house.found().iter().all(|it| it.encounter == "ZY1"), "{}", shown(&house.found()));
    house.road.audit.stop();
    let stopped = house.run(Scene::DailyBatch, "2026-05-11");
    assert!(matches!(stopped, Err(NotRun::Stopped)), "{stopped:?}");
    assert_eq!(house.states(), ["failed", "done", "failed"]);
}

#[test]
fn the_settlement_that_the_insurer_is_asked_about_escalates() {
    // 06 settles a visit, 08 a stay; 07 and 09 come before, and 4 is of the ward.
    for (scenario, state) in
        [("06", "escalated"), ("8", "escalated"), ("7", "open"), ("9", "open"), ("4", "open")]
    {
        let house = House::open();
        house.stay("ZY1");
        house.run(Scene::DailyBatch, "2026-05-11").unwrap();
        house.ask_the_insurers_door(scenario, "H-ZY1");
        let found = house.found();
        assert!(!found.is_empty());
        assert!(found.iter().all(|it| it.state.name() == state), "{scenario}: {}", shown(&found));
    }
}

#[test]
fn only_what_nobody_answered_in_time_escalates_and_only_once() {
    let house = House::open();
    house.stay("ZY1");
    house.stay("ZY2");
    house.run(Scene::DailyBatch, "2026-05-11").unwrap();
    let of_one = house.of("ZY1");
    assert!(of_one.len() > 1, "{}", shown(&of_one));
    let said = Said {
        state: State::Explained,
        reason: Some("转科".to_owned()),
        by: "2046".to_owned(),
        at: String::new(),
    };
    answer::answer(&house.road, &of_one[0].id, said).unwrap().unwrap();
    assert_eq!(settled(&house.road, "ZY9").unwrap(), 0, "nobody knows it");
    assert_eq!(settled(&house.road, "H-ZY1").unwrap(), of_one.len() as u64 - 1);
    assert_eq!(settled(&house.road, "ZY1").unwrap(), 0);
    let of_two = house.of("ZY2");
    assert!(of_two.iter().all(|it| it.state == State::Open), "{}", shown(&of_two));
    // What only the audit after discharge finds comes after every settlement.
    house.accept(
        "ZY2",
        "inpatient_discharge",
        &json!({ "mdtrt_id": "H-ZY2", "endtime": "20260516100000" }),
    );
    house.run(Scene::MonthlyBatch, "2026-05-20").unwrap();
    settled(&house.road, "ZY2").unwrap();
    let of_two = house.of("ZY2");
    let is_late = |it: &&Suspicion| it.scene == "monthly_batch";
    assert!(of_two.iter().any(|it| is_late(&it)), "{}", shown(&of_two));
    for it in &of_two {
        let expected = if is_late(&it) { State::Open } else { State::Escalated };
        assert_eq!(it.state, expected, "{}", shown(&of_two));
    }
}

/// An agent without doors: records are accepted, the past follows, checks are kept.
/// Keys are not sealed: no number of an encounter stands in one, not in a store of an earlier release either.
#[test]
fn a_book_of_an_earlier_release_gets_the_keys_of_today() {
    let house = House::open();
    house.stay("ZY1");
    house.run(Scene::DailyBatch, "2026-05-11").unwrap();
    let found = house.of("ZY1");
    assert!(!found.is_empty());
    let (from, end) = (b"un".to_vec(), b"uo".to_vec());
    let old =
        found.iter().map(|it| Change::Put(format!("ueZY1\0{}", it.id).into_bytes(), Vec::new()));
    let changes: Vec<Change> = [Change::RemoveRange(from, end)].into_iter().chain(old).collect();
    house.road.outbox.shelve(&changes).unwrap();
    assert_eq!(house.of("ZY1"), []);
    let (names, mut place) = (house.road.checks.names().unwrap(), b"ue".to_vec());
    let rekeyed = |old: &[u8]| rekeyed(names, old);
    while house.road.outbox.rekey_shelf(b"ue", &mut place, rekeyed).unwrap() {}
    assert_eq!(house.of("ZY1"), found);
    let mut old = 0;
    let count = |_: &[u8], _: &[u8]| {
        old += 1;
        ControlFlow::Continue(())
    };
    house.road.outbox.walk_shelf(b"ue", b"uf", count).unwrap();
    assert_eq!(old, 0);
}

#[test]
fn why_a_suspicion_is_one() {
    let house = House::open();
    house.stay("ZY1");
    house.run(Scene::DailyBatch, "2026-05-12").unwrap();
    let it = house.found().into_iter().next().unwrap();
    let told = house.explained(&it.id);
    let text = told["data"]["findings"][0]["explanation"].as_str().unwrap_or_default();
    assert!(text.contains(&it.rule_name), "{told:#}");
    assert_eq!(
        (&told["data"]["day"], &told["data"]["no_longer_found"]),
        (&json!("20260512"), &Value::Null)
    );
    assert_eq!(house.explained("nobody")["detail"][0]["code"], json!("I123"));
    // What is not there any more is told as such.
    let gone = Suspicion { id: "gone".to_owned(), text: "曾经".to_owned(), ..it };
    house.road.outbox.shelve(&book::put(house.road.checks.names().unwrap(), &gone)).unwrap();
    let told = house.explained("gone");
    assert_eq!(
        (&told["data"]["findings"], &told["data"]["no_longer_found"]),
        (&json!([]), &json!("曾经"))
    );
}

/// A ward answers by the door of its HIS, in its own words or in a channel's: all or none.
#[test]
fn a_department_answers_by_the_door_of_its_his() {
    let house = House::open();
    house.stay("ZY1");
    house.run(Scene::DailyBatch, "2026-05-12").unwrap();
    let ids: Vec<String> = house.found().into_iter().map(|it| it.id).collect();
    let [one, two, ..] = ids.as_slice() else { panic!("{ids:?}") };
    let explained = |id: &str| json!({ "jr_id": id, "state": "explained", "dspo_way_rea": "转科", "opter": "2046" });
    let corrected = |id: &str| json!({ "jr_id": id, "state": "corrected", "opter": "2046" });
    let state = |id: &str| {
        let it = book::suspicion(&house.road.outbox, id).unwrap().unwrap();
        format!("{} by {}", it.state.name(), it.said.last().map_or("-", |it| it.by.as_str()))
    };
    let check = |body: Value, expected: &str| assert_eq!(house.feedback(&body), expected);
    check(
        json!({ "feedback": [explained(one), corrected("nobody")] }),
        "404 没有疑点 nobody：编号原样取自推送",
    );
    let no_reason = json!({ "jr_id": one, "state": "explained", "opter": "2046" });
    check(no_reason, &format!("422 疑点 {one}：说明须写明原因"));
    let finding = json!({ "jr_id": "F1", "state": "changed" });
    check(
        json!({ "feedback": [explained(one), finding] }),
        "422 feedback[1].state：疑点的答复和问题的处置分两次发送",
    );
    assert_eq!((state(one), state(two)), ("open by -".to_owned(), "open by -".to_owned()));

    check(json!({ "feedback": [explained(one)] }), "200 explained recorded");
    check(explained(one), "200 explained repeated");
    assert_eq!(state(one), "explained by 2046");
    // Only the insurance office closes.
    let closed = json!({ "jr_id": one, "state": "closed", "reason": "r", "opter": "2046" });
    assert!(house.feedback(&closed).starts_with("422 feedback[0].state：closed 不对"));

    let tail = format!("\"elements\":{}", corrected(two));
    let mut drafts = [Draft::new("check_feedback".into(), "l".into(), "k".into(), [0; 32], tail)];
    let taken = crate::intake::take_brought(&house.road, &mut drafts, "his");
    assert!(house.runtime.block_on(taken));
    assert_eq!(
        (drafts[0].key.as_str(), state(two)),
        (two.as_str(), "corrected by 2046".to_owned())
    );
}

struct House {
    runtime: Runtime,
    road: Arc<Road>,
    stop: CancellationToken,
    _writer: WriterHandle,
    folder: tempfile::TempDir,
}

impl House {
    fn open() -> House {
        let folder = tempfile::tempdir().unwrap();
        let (road, writer) = road(folder.path());
        let (runtime, stop) = (Runtime::new().unwrap(), CancellationToken::new());
        runtime.spawn(history::follow(Arc::clone(&road), stop.clone()));
        runtime.spawn(crate::checks::keep(Arc::clone(&road), stop.clone()));
        House { runtime, road, stop, _writer: writer, folder }
    }

    /// Six days of care, two beds on the second and care twice: enough to be asked about.
    fn stay(&self, name: &str) {
        let insurer = format!("H-{name}");
        self.accept(
            name,
            "inpatient_admission",
            &json!({ "patn_id": "P1", "ipt_no": name, "mdtrt_id": insurer,
            "gend": "2", "brdy": "19680315", "begntime": "20260510080000", "adm_dept_codg": "03" }),
        );
        let care = (10..16).map(|day| ("001201000030000", day, if day == 11 { 2 } else { 1 }));
        for (code, day, count) in
            care.chain([("001109000010000", 11, 2), ("002503020030000", 12, 1)])
        {
            let id = format!("{name}-{code}-{day}");
            self.accept(
                name,
                "fee_detail_inpatient",
                &json!({ "ipt_no": name, "feedetl_sn": id, "med_list_codg": code,
                "medins_list_codg": code, "medins_list_name": code, "cnt": count, "pric": 40,
                "det_item_fee_sumamt": 40 * count, "fee_ocur_time": format!("202605{day}100000") }),
            );
        }
    }

    fn accept(&self, lane: &str, entity: &str, elements: &Value) {
        let key = elements["feedetl_sn"].as_str().unwrap_or(lane).to_owned();
        let digest = <sha2::Sha256 as sha2::Digest>::digest(elements.to_string()).into();
        let tail = format!(r#""entity":"{entity}","elements":{elements},"findings":[]"#);
        let submission = Submission {
            channel: Arc::from("c"),
            message_id: clock::new_id(),
            received_at: "20260516120000".to_owned(),
            org: Arc::from("H1"),
            schema: Arc::from("2024.1"),
            drafts: vec![Draft::new(entity.to_owned(), lane.to_owned(), key, digest, tail)],
            original: Original::default(),
        };
        self.runtime.block_on(self.road.outbox.append(submission)).unwrap();
    }

    fn run(&self, scene: Scene, on: &str) -> Result<Ran, NotRun> {
        run(&self.road, &Asked { scene, day: day(on), encounter: None })
    }

    /// A 3102 of a scenario about one encounter, until it is kept.
    fn ask_the_insurers_door(&self, scenario: &str, encounter: &str) {
        let body = format!(
            r#"{{"infno":"3102","input":{{"data":{{"trig_scen":"{scenario}","patient_dtos":{{"patn_id":"P1","gend":"2",
            "curr_mdtrt_id":"{encounter}","fsi_encounter_dtos":{{"mdtrt_id":"{encounter}","med_mdtrt_type":"2",
            "fsi_order_dtos":{{"rx_id":"1","rxno":"R","hosplist_code":"YP000502"}}}}}}}}}}}}"#
        );
        self.runtime.block_on(async {
            let request = Request::post("/insurance").body(Body::from(body)).unwrap();
            let answer = his_routes(&self.road).oneshot(request).await.unwrap();
            assert!(answer.status().is_success());
            self.road.checks.flush().await;
        });
    }

    fn explained(&self, id: &str) -> Value {
        self.runtime.block_on(async {
            let address = format!("/admin/v1/audit/suspicions/{id}/explain");
            let request = Request::get(address).body(Body::empty()).unwrap();
            let answer = crate::control::routes(&self.road).oneshot(request).await.unwrap();
            let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
            serde_json::from_slice(&bytes).unwrap()
        })
    }

    /// What the door says to a department: the status, and the state or the refusal.
    fn feedback(&self, body: &Value) -> String {
        self.runtime.block_on(async {
            let request = Request::post("/v1/feedback").body(Body::from(body.to_string())).unwrap();
            let answer = his_routes(&self.road).oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
            let told: Value = serde_json::from_slice(&bytes).unwrap();
            let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
            let receipt = &told["data"]["feedback"][0];
            match status {
                200 => format!("200 {} {}", text(&receipt["state"]), text(&receipt["status"])),
                _ => format!("{status} {}", text(&told["message"])),
            }
        })
    }

    fn of(&self, encounter: &str) -> Vec<Suspicion> {
        let names = self.road.checks.names().unwrap();
        book::of_encounter((&self.road.outbox, names), encounter).unwrap()
    }

    fn found(&self) -> Vec<Suspicion> {
        let mut found = Vec::new();
        book::suspicions(&self.road.outbox, |it| {
            found.push(it);
            ControlFlow::Continue(())
        })
        .unwrap();
        found
    }

    fn states(&self) -> Vec<String> {
        accounts(&self.road.outbox, false).unwrap().into_iter().map(|it| it.state).collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn road(folder: &Path) -> (Arc<Road>, WriterHandle) {
    let text = format!(
        "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{0}/outbox\"\n[history]\nkey_file = \"{0}/patient.key\"\n",
        folder.display()
    );
    let mut config = Config::parse("agent.toml", &text).unwrap_or_else(|it| panic!("{it:?}"));
    // The stays are of May 2026, in whatever year this runs.
    config.history.keep_days = 36_500;
    let sets = Sets::load(&config).unwrap_or_else(|it| panic!("{it:?}"));
    let (outbox, writer) = Outbox::open(&config.outbox.dir, &Options::default()).unwrap();
    let road = Road::new(config, sets, outbox, Arc::new(ForwardState::default()));
    road.checks.open(road.outbox.clone()).unwrap();
    road.history.open(&road.config, &road.outbox).unwrap();
    (Arc::new(road), writer)
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn shown(found: &[Suspicion]) -> String {
    let lines = found
        .iter()
        .map(|it| format!("{} {} {} {}", it.encounter, it.rule_id, it.state.name(), it.text));
    lines.collect::<Vec<_>>().join("\n")
}
