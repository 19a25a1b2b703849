//! A daemon that has no room for another message says so, in the caller's own words, and takes it later.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use tests::agent::{Agent, Setup};
use tests::cases::{Case, Message};
use tests::far;
use tests::his::{self, Caller, head};
use tests::mllp::Line;
use tests::process::wait_until;

use crate::mllp;
use crate::refusals::summary;

/// A body that is coming takes no place of those that are worked on.
#[test]
fn who_is_still_sending_takes_nobodys_place() {
    let listen = "messages_max = 1\nbody_timeout_ms = 120000\n".to_owned();
    let agent = Agent::start(Setup { listen, ..Setup::files() });
    let message = Case::of("webapi").message();
    let _stalled = stall(near(&agent), &message.path(), 1);
    thread::sleep(Duration::from_millis(500));
    let answer = his::send(agent.his(), &message).expect("an answer");
    assert_eq!(summary(&answer), "200 0 ");
}

/// So many bytes of all that are coming. Who sends no less than the others makes nobody give way.
#[test]
fn no_more_than_bodies_bytes_max_are_held_at_a_time() {
    let listen = "body_bytes_max = 1048576\nbodies_bytes_max = 1048576\nbody_timeout_ms = 120000\n";
    let setup = Setup { listen: listen.to_owned(), channels: SOAP.to_owned(), ..Setup::files() };
    let agent = Agent::start(setup);
    let message = Case::of("webapi").message();
    let message = Message { bytes: padded(&message.bytes, 1_040_000), ..message };
    let send = || his::send(agent.his(), &message).expect("an answer");
    let told = || {
        let answer = send();
        format!("{} {:?}", summary(&answer), answer.header("retry-after"))
    };
    // Whoever asks too early takes the room that the other wants.
    let has_it = |patience: u64| {
        let stalled = stall(near(&agent), &message.path(), 1_040_000);
        thread::sleep(Duration::from_millis(500 * patience));
        (told() == "503 5 I107 Some(\"1\")").then_some(stalled)
    };
    let stalled = (1..=5).find_map(has_it);
    assert!(stalled.is_some(), "{}", told());
    let envelope =
        b"<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body/></s:Envelope>";
    let headers = [("Content-Type", "text/xml")];
    let mut soap = Caller::connect(agent.his()).expect("a door");
    let envelope = padded(envelope, 1_040_000);
    let fault = soap.call("POST", "/soap/esb", &headers, &envelope).expect("an answer");
    let text = fault.text();
    let is_fault = text.contains("<faultcode>soap:Server<") && text.contains("I107");
    assert!(fault.status == 503 && is_fault, "{} {text}", fault.status);
    drop(stalled);
    assert!(wait_until(Duration::from_secs(60), || send().status == 200), "{}", told());
}

/// One PC, or a bad line, on which every body stops half-way: whatever others send is taken.
#[test]
fn slow_bodies_of_one_address_keep_nobody_else_out() {
    let listen = "messages_max = 4\nbody_bytes_max = 1048576\nbodies_bytes_max = 4194304\nbody_timeout_ms = 120000\n";
    let door = SocketAddr::from(([127, 0, 0, 1], tests::free_port()));
    let channels = format!(
        "{SOAP}[[channel]]\nname = \"hl7\"\nformat = \"hl7\"\nmappings = [\"hl7/\"]\n[channel.mllp]\nlisten = \"{door}\"\n"
    );
    let agent = Agent::start(Setup { listen: listen.to_owned(), channels, ..Setup::files() });
    let message = Case::of("webapi").message();
    let far = || Caller::over(far::connect([127, 0, 0, 2], agent.his())?);
    let mut stalled: Vec<_> = (0..4)
        .map(|_| {
            let one = stall(far().expect("a door"), &message.path(), 1_040_000);
            thread::sleep(Duration::from_secs(1)); // the oldest goes first: each is counted before the next
            one
        })
        .chain((0..8).map(|_| stall(far().expect("a door"), "/soap/esb", 500)))
        .collect();
    thread::sleep(Duration::from_secs(3));
    let began = Instant::now();
    for length in [0, 16_000, 1_000_000] {
        let message = Message { bytes: padded(&message.bytes, length), ..message.clone() };
        let answer = his::send(agent.his(), &message).expect("an answer");
        assert_eq!(summary(&answer), "200 0 ", "{length}");
    }
    let check = format!("{}{{}}", " ".repeat(900_000));
    let answer = his::post_json(agent.his(), "/v1/checks", &[], &check).expect("an answer");
    assert_ne!(answer.status, 503, "{}", answer.text());
    let mut line = Line::connect(door).expect("the door is open");
    let text = format!("\rNTE|1|L|{}\rPV1|", "x".repeat(900_000));
    let order = mllp::order(1).spoilt("\rPV1|", text);
    let answer = line.send(&order.bytes).expect("an answer");
    assert_eq!(answer.said(), mllp::good(&mllp::control(1)));
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    // Who has lost its room is told so.
    let told = summary(&stalled.first_mut().expect("four").answer().expect("an answer"));
    assert_eq!(told, "503 5 I107");
}

/// A caller that says that it sends about a megabyte, and says no more after so many bytes.
fn stall(mut caller: Caller, path: &str, stalls_after: usize) -> Caller {
    let head = head("POST", path, &[("Content-Length", "1048000")]);
    caller.write(&[head, vec![b' '; stalls_after]].concat()).expect("it reads");
    caller
}

fn near(agent: &Agent) -> Caller {
    Caller::connect(agent.his()).expect("a door")
}

/// Long enough to want room.
fn padded(bytes: &[u8], by: usize) -> Vec<u8> {
    [&vec![b' '; by], bytes].concat()
}

const SOAP: &str = "
[[channel]]
name = \"esb\"
mappings = [\"platform/\"]
[channel.soap]
namespace = \"http://www.zysoft.com.cn/\"
[[channel.soap.operation]]
name = \"CallInterface\"
parameters = [\"msgHeader\", \"msgBody\"]
";
