//! The limit beneath the client library: one thread that writes AMQP frames and counts what the broker acknowledges.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tests::rabbitmq::RabbitMq;

use crate::bare_publisher::{Bodies, purge};
use crate::daemon::WINDOW;
use crate::forward::Turn;
use crate::process::thread_cpu;
use crate::site::EXCHANGE;

/// Publishes so many messages with these bodies over and over, and leaves an empty queue.
pub(crate) fn publish(broker: &RabbitMq, bodies: &Bodies, messages: u64) -> Turn {
    purge(broker);
    let mut wire = Wire::open(broker);
    let (mut sent, mut confirmed, mut first) = (0, 0, None);
    let mut bodies = bodies.iter().cycle();
    while confirmed < messages {
        while sent < messages && sent - confirmed < WINDOW as u64 {
            let (routing_key, body) = bodies.next().expect("there are bodies");
            wire.put_message(routing_key, body);
            sent += 1;
        }
        wire.flush();
        confirmed = confirmed.max(wire.confirmed());
        first.get_or_insert_with(|| (Instant::now(), thread_cpu(), confirmed));
    }
    let (started, cpu_before, before) = first.expect("there is at least one");
    let (elapsed, cpu) = (started.elapsed(), thread_cpu().saturating_sub(cpu_before));
    Turn { records: messages - before, elapsed, cpu }
}

/// A connection with one channel that confirms.
struct Wire {
    stream: TcpStream,
    out: Vec<u8>,
    heard: Vec<u8>,
    at: usize,
}

impl Wire {
    fn open(broker: &RabbitMq) -> Wire {
        let stream = TcpStream::connect(("127.0.0.1", broker.port())).expect("the broker is up");
        stream.set_nodelay(true).expect("a fresh socket takes options");
        stream.set_read_timeout(Some(PATIENCE)).expect("a fresh socket takes options");
        let mut wire =
            Wire { stream, out: b"AMQP\x00\x00\x09\x01".to_vec(), heard: Vec::new(), at: 0 };
        wire.await_method(10, 10);
        // No properties, PLAIN as `guest`, English.
        let start_ok = b"\0\0\0\0\x05PLAIN\0\0\0\x0c\0guest\0guest\x05en_US";
        wire.put_method(0, 10, 11, start_ok);
        let tune = wire.await_method(10, 30);
        let frame_bytes_max = tune.get(2..6).expect("a tune has it");
        // One channel, the broker's frames, no heartbeats.
        wire.put_method(0, 10, 31, &[&[0, 1], frame_bytes_max, &[0, 0]].concat());
        wire.put_method(0, 10, 40, b"\x01/\0\0");
        wire.await_method(10, 41);
        for (class, method, arguments, answer) in [(20, 10, b"\0", 11), (85, 10, b"\0", 11)] {
            wire.put_method(1, class, method, arguments);
            wire.await_method(class, answer);
        }
        wire
    }

    /// Mandatory and persistent, as the agent's are.
    fn put_message(&mut self, routing_key: &str, body: &[u8]) {
        let mut arguments = vec![0, 0];
        for name in [EXCHANGE, routing_key] {
            arguments.push(u8::try_from(name.len()).expect("a name is short"));
            arguments.extend_from_slice(name.as_bytes());
        }
        arguments.push(1);
        self.put_method(1, 60, 40, &arguments);
        let mut header = vec![0, 60, 0, 0];
        header.extend_from_slice(&(body.len() as u64).to_be_bytes());
        header.extend_from_slice(&[0x10, 0, 2]);
        self.put_frame(2, 1, &header);
        self.put_frame(3, 1, body);
    }

    fn put_method(&mut self, channel: u8, class: u8, method: u8, arguments: &[u8]) {
        self.put_frame(1, channel, &[&[0, class, 0, method], arguments].concat());
    }

    fn put_frame(&mut self, kind: u8, channel: u8, payload: &[u8]) {
        let length = u32::try_from(payload.len()).expect("a body fits one frame");
        self.out.extend_from_slice(&[kind, 0, channel]);
        self.out.extend_from_slice(&length.to_be_bytes());
        self.out.extend_from_slice(payload);
        self.out.push(0xce);
    }

    fn flush(&mut self) {
        self.stream.write_all(&self.out).expect("the broker reads");
        self.out.clear();
    }

    /// Waits for acknowledgements; up to which message they go. Without gaps they come in order, or together.
    fn confirmed(&mut self) -> u64 {
        let mut to = 0;
        loop {
            let arguments = self.await_method(60, 80);
            let tag = arguments.first_chunk().expect("an ack has a tag");
            to = u64::from_be_bytes(*tag).max(to);
            if self.frame_end().is_none() {
                return to;
            }
        }
    }

    /// The arguments of the next method, which must be this one: a return or a close would be a rate of failures.
    fn await_method(&mut self, class: u8, method: u8) -> Vec<u8> {
        self.flush();
        let end = loop {
            if let Some(end) = self.frame_end() {
                break end;
            }
            self.read();
        };
        let payload = self.heard.get(self.at + 7..end - 1).expect("the frame is whole").to_vec();
        self.at = end;
        assert_eq!(
            payload.get(..4),
            Some(&[0, class, 0, method][..]),
            "the broker says something else"
        );
        payload.get(4..).unwrap_or_default().to_vec()
    }

    /// Where the frame ends that comes next, once it is here.
    fn frame_end(&self) -> Option<usize> {
        let head = self.heard.get(self.at..)?.first_chunk::<7>()?;
        let length = u32::from_be_bytes(*head.last_chunk()?);
        let end = self.at + 7 + usize::try_from(length).ok()? + 1;
        (end <= self.heard.len()).then_some(end)
    }

    fn read(&mut self) {
        self.heard.drain(..self.at);
        self.at = 0;
        let mut chunk = [0; 16 << 10];
        let count = self.stream.read(&mut chunk).expect("the broker answers");
        assert!(count > 0, "the broker hung up");
        self.heard.extend_from_slice(chunk.get(..count).expect("no more than there is room for"));
    }
}

const PATIENCE: Duration = Duration::from_secs(60);
