//! The demo's daemon, spoken to as anybody else would: by its socket. Only a host in this process is plugged in directly, and
//! networks and sandboxes are made by the controller itself.

use super::line::Line;
use super::recording::Recording;
use crate::api::client::Call;
use crate::api::http::router;
use crate::api::http::server::{self, Limits};
use crate::api::service::Service;
use crate::api::types::{
    Counters, FdbEntry, FdbFlush, FdbFlushed, Info, PortAdd, PortChange, PortInfo, SwitchCreate, SwitchInfo, TraceAnswer,
    TraceRequest,
};
use crate::controller::{Controller, Guards, KernelPlugger, Networking, Setup};
use crate::daemon::socket::Socket;
use crate::daemon::{self, Options};
use crate::names::Name;
use crate::store::Memory;
use lanloom_drivers::kernel::{Kernel, LinuxKernel};
use lanloom_switch_io::link::memory::MemoryEnd;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The demo's switch.
pub(super) const SWITCH: &str = "demo";

/// Bytes kept of each frame in the capture: every header whole, and the file small whatever is sent.
const SNAPLEN: u32 = 256;

/// A daemon, and the runtime that it runs on.
#[derive(Debug)]
pub(super) struct Board {
    runtime: Runtime,
    socket: Option<Socket>,
    controller: Controller,
    server: Option<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    line: Line,
}

impl Board {
    /// Starts a daemon that keeps nothing and listens on `socket`.
    ///
    /// # Errors
    /// If the process has no thread or descriptor left, or cannot listen there.
    pub(super) fn start(socket: &Path, netns_dir: &Path) -> Result<Self, String> {
        let failed = |error| format!("starting the daemon: {error}; free some memory, threads or file descriptors");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(failed)?;
        let options = Options {
            socket: socket.to_owned(),
            config: None,
            state: None,
            ephemeral: true,
            netns_dir: netns_dir.to_owned(),
            underlay: None,
            metrics: None,
        };
        let socket = Socket::listen(socket)?;
        let (stop, stopped) = watch::channel(false);
        let (controller, server) = runtime.block_on(async {
            let kernel: Arc<dyn Kernel> = Arc::new(LinuxKernel::new(netns_dir));
            let setup = Setup {
                kernel: Arc::clone(&kernel),
                store: Arc::new(Memory::new()),
                plugger: Arc::new(KernelPlugger),
                ephemeral: true,
                plumbing: None,
                config: None,
                guards: Guards::default(),
                remade: Default::default(),
            };
            let networking = Networking::of(netns_dir, socket.path());
            let (controller, _) = Controller::start(setup, networking).await.map_err(failed)?;
            let service = Arc::new(Service::new(controller.clone(), daemon::about(&options, socket.path(), kernel)));
            let listener = socket.listener().map_err(failed)?;
            let server = tokio::spawn(server::serve(listener, router(service), Limits::default(), stopped));
            Ok::<_, String>((controller, server))
        })?;
        let line = Line::new(runtime.handle(), socket.path());
        Ok(Self { runtime, socket: Some(socket), controller, server: Some(server), stop, line })
    }

    /// Stops the daemon, which removes what it made.
    ///
    /// # Errors
    /// What it could not remove.
    pub(super) fn stop(&mut self) -> Result<(), String> {
        self.stop.send_replace(true);
        if let Some(server) = self.server.take() {
            // If it panicked, it has said so itself.
            let _ = self.runtime.block_on(server);
        }
        let done = self.runtime.block_on(self.controller.stop());
        self.socket = None;
        if done.left.is_empty() { Ok(()) } else { Err(done.left.join("; ")) }
    }

    /// Waits for what is done elsewhere.
    pub(super) fn wait<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    /// What the daemon makes networks and sandboxes with.
    pub(super) fn controller(&self) -> &Controller {
        &self.controller
    }

    /// Plugs an end of a link in memory into a new port.
    pub(super) fn plug(&self, port: &str, end: MemoryEnd) -> Result<(), String> {
        let name = |text: &str| text.parse::<Name>().map_err(|error| error.to_string());
        let plugged = self.controller.fabric().add_memory_port(name(SWITCH)?, name(port)?, end);
        self.runtime.block_on(plugged).map_err(|refusal| refusal.to_string())
    }

    /// What the daemon says of itself.
    pub(super) fn info(&self) -> Result<Info, String> {
        self.ask(Call::get("ask the daemon", "", &["v1", "info"]))
    }

    pub(super) fn create_switch(&self, name: &str) -> Result<SwitchInfo, String> {
        let body = SwitchCreate { name: name.to_owned(), ..SwitchCreate::default() };
        self.ask(Call::post("create switch", name, &["v1", "switches"]).json(&body))
    }

    pub(super) fn add_port(&self, name: &str, url: String) -> Result<PortInfo, String> {
        self.add_port_to(SWITCH, name, url)
    }

    pub(super) fn add_port_to(&self, switch: &str, name: &str, url: String) -> Result<PortInfo, String> {
        let body = PortAdd { url, name: Some(name.to_owned()) };
        self.ask(Call::post("add port", name, &["v1", "switches", switch, "ports"]).json(&body))
    }

    pub(super) fn port(&self, name: &str) -> Result<PortInfo, String> {
        self.port_of(SWITCH, name)
    }

    pub(super) fn port_of(&self, switch: &str, name: &str) -> Result<PortInfo, String> {
        self.ask(Call::get("show port", name, &["v1", "switches", switch, "ports", name]))
    }

    pub(super) fn set_port(&self, name: &str, change: &PortChange) -> Result<PortInfo, String> {
        self.set_port_of(SWITCH, name, change)
    }

    pub(super) fn set_port_of(&self, switch: &str, name: &str, change: &PortChange) -> Result<PortInfo, String> {
        self.ask(Call::patch("set port", name, &["v1", "switches", switch, "ports", name]).json(change))
    }

    pub(super) fn fdb(&self) -> Result<Vec<FdbEntry>, String> {
        self.ask(Call::get("show the addresses of switch", SWITCH, &["v1", "switches", SWITCH, "fdb"]))
    }

    pub(super) fn flush_fdb(&self, port: &str) -> Result<FdbFlushed, String> {
        let query = FdbFlush { port: Some(port.to_owned()) };
        self.ask(Call::delete("flush switch", SWITCH, &["v1", "switches", SWITCH, "fdb"]).query(&query))
    }

    pub(super) fn counters(&self) -> Result<Counters, String> {
        self.counters_of(SWITCH)
    }

    pub(super) fn counters_of(&self, switch: &str) -> Result<Counters, String> {
        self.ask(Call::get("show the counters of", switch, &["v1", "switches", switch, "counters"]))
    }

    /// What would become of a frame that came in on `port`.
    pub(super) fn trace(&self, port: &str, frame: String) -> Result<TraceAnswer, String> {
        let body = TraceRequest { port: port.to_owned(), frame, ..TraceRequest::default() };
        self.ask(Call::post("trace the frame", SWITCH, &["v1", "switches", SWITCH, "trace"]).json(&body))
    }

    /// Begins to write all frames to `file`, until the recording is ended.
    pub(super) fn record(&self, file: File, path: &Path) -> Result<Recording, String> {
        self.line.record(SWITCH, Some(SNAPLEN), file, path)
    }

    /// Its socket, for what this does not say.
    pub(super) fn line(&self) -> &Line {
        &self.line
    }

    fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, String> {
        self.line.ask(call)
    }
}
