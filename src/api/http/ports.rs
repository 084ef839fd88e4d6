//! `/v1/switches/{switch}/ports` and below.

use crate::api::http::Shared;
use crate::api::http::answer::{Answer, created, done, ok};
use crate::api::http::ask::Ask;
use crate::api::types::{ApiError, PortAdd};
use crate::names::Name;
use axum::body::Bytes;
use axum::extract::{Path, State};

pub(super) async fn list(State(service): State<Shared>, Path(switch): Path<String>) -> Answer {
    let switch = Ask::new("list ports of switch", &switch).name(&switch)?;
    ok(&service.ports(&switch)?)
}

pub(super) async fn add(State(service): State<Shared>, Path(switch): Path<String>, body: Bytes) -> Answer {
    let request: PortAdd = Ask::new("add port to switch", &switch).body(&body)?;
    let ask = Ask::new("add port", format!("{} to switch {switch}", request.url));
    let (switch, name) = (ask.name(&switch)?, request.name.as_deref().map(|name| ask.name(name)).transpose()?);
    let url = request.url.parse().map_err(|error: crate::url::UrlError| {
        let said = error.to_string();
        let (why, hint) = said.split_once("; ").unwrap_or((&said, "see `lanloom port add --help`"));
        ask.invalid(why, hint)
    })?;
    created(&service.port_add(&switch, name, url).await?)
}

pub(super) async fn show(State(service): State<Shared>, Path(at): Path<(String, String)>) -> Answer {
    let (switch, port, _) = place("show port", &at)?;
    ok(&service.port(&switch, &port)?)
}

pub(super) async fn set(State(service): State<Shared>, Path(at): Path<(String, String)>, body: Bytes) -> Answer {
    let (switch, port, ask) = place("set port", &at)?;
    ok(&service.port_set(&switch, &port, ask.body(&body)?).await?)
}

pub(super) async fn delete(State(service): State<Shared>, Path(at): Path<(String, String)>) -> Answer {
    let (switch, port, _) = place("delete port", &at)?;
    service.port_delete(switch, port).await?;
    done()
}

fn place(what: &'static str, (switch, port): &(String, String)) -> Result<(Name, Name, Ask), ApiError> {
    let ask = Ask::new(what, format!("{switch}/{port}"));
    Ok((ask.name(switch)?, ask.name(port)?, ask))
}
