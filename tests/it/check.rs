//! The checks, asked over HTTP the way a HIS asks: a hit, a pass, an unknown, a deadline; in the
//! canonical words and in the national interface's. Missing data never blocks and never looks like
//! a pass.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::his;

#[test]
fn canonical_checks_tell_hit_pass_and_unknown() {
    let agent = Agent::start(Setup::files());
    // A drug for men. What only programs read of (rights, results) makes it partial.
    check(&agent, &request("2"), &[], "partial: drug-sex confirm; unknown: ; not run: ");
    check(&agent, &request("1"), &[], "partial: ; unknown: ; not run: ");
    let mut without_sex = request("2");
    without_sex["patient"] = json!({ "brdy": "19751103" });
    check(&agent, &without_sex, &[], "partial: ; unknown: drug-sex; not run: ");

    // Nothing at all is known: the rules say so, and nobody is held up.
    check_all_named(&agent, &json!({}), &[], "partial", "/data/unknown");

    // Out of time: what was not judged is named, and nothing is claimed.
    let at_once = [("X-Deadline-Ms", "0")];
    check_all_named(&agent, &request("2"), &at_once, "degraded", "/data/not_run");
    // A caller cannot ask for more than the configuration allows, nor break it by nonsense.
    check(&agent, &request("1"), &[("X-Deadline-Ms", "soon")], "partial: ; unknown: ; not run: ");
}

#[test]
fn what_is_no_request_is_refused_by_element() {
    let agent = Agent::start(Setup::files());
    let mut wrong = request("2");
    wrong["orders"] = json!("none");
    for (body, code) in [(wrong.to_string(), "C102"), ("{".to_owned(), "C101")] {
        let answer = his::post_json(agent.his(), "/v1/checks", &[], &body).expect("an answer");
        assert_eq!(answer.status, 422, "{}", answer.text());
        assert_eq!((answer.said().code, answer.said().detail), (12, vec![code.to_owned()]));
    }
}

#[test]
fn a_prescription_in_the_vendors_own_words_can_be_checked() {
    let agent = Agent::start(Setup::files());
    for case in Case::all() {
        let message = case.message();
        let headers: Vec<_> =
            message.content_type.iter().map(|it| ("Content-Type", it.as_str())).collect();
        let path = format!("/v1/channels/{}/checks", message.channel);
        let mut caller = his::Caller::connect(agent.his()).expect("the agent answers");
        let answer = caller.call("POST", &path, &headers, &message.bytes).expect("an answer");
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let told = verdict(answer.text());
        let found: Vec<&Value> = told["data"]["findings"]
            .as_array()
            .expect("findings")
            .iter()
            .map(|it| &it["rule_id"])
            .collect();
        // One of them prescribes for a month.
        let month = message.channel == "webapi" && case.has("\": 30,");
        let expected =
            if month { json!(["long-prescription", "prescription-days"]) } else { json!([]) };
        assert_eq!(json!(found), expected, "{path}: {}", answer.text());
    }
    assert_eq!(agent.readiness()["outbox"]["dead_letters"], 0, "a check buries nothing");
}

/// The verdict in an answer; who calls by SOAP is answered in SOAP.
fn verdict(text: &str) -> Value {
    let text = text.replace("&quot;", "\"");
    let json = text.find('{').zip(text.rfind('}')).map(|(first, last)| &text[first..=last]);
    serde_json::from_str(json.expect("a verdict")).expect("JSON")
}

#[test]
fn the_national_interface_is_answered_in_every_form_it_comes_in() {
    let agent = Agent::start(Setup::files());
    let hit = "0: drug-sex; unknown: allergy prescription-days";
    let pass = "0: ; unknown: allergy prescription-days";
    let unknown = "0: ; unknown: allergy drug-sex prescription-days";
    for form in [Form::Lists, Form::Objects] {
        check_national(agent.his(), "/insurance", &form.request(&json!("2")), hit);
        check_national(agent.his(), "/insurance", &form.request(&json!(2)), hit);
        check_national(agent.his(), "/insurance/3101", &form.request(&json!("1")), pass);
        check_national(agent.his(), "/insurance/3102", &form.request(&json!(1)), pass);
        let address = "/fsi/api/riskConService/beforeAnalyze";
        check_national(agent.his(), address, &form.request(&Value::Null), unknown);
    }
    let request = Form::Lists.request(&json!("2"));
    check_national(agent.his(), "/insurance/3103", &request, "-1: ; unknown: ");
    check_national(agent.his(), "/insurance", &json!({}), "-1: ; unknown: ");
}

/// A prescription that lacks nothing: seven days of a drug for men.
fn request(sex: &str) -> Value {
    json!({
        "scene": "outpatient",
        "patient": { "patn_id": "P1", "gend": sex, "brdy": "19751103" },
        "encounter": { "mdtrt_id": "MZ1", "med_mdtrt_type": "1", "emer_flag": "0" },
        "diagnoses": [{ "dise_codg": "L64.900", "dise_name": "雄激素性秃发", "maindise_flag": "1" }],
        "orders": [{
            "rx_id": "1", "rxno": "CF1", "hosplist_code": "YP000502", "drug_used_sdose": "1",
            "drug_used_dosunt": "粒", "drug_used_frqu": "QD", "medc_days": "7", "cnt": "1",
            "cnt_unt": "盒", "sumamt": "58.80",
        }],
        "prescriber": { "drord_dr_codg": "2046", "drord_dr_profttl": "232" },
        "allergies": [],
    })
}

/// Callers of the national interface write lists or, where there is one entry, the entry itself.
#[derive(Clone, Copy)]
enum Form {
    Lists,
    Objects,
}

impl Form {
    fn request(self, sex: &Value) -> Value {
        let order = json!({
            "rx_id": "1", "rxno": "CF1", "hosplist_code": "YP000502", "cnt": 1, "pric": "58.80",
            "sumamt": 58.80, "drord_dr_codg": "2046", "drord_dr_profttl": "232",
            "curr_drord_flag": "1",
        });
        let diagnosis = json!({ "dise_codg": "L64.900", "dise_name": "雄激素性秃发" });
        let encounter = json!({
            "mdtrt_id": "MZ1", "med_mdtrt_type": "1", "med_type": "11", "medins_lv": "5",
            "fsi_diagnose_dtos": self.of(diagnosis), "fsi_order_dtos": self.of(order),
        });
        let patient = json!({
            "patn_id": "P1", "patn_name": "测试甲", "gend": sex, "brdy": "1975-11-03",
            "curr_mdtrt_id": "MZ1", "fsi_encounter_dtos": self.of(encounter),
        });
        let data = json!({ "trig_scen": "2", "patient_dtos": self.of(patient) });
        json!({ "infno": "3101", "input": { "data": data } })
    }

    fn of(self, entry: Value) -> Value {
        match self {
            Form::Lists => json!([entry]),
            Form::Objects => entry,
        }
    }
}

#[track_caller]
fn check(agent: &Agent, request: &Value, headers: &[(&str, &str)], expected: &str) {
    let answer = his::post_json(agent.his(), "/v1/checks", headers, &request.to_string());
    let answer = answer.expect("the agent answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let said = answer.json();
    let finding = |it: &Value| format!("{} {}", text(it, "/rule_id"), text(it, "/action"));
    let actual = format!(
        "{}: {}; unknown: {}; not run: {}",
        text(&said, "/data/outcome"),
        list(&said, "/data/findings", finding),
        list(&said, "/data/unknown", |it| text(it, "/rule_id")),
        list(&said, "/data/not_run", |it| text(it, "")),
    );
    assert_eq!(actual, expected, "{}", answer.text());
}

/// Nothing is found, and a list names every rule of the starter pack, whatever other packs add.
#[track_caller]
fn check_all_named(
    agent: &Agent,
    request: &Value,
    headers: &[(&str, &str)],
    outcome: &str,
    named: &str,
) {
    let all = "drug-sex child-only child-forbidden duplicate-ingredient duplicate-class daily-dose \
               prescription-days antimicrobial-tier";
    let answer = his::post_json(agent.his(), "/v1/checks", headers, &request.to_string());
    let said = answer.expect("the agent answers").json();
    assert_eq!(text(&said, "/data/outcome"), outcome, "{said}");
    assert_eq!(said.pointer("/data/findings"), Some(&json!([])), "{said}");
    let listed = list(&said, named, |it| text(it, "/rule_id") + &text(it, ""));
    let listed: Vec<_> = listed.split(' ').collect();
    let absent: Vec<_> = all.split_whitespace().filter(|rule| !listed.contains(rule)).collect();
    assert_eq!(absent, [""; 0], "{said}");
}

#[track_caller]
fn check_national(his: SocketAddr, path: &str, request: &Value, expected: &str) {
    let answer = his::post_json(his, path, &[], &request.to_string()).expect("the agent answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    let said = answer.json();
    let actual = format!(
        "{}: {}; unknown: {}",
        said.get("infcode").unwrap_or(&Value::Null),
        list(&said, "/output/result", |it| text(it, "/rule_id")),
        list(&said, "/output/unknown", |it| text(it, "/rule_id")),
    );
    assert_eq!(actual, expected, "{path} {request}\n{}", answer.text());
}

/// The names of a list's entries; a list that is not there has none.
fn list(said: &Value, path: &str, name: impl Fn(&Value) -> String) -> String {
    let entries = said.pointer(path).and_then(Value::as_array).into_iter().flatten();
    entries.map(name).collect::<Vec<_>>().join(" ")
}

fn text(value: &Value, path: &str) -> String {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned()
}
