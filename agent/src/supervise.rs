//! Starts the road, watches it, and stops it in road order under one deadline.
//!
//! Order of a start: store, addresses, forwarder, doors. Order of a stop: the doors close, what was
//! taken is answered, the forwarder settles what is in flight, the store is closed. What was not
//! delivered stays on disk for the next start; that is no failure.
//!
//! A task that ends before it was told to has met something it cannot mend (a disk that fails): the
//! agent then stops as a whole, and the service manager starts it again. Recovery is the normal start.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::config::{Config, ForwardConfig};
use crate::control::{self, ControlDoor};
use crate::doctor;
use crate::forward::{self, FilesOptions, ForwardState};
use crate::intake::Road;
use crate::intake::folder::FolderDoor;
use crate::intake::http::{self, Bounds, Door};
use crate::intake::mllp::MllpDoor;
use crate::intake::view::ViewDoor;
use crate::master_key::KeySource;
use crate::outbox::{
    Holds, Options as OutboxOptions, Outbox, StoreError, WriterHandle, keep_names, keep_sealed,
    learn_lanes,
};
use crate::service::trouble::CannotListen;
use crate::sets::{Sets, watch};
use crate::shadow;
use crate::{
    alerts, backup, calls, checks, events, history, journey, parked, plans, quality, reconcile,
    relay, subscribe, telemetry, tls,
};

/// A running agent.
#[derive(Debug)]
pub struct Running {
    /// Where HIS callers find it.
    pub his: SocketAddr,
    /// Where operators find it.
    pub operators: SocketAddr,
    road: Arc<Road>,
    writer: WriterHandle,
    doors_stop: CancellationToken,
    forward_stop: CancellationToken,
    doors: Vec<JoinHandle<()>>,
    forwarder: JoinHandle<Result<(), StoreError>>,
    /// Whoever keeps count of what the doors saw.
    beside: Vec<JoinHandle<()>>,
}

/// Opens the store, takes the addresses and starts every task.
pub async fn start(config: Config, sets: Sets) -> anyhow::Result<Running> {
    let (outbox, writer) = open_outbox(&config)?;
    let state = Arc::new(ForwardState::default());
    let road = Arc::new(Road::new(config, sets, outbox, Arc::clone(&state)));
    let opening = Arc::clone(&road);
    let opened = move || opening.checks.open(opening.outbox.clone());
    tokio::task::spawn_blocking(opened).await?.context("the log of checks")?;
    let opening = Arc::clone(&road);
    let opened = move || opening.history.open(&opening.config, &opening.outbox);
    tokio::task::spawn_blocking(opened).await?.context("the past of patients")?;
    let opening = Arc::clone(&road);
    let opened = move || opening.journeys.open(&opening.config, opening.outbox.clone());
    tokio::task::spawn_blocking(opened).await?.context("the journeys of messages")?;
    let opening = Arc::clone(&road);
    let opened = move || opening.accounts.open(&opening.config, opening.outbox.clone());
    tokio::task::spawn_blocking(opened).await?.context("the account with the platform")?;
    let connections_max = connections_max(road.config.listen.connections_max);
    let his = bind(&road, ("his", road.config.listen.his), connections_max).await?;
    let for_operators = connections_max.min(OPERATORS_MAX);
    let operators = ("operators", road.config.listen.operators);
    let operators = bind(&road, operators, for_operators).await?;
    let socket = &road.config.control.socket;
    let commands = ControlDoor::bind(socket, &road.config.admin).with_context(|| {
        format!("control socket {}: choose another in [control]", socket.display())
    })?;
    let mut hl7 = Vec::new();
    for channel in &road.config.channels {
        let door = MllpDoor::bind(channel).await;
        hl7.extend(door.with_context(|| CannotListen::of_channel(channel))?);
    }
    let (his_address, operators_address) = (his.address()?, operators.address()?);
    let candidate = Arc::clone(&road);
    tokio::task::spawn_blocking(move || shadow::start_configured(&candidate)).await?;

    let doors_stop = CancellationToken::new();
    let forward_stop = CancellationToken::new();
    let forwarder = forwarder(&road, state, forward_stop.clone())?;
    let beside = vec![
        tokio::spawn(quality::keep(Arc::clone(&road.quality), forward_stop.clone())),
        tokio::spawn(checks::keep(Arc::clone(&road), forward_stop.clone())),
        tokio::spawn(checks::tell(Arc::clone(&road), forward_stop.clone())),
        tokio::spawn(checks::rekey(Arc::clone(&road), forward_stop.clone())),
        tokio::spawn(history::follow(Arc::clone(&road), forward_stop.clone())),
        tokio::spawn(journey::keep(Arc::clone(&road), forward_stop.clone())),
        tokio::spawn(reconcile::keep(Arc::clone(&road), forward_stop.clone())),
        tokio::spawn(reconcile::keep_daily(Arc::clone(&road), doors_stop.clone())),
        tokio::spawn(reconcile::fetch_totals(Arc::clone(&road), doors_stop.clone())),
        tokio::spawn(journey::carry_out(Arc::clone(&road), doors_stop.clone())),
        tokio::spawn(calls::keep(Arc::clone(&road), forward_stop.clone())),
        tokio::spawn(tls::keep(Arc::clone(&road), doors_stop.clone())),
        tokio::spawn(keep_sealed(road.outbox.clone(), forward_stop.clone())),
        tokio::spawn(keep_names(road.outbox.clone(), forward_stop.clone())),
        tokio::spawn(learn_lanes(road.outbox.clone(), forward_stop.clone())),
        tokio::spawn(relay::owed::follow(Arc::clone(&road), forward_stop.clone())),
        tokio::spawn(subscribe::follow(Arc::clone(&road), doors_stop.clone())),
        tokio::spawn(events::watch(Arc::clone(&road), doors_stop.clone())),
        tokio::spawn(plans::keep(Arc::clone(&road), doors_stop.clone())),
        tokio::spawn(alerts::keep(Arc::clone(&road), doors_stop.clone())),
        tokio::spawn(telemetry::keep(road.metrics.clone(), doors_stop.clone())),
        tokio::spawn(doctor::keep(Arc::clone(&road), doors_stop.clone())),
        tokio::spawn(backup::keeper::keep(Arc::clone(&road), doors_stop.clone())),
    ];
    let mut doors = vec![
        tokio::spawn(his.serve(http::his_routes(&road), doors_stop.clone())),
        tokio::spawn(operators.serve(http::operator_routes(&road), doors_stop.clone())),
        tokio::spawn(commands.serve(control::guarded(&road), doors_stop.clone())),
        tokio::spawn(parked::watch(Arc::clone(&road), doors_stop.clone())),
    ];
    let hl7 =
        hl7.into_iter().map(|it| tokio::spawn(it.serve(Arc::clone(&road), doors_stop.clone())));
    doors.extend(hl7);
    let folders = road.config.channels.iter().filter_map(FolderDoor::of);
    let folders = folders.map(|it| tokio::spawn(it.serve(Arc::clone(&road), doors_stop.clone())));
    doors.extend(folders);
    let views = road.config.channels.iter().filter_map(ViewDoor::of);
    let views = views.map(|it| tokio::spawn(it.serve(Arc::clone(&road), doors_stop.clone())));
    doors.extend(views);
    watch::start(Arc::clone(&road), doors_stop.clone()).context("no thread to watch the sets")?;
    tracing::info!(his = %his_address, operators = %operators_address, "serving");
    Ok(Running {
        his: his_address,
        operators: operators_address,
        road,
        writer,
        doors_stop,
        forward_stop,
        doors,
        forwarder,
        beside,
    })
}

impl Running {
    /// The road, for whoever shows it.
    pub fn road(&self) -> &Arc<Road> {
        &self.road
    }

    /// The tasks of the doors, none of which ends before it is told to.
    pub(crate) fn doors(&self) -> Vec<AbortHandle> {
        self.doors.iter().map(JoinHandle::abort_handle).collect()
    }

    /// Waits until `stop` is given or a task gives up, then stops everything in road order.
    pub async fn until(mut self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let failed = tokio::select! {
            () = stop => None,
            ended = &mut self.forwarder => Some(why(ended)),
            () = self.road.outbox.failed() => Some(store_failed(&self.road)),
        };
        let deadline = self.road.config.stop_deadline;
        match tokio::time::timeout(deadline, self.stop()).await {
            Ok(()) => tracing::info!("stopped"),
            Err(_) => {
                tracing::warn!(?deadline, "stopped at the deadline; what is left stays on disk");
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn stop(self) {
        self.doors_stop.cancel();
        self.road.parking.stop();
        self.road.audit.stop();
        self.road.events.stop();
        self.road.alerts.stop();
        for door in self.doors {
            if door.await.is_err() {
                tracing::error!("a door ended in a panic");
            }
        }
        self.forward_stop.cancel();
        if !self.forwarder.is_finished() {
            match self.forwarder.await {
                Ok(Ok(())) => {}
                ended => tracing::error!(error = %why(ended), "forwarding did not end well"),
            }
        }
        for task in self.beside {
            if task.await.is_err() {
                tracing::error!("a task beside the road ended in a panic");
            }
        }
        tracing::info!(waiting = self.road.outbox.depth(), "closing the store");
        drop(self.road);
        if let Err(error) = self.writer.close().await {
            tracing::error!(%error, "the store did not close well");
        }
    }
}

fn open_outbox(config: &Config) -> anyhow::Result<(Outbox, WriterHandle)> {
    let dir: &Path = &config.outbox.dir;
    backup::refuse_unfinished(dir).context("outbox")?;
    let options = OutboxOptions {
        waiting_max: config.outbox.waiting_max,
        write_buffer_bytes: config.outbox.write_buffer_bytes,
        low_water: config.outbox.low_water,
        high_water: config.outbox.high_water,
        reserve_bytes: RESERVE_BYTES,
        key: config.outbox.key.clone(),
        raw_bytes_max: if config.messages.raw_keep_days == 0 { 0 } else { RAW_BYTES_MAX },
        holds: Holds {
            delivered: true,
            accounted: true,
            folded: config.history.keep_days > 0,
            pushed: !config.subscriptions.is_empty(),
        },
        ..OutboxOptions::default()
    };
    let opened =
        Outbox::open(dir, &options).with_context(|| format!("outbox {}", dir.display()))?;
    if let Some(file) = &config.outbox.key_file
        && let Some(why) = KeySource::is_kept_badly(file, dir)
    {
        let file = file.display();
        tracing::warn!(code = "O123", %file, why, "the key of the store is not kept well");
    }
    Ok(opened)
}

async fn bind(
    road: &Road,
    (key, address): (&str, SocketAddr),
    connections_max: usize,
) -> anyhow::Result<Door> {
    let listen = &road.config.listen;
    let bounds = Bounds {
        head: listen.head_timeout,
        head_bytes: listen.head_bytes_max,
        idle: listen.idle_timeout,
        // Ward screens have their own patience, which may be longer.
        answer: listen.answer_timeout.max(road.config.events.patience),
    };
    let certificate = road.config.tls.at(key);
    let door = Door::bind(address, connections_max, bounds, certificate).await;
    door.with_context(|| CannotListen { key: format!("[listen] {key}"), address })
}

/// What the store opens when the doors have taken all descriptors fails, and stops the agent: half of
/// them are not theirs.
fn connections_max(wanted: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|it| it.strip_prefix("Max open files"));
    let descriptors = line.and_then(|it| it.split_whitespace().next()?.parse::<usize>().ok());
    let most = descriptors.map_or(wanted, |it| (it / 2).max(1));
    if most < wanted {
        let remedy = "raise LimitNOFILE of the service";
        tracing::warn!(wanted, most, remedy, "fewer connections: too few descriptors");
    }
    wanted.min(most)
}

/// Pages and probes need no more.
const OPERATORS_MAX: usize = 128;

fn forwarder(
    road: &Arc<Road>,
    state: Arc<ForwardState>,
    stop: CancellationToken,
) -> anyhow::Result<JoinHandle<Result<(), StoreError>>> {
    let outbox = road.outbox.clone();
    Ok(match &road.config.forward {
        ForwardConfig::Files { dir } => {
            let agent = road.config.hospital.code.clone();
            let options = FilesOptions { agent, ..FilesOptions::new(dir.clone()) };
            tokio::spawn(forward::run_files(outbox, options, stop, state))
        }
        ForwardConfig::Amqp(amqp) => {
            // One agent serves one hospital: its code tells the platform which agent it is.
            let agent = &road.config.hospital.code;
            let options = forward::Options::new(amqp, agent).context("[forward] url")?;
            tokio::spawn(forward::run(outbox, options, stop, state))
        }
    })
}

/// Standing up after a full disk writes what is in memory to files, begins a log, and wants 32 MB to
/// spare before it tries.
const RESERVE_BYTES: u64 = 128 << 20;

fn store_failed(road: &Road) -> anyhow::Error {
    let error = road.outbox.refusal().unwrap_or(StoreError::Stopped);
    anyhow::Error::new(error).context("outbox")
}

fn why(ended: Result<Result<(), StoreError>, tokio::task::JoinError>) -> anyhow::Error {
    match ended {
        Ok(Ok(())) => anyhow!("forwarding ended before it was told to"),
        Ok(Err(error)) => anyhow::Error::new(error).context("forwarding"),
        Err(error) => anyhow::Error::new(error).context("forwarding"),
    }
}

/// A longer message is not kept as it came: its records are.
const RAW_BYTES_MAX: usize = 4 << 20;
