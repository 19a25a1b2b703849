//! What the control socket can ask of backups.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BackupError, Backups, Manifest, Order, list};
use crate::control::{done, failed};
use crate::intake::Road;
use crate::master_key::MasterKey;

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new().route("/admin/v1/backups", get(standing).post(begin))
}

/// `GET /admin/v1/backups`: what is being made, what came of the last one, and what lies in the folder.
async fn standing(State(road): State<Arc<Road>>) -> Response {
    let listing = Arc::clone(&road);
    let listed = tokio::task::spawn_blocking(move || list(&listing.config.backup.to)).await;
    let told = |(dir, it): (PathBuf, Manifest)| told(&dir, &it);
    let listed: Vec<Value> = listed.unwrap_or_default().into_iter().map(told).collect();
    done(&json!({ "now": road.backups.told(), "backups": listed }))
}

/// A backup as it is listed.
pub(crate) fn told(dir: &std::path::Path, manifest: &Manifest) -> Value {
    json!({
        "id": manifest.id, "dir": dir, "bytes": manifest.bytes(), "agent": manifest.agent,
        "hospital": manifest.hospital, "epoch": manifest.epoch, "counts": manifest.counts,
        "by_hand": manifest.by_hand,
        "key": { "fingerprint": manifest.key.fingerprint, "for_backups_alone": manifest.key.is_own },
    })
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asked {
    /// Another folder than the configured one.
    to: Option<PathBuf>,
    /// The file of another key than the configured one.
    key: Option<PathBuf>,
}

/// `POST /admin/v1/backups`: makes one; it goes on when the caller leaves.
async fn begin(State(road): State<Arc<Road>>, Json(asked): Json<Asked>) -> Response {
    let making = Arc::clone(&road);
    let began = tokio::task::spawn_blocking(move || {
        let config = &making.config.backup;
        let key = match &asked.key {
            Some(file) => Some(key_of(file)?),
            None => config.key.clone(),
        };
        let to = asked.to.unwrap_or_else(|| config.to.clone());
        Ok::<_, BackupError>((to, key))
    });
    let (to, key) = match began.await {
        Ok(Ok(it)) => it,
        Ok(Err(error)) => return refused(&error),
        Err(_) => return refused(&BackupError::Busy),
    };
    let turn = match Backups::turn(road) {
        Ok(turn) => turn,
        Err(error) => return refused(&error),
    };
    let id = turn.id.clone();
    // What comes of it is asked for with GET: it takes longer than an answer may.
    tokio::task::spawn_blocking(move || {
        turn.make(Order { to: &to, key: key.as_ref(), by_hand: true }).is_ok()
    });
    done(&json!({ "begun": true, "turn": id }))
}

/// The key in a file.
pub(crate) fn key_of(file: &std::path::Path) -> Result<MasterKey, BackupError> {
    MasterKey::read(file).map_err(|error| BackupError::NoKey {
        file: file.display().to_string(),
        cause: error.to_string(),
    })
}

fn refused(error: &BackupError) -> Response {
    let status = match error {
        BackupError::Busy => StatusCode::CONFLICT,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    failed(status, error.code(), &[error.to_string()])
}
