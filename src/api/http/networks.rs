//! `/v1/networks` and below.

use crate::api::http::Shared;
use crate::api::http::answer::{Answer, created, done, ok};
use crate::api::http::ask::Ask;
use crate::api::types::{
    ApiError, EndpointAsked, Filters, NetworkConnect, NetworkCreate, NetworkDisconnect, NetworkQuery, Purpose,
};
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::routing::MethodRouter;

/// `/v1/networks/prune` prunes, and is a network of that name to all other methods.
pub(super) fn prune_or_named() -> MethodRouter<Shared> {
    let named = || Path("prune".to_owned());
    axum::routing::post(prune)
        .get(move |service| show(service, named()))
        .patch(move |service, body| update(service, named(), body))
        .delete(move |service| delete(service, named()))
}

pub(super) async fn list(State(service): State<Shared>, RawQuery(query): RawQuery) -> Answer {
    let filters = filters(&Ask::new("list networks", ""), Purpose::List, query.as_deref())?;
    ok(&service.networks(&filters))
}

pub(super) async fn create(State(service): State<Shared>, body: Bytes) -> Answer {
    let request: NetworkCreate = Ask::new("create network", "").body(&body)?;
    let name = Ask::new("create network", &request.name).name(&request.name)?;
    created(&service.network_create(name, request).await?)
}

pub(super) async fn show(State(service): State<Shared>, Path(network): Path<String>) -> Answer {
    ok(&service.network(&Ask::new("show network", &network).reference(&network)?)?)
}

pub(super) async fn diagnose(State(service): State<Shared>, Path(network): Path<String>) -> Answer {
    ok(&service.diagnose(&Ask::new("diagnose network", &network).reference(&network)?).await?)
}

pub(super) async fn update(State(service): State<Shared>, Path(network): Path<String>, body: Bytes) -> Answer {
    let ask = Ask::new("update network", &network);
    ok(&service.network_update(ask.reference(&network)?, ask.body(&body)?).await?)
}

pub(super) async fn delete(State(service): State<Shared>, Path(network): Path<String>) -> Answer {
    service.network_delete(Ask::new("delete network", &network).reference(&network)?).await?;
    done()
}

pub(super) async fn connect(State(service): State<Shared>, Path(network): Path<String>, body: Bytes) -> Answer {
    let request: NetworkConnect = Ask::new("connect to network", &network).body(&body)?;
    let ask = Ask::new("connect to network", format!("{network} sandbox {}", request.container));
    let (network, sandbox) = (ask.reference(&network)?, ask.reference(&request.container)?);
    let endpoint = request.endpoint_config.map(EndpointAsked::from).unwrap_or_default();
    ok(&service.network_connect(network, sandbox, endpoint).await?)
}

pub(super) async fn disconnect(State(service): State<Shared>, Path(network): Path<String>, body: Bytes) -> Answer {
    let request: NetworkDisconnect = Ask::new("disconnect from network", &network).body(&body)?;
    let ask = Ask::new("disconnect from network", format!("{network} sandbox {}", request.container));
    let (network, sandbox) = (ask.reference(&network)?, ask.reference(&request.container)?);
    service.network_disconnect(network, sandbox, request.force.unwrap_or_default()).await?;
    done()
}

async fn prune(State(service): State<Shared>, RawQuery(query): RawQuery) -> Answer {
    let filters = filters(&Ask::new("prune networks", ""), Purpose::Prune, query.as_deref())?;
    ok(&service.networks_prune(&filters).await?)
}

fn filters(ask: &Ask, purpose: Purpose, query: Option<&str>) -> Result<Filters, ApiError> {
    let query: NetworkQuery = ask.query(query)?;
    let text = query.filters.filter(|text| !text.is_empty());
    let filters = text.map(|text| Filters::from_json(purpose, &text)).transpose();
    Ok(filters.map_err(|error| ask.invalid(error.why, error.hint))?.unwrap_or_else(|| Filters::new(purpose)))
}
