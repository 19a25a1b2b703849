//! Certificates for a broker and a client, made by openssl, with an end to the second.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;

/// A folder with a CA and what it has signed.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// A CA; nothing is signed yet.
    pub fn new() -> Certificates {
        let folder = TempDir::with_prefix("tls-").expect("the temp folder takes a folder");
        let made = Certificates { folder };
        fs::write(made.path("ca.cnf"), CONFIG).expect("a new folder takes a file");
        fs::write(made.path("index.txt"), "").expect("a new folder takes a file");
        fs::create_dir(made.path("new")).expect("a new folder");
        made.openssl(&format!(
            "req -x509 {NEW_KEY} -keyout ca.key -out ca.pem -days 30 -config ca.cnf -extensions root -subj /CN=test-ca"
        ));
        made
    }

    /// Signs `NAME.pem` with its key `NAME.key`, for this common name and for so many seconds.
    pub fn sign(&self, name: &str, common_name: &str, seconds: u64) {
        self.openssl(&format!(
            "req {NEW_KEY} -keyout {name}.key -out {name}.csr -config ca.cnf -subj /CN={common_name}"
        ));
        self.openssl(&format!(
            "ca -batch -config ca.cnf -in {name}.csr -out {name}.pem -notext -startdate {} -enddate {}",
            utc("-1 hour"),
            utc(&format!("+{seconds} seconds")),
        ));
    }

    /// A client that trusts this CA, shows what was signed under this name, and speaks one version.
    pub fn client(
        &self,
        shows: Option<&str>,
        version: &'static rustls::SupportedProtocolVersion,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate("ca")).expect("a CA of ours");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .expect("a version that there is")
            .with_root_certificates(roots);
        Arc::new(match shows {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key")));
                let chain = vec![self.certificate(name)];
                builder.with_client_auth_cert(chain, key.expect("a key")).expect("they fit")
            }
        })
    }

    fn certificate(&self, name: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(self.path(&format!("{name}.pem"))).expect("a certificate")
    }

    /// Where one of the files is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn openssl(&self, arguments: &str) {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(self.folder.path())
            .output()
            .expect("openssl is installed");
        let told = output.stderr.escape_ascii().to_string();
        assert!(output.status.success(), "openssl {arguments}: {told}");
    }
}

impl Default for Certificates {
    fn default() -> Certificates {
        Certificates::new()
    }
}

fn utc(when: &str) -> String {
    let output = Command::new("date").args(["-u", "-d", when, "+%Y%m%d%H%M%SZ"]).output();
    let text = String::from_utf8(output.expect("date is part of coreutils").stdout);
    text.expect("digits").trim().to_owned()
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
const CONFIG: &str = "\
[req]
distinguished_name = name
[name]
[ca]
default_ca = test
[root]
basicConstraints = critical,CA:TRUE
[test]
dir = .
database = index.txt
new_certs_dir = new
rand_serial = yes
unique_subject = no
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
x509_extensions = leaf
[any]
commonName = supplied
[leaf]
basicConstraints = CA:FALSE
subjectAltName = DNS:mq.test,DNS:localhost
";
