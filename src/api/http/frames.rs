//! Counters, traces and metrics.

use crate::api::http::Shared;
use crate::api::http::answer::{Answer, ok, plain};
use crate::api::http::ask::Ask;
use crate::api::metrics;
use crate::api::types::{PortQuery, TraceRequest};
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use lanloom_switch_core::build::build_where;

pub(super) async fn counters(State(service): State<Shared>, Path(switch): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let ask = Ask::new("show the counters of", &switch);
    let which: PortQuery = ask.query(query.as_deref())?;
    let port = which.port.as_deref().map(|port| ask.name(port)).transpose()?;
    ok(&service.counters(&ask.name(&switch)?, port.as_ref())?)
}

pub(super) async fn trace(State(service): State<Shared>, Path(switch): Path<String>, body: Bytes) -> Answer {
    let request: TraceRequest = Ask::new("trace a frame on switch", &switch).body(&body)?;
    let ask = Ask::new("trace the frame", format!("on {switch}/{}", request.port));
    let (switch, port) = (ask.name(&switch)?, ask.name(&request.port)?);
    let built = build_where(&service.behind(&switch, &port), &request.frame).map_err(|error| {
        let said = error.to_string();
        let (why, hint) = said.split_once("; ").unwrap_or((&said, "see `lanloom trace --help`"));
        ask.invalid(why, hint)
    })?;
    ok(&service.trace(&switch, &port, built, request.len, request.segment_size)?)
}

pub(super) async fn metrics(State(service): State<Shared>) -> Answer {
    plain(metrics::CONTENT_TYPE, metrics::text(&service.measured()?))
}
