//! A daemon that has no room for another message says so, in the caller's own words, and takes it later.

use std::thread;
use std::time::Duration;

use tests::agent::{Agent, Setup};
use tests::cases::{Case, Message};
use tests::his::{self, Caller, head};
use tests::process::wait_until;

use crate::refusals::summary;

/// So many messages at a time.
#[test]
fn no_more_than_messages_max_are_worked_on_at_a_time() {
    check("messages_max = 1\n", 1);
}

/// So many bytes of all that are coming.
#[test]
fn no_more_than_bodies_bytes_max_are_held_at_a_time() {
    check("body_bytes_max = 1048576\nbodies_bytes_max = 1048576\n", 1_040_000);
}

/// One caller says that it sends nearly a megabyte, and says no more after so many bytes.
#[track_caller]
fn check(room: &str, stalls_after: usize) {
    let listen = format!("{room}body_timeout_ms = 20000\n");
    let agent = Agent::start(Setup { listen, channels: SOAP.to_owned(), ..Setup::files() });
    let message = Case::of("webapi").message();
    let message = Message { bytes: padded(&message.bytes), ..message };
    let send = || his::send(agent.his(), &message).expect("an answer");
    let told = || {
        let answer = send();
        format!("{} {:?}", summary(&answer), answer.header("retry-after"))
    };
    // Whoever asks too early takes the room that the other wants.
    let has_it = |patience: u64| {
        let stalled = stall(&agent, &message.path(), stalls_after);
        thread::sleep(Duration::from_millis(500 * patience));
        (told() == "503 5 I107 Some(\"1\")").then_some(stalled)
    };
    let stalled = (1..=5).find_map(has_it);
    assert!(stalled.is_some(), "{room}: {}", told());
    let envelope =
        b"<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body/></s:Envelope>";
    let headers = [("Content-Type", "text/xml")];
    let mut soap = Caller::connect(agent.his()).expect("a door");
    let fault = soap.call("POST", "/soap/esb", &headers, &padded(envelope)).expect("an answer");
    let text = fault.text();
    let is_fault = text.contains("<faultcode>soap:Server<") && text.contains("I107");
    assert!(fault.status == 503 && is_fault, "{room}: {} {text}", fault.status);
    drop(stalled);
    assert!(wait_until(Duration::from_secs(10), || send().status == 200), "{room}: {}", told());
}

fn stall(agent: &Agent, path: &str, stalls_after: usize) -> Caller {
    let mut caller = Caller::connect(agent.his()).expect("a door");
    let head = head("POST", path, &[("Content-Length", "1048000")]);
    caller.write(&[head, vec![b' '; stalls_after]].concat()).expect("it reads");
    caller
}

/// Long enough to want room.
fn padded(bytes: &[u8]) -> Vec<u8> {
    [&vec![b' '; 16_000], bytes].concat()
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
