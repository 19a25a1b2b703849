//! Files that nothing reads: most often a slip in a name, which would else be a change that never
//! takes effect.

use super::{profile, stem};
use crate::files::Files;
use crate::problem::Problem;

/// Warns of files in the dictionary's folders that are not read. Files beside them are none of its
/// business.
pub(crate) fn report(files: &Files, problems: &mut Vec<Problem>) {
    let plain = ["entities/", "domains/"].into_iter().flat_map(|folder| {
        files.under(folder).filter(move |(path, _)| stem(path, folder).is_none())
    });
    let profiles = files.under("profiles/").filter(|(path, _)| !profile::is_expected(path));
    for (path, _) in plain.chain(profiles) {
        let message = "nothing reads this file; is its name or folder right?";
        problems.push(Problem::warning("S119", path, (1, 1), message));
    }
}
