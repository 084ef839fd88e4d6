//! Switches and ports as objects: made, set and deleted as a whole or not at all, kept over restarts, and told of.
//!
//! ```text
//! API, Controller ─▶ Fabric ─▶ store (records)
//!                      │    └▶ kernel (veths, moves, MTU) and plugger (opens links) ─▶ engine threads
//!                      └▶ events
//! ```
//! Changes are made one after the other, each to its end even if nobody waits for it any more; a step that fails has the ones
//! before it undone. Reading waits for none of them: the registry is concurrent, and counters come from the engine threads.
//! Reading methods block for microseconds while an engine thread answers.
//!
//! What a command made is in the store. What the configuration file made is never there, and only the file can delete it.
//! Start-up never fails because of what it finds: a port whose interface is missing or not ours waits and says why.
//!
//! It knows neither HTTP nor the command line, and moves no frame.
//!
//! | module | one idea |
//! |---|---|
//! | [`reconcile`] | what is wanted against what is there, as steps |
//! | `registry` | what there is |
//! | `records` | what of it is in the store |
//! | `plugger` | opening links |
//! | `wiring` | from a URL to something plugged in, and back |
//! | `switches`, `ports`, `fdb` | the changes |
//! | `start`, `find`, `adopt`, `sweep`, `stop` | how a daemon finds and leaves things |

mod adopt;
mod coming;
mod fdb;
mod find;
mod plugger;
mod ports;
pub mod reconcile;
mod records;
mod registry;
mod reload;
mod start;
mod stop;
mod sweep;
mod switches;
mod wiring;

#[cfg(test)]
pub(super) mod tests;

pub use plugger::{Keep, KernelPlugger, MadeTap, Plugger};
pub use ports::{Capturing, NewPort};
pub(super) use records::forgetting;
pub use registry::{FdbView, Origin, PortView, SwitchView};
pub use start::{Guards, Setup, Started};
pub use stop::Removed;

use super::turn::{self, InTurn};
use super::{Event, EventKind, Refusal, refusal};
use crate::config::{Config, DaemonSpec, Drivers, FdbSpec, PortSettings, SwitchSettings};
use crate::names::Name;
use crate::store::{Store, Txn};
use dashmap::DashMap;
use lanloom_drivers::kernel::{Kernel, Netns};
use lanloom_switch_core::{Counters, Guard, MacAddr, PortId, Prefixes, Trace};
use lanloom_switch_io::capture::{CaptureId, Scope};
use lanloom_switch_io::engine::{Asked, Engines};
use lanloom_switch_io::link::memory::MemoryEnd;
use refusal::Attempt;
use registry::SwitchEntry;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Mutex, broadcast};

/// The switches of a daemon. Clones are the same.
#[derive(Clone)]
pub struct Fabric {
    inner: Arc<Inner>,
}

/// All that it has. Its methods expect that changes come one after the other.
struct Inner {
    kernel: Arc<dyn Kernel>,
    store: Arc<dyn Store>,
    plugger: Arc<dyn Plugger>,
    engines: Engines,
    switches: Arc<DashMap<Name, Arc<SwitchEntry>>>,
    writer: Mutex<()>,
    /// What the engines were started with.
    daemon: DaemonSpec,
    ephemeral: bool,
    plumbing_path: Option<PathBuf>,
    plumbing: Mutex<Option<Netns>>,
    /// What the ports of networks are held to that a start finds again.
    guards: Guards,
    /// Namespaces that were made anew at the start.
    remade: HashSet<PathBuf>,
    /// The last place given in the order in which ports were made.
    last_order: AtomicU64,
    events: broadcast::Sender<Event>,
}

impl Fabric {
    /// Makes a switch.
    ///
    /// # Errors
    /// If there is one of that name, or a setting is out of range.
    pub async fn create_switch(&self, name: Name, settings: SwitchSettings) -> Result<(), Refusal> {
        self.create_switch_for(name, settings, Origin::Command).await
    }

    /// The same for whoever wants it.
    pub(super) async fn create_switch_for(&self, name: Name, settings: SwitchSettings, by: Origin) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.create_switch(&name, settings, by).await }).await
    }

    /// Sets a switch.
    ///
    /// # Errors
    /// If there is none of that name, or a setting is out of range or cannot be changed.
    pub async fn set_switch(
        &self,
        name: Name,
        change: impl FnOnce(&mut SwitchSettings) + Send + 'static,
    ) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.set_switch(&name, change).await }).await
    }

    /// Deletes a switch with its ports, and the interfaces that were made for them. If some cannot be deleted, these ports and
    /// the switch stay, and the refusal names them.
    ///
    /// # Errors
    /// If there is none of that name, or the configuration file made it or one of its ports.
    pub async fn delete_switch(&self, name: Name) -> Result<(), Refusal> {
        self.delete_switch_for(name, Origin::Command).await
    }

    /// The same for whoever made it.
    pub(super) async fn delete_switch_for(&self, name: Name, by: Origin) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.delete_switch(&name, by).await }).await
    }

    /// Adds a port, and makes its interface. Answers its name.
    ///
    /// # Errors
    /// If its name or its interface is taken, its namespace is not there, or the kernel refuses.
    pub async fn add_port(&self, switch: Name, port: NewPort) -> Result<Name, Refusal> {
        self.add_port_for(switch, port, Origin::Command, None).await
    }

    /// The same for whoever wants it, guarded from its first frame on.
    pub(super) async fn add_port_for(
        &self,
        switch: Name,
        port: NewPort,
        by: Origin,
        guard: Option<Arc<Guard>>,
    ) -> Result<Name, Refusal> {
        self.change(move |inner| async move { inner.add_port(&switch, port, by, guard).await }).await
    }

    /// Adds a port that is plugged into an end in this process. It is in no store.
    ///
    /// # Errors
    /// If its name is taken.
    pub async fn add_memory_port(&self, switch: Name, port: Name, end: MemoryEnd) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.add_memory_port(&switch, &port, end) }).await
    }

    /// Sets a port.
    ///
    /// # Errors
    /// If there is none, or a setting is out of range.
    pub async fn set_port(
        &self,
        switch: Name,
        port: Name,
        change: impl FnOnce(&mut PortSettings) + Send + 'static,
    ) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.set_port(&switch, &port, change).await }).await
    }

    /// Deletes a port, and the interface if it was made for it.
    ///
    /// # Errors
    /// If there is none, the configuration file made it, or the kernel refuses; it stays then.
    pub async fn delete_port(&self, switch: Name, port: Name) -> Result<(), Refusal> {
        self.delete_port_for(switch, port, Origin::Command).await
    }

    /// The same for whoever made it.
    pub(super) async fn delete_port_for(&self, switch: Name, port: Name, by: Origin) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.delete_port(&switch, &port, by).await }).await
    }

    /// The namespace of a port is gone, and its path leads to another's: a TAP there is not ours, and stays when the port goes.
    pub(super) async fn disown(&self, switch: Name, port: Name) -> Result<(), Refusal> {
        self.change(move |inner| async move {
            inner.disown(&switch, &port);
            Ok(())
        })
        .await
    }

    /// Changes what a port's frames are held to.
    pub(super) fn set_guard(&self, switch: &Name, port: &Name, guard: Arc<Guard>) -> Result<(), Refusal> {
        let attempt = Attempt::new("guard port", format!("{switch}/{port}"));
        let entry = self.inner.entry(&attempt, switch)?;
        let id = entry.port(port).ok_or_else(|| ports::no_port(&attempt, switch))?.id;
        entry.handle.set_guard(id, Some(guard)).map_err(|error| attempt.port(error))
    }

    /// Tells a switch's guarded ports where other networks live; a switch that is not there need not know.
    pub(super) fn set_foreign(&self, switch: &Name, foreign: &Arc<Prefixes>) {
        let Some(entry) = self.inner.switches.get(switch).map(|entry| Arc::clone(entry.value())) else { return };
        // Its thread may have ended, and its ports with it.
        let _ = entry.handle.set_foreign(Arc::clone(foreign));
    }

    /// Sets an entry of the filtering database by hand.
    ///
    /// # Errors
    /// If there is no such port, the address is no station's, or the database is full.
    pub async fn add_fdb(&self, switch: Name, entry: FdbSpec) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.add_fdb(&switch, entry, Origin::Command).await }).await
    }

    /// Deletes an entry, learned or set.
    ///
    /// # Errors
    /// If there is none, or the configuration file set it.
    pub async fn delete_fdb(&self, switch: Name, mac: MacAddr, vid: u16) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.delete_fdb(&switch, mac, vid, Origin::Command).await }).await
    }

    /// Forgets what was learned, on one port or on all. Answers how many entries that were.
    ///
    /// # Errors
    /// If there is no such switch or port.
    pub async fn flush_fdb(&self, switch: Name, port: Option<Name>) -> Result<usize, Refusal> {
        self.change(move |inner| async move { inner.flush_fdb(&switch, port.as_ref()) }).await
    }

    /// Brings what the configuration file made to what it says now, touching only what changed. Answers a line for each change,
    /// and one for each that could not be made.
    pub async fn reload(&self, config: Config) -> Started {
        let done = self.change(move |inner| async move { Ok(inner.reload(&config).await) }).await;
        done.unwrap_or_else(|refusal| Started { changes: Vec::new(), notes: vec![refusal.to_string()] })
    }

    /// Leaves: ports let go of their interfaces, which stay where the kernel can hold them; if the daemon is ephemeral, all that
    /// it made is removed.
    pub async fn stop(&self) -> Removed {
        let done = self.change(move |inner| async move { Ok(inner.stop().await) }).await;
        done.unwrap_or_else(Removed::failed)
    }

    /// Removes everything of ours from this host: switches, ports, interfaces, the plumbing namespace and the records.
    pub async fn reset(&self) -> Removed {
        let done = self.change(move |inner| async move { Ok(inner.reset().await) }).await;
        done.unwrap_or_else(Removed::failed)
    }

    /// The switches, by name.
    ///
    /// # Errors
    /// If the engine threads have ended.
    pub fn switches(&self) -> Result<Vec<SwitchView>, Refusal> {
        self.inner.entries().into_iter().map(|entry| switches::view(&entry, "list switches")).collect()
    }

    /// One switch.
    ///
    /// # Errors
    /// If there is none of that name.
    pub fn switch(&self, name: &Name) -> Result<SwitchView, Refusal> {
        let entry = self.inner.entry(&Attempt::new("show switch", name), name)?;
        switches::view(&entry, "show switch")
    }

    /// The ports of a switch, in the order they were made.
    ///
    /// # Errors
    /// If there is no such switch.
    pub fn ports(&self, switch: &Name) -> Result<Vec<PortView>, Refusal> {
        self.inner.ports(&Attempt::new("list ports of", switch), switch)
    }

    /// One port.
    ///
    /// # Errors
    /// If there is none.
    pub fn port(&self, switch: &Name, port: &Name) -> Result<PortView, Refusal> {
        let attempt = Attempt::new("show port", format!("{switch}/{port}"));
        let ports = self.inner.ports(&attempt, switch)?;
        ports.into_iter().find(|view| view.spec.name == *port).ok_or_else(|| ports::no_port(&attempt, switch))
    }

    /// The filtering database of a switch.
    ///
    /// # Errors
    /// If there is no such switch.
    pub fn fdb(&self, switch: &Name) -> Result<Vec<FdbView>, Refusal> {
        self.inner.fdb(switch)
    }

    /// What each port of a switch has seen, by name, in the order they were made.
    ///
    /// # Errors
    /// If there is no such switch.
    pub fn counters(&self, switch: &Name) -> Result<Vec<(String, Counters)>, Refusal> {
        let attempt = Attempt::new("count", switch);
        let entry = self.inner.entry(&attempt, switch)?;
        let mut counted = entry.handle.counters().map_err(|gone| attempt.engine(gone))?;
        let places: HashMap<PortId, usize> =
            entry.ports_in_order().iter().enumerate().map(|(place, port)| (port.id, place)).collect();
        counted.sort_by_key(|(id, _, _)| places.get(id).copied().unwrap_or(usize::MAX));
        Ok(counted.into_iter().map(|(_, name, counters)| (name, counters)).collect())
    }

    /// What would become of a frame received on a port now, and the names of the ports that would get it.
    ///
    /// # Errors
    /// If there is no such port, or `frame` is shorter than an Ethernet header.
    pub fn trace(&self, switch: &Name, port: &Name, frame: Asked) -> Result<(Trace, Vec<String>), Refusal> {
        self.inner.trace(switch, port, frame)
    }

    /// Begins a capture of a switch, or of one port of it; it ends when its receiver is dropped. `scope.port` is filled in.
    ///
    /// # Errors
    /// If there is no such switch or port.
    pub fn capture(&self, switch: &Name, port: Option<&Name>, scope: Scope) -> Result<Capturing, Refusal> {
        self.inner.capture(switch, port, scope)
    }

    /// Ends a capture in good order: its receiver gets what was recorded, and then the end. Answers whether it was still under way.
    ///
    /// # Errors
    /// If there is no such switch.
    pub fn end_capture(&self, switch: &Name, id: CaptureId) -> Result<bool, Refusal> {
        let attempt = Attempt::new("end a capture of", switch);
        self.inner.entry(&attempt, switch)?.handle.end_capture(id).map_err(|gone| attempt.engine(gone))
    }

    /// What happens from now on. One that reads too slowly is told how much it missed.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.inner.events.subscribe()
    }

    /// The running state as a configuration that would make it again, but for what networks made.
    pub fn config(&self) -> Config {
        self.inner.config(|origin| origin != Origin::Network)
    }

    /// Where others tell what happened.
    pub(super) fn teller(&self) -> broadcast::Sender<Event> {
        self.inner.events.clone()
    }

    /// Tells who listens what happened.
    pub(super) fn tell(&self, kind: EventKind) {
        self.inner.tell(kind);
    }

    /// The engine threads.
    pub fn engines(&self) -> &Engines {
        &self.inner.engines
    }

    /// Runs a change when those before it have ended, and to its end even if nobody waits for it any more.
    async fn change<T: Send + 'static, F>(&self, work: impl FnOnce(Arc<Inner>) -> F + Send + 'static) -> Result<T, Refusal>
    where
        F: Future<Output = Result<T, Refusal>> + Send,
    {
        turn::change(&self.inner, work).await
    }
}

impl InTurn for Inner {
    fn writer(&self) -> &Mutex<()> {
        &self.writer
    }
}

impl Inner {
    /// The switches, by name.
    fn entries(&self) -> Vec<Arc<SwitchEntry>> {
        let mut entries: Vec<_> = self.switches.iter().map(|entry| Arc::clone(entry.value())).collect();
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries
    }

    fn entry(&self, attempt: &Attempt, name: &Name) -> Result<Arc<SwitchEntry>, Refusal> {
        let found = self.switches.get(name).map(|entry| Arc::clone(entry.value()));
        found.ok_or_else(|| attempt.not_found(format!("there is no switch {name}"), "see `lanloom switch ls`"))
    }

    /// What those of these origins made.
    fn config(&self, of: impl Fn(Origin) -> bool) -> Config {
        let entries = self.entries().into_iter().filter(|entry| of(entry.origin));
        Config {
            daemon: self.daemon.clone(),
            drivers: Drivers::new(),
            switches: entries.map(|entry| entry.spec(&of)).collect(),
        }
    }

    /// Writes records, all or none.
    async fn commit(&self, attempt: &Attempt, txn: Txn) -> Result<(), Refusal> {
        attempt.committed(self.store.txn(txn).await)
    }

    /// The next place in the order in which ports are made.
    fn next_order(&self) -> u64 {
        self.last_order.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn tell(&self, kind: EventKind) {
        // Nobody may be listening.
        let _ = self.events.send(kind.into());
    }
}

impl std::fmt::Debug for Fabric {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Fabric({} switches)", self.inner.switches.len())
    }
}
