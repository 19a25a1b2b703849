//! A ward's screen: listens to events, and knows where to go on when it was cut off.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// One screen; `connect` again after a cut goes on behind the last place that was heard.
#[derive(Debug)]
pub struct Screen {
    his: SocketAddr,
    query: String,
    last: Option<String>,
    stream: Option<BufReader<TcpStream>>,
    /// Of a frame that is not whole yet.
    half: Vec<u8>,
}

/// One frame that has something to say.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Where it stands in the feed.
    pub place: String,
    /// `finding`, `suspicion`, `alert`, `lost`, `bye`.
    pub kind: String,
    /// What is told.
    pub data: Value,
}

impl Screen {
    /// A screen that is not connected; `query` is what stands behind the address's question mark.
    pub fn new(his: SocketAddr, query: &str) -> Screen {
        Screen { his, query: query.to_owned(), last: None, stream: None, half: Vec::new() }
    }

    /// Connects, with the last place heard, as a browser does.
    pub fn connect(&mut self) -> io::Result<()> {
        let mut stream = TcpStream::connect(self.his)?;
        stream.set_read_timeout(Some(Duration::from_millis(100)))?;
        let last = self.last.as_deref();
        let last = last.map_or(String::new(), |it| format!("Last-Event-ID: {it}\r\n"));
        // Without chunks what comes is the text itself.
        let request =
            format!("GET /v1/events?{} HTTP/1.0\r\nHost: localhost\r\n{last}\r\n", self.query);
        stream.write_all(request.as_bytes())?;
        self.stream = Some(BufReader::new(stream));
        self.half.clear();
        Ok(())
    }

    /// What comes until it is cut off or the time is up; heartbeats only move the place.
    pub fn listen(&mut self, within: Duration) -> Vec<Heard> {
        let (mut heard, until) = (Vec::new(), Instant::now() + within);
        while let Some(frame) = self.frame(until) {
            let of = |name: &str| {
                let mut lines = frame.lines();
                lines.find_map(|it| it.strip_prefix(name)).unwrap_or_default().to_owned()
            };
            let (place, kind) = (of("id: "), of("event: "));
            if !place.is_empty() {
                self.last = Some(place.clone());
            }
            if !kind.is_empty() && kind != "beat" {
                let data = serde_json::from_str(&of("data: ")).expect("data is JSON");
                heard.push(Heard { place, kind, data });
            }
        }
        heard
    }

    /// What comes until nothing has come for five seconds.
    pub fn listen_until_quiet(&mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        loop {
            let more = self.listen(Duration::from_secs(5));
            if more.is_empty() {
                return heard;
            }
            heard.extend(more);
        }
    }

    /// A whole frame: half of one that was cut off is none.
    fn frame(&mut self, until: Instant) -> Option<String> {
        while Instant::now() < until {
            match self.stream.as_mut()?.read_until(b'\n', &mut self.half) {
                Ok(0) => self.stream = None,
                Ok(_) if self.half.ends_with(b"\n\n") => {
                    let frame = std::mem::take(&mut self.half);
                    return Some(String::from_utf8(frame).expect("events are UTF-8"));
                }
                Ok(_) => {
                    // The head of the answer is no frame.
                    if self.half.ends_with(b"\r\n\r\n") {
                        assert!(
                            self.half.starts_with(b"HTTP/1.0 200"),
                            "{}",
                            self.half.escape_ascii()
                        );
                        self.half.clear();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => self.stream = None,
            }
        }
        None
    }
}
