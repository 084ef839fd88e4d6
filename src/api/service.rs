//! From the API's requests to the controller, and from what it says back to the API's answers. Words only: what is possible is
//! the controller's to say.

mod asked;
mod choose;
mod doctor;
mod hostnames;
mod networks;
#[cfg(test)]
mod sample;
mod shape;
mod tunnel;
mod view;

use crate::api::capture::{self, Running, Started};
use crate::api::metrics::Measured;
use crate::api::time::rfc3339;
use crate::api::types::{
    ApiError, Capability, CaptureFormat, CaptureQuery, Counters, EngineInfo, ErrorCode, Event, FdbEntry, Info, PortChange,
    PortInfo, Reloaded, ResetDone, SwitchChange, SwitchCreate, SwitchInfo, TraceAnswer,
};
use crate::config::{Config, FdbSpec, Openings, PortSettings, Storm, SwitchSettings};
use crate::controller::{Controller, FdbPick, NewPort};
use crate::names::Name;
use crate::url::PortUrl;
use bytes::Bytes;
use lanloom_switch_core::build::{Built, Known};
use lanloom_switch_core::describe::describe;
use lanloom_switch_core::filter::Filter;
use lanloom_switch_io::capture::{CaptureId, Scope};
use lanloom_switch_io::engine::Asked;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;

/// What a kernel is asked for `info`.
pub type Probe = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Vec<Capability>> + Send>> + Send + Sync>;

/// What the daemon says of itself.
pub struct About {
    /// Where it listens.
    pub socket: PathBuf,
    /// Where its state is; none if it keeps none.
    pub state: Option<PathBuf>,
    /// What keeps it: `embedded` or `memory`.
    pub store: &'static str,
    /// Its configuration file.
    pub config: Option<PathBuf>,
    /// Asks the kernel what it offers.
    pub probe: Probe,
}

/// What the API's handlers call.
pub struct Service {
    controller: Controller,
    captures: Running,
    about: About,
    started: Instant,
}

/// Answers, or why not.
type Answer<T> = Result<T, ApiError>;

/// Lines of events that a reader may be behind.
const LINES: usize = 256;

impl Service {
    /// Over a controller that has started just now.
    pub fn new(controller: Controller, about: About) -> Self {
        Self { controller, captures: Running::default(), about, started: Instant::now() }
    }

    pub(super) async fn info(&self) -> Answer<Info> {
        let (switches, networks) = (self.controller.fabric().switches()?, self.controller.networks());
        let mut kernel = (self.about.probe)().await;
        kernel.extend(self.controller.fabric().engines().lacks().iter().map(|lack| unheard(lack)));
        Ok(Info {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            uptime_secs: self.started.elapsed().as_secs(),
            socket: self.about.socket.display().to_string(),
            state: self.about.state.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
            store: self.about.store.to_owned(),
            switches: switches.len(),
            ports: switches.iter().map(|switch| switch.status.ports).sum(),
            networks: networks.len(),
            endpoints: networks.iter().map(|network| network.endpoints.len()).sum(),
            sandboxes: self.controller.sandboxes().len(),
            engines: self.engines(),
            kernel,
        })
    }

    pub(super) fn config(&self) -> String {
        self.controller.config().to_toml()
    }

    /// Reads the configuration file again; for SIGHUP too.
    ///
    /// # Errors
    /// If there is none, it cannot be read, or has faults.
    pub async fn reload(&self) -> Answer<Reloaded> {
        let what = "reload the configuration";
        let Some(path) = &self.about.config else {
            let hint = "start it with `lanloom daemon --config FILE`";
            return Err(ApiError::new(ErrorCode::Invalid, what, "", "the daemon was started without a file", hint));
        };
        let on = path.display().to_string();
        let text = tokio::fs::read_to_string(path).await.map_err(|error| {
            ApiError::new(ErrorCode::Failed, what, &on, error.to_string(), "put the file back where it was")
        })?;
        let config = Config::parse(&text).map_err(|faults| {
            let lines: Vec<String> = faults.0.iter().map(|fault| format!("line {}: {}", fault.line, fault.what)).collect();
            let hint = format!("nothing was changed; `lanloom config check {on}` shows the places");
            ApiError::new(ErrorCode::Invalid, what, &on, lines.join("; "), hint)
        })?;
        let done = self.controller.reload(config).await;
        Ok(Reloaded { changes: done.changes, notes: done.notes })
    }

    pub(super) async fn reset(&self) -> ResetDone {
        let done = self.controller.reset().await;
        ResetDone { removed: done.removed, left: done.left }
    }

    pub(super) fn switches(&self) -> Answer<Vec<SwitchInfo>> {
        Ok(self.controller.fabric().switches()?.into_iter().map(view::switch).collect())
    }

    pub(super) async fn switch_create(&self, name: Name, request: SwitchCreate) -> Answer<SwitchInfo> {
        let mut settings = SwitchSettings::default();
        settings.ageing = request.ageing_secs.unwrap_or(settings.ageing);
        settings.fdb_limit = request.fdb_limit.unwrap_or(settings.fdb_limit);
        self.controller.fabric().create_switch(name.clone(), settings).await?;
        self.switch(&name)
    }

    pub(super) fn switch(&self, name: &Name) -> Answer<SwitchInfo> {
        Ok(view::switch(self.controller.fabric().switch(name)?))
    }

    pub(super) async fn switch_set(&self, name: &Name, request: SwitchChange) -> Answer<SwitchInfo> {
        let change = move |settings: &mut SwitchSettings| settings.ageing = request.ageing_secs.unwrap_or(settings.ageing);
        self.controller.fabric().set_switch(name.clone(), change).await?;
        self.switch(name)
    }

    pub(super) async fn switch_delete(&self, name: Name) -> Answer<()> {
        Ok(self.controller.fabric().delete_switch(name).await?)
    }

    pub(super) fn ports(&self, switch: &Name) -> Answer<Vec<PortInfo>> {
        Ok(self.controller.fabric().ports(switch)?.into_iter().map(view::port).collect())
    }

    pub(super) async fn port_add(&self, switch: &Name, name: Option<Name>, url: PortUrl) -> Answer<PortInfo> {
        let port = NewPort { name, url, settings: PortSettings::default(), segment: 0 };
        let name = self.controller.fabric().add_port(switch.clone(), port).await?;
        self.port(switch, &name)
    }

    pub(super) fn port(&self, switch: &Name, port: &Name) -> Answer<PortInfo> {
        Ok(view::port(self.controller.fabric().port(switch, port)?))
    }

    pub(super) async fn port_set(&self, switch: &Name, port: &Name, request: PortChange) -> Answer<PortInfo> {
        let change = port_change(request)
            .map_err(|(why, hint)| ApiError::new(ErrorCode::Invalid, "set port", format!("{switch}/{port}"), why, hint))?;
        self.controller.fabric().set_port(switch.clone(), port.clone(), change).await?;
        self.port(switch, port)
    }

    pub(super) async fn port_delete(&self, switch: Name, port: Name) -> Answer<()> {
        Ok(self.controller.fabric().delete_port(switch, port).await?)
    }

    pub(super) fn fdb(&self, switch: &Name) -> Answer<Vec<FdbEntry>> {
        Ok(self.controller.fabric().fdb(switch)?.into_iter().map(view::entry).collect())
    }

    pub(super) async fn fdb_add(&self, switch: Name, entry: FdbSpec) -> Answer<()> {
        Ok(self.controller.fabric().add_fdb(switch, entry).await?)
    }

    pub(super) async fn fdb_delete(&self, switch: Name, pick: FdbPick) -> Answer<()> {
        Ok(self.controller.fabric().delete_fdb(switch, pick).await?)
    }

    pub(super) async fn fdb_flush(&self, switch: Name, port: Option<Name>) -> Answer<usize> {
        Ok(self.controller.fabric().flush_fdb(switch, port).await?)
    }

    pub(super) fn counters(&self, switch: &Name, port: Option<&Name>) -> Answer<Counters> {
        if let Some(port) = port {
            self.controller.fabric().port(switch, port)?;
        }
        let status = self.controller.fabric().switch(switch)?.status;
        let ports = self.controller.fabric().counters(switch)?;
        let of = |name: &str| port.is_none_or(|port| port.as_str() == name);
        Ok(view::counters(switch, &status, ports.into_iter().filter(|(name, _)| of(name))))
    }

    pub(super) fn measured(&self) -> Answer<Measured> {
        let switches = self.controller.fabric().switches()?;
        // A switch that was deleted since then is left out.
        let counters = switches.iter().filter_map(|switch| self.counters(&switch.name, None).ok()).collect();
        Ok(Measured { switches: counters, engines: self.engines() })
    }

    pub(super) fn behind(&self, switch: &Name, port: &Name) -> impl Known + use<> {
        self.controller.behind(switch, port)
    }

    /// `len` bytes has the frame of which `built` may be the beginning; a super-frame has `size` bytes of payload in each segment.
    pub(super) fn trace(
        &self,
        switch: &Name,
        port: &Name,
        built: Built,
        len: Option<u32>,
        size: Option<u16>,
    ) -> Answer<TraceAnswer> {
        let len = len.unwrap_or(0).max(built.bytes.len() as u32);
        let frame = describe(&built.bytes).cut_from(len as usize).to_string();
        let asked = Asked::new(built.bytes).cut_from(len);
        let asked = match size {
            None => asked,
            Some(size) => asked.in_segments(size).ok_or_else(|| {
                let why = format!("it cannot be told what it is on the wire in segments of {size} bytes");
                let hint = "give all headers of a TCP or UDP packet, or leave the segments out";
                ApiError::new(ErrorCode::Invalid, "trace the frame", format!("on {switch}/{port}"), why, hint)
            })?,
        };
        let (trace, ports) = self.controller.fabric().trace(switch, port, asked)?;
        Ok(view::trace(trace, ports, frame, built.assumed))
    }

    pub(super) fn capture(&self, switch: &Name, port: Option<&Name>, query: &CaptureQuery) -> Answer<Started> {
        let refused = |code, why: String, hint: &str| ApiError::new(code, "capture", switch.as_str(), why, hint);
        let filter = query.filter.as_deref().map(str::parse::<Filter>).transpose().map_err(|error| {
            let said = error.to_string();
            let (why, hint) = said.split_once(": ").unwrap_or((&said, "write it as for tcpdump"));
            refused(ErrorCode::Invalid, why.to_owned(), hint)
        })?;
        // Only a whole super-frame can be cut into segments, each of which the writer then cuts to the snaplen.
        let cut = query.snaplen.filter(|_| !(query.segments && query.format == CaptureFormat::Pcapng));
        let scope = Scope { snaplen: cut.unwrap_or(u32::MAX), drops: query.drops, filter, ..Scope::default() };
        if let Some((why, hint)) = self.why_no_switch(switch) {
            return Err(refused(ErrorCode::Conflict, why, &hint));
        }
        let capturing = self.controller.fabric().capture(switch, port, scope)?;
        capture::start(capturing.receiver, switch.clone(), query, &self.captures)
            .map_err(|error| refused(ErrorCode::Unavailable, error.to_string(), "end other captures, and retry"))
    }

    /// Why a network of that name has no switch, if it has none, and what there is to do.
    fn why_no_switch(&self, name: &Name) -> Option<(String, String)> {
        if self.controller.fabric().switch(name).is_ok() {
            return None;
        }
        let network = self.controller.network(name.as_str()).ok()?.network;
        choose::why_no_switch(&network)
    }

    /// Has a capture write what it holds, its counts, and nothing more.
    pub(super) fn capture_end(&self, number: u64) -> Answer<()> {
        let id = CaptureId(number);
        let ended =
            self.captures.switch_of(id).map_or(Ok(false), |switch| self.controller.fabric().end_capture(&switch, id))?;
        if ended {
            return Ok(());
        }
        let why = "no such capture runs";
        let hint = "its number is in the header `lanloom-capture` of the answer that it is written to";
        Err(ApiError::new(ErrorCode::NotFound, "end capture", number.to_string(), why, hint))
    }

    /// Lines of JSON, one per event, until the reader goes away.
    pub(super) fn events(&self) -> mpsc::Receiver<Bytes> {
        let mut events = self.controller.events();
        let (to, lines) = mpsc::channel(LINES);
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    event = events.recv() => event,
                    () = to.closed() => return,
                };
                let line = match event {
                    Ok(event) => view::event(&event),
                    Err(RecvError::Lagged(lost)) => lost_events(lost),
                    Err(RecvError::Closed) => return,
                };
                if to.send(line).await.is_err() {
                    return;
                }
            }
        });
        lines
    }

    fn engines(&self) -> Vec<EngineInfo> {
        let engines = self.controller.fabric().engines();
        let micros = |spin: Duration| u64::try_from(spin.as_micros()).unwrap_or(u64::MAX);
        let spin_micros = micros(engines.spin());
        let stats = engines.stats().into_iter().enumerate();
        let told = stats.map(|(engine, stats)| {
            let spin_now_micros = micros(stats.spin);
            EngineInfo { engine, wakeups: stats.wakeups, spin_micros, spin_now_micros }
        });
        told.collect()
    }
}

/// What the engines cannot hear of.
fn unheard(lack: &str) -> Capability {
    let hint =
        "ports work without, but do not come and go with their interfaces: have the daemon see its own /proc and use netlink";
    Capability { name: "word of changes".to_owned(), ok: false, detail: lack.to_owned(), hint: hint.to_owned() }
}

/// The reader was too slow for so many.
fn lost_events(lost: u64) -> Bytes {
    let fields = [("events".to_owned(), lost.into())].into_iter().collect();
    view::line(&Event { time: rfc3339(SystemTime::now()), kind: "events.lost".to_owned(), fields })
}

/// A change of settings, or why there is no such and what would be right.
fn port_change(request: PortChange) -> Result<impl FnOnce(&mut PortSettings) + Send + 'static, (String, String)> {
    let parted = |said: String| {
        let (why, hint) = said.split_once("; ").unwrap_or((&said, "see `lanloom port set --help`"));
        (why.to_owned(), hint.to_owned())
    };
    let forward = request.forward.as_deref().map(Openings::of).transpose().map_err(|error| parted(error.to_string()))?;
    let storm: Option<Storm> = request
        .storm
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|error: crate::config::StormError| parted(error.to_string()))?;
    Ok(move |settings: &mut PortSettings| {
        let set = |place: &mut bool, value: Option<bool>| *place = value.unwrap_or(*place);
        set(&mut settings.up, request.up);
        set(&mut settings.learning, request.learning);
        set(&mut settings.flood, request.flood);
        set(&mut settings.mcast_flood, request.mcast_flood);
        set(&mut settings.bcast_flood, request.bcast_flood);
        set(&mut settings.isolated, request.isolated);
        set(&mut settings.fdb_limit_drops, request.fdb_limit_drops);
        settings.mtu = request.mtu.or(settings.mtu);
        settings.forward = forward.unwrap_or(settings.forward);
        settings.storm = storm.unwrap_or(settings.storm);
        settings.fdb_limit = request.fdb_limit.map_or(settings.fdb_limit, |limit| (limit > 0).then_some(limit));
    })
}

impl std::fmt::Debug for Service {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Service({:?} on {})", self.controller, self.about.socket.display())
    }
}
