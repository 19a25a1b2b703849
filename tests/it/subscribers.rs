//! Subscribers that others wrote, each with its own place: one that is long away holds nobody and misses
//! nothing; PHP's SoapServer takes what a template writes, by its own description; Node takes it under TLS.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::certificates::Certificates;
use tests::load;
use tests::obligations::Obligations;
use tests::process::wait_until;
use tests::service::Service;
use tests::subscriber::Subscriber;

#[test]
fn one_that_is_long_away_holds_nobody_and_gets_everything_once() {
    let (mut here, mut away) = (Subscriber::new(), Subscriber::new());
    let wanted = format!("entities = [\"{WANTED}\"]");
    let channels = here.table("here", &wanted) + &away.table("away", &wanted);
    let mut agent = Agent::start(Setup { channels, ..Setup::files() });
    let (obligations, mut promised) = (Obligations::default(), Vec::new());
    here.come();
    for round in 0..3 {
        for n in 1..=100 {
            promised.extend(send(&agent, round * 100 + n, &obligations));
        }
        // The platform and the other one have it all, whoever else is away.
        agent.await_readiness("pushed", |it| it["subscriptions"][0]["behind"] == 0);
        agent.await_drained();
        let ids: Vec<String> = here.taken().into_iter().map(|it| it.id).collect();
        assert_eq!(ids, promised, "in order, each once");
        let said = agent.readiness();
        let behind = said["subscriptions"][1]["behind"].as_u64().unwrap_or_default();
        assert!(behind >= promised.len() as u64 && away.taken().is_empty(), "{said}");
        agent.kill();
        agent.start_again();
    }
    away.come();
    agent.await_readiness("pushed", |it| it["subscriptions"][1]["behind"] == 0);
    let ids: Vec<String> = away.taken().into_iter().map(|it| it.id).collect();
    assert_eq!(ids, promised, "in order, each once");
    assert_eq!(here.taken().len(), promised.len(), "nobody gets it again");
    let said = agent.readiness();
    for it in said["subscriptions"].as_array().expect("both") {
        assert_eq!((&it["lost"], &it["set_aside"]), (&0.into(), &0.into()), "{it}");
    }
}

#[test]
fn a_soap_service_takes_what_the_template_writes() {
    let service = Service::php(&script("save.php"));
    let desk = tempfile::tempdir().expect("a folder");
    let template = desk.path().join("save.xml");
    fs::write(&template, SAVE).expect("our own folder");
    let channels = format!(
        "[[subscription]]\nname = \"emr\"\nurl = \"{}/emr\"\nentities = [\"{WANTED}\"]\ntemplate = \"{}\"\n\
         soap_action = \"urn:emr/Save\"\nanswer_has = \"<ns1:code>0</ns1:code>\"\n",
        service.address(),
        template.display()
    );
    let agent = Agent::start(Setup { channels, ..Setup::files() });
    let obligations = Obligations::default();
    let mut promised = Vec::new();
    for n in 1..=6 {
        promised.extend(send(&agent, n, &obligations));
    }
    agent.await_readiness("pushed", |it| it["subscriptions"][0]["behind"] == 0);
    let taken = service.taken();
    assert_eq!(ids(&taken), promised, "in order, each once");
    // Read back by PHP: an amount as exact, a name with what XML reads otherwise.
    assert!(taken.iter().any(|it| it["drug"] == SPECIAL && it["count"] == "1.0000"), "{taken:?}");

    // Its own trouble: the record waits, and goes when that is over.
    service.breaks(true);
    let waiting = send(&agent, 8, &obligations);
    agent.await_readiness("in trouble", |it| it["subscriptions"][0]["trouble"].is_object());
    assert_eq!(service.taken().len(), promised.len());
    service.breaks(false);
    promised.extend(waiting);
    agent.await_readiness("pushed", |it| it["subscriptions"][0]["behind"] == 0);
    assert_eq!(ids(&service.taken()), promised);

    // What it calls the record's fault is set aside, and the others go on.
    let refused = send(&agent, 17, &obligations);
    promised.extend(send(&agent, 18, &obligations));
    agent.await_readiness("set aside", |it| {
        it["subscriptions"][0]["behind"] == 0
            && it["subscriptions"][0]["set_aside"] == refused.len()
    });
    assert_eq!(ids(&service.taken()), promised);
    let is_told = || agent.log().matches("I183").count() == refused.len();
    assert!(wait_until(Duration::from_secs(20), is_told), "{}", agent.log());
}

#[test]
fn under_tls_only_who_shows_a_certificate_of_the_named_ca_gets_records() {
    let (trusted, other) = (Certificates::new(), Certificates::new());
    trusted.sign("server", "localhost", 3_600);
    other.sign("server", "localhost", 3_600);
    let [good, bad] = [&trusted, &other].map(|it| {
        Service::sealed(&script("sealed.js"), &it.path("server.pem"), &it.path("server.key"))
    });
    // The third leads to the right one, by a name that its certificate does not have.
    let tables = [("good", good.address()), ("bad", bad.address()), ("name", good.numbered())];
    let channels = tables.map(|(name, address)| {
        format!(
            "[[subscription]]\nname = \"{name}\"\nurl = \"{address}/in\"\nentities = [\"{WANTED}\"]\n\
             ca_file = \"{}\"\n",
            trusted.path("ca.pem").display()
        )
    });
    let agent = Agent::start(Setup { channels: channels.concat(), ..Setup::files() });
    let promised = send(&agent, 1, &Obligations::default());
    // It is not behind either before it has begun.
    wait_until(PATIENCE, || good.taken().len() >= promised.len());
    let taken = good.taken();
    let came: Vec<&str> = taken.iter().filter_map(|it| it["record_id"].as_str()).collect();
    assert_eq!(came, promised);
    for name in ["bad", "name"] {
        let is_told = wait_until(PATIENCE, || {
            agent.ask(&["subscriptions", "show", name]).stdout.contains("没有送到")
        });
        assert!(is_told, "{name}: {}", agent.ask(&["subscriptions", "show", name]).stdout);
    }
    let said = agent.readiness();
    for it in [1, 2] {
        assert_ne!(said["subscriptions"][it]["behind"], 0, "{said}");
    }
    assert_eq!((bad.taken().len(), good.taken().len()), (0, promised.len()));
}

/// The ids of the records that were promised and are wanted, in their order.
fn send(agent: &Agent, n: u64, obligations: &Obligations) -> Vec<String> {
    let message = Case::of("cdss").numbered(n).changed("5mg*7", "5mg<&'>7");
    let receipt = load::send(agent.his(), &message, obligations);
    let wanted = receipt.records.into_iter().filter(|it| it.entity == WANTED);
    wanted.map(|it| it.record_id).collect()
}

fn ids(taken: &[Value]) -> Vec<&str> {
    taken.iter().filter_map(|it| it["id"].as_str()).collect()
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/subscribers").join(name)
}

const WANTED: &str = "outpatient_prescription";
const SPECIAL: &str = "苯磺酸氨氯地平片 5mg<&'>7片";
const SAVE: &str = "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>\
    <Save xmlns=\"urn:emr\"><no>{{ elements.rxno }}</no><drug>{{ elements.rx_detl_name }} {{ elements.drug_spec }}\
    </drug><count>{{ elements.cnt }}</count><id>{{ record_id }}</id></Save></soap:Body></soap:Envelope>";
const PATIENCE: Duration = Duration::from_secs(60);
