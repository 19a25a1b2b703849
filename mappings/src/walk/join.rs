//! Joins two tables by key: one is looked through once a message, and each item of the other then
//! finds its rows at once.

use std::collections::HashMap;
use std::ops::ControlFlow;

use adapters::NodeId;

use super::{along_all, chosen, visit, wanted};
use crate::expression::{Join, Path, Segment};
use crate::scene::Scene;

/// The rows of a table by what stands in their keys, in document order.
#[derive(Debug, Default)]
pub(crate) struct Index {
    rows: HashMap<String, Vec<NodeId>>,
}

/// The rows that a path joins to the item at hand, and what of the path lies behind them; `None` for
/// a path that joins nothing.
pub(super) fn rows<'p>(scene: &Scene<'_>, path: &'p Path) -> Option<(Vec<NodeId>, &'p [Segment])> {
    let number = path.index?;
    let join = path.join()?;
    let index = scene.found.index(number, || Index::of(scene, &join));
    let wanted = wanted(scene, join.wanted);
    let rows = wanted.and_then(|it| index.rows.get(&*it).cloned()).unwrap_or_default();
    scene.reading.budget.spend(rows.len());
    let rows = join.further.iter().fold(rows, |rows, it| chosen(scene, rows, it));
    Some((rows, join.behind))
}

impl Index {
    fn of(scene: &Scene<'_>, join: &Join<'_>) -> Index {
        let mut index = Index::default();
        let parents = along_all(scene, vec![scene.document.root()], join.before);
        let table = Segment { axis: join.axis.clone(), predicates: Vec::new() };
        for row in along_all(scene, parents, std::slice::from_ref(&table)) {
            let _ = visit(scene, row, &join.key.segments, &mut |node| {
                if let Some(value) = scene.value(node) {
                    index.add(value, row);
                }
                ControlFlow::<()>::Continue(())
            });
        }
        index
    }

    /// A row with the same value twice is found once.
    fn add(&mut self, value: &str, row: NodeId) {
        let rows = self.rows.entry(value.to_owned()).or_default();
        if rows.last() != Some(&row) {
            rows.push(row);
        }
    }
}
