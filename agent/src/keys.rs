//! The keys of the store, for operators: how everything is sealed, a new data key, another master key.
//! Over the control socket only, and told in the log: no key is ever shown.

use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::control::{done, failed};
use crate::intake::Road;
use crate::master_key::MasterKey;
use crate::outbox::{Outbox, Sealing, StoreError, blocking};

pub(crate) fn routes() -> Router<Arc<Road>> {
    Router::new()
        .route("/admin/v1/keys", get(status))
        .route("/admin/v1/keys/rotate", post(rotate))
        .route("/admin/v1/keys/master", post(change_master))
}

async fn status(State(road): State<Arc<Road>>) -> Response {
    answer(&road, Outbox::sealing).await
}

async fn rotate(State(road): State<Arc<Road>>) -> Response {
    answer(&road, |outbox| {
        let key = outbox.rotate_key()?;
        tracing::warn!(key, "new values are sealed with a new data key");
        outbox.sealing()
    })
    .await
}

#[derive(Deserialize)]
struct Named {
    /// The file of the new master key.
    file: PathBuf,
}

async fn change_master(State(road): State<Arc<Road>>, Json(named): Json<Named>) -> Response {
    let file = named.file.clone();
    let found = tokio::task::spawn_blocking(move || MasterKey::read(&file)).await;
    let master = match found.map_err(std::io::Error::other).flatten() {
        Ok(master) => master,
        Err(error) => {
            let reason = format!("{}: {error}", named.file.display());
            return failed(StatusCode::UNPROCESSABLE_ENTITY, "O122", &[reason]);
        }
    };
    answer(&road, move |outbox| {
        outbox.change_master_key(&master)?;
        tracing::warn!(master = %master.fingerprint(), "the store has another master key");
        outbox.sealing()
    })
    .await
}

async fn answer(
    road: &Road,
    work: impl FnOnce(&Outbox) -> Result<Sealing, StoreError> + Send + 'static,
) -> Response {
    let outbox = road.outbox.clone();
    match blocking(move || work(&outbox)).await {
        Ok(sealing) => done(&told(sealing)),
        Err(error) => {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            failed(status, error.code(), &[error.to_string()])
        }
    }
}

fn told(sealing: Sealing) -> Value {
    let Sealing { master, keys, is_done, family, looked_at, sealed, damaged } = sealing;
    let key = |it: &crate::outbox::DataKey| json!({ "id": it.id, "made_at": it.made_at });
    json!({
        "master": master,
        "keys": keys.iter().map(key).collect::<Vec<_>>(),
        "done": is_done,
        "family": family,
        "looked_at": looked_at,
        "sealed": sealed,
        "damaged": damaged,
    })
}
