//! What a channel's whole bodies are wrapped in: `unwrap` and the key that goes with a cipher.

use adapters::{Cipher, Decryption, Iv, Keys, Misfit, Padding, Secret, Transfer};

use super::section::{Complaints, Section};

/// The steps, in the order in which they are undone.
pub(super) fn unwrap(
    section: &mut Section<'_, '_>,
    keys: &Keys,
    to: &mut Complaints<'_>,
) -> Vec<Transfer> {
    let words = section.texts("unwrap", to);
    let sealed = Sealed {
        key: section.text("unwrap_key", to),
        iv: section.text("unwrap_iv", to),
        padding: section.parsed("unwrap_padding", Padding::Pkcs7, "pkcs7 or zero", to),
    };
    let place = section.offset_of("unwrap");
    let mut transfers = Vec::new();
    let mut is_sealed = false;
    for word in &words {
        let transfer = match word.parse::<Cipher>() {
            Ok(_) if is_sealed => Err("has one cipher, since it has one key".to_owned()),
            Ok(cipher) => {
                is_sealed = true;
                sealed.with(cipher, keys)
            }
            Err(_) => word.parse().map_err(|_| unknown(word)),
        };
        match transfer {
            Ok(transfer) => transfers.push(transfer),
            Err(why) => to.error("A004", place, format!("`unwrap` {why}")),
        }
    }
    for (key, value) in [("unwrap_key", &sealed.key), ("unwrap_iv", &sealed.iv)] {
        if !is_sealed && value.is_some() {
            let message = format!("`{key}` goes with a cipher in `unwrap`");
            to.error("A004", section.offset_of(key), message);
        }
    }
    transfers
}

/// What goes with a cipher.
struct Sealed {
    key: Option<String>,
    iv: Option<String>,
    padding: Padding,
}

impl Sealed {
    fn with(&self, cipher: Cipher, keys: &Keys) -> Result<Transfer, String> {
        let key = self.key.as_deref().ok_or_else(|| format!("with {cipher} needs `unwrap_key`"))?;
        let iv = match self.iv.as_deref() {
            None => None,
            Some("front") => Some(Iv::Front),
            Some("zero") => Some(Iv::Zero),
            Some("key") => Some(Iv::Key),
            Some(name) => Some(Iv::Given(find(name, keys)?)),
        };
        Decryption::new(cipher, self.padding, find(key, keys)?, iv)
            .map(|it| Transfer::Cipher(it.into()))
            .map_err(|misfit| told(misfit, cipher))
    }
}

fn find(name: &str, keys: &Keys) -> Result<Secret, String> {
    let hint = || mappings::suggestion(name, keys.keys().map(String::as_str));
    keys.get(name)
        .cloned()
        .ok_or_else(|| format!("names a key `{name}` that `keys` has not{}", hint()))
}

fn told(misfit: Misfit, cipher: Cipher) -> String {
    match misfit {
        Misfit::Key { has } => {
            let lengths: Vec<String> = cipher.key_bytes().iter().map(ToString::to_string).collect();
            format!("has a key of {has} bytes, and {cipher} takes {}", lengths.join(" or "))
        }
        Misfit::Iv { has } => {
            format!("has a vector of {has} bytes, and {cipher} takes {}", cipher.block_bytes())
        }
        Misfit::Mode if cipher.needs_iv() => format!(
            "with {cipher} needs `unwrap_iv`: front, key, zero or the name of a key of `keys`"
        ),
        Misfit::Mode => format!("with {cipher} has no vector: take `unwrap_iv` out"),
    }
}

fn unknown(word: &str) -> String {
    let hint = mappings::suggestion(word, Transfer::WORDS.into_iter().chain(Cipher::WORDS));
    format!("knows url, hex, base64, gzip and ciphers such as aes-128-cbc, not `{word}`{hint}")
}
