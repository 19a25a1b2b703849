//! Pushing to a subscriber that answers as it is told, from a real store.

mod aside;

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::envelope::{Draft, Original, Submission};
use crate::forward::ForwardState;
use crate::intake::Road;
use crate::outbox::{Options, Outbox, WriterHandle};
use crate::sets::Sets;

#[tokio::test(flavor = "multi_thread")]
async fn what_fits_goes_in_its_order_and_in_the_subscribers_words() {
    let fake = Fake::start(&[]);
    let house =
        House::new(fake.at, "when = [\"rx_type_code=11|12\"]\nelements = [\"rxno\", \"cnt\"]\n")
            .await;
    for (entity, key, kind) in [
        ("outpatient_prescription", "A", "11"),
        ("outpatient_prescription", "B", "99"),
        ("fee_detail_outpatient", "C", "11"),
        ("outpatient_prescription", "D", "12"),
    ] {
        house.take(entity, key, kind).await;
    }
    let told = fake.wait_for(2).await;
    assert_eq!(keys(&told), "A D");
    assert!(told[0].contains("\"elements\":{\"rxno\":\"A\",\"cnt\":1.00}"), "{}", told[0]);
    assert!(
        told[0].contains("Idempotency-Key: ") && !told[0].contains("rx_type_code"),
        "{}",
        told[0]
    );
    house.settles("sent 2, set aside 0, lost 0, trouble no").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_is_away_gets_everything_once_it_is_back() {
    let fake = Fake::start(&[503, 404]);
    let house = House::new(fake.at, "").await;
    house.take("outpatient_prescription", "A", "11").await;
    house.take("outpatient_prescription", "B", "11").await;
    let told = fake.wait_for(4).await;
    assert_eq!(keys(&told), "A A A B");
    assert_eq!(id_of(&told[0]), id_of(&told[2]), "the same id on every try");
    house.settles("sent 2, set aside 0, lost 0, trouble no").await;
}

/// What keeps records waiting is an alert when it lasts, and one no more when it is over.
#[tokio::test(flavor = "multi_thread")]
async fn trouble_that_lasts_is_an_alert() {
    let fake = Fake::start(&[503, 503]);
    let house = House::new(fake.at, "").await;
    house.take("outpatient_prescription", "A", "11").await;
    house.settles("sent 0, set aside 0, lost 0, trouble yes").await;
    assert!(house.road.subscriptions.alerts().is_empty());
    let long = super::ALERT_AFTER + Duration::from_secs(1);
    if let Some(trouble) = &mut house.road.subscriptions.0[0].standing().trouble {
        trouble.since = trouble.since.checked_sub(long).unwrap();
    }
    assert_eq!(house.alerts(), "I181 订阅 emr：答复 503");
    house.settles("sent 1, set aside 0, lost 0, trouble no").await;
    assert_eq!(house.alerts(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_set_aside_by_name_and_can_be_sent_again() {
    let fake = Fake::start(&[422, 422, 422]);
    let house = House::new(fake.at, "").await;
    house.take("outpatient_prescription", "A", "11").await;
    house.take("outpatient_prescription", "B", "11").await;
    assert_eq!(keys(&fake.wait_for(4).await), "A A A B");
    house.settles("sent 1, set aside 1, lost 0, trouble no").await;
    let refused = super::place::refused(&house.road.outbox, "emr", (0, 9)).unwrap();
    assert_eq!((refused.len(), refused[0].reason.as_str()), (1, "答复 422"));
    house.road.subscriptions.0[0].again.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(keys(&fake.wait_for(5).await), "A A A B A");
    house.settles("sent 2, set aside 0, lost 0, trouble no").await;
}

/// Nobody is sent the same again and again, and somebody is told, while the subscriber is away.
#[tokio::test(flavor = "multi_thread")]
async fn sending_again_waits_for_a_subscriber_that_is_away() {
    let fake = Fake::start(&[422, 422, 422, 503, 503]);
    let house = House::new(fake.at, "").await;
    house.take("outpatient_prescription", "A", "11").await;
    house.settles("sent 0, set aside 1, lost 0, trouble no").await;
    house.road.subscriptions.0[0].again.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(keys(&fake.wait_for(4).await), "A A A A");
    house.settles("sent 0, set aside 1, lost 0, trouble yes").await;
    assert_eq!(keys(&fake.wait_for(6).await), "A A A A A A");
    house.settles("sent 1, set aside 0, lost 0, trouble no").await;
}

/// What the disk has lost is counted once, however often the next one is tried.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_is_counted_once() {
    let fake = Fake::start(&[503, 503, 503, 200, 503]);
    let house = House::new(fake.at, "").await;
    for key in ["A", "B", "C"] {
        house.take("outpatient_prescription", key, "11").await;
    }
    fake.wait_for(1).await;
    house.road.outbox.lose(2);
    let house = house.start_again().await;
    house.settles("sent 2, set aside 0, lost 1, trouble no").await;
    assert!(keys(&fake.wait_for(6).await).ends_with("A C C"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_without_room_pushes_all_the_same() {
    let fake = Fake::start(&[]);
    let house = House::new(fake.at, "").await;
    house.stop.cancel();
    house.take("outpatient_prescription", "A", "11").await;
    let house = house.start_again_with(1).await;
    assert_eq!(keys(&fake.wait_for(1).await), "A");
    house.settles("sent 1, set aside 0, lost 0, trouble no").await;
}

/// A record that is refused while nothing can be written is set aside as soon as something can.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_without_room_is_not_forgotten() {
    let fake = Fake::start(&[422, 422, 422]);
    let house = House::new(fake.at, "").await;
    house.take("outpatient_prescription", "A", "11").await;
    house.take("outpatient_prescription", "B", "11").await;
    fake.wait_for(1).await;
    house.road.outbox.pretend_room(1);
    house.settles("sent 1, set aside 1, lost 0, trouble no").await;
    let refused = || super::place::refused(&house.road.outbox, "emr", (0, 9)).unwrap().len();
    assert_eq!(refused(), 0);
    house.road.outbox.pretend_room(1 << 19);
    for _ in 0..2_400 {
        tokio::time::sleep(Duration::from_millis(25)).await;
        if refused() == 1 {
            return;
        }
    }
    panic!("the record that was refused is not on the shelf");
}

/// What was sent before the end is not sent again, and what came meanwhile is.
#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_kept_over_a_start() {
    let fake = Fake::start(&[]);
    let house = House::new(fake.at, "").await;
    house.take("outpatient_prescription", "A", "11").await;
    house.settles("sent 1, set aside 0, lost 0, trouble no").await;
    let house = house.start_again().await;
    house.take("outpatient_prescription", "B", "11").await;
    assert_eq!(keys(&fake.wait_for(2).await), "A B");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_the_word_is_no_receipt() {
    let fake = Fake::start(&[]);
    let house = House::new(fake.at, "answer_has = \"AA\"\n").await;
    house.take("outpatient_prescription", "A", "11").await;
    fake.wait_for(3).await;
    house.settles("sent 0, set aside 1, lost 0, trouble no").await;
}

/// One record may be wrong; when the next one has no receipt either, it is waited for longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_under_maintenance_does_not_set_everything_aside() {
    let fake = Fake::saying(&[(200, "{\"code\":9}"); 8]);
    let house = House::new(fake.at, "answer_has = \"ok\"\n").await;
    for key in ["A", "B", "C"] {
        house.take("outpatient_prescription", key, "11").await;
    }
    assert_eq!(keys(&fake.wait_for(7).await), "A A A B B B B");
    house.settles("sent 0, set aside 1, lost 0, trouble yes").await;
}

/// Old stacks send faults with 200, gateways send their pages.
#[tokio::test(flavor = "multi_thread")]
async fn a_200_that_is_a_fault_or_a_page_is_no_receipt() {
    const FAULT: &str = "<s:Envelope><s:Body><s:Fault><faultcode>s:Server</faultcode></s:Fault></s:Body></s:Envelope>";
    let fake = Fake::saying(&[(200, FAULT), (200, "<!DOCTYPE html><html>login</html>")]);
    let house = House::new(fake.at, "soap_action = \"urn:a\"\n").await;
    house.take("outpatient_prescription", "A", "11").await;
    assert_eq!(keys(&fake.wait_for(3).await), "A A A");
    house.settles("sent 1, set aside 0, lost 0, trouble no").await;
    let advice: Vec<_> = super::advise(&house.road.config.subscriptions).collect();
    assert!(advice.len() == 1 && advice[0].code == "A023", "{advice:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_with_200_that_blames_the_record_sets_it_aside() {
    const FAULT: &str = "<s:Envelope><s:Body><s:Fault><faultcode>s:Client</faultcode></s:Fault></s:Body></s:Envelope>";
    let fake = Fake::saying(&[(200, FAULT); 3]);
    let house = House::new(fake.at, "soap_action = \"urn:a\"\nanswer_has = \"ok\"\n").await;
    house.take("outpatient_prescription", "A", "11").await;
    house.settles("sent 0, set aside 1, lost 0, trouble no").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_says_it_in_xml() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.xml");
    std::fs::write(
        &path,
        "<rx no=\"{{ elements.rxno }}\" key=\"{{ key }}\">{{ elements.cnt }}</rx>",
    )
    .unwrap();
    let fake = Fake::start(&[]);
    let more = format!("template = \"{}\"\nsoap_action = \"urn:a\"\n", path.display());
    let house = House::new(fake.at, &more).await;
    house.take("outpatient_prescription", "A<", "11").await;
    let told = fake.wait_for(1).await;
    assert!(told[0].ends_with("<rx no=\"A&lt;\" key=\"A&lt;\">1.00</rx>"), "{}", told[0]);
    assert!(told[0].contains("SOAPAction: \"urn:a\""), "{}", told[0]);
    assert!(told[0].contains("Content-Type: text/xml; charset=utf-8\r\n"), "{}", told[0]);
}

/// A road with one subscriber.
struct House {
    road: Arc<Road>,
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
    writer: WriterHandle,
    folder: tempfile::TempDir,
    more: String,
}

impl House {
    async fn new(at: SocketAddr, more: &str) -> House {
        House::of(at, "outpatient_prescription", more).await
    }

    async fn of(at: SocketAddr, entity: &str, more: &str) -> House {
        let more = format!(
            "[[subscription]]\nname = \"emr\"\nurl = \"http://{at}/in\"\nentities = [\"{entity}\"]\n{more}"
        );
        House::open(tempfile::tempdir().unwrap(), more, 1 << 19).await
    }

    async fn open(folder: tempfile::TempDir, more: String, free_mebibytes: u64) -> House {
        let (road, writer) = road(folder.path(), &more);
        road.outbox.pretend_room(free_mebibytes);
        let stop = CancellationToken::new();
        let task = tokio::spawn(super::follow(Arc::clone(&road), stop.clone()));
        for _ in 0..400 {
            if road.subscriptions.0[0].standing().place.next > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        House { road, stop, task, writer, folder, more }
    }

    async fn start_again(self) -> House {
        self.start_again_with(1 << 19).await
    }

    async fn start_again_with(self, free_mebibytes: u64) -> House {
        self.stop.cancel();
        self.task.await.unwrap();
        drop(self.road);
        self.writer.close().await.unwrap();
        House::open(self.folder, self.more, free_mebibytes).await
    }

    async fn take(&self, entity: &str, key: &str, kind: &str) {
        self.take_with(entity, key, &format!(",\"rx_type_code\":\"{kind}\"")).await;
    }

    async fn take_with(&self, entity: &str, key: &str, more: &str) {
        let elements = format!("{{\"rxno\":\"{key}\",\"cnt\":1.00{more}}}");
        let tail = format!("\"entity\":\"{entity}\",\"elements\":{elements}");
        let mut digest = [7; 32];
        digest.iter_mut().zip(more.bytes().rev().skip(1)).for_each(|(to, it)| *to = it);
        let draft = Draft::new(entity.to_owned(), key.to_owned(), key.to_owned(), digest, tail);
        let submission = Submission {
            channel: "c".into(),
            message_id: crate::clock::new_id(),
            received_at: crate::pipeline::stamp(crate::clock::now()),
            org: "H1".into(),
            schema: "s".into(),
            drafts: vec![draft],
            original: Original::default(),
        };
        self.road.outbox.append(submission).await.unwrap();
    }

    fn alerts(&self) -> String {
        let alerts = self.road.subscriptions.alerts();
        alerts.iter().map(|(code, text)| format!("{code} {text}")).collect::<Vec<_>>().join("; ")
    }

    /// Waits until it stands so.
    async fn settles(&self, expected: &str) {
        let mut told = String::new();
        for _ in 0..2_400 {
            let it = self.road.subscriptions.standing(&self.road.outbox).remove(0);
            let trouble = if it["trouble"].is_null() { "no" } else { "yes" };
            told = format!(
                "sent {}, set aside {}, lost {}, trouble {trouble}",
                it["sent"], it["set_aside"], it["lost"]
            );
            if told == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{told}, and not {expected}");
    }
}

fn road(folder: &Path, more: &str) -> (Arc<Road>, WriterHandle) {
    let text = format!(
        "[hospital]\ncode = \"H1\"\nname = \"n\"\n[outbox]\ndir = \"{}/outbox\"\n{more}",
        folder.display()
    );
    let config = Config::parse("agent.toml", &text).unwrap_or_else(|it| panic!("{it:?}"));
    let sets = Sets::load(&config).unwrap_or_else(|it| panic!("{it:?}"));
    let (outbox, writer) = Outbox::open(&config.outbox.dir, &Options::default()).unwrap();
    let road = Road::new(config, sets, outbox, Arc::new(ForwardState::default()));
    (Arc::new(road), writer)
}

/// A subscriber: these statuses first, then 200.
struct Fake {
    at: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn start(statuses: &[u16]) -> Fake {
        Fake::saying(&statuses.iter().map(|it| (*it, "ok")).collect::<Vec<_>>())
    }

    /// Answers so, and with 200 from then on.
    fn saying(answers: &[(u16, &'static str)]) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut answers: VecDeque<_> = answers.iter().copied().collect();
        let telling = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Some(request) = read(stream.as_ref().unwrap()) else { continue };
                telling.lock().unwrap().push(request);
                let (status, body) = answers.pop_front().unwrap_or((200, "ok"));
                let answer = format!(
                    "HTTP/1.1 {status} x\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.unwrap().write_all(answer.as_bytes());
            }
        });
        Fake { at, heard }
    }

    async fn wait_for(&self, count: usize) -> Vec<String> {
        for _ in 0..2_400 {
            let heard = self.heard.lock().unwrap().clone();
            if heard.len() >= count {
                return heard;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("heard {:?}", self.heard.lock().unwrap());
    }
}

fn read(stream: &TcpStream) -> Option<String> {
    let mut reader = BufReader::new(stream);
    let (mut text, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(it) = line.strip_prefix("Content-Length: ") {
            length = it.trim().parse().ok()?;
        }
        text.push_str(&line);
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(text + &String::from_utf8(body).ok()?)
}

fn keys(told: &[String]) -> String {
    let key = |it: &String| it.split("\"rxno\":\"").nth(1).map(|it| it[..1].to_owned());
    told.iter().filter_map(key).collect::<Vec<_>>().join(" ")
}

fn id_of(told: &str) -> &str {
    told.split("Idempotency-Key: ").nth(1).unwrap().lines().next().unwrap()
}
