//! Work that reads or writes the store takes a thread that may block.

use tokio::task::spawn_blocking;

use super::StoreError;

/// Does it there. Work that panics is a fault of the store like another, and takes nobody with it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    spawn_blocking(work).await.map_err(|_| StoreError::panicked()).flatten()
}
