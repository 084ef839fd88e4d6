//! Values: JSON with a schema number, `{"schema":1,"value":…}`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Serialize)]
struct Out<'a, T> {
    schema: u32,
    value: &'a T,
}

#[derive(Deserialize)]
struct In {
    schema: u32,
    value: serde_json::Value,
}

/// Why a value could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// It was written by a newer version.
    Newer {
        /// The schema that it has.
        found: u32,
        /// The newest schema that this version knows.
        known: u32,
    },
    /// It is not what it should be.
    Malformed(String),
}

/// Writes a value under its schema number. Fails only for what JSON cannot say, like a map with keys that are no strings.
///
/// # Errors
/// [`RecordError::Malformed`].
pub fn encode<T: Serialize>(schema: u32, value: &T) -> Result<Vec<u8>, RecordError> {
    serde_json::to_vec(&Out { schema, value }).map_err(|error| RecordError::Malformed(error.to_string()))
}

/// Reads a value whose schema is `known` or older.
///
/// # Errors
/// If the value is newer or not a `T`.
pub fn decode<T: DeserializeOwned>(known: u32, bytes: &[u8]) -> Result<T, RecordError> {
    let malformed = |error: serde_json::Error| RecordError::Malformed(error.to_string());
    let record: In = serde_json::from_slice(bytes).map_err(malformed)?;
    if record.schema > known {
        return Err(RecordError::Newer { found: record.schema, known });
    }
    serde_json::from_value(record.value).map_err(malformed)
}

impl fmt::Display for RecordError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer { found, known } => write!(out, "it has schema {found}, and this version knows {known}"),
            Self::Malformed(why) => write!(out, "it is damaged: {why}"),
        }
    }
}

impl std::error::Error for RecordError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_reads_back_and_a_newer_or_damaged_one_is_refused() {
        let bytes = encode(3, &vec!["a", "b"]).expect("strings are JSON");
        assert_eq!(String::from_utf8_lossy(&bytes), r#"{"schema":3,"value":["a","b"]}"#);
        assert_eq!(decode(3, &bytes), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(decode::<Vec<String>>(2, &bytes), Err(RecordError::Newer { found: 3, known: 2 }));
        assert!(matches!(decode::<Vec<u8>>(3, &bytes), Err(RecordError::Malformed(_))));
        assert!(matches!(decode::<Vec<String>>(3, b"{}"), Err(RecordError::Malformed(_))));
    }
}
