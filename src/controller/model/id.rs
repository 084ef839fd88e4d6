//! What networks, endpoints and sandboxes are known by.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::hash::{BuildHasher, RandomState};

/// What a network, an endpoint or a sandbox is known by: 64 hex digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

/// Digits of an id that are shown in tables, and by which a sandbox is known in DNS.
pub const SHORT_ID: usize = 12;

impl Id {
    /// One that nobody has.
    pub fn random() -> Self {
        let words = [(); 4].map(|()| RandomState::new().hash_one(std::process::id()));
        Self(words.map(|word| format!("{word:016x}")).concat())
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first [`SHORT_ID`] digits.
    pub fn short(&self) -> &str {
        &self.0[..SHORT_ID]
    }
}

impl TryFrom<String> for Id {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let is_id = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_id { Ok(Self(text)) } else { Err(format!("{text:?} is no id: an id has 64 hex digits")) }
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Id({})", self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_64_hex_digits_and_no_two_are_alike() {
        let ids = [(); 8].map(|()| Id::random());
        assert!((1..8).all(|at| !ids[..at].contains(&ids[at])), "{ids:?}");
        assert_eq!(Id::try_from(ids[0].to_string()), Ok(ids[0].clone()));
        assert!(Id::try_from("f".repeat(63)).is_err() && Id::try_from("G".repeat(64)).is_err());
    }
}
