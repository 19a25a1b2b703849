//! Marks that remove ranges of keys. Retention leaves them by the thousand; each key is looked up
//! among them, so that they are cut into stretches that do not overlap.

use std::collections::BTreeMap;

/// The marks of all families.
#[derive(Default)]
pub(super) struct Marks {
    /// Family, first key, key behind the last, the change's number.
    told: Vec<(u8, Vec<u8>, Vec<u8>, u64)>,
    /// By family and first key: the key behind the last, and the latest change that removes these.
    stretches: BTreeMap<(u8, Vec<u8>), (Vec<u8>, u64)>,
}

/// A family and a key of it.
type Place<'a> = (u8, &'a [u8]);

impl Marks {
    pub(super) fn note(&mut self, family: u8, first: &[u8], end: &[u8], seqno: u64) {
        if first < end {
            self.told.push((family, first.to_vec(), end.to_vec(), seqno));
        }
    }

    /// Cuts what was noted into stretches.
    pub(super) fn settle(&mut self) {
        self.told.sort_unstable();
        self.told.dedup();
        // Where a mark begins or ends, and how often each change is open there.
        let mut edges: BTreeMap<Place<'_>, Vec<(u64, bool)>> = BTreeMap::new();
        for (family, first, end, seqno) in &self.told {
            edges.entry((*family, first)).or_default().push((*seqno, true));
            edges.entry((*family, end)).or_default().push((*seqno, false));
        }
        let mut open: BTreeMap<u64, u32> = BTreeMap::new();
        let mut begun: Option<(Place<'_>, u64)> = None;
        let mut stretches = BTreeMap::new();
        for (place, changes) in edges {
            if let Some(((family, first), seqno)) = begun {
                stretches.insert((family, first.to_vec()), (place.1.to_vec(), seqno));
            }
            for (seqno, begins) in changes {
                step(&mut open, seqno, begins);
            }
            begun = open.last_key_value().map(|(seqno, _)| (place, *seqno));
        }
        self.stretches = stretches;
        self.told.clear();
    }

    /// Whether a key's change of this number was removed later.
    pub(super) fn removed(&self, family: u8, key: &[u8], seqno: u64) -> bool {
        let place = (family, key.to_vec());
        let Some(((of, _), (end, by))) = self.stretches.range(..=place).next_back() else {
            return false;
        };
        *of == family && key < end.as_slice() && *by > seqno
    }
}

fn step(open: &mut BTreeMap<u64, u32>, seqno: u64, begins: bool) {
    let times = open.entry(seqno).or_default();
    *times = if begins { *times + 1 } else { times.saturating_sub(1) };
    if *times == 0 {
        open.remove(&seqno);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All marks over few keys, against asking each of them.
    #[test]
    fn stretches_say_what_the_marks_say() {
        let mut state = 7_u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        for _ in 0..200 {
            let told: Vec<[u64; 4]> =
                (0..draw(12)).map(|_| [draw(2), draw(9), draw(9), draw(5)]).collect();
            check(&told);
        }
        check(&[[0, 1, 4, 3], [0, 4, 6, 2], [1, 0, 2, 4]]);
    }

    #[track_caller]
    fn check(told: &[[u64; 4]]) {
        let key = |it: u64| it.to_be_bytes();
        let family = |it: u64| u8::try_from(it).unwrap_or(0);
        let mut marks = Marks::default();
        for [of, first, end, seqno] in told {
            marks.note(family(*of), &key(*first), &key(*end), *seqno);
        }
        marks.settle();
        for of in 0..2 {
            for it in 0..10 {
                for seqno in 0..6 {
                    let asked = told.iter().any(|[by, first, end, later]| {
                        *by == of && *first <= it && it < *end && *later > seqno
                    });
                    let actual = marks.removed(family(of), &key(it), seqno);
                    assert_eq!(actual, asked, "{told:?}: family {of}, key {it}, change {seqno}");
                }
            }
        }
    }
}
