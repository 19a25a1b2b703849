//! `[channel.folder]`: the folder into which a channel's HIS drops files, and when one is taken.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::section::{Complaints, Section};
use super::{Config, ForwardConfig};

/// A channel's drop folder.
#[derive(Clone, Debug)]
pub struct FolderConfig {
    /// Where files are dropped.
    pub dir: PathBuf,
    /// How one sees that a file is whole.
    pub ready: Ready,
    /// How long a file must have rested.
    pub settle: Duration,
    /// The ending of the file that says so.
    pub mark: String,
    /// Endings of the files to take; none means all.
    pub endings: Vec<String>,
    /// Which is taken first.
    pub order: Order,
    /// What is written for the sender.
    pub answers: Answers,
    /// How often the folder is looked at, besides the kernel's notices.
    pub poll: Duration,
    /// How many days taken files and answers stay.
    pub keep_days: u32,
    /// Bytes of taken files; beyond it the oldest go. None: only their days count.
    pub keep_bytes_max: u64,
    /// How long those behind it wait for a file that does not rest.
    pub rest_max: Duration,
    /// Where `dir` stands in the file.
    offset: usize,
}

/// How one sees that a file is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Its size and time have not changed for a while.
    Rest,
    /// A second file, with the mark behind its name, has come.
    Mark,
    /// It is there: it was written elsewhere and moved here.
    Rename,
}

/// Which file is taken first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// By name, numbers in it by their value.
    Name,
    /// The oldest.
    Time,
}

/// What is written for the sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// A few lines for people.
    Text,
    /// The answer that the channel gives at its other doors.
    Body,
    /// Nothing.
    Nothing,
}

macro_rules! words {
    ($($type:ident $($word:literal $variant:ident)*;)*) => {$(
        impl FromStr for $type {
            type Err = &'static str;

            fn from_str(word: &str) -> Result<$type, &'static str> {
                match word {
                    $($word => Ok($type::$variant),)*
                    _ => Err("another word"),
                }
            }
        }
    )*};
}

words! {
    Ready "rest" Rest "mark" Mark "rename" Rename;
    Order "name" Name "time" Time;
    Answers "text" Text "body" Body "none" Nothing;
}

/// The table in a channel; without one the channel has no such door.
pub(super) fn folder(
    channel: &mut Section<'_, '_>,
    to: &mut Complaints<'_>,
) -> Option<FolderConfig> {
    let is_given = channel.gives("folder");
    let mut section = channel.section("folder", to);
    if !is_given {
        return None;
    }
    let config = FolderConfig {
        dir: PathBuf::from(section.required("dir", to)),
        ready: section.parsed("ready", Ready::Rest, "rest, mark or rename", to),
        settle: section.duration("settle_ms", 5_000, 100..=3_600_000, to),
        mark: section.text("mark", to).unwrap_or_else(|| ".ok".to_owned()),
        endings: section.texts("endings", to),
        order: section.parsed("order", Order::Name, "name or time", to),
        answers: section.parsed("answers", Answers::Text, "text, body or none", to),
        poll: section.duration("poll_ms", 2_000, 50..=3_600_000, to),
        keep_bytes_max: section.number("keep_bytes_max", 0, 0..=1 << 50, to),
        rest_max: section.duration("rest_max_ms", 600_000, 1_000..=86_400_000, to),
        keep_days: u32::try_from(section.number("keep_days", 30, 1..=36_500, to)).unwrap_or(30),
        offset: section.offset_of("dir"),
    };
    if config.mark.len() < 2 || !config.mark.starts_with('.') || config.mark.contains('/') {
        let message = "`mark` is an ending such as \".ok\"".to_owned();
        to.error("A004", section.offset_of("mark"), message);
    }
    section.finish(to);
    Some(config)
}

/// Nobody else may take files out of a drop folder, or put some of our own into it.
pub(super) fn prove(config: &Config, to: &mut Complaints<'_>) {
    let mut taken = vec![("the outbox", config.outbox.dir.as_path())];
    if let ForwardConfig::Files { dir } = &config.forward {
        taken.push(("the record files", dir));
    }
    for channel in &config.channels {
        let Some(door) = &channel.folder else { continue };
        if let Some((whose, _)) = taken.iter().find(|(_, it)| overlap(it, &door.dir)) {
            let message = format!("`dir` lies in the folder of {whose}, or that in it");
            to.error("A004", door.offset, message);
        }
        taken.push(("another channel", &door.dir));
    }
}

fn overlap(one: &Path, other: &Path) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

#[cfg(test)]
mod tests {
    use crate::config::proving::told_of;

    #[test]
    fn a_folder_of_its_own() {
        check("dir = \"/in\"", "");
        check("", "error[A005]: [folder] needs `dir`");
        check("dir = \"/in\"\nready = \"mark\"\nmark = \".done\"\norder = \"time\"", "");
        check(
            "dir = \"/in\"\nready = \"soon\"",
            "error[A004]: `ready` must be rest, mark or rename",
        );
        check("dir = \"/in\"\nmark = \"ok\"", "error[A004]: `mark` is an ending such as \".ok\"");
        check(
            "dir = \"/var/lib/his-agent/outbox/in\"",
            "error[A004]: `dir` lies in the folder of the outbox",
        );
        check(
            "dir = \"/var/lib/his-agent/records\"",
            "error[A004]: `dir` lies in the folder of the record files",
        );
        check(
            "dir = \"/in/a\"\n[[channel]]\nname = \"b\"\n[channel.folder]\ndir = \"/in\"",
            "error[A004]: `dir` lies in the folder of another channel",
        );
        check("dir = \"/in\"\nsetle_ms = 1", "did you mean `settle_ms`?");
    }

    #[track_caller]
    fn check(lines: &str, expected: &str) {
        told_of(&format!("[[channel]]\nname = \"a\"\n[channel.folder]\n{lines}"), expected);
    }
}
