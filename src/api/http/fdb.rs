//! `/v1/switches/{switch}/fdb` and below.

use crate::api::http::Shared;
use crate::api::http::answer::{Answer, done, ok};
use crate::api::http::ask::Ask;
use crate::api::types::{ApiError, FdbAdd, FdbFlush, FdbFlushed, FdbKey};
use crate::config::FdbSpec;
use crate::controller::FdbPick;
use crate::names::shown;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use lanloom_switch_core::{MacAddr, Vid};
use std::net::IpAddr;

pub(super) async fn show(State(service): State<Shared>, Path(switch): Path<String>) -> Answer {
    let switch = Ask::new("show the addresses of switch", &switch).name(&switch)?;
    ok(&service.fdb(&switch)?)
}

pub(super) async fn add(State(service): State<Shared>, Path(switch): Path<String>, body: Bytes) -> Answer {
    let request: FdbAdd = Ask::new("set address on switch", &switch).body(&body)?;
    let ask = Ask::new("set address", format!("{} on {switch}/{}", request.mac, request.port));
    let (switch, port) = (ask.name(&switch)?, ask.name(&request.port)?);
    let (mac, vid) = (mac(&ask, &request.mac)?, vid(&ask, request.vid)?);
    let dst = request.dst.as_deref().map(|dst| address(&ask, dst)).transpose()?;
    service.fdb_add(switch, FdbSpec { mac, port, dst, vid: vid.0, sticky: request.sticky }).await?;
    done()
}

pub(super) async fn delete(
    State(service): State<Shared>,
    Path((switch, text)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Answer {
    let ask = Ask::new("forget address", format!("{text} of switch {switch}"));
    let key: FdbKey = ask.query(query.as_deref())?;
    let (mac, vid) = (mac(&ask, &text)?, vid(&ask, key.vid)?.0);
    let dst = key.dst.as_deref().map(|dst| address(&ask, dst)).transpose()?;
    let port = key.port.as_deref().map(|port| ask.name(port)).transpose()?;
    service.fdb_delete(ask.name(&switch)?, FdbPick { mac, vid, dst, port }).await?;
    done()
}

pub(super) async fn flush(State(service): State<Shared>, Path(switch): Path<String>, RawQuery(query): RawQuery) -> Answer {
    let ask = Ask::new("flush switch", &switch);
    let which: FdbFlush = ask.query(query.as_deref())?;
    let port = which.port.as_deref().map(|port| ask.name(port)).transpose()?;
    ok(&FdbFlushed { flushed: service.fdb_flush(ask.name(&switch)?, port).await? })
}

fn mac(ask: &Ask, text: &str) -> Result<MacAddr, ApiError> {
    let hint = "write six hexadecimal bytes, like 02:00:00:00:00:0a";
    text.parse().map_err(|_| ask.invalid("that is no MAC address", hint))
}

fn address(ask: &Ask, text: &str) -> Result<IpAddr, ApiError> {
    let hint = "write one of IPv4 or IPv6, the latter without brackets";
    text.parse().map_err(|_| ask.invalid(format!("{} is no address of another end", shown(text)), hint))
}

fn vid(ask: &Ask, vid: u16) -> Result<Vid, ApiError> {
    if vid > 4094 {
        Err(ask.invalid(format!("{vid} is no VLAN"), "a VLAN is a number from 1 to 4094, or 0 for none"))
    } else {
        Ok(Vid(vid))
    }
}
