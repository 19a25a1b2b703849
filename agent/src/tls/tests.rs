//! Names in certificates, and files that are exchanged.

use std::fs;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::*;

#[test]
fn a_certificate_calls_its_owner_by_several_names() {
    let der = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let expected = ["his.example", "his.test", "*.his.test", "his@his.test", "urn:his:1"];
    assert_eq!(names(&der), expected);
    // Whatever is cut off: fewer names, and no panic.
    for end in 0..der.len() {
        assert!(names(&der[..end]).is_empty(), "{end} bytes");
    }
}

#[test]
fn new_files_are_taken_up_and_bad_ones_are_told_the_second_time() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    make(folder.path(), "first", 10);
    make(folder.path(), "second", 60);
    let put = |name: &str| {
        for part in ["pem", "key"] {
            fs::copy(at(&format!("{name}.{part}")), at(&format!("door.{part}"))).unwrap();
        }
    };
    put("first");
    let (key, chain) = (at("door.key"), at("door.pem"));
    let files = Files { chain, key, clients: None, clients_must: false };
    let door = Certificate::read(files.clone()).unwrap();
    let (config, first) = (door.config(), door.until().unwrap());
    door.renew("his");
    assert!(Arc::ptr_eq(&config, &door.config()), "nothing has changed");

    // One file after the other: between them they do not fit, and that is nothing yet.
    fs::copy(at("second.pem"), at("door.pem")).unwrap();
    door.renew("his");
    assert_eq!((door.until(), door.trouble()), (Some(first), None));
    put("second");
    door.renew("his");
    let second = door.until().unwrap();
    assert!(second > first && door.trouble().is_none());

    fs::write(at("door.key"), "no key").unwrap();
    door.renew("his");
    door.renew("his");
    assert!(door.trouble().unwrap().contains("door.key"), "{:?}", door.trouble());
    assert_eq!(door.until(), Some(second));
    fs::remove_file(at("door.key")).unwrap();
    door.renew("his");
    assert_eq!(door.until(), Some(second), "what was in force stays");
    assert!(Certificate::read(files).unwrap_err().contains("door.key"));
    put("first");
    door.renew("his");
    assert_eq!((door.until(), door.trouble()), (Some(first), None));
}

#[test]
fn what_has_ended_takes_the_place_of_none_that_holds() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    make(folder.path(), "ended", 10);
    end(folder.path(), "ended");
    make(folder.path(), "door", 10);
    let files =
        Files { chain: at("door.pem"), key: at("door.key"), clients: None, clients_must: false };
    let door = Certificate::read(files.clone()).unwrap();
    let until = door.until();
    for part in ["pem", "key"] {
        fs::copy(at(&format!("ended.{part}")), at(&format!("door.{part}"))).unwrap();
    }
    door.renew("his");
    door.renew("his");
    assert_eq!(door.until(), until);
    assert!(door.trouble().unwrap().contains("expired"), "{:?}", door.trouble());
    // With nothing better a door opens all the same, and is told of.
    let door = Certificate::read(files).unwrap();
    end(folder.path(), "door");
    door.renew("his");
    assert_eq!(door.trouble(), None);
}

fn make(folder: &Path, name: &str, days: u32) {
    let arguments = format!(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {name}.key \
         -out {name}.pem -days {days} -subj /CN=door"
    );
    openssl(folder, &arguments);
}

/// Makes a certificate anew that has ended a day ago, for the same key.
fn end(folder: &Path, name: &str) {
    let arguments = format!("x509 -in {name}.pem -signkey {name}.key -days -1 -out {name}.pem");
    openssl(folder, &arguments);
}

fn openssl(folder: &Path, arguments: &str) {
    let made = std::process::Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", made.stderr.escape_ascii());
}

const CERTIFICATE: &str = "\
-----BEGIN CERTIFICATE-----
MIICHTCCAcOgAwIBAgIUZsRzrUaaWewxhIvdTUBXqEW6UAMwCgYIKoZIzj0EAwIw
QzELMAkGA1UEBhMCQ04xHjAcBgNVBAoMFeekuuS+i+W4guS6uuawkeWMu+mZojEU
MBIGA1UEAwwLaGlzLmV4YW1wbGUwHhcNMjYxMTIyMjMxOTM3WhcNMzYxMTE5MjMx
OTM3WjBDMQswCQYDVQQGEwJDTjEeMBwGA1UECgwV56S65L6L5biC5Lq65rCR5Yy7
6ZmiMRQwEgYDVQQDDAtoaXMuZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABLIKaONZixWsFTNiRtN3XeDZwhj4vHx7uUUiVR8l0ycPpzzxQQrXZDZqShAY
Pqng7d2LBUaGvAg+Wc705ftDS9SjgZQwgZEwHQYDVR0OBBYEFP5JhDjETRGLiRY+
vtviac1nIUccMB8GA1UdIwQYMBaAFP5JhDjETRGLiRY+vtviac1nIUccMA8GA1Ud
EwEB/wQFMAMBAf8wPgYDVR0RBDcwNYIIaGlzLnRlc3SCCiouaGlzLnRlc3SBDGhp
c0BoaXMudGVzdIYJdXJuOmhpczoxhwQKAAABMAoGCCqGSM49BAMCA0gAMEUCIE4c
OroKj2beyBS4jmGQcfmWlcJ2Ldds9l/cjjgEMtYcAiEA+iQEe7keusLN40BRETM+
24ZSabB0ZyKyBcvCqNR/XP8=
-----END CERTIFICATE-----
";
