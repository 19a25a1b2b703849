//! What HTTP clients of every age write, byte by byte against the running daemon: it is taken as it is
//! meant, or refused with a code, in bounded time and memory, and holds up nobody else.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tests::agent::{Agent, Setup};
use tests::cases::{Case, Message};
use tests::far;
use tests::his::{self, Caller, head};
use tests::process::wait_until;

use crate::refusals::summary;
use crate::stream::memory_kib;

#[test]
fn every_way_to_send_a_message_is_understood() {
    let agent = Agent::start(Setup { listen: LISTEN.to_owned(), ..Setup::files() });
    let message = Case::of("webapi").message();
    let path = message.path();
    let length = message.bytes.len().to_string();
    let send = |headers: &[(&str, &str)]| {
        let sized = [&[("Content-Length", length.as_str())], headers].concat();
        [head("POST", &path, &sized), message.bytes.clone()].concat()
    };
    let check = |request: &[u8], expected: &str| check(agent.his(), request, expected);

    check(&send(&[]), TAKEN);
    check(&send(&[("cONTENT-tYPE", "APPLICATION/JSON;CHARSET=\"UTF-8\"")]), TAKEN);
    for odd in ["Content-Type", "text/html", "text/plain;;;=", "application/as-xml", "?", "报文"]
    {
        check(&send(&[("Content-Type", odd)]), TAKEN);
    }
    check(&send(&[("Content-Type", "text/xml"), ("Content-Type", "text/plain")]), TAKEN);
    check(&send(&[("Content-Type", "image/png")]), "415 12 D103");
    check(&send(&[("Content-Encoding", "utf-8")]), TAKEN);
    check(&send(&[("Accept", "*/*"), ("Accept", "text/*"), ("Accept-Encoding", "none")]), TAKEN);
    // Offers that need no answer: HTTP/2 and WebSocket are for those who asked for them.
    let h2c = [
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"),
    ];
    check(&send(&h2c), TAKEN);
    let socket = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    check(&send(&socket), TAKEN);
    check(&head("GET", &path, &socket), "405 15 I106");
    check(&send(&[("Expect", "something-else")]), TAKEN);
    // The whole address in the request line, as to a proxy; no host at all.
    let text = String::from_utf8(send(&[])).expect("the case is UTF-8");
    check(text.replace(&path, &format!("http://his-agent{path}")).as_bytes(), TAKEN);
    check(text.replace("Host: his-agent\r\n", "").as_bytes(), TAKEN);
    check(text.replace("\r\n", "\n").as_bytes(), TAKEN);
    check(format!("\r\n{text}").as_bytes(), TAKEN);

    let gbk = Case::of("pinyin").message();
    assert!(str::from_utf8(&gbk.bytes).is_err(), "the case is in GBK");
    for told in [None, Some("text/xml; charset=GBK"), Some("text/xml; charset=gb2312")] {
        let message = Message { content_type: told.map(str::to_owned), ..gbk.clone() };
        assert_eq!(his::send(agent.his(), &message).expect("an answer").status, 200, "{told:?}");
    }
}

#[test]
fn chunks_are_put_together() {
    let agent = Agent::start(Setup { listen: LISTEN.to_owned(), ..Setup::files() });
    let message = Case::of("webapi").message();
    let chunked = head("POST", &message.path(), &[("Transfer-Encoding", "chunked")]);
    let check = |body: &[u8], expected: &str| {
        check(agent.his(), &[&chunked[..], body].concat(), expected);
    };
    let in_pieces = |length: usize, extension: &str| {
        let mut body = Vec::new();
        for piece in message.bytes.chunks(length) {
            body.extend_from_slice(format!("{:X}{extension}\r\n", piece.len()).as_bytes());
            body.extend_from_slice(piece);
            body.extend_from_slice(b"\r\n");
        }
        body
    };
    let end = b"0\r\n\r\n";
    check(&[&in_pieces(1, "")[..], end].concat(), TAKEN);
    check(&[&in_pieces(4096, ";name=\"value\"")[..], end].concat(), TAKEN);
    check(&[&in_pieces(100, "")[..], b"0\r\nX-Trailer: 1\r\n\r\n"].concat(), TAKEN);
    let long = "x".repeat(100_000);
    check(&[&in_pieces(1, &format!(";{long}"))[..], end].concat(), "400 15 I103");
    check(&[b"FFFFFFFFFFFFFFFFF\r\na", &end[..]].concat(), "400 15 I103");
    check(&[b"-1\r\na", &end[..]].concat(), "400 15 I103");
    check(b"5\r\nabcdefgh\r\n0\r\n\r\n", "400 15 I103");
    // A body without end is refused at the limit, and not read on.
    let endless = [&b"186A0\r\n"[..], &vec![b' '; 100_000], b"\r\n"].concat().repeat(3);
    check(&endless, "413 12 I101");
}

#[test]
fn who_waits_for_leave_to_send_gets_it_or_the_answer() {
    let agent = Agent::start(Setup { listen: LISTEN.to_owned(), ..Setup::files() });
    let message = Case::of("webapi").message();
    let ask = |length: usize| {
        let length = length.to_string();
        let mut caller = Caller::connect(agent.his()).expect("a door");
        let headers = [("Content-Length", length.as_str()), ("Expect", "100-continue")];
        caller.write(&head("POST", &message.path(), &headers)).expect("it reads");
        let first = caller.answer().expect("an answer");
        (caller, first)
    };
    let (mut caller, first) = ask(message.bytes.len());
    assert_eq!(first.status, 100);
    caller.write(&message.bytes).expect("it reads");
    assert_eq!(summary(&caller.answer().expect("an answer")), TAKEN);
    // What would be refused is refused before it is sent.
    let (mut caller, first) = ask(100_000_000);
    assert_eq!(summary(&first), "413 12 I101");
    assert!(caller.rest().expect("the end").is_empty());
    // Who sends without waiting hears of it, too, and is not reset half-way.
    let long = vec![b' '; 3_000_000];
    let headers = [("Content-Length", "3000000")];
    check(agent.his(), &[head("POST", &message.path(), &headers), long].concat(), "413 12 I101");
}

#[test]
fn connections_stay_open_or_are_closed_as_they_were_asked_to() {
    let agent = Agent::start(Setup { listen: LISTEN.to_owned(), ..Setup::files() });
    let message = Case::of("webapi").message();
    let length = message.bytes.len().to_string();
    let request = |version: &str, connection: &[(&str, &str)]| {
        let sized = [&[("Content-Length", length.as_str())], connection].concat();
        let head = String::from_utf8(head("POST", &message.path(), &sized)).expect("ASCII");
        [head.replace("HTTP/1.1", version).into_bytes(), message.bytes.clone()].concat()
    };
    let closes = |version: &str, connection: &[(&str, &str)]| {
        let mut caller = Caller::connect(agent.his()).expect("a door");
        caller.write(&request(version, connection)).expect("it reads");
        let answer = caller.answer().expect("an answer");
        assert_eq!(summary(&answer), TAKEN);
        let told = answer.header("connection").unwrap_or_default().to_ascii_lowercase();
        caller.write(&request(version, connection)).ok();
        let goes_on = caller.answer().is_ok();
        format!("{told} {}", if goes_on { "goes on" } else { "ends" })
    };
    assert_eq!(closes("HTTP/1.1", &[]), " goes on");
    assert_eq!(closes("HTTP/1.1", &[("Connection", "keep-alive")]), " goes on");
    assert_eq!(closes("HTTP/1.1", &[("connection", "CLOSE")]), "close ends");
    assert_eq!(
        closes("HTTP/1.1", &[("Connection", "TE, close"), ("TE", "trailers")]),
        "close ends"
    );
    assert!(closes("HTTP/1.0", &[]).ends_with(" ends"));
    assert_eq!(closes("HTTP/1.0", &[("Connection", "Keep-Alive")]), "keep-alive goes on");

    // Who has said all may close his side at once.
    let mut caller = Caller::connect(agent.his()).expect("a door");
    caller.write(&request("HTTP/1.1", &[])).expect("it reads");
    caller.close_writing().expect("a socket");
    assert_eq!(summary(&caller.answer().expect("an answer")), TAKEN);

    // Requests in one packet are answered one by one, in their order.
    let mut caller = Caller::connect(agent.his()).expect("a door");
    let wrong = head("GET", &message.path(), &[]);
    let all = [request("HTTP/1.1", &[]), wrong, request("HTTP/1.1", &[])].concat();
    caller.write(&all).expect("it reads");
    let answers = [(); 3].map(|()| summary(&caller.answer().expect("an answer")));
    assert_eq!(answers, [TAKEN, "405 15 I106", TAKEN]);
}

#[test]
fn packed_bodies_are_unpacked_within_the_bounds_of_others() {
    let agent = Agent::start(Setup { listen: LISTEN.to_owned(), ..Setup::files() });
    let message = Case::of("webapi").message();
    let packed = gzip(&message.bytes);
    let send = |encoding: &str, body: &[u8]| {
        let length = body.len().to_string();
        let headers = [("Content-Length", length.as_str()), ("Content-Encoding", encoding)];
        [head("POST", &message.path(), &headers), body.to_vec()].concat()
    };
    let check = |request: &[u8], expected: &str| check(agent.his(), request, expected);
    check(&send("gzip", &packed), TAKEN);
    check(&send("X-GZIP", &packed), TAKEN);
    check(&send("br", &packed), "415 12 I145");
    check(&send("gzip", &message.bytes), "400 12 I145");
    check(&send("gzip", &packed[..packed.len() - 5]), "400 12 I145");
    let before = memory_kib(&agent, "VmRSS");
    let bomb = gzip(&vec![b' '; 90_000_000]);
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    for _ in 0..20 {
        check(&send("gzip", &bomb), "413 12 I101");
    }
    let grown = memory_kib(&agent, "VmRSS").saturating_sub(before) / 1024;
    assert!(grown < 30, "{grown} MB more after bombs");
}

#[test]
fn what_two_readers_could_read_in_two_ways_is_refused() {
    let agent = Agent::start(Setup { listen: LISTEN.to_owned(), ..Setup::files() });
    let message = Case::of("webapi").message();
    let line = format!("POST {} HTTP/1.1\r\nHost: his-agent\r\n", message.path());
    let body = str::from_utf8(&message.bytes).expect("UTF-8");
    let length = body.len();
    let whole = format!("Content-Length: {length}\r\n");
    let more = format!("Content-Length: {}\r\n", length + 1);
    let unread = "400 15 I143";
    for (what, headers, expected) in [
        ("two lengths", format!("{whole}{more}"), unread),
        ("two lengths in one", format!("Content-Length: {length}, {}\r\n", length + 1), unread),
        // The chunks count, and nothing behind them.
        ("a length and chunks", format!("{whole}Transfer-Encoding: chunked\r\n"), "400 15 I103"),
        ("chunks and a length", format!("Transfer-Encoding: chunked\r\n{whole}"), "400 15 I103"),
        ("chunks within", "Transfer-Encoding: chunked, identity\r\n".to_owned(), unread),
        ("chunks, hidden", "Transfer-Encoding: xchunked\r\n".to_owned(), unread),
        ("a blank before the colon", format!("Content-Length : {length}\r\n"), unread),
        ("a folded line", format!("X-A: a\r\n b\r\n{whole}"), unread),
        ("a folded length", format!("X-A: a\r\n {whole}"), unread),
        ("a line's end alone", format!("X-A: a\rContent-Length: 0\r\n{whole}"), unread),
        ("a NUL", format!("X-A: a\0\r\n{whole}"), unread),
        ("a sign", format!("Content-Length: +{length}\r\n"), unread),
        ("no number", "Content-Length: 1e3\r\n".to_owned(), unread),
        ("a line without a colon", format!("X\r\n{whole}"), unread),
        ("no length", String::new(), "400 12 D101"),
    ] {
        let request = format!("{line}{headers}\r\n{body}");
        let mut caller = Caller::connect(agent.his()).expect("a door");
        caller.write(request.as_bytes()).expect("it reads");
        let answer = summary(&caller.answer().expect("an answer"));
        assert_eq!(answer, expected, "{what}");
        let rest = caller.rest().unwrap_or_default();
        assert!(!rest.windows(9).any(|it| it == b" 200 OK\r\n"), "{what}: {rest:?}");
    }
    let old = format!("{line}Transfer-Encoding: chunked\r\n\r\n").replace("HTTP/1.1", "HTTP/1.0");
    check(agent.his(), old.as_bytes(), unread);
    check(agent.his(), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "unexpected end of file");
    check(agent.his(), b"GET / HTTP/9.9\r\n\r\n", unread);
    let many = "X-A: 1\r\n".repeat(200);
    check(agent.his(), format!("{line}{many}{whole}\r\n{body}").as_bytes(), "431 15 I142");
    // More than a read beyond the bound, which is looked at between reads.
    let long = "a".repeat(200_000);
    check(agent.his(), format!("{line}X-A: {long}\r\n\r\n").as_bytes(), "431 15 I142");
    check(agent.his(), format!("POST /{long} HTTP/1.1\r\n\r\n").as_bytes(), "431 15 I142");
    assert_eq!(agent.readiness()["outbox"]["next_seq"], 1, "nothing of it was taken");
}

#[test]
fn who_is_slow_is_told_or_cut_off_in_time() {
    let slow = "head_timeout_ms = 1000\nbody_timeout_ms = 1000\nidle_timeout_ms = 700\nanswer_timeout_ms = 1000\n";
    let top = "[events]\npatience_ms = 100\n".to_owned();
    let setup = Setup { listen: slow.to_owned(), channels: top, ..Setup::files() };
    let agent = Agent::start(setup);
    // A byte at a time: the bound is over all of them.
    check_slowly(&agent, b"POST /v1/checks HTTP/1.1\r\nHost: a\r\nX-Long: aaaa", "408 15 I141");
    let request = head("POST", "/v1/checks", &[("Content-Length", "100")]);
    let mut caller = Caller::connect(agent.his()).expect("a door");
    caller.write(&request).expect("it reads");
    assert_eq!(summary(&caller.answer().expect("an answer")), "408 15 I102");
    // Nothing at all, and nothing more: closed without a word, which nobody would wait for.
    let mut silent = Caller::connect(agent.his()).expect("a door");
    assert_eq!(within(&mut silent), b"");
    let mut idle = Caller::connect(agent.his()).expect("a door");
    idle.call("GET", "/openapi.json", &[], b"").expect("an answer");
    assert_eq!(within(&mut idle), b"");
    // Asks and asks, and reads nothing of what it is told.
    let mut deaf = Caller::connect(agent.his()).expect("a door");
    let asking = head("GET", "/openapi.json", &[]).repeat(2_000);
    let began = Instant::now();
    while deaf.write(&asking).is_ok() && began.elapsed() < Duration::from_secs(15) {}
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    check(agent.his(), &head("GET", "/v1/checks", &[]), "405 15 I106");
}

#[test]
fn a_crowd_keeps_nobody_out() {
    let listen = format!("{LISTEN}connections_max = 20\n");
    let agent = Agent::start(Setup { listen, ..Setup::files() });
    let message = Case::of("webapi").message();
    // One that is known, and a crowd that says nothing, or never ends what it says.
    let mut known = Caller::connect(agent.his()).expect("a door");
    assert_eq!(known.send(&message).expect("an answer").status, 200);
    let crowd: Vec<_> = (0..200)
        .map(|number| {
            let mut caller = Caller::connect(agent.his()).expect("a door");
            if number % 2 == 0 {
                caller.write(b"POST / HTTP/1.1\r\n").expect("it reads");
            }
            caller
        })
        .collect();
    let began = Instant::now();
    assert_eq!(his::send(agent.his(), &message).expect("an answer").status, 200);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(known.send(&message).expect("it was not sent away").status, 200);
    let metrics = his::get(agent.operators(), "/metrics").expect("an answer");
    let sent_away = "his_agent_connections_total{outcome=\"sent_away\"}";
    assert!(metrics.text().contains(sent_away), "{}", metrics.text());
    drop((crowd, known));
    std::thread::sleep(Duration::from_millis(300)); // until they are gone
    // All are being answered: further ones are told so.
    // Once its head is read it is told to go on, and cannot be sent away any more.
    let headers = [("Content-Length", "100"), ("Expect", "100-continue")];
    let request = head("POST", &message.path(), &headers);
    let busy: Vec<_> = (0..20)
        .map(|_| {
            let mut caller = Caller::connect(agent.his()).expect("a door");
            caller.write(&request).expect("it reads");
            assert_eq!(caller.answer().expect("it is let in").status, 100);
            caller
        })
        .collect();
    let full = || {
        let mut caller = Caller::connect(agent.his()).expect("a door");
        caller.call("GET", "/v1/checks", &[], b"").map_or_else(
            |error| error.to_string(),
            |it| format!("{} {:?}", summary(&it), it.header("retry-after")),
        )
    };
    assert_eq!(full(), "503 5 I144 Some(\"1\")");
    drop(busy);
}

/// One PC that asks and asks and takes nothing of what it is told.
#[test]
fn who_takes_no_answers_keeps_nobody_else_out() {
    let listen = format!("{LISTEN}connections_max = 20\n");
    let agent = Agent::start(Setup { listen, ..Setup::files() });
    let message = Case::of("webapi").message();
    let mut known = Caller::connect(agent.his()).expect("a door");
    assert_eq!(known.send(&message).expect("an answer").status, 200);
    let asking = head("GET", "/openapi.json", &[]).repeat(400);
    let deaf: Vec<_> = (0..60)
        .map(|_| {
            let stream = far::connect_narrow([127, 0, 0, 2], agent.his()).expect("a door");
            let mut caller = Caller::over(stream).expect("a socket");
            caller.write(&asking).ok();
            caller
        })
        .collect();
    std::thread::sleep(Duration::from_secs(4));
    // It has sent away only its like.
    assert_eq!(known.send(&message).expect("it was not sent away").status, 200);
    // Who has been behind for a while makes room for others.
    let mut others = Vec::new();
    let let_in = || {
        let mut caller = Caller::connect(agent.his()).expect("a door");
        if caller.send(&message).is_ok_and(|it| summary(&it) == TAKEN) {
            others.push(caller);
        }
        others.len() == 4
    };
    assert!(wait_until(Duration::from_secs(20), let_in), "only {} were let in", others.len());
    drop((deaf, others));
}

/// Sends bytes and looks at the first answer.
#[track_caller]
fn check(his: SocketAddr, request: &[u8], expected: &str) {
    let began = Instant::now();
    let mut caller = Caller::connect(his).expect("the agent answers");
    // The agent may answer and close while we still write; what it has said counts.
    let _ = caller.write(request);
    let actual = caller.answer().map_or_else(|it| it.to_string(), |it| summary(&it));
    let shown: String = request.escape_ascii().take(300).map(char::from).collect();
    assert_eq!(actual, expected, "{shown}");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}: {shown}", began.elapsed());
}

#[track_caller]
fn check_slowly(agent: &Agent, request: &[u8], expected: &str) {
    let mut caller = Caller::connect(agent.his()).expect("the agent answers");
    for byte in request {
        if caller.write(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(40));
    }
    assert_eq!(summary(&caller.answer().expect("an answer")), expected);
}

/// What comes until the agent closes the connection, which it does soon.
#[track_caller]
fn within(caller: &mut Caller) -> Vec<u8> {
    let began = Instant::now();
    let rest = caller.rest().expect("an end in order");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    rest
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = Command::new("gzip")
        .args(["-9", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("gzip is essential in Debian");
    let mut into = gzip.stdin.take().expect("piped");
    std::thread::scope(|scope| {
        scope.spawn(move || into.write_all(bytes).expect("it reads"));
        gzip.wait_with_output().expect("it ends").stdout
    })
}

const LISTEN: &str = "body_bytes_max = 100000\n";
const TAKEN: &str = "200 0 ";
