//! `[tls]`: what the HTTP doors show to callers.

use std::path::PathBuf;

use super::section::{Complaints, Section};
use crate::tls::{Certificate, Files};

/// `[tls]`; without a certificate the doors speak clear text.
#[derive(Clone, Debug, Default)]
pub struct TlsConfig {
    /// What is shown.
    pub certificate: Option<Certificate>,
    /// Whether the door of the HIS speaks TLS.
    pub his: bool,
    /// Whether the operators' door does.
    pub operators: bool,
}

impl TlsConfig {
    /// What a door of `[listen]` shows, if it speaks TLS.
    pub(crate) fn at(&self, door: &str) -> Option<Certificate> {
        let speaks = if door == "his" { self.his } else { self.operators };
        self.certificate.clone().filter(|_| speaks)
    }
}

pub(super) fn tls(root: &mut Section<'_, '_>, to: &mut Complaints<'_>) -> TlsConfig {
    let mut section = root.section("tls", to);
    let doors = section.gives("doors").then(|| section.texts("doors", to));
    let known = |it: &String| it == "his" || it == "operators";
    if let Some(other) = doors.iter().flatten().find(|it| !known(it)) {
        let message = format!("`doors` has `{other}`; it knows his and operators");
        to.error("A004", section.offset_of("doors"), message);
    }
    let must = section.switch("client_certificate_required", false, to);
    let certificate = certificate(&mut section, must, "[tls]", to);
    if must && !section.gives("client_ca_file") {
        let message = "`client_certificate_required` needs `client_ca_file`".to_owned();
        to.error("A005", section.offset_of("client_certificate_required"), message);
    }
    let speaks = |door: &str| match &doors {
        None => door == "his",
        Some(doors) => doors.iter().any(|it| it == door),
    };
    let has = certificate.is_some();
    let config =
        TlsConfig { certificate, his: has && speaks("his"), operators: has && speaks("operators") };
    section.finish(to);
    config
}

/// The certificate of a door, if its files are named.
pub(super) fn certificate(
    section: &mut Section<'_, '_>,
    clients_must: bool,
    table: &str,
    to: &mut Complaints<'_>,
) -> Option<Certificate> {
    let mut file = |key| section.text(key, to).map(PathBuf::from);
    let (chain, key, clients) = (file("cert_file"), file("key_file"), file("client_ca_file"));
    let place = section.offset_of(if chain.is_some() { "cert_file" } else { "key_file" });
    match (chain, key) {
        (Some(chain), Some(key)) => {
            let read = Certificate::read(Files { chain, key, clients, clients_must });
            let told = |error| format!("the certificate of {table}: {error}");
            read.map_err(|error| to.error("A009", place, told(error))).ok()
        }
        (None, None) if clients.is_none() => None,
        _ => {
            to.error("A005", place, "`cert_file` and `key_file` go together".to_owned());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::proving::told_of as check;

    #[test]
    fn what_goes_together() {
        check("[tls]\ndoors = [\"his\", \"operators\"]", "");
        check("[tls]\ndoors = [\"mllp\"]", "`doors` has `mllp`; it knows his and operators");
        check("[tls]\nkey_file = \"a\"", "`cert_file` and `key_file` go together");
        check("[tls]\nclient_certificate_required = true", "needs `client_ca_file`");
        check(
            "[tls]\ncert_file = \"/no/a.pem\"\nkey_file = \"/no/a.key\"",
            "error[A009]: the certificate of [tls]: /no/a.pem",
        );
    }
}
