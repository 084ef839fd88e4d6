//! A refusal: what was tried, on what, why it failed, and what to do next.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Why a request was not done. Nothing is half done: a refused request leaves no trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiError {
    /// The kind of refusal; stable.
    pub code: ErrorCode,
    /// What was tried, as a verb and a noun: `create switch`.
    pub what: String,
    /// The thing it was tried on; empty if there is none.
    pub on: String,
    /// Why it failed.
    pub why: String,
    /// What to do next.
    pub hint: String,
}

/// Kinds of refusal, each with its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// 400: the request says something that cannot be.
    Invalid,
    /// 404: the thing does not exist.
    NotFound,
    /// 409: it exists already, is in use, or belongs to the configuration file.
    Conflict,
    /// 500: the kernel or the disk refused, or we are at fault.
    Failed,
    /// 503: not now: the daemon is stopping, or a limit is reached.
    Unavailable,
}

impl ErrorCode {
    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid => 400,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Failed => 500,
            Self::Unavailable => 503,
        }
    }
}

impl ApiError {
    /// A refusal of `what` on `on`.
    pub fn new(
        code: ErrorCode,
        what: impl Into<String>,
        on: impl Into<String>,
        why: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self { code, what: what.into(), on: on.into(), why: why.into(), hint: hint.into() }
    }
}

impl fmt::Display for ApiError {
    /// One line: `cannot create switch s1: it exists; choose another name`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "cannot {}", self.what)?;
        if !self.on.is_empty() {
            write!(out, " {}", self.on)?;
        }
        write!(out, ": {}", self.why)?;
        if self.hint.is_empty() { Ok(()) } else { write!(out, "; {}", self.hint) }
    }
}

impl std::error::Error for ApiError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_as_one_line_and_has_the_five_keys() {
        let error =
            ApiError::new(ErrorCode::NotFound, "show switch", "s9", "there is no such switch", "see `lanloom switch ls`");
        assert_eq!(error.to_string(), "cannot show switch s9: there is no such switch; see `lanloom switch ls`");
        let json = serde_json::to_string(&error).expect("plain data");
        assert_eq!(
            json,
            r#"{"code":"not_found","what":"show switch","on":"s9","why":"there is no such switch","hint":"see `lanloom switch ls`"}"#
        );
    }
}
