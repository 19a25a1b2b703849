//! TLS at the doors: what a door shows to callers, whom it asks for a certificate, and how both are
//! exchanged without a restart.
//!
//! | file | what is in it |
//! |---|---|
//! | `stream` | a connection under TLS, as tokio reads and writes |
//! | `names` | what a certificate calls its owner |
//! | `renewal` | new files taken up while the agent runs |
//!
//! A connection keeps the certificate it began with: an exchange breaks none.

mod names;
mod renewal;
mod stream;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::forward::certificate::holds_until;
pub(crate) use names::names;
pub(crate) use renewal::{alerts, expiries, keep, renew, standing};
pub(crate) use stream::TlsStream;

/// A door's certificate, read and proved; the same one for all who hold a copy of this.
#[derive(Clone, Debug)]
pub struct Certificate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    files: Files,
    now: ArcSwap<Proved>,
    renewing: Mutex<Renewing>,
}

/// Where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The chain, the door's own certificate first.
    pub chain: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// The CAs of callers' certificates; callers are asked for none without it.
    pub clients: Option<PathBuf>,
    /// Whether a caller without a certificate is sent away.
    pub clients_must: bool,
}

/// What is in force.
#[derive(Debug)]
struct Proved {
    config: Arc<ServerConfig>,
    until: Option<Timestamp>,
}

/// How the files stand against what is in force.
#[derive(Debug, Default)]
struct Renewing {
    /// What the files' bytes came to when they were last looked at.
    seen: Option<[u8; 32]>,
    /// Why they cannot be used, and how often that was found in a row.
    trouble: Option<(String, u32)>,
}

impl Certificate {
    /// Reads PEM files and proves that they go together. A problem is told with the file it is in.
    pub fn read(files: Files) -> Result<Certificate, String> {
        let seen = renewal::digest(&files);
        let now = ArcSwap::from_pointee(Proved::read(&files)?);
        let renewing = Mutex::new(Renewing { seen, trouble: None });
        Ok(Certificate(Arc::new(Shared { files, now, renewing })))
    }

    /// What is shown to whoever connects now.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.0.now.load().config)
    }

    /// Where its key lies.
    pub(crate) fn key_file(&self) -> &Path {
        &self.0.files.key
    }

    /// When it ends.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.0.now.load().until
    }

    fn renewing(&self) -> MutexGuard<'_, Renewing> {
        self.0.renewing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proved {
    fn read(files: &Files) -> Result<Proved, String> {
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match &files.clients {
            None => builder.with_no_client_auth(),
            Some(file) => {
                builder.with_client_cert_verifier(verifier(file, files.clients_must, provider)?)
            }
        };
        let chain = certificates(&files.chain)?;
        let until = chain.first().and_then(|it| holds_until(it));
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|it| told(&files.key, &it))?;
        let mut config = builder.with_single_cert(chain, key).map_err(|error| {
            format!("{} with {}", told(&files.chain, &error), files.key.display())
        })?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Proved { config: Arc::new(config), until })
    }
}

fn verifier(
    file: &Path,
    must: bool,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| told(file, &error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if must { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| told(file, &error))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect);
    let certificates: Vec<_> = read.map_err(|error| told(file, &error))?;
    if certificates.is_empty() {
        return Err(format!("{}: holds no certificate", file.display()));
    }
    Ok(certificates)
}

fn told(file: &Path, error: &dyn Display) -> String {
    format!("{}: {error}", file.display())
}
