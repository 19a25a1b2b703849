//! MLLP: where one HL7 message ends and the next begins in a stream of bytes.
//!
//! A frame is a vertical tab, the message, a file separator and a carriage return. TCP knows nothing
//! of that: a frame comes in pieces, or several come in one piece. Senders take liberties, and what
//! does no harm is allowed and counted: line ends between frames, a missing carriage return, bytes
//! that belong to no frame, a message without the tab in front of it, a frame that was broken off and
//! begun anew. Neither mark can be part of a character in UTF-8 or GB18030, so the search is for bytes.

/// Cuts a stream into frames, in bounded memory.
#[derive(Debug)]
pub struct MllpFrames {
    buffer: Vec<u8>,
    /// How far the buffer was searched without a find.
    searched: usize,
    place: Place,
    frame_bytes_max: usize,
    stray: usize,
}

/// Where in the stream the buffer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Between,
    Inside,
    /// Inside a frame that is too long: its beginning is kept, the rest is passed over.
    Overflowing,
}

/// What a look at the buffer came to.
enum Step {
    Found(MllpFrame),
    /// Something was taken out of the buffer; there may be more in it.
    Passed,
    /// More must be read.
    Starved,
}

/// What was found in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MllpFrame {
    /// A message, its frame taken off.
    Message(Vec<u8>),
    /// A message that is too long; only its beginning is here.
    TooLong(Vec<u8>),
}

impl MllpFrames {
    /// For messages of at most so many bytes.
    #[must_use]
    pub const fn new(frame_bytes_max: usize) -> MllpFrames {
        MllpFrames {
            buffer: Vec::new(),
            searched: 0,
            place: Place::Between,
            frame_bytes_max,
            stray: 0,
        }
    }

    /// Takes what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame; nothing before more has been read.
    pub fn next_frame(&mut self) -> Option<MllpFrame> {
        loop {
            let step = match self.place {
                Place::Between => self.begin(),
                Place::Inside => self.end(),
                Place::Overflowing => self.overflow(),
            };
            match step {
                Step::Found(frame) => return Some(frame),
                Step::Passed => {}
                Step::Starved => return None,
            }
        }
    }

    /// Whether a frame has begun that has not ended.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.place != Place::Between || !self.buffer.iter().all(u8::is_ascii_whitespace)
    }

    /// How many bytes wait for their frame's end. Of one that is passed over, none that count.
    #[must_use]
    pub fn waiting(&self) -> usize {
        if self.place == Place::Overflowing { 0 } else { self.buffer.len() }
    }

    /// Gives up the frame that has begun, for want of room: its beginning is kept, the rest is passed
    /// over, and it is found as one that is too long. Asked when no frame was found.
    pub fn give_up(&mut self) {
        if self.is_inside() {
            self.keep_beginning();
        }
    }

    fn keep_beginning(&mut self) {
        self.buffer.truncate(self.frame_bytes_max.min(KEPT_BYTES));
        self.buffer.shrink_to_fit();
        self.searched = self.buffer.len();
        self.place = Place::Overflowing;
    }

    /// How many bytes belonged to no frame since this was last asked.
    pub fn take_stray(&mut self) -> usize {
        std::mem::take(&mut self.stray)
    }

    /// Looks for a frame's beginning.
    fn begin(&mut self) -> Step {
        match self.find(|it| it == START || it == END) {
            Some((at, START)) => {
                let before = self.cut(at);
                self.pass_over(&before);
                self.place = Place::Inside;
                Step::Passed
            }
            Some((at, _)) => {
                let before = self.cut(at);
                let message = before.trim_ascii_start();
                if is_header(message) {
                    return Step::Found(MllpFrame::Message(message.to_vec()));
                }
                self.pass_over(&before);
                Step::Passed
            }
            None => {
                // What may still turn out to be a message without its tab is kept, within bounds.
                let waits = self.buffer.trim_ascii_start();
                let hopeless =
                    waits.is_empty() || waits.len() >= HEADERS_BYTES && !is_header(waits);
                if hopeless || self.buffer.len() > self.frame_bytes_max {
                    let junk = std::mem::take(&mut self.buffer);
                    self.searched = 0;
                    self.pass_over(&junk);
                }
                Step::Starved
            }
        }
    }

    fn end(&mut self) -> Step {
        let Some((at, _)) = self.find(|it| it == END) else {
            if self.buffer.len() <= self.frame_bytes_max {
                return Step::Starved;
            }
            self.keep_beginning();
            return Step::Starved;
        };
        let mut message = self.cut(at);
        self.place = Place::Between;
        if let Some(again) = last_beginning(&message) {
            let abandoned = message.drain(..=again).count();
            self.stray += abandoned;
        }
        if message.len() > self.frame_bytes_max {
            message.truncate(KEPT_BYTES);
            return Step::Found(MllpFrame::TooLong(message));
        }
        Step::Found(MllpFrame::Message(message))
    }

    fn overflow(&mut self) -> Step {
        let kept = self.frame_bytes_max.min(KEPT_BYTES);
        let Some((at, _)) = self.find(|it| it == END) else {
            self.buffer.truncate(kept);
            self.searched = kept;
            return Step::Starved;
        };
        let mut message = self.cut(at);
        message.truncate(kept);
        self.place = Place::Between;
        Step::Found(MllpFrame::TooLong(message))
    }

    fn find(&mut self, is_wanted: impl Fn(u8) -> bool) -> Option<(usize, u8)> {
        let rest = self.buffer.get(self.searched..).unwrap_or_default();
        let found = rest.iter().position(|it| is_wanted(*it));
        let Some(at) = found.map(|it| it + self.searched) else {
            self.searched = self.buffer.len();
            return None;
        };
        self.buffer.get(at).map(|it| (at, *it))
    }

    /// Takes what stands before a mark out of the buffer, and the mark with it.
    fn cut(&mut self, at: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(at);
        let before =
            std::mem::replace(&mut self.buffer, rest.get(1..).unwrap_or_default().to_vec());
        self.searched = 0;
        before
    }

    fn pass_over(&mut self, junk: &[u8]) {
        self.stray += junk.iter().filter(|it| !it.is_ascii_whitespace()).count();
    }
}

/// Messages with their frames around them.
#[must_use]
pub fn mllp_frame(message: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(message.len() + 3);
    framed.push(START);
    framed.extend_from_slice(message);
    framed.extend_from_slice(&[END, b'\r']);
    framed
}

fn is_header(bytes: &[u8]) -> bool {
    [b"MSH", b"FHS", b"BHS"].iter().any(|it| bytes.starts_with(*it))
}

/// Where the sender began anew inside a frame that it had broken off.
fn last_beginning(frame: &[u8]) -> Option<usize> {
    let begins = |at: &usize| frame.get(at + 1..).is_some_and(is_header);
    let mut marks = (0..frame.len()).rev().filter(|at| frame.get(*at) == Some(&START));
    marks.find(begins)
}

const START: u8 = 0x0B;
const END: u8 = 0x1C;
/// Enough for a header, which the answer repeats.
const KEPT_BYTES: usize = 8 * 1024;
const HEADERS_BYTES: usize = 3;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_wherever_the_stream_is_cut() {
        let stream = b"\x0BMSH|1\rPID\r\x1C\r\x0BMSH|2\x1C\r\n\n\x0BMSH|3\x1C\x0BMSH|4\x1C\r";
        for piece in 1..=stream.len() {
            let pieces = stream.chunks(piece).collect::<Vec<_>>();
            check(&pieces, "[MSH|1.PID.] [MSH|2] [MSH|3] [MSH|4] stray 0");
        }
    }

    #[test]
    fn what_is_in_no_frame_is_passed_over_and_counted() {
        check(&[b"PING\r\n\x0BMSH|1\x1C\r"], "[MSH|1] stray 4");
        check(&[b"GET / HTTP/1.1\r\n\r\n"], "stray 12");
        check(&[b"\x1C\r\x1C\r\x0BMSH|1\x1C\r"], "[MSH|1] stray 0");
        check(&[b"  ", b"\r\n"], "stray 0");
        let mut frames = MllpFrames::new(100);
        frames.push(b"\r\n");
        assert!(frames.next_frame().is_none() && frames.buffer.is_empty());
    }

    #[test]
    fn a_message_without_its_tab_is_one() {
        check(&[b"MSH|1\r", b"PID\x1C\r"], "[MSH|1.PID] stray 0");
        check(&[b"\r\nMS", b"H|1\x1C\r\x0BMSH|2\x1C\r"], "[MSH|1] [MSH|2] stray 0");
    }

    #[test]
    fn a_frame_that_was_begun_anew_is_the_later_one() {
        check(&[b"\x0BMSH|1\rPI", b"\x0BMSH|1\rPID\x1C\r"], "[MSH|1.PID] stray 9");
        // Not a beginning: the reader of the message says what is wrong with it.
        check(&[b"\x0BMSH|1\rNTE|\x0Bx\x1C\r"], "[MSH|1.NTE|\u{B}x] stray 0");
    }

    #[test]
    fn what_is_too_long_is_told_and_takes_no_memory() {
        let mut frames = MllpFrames::new(100_000);
        frames.push(b"\x0BMSH|1\r");
        for _ in 0..1_000 {
            frames.push(&[b'x'; 4096]);
            assert_eq!(frames.next_frame(), None);
            assert!(frames.buffer.capacity() < 400_000, "{}", frames.buffer.capacity());
        }
        frames.push(b"\x1C\r\x0BMSH|2\x1C\r");
        let Some(MllpFrame::TooLong(kept)) = frames.next_frame() else { panic!("not told") };
        assert!(kept.starts_with(b"MSH|1\r") && kept.len() == KEPT_BYTES);
        assert_eq!(frames.next_frame(), Some(MllpFrame::Message(b"MSH|2".to_vec())));
        assert!(!frames.is_inside());
    }

    #[test]
    fn what_there_is_no_room_for_is_passed_over() {
        for begun in [&b"\x0BMSH|1\r"[..], b"MSH|1\r"] {
            let mut frames = MllpFrames::new(100_000);
            frames.push(&[begun, &vec![b'x'; 50_000]].concat());
            assert_eq!(frames.next_frame(), None);
            assert_eq!(frames.waiting(), 50_000 + begun.iter().filter(|it| **it != START).count());
            frames.give_up();
            assert_eq!(frames.waiting(), 0);
            assert!(frames.buffer.capacity() < 10_000, "{}", frames.buffer.capacity());
            frames.push(&[b'x'; 4096]);
            assert_eq!(frames.next_frame(), None);
            frames.push(b"\x1C\r\x0BMSH|2\x1C\r");
            let Some(MllpFrame::TooLong(kept)) = frames.next_frame() else { panic!("not told") };
            assert!(kept.starts_with(b"MSH|1\r") && kept.len() == KEPT_BYTES);
            assert_eq!(frames.next_frame(), Some(MllpFrame::Message(b"MSH|2".to_vec())));
        }
    }

    #[track_caller]
    fn check(pieces: &[&[u8]], expected: &str) {
        let mut frames = MllpFrames::new(1_000);
        let mut told = Vec::new();
        for piece in pieces {
            frames.push(piece);
            while let Some(frame) = frames.next_frame() {
                let MllpFrame::Message(text) = frame else { panic!("too long") };
                told.push(format!("[{}]", String::from_utf8(text).unwrap().replace('\r', ".")));
            }
        }
        told.push(format!("stray {}", frames.take_stray()));
        assert_eq!(told.join(" "), expected);
    }
}
