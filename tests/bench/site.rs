//! Where the measuring happens: the release binary, a folder on the disk, a broker if need be.

use std::cell::{Cell, OnceCell};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use tempfile::TempDir;
use tests::rabbitmq::RabbitMq;

/// Cargo's own folder for this, which lies on the disk of the checkout: a folder in memory would
/// make syncing free.
const TMP: &str = env!("CARGO_TARGET_TMPDIR");

/// What the parts share.
#[derive(Debug)]
pub(crate) struct Site {
    folder: TempDir,
    folders: Cell<u32>,
    broker: OnceCell<RabbitMq>,
}

impl Site {
    /// Brings the release binary up to date, unless another one is to be measured.
    pub(crate) fn prepare() -> Site {
        if env::var_os(BINARY_VARIABLE).is_none() {
            build();
        }
        let folder = TempDir::with_prefix_in("bench-", TMP).expect("Cargo made the folder");
        Site { folder, folders: Cell::new(0), broker: OnceCell::new() }
    }

    /// The binary that is measured.
    pub(crate) fn agent() -> PathBuf {
        match env::var_os(BINARY_VARIABLE) {
            Some(binary) => binary.into(),
            None => Path::new(TMP).with_file_name("release").join("his-agent"),
        }
    }

    /// An empty folder that goes with the site.
    pub(crate) fn new_folder(&self) -> PathBuf {
        self.folders.set(self.folders.get() + 1);
        let folder = self.folder.path().join(self.folders.get().to_string());
        fs::create_dir(&folder).expect("the number is new");
        folder
    }

    /// A broker with the platform's exchange and quorum queue, started by the first who asks.
    pub(crate) fn broker(&self) -> &RabbitMq {
        self.broker.get_or_init(|| {
            let broker = RabbitMq::start();
            broker.declare_topology(EXCHANGE, QUEUE);
            broker
        })
    }
}

/// A stale binary would be measured without a word.
fn build() {
    let arguments = ["build", "--release", "--locked", "--bin", "his-agent"];
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let built = Command::new(env!("CARGO")).args(arguments).current_dir(root).status();
    assert!(built.expect("cargo is there").success(), "the agent does not build");
}

/// Names a binary to measure in place of the one that is built here.
const BINARY_VARIABLE: &str = "HIS_AGENT_BENCH_BINARY";
/// The platform's exchange, as the agent's configuration has it.
pub(crate) const EXCHANGE: &str = "his.records";
/// The platform's queue.
pub(crate) const QUEUE: &str = "platform";
