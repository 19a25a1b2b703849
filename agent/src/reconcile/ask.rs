//! Brings questions to the platform.
//!
//! Over a broker a question goes to the records' exchange, with the routing key `{org}.reconcile`: so
//! it stands in the platform's queue behind every record that was confirmed before, and its answer
//! tells of all of them. The answer comes by the control queue, `his.control.{org}`. What else lies
//! there is left to whom it is for.
//!
//! Across a one-way gate nothing can be asked: there the platform's account comes as a file.

#[cfg(test)]
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::book::{Book, Carried};
use super::question::{ANSWER, Answer, Day, ORDER_END, QUESTION, Question};
use crate::clock;
use crate::forward::broker::{Consumer, Letter};
use crate::forward::files::put;
use crate::forward::{AmqpOptions, BrokerError};
use crate::outbox::StoreError;

/// Why a day was not compared.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Our own store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The broker, or the control queue.
    #[error("平台问不到：{0}")]
    Broker(#[from] BrokerError),
    /// Nobody answered.
    #[error("平台 {} 秒没有答复：核对平台一侧的接收程序是否在运行、是否接收路由键 *.reconcile", .0.as_secs())]
    Silent(Duration),
    /// The platform cannot say.
    #[error("平台不能答复：{0}")]
    Refused(String),
    /// What it said is no answer of ours.
    #[error("平台的答复看不懂")]
    Garbled,
    /// There is no way back.
    #[error(
        "记录写成文件（网闸），没有回来的路：请平台用 his-agent receive --account 导出这一天的账，带回来用 --answer 给出"
    )]
    NoWayBack,
    /// The account of the day was let go.
    #[error("这一天的账已过 [messages] keep_days，不在本机了，不能对")]
    Forgotten,
    /// The file with the platform's account.
    #[error("{0}")]
    File(String),
}

impl Trouble {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Trouble::Store(error) => error.code(),
            Trouble::Broker(error) => error.code(),
            Trouble::Silent(_) => "O501",
            Trouble::Refused(_) | Trouble::Garbled => "O502",
            Trouble::NoWayBack => "O503",
            Trouble::File(_) => "O504",
            Trouble::Forgotten => "O506",
        }
    }
}

/// Two lives: a platform behind a broker, and an account that was carried in a file.
pub(super) enum Platform {
    /// It can be asked, and told.
    Broker(Box<Line>),
    /// It can be asked; orders go the way of the records.
    File { book: Box<Book>, orders: Option<PathBuf> },
    /// It has its books beside it, by day.
    #[cfg(test)]
    Books(BTreeMap<String, Book>),
}

/// A connection on which questions are asked.
pub(super) struct Line {
    consumer: Consumer,
    exchange: String,
    routing_key: String,
    reply_to: String,
}

impl Platform {
    /// Connects to the broker, and to the control queue of this institution.
    pub(super) async fn at(options: &AmqpOptions, org: &str) -> Result<Platform, Trouble> {
        let queue = control_queue(org);
        let mut opened = Err(BrokerError::silent("connecting", CONNECT_MAX));
        for turn in 0..options.access.urls.len() {
            // No bound on what is sent ahead: messages for others may lie in front of the answer.
            let opening = async {
                if options.declare {
                    Consumer::declare(&options.access, turn, &queue).await?;
                }
                Consumer::open(&options.access, turn, &queue, 0).await
            };
            opened = timeout(CONNECT_MAX, opening)
                .await
                .unwrap_or_else(|_| Err(BrokerError::silent("connecting", CONNECT_MAX)))
                .map_err(|error| of_queue(error, &queue));
            if opened.is_ok() {
                break;
            }
        }
        let routing_key = format!("{org}.{QUESTION}");
        let exchange = options.exchange.clone();
        let line = Line { consumer: opened?, exchange, routing_key, reply_to: queue };
        Ok(Platform::Broker(Box::new(line)))
    }

    /// Reads an account that was carried here. Orders go into a folder, if there is one.
    pub(super) fn in_file(
        path: &Path,
        of: &Day,
        orders: Option<PathBuf>,
    ) -> Result<Platform, Trouble> {
        let trouble = |why: String| Trouble::File(format!("{}: {why}", path.display()));
        let text = fs::read(path).map_err(|error| trouble(error.to_string()))?;
        let carried: Carried =
            serde_json::from_slice(&text).map_err(|error| trouble(error.to_string()))?;
        if carried.of != *of {
            let Day { agent, epoch, day } = &carried.of;
            return Err(trouble(format!("这是 {agent} 仓库 {epoch} 在 {day} 的账，不是要对的")));
        }
        Ok(Platform::File { book: Box::new(carried.into()), orders })
    }

    pub(super) async fn ask(&mut self, question: &Question) -> Result<Answer, Trouble> {
        let answer = match self {
            Platform::Broker(line) => line.ask(question).await?,
            Platform::File { orders, .. } if question.ask.is_order() => {
                order(orders.as_deref(), question)?
            }
            Platform::File { book, .. } => book.answer(&question.ask),
            #[cfg(test)]
            Platform::Books(books) => match books.get(&question.of.day) {
                Some(book) => book.answer(&question.ask),
                None => Answer::Refused { reason: "no such day".to_owned() },
            },
        };
        match answer {
            Answer::Refused { reason } => Err(Trouble::Refused(reason)),
            answer => Ok(answer),
        }
    }

    /// Says goodbye.
    pub(super) async fn close(self) {
        if let Platform::Broker(line) = self {
            line.consumer.close().await;
        }
    }
}

impl Line {
    async fn ask(&mut self, question: &Question) -> Result<Answer, Trouble> {
        let id = clock::new_id();
        let letter = Letter {
            exchange: self.exchange.clone(),
            routing_key: self.routing_key.clone(),
            kind: QUESTION,
            id: id.clone(),
            reply_to: self.reply_to.clone(),
            correlation: String::new(),
            body: serde_json::to_vec(question).map_err(|_| Trouble::Garbled)?,
        };
        self.consumer.send(&letter).await?;
        let until = Instant::now() + ANSWER_MAX;
        loop {
            let arrival = timeout_at(until, self.consumer.next()).await;
            let arrival = arrival.map_err(|_| Trouble::Silent(ANSWER_MAX))??;
            if arrival.kind != ANSWER {
                continue;
            }
            // Answers that nobody waits for any more go, too.
            self.consumer.acknowledge(arrival.tag).await?;
            if arrival.correlation == id {
                return serde_json::from_slice(&arrival.body).map_err(|_| Trouble::Garbled);
            }
        }
    }
}

/// Leaves an order with the records that are carried across; it is carried out when it arrives there.
fn order(orders: Option<&Path>, question: &Question) -> Result<Answer, Trouble> {
    let Some(dir) = orders else { return Err(Trouble::NoWayBack) };
    let text = serde_json::to_vec(question).map_err(|_| Trouble::Garbled)?;
    let name = format!("{}-{}{ORDER_END}", question.of.day, clock::new_id());
    put(dir, &name, &text).map_err(|error| Trouble::File(format!("{}: {error}", dir.display())))?;
    Ok(Answer::Kept)
}

/// Whoever reads that a queue does not answer has to know which.
fn of_queue(error: BrokerError, queue: &str) -> BrokerError {
    match error {
        BrokerError::Silent { doing, waited_ms } if doing != "connecting" => {
            let reason = format!("{doing}; `{queue}` has not answered for {waited_ms} ms");
            BrokerError::Unreachable { reason }
        }
        other => other,
    }
}

/// Where the platform's answers to an institution go.
pub(crate) fn control_queue(org: &str) -> String {
    format!("his.control.{org}")
}

const CONNECT_MAX: Duration = Duration::from_secs(15);
/// The platform may have a backlog in front of the question, and a day's files to read.
const ANSWER_MAX: Duration = Duration::from_mins(2);
