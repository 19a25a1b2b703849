//! Who may do what by the admin API: rights are of routes, roles are of people.
//!
//! Each operation of [`crate::openapi`] names the one right that it needs; a role has the rights of its row
//! here. Whatever the way in (the command line, a console), it is these two tables that decide.

use std::collections::BTreeSet;
use std::str::FromStr;

/// What an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Right {
    /// To see how the agent stands; nothing of patients.
    See,
    /// To see what is of patients: messages, checks, suspicions, who has read what.
    Read,
    /// To keep it running: replay, map codes, back up, reconcile.
    Operate,
    /// To write rules, sets and plans, and to try them.
    Rules,
    /// To have days audited and to answer suspicions.
    Audit,
    /// To decide who may do what, which configuration and which keys are in force, and what is forgotten.
    Govern,
}

/// What somebody is here for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Keeps it running.
    Operator,
    /// Writes rules.
    Pharmacist,
    /// Audits.
    Auditor,
    /// Everything.
    Admin,
}

impl Role {
    /// All.
    pub const ALL: [Role; 5] =
        [Role::Viewer, Role::Operator, Role::Pharmacist, Role::Auditor, Role::Admin];

    /// The word of configurations and commands.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Pharmacist => "pharmacist",
            Role::Auditor => "auditor",
            Role::Admin => "admin",
        }
    }

    const fn zh(self) -> &'static str {
        match self {
            Role::Viewer => "只读",
            Role::Operator => "运维",
            Role::Pharmacist => "药师",
            Role::Auditor => "审计",
            Role::Admin => "管理员",
        }
    }

    const fn may(self, right: Right) -> bool {
        match self {
            Role::Viewer => matches!(right, Right::See),
            Role::Operator => matches!(right, Right::See | Right::Read | Right::Operate),
            Role::Pharmacist => matches!(right, Right::See | Right::Read | Right::Rules),
            Role::Auditor => matches!(right, Right::See | Right::Read | Right::Audit),
            Role::Admin => true,
        }
    }
}

impl Right {
    /// Whoever has it.
    pub(crate) fn roles(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |it| it.may(self))
    }

    /// Those roles, for people.
    pub(crate) fn zh(self) -> String {
        let named: Vec<String> =
            self.roles().map(|it| format!("{} {}", it.zh(), it.word())).collect();
        named.join("、")
    }
}

impl FromStr for Role {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Role, &'static str> {
        let known = Role::ALL.into_iter().find(|it| it.word() == text);
        known.ok_or("roles are viewer, operator, pharmacist, auditor and admin")
    }
}

/// Somebody who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Person {
    /// Of the system, or of the token.
    pub(crate) name: String,
    pub(crate) roles: BTreeSet<Role>,
    /// Root, or the daemon's own user: whoever sits there, it is not said by the name.
    pub(crate) is_account: bool,
}

impl Person {
    pub(crate) fn may(&self, right: Right) -> bool {
        self.roles.iter().any(|it| it.may(right))
    }

    /// The roles, for logs.
    pub(crate) fn words(&self) -> String {
        let words: Vec<&str> = self.roles.iter().map(|it| it.word()).collect();
        words.join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_has_its_rights_and_no_others() {
        check(Right::See, "viewer operator pharmacist auditor admin");
        check(Right::Read, "operator pharmacist auditor admin");
        check(Right::Operate, "operator admin");
        check(Right::Rules, "pharmacist admin");
        check(Right::Audit, "auditor admin");
        check(Right::Govern, "admin");
        assert!(
            Role::ALL.iter().all(|it| it.word().parse() == Ok(*it))
                && "root".parse::<Role>().is_err()
        );
    }

    #[track_caller]
    fn check(right: Right, roles: &str) {
        let words: Vec<&str> = right.roles().map(Role::word).collect();
        assert_eq!(words.join(" "), roles, "{right:?}");
    }
}
