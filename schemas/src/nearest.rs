//! "Did you mean": the nearest of the names that would have been right.

/// The candidate that takes the fewest edits, if it takes few enough to be what was meant.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bound = name.chars().count() / 3 + 1;
    candidates
        .map(|candidate| (edits(name, candidate), candidate))
        .filter(|(edits, _)| *edits <= bound)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// "; did you mean `x`?", or nothing, to be put behind a complaint.
#[must_use]
pub fn suggestion<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    nearest(name, candidates).map_or(String::new(), |it| format!("; did you mean `{it}`?"))
}

/// Levenshtein distance, one row at a time.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (above, y) in row.iter().skip(1).zip(&b) {
            let cost = (diagonal + usize::from(x != *y)).min(left + 1).min(above + 1);
            diagonal = *above;
            left = cost;
            next.push(cost);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_a_guess_is_not_made() {
        let names = ["rxno", "rx_detl_id", "rx_detl_name", "cnt"];
        assert_eq!(nearest("rx_no", names.into_iter()), Some("rxno"));
        assert_eq!(nearest("rx_detl_nmae", names.into_iter()), Some("rx_detl_name"));
        assert_eq!(nearest("prescription", names.into_iter()), None);
    }
}
