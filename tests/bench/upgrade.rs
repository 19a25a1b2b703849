//! How long nobody is answered while the agent gives way to its next version, with a queue behind it.

use std::time::Instant;

use crate::alternate::Spread;
use crate::daemon::{Daemon, OUTBOX};
use crate::fill::fill;
use crate::queue::{AWAY, PATIENCE, await_quiet};
use crate::site::Site;
use crate::table::{Row, Target};

/// From the signal to the first answer of the next one. The broker is away, so that the queue stays as it is.
pub(crate) fn run(site: &Site) -> Vec<Row> {
    let folder = site.new_folder();
    fill(&folder.join(OUTBOX), QUEUED);
    let mut daemon = Daemon::start(&folder, AWAY);
    await_quiet(&daemon, PATIENCE);
    let mut outages = Vec::new();
    for _ in 0..UPGRADES {
        let started = Instant::now();
        daemon.stop();
        daemon = Daemon::start(&folder, AWAY);
        outages.push(started.elapsed().as_secs_f64());
        assert_eq!(daemon.account().waiting, QUEUED, "nothing goes, nothing comes");
    }
    let outage = Spread::of(outages);
    vec![Row::absolute(
        "outage of an upgrade, 100,000 queued, s",
        outage,
        Some(Target::AtMost(2.0)),
    )]
}

const QUEUED: u64 = 100_000;
const UPGRADES: usize = 5;
