//! What a door shows to senders under TLS, and whom it lets in.

use std::fmt::Display;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{WebPkiClientVerifier, danger::ClientCertVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection};

/// A door's certificate, read and proved.
#[derive(Clone, Debug)]
pub struct Certificate {
    config: Arc<ServerConfig>,
}

impl Certificate {
    /// Reads PEM files: the chain, its key, and the CAs of the senders if only theirs are let in.
    /// A problem is told with the file it is in.
    pub fn read(chain: &Path, key: &Path, clients: Option<&Path>) -> Result<Certificate, String> {
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(file) => builder.with_client_cert_verifier(verifier(file, provider)?),
        };
        let certificates = certificates(chain)?;
        let secret = PrivateKeyDer::from_pem_file(key).map_err(|error| told(key, &error))?;
        let config = builder
            .with_single_cert(certificates, secret)
            .map_err(|error| format!("{} with {}", told(chain, &error), key.display()))?;
        Ok(Certificate { config: Arc::new(config) })
    }

    /// Begins to shake hands with a sender.
    pub(super) fn accept(&self) -> io::Result<ServerConnection> {
        ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)
    }
}

fn verifier(
    file: &Path,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| told(file, &error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
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
