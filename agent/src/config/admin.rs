//! `[admin]`: which users and groups of this machine have which role at the control socket.

use super::section::{Complaints, Section};
use crate::control::rights::Role;

/// `[admin]`
#[derive(Clone, Debug, Default)]
pub struct AdminConfig {
    /// A role, and a user by name or number, or a group with `@` before it.
    pub people: Vec<(Role, String)>,
}

pub(super) fn admin(root: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> AdminConfig {
    let mut section = root.section("admin", to);
    let given = [
        (Role::Viewer, section.texts("viewer", to)),
        (Role::Operator, section.texts("operator", to)),
        (Role::Pharmacist, section.texts("pharmacist", to)),
        (Role::Auditor, section.texts("auditor", to)),
        (Role::Admin, section.texts("admin", to)),
    ];
    let each = given.into_iter().flat_map(|(role, all)| all.into_iter().map(move |it| (role, it)));
    let people: Vec<(Role, String)> = each.collect();
    let is_wrong = |who: &str| !is_name(who.strip_prefix('@').unwrap_or(who));
    for (role, who) in people.iter().filter(|(_, who)| is_wrong(who)) {
        let key = role.word();
        let message =
            format!("`{key}`: `{who}` must be a user, a uid, or a group such as \"@pharmacy\"");
        to.error("A004", section.offset_of(key), message);
    }
    section.finish(to);
    AdminConfig { people }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|it: char| it.is_whitespace() || it == ':' || it == '@')
}

#[cfg(test)]
mod tests {
    use crate::config::proving::told_of;

    #[test]
    fn users_numbers_and_groups_have_roles() {
        check("viewer = [\"wang\", \"1001\", \"@pharmacy\"]\nadmin = [\"@wheel\"]", "");
        check("operator = [\"\"]", "`operator`: `` must be a user");
        check("auditor = [\"a b\"]", "must be a user");
        check("pharmacist = \"li\"", "a list of texts");
        check("nurse = [\"li\"]", "nurse");
    }

    #[track_caller]
    fn check(lines: &str, expected: &str) {
        told_of(&format!("[admin]\n{lines}"), expected);
    }
}
