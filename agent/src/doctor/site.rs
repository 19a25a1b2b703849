//! What the checks look at: the configuration, and what the running daemon says of itself.

use std::sync::Arc;

use serde_json::{Value, json};

use super::patrol::ALERT;
use crate::config::{Config, ForwardConfig};
pub(super) use crate::daemon_user::there_is;
use crate::forward::AmqpOptions;
use crate::intake::{self, Road};

/// The place that is examined.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) config: Config,
    pub(crate) daemon: Daemon,
    /// The character set of whoever asked, as its environment names it; nobody asks for a patrol.
    pub(crate) locale: Option<String>,
}

/// What is known of the daemon.
#[derive(Debug)]
pub(crate) enum Daemon {
    /// It runs, and these checks run inside it; what it says of itself.
    Says(Value),
    /// It does not run.
    IsDown,
    /// Something answers at its socket, and nothing came of asking.
    Refuses(String),
}

impl Site {
    /// As the daemon itself sees it.
    pub(super) fn of(road: &Road, locale: Option<String>) -> Arc<Site> {
        let problems = road.reloads.told().problems;
        // What the last look has found is looked at anew.
        let alerts = intake::alerts(road);
        let alerts: Vec<_> = alerts.iter().filter(|(code, _)| code != ALERT).collect();
        let problems: Vec<Value> =
            problems.iter().map(|it| json!([it.code, it.to_string()])).collect();
        let says = json!({
            "road": intake::standing(road),
            "alerts": alerts,
            "rules": road.sets.load().rules.rules().len(),
            "channels": road.config.channels.len(),
            "problems": problems,
        });
        Arc::new(Site { config: road.config.clone(), daemon: Daemon::Says(says), locale })
    }

    /// What the daemon says of itself, if these checks run in it.
    pub(super) fn says(&self) -> Option<&Value> {
        match &self.daemon {
            Daemon::Says(says) => Some(says),
            Daemon::IsDown | Daemon::Refuses(_) => None,
        }
    }

    /// The broker that records go to, if they go to one.
    pub(super) fn broker(&self) -> Option<&AmqpOptions> {
        match &self.config.forward {
            ForwardConfig::Amqp(options) => Some(options),
            ForwardConfig::Files { .. } => None,
        }
    }
}
