//! The signals by which a command that stays is told to end.

use std::io;

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// Resolves when the command is to end: Ctrl-C, a service manager, a terminal that was closed. From the call
/// on none of them ends the process by itself, so it comes before there is a folder.
pub(super) fn ended(runtime: &Runtime) -> io::Result<impl Future<Output = ()> + use<>> {
    let _within = runtime.enter();
    let mut signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
        .into_iter()
        .map(signal)
        .collect::<io::Result<Vec<_>>>()?;
    Ok(async move {
        let heard = signals.iter_mut().map(|it| Box::pin(it.recv()));
        drop(futures_util::future::select_all(heard).await);
    })
}
