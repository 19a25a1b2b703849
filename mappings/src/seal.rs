//! Keys of the channel at work: what is encrypted under one, and what is signed with one.
//!
//! A mapping names its keys; the channel has them. They come together once, when a channel is
//! loaded, and what does not fit is told there. A set that was never given keys reads nothing that
//! is encrypted and believes nothing that is signed.

use adapters::{
    Charset, Cipher, Decryption, Document, Iv, Keys, Misfit, NodeId, Padding, Secret, SignMethod,
    Transfer, encode_answer,
};

use crate::compiled::Compiled;
use crate::datum::Datum;
use crate::expression::Path;
use crate::mapping::Mapping;
use crate::scene::{Budget, Context, Found, Item, Reading, Scene};
use crate::walk;

/// A key as a mapping names it, and where.
#[derive(Clone, Debug)]
pub(crate) struct KeyName {
    pub(crate) name: String,
    /// Line and column in the mapping's file.
    pub(crate) place: (u32, u32),
}

/// The same key named elsewhere is the same key.
impl PartialEq for KeyName {
    fn eq(&self, other: &KeyName) -> bool {
        self.name == other.name
    }
}

impl Eq for KeyName {}

/// Why a key cannot be used, and where it is named.
pub(crate) struct BadKey {
    pub(crate) place: (u32, u32),
    pub(crate) message: String,
}

impl KeyName {
    fn find<'k>(&self, keys: &'k Keys) -> Result<&'k Secret, BadKey> {
        let name = &self.name;
        keys.get(name).ok_or_else(|| {
            let hint = crate::suggestion(name, keys.keys().map(String::as_str));
            self.bad(format!("there is no key `{name}` among the keys given{hint}"))
        })
    }

    fn bad(&self, message: String) -> BadKey {
        BadKey { place: self.place, message }
    }
}

/// The cipher among an opening's transfers, until it has its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    /// Its place among the transfers.
    pub(crate) at: usize,
    pub(crate) cipher: Cipher,
    pub(crate) padding: Padding,
    pub(crate) key: KeyName,
    pub(crate) iv: Option<IvSource>,
}

/// Where the initialisation vector comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IvSource {
    Front,
    Zero,
    Key,
    Named(KeyName),
}

impl Seal {
    /// The transfer, with its key.
    pub(crate) fn keyed(&self, keys: &Keys) -> Result<Transfer, BadKey> {
        let key = self.key.find(keys)?.clone();
        let (iv, iv_name) = match &self.iv {
            None => (None, &self.key),
            Some(IvSource::Front) => (Some(Iv::Front), &self.key),
            Some(IvSource::Zero) => (Some(Iv::Zero), &self.key),
            Some(IvSource::Key) => (Some(Iv::Key), &self.key),
            Some(IvSource::Named(name)) => (Some(Iv::Given(name.find(keys)?.clone())), name),
        };
        Decryption::new(self.cipher, self.padding, key, iv)
            .map(|it| Transfer::Cipher(it.into()))
            .map_err(|misfit| self.told(misfit, iv_name))
    }

    fn told(&self, misfit: Misfit, iv: &KeyName) -> BadKey {
        let cipher = self.cipher;
        match misfit {
            Misfit::Key { has } => {
                let name = &self.key.name;
                let lengths: Vec<String> =
                    cipher.key_bytes().iter().map(ToString::to_string).collect();
                let lengths = lengths.join(" or ");
                let message =
                    format!("the key `{name}` has {has} bytes, and {cipher} takes {lengths}");
                self.key.bad(message)
            }
            Misfit::Iv { has } => {
                let (name, takes) = (&iv.name, cipher.block_bytes());
                iv.bad(format!("the vector `{name}` has {has} bytes, and {cipher} takes {takes}"))
            }
            Misfit::Mode => self.key.bad(format!("{cipher} has no vector")),
        }
    }
}

/// `[[verify]]`: a signature that must be right.
#[derive(Debug)]
pub(crate) struct Verify {
    /// How many `[[open]]` stand above it: it sees the message as these left it.
    pub(crate) opens_above: usize,
    pub(crate) method: SignMethod,
    pub(crate) sign: Compiled,
    pub(crate) over: Vec<Part>,
    pub(crate) sorted: Option<Sorted>,
    pub(crate) charset: Charset,
    pub(crate) key: Option<KeyName>,
    pub(crate) secret: Option<Secret>,
    /// As it stands in the file: two that are written alike judge alike.
    pub(crate) written: String,
}

/// One of the texts that are signed, one behind the other.
#[derive(Debug)]
pub(crate) enum Part {
    Key,
    Sorted,
    Value(Compiled),
}

/// Fields in the order of their names.
#[derive(Debug)]
pub(crate) struct Sorted {
    pub(crate) path: Path,
    pub(crate) equals: String,
    pub(crate) between: String,
}

/// What is wrong with a signature, and where it should stand.
pub(crate) struct Unverified {
    pub(crate) path: String,
    pub(crate) is_missing: bool,
}

impl PartialEq for Verify {
    fn eq(&self, other: &Verify) -> bool {
        (self.opens_above, &self.written) == (other.opens_above, &other.written)
    }
}

impl Verify {
    pub(crate) fn keyed(&mut self, keys: &Keys) -> Result<(), BadKey> {
        let Some(name) = &self.key else { return Ok(()) };
        let secret = name.find(keys)?.clone();
        if self.over.iter().any(|it| matches!(it, Part::Key)) && secret.text().is_none() {
            let name_text = &name.name;
            return Err(name.bad(format!("the key `{name_text}` is bytes, and $key is a text")));
        }
        self.secret = Some(secret);
        Ok(())
    }

    /// Whether the message carries this signature, and it is right. Fields in `sent` are read as they
    /// stand there.
    pub(crate) fn judge(
        &self,
        mapping: &Mapping,
        document: &Document,
        context: &Context<'_>,
        sent: &[(NodeId, String)],
        reader: Option<&dyn Fn(NodeId)>,
    ) -> Result<(), Unverified> {
        let found = Found::new(mapping.absolute_paths);
        // Null words mean nothing here: what was signed is what was sent.
        let reading = Reading { null_words: &[], budget: Budget::of(document), reader, sent };
        let root = Item::root(document);
        let scene = Scene::new(document, context, &root, &found, &reading);
        let node = self.sign.node(&scene);
        let path = || node.map(|it| document.path(it)).unwrap_or_default();
        let sign = self.sign.evaluate(&scene).ok();
        let sign = sign.as_ref().and_then(Datum::to_text).filter(|it| !it.trim().is_empty());
        let Some(sign) = sign else {
            return Err(Unverified { path: path(), is_missing: true });
        };
        let signed = self.signed(&scene, node);
        let bytes = signed.and_then(|it| encode_answer(&it, self.charset).ok());
        let keyed = self.key.is_none() || self.secret.is_some();
        let is_right = |it: Vec<u8>| self.method.verifies(&sign, &it, self.secret.as_ref());
        let is_right = keyed && !reading.budget.is_spent() && bytes.is_some_and(is_right);
        if is_right { Ok(()) } else { Err(Unverified { path: path(), is_missing: false }) }
    }

    /// What is signed: an absent value is no text, one that cannot be restated has no signature.
    fn signed(&self, scene: &Scene<'_>, sign: Option<NodeId>) -> Option<String> {
        let mut text = String::new();
        for part in &self.over {
            match part {
                Part::Key => text.push_str(self.secret.as_ref()?.text()?),
                Part::Sorted => text.push_str(&self.sorted.as_ref()?.text(scene, sign)),
                Part::Value(it) => {
                    text.push_str(&it.evaluate(scene).ok()?.to_text().unwrap_or_default());
                }
            }
        }
        Some(text)
    }
}

impl Sorted {
    /// `a=1&b=2`: fields that have a value, the signature itself left out.
    fn text(&self, scene: &Scene<'_>, sign: Option<NodeId>) -> String {
        let document = scene.document;
        let nodes = walk::all(scene, document.root(), &self.path).into_iter();
        let mut pairs: Vec<(&str, &str)> = nodes
            .filter(|it| Some(*it) != sign)
            .filter_map(|it| Some((document.name(it), scene.value(it)?)))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        pairs.sort_by_key(|(name, _)| *name);
        let written = pairs.iter().map(|(name, value)| format!("{name}{}{value}", self.equals));
        written.collect::<Vec<_>>().join(&self.between)
    }
}
