//! `/v1/endpoints` and below. An endpoint that goes by its network's name and its own, `web/a`, is `web%2Fa` in a path.

use crate::api::http::Shared;
use crate::api::http::answer::{Answer, created, done, ok};
use crate::api::http::ask::Ask;
use crate::api::types::{DeleteQuery, EndpointCreate, EndpointJoin, EndpointLeave, EndpointQuery};
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};

pub(super) async fn list(State(service): State<Shared>, RawQuery(query): RawQuery) -> Answer {
    let ask = Ask::new("list endpoints", "");
    let query: EndpointQuery = ask.query(query.as_deref())?;
    let network = query.network.as_deref().map(|network| ask.reference(network)).transpose()?;
    ok(&service.endpoints(network.as_deref())?)
}

pub(super) async fn create(State(service): State<Shared>, body: Bytes) -> Answer {
    let request: EndpointCreate = Ask::new("create endpoint", "").body(&body)?;
    let ask = Ask::new("create endpoint", format!("{}/{}", request.network, request.name));
    let (network, name) = (ask.reference(&request.network)?, ask.name(&request.name)?);
    created(&service.endpoint_create(network, name, request.endpoint).await?)
}

pub(super) async fn show(State(service): State<Shared>, Path(endpoint): Path<String>) -> Answer {
    ok(&service.endpoint(&Ask::new("show endpoint", &endpoint).place(&endpoint)?).await?)
}

pub(super) async fn join(State(service): State<Shared>, Path(endpoint): Path<String>, body: Bytes) -> Answer {
    let request: EndpointJoin = Ask::new("join endpoint", &endpoint).body(&body)?;
    let ask = Ask::new("join endpoint", format!("{endpoint} to sandbox {}", request.sandbox));
    service.endpoint_join(ask.place(&endpoint)?, ask.reference(&request.sandbox)?).await?;
    done()
}

pub(super) async fn leave(State(service): State<Shared>, Path(endpoint): Path<String>, body: Bytes) -> Answer {
    let ask = Ask::new("leave sandbox with endpoint", &endpoint);
    let request: EndpointLeave = if body.is_empty() { EndpointLeave::default() } else { ask.body(&body)? };
    service.endpoint_leave(ask.place(&endpoint)?, request.force).await?;
    done()
}

pub(super) async fn delete(State(service): State<Shared>, Path(endpoint): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let ask = Ask::new("delete endpoint", &endpoint);
    let query: DeleteQuery = ask.query(query.as_deref())?;
    service.endpoint_delete(ask.place(&endpoint)?, query.force).await?;
    done()
}
