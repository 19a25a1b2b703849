//! A real Prometheus: it scrapes an agent from a folder of its own, and is gone with the value.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::process::{Guard, wait_until};

/// A server that scrapes every second.
#[derive(Debug)]
pub struct Prometheus {
    at: SocketAddr,
    folder: TempDir,
    server: Child,
    _guard: Guard,
}

impl Prometheus {
    /// Starts it with the rules that are shipped.
    pub fn over(agent: SocketAddr) -> Prometheus {
        let folder = TempDir::with_prefix("prometheus-").expect("the temp folder takes a folder");
        let config = folder.path().join("prometheus.yml");
        let rules = rules();
        let rules = rules.display();
        let text = format!(
            "global: {{ scrape_interval: 5s, scrape_timeout: 5s, evaluation_interval: 1s }}\n\
             rule_files: [\"{rules}\"]\n\
             scrape_configs:\n  - job_name: his-agent\n    static_configs:\n      - targets: [\"{agent}\"]\n"
        );
        fs::write(&config, text).expect("a folder of ours");
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, crate::free_port()));
        let log = fs::File::create(folder.path().join("log")).expect("a folder of ours");
        let server = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={at}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("make setup installs Prometheus");
        let guard = Guard::over(server.id());
        let it = Prometheus { at, folder, server, _guard: guard };
        let is_ready = wait_until(START_MAX, || it.ask("/-/ready", &[]).contains("Ready"));
        assert!(is_ready, "{}", it.log());
        it
    }

    /// What an expression comes to now: its samples, each with `metric` and `value`.
    #[track_caller]
    pub fn query(&self, expression: &str) -> Vec<Value> {
        let said = self.ask("/api/v1/query", &[&format!("query={expression}")]);
        let told: Value = serde_json::from_str(&said).unwrap_or_default();
        let status = told.pointer("/status");
        assert_eq!(status, Some(&Value::from("success")), "{expression}: {said}\n{}", self.log());
        told.pointer("/data/result").and_then(Value::as_array).cloned().unwrap_or_default()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn ask(&self, path: &str, parameters: &[&str]) -> String {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--max-time", "10", "--noproxy", "*", "--get"]);
        for it in parameters {
            curl.args(["--data-urlencode", it]);
        }
        let ran = curl.arg(format!("http://{}{path}", self.at)).output().expect("curl can be run");
        String::from_utf8(ran.stdout).expect("Prometheus speaks UTF-8")
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

/// The alert rules that are shipped.
pub fn rules() -> PathBuf {
    packaging("prometheus/alerts.yml")
}

/// A file below `packaging`.
pub fn packaging(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging").join(name)
}

const START_MAX: Duration = Duration::from_secs(30);
