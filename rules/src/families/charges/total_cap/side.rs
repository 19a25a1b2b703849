//! Which side of the body a line was for: 左眼, OD, 双眼.

use crate::session::Line;

/// A side of the body: an eye.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

impl Side {
    /// The word for an answer.
    pub(super) fn zh(self) -> &'static str {
        match self {
            Side::Left => "左侧",
            Side::Right => "右侧",
        }
    }
}

/// The sides that a line was for, as written; `None` when it cannot be told.
pub(super) fn sides(line: &Line<'_>) -> Option<&'static [Side]> {
    let site = line.order.body_site.as_deref()?;
    let says = |words: &[&str]| words.iter().any(|word| site.contains(word));
    let both = says(&["双", "OU", "两"]);
    match (both || says(&["左", "OS"]), both || says(&["右", "OD"])) {
        (true, true) => Some(&[Side::Left, Side::Right]),
        (true, false) => Some(&[Side::Left]),
        (false, true) => Some(&[Side::Right]),
        (false, false) => None,
    }
}
