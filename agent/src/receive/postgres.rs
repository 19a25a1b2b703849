//! The records as rows of PostgreSQL: a table that the platform's own programs read.
//!
//! The folder stays the receiver's memory and its account. A row is committed after the record's line
//! is synced and before its message is acknowledged, so that a crash in between brings the message
//! once more, and the row with it; a second copy changes nothing. What is set aside in the folder since
//! the agent has another copy goes from the table, too.

mod scram;
mod wire;

use std::io;

use serde_json::{Value, json};

pub use self::wire::Address;
use self::wire::Connection;
use super::record::{Incoming, Record};

/// Where rows go.
pub(super) struct Table {
    to: Address,
    connection: Option<Connection>,
    /// Since the last commit.
    waiting: Vec<Value>,
}

impl Table {
    /// Connects, and makes the table if there is none.
    pub(super) fn open(to: Address) -> io::Result<Table> {
        let mut table = Table { to, connection: None, waiting: Vec::new() };
        table.connected()?;
        Ok(table)
    }

    fn connected(&mut self) -> io::Result<&mut Connection> {
        let connection = if let Some(connection) = self.connection.take() {
            connection
        } else {
            let opened = Connection::open(&self.to).and_then(|mut connection| {
                connection.run(TABLE)?;
                Ok(connection)
            });
            opened.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.to)))?
        };
        Ok(self.connection.insert(connection))
    }

    pub(super) fn put(&mut self, incoming: &Incoming<'_>, record: &Record<'_>) {
        self.waiting.push(json!({
            "record_id": record.record_id, "agent": incoming.agent, "epoch": incoming.epoch,
            "seq": record.seq, "entity": record.entity, "channel": record.channel,
            "received_at": record.received_at, "doc": record.json,
        }));
    }

    /// Commits what was put since the last time.
    pub(super) fn commit(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        // A group of long messages may be more than one statement takes.
        for rows in in_statements(std::mem::take(&mut self.waiting)) {
            self.carry_out(INSERT, &rows)?;
        }
        Ok(())
    }

    /// Removes rows by the ids of their records.
    pub(super) fn remove(&mut self, record_ids: &[String]) -> io::Result<()> {
        if record_ids.is_empty() {
            return Ok(());
        }
        self.carry_out(REMOVE, &json!(record_ids).to_string())
    }

    /// A connection that has been idle for long may be gone: then on a new one, since both statements
    /// may be carried out twice.
    fn carry_out(&mut self, statement: &str, parameter: &str) -> io::Result<()> {
        let first = self.connected().and_then(|it| it.run_with(statement, parameter));
        let Err(error) = first else { return Ok(()) };
        tracing::warn!(database = %self.to, %error, "once more on a new connection");
        self.connection = None;
        let second = self.connected().and_then(|it| it.run_with(statement, parameter));
        if second.is_err() {
            self.connection = None;
        }
        second
    }
}

/// Rows as parameters of statements, each a JSON array.
fn in_statements(rows: Vec<Value>) -> Vec<String> {
    let mut statements: Vec<String> = Vec::new();
    for row in rows {
        let row = row.to_string();
        match statements.last_mut() {
            Some(last) if last.len() + row.len() < STATEMENT_BYTES => {
                last.push(',');
                last.push_str(&row);
            }
            _ => statements.push(format!("[{row}")),
        }
    }
    for it in &mut statements {
        it.push(']');
    }
    statements
}

/// Far below the gigabyte that PostgreSQL takes as one value.
const STATEMENT_BYTES: usize = 8 << 20;

const TABLE: &str = "
    set client_min_messages = warning;
    create table if not exists his_record (
        record_id text primary key,
        agent text not null,
        epoch text not null,
        seq bigint not null,
        entity text not null,
        channel text not null,
        received_at text not null,
        doc json not null,
        stored_at timestamptz not null default now()
    );
    create index if not exists his_record_place on his_record (agent, epoch, seq);
    create index if not exists his_record_day on his_record (left(received_at, 8), entity);";

/// `json` keeps what was written to the byte, `jsonb` would not.
const INSERT: &str = "
    insert into his_record (record_id, agent, epoch, seq, entity, channel, received_at, doc)
    select record_id, agent, epoch, seq, entity, channel, received_at, doc::json
    from json_to_recordset($1::json) as it (record_id text, agent text, epoch text, seq bigint,
        entity text, channel text, received_at text, doc text)
    on conflict (record_id) do nothing";

const REMOVE: &str = "delete from his_record where record_id in
    (select json_array_elements_text($1::json))";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_rows_are_several_statements_and_none_is_left_out() {
        check(&[1, 1], &[2]);
        check(&[STATEMENT_BYTES / 2, STATEMENT_BYTES / 2, 1], &[1, 2]);
        check(&[2 * STATEMENT_BYTES, 1], &[1, 1]);
    }

    #[track_caller]
    fn check(row_bytes: &[usize], rows_by_statement: &[usize]) {
        let rows = row_bytes.iter().map(|it| json!({ "doc": "x".repeat(*it) })).collect();
        let statements = in_statements(rows);
        let rows = |it: &String| serde_json::from_str::<Vec<Value>>(it).map_or(0, |it| it.len());
        assert_eq!(statements.iter().map(rows).collect::<Vec<_>>(), rows_by_statement);
    }
}
