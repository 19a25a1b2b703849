//! Paths that climb above the document: one `..` too many, and the value is never there.

use crate::compiled::{Compiled, From};
use crate::expression::{Axis, Path, Start};
use crate::step::Step;

/// How far below the root a path leads; `None` where it cannot be known, as behind `//`.
///
/// `start` is the depth of the item of `each`, as far as that is known.
pub(crate) fn depth(path: &Path, start: Option<usize>) -> Result<Option<usize>, ()> {
    let mut depth = if path.start == Start::Root { Some(0) } else { start };
    for segment in &path.segments {
        depth = match (&segment.axis, depth) {
            (Axis::Parent, Some(0)) => return Err(()),
            (Axis::Parent, Some(it)) => Some(it - 1),
            (Axis::Child(_) | Axis::Attribute(_), Some(it)) => Some(it + 1),
            (Axis::Descendant(_) | Axis::Ancestor(_), _) | (_, None) => None,
            (Axis::Here | Axis::FollowingSibling(_) | Axis::PrecedingSibling(_), it) => it,
        };
    }
    Ok(depth)
}

/// Whether a path of the expression leaves the document at its top.
pub(crate) fn is_too_high(expression: &Compiled, start: Option<usize>) -> bool {
    let own = match &expression.source {
        From::Relative(path)
        | From::Field(_, path)
        | From::Absolute(_, path)
        | From::Count(path)
        | From::Sum(path, _) => depth(path, start).is_err(),
        _ => false,
    };
    own || expression.steps.iter().flat_map(Step::inner).any(|it| is_too_high(it, start))
}
