//! What an answer says, and which template says it when there is none for exactly that.

/// The kinds of answers that a template can be written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnswerKind {
    /// Everything is on disk.
    Accepted,
    /// The same, with remarks.
    Warned,
    /// On disk, waiting for a local code to be mapped.
    Parked,
    /// The caller must change the message.
    Refused,
    /// The caller may send the same again later: busy, or a fault of ours.
    Failed,
    /// A check that found nothing.
    Passed,
    /// A check that found something.
    Hit,
    /// A check that found nothing, with rules that lacked data.
    Unknown,
    /// A check that found nothing in time.
    Degraded,
}

impl AnswerKind {
    /// All of them.
    pub const ALL: [AnswerKind; 9] = [
        AnswerKind::Accepted,
        AnswerKind::Warned,
        AnswerKind::Parked,
        AnswerKind::Refused,
        AnswerKind::Failed,
        AnswerKind::Passed,
        AnswerKind::Hit,
        AnswerKind::Unknown,
        AnswerKind::Degraded,
    ];

    /// The word in `answer.toml` and in the template's `kind`.
    pub const fn word(self) -> &'static str {
        match self {
            AnswerKind::Accepted => "accepted",
            AnswerKind::Warned => "warned",
            AnswerKind::Parked => "parked",
            AnswerKind::Refused => "refused",
            AnswerKind::Failed => "failed",
            AnswerKind::Passed => "passed",
            AnswerKind::Hit => "hit",
            AnswerKind::Unknown => "unknown",
            AnswerKind::Degraded => "degraded",
        }
    }

    /// The kind of a word.
    pub fn of_word(word: &str) -> Option<AnswerKind> {
        AnswerKind::ALL.into_iter().find(|it| it.word() == word)
    }

    /// Whose template is used when this kind has none.
    pub(crate) const fn fallback(self) -> Option<AnswerKind> {
        match self {
            AnswerKind::Warned | AnswerKind::Parked => Some(AnswerKind::Accepted),
            AnswerKind::Failed => Some(AnswerKind::Refused),
            AnswerKind::Passed | AnswerKind::Unknown | AnswerKind::Degraded => {
                Some(AnswerKind::Hit)
            }
            AnswerKind::Accepted | AnswerKind::Refused | AnswerKind::Hit => None,
        }
    }

    /// Whether it answers a check.
    pub const fn is_check(self) -> bool {
        matches!(
            self,
            AnswerKind::Passed | AnswerKind::Hit | AnswerKind::Unknown | AnswerKind::Degraded
        )
    }
}
