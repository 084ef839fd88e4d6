//! `/v1/info`, `/v1/config`, `/v1/system` and the description.

use crate::api::http::answer::{Answer, ok, plain};
use crate::api::http::{Shared, description};
use axum::extract::State;

pub(super) async fn info(State(service): State<Shared>) -> Answer {
    ok(&service.info().await?)
}

pub(super) async fn config(State(service): State<Shared>) -> Answer {
    plain("application/toml", service.config())
}

pub(super) async fn reload(State(service): State<Shared>) -> Answer {
    ok(&service.reload().await?)
}

pub(super) async fn reset(State(service): State<Shared>) -> Answer {
    ok(&service.reset().await)
}

pub(super) async fn openapi() -> Answer {
    plain("application/json", description())
}
