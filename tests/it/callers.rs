//! Who is let in, over real TLS and with real tokens: made by command, in force at once, over a kill; a
//! certificate exchanged under load; every call in the book.
#![allow(clippy::indexing_slicing)] // a member that is not there reads as null

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustls::version::{TLS12, TLS13};
use serde_json::Value;
use tests::agent::{Agent, Setup};
use tests::cases::Case;
use tests::certificates::Certificates;
use tests::his::{Answer, Caller};
use tests::process::wait_until;

#[test]
fn callers_are_known_under_tls_by_token_and_by_certificate() {
    let made = Certificates::new();
    made.sign("server", "mq.test", 3_600);
    made.sign("his", "his.example", 3_600);
    made.sign("other", "other.example", 3_600);
    let more = format!(
        "{}[access]\nwithout_token = \"nobody\"\n\
         [[caller]]\nname = \"his\"\ncertificate = \"his.example\"\nverbs = [\"message\"]\n",
        tls(&made)
    );
    let mut agent = Agent::start(Setup { channels: more, ..Setup::files() });
    let message = Case::of("cdss").numbered(1);
    let send = |agent: &Agent, shows, version, token: Option<&str>| -> Answer {
        let mut line =
            Caller::connect_sealed(agent.his(), made.client(shows, version), "mq.test").unwrap();
        let bearer = token.map(|it| format!("Bearer {it}"));
        let mut headers = vec![("Content-Type", "application/json")];
        headers.extend(bearer.as_ref().map(|it| ("Authorization", it.as_str())));
        line.call("POST", &message.path(), &headers, &message.bytes).unwrap()
    };
    for version in [&TLS12, &TLS13] {
        assert_eq!(send(&agent, Some("his"), version, None).status, 200, "{version:?}");
        let refused = send(&agent, Some("other"), version, None);
        assert_eq!((refused.status, code(&refused)), (401, "I221".into()), "{}", refused.text());
        let refused = send(&agent, None, version, None);
        assert_eq!((refused.status, code(&refused)), (401, "I221".into()), "{}", refused.text());
    }
    // A token is in force when the command has ended, and still after a kill.
    let ran = agent.ask(&["token", "create", "lis", "--verbs", "message", "--channels", "cdss"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let token = ran.stdout.trim().to_owned();
    assert!(token.starts_with("his_") && !ran.stderr.contains(&token), "{}", ran.stdout);
    assert_eq!(send(&agent, None, &TLS13, Some(&token)).status, 200);
    // What was asked for is written: a kill costs the lines of the last second.
    let listed = agent.ask(&["calls", "list"]).stdout;
    assert_eq!(listed.lines().filter(|it| !it.contains("/admin/v1/")).count(), 7, "{listed}");
    agent.kill();
    agent.start_again();
    assert_eq!(send(&agent, None, &TLS13, Some(&token)).status, 200);
    assert_eq!(code(&send(&agent, None, &TLS13, Some("his_wrong"))), "I222");
    let ran = agent.ask(&["token", "revoke", "lis", "--reason", "换厂商"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(code(&send(&agent, None, &TLS13, Some(&token))), "I223");
    let ran = agent.ask(&["token", "revoke", "lis", "--reason", "again"]);
    assert!(ran.code != Some(0) && ran.stderr.contains("没有在用的令牌"), "{}", ran.stderr);
    assert!(!agent.log().contains(&token), "a token is in no log");

    // Whoever speaks clear text is told so in clear text.
    let mut clear = Caller::connect(agent.his()).unwrap();
    let told = clear.call("POST", &message.path(), &[], &message.bytes).unwrap();
    assert_eq!((told.status, code(&told)), (400, "I234".into()), "{}", told.text());

    let listed = agent.ask(&["calls", "list", "--json"]).stdout;
    let calls: Vec<Value> =
        listed.lines().map(|it| serde_json::from_str(it).expect("a line of JSON")).collect();
    let (admin, calls): (Vec<Value>, Vec<Value>) =
        calls.into_iter().partition(|it| it["verb"] == "admin");
    assert!(
        admin.iter().all(|it| it["caller"] == admin[0]["caller"] && it["id"] == "admin"),
        "{listed}"
    );
    let by = |caller: &str| calls.iter().filter(|it| it["caller"] == caller).count();
    assert_eq!((by("his"), calls.len()), (2, 10), "{listed}");
    let last = agent.ask(&["calls", "list", "--caller", "lis", "--limit", "1"]).stdout;
    assert!(last.contains("\tlis\t127.0.0.1\tmessage\tcdss\t200\t-\t"), "{last}");
    let found = last.trim().rsplit('\t').next().expect("an id").to_owned();
    assert_eq!(agent.ask(&["messages", "show", &found]).code, Some(0), "{found}");
}

/// A new certificate is shown to new connections in seconds, no request fails meanwhile, and one that
/// cannot be used changes nothing but the alerts.
#[test]
fn a_certificate_is_exchanged_under_load_and_a_bad_one_is_not() {
    let made = Certificates::new();
    made.sign("server", "mq.test", 3_600);
    let agent = Agent::start(Setup { channels: tls(&made), ..Setup::files() });
    let client = made.client(None, &TLS13);
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let until = |agent: &Agent| agent.readiness()["tls"]["certificates"]["tls"]["until"].clone();
    let before = until(&agent);
    thread::scope(|scope| {
        for kept in [true, true, false, false] {
            let (stop, sent, client, his) = (&stop, &sent, &client, agent.his());
            scope.spawn(move || {
                let connect = || Caller::connect_sealed(his, Arc::clone(client), "mq.test");
                let mut line = connect().expect("the door is open");
                while !stop.load(Ordering::Relaxed) {
                    if !kept {
                        line = connect().expect("the door is open");
                    }
                    let answer = line.call("GET", "/openapi.json", &[], b"").expect("an answer");
                    assert_eq!(answer.status, 200);
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _end = End(&stop);
        made.sign("newer", "mq.test", 864_000);
        fs::copy(made.path("newer.key"), made.path("server.key")).unwrap();
        fs::copy(made.path("newer.pem"), made.path("server.pem")).unwrap();
        let taken = wait_until(Duration::from_secs(30), || until(&agent) != before);
        assert!(taken, "{}", agent.log());
        let now = until(&agent);

        fs::write(made.path("server.pem"), "no certificate").unwrap();
        let told = wait_until(Duration::from_secs(30), || agent.log().contains("I229"));
        assert!(told, "{}", agent.log());
        assert_eq!(until(&agent), now);
        fs::copy(made.path("newer.pem"), made.path("server.pem")).unwrap();
        let is_well = || agent.readiness()["tls"]["certificates"]["tls"]["trouble"].is_null();
        assert!(wait_until(Duration::from_secs(30), is_well), "{}", agent.log());
    });
    assert!(sent.load(Ordering::Relaxed) > 100, "{sent:?}");
}

/// Ends the load, also when the test has failed.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What is behind TLS is described as such, at the name by which it was reached.
#[test]
fn a_service_under_tls_is_described_at_an_address_under_tls() {
    let made = Certificates::new();
    made.sign("server", "mq.test", 3_600);
    let soap = "[[channel]]\nname = \"esb\"\nmappings = [\"platform/\"]\n[channel.soap]\nnamespace = \"urn:a\"\n\
                [[channel.soap.operation]]\nname = \"Call\"\nparameters = [\"a\", \"b\"]\n";
    let agent = Agent::start(Setup { channels: format!("{soap}{}", tls(&made)), ..Setup::files() });
    let connect = || Caller::connect_sealed(agent.his(), made.client(None, &TLS13), "mq.test");
    let mut line = connect().unwrap();
    line.write(b"GET /soap/esb?wsdl HTTP/1.1\r\nHost: mq.test:8700\r\n\r\n").unwrap();
    let answer = line.answer().unwrap();
    let told = answer.text();
    assert!(told.contains("location=\"https://mq.test:8700/soap/esb\""), "{told}");
}

fn tls(made: &Certificates) -> String {
    let file = |name: &str| made.path(name).display().to_string();
    format!(
        "[tls]\ncert_file = \"{}\"\nkey_file = \"{}\"\nclient_ca_file = \"{}\"\n",
        file("server.pem"),
        file("server.key"),
        file("ca.pem")
    )
}

fn code(answer: &Answer) -> String {
    answer.json()["detail"][0]["code"].as_str().unwrap_or_default().to_owned()
}
