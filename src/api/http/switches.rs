//! `/v1/switches` and `/v1/switches/{switch}`.

use crate::api::http::Shared;
use crate::api::http::answer::{Answer, created, done, ok};
use crate::api::http::ask::Ask;
use axum::body::Bytes;
use axum::extract::{Path, State};

pub(super) async fn list(State(service): State<Shared>) -> Answer {
    ok(&service.switches()?)
}

pub(super) async fn create(State(service): State<Shared>, body: Bytes) -> Answer {
    let request: crate::api::types::SwitchCreate = Ask::new("create switch", "").body(&body)?;
    let name = Ask::new("create switch", &request.name).name(&request.name)?;
    created(&service.switch_create(name, request).await?)
}

pub(super) async fn show(State(service): State<Shared>, Path(switch): Path<String>) -> Answer {
    let name = Ask::new("show switch", &switch).name(&switch)?;
    ok(&service.switch(&name)?)
}

pub(super) async fn set(State(service): State<Shared>, Path(switch): Path<String>, body: Bytes) -> Answer {
    let ask = Ask::new("set switch", &switch);
    let name = ask.name(&switch)?;
    ok(&service.switch_set(&name, ask.body(&body)?).await?)
}

pub(super) async fn delete(State(service): State<Shared>, Path(switch): Path<String>) -> Answer {
    let name = Ask::new("delete switch", &switch).name(&switch)?;
    service.switch_delete(name).await?;
    done()
}
