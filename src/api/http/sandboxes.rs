//! `/v1/sandboxes` and `/v1/sandboxes/{sandbox}`.

use crate::api::http::Shared;
use crate::api::http::answer::{Answer, created, done, ok};
use crate::api::http::ask::Ask;
use crate::api::types::{DeleteQuery, SandboxCreate};
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};

pub(super) async fn list(State(service): State<Shared>) -> Answer {
    ok(&service.sandboxes())
}

pub(super) async fn create(State(service): State<Shared>, body: Bytes) -> Answer {
    let request: SandboxCreate = Ask::new("create sandbox", "").body(&body)?;
    let ask = Ask::new("create sandbox", &request.name);
    let name = ask.name(&request.name)?;
    request.networks.iter().try_for_each(|on| ask.reference(&on.network).map(|_| ()))?;
    created(&service.sandbox_create(name, request).await?)
}

pub(super) async fn show(State(service): State<Shared>, Path(sandbox): Path<String>) -> Answer {
    ok(&service.sandbox(&Ask::new("show sandbox", &sandbox).reference(&sandbox)?)?)
}

pub(super) async fn delete(State(service): State<Shared>, Path(sandbox): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let ask = Ask::new("delete sandbox", &sandbox);
    let query: DeleteQuery = ask.query(query.as_deref())?;
    service.sandbox_delete(ask.reference(&sandbox)?, query.force).await?;
    done()
}
