//! What the controller says, with the API's keys.

use super::tunnel::tunnel;
use crate::api::time::rfc3339;
use crate::api::types::{
    ApiError, Counters, Drops, ErrorCode, Event, FdbEntry, Flow, PortCounters, PortInfo, PortState, SwitchInfo, TraceAnswer,
};
use crate::controller::{self, FdbView, PortView, Refusal, RefusalKind, SwitchView};
use crate::names::Name;
use crate::url::PortUrl;
use bytes::Bytes;
use lanloom_switch_core::{self as core, EgressFate, Fate, Trace};
use lanloom_switch_io::clock;
use lanloom_switch_io::engine::{self, SwitchStatus};

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let code = match refusal.kind {
            RefusalKind::Invalid => ErrorCode::Invalid,
            RefusalKind::NotFound => ErrorCode::NotFound,
            RefusalKind::Conflict => ErrorCode::Conflict,
            RefusalKind::Failed => ErrorCode::Failed,
            RefusalKind::Unavailable => ErrorCode::Unavailable,
        };
        Self::new(code, refusal.what, refusal.on, refusal.why, refusal.hint)
    }
}

pub(super) fn switch(view: SwitchView) -> SwitchInfo {
    SwitchInfo {
        name: view.name.into(),
        ageing_secs: view.settings.ageing,
        stp: "off".to_owned(),
        ports: view.status.ports,
        fdb_entries: view.status.addresses,
        fdb_limit: view.settings.fdb_limit as usize,
        engine: view.status.engine,
        spin_now_micros: u64::try_from(view.status.spin.as_micros()).unwrap_or(u64::MAX),
        origin: view.origin.name().to_owned(),
    }
}

pub(super) fn port(view: PortView) -> PortInfo {
    let (state, reason) = match view.state {
        engine::PortState::Up => (PortState::Up, String::new()),
        engine::PortState::Down { reason } => (PortState::Down, reason),
    };
    let (settings, url) = (view.spec.settings, view.spec.url);
    let tunnel = match (&url, view.tunnel) {
        (PortUrl::Vxlan(url), Some(status)) => Some(tunnel(url, *status, clock::now())),
        (_, Some(_) | None) => None,
    };
    PortInfo {
        port: view.spec.name.into(),
        url: url.to_string(),
        state,
        reason,
        mtu: view.mtu,
        features: view.features.into_iter().map(str::to_owned).collect(),
        admin_up: settings.up,
        learning: settings.learning,
        flood: settings.flood,
        mcast_flood: settings.mcast_flood,
        bcast_flood: settings.bcast_flood,
        isolated: settings.isolated,
        forward: settings.forward.names(),
        storm: settings.storm.to_string(),
        fdb_limit: settings.fdb_limit,
        fdb_limit_drops: settings.fdb_limit_drops,
        origin: view.origin.name().to_owned(),
        tunnel,
    }
}

pub(super) fn entry(view: FdbView) -> FdbEntry {
    FdbEntry {
        mac: view.mac.to_string(),
        port: view.port,
        dst: view.dst.map(|dst| dst.to_string()),
        vid: view.vid,
        is_static: view.is_static,
        sticky: view.sticky,
        age_secs: view.age_secs.into(),
    }
}

pub(super) fn counters(
    switch: &Name,
    status: &SwitchStatus,
    ports: impl Iterator<Item = (String, core::Counters)>,
) -> Counters {
    let ports: Vec<PortCounters> = ports.map(|(port, counters)| port_counters(port, &counters)).collect();
    let mut drops = Drops::new();
    for (reason, frames) in ports.iter().flat_map(|port| &port.drops) {
        *drops.entry(reason.clone()).or_default() += frames;
    }
    Counters {
        switch: switch.to_string(),
        ports,
        drops,
        fdb_entries: status.addresses as u64,
        fdb_moves: status.fdb.moves,
        fdb_evictions: status.fdb.evicted,
    }
}

fn port_counters(port: String, counters: &core::Counters) -> PortCounters {
    PortCounters {
        port,
        rx: flow(counters.rx),
        tx: flow(counters.tx),
        forwarded: counters.forwarded,
        consumed: counters.consumed,
        generated: counters.generated,
        drops: counters.drops().map(|(reason, frames)| (reason.name().to_owned(), frames)).collect(),
    }
}

pub(super) fn flow(flow: core::Flow) -> Flow {
    let core::Flow { frames, bytes, gso_frames, gso_segments } = flow;
    Flow { frames, bytes, gso_frames, gso_segments }
}

pub(super) fn trace(trace: Trace, ports: Vec<String>, frame: String, assumed: Vec<String>) -> TraceAnswer {
    let mut steps = trace.steps;
    // The last step is how it ends.
    let verdict = steps.pop().unwrap_or_default();
    let copies = &trace.verdict.copies;
    let copy = copies.iter().find_map(|(_, fate)| match fate {
        EgressFate::Dropped(reason) => Some(reason.name().to_owned()),
        EgressFate::Sent => None,
    });
    let is_sent = copies.iter().any(|(_, fate)| *fate == EgressFate::Sent);
    let drop = match trace.verdict.fate {
        Fate::Dropped(reason) => Some(reason.name().to_owned()),
        Fate::Forwarded | Fate::Flooded(_) | Fate::Consumed(_) => copy.filter(|_| !is_sent),
    };
    TraceAnswer { frame, assumed, steps, verdict, ports, drop }
}

pub(super) fn event(event: &controller::Event) -> Bytes {
    let fields = event.kind.fields().into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    line(&Event { time: rfc3339(event.time), kind: event.kind.name().to_owned(), fields })
}

/// A line of JSON.
pub(super) fn line(event: &Event) -> Bytes {
    // Strings and numbers under string keys: nothing that JSON cannot say.
    let mut line = serde_json::to_vec(event).unwrap_or_default();
    line.push(b'\n');
    Bytes::from(line)
}
