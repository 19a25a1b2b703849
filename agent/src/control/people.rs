//! Who sits at the other end of the control socket: the system says by which user the connection was made,
//! and the configuration which roles that user, or one of its groups, has.
//!
//! Groups are those of `/etc/group` and the one the process runs under. Users of a directory service are
//! named by their number.

use std::collections::BTreeSet;
use std::fs;

use tokio::net::unix::UCred;

use super::rights::{Person, Role};
use crate::config::AdminConfig;

/// The users and groups of this machine.
#[derive(Debug, Default)]
struct Book {
    passwd: String,
    group: String,
}

/// Who made the connection. The daemon's own user and root may do everything: they could as well read its
/// memory.
pub(super) fn person(peer: UCred, owner: u32, admin: &AdminConfig) -> Person {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let book = Book { passwd: read("/etc/passwd"), group: read("/etc/group") };
    book.person((peer.uid(), peer.gid()), owner, admin)
}

impl Book {
    fn person(&self, (uid, gid): (u32, u32), owner: u32, admin: &AdminConfig) -> Person {
        let name = self.user(uid).map_or_else(|| uid.to_string(), str::to_owned);
        if uid == 0 || uid == owner {
            return Person { name, roles: BTreeSet::from([Role::Admin]), is_account: true };
        }
        let groups = self.groups(&name, gid);
        let is_it = |who: &str| match who.strip_prefix('@') {
            Some(group) => groups.contains(group),
            None => who == name || who.parse() == Ok(uid),
        };
        let roles = admin.people.iter().filter(|(_, who)| is_it(who)).map(|(role, _)| *role);
        Person { roles: roles.collect(), name, is_account: false }
    }

    fn user(&self, uid: u32) -> Option<&str> {
        let mut lines = self.passwd.lines().map(|it| it.split(':').collect::<Vec<_>>());
        lines.find_map(|it| match *it.as_slice() {
            [name, _, number, ..] if number.parse() == Ok(uid) => Some(name),
            _ => None,
        })
    }

    /// The names and numbers of all groups somebody is in.
    fn groups(&self, name: &str, gid: u32) -> BTreeSet<String> {
        let mut groups = BTreeSet::from([gid.to_string()]);
        for line in self.group.lines() {
            let [group, _, number, members] = *line.split(':').collect::<Vec<_>>().as_slice()
            else {
                continue;
            };
            if number.parse() == Ok(gid) || members.split(',').any(|it| it == name) {
                groups.extend([group.to_owned(), number.to_owned()]);
            }
        }
        groups
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn roles_come_by_user_and_by_group() {
        check((0, 0), "root: admin");
        check((990, 990), "his-agent: admin");
        check((1001, 1001), "wang: operator");
        check((1002, 1002), "li: pharmacist,auditor");
        check((1003, 2002), "zhao: auditor");
        check((1004, 1004), "1004: viewer");
        check((1005, 1005), "1005: ");
    }

    #[track_caller]
    fn check(peer: (u32, u32), expected: &str) {
        let book = Book {
            passwd: "root:x:0:0::/:/bin/sh\nhis-agent:x:990:990::/:/bin/sh\nwang:x:1001:1001::/:\n\
                     broken\nli:x:1002:1002::/:\nzhao:x:1003:1003::/:\n"
                .to_owned(),
            group: "pharmacy:x:2001:li,zhou\nbroken\naudit:x:2002:chen,li\nwang:x:1001:\n"
                .to_owned(),
        };
        let all = [
            (Role::Operator, "wang"),
            (Role::Pharmacist, "@pharmacy"),
            (Role::Auditor, "@2002"),
            (Role::Viewer, "1004"),
        ];
        let people = all.into_iter().map(|(role, who)| (role, who.to_owned())).collect();
        let person = book.person(peer, 990, &AdminConfig { people });
        assert_eq!(format!("{}: {}", person.name, person.words()), expected);
        assert_eq!(person.is_account, matches!(peer.0, 0 | 990), "{expected}");
    }
}
