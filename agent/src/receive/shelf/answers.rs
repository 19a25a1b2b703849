//! What the folder holds of a day, as the agent asks for it; and copies set aside when the agent says
//! which one is right. Nothing is thrown away: what is set aside goes into a file of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::record::{self, Record};
use super::{Shelf, each_line, tame};
use crate::forward::files::put;
use crate::outbox::id_bytes;
use crate::reconcile::book::Book;
use crate::reconcile::is_signed;
use crate::reconcile::leaf::{Leaf, digest, hex};
use crate::reconcile::page::Group;
use crate::reconcile::question::{Answer, Ask, Day, Doubled, Question, Signed};

/// An account that was made, and the sizes of the files it was made of.
#[derive(Debug)]
pub(super) struct Asked {
    of: Day,
    sizes: [u64; 2],
    book: Book,
}

/// A line about a second copy.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Double {
    agent: String,
    epoch: String,
    day: String,
    record_id: String,
    seq: u64,
    /// Of the copy that was dropped.
    digest: String,
    /// The agent knows of all copies up to here.
    #[serde(skip_serializing_if = "is_false")]
    known: bool,
}

impl Shelf {
    /// Notes that a second copy came. It is dropped all the same.
    pub(super) fn note_double(&mut self, agent: &str, epoch: &str, record: &Record<'_>) {
        let double = Double {
            agent: agent.to_owned(),
            epoch: epoch.to_owned(),
            day: record.received_at.get(..8).unwrap_or_default().to_owned(),
            record_id: record.record_id.to_string(),
            seq: record.seq,
            digest: hex(&digest(record.json.as_bytes())),
            known: false,
        };
        let line = serde_json::to_vec(&double).unwrap_or_default();
        self.put_line(DOUBLES.to_owned(), &line);
    }

    /// Answers a question, or carries out what is ordered. All that was taken is on disk before.
    pub(in super::super) fn answer(&mut self, question: &[u8]) -> io::Result<Answer> {
        let Ok(Question { of, ask }) = serde_json::from_slice::<Question>(question) else {
            return Ok(Answer::Refused { reason: "the question is not understood".to_owned() });
        };
        let of = Day { agent: tame(&of.agent), epoch: tame(&of.epoch), day: tame(&of.day) };
        match ask {
            Ask::Withdraw { keep, unknown, doubles } => {
                self.know(&of, &doubles)?;
                readable(
                    self.withdraw(&of, &keep, &unknown).map(|it| Answer::Withdrawn { copies: it }),
                )
            }
            Ask::Keep { statement } => self.keep(&of, &statement),
            ask => readable(self.book(&of).map(|it| it.answer(&ask))),
        }
    }

    /// The records that an order named and that are not here any more.
    pub(in super::super) fn gone_of(&self, question: &[u8]) -> Vec<String> {
        let asked = serde_json::from_slice::<Question>(question).map(|it| it.ask);
        let Ok(Ask::Withdraw { keep, unknown, .. }) = asked else { return Vec::new() };
        let named = keep.iter().map(Leaf::record_id).chain(unknown);
        named.filter(|it| !self.account.has(it)).collect()
    }

    /// Writes the account of a day for each agent and store.
    pub(in super::super) fn write_accounts(&mut self, day: &str) -> io::Result<Vec<String>> {
        let streams: Vec<(String, String)> = self
            .account
            .streams()
            .map(|(agent, epoch, ..)| (agent.to_owned(), epoch.to_owned()))
            .collect();
        let mut names = Vec::new();
        for (agent, epoch) in streams {
            let of = Day { agent, epoch, day: day.to_owned() };
            let name = format!("account.{}.{}.{day}.json", of.agent, of.epoch);
            let carried = self.book(&of)?.carried(of.clone());
            put(&self.dir, &name, &serde_json::to_vec(&carried)?)?;
            names.push(name);
        }
        Ok(names)
    }

    /// The account of a day, made anew when a file has grown since.
    fn book(&mut self, of: &Day) -> io::Result<&Book> {
        let records = self.dir.join(format!("{}.{}.{}.ndjson", of.agent, of.epoch, of.day));
        let doubles = self.dir.join(DOUBLES);
        let sizes = [size(&records)?, size(&doubles)?];
        let asked = self.asked.take().filter(|it| it.of == *of && it.sizes == sizes);
        let asked = match asked {
            Some(asked) => asked,
            None => Asked { of: of.clone(), sizes, book: read_book(of, &records, &doubles)? },
        };
        Ok(&self.asked.insert(asked).book)
    }

    fn know(&mut self, of: &Day, doubles: &[String]) -> io::Result<()> {
        for record_id in doubles {
            let Day { agent, epoch, day } = of.clone();
            let record_id = record_id.clone();
            let known = Double { agent, epoch, day, record_id, known: true, ..Double::default() };
            self.put_line(DOUBLES.to_owned(), &serde_json::to_vec(&known)?);
        }
        self.flush()
    }

    /// Sets aside all copies of these records but the right one. When that is not here, it follows, and
    /// is then new.
    fn withdraw(&mut self, of: &Day, keep: &[Leaf], unknown: &[String]) -> io::Result<u64> {
        let right: HashMap<[u8; 16], [u8; 16]> = keep.iter().map(|it| (it.id, it.digest)).collect();
        let unknown: BTreeSet<[u8; 16]> = unknown.iter().map(|it| id_bytes(it)).collect();
        let (mut copies, mut kept) = (0, BTreeSet::new());
        for path in files_of(&self.dir, of)? {
            copies += set_aside(&self.dir, &path, |leaf| {
                unknown.contains(&leaf.id)
                    || right
                        .get(&leaf.id)
                        .is_some_and(|right| *right != leaf.digest || !kept.insert(leaf.id))
            })?;
        }
        if copies > 0 || !keep.is_empty() {
            // What is seen is what lies in the files: what was lost from them may come anew.
            *self = Shelf::open(&self.dir)?;
        }
        Ok(copies)
    }

    fn keep(&self, of: &Day, signed: &Signed) -> io::Result<Answer> {
        if !is_signed(signed) {
            return Ok(Answer::Refused { reason: "the signature does not fit".to_owned() });
        }
        let name = format!("statement.{}.{}.{}.json", of.agent, of.epoch, of.day);
        put(&self.dir, &name, &serde_json::to_vec_pretty(signed)?)?;
        Ok(Answer::Kept)
    }
}

/// A file with a line that is no record is told to whoever asks, and does not end the receiver.
fn readable(answer: io::Result<Answer>) -> io::Result<Answer> {
    match answer {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            tracing::error!(%error, "a file of records cannot be read whole");
            Ok(Answer::Refused { reason: "a file of this day cannot be read whole".to_owned() })
        }
        other => other,
    }
}

fn read_book(of: &Day, records: &Path, doubles: &Path) -> io::Result<Book> {
    let mut book = Book::default();
    let mut right = BTreeMap::new();
    if records.exists() {
        each_line(records, |line| {
            let it = record::read(line).map_err(|refusal| refusal.reason)?;
            let group = Group { entity: it.entity.to_string(), channel: it.channel.to_string() };
            let leaf = leaf(&it);
            right.insert(it.record_id.to_string(), hex(&leaf.digest));
            book.take(group, leaf, it.elements.get());
            Ok(())
        })?;
    }
    if doubles.exists() {
        each_line(doubles, |line| {
            // A note that was torn costs a note.
            let Ok(it) = serde_json::from_slice::<Double>(line) else { return Ok(()) };
            if (&it.agent, &it.epoch, &it.day) == (&of.agent, &of.epoch, &of.day) {
                note(&mut book, it, &right);
            }
            Ok(())
        })?;
    }
    Ok(book)
}

fn note(book: &mut Book, it: Double, right: &BTreeMap<String, String>) {
    if it.known {
        book.doubled.remove(&it.record_id);
        return;
    }
    let is_same = right.get(&it.record_id) == Some(&it.digest);
    let none = Doubled { record_id: it.record_id.clone(), seq: it.seq, dropped: 0, different: 0 };
    let noted = book.doubled.entry(it.record_id).or_insert(none);
    noted.dropped += 1;
    noted.different += u64::from(!is_same);
}

/// Moves records out of a file; gives how many. First they are on disk elsewhere, then the file is
/// exchanged for one without them.
fn set_aside(dir: &Path, path: &Path, mut is_wrong: impl FnMut(&Leaf) -> bool) -> io::Result<u64> {
    let unfinished = path.with_added_extension("tmp");
    let mut rest = BufWriter::new(File::create(&unfinished)?);
    let (mut aside, mut copies) = (Vec::new(), 0);
    let file = path.file_name().and_then(|it| it.to_str()).unwrap_or_default().to_owned();
    each_line(path, |line| {
        let it = record::read(line).map_err(|refusal| refusal.reason)?;
        if is_wrong(&leaf(&it)) {
            let told = json!({ "file": file, "record_id": it.record_id, "record": it.json });
            aside.extend_from_slice(told.to_string().as_bytes());
            aside.push(b'\n');
            copies += 1;
            return Ok(());
        }
        let written = rest.write_all(line).and_then(|()| rest.write_all(b"\n"));
        written.map_err(|error| error.to_string())
    })?;
    let rest = rest.into_inner().map_err(io::IntoInnerError::into_error)?;
    if copies == 0 {
        drop(rest);
        return fs::remove_file(unfinished).map(|()| 0);
    }
    let mut withdrawn = OpenOptions::new().create(true).append(true).open(dir.join(WITHDRAWN))?;
    withdrawn.write_all(&aside)?;
    withdrawn.sync_all()?;
    rest.sync_all()?;
    fs::rename(unfinished, path)?;
    File::open(dir)?.sync_all()?;
    Ok(copies)
}

fn leaf(it: &Record<'_>) -> Leaf {
    Leaf::of(it.seq, &it.record_id, it.json.as_bytes())
}

/// The files of one agent and store: an altered record may lie under another day.
fn files_of(dir: &Path, of: &Day) -> io::Result<Vec<PathBuf>> {
    let begin = format!("{}.{}.", of.agent, of.epoch);
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|it| it.to_str()).unwrap_or_default();
        if name.starts_with(&begin) && name.ends_with(".ndjson") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn size(path: &Path) -> io::Result<u64> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde wants it
const fn is_false(it: &bool) -> bool {
    !*it
}

const DOUBLES: &str = "doubles.jsonl";
const WITHDRAWN: &str = "withdrawn.jsonl";
