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
//! | `wiring`, `claims` | from a URL to something plugged in, and back; what is written down of it |
//! | `tunnels` | ends of VXLAN networks: what is under them |
//! | `hints` | what to do about a link that could not be opened |
//! | `commands`, `views` | what is asked of it from outside |
//! | `switches`, `ports`, `fdb` | the changes |
//! | `start`, `find`, `finding`, `adopt`, `sweep`, `stop` | how a daemon finds and leaves things |

mod adopt;
mod claims;
mod coming;
mod commands;
mod fdb;
mod find;
mod finding;
mod hints;
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
mod tunnels;
mod views;
mod wiring;

#[cfg(test)]
pub(super) mod tests;

pub use fdb::FdbPick;
pub use plugger::{Keep, KernelPlugger, MadeTap, Plugger};
pub use ports::{Capturing, NewPort};
pub(super) use records::forgetting;
pub use registry::{FdbView, Origin, PortView, SwitchView, TunnelView};
pub use start::{Guards, Setup, Started};
pub use stop::Removed;

use super::turn::{self, InTurn};
use super::{Event, EventKind, Refusal, refusal};
use crate::config::{Config, DaemonSpec, Drivers};
use crate::names::Name;
use crate::store::{Store, Txn};
use dashmap::DashMap;
use lanloom_drivers::kernel::{Kernel, Netns};
use lanloom_switch_io::engine::Engines;
use refusal::Attempt;
use registry::SwitchEntry;
use std::collections::HashSet;
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
