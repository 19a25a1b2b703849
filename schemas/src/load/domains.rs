//! `domains/<domain>.csv`: the codes of one value domain.

use std::sync::Arc;

use super::{Domains, stem};
use crate::domain::ValueDomain;
use crate::files::Files;
use crate::problem::Problem;
use crate::table::{self, Columns};

const COLUMNS: Columns = Columns { required: &["code", "zh_name"], optional: &[] };

/// Every domain of a folder.
pub(crate) fn read(files: &Files, folder: &str, problems: &mut Vec<Problem>) -> Domains {
    files
        .under(folder)
        .filter_map(|(path, text)| {
            let name = stem(path, folder)?;
            Some((name.to_owned(), Arc::new(read_one(name, path, text, problems))))
        })
        .collect()
}

fn read_one(name: &str, path: &str, text: &str, problems: &mut Vec<Problem>) -> ValueDomain {
    let before = problems.len();
    let mut domain = ValueDomain::empty(name, true);
    for row in table::read(path, text, &COLUMNS, problems) {
        for column in ["code", "zh_name"] {
            if row.cell(column).is_empty() {
                let message = format!("`{column}` is empty");
                problems.push(row.error("S112", column, message));
            }
        }
        let code = row.cell("code");
        if !code.is_empty() && !domain.add(code, row.cell("zh_name")) {
            let message = format!("the code `{code}` already stands above");
            problems.push(row.error("S111", "code", message));
        }
    }
    if domain.codes().next().is_none() && problems.len() == before {
        let message =
            "the domain has no codes; write ?name in value_domain when none are published";
        problems.push(Problem::error("S111", path, (1, 1), message));
    }
    domain
}
