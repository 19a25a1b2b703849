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
        let rows = Value::from(std::mem::take(&mut self.waiting)).to_string();
        self.carry_out(INSERT, &rows)
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
