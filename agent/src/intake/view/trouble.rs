//! Why a view is not read, for the log, `/readyz` and alerts: never with a value, and never with what a
//! driver says, which may hold one.

use crate::odbc::{Broken, Failure};

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// Something is wrong over there, or with the configuration.
    Trouble(Trouble),
    /// There is no room here just now.
    Later,
    /// The agent stops.
    Stopping,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) code: &'static str,
    pub(crate) reason: String,
}

impl Trouble {
    /// The configuration and the view do not go together.
    pub(super) fn columns(reason: String) -> Ended {
        Ended::Trouble(Trouble { code: "I206", reason })
    }

    /// What a database says to a login or a query.
    pub(crate) fn of(failure: &Failure, at_login: bool) -> Trouble {
        let Failure { state, native, .. } = failure;
        let code = match state.as_str() {
            "HYT00" | "HYT01" | "57014" | "70100" => "I204",
            "08001" | "08003" | "08004" | "08007" | "08S01" | "28000" => "I202",
            _ if at_login => "I202",
            _ => "I203",
        };
        let what = if at_login { "登录" } else { "查询" };
        Trouble { code, reason: format!("{what}时 SQLSTATE {state}（{native}）") }
    }

    pub(crate) fn of_worker(broken: &Broken) -> Trouble {
        let (code, reason) = match broken {
            Broken::NoManager(_) => ("I201", "这台机器没有 libodbc.so.2".to_owned()),
            Broken::TooSlow(within) => {
                ("I204", format!("{} 秒没有答复，读取进程已杀掉", within.as_secs()))
            }
            Broken::NotStarted(error) => ("I205", format!("读取进程启动不了：{error}")),
            Broken::Ended | Broken::Foreign => ("I205", "读取进程自己结束了".to_owned()),
            Broken::Stopping => ("I205", "前置机正在停止".to_owned()),
        };
        Trouble { code, reason }
    }
}

impl From<Broken> for Ended {
    fn from(broken: Broken) -> Ended {
        match broken {
            Broken::Stopping => Ended::Stopping,
            other => Ended::Trouble(Trouble::of_worker(&other)),
        }
    }
}

impl From<crate::outbox::StoreError> for Ended {
    fn from(error: crate::outbox::StoreError) -> Ended {
        tracing::warn!(%error, "a view waits for the store");
        Ended::Later
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_driver_says_stays_with_it() {
        check("28000", true, "I202 登录时 SQLSTATE 28000（7）");
        check("IM002", true, "I202 登录时 SQLSTATE IM002（7）");
        check("42P01", false, "I203 查询时 SQLSTATE 42P01（7）");
        check("57014", false, "I204 查询时 SQLSTATE 57014（7）");
        check("08S01", false, "I202 查询时 SQLSTATE 08S01（7）");
    }

    #[track_caller]
    fn check(state: &str, at_login: bool, expected: &str) {
        let text = "no row for 李建国".to_owned();
        let failure = Failure { state: state.to_owned(), native: 7, text };
        let Trouble { code, reason } = Trouble::of(&failure, at_login);
        assert_eq!(format!("{code} {reason}"), expected);
    }
}
