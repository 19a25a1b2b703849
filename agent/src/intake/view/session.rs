//! A worker that is logged in, and what is known of the view then. The door and `view-try` both begin so.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::statement::{Dialect, Pages, place_of};
use super::trouble::{Ended, Trouble};
use crate::config::ViewConfig;
use crate::odbc::{Ask, Broken, Column, Failure, Page, Select, Told, Worker};

/// A worker that is logged in.
#[derive(Debug)]
pub(crate) struct Session {
    worker: Worker,
    pub(crate) dbms: String,
    pub(crate) version: String,
    dialect: Dialect,
    pub(crate) columns: Vec<Column>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Refused {
    /// By the worker.
    Broken(Broken),
    /// By the database, at login or later.
    Failed { failure: Failure, at_login: bool },
    /// The view does not have a column that is configured.
    NoColumn(String),
}

impl From<Broken> for Refused {
    fn from(broken: Broken) -> Refused {
        Refused::Broken(broken)
    }
}

impl From<Refused> for Ended {
    fn from(refused: Refused) -> Ended {
        match refused {
            Refused::Broken(broken) => broken.into(),
            Refused::Failed { failure, at_login } => {
                Ended::Trouble(Trouble::of(&failure, at_login))
            }
            Refused::NoColumn(name) => Trouble::columns(format!("视图里没有 `{name}` 这一列")),
        }
    }
}

impl Session {
    /// Starts a worker, logs in, and looks at the columns.
    pub(crate) fn open(
        channel: &str,
        view: &ViewConfig,
        stop: &CancellationToken,
    ) -> Result<Session, Refused> {
        let mut worker = Worker::start(channel, stop)?;
        let ask = Ask::Connect {
            connection: view.connection.reveal().to_owned(),
            charset: view.charset.map(|it| it.as_str().to_owned()),
            timeout_s: seconds(view.timeout),
        };
        let (dbms, version) = match worker.ask(&ask, view.timeout + GRACE, stop)? {
            Told::Connected { dbms, version } => (dbms, version),
            Told::Failed(failure) => return Err(Refused::Failed { failure, at_login: true }),
            _ => return Err(Broken::Foreign.into()),
        };
        let dialect = Dialect::of(&dbms, view.paging, view.charset);
        let mut session = Session { worker, dbms, version, dialect, columns: Vec::new() };
        session.look(view, stop)?;
        Ok(session)
    }

    /// The columns, and whether those that are configured are among them.
    fn look(&mut self, view: &ViewConfig, stop: &CancellationToken) -> Result<(), Refused> {
        let none = self.pages(view).none();
        self.columns = self.select(&none, view, stop)?.columns;
        let missing = order(view).into_iter().find(|it| place_of(it, &self.columns).is_none());
        missing.map_or(Ok(()), |it| Err(Refused::NoColumn(it.to_owned())))
    }

    /// How the view is read page by page.
    pub(crate) fn pages<'c>(&self, view: &'c ViewConfig) -> Pages<'c> {
        let (source, order) = (&view.source, order(view));
        Pages { dialect: self.dialect, source, order, rows: view.page_rows }
    }

    /// Reads a page.
    pub(crate) fn select(
        &mut self,
        sql: &str,
        view: &ViewConfig,
        stop: &CancellationToken,
    ) -> Result<Page, Refused> {
        let ask = Ask::Select(Select {
            sql: sql.to_owned(),
            rows_max: view.page_rows,
            driver_limits: self.dialect.leaves_limits(),
            timeout_s: seconds(view.timeout),
        });
        match self.worker.ask(&ask, view.timeout + GRACE, stop)? {
            Told::Page(page) => Ok(page),
            Told::Failed(failure) => Err(Refused::Failed { failure, at_login: false }),
            _ => Err(Broken::Foreign.into()),
        }
    }
}

/// The columns that order a view.
fn order(view: &ViewConfig) -> Vec<&str> {
    view.watermark.iter().chain(&view.key).map(String::as_str).collect()
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX)
}

/// The database cancels at the time-out; whoever has not answered so long after it will not.
const GRACE: Duration = Duration::from_secs(2);
