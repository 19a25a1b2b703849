//! The key of the store: with it the data keys are wrapped, and with those what is stored is sealed.
//!
//! It lies outside the store's folder: in a file, in the environment, or with systemd. Without it
//! nothing in the store can be read, by nobody, so a copy belongs into a safe. It is 64 hexadecimal
//! digits, which can be kept on paper.

use std::fmt::{self, Write as _};
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

use crate::aead::{Aead, KEY_BYTES, NONCE_BYTES, TAG_BYTES, random};
use crate::secret_file;

/// The key of one installation.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey([u8; KEY_BYTES]);

/// By what a key is told from another without showing it: the begin of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub(crate) [u8; 8]);

/// Where the key of a store comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum KeySource {
    /// The file `store.key` beside the store's folder, made at the first start.
    #[default]
    Beside,
    /// Whoever opens the store has read it.
    Given(MasterKey),
}

/// The text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key of the store is 64 hexadecimal digits")]
pub struct NotAKey;

impl MasterKey {
    /// A new key, in a file that only its owner can read. A file that is there stays as it is.
    pub fn make(path: &Path) -> io::Result<MasterKey> {
        if path.exists() {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file already"));
        }
        let key = random().ok_or_else(|| io::Error::other("the system gives no random numbers"))?;
        let key = MasterKey(key);
        secret_file::write(path, key.written().as_bytes())?;
        Ok(key)
    }

    /// The same, by a command. In a folder that is root's and its group's alone, as the packages' folder of secrets is,
    /// the group reads it too: the service is in it, and has to.
    pub(crate) fn make_by_command(path: &Path) -> io::Result<MasterKey> {
        let key = MasterKey::make(path)?;
        let folder = fs::metadata(secret_file::folder_of(path))?;
        let is_for_group = folder.uid() == 0 && folder.gid() != 0 && folder.mode() & 0o017 == 0o010;
        if is_for_group && fs::metadata(path)?.uid() == 0 {
            chown(path, None, Some(folder.gid()))?;
            fs::set_permissions(path, fs::Permissions::from_mode(0o640))?;
        }
        Ok(key)
    }

    /// Reads the file of a key.
    pub fn read(path: &Path) -> io::Result<MasterKey> {
        let text = fs::read_to_string(path)?;
        text.parse().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// As it stands in a file. Only for what is sealed, or for its owner alone.
    pub(crate) fn written(&self) -> String {
        format!("{}\n", hex(&self.0))
    }

    /// By what it is told from another.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let hash = Sha256::new().chain_update("fingerprint of a store's key").chain_update(self.0);
        let hash: [u8; 32] = hash.finalize().into();
        Fingerprint(*hash.first_chunk().expect("32 is more than 8"))
    }

    /// Wraps a data key; its number is bound in.
    pub(crate) fn wrap(
        &self,
        id: u32,
        nonce: [u8; NONCE_BYTES],
        key: [u8; KEY_BYTES],
    ) -> [u8; WRAPPED_BYTES] {
        let mut wrapped = [0; WRAPPED_BYTES];
        let (content, place) = wrapped.split_at_mut(KEY_BYTES);
        content.copy_from_slice(&key);
        let tag = Aead::new(&self.0).seal(nonce, &bound(id), content);
        place.copy_from_slice(&tag);
        wrapped
    }

    /// The data key, if it was wrapped with this one.
    pub(crate) fn unwrap(
        &self,
        id: u32,
        nonce: [u8; NONCE_BYTES],
        mut wrapped: [u8; WRAPPED_BYTES],
    ) -> Option<[u8; KEY_BYTES]> {
        let key = Aead::new(&self.0).open(nonce, &bound(id), &mut wrapped)?;
        <[u8; KEY_BYTES]>::try_from(&*key).ok()
    }
}

fn bound(id: u32) -> Vec<u8> {
    [b"data key".as_slice(), &id.to_be_bytes()].concat()
}

impl FromStr for MasterKey {
    type Err = NotAKey;

    fn from_str(text: &str) -> Result<MasterKey, NotAKey> {
        let (pairs, rest) = text.trim().as_bytes().as_chunks::<2>();
        let byte = |pair: &[u8; 2]| {
            let digits = pair.iter().all(u8::is_ascii_hexdigit);
            let text = str::from_utf8(pair).ok().filter(|_| digits)?;
            u8::from_str_radix(text, 16).ok()
        };
        let bytes: Option<Vec<u8>> = pairs.iter().map(byte).collect();
        let key = bytes.filter(|_| rest.is_empty()).and_then(|it| it.try_into().ok());
        key.map(MasterKey).ok_or(NotAKey)
    }
}

impl KeySource {
    /// Where the key lies if nobody says otherwise.
    #[must_use]
    pub fn beside(store: &Path) -> PathBuf {
        store.with_file_name("store.key")
    }

    /// The key, if there is one.
    pub(crate) fn find(&self, store: &Path) -> io::Result<Option<MasterKey>> {
        match self {
            KeySource::Given(key) => Ok(Some(key.clone())),
            KeySource::Beside => match MasterKey::read(&KeySource::beside(store)) {
                Ok(key) => Ok(Some(key)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
        }
    }

    /// The key, made when it is not there. Only for a store that holds nothing sealed.
    pub(crate) fn find_or_make(&self, store: &Path) -> io::Result<MasterKey> {
        match self.find(store)? {
            Some(key) => Ok(key),
            None => MasterKey::make(&KeySource::beside(store)),
        }
    }

    /// What is wrong with how a key's file is kept, as a sentence; nothing if all is well.
    #[must_use]
    pub fn is_kept_badly(file: &Path, store: &Path) -> Option<String> {
        let place = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let about = fs::metadata(file).ok();
        let mode = about.as_ref().map_or(0o600, MetadataExt::mode) & 0o777;
        // Root's own is read by the service as one of its group.
        let is_for_group = about.is_some_and(|it| it.uid() == 0 && it.gid() != 0);
        if mode & if is_for_group { 0o037 } else { 0o077 } != 0 {
            return Some(format!("others may use it (mode {mode:o}): chmod 600"));
        }
        let together = place(secret_file::folder_of(file));
        (together.starts_with(place(store)) || together == place(secret_file::folder_of(store)))
            .then(|| "it lies with the store: whoever copies that folder has both".to_owned())
    }
}

/// A secret does not print.
impl fmt::Debug for MasterKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("MasterKey([REDACTED])")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex(&self.0))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// A data key and the tag behind it.
pub(crate) const WRAPPED_BYTES: usize = KEY_BYTES + TAG_BYTES;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const DIGITS: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";

    #[test]
    fn a_key_is_64_digits() {
        check(DIGITS, true);
        check(&format!(" {DIGITS}\n"), true);
        check(&DIGITS[2..], false);
        check(&format!("{DIGITS}00"), false);
        check(&DIGITS.replace('A', "+"), false);
        check("", false);
    }

    #[track_caller]
    fn check(text: &str, is_key: bool) {
        let key: Result<MasterKey, NotAKey> = text.parse();
        assert_eq!(key.is_ok(), is_key, "{text}");
        if let Ok(key) = key {
            assert_eq!(key.0[31], 0x1f);
            assert_eq!(key.fingerprint().to_string(), "0832d9bf3c85bb8b");
            assert_eq!(format!("{key:?}"), "MasterKey([REDACTED])");
        }
    }

    #[test]
    fn only_the_same_key_and_number_unwrap() {
        let key: MasterKey = DIGITS.parse().unwrap();
        let other: MasterKey = DIGITS.replace("1F", "1e").parse().unwrap();
        let wrapped = key.wrap(7, [1; 12], [9; 32]);
        assert_eq!(key.unwrap(7, [1; 12], wrapped), Some([9; 32]));
        assert_eq!(key.unwrap(8, [1; 12], wrapped), None);
        assert_eq!(key.unwrap(7, [2; 12], wrapped), None);
        assert_eq!(other.unwrap(7, [1; 12], wrapped), None);
    }

    #[test]
    fn a_command_makes_it_for_the_group_that_the_folder_is_for() {
        for (group, mode, expected) in [
            (12_345, 0o750, (12_345, 0o640)),
            (12_345, 0o755, (0, 0o600)),
            (12_345, 0o700, (0, 0o600)),
            (0, 0o750, (0, 0o600)),
        ] {
            let folder = tempfile::tempdir().unwrap();
            chown(folder.path(), None, Some(group)).expect("the tests run as root");
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            let file = folder.path().join("backup.key");
            MasterKey::make_by_command(&file).unwrap();
            assert_eq!(KeySource::is_kept_badly(&file, Path::new("/no/such/store")), None);
            let is = fs::metadata(&file).unwrap();
            assert_eq!((is.gid(), is.mode() & 0o777), expected, "{group} {mode:o}");
        }
    }

    #[test]
    fn the_file_is_made_once_for_its_owner_alone_and_outside_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("outbox");
        let file = KeySource::beside(&store);
        assert_eq!(KeySource::Beside.find(&store).unwrap(), None);
        let made = KeySource::Beside.find_or_make(&store).unwrap();
        assert_eq!(KeySource::Beside.find_or_make(&store).unwrap(), made);
        assert_eq!(MasterKey::make(&file).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let apart = folder.path().join("etc/his-agent/store.key");
        MasterKey::make(&apart).unwrap();
        assert_eq!(KeySource::is_kept_badly(&apart, &store), None);
        assert!(KeySource::is_kept_badly(&file, &store).unwrap().contains("with the store"));
        let inside = store.join("store.key");
        assert!(KeySource::is_kept_badly(&inside, &store).unwrap().contains("with the store"));

        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(KeySource::is_kept_badly(&file, &store).unwrap().contains("mode 640"));
        fs::write(&file, "short").unwrap();
        let damaged = KeySource::Beside.find_or_make(&store).unwrap_err();
        assert_eq!(damaged.kind(), io::ErrorKind::InvalidData);
    }
}
