//! The worker's own side: answers what it is asked until nobody asks any more.

use std::fs::File;
use std::io;

use super::frames::{self, Ask, Failure, PROTOCOL, Select, Told};
use super::guard;
use super::manager::Manager;
use super::session::Session;

/// The whole life of a worker.
pub(crate) fn main() -> io::Result<()> {
    let mut to = guard::stand_alone()?;
    let manager = match Manager::load() {
        Ok(manager) => manager,
        Err(why) => {
            let hello = Told::Hello { protocol: PROTOCOL, no_manager: Some(why) };
            return frames::write(&mut to, &hello);
        }
    };
    frames::write(&mut to, &Told::Hello { protocol: PROTOCOL, no_manager: None })?;
    answer(&manager, &mut to)
}

fn answer(manager: &Manager, to: &mut File) -> io::Result<()> {
    let mut from = io::stdin().lock();
    let mut session = None;
    while let Some(ask) = frames::read::<Ask>(&mut from)? {
        let told = match ask {
            Ask::Connect { connection, charset, timeout_s } => {
                session = None; // one connection at a time, also while the next is made
                Session::open(manager, &connection, charset.as_deref(), timeout_s).map(|it| {
                    let (dbms, version) = (it.dbms.clone(), it.version.clone());
                    session = Some(it);
                    Told::Connected { dbms, version }
                })
            }
            Ask::Select(asked) => select(session.as_ref(), &asked),
        };
        frames::write(to, &told.unwrap_or_else(Told::Failed))?;
    }
    Ok(())
}

/// Nothing but a `SELECT` is run for anybody.
fn select(session: Option<&Session<'_>>, asked: &Select) -> Result<Told, Failure> {
    let told = |state: &str, text: &str| Failure {
        state: state.to_owned(),
        native: 0,
        text: text.to_owned(),
    };
    let session = session.ok_or_else(|| told("08003", "not connected"))?;
    if !asked.sql.get(..7).is_some_and(|it| it.eq_ignore_ascii_case("select ")) {
        return Err(told("42000", "only SELECT is run"));
    }
    session.select(asked).map(Told::Page)
}
