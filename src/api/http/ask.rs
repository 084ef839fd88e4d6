//! What comes in: read by hand, so that neither a missing content type nor an empty host is a refusal.

use crate::api::http::answer::shown;
use crate::api::types::{ApiError, ErrorCode};
use crate::names::Name;
use axum::body::{Body, Bytes};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The words for a request in an error.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    what: &'static str,
    on: String,
}

impl Ask {
    /// `what` is to be done to `on`.
    pub(super) fn new(what: &'static str, on: impl AsRef<str>) -> Self {
        Self { what, on: shown(on.as_ref()) }
    }

    /// A refusal of it.
    pub(super) fn refused(&self, code: ErrorCode, why: impl Into<String>, hint: impl Into<String>) -> ApiError {
        ApiError::new(code, self.what, self.on.clone(), why, hint)
    }

    /// 400.
    pub(super) fn invalid(&self, why: impl Into<String>, hint: impl Into<String>) -> ApiError {
        self.refused(ErrorCode::Invalid, why, hint)
    }

    /// A name out of a path, query or body.
    pub(super) fn name(&self, text: &str) -> Result<Name, ApiError> {
        text.parse().map_err(|error: crate::names::NameError| {
            // "what is wrong; what would be right"
            let said = error.to_string();
            let (why, hint) = said.split_once("; ").unwrap_or((&said, "give another name"));
            self.invalid(why, hint)
        })
    }

    /// What a network or sandbox is called by: a name, an id, or the beginning of one.
    pub(super) fn reference(&self, text: &str) -> Result<String, ApiError> {
        let is_id = text.len() == ID_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_id { Ok(text.to_owned()) } else { self.name(text).map(String::from) }
    }

    /// What an endpoint is called by: the same, or its network's and its own with a slash between.
    pub(super) fn place(&self, text: &str) -> Result<String, ApiError> {
        match text.split_once('/') {
            None => self.reference(text),
            Some((network, endpoint)) => Ok(format!("{}/{}", self.reference(network)?, self.name(endpoint)?)),
        }
    }

    /// The body as JSON.
    pub(super) fn body<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, ApiError> {
        serde_json::from_slice(body).map_err(|error| {
            self.invalid(
                format!("its body is not the JSON expected ({})", shown(&error.to_string())),
                "see GET /v1/openapi.json",
            )
        })
    }

    /// The query's fields.
    pub(super) fn query<T: DeserializeOwned>(&self, query: Option<&str>) -> Result<T, ApiError> {
        serde_urlencoded::from_str(query.unwrap_or_default()).map_err(|error| {
            self.invalid(
                format!("its query is not the one expected ({})", shown(&error.to_string())),
                "see GET /v1/openapi.json",
            )
        })
    }
}

/// Digits that an id has.
const ID_DIGITS: usize = 64;

/// A whole body, or the refusal of one that is too long or takes too long.
pub(super) async fn whole(body: Body, most: usize, patience: Duration) -> Result<Bytes, hyper::StatusCode> {
    match tokio::time::timeout(patience, Limited::new(body, most).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(hyper::StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(hyper::StatusCode::BAD_REQUEST),
        Err(_) => Err(hyper::StatusCode::REQUEST_TIMEOUT),
    }
}
