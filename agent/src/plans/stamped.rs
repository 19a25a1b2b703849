//! Moments as the store keeps them everywhere: `YYYYMMDDhhmmss`, China time.

use jiff::civil::DateTime;
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};

use crate::pipeline;

pub(super) fn serialize<S: Serializer>(at: &DateTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&pipeline::stamp(*at))
}

pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<DateTime, D::Error> {
    let text = String::deserialize(from)?;
    pipeline::moment(&text).ok_or_else(|| D::Error::custom("no moment"))
}

/// The same for a moment that may not have come.
pub(super) mod maybe {
    use jiff::civil::DateTime;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::pipeline;

    #[allow(clippy::ref_option)] // the derived code hands the member over as it is
    pub(in super::super) fn serialize<S: Serializer>(
        at: &Option<DateTime>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => to.serialize_some(&pipeline::stamp(*at)),
            None => to.serialize_none(),
        }
    }

    pub(in super::super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Option<DateTime>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        Ok(text.and_then(|it| pipeline::moment(&it)))
    }
}
