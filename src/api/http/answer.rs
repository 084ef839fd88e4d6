//! How an answer looks: JSON, and for every refusal the same five keys.

use crate::api::types::{ApiError, ErrorCode};
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// What a handler gives back.
pub(super) type Answer = Result<Response, ApiError>;

/// 200 with JSON.
pub(super) fn ok(value: &impl Serialize) -> Answer {
    Ok(json(StatusCode::OK, value))
}

/// 201 with JSON.
pub(super) fn created(value: &impl Serialize) -> Answer {
    Ok(json(StatusCode::CREATED, value))
}

/// 204: done, and nothing to say.
pub(super) fn done() -> Answer {
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// 200 with something else than JSON.
pub(super) fn plain(content_type: &'static str, body: impl Into<Body>) -> Answer {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    Ok(response)
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        json(status, &self)
    }
}

/// No such path.
pub(super) async fn no_such_path(method: Method, uri: Uri) -> ApiError {
    let hint = "GET /v1/openapi.json describes the paths that exist";
    ApiError::new(ErrorCode::NotFound, "answer", format!("{method} {}", shown(uri.path())), "there is no such path", hint)
}

/// Gives what the framework refused by itself (a body too long, a wrong method, a path that is no text) the shape of all refusals.
pub(super) fn unify(method: &Method, uri: &Uri, response: Response) -> Response {
    let status = response.status();
    let ours = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == JSON);
    if ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let code = if status.is_server_error() { ErrorCode::Failed } else { ErrorCode::Invalid };
    let why = match status {
        StatusCode::METHOD_NOT_ALLOWED => "that path does not take this method".to_owned(),
        StatusCode::PAYLOAD_TOO_LARGE => format!("the body is longer than {MAX_BODY} bytes"),
        other => format!("the request cannot be read ({other})"),
    };
    let hint = "GET /v1/openapi.json describes what can be asked";
    let mut unified = json(status, &ApiError::new(code, "answer", format!("{method} {}", shown(uri.path())), why, hint));
    if let Some(allow) = response.headers().get(header::ALLOW) {
        unified.headers_mut().insert(header::ALLOW, allow.clone());
    }
    unified
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    // Our own answers have string keys only, which is all that can fail here.
    let body = serde_json::to_vec(value).map_or_else(|_| Bytes::new(), Bytes::from);
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// What came in, as an answer may repeat it: cut when long.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    let mut shown: String = text.chars().take(MOST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

/// Bytes that a request's body may have.
pub(super) const MAX_BODY: usize = 1 << 20;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
