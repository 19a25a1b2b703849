//! The doors: how callers reach the agent, and what every door promises.
//!
//! A door bounds what it takes in (connections, messages at one time, bytes, seconds), hands the
//! bytes to the pipeline, and answers after the disk has them, never before. When there is no room
//! it says "busy"; it never drops.

mod acknowledge;
pub mod answer;
mod body;
mod checks;
mod feedback;
pub mod folder;
pub mod http;
pub(crate) mod insurance;
mod manual;
mod messages;
pub(crate) mod metrics;
pub mod mllp;
mod operators;
mod room;
pub(crate) mod soap;
mod stream;
pub(crate) mod told;
mod totals;
pub(crate) mod view;
mod voice;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Semaphore;

use crate::alerts::Alerts;
use crate::audit::Audit;
use crate::backup::Backups;
use crate::callers::Callers;
use crate::calls::Calls;
use crate::checks::Checks;
use crate::config::Config;
use crate::doctor::Patrol;
use crate::envelope::Draft;
use crate::events::Events;
use crate::forward::ForwardState;
use crate::history::History;
use crate::journey::Journeys;
use crate::outbox::Outbox;
use crate::parked::Parking;
use crate::plans::Plans;
use crate::quality::Quality;
use crate::query::Queries;
use crate::reconcile::Accounts;
use crate::relay::Relay;
use crate::sets::{Reloads, Sets};
use crate::shadow::Shadow;
use crate::subscribe::Subscriptions;
use crate::versions::Versions;
use body::{Upload, read_body};
pub(crate) use checks::json;
pub(crate) use messages::receive_fetched;
pub(crate) use operators::{alerts, of_sources, standing};
use room::Room;

/// Takes what records bring for the agent itself: doctors' answers, a HIS's totals. False when they are refused.
pub(crate) async fn take_brought(road: &Arc<Road>, drafts: &mut [Draft], channel: &str) -> bool {
    feedback::taken(road, drafts, channel).await && totals::taken(road, drafts, channel).await
}

/// What the doors share.
#[derive(Debug)]
pub struct Road {
    /// As it was proved at start.
    pub config: Config,
    /// The sets in force; swapped whole. A message keeps the set it began with.
    pub sets: ArcSwap<Sets>,
    /// How the sets in force came to be so.
    pub reloads: Reloads,
    /// What came of backups.
    pub backups: Backups,
    /// Every configuration and set that was in force.
    pub versions: Versions,
    /// A candidate set that judges beside them.
    pub shadow: Shadow,
    /// Who may call.
    pub callers: Callers,
    /// Who has called.
    pub calls: Calls,
    /// The queue on disk.
    pub outbox: Outbox,
    /// What waits for codes to be mapped, and when it is judged again.
    pub parking: Parking,
    /// What the forwarder last saw of the broker.
    pub forward: Arc<ForwardState>,
    /// Room for messages; none left means "busy".
    pub messages: Semaphore,
    /// Room for messages that are taken item by item; none left means "busy".
    pub streams: stream::Streams,
    /// Room for bodies and frames that are coming; none left means "busy".
    pub bodies: Arc<Room>,
    /// MLLP doors that were full.
    pub lines: mllp::FullDoors,
    /// What became of every check.
    pub checks: Checks,
    /// The past of patients.
    pub history: History,
    /// What became of every message.
    pub journeys: Journeys,
    /// The insurer's own review, when it is asked beside ours.
    pub relay: Option<Relay>,
    /// What audits of whole encounters share.
    pub audit: Audit,
    /// Other systems that records are pushed to.
    pub subscriptions: Subscriptions,
    /// What other systems that read share.
    pub queries: Queries,
    /// What ward screens share.
    pub events: Events,
    /// What is run by itself.
    pub plans: Plans,
    /// What the last look at the machine has found.
    pub(crate) patrol: Patrol,
    /// What the platform has confirmed, day by day.
    pub accounts: Accounts,
    /// What the sources' data is like, counted.
    pub quality: Arc<Quality>,
    /// How drop folders stand.
    pub folders: folder::Folders,
    /// How the views of databases stand.
    pub views: view::Views,
    /// What somebody should look at, and who was told.
    pub alerts: Alerts,
    /// Renders the metrics, if they are collected.
    pub metrics: Option<metrics_exporter_prometheus::PrometheusHandle>,
}

impl Road {
    /// Puts the parts together.
    pub fn new(config: Config, sets: Sets, outbox: Outbox, forward: Arc<ForwardState>) -> Road {
        let messages = Semaphore::new(config.listen.messages_max);
        let streams = stream::Streams::new(config.listen.stream_bytes_max);
        let bodies = config.listen.bodies_bytes_max.max(config.listen.limits.body_bytes_max);
        let bodies = Room::new(bodies);
        stream::clear(&config.outbox.dir);
        let metrics = crate::telemetry::metrics();
        crate::telemetry::begin_at_zero(config.channels.iter().map(|it| it.name.as_str()));
        let reloads = Reloads::new(&config, &sets);
        let versions = Versions::new(&config);
        let folder = config.quality.dir.clone();
        let quality = Arc::new(Quality::new(folder, config.quality.keep_days));
        let sets = ArcSwap::from_pointee(sets);
        let parking = Parking::default();
        let checks = Checks::new(&config);
        let history = History::new(&config);
        let subscriptions = Subscriptions::new(&config);
        let events = Events::new(&config.events);
        let shadow = Shadow::default();
        let callers = Callers::new(&config, &outbox);
        let calls = Calls::new(&config.calls);
        let alerts = Alerts::new(&config);
        let relay = Relay::new(&config.relay, &config.listen.limits);
        Road {
            config,
            sets,
            reloads,
            versions,
            backups: Backups::default(),
            shadow,
            callers,
            calls,
            outbox,
            parking,
            forward,
            messages,
            streams,
            bodies,
            lines: mllp::FullDoors::default(),
            checks,
            history,
            journeys: Journeys::default(),
            relay,
            audit: Audit::default(),
            events,
            subscriptions,
            queries: Queries::default(),
            plans: Plans::default(),
            patrol: Patrol::default(),
            accounts: Accounts::default(),
            quality,
            folders: folder::Folders::default(),
            views: view::Views::default(),
            alerts,
            metrics,
        }
    }
}

/// How long a caller should wait who was told that the disk is nearly full.
const NO_ROOM_RETRY_AFTER: Duration = Duration::from_secs(30);

/// How long a caller who was told "busy" should wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);
