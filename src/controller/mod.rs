//! What there is, and how it comes and goes: switches and ports ([`fabric`]), and on top of them networks, endpoints and
//! sandboxes after Docker's Container Network Model.
//!
//! ```text
//! API, daemon ─▶ Controller ─┬▶ ipam, dns, etc, store
//!                            ├▶ drivers ─▶ yard ─▶ fabric (their switches)
//!                            └▶ fabric ─▶ kernel, engine threads
//! ```
//! Changes are made one after the other, each to its end even if nobody waits for it any more; a step that fails has the ones
//! before it undone. Reading waits for none of them. What a command asked for is recorded before it is brought about, with how far
//! it has come, so that a start finishes or undoes what a crash left half done, and never fails because of it.
//!
//! It knows neither HTTP nor the command line, and moves no frame.
//!
//! | module | one idea |
//! |---|---|
//! | [`fabric`], `yard` | switches and ports as objects; the same as drivers see them |
//! | [`model`], [`view`] | networks, endpoints and sandboxes: what they are, and how they are shown |
//! | `requests` | what may be asked of them |
//! | `book`, `keys` | what there is, found by what users call it; what of it is in the store |
//! | `networks`, `updating`, `endpoints`, `sandboxes`, `joining` | the changes, in libnetwork's order |
//! | `driver`, `leases`, `names` | what drivers, IPAM, and the zone and files of names are told |
//! | `ipv6` | whether the kernel has it |
//! | `populate`, `rerouting`, [`gateway`] | what is set in a sandbox, also later; which endpoint gives the way out, and why |
//! | `known` | who is behind the ports of a network |
//! | `identity` | whether the namespace at a path is still the one that was adopted or made |
//! | `servers` | the name server of each sandbox |
//! | `turn` | changes one after the other |
//! | `upkeep`, `rounds`, `keeper` | what is put right while the daemon runs: in sandboxes, by drivers, and who does it |
//! | `looks`, `damage` | which sandboxes are looked at, and what somebody changed inside them |
//! | [`doctor`] | what is wrong with a network, and where |
//! | `vanish` | namespaces that go behind our back |
//! | `start`, `restore`, `leaving` | how a daemon finds and leaves things |
//! | `refusal`, `events` | what it says |

mod book;
mod damage;
pub mod doctor;
mod driver;
mod endpoints;
mod events;
pub mod fabric;
pub mod gateway;
mod identity;
mod ipv6;
mod joining;
mod keeper;
mod keys;
mod known;
mod leases;
mod leaving;
mod looks;
pub mod model;
mod names;
mod networks;
mod populate;
mod refusal;
mod requests;
mod rerouting;
mod restore;
mod rounds;
mod sandboxes;
mod servers;
mod show;
mod start;
#[cfg(test)]
mod tests;
mod turn;
mod updating;
mod upkeep;
mod vanish;
pub mod view;
mod yard;

pub use events::{Event, EventKind};
pub use fabric::{
    Capturing, Fabric, FdbPick, FdbView, Guards, Keep, KernelPlugger, MadeTap, NewPort, Origin, Plugger, PortView, Removed,
    Setup, Started, SwitchView,
};
pub use refusal::{Refusal, RefusalKind};
pub use start::Networking;

use crate::config::{Config, Drivers};
use crate::dns::zone::Zone;
use crate::ipam::Ipam;
use crate::store::{Store, Txn};
use book::Book;
use dashmap::DashMap;
use keys::Recorded;
use lanloom_drivers::driver::Driver;
use lanloom_drivers::kernel::Kernel;
use model::Id;
use populate::WaysOut;
use refusal::Attempt;
use servers::NameServers;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::sync::{Mutex, broadcast};
use turn::InTurn;
use upkeep::Upkeep;
use vanish::Vanishing;
use yard::Yard;

/// The controller of a daemon. Clones are the same.
#[derive(Clone)]
pub struct Controller {
    inner: Arc<Inner>,
}

/// All that it has. Its methods expect that changes come one after the other.
struct Inner {
    fabric: Fabric,
    yard: Arc<Yard>,
    kernel: Arc<dyn Kernel>,
    store: Arc<dyn Store>,
    drivers: Vec<Arc<dyn Driver>>,
    ipam: std::sync::Mutex<Ipam>,
    book: Book,
    /// The endpoints by which sandboxes reach the world, by sandbox.
    ways: DashMap<Id, WaysOut>,
    /// What is not as it should be, by network or sandbox.
    notes: DashMap<Id, Vec<String>>,
    zone: Arc<RwLock<Zone>>,
    /// What somebody changed inside sandboxes, as last seen.
    damage: DashMap<Id, Vec<String>>,
    /// The sandboxes whose namespace was gone when they were looked at last.
    lost: DashMap<Id, ()>,
    servers: Arc<NameServers>,
    upkeep: Arc<Upkeep>,
    vanishing: Vanishing,
    networking: Networking,
    /// What the configuration file says of drivers.
    options: RwLock<Drivers>,
    ephemeral: bool,
    /// What this host's own prefix of IPv6 is made from.
    host_id: String,
    /// Whether the limits of the neighbour table have been seen to.
    has_room: AtomicBool,
    /// Whether the kernel was seen to have IPv6.
    has_ipv6: AtomicBool,
    writer: Mutex<()>,
}

impl Controller {
    /// The switches and ports.
    pub fn fabric(&self) -> &Fabric {
        &self.inner.fabric
    }

    /// What happens from now on. One that reads too slowly is told how much it missed.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.inner.fabric.events()
    }

    /// The running state as a configuration that would make it again, but for what networks made.
    pub fn config(&self) -> Config {
        let drivers = self.inner.options.read().unwrap_or_else(PoisonError::into_inner).clone();
        Config { drivers, ..self.inner.fabric.config() }
    }

    /// Brings what the configuration file made to what it says now, and gives drivers their options again: for networks that are made
    /// from then on. Answers a line for each change, and one for each that could not be made.
    pub async fn reload(&self, config: Config) -> Started {
        let options = config.drivers.clone();
        let mut started = self.inner.fabric.reload(config).await;
        let held = self.inner.options.read().unwrap_or_else(PoisonError::into_inner).clone();
        if held != options {
            let notes = start::configure(&self.inner.drivers, &options);
            started.changes.push("the options of drivers changed".to_owned());
            started.notes.extend(notes);
            *self.inner.options.write().unwrap_or_else(PoisonError::into_inner) = options;
        }
        started
    }

    /// Leaves: what the kernel can hold stays; if the daemon is ephemeral, all that it made is removed.
    pub async fn stop(&self) -> Removed {
        let done = self.change(move |inner| async move { Ok(inner.stop().await) }).await;
        done.unwrap_or_else(Removed::failed)
    }

    /// Removes everything of ours from this host.
    pub async fn reset(&self) -> Removed {
        let done = self.change(move |inner| async move { Ok(inner.reset().await) }).await;
        done.unwrap_or_else(Removed::failed)
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
    /// Writes records, all or none.
    async fn commit(&self, attempt: &Attempt, txn: Txn) -> Result<(), Refusal> {
        attempt.committed(self.store.txn(txn).await)
    }

    /// Writes an object's record.
    async fn save(&self, attempt: &Attempt, object: &impl Recorded) -> Result<(), Refusal> {
        // JSON can say all of them: one that it cannot is a fault of ours.
        let put = object.put().map_err(|error| attempt.failed(error, "report it"))?;
        self.commit(attempt, Txn::of([put])).await
    }

    /// Deletes an object's record.
    async fn erase(&self, attempt: &Attempt, object: &impl Recorded) -> Result<(), Refusal> {
        self.commit(attempt, Txn::of([object.delete()])).await
    }

    /// Says of a network or sandbox, once, what is not as it should be.
    fn note(&self, id: &Id, note: String) {
        let mut notes = self.notes.entry(id.clone()).or_default();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    fn zone(&self) -> RwLockWriteGuard<'_, Zone> {
        self.zone.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells every switch where the other networks live.
    fn spread_pools(&self) {
        let pools =
            |network: &Arc<model::Network>| (network.name.to_string(), network.pools().map(|pool| pool.subnet).collect());
        self.yard.spread(self.book.networks().iter().map(pools).collect());
    }

    fn tell(&self, kind: EventKind) {
        self.fabric.tell(kind);
    }
}

/// Nanoseconds since 1970.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

impl std::fmt::Debug for Controller {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            out,
            "Controller({} networks, {} sandboxes)",
            self.inner.book.networks().len(),
            self.inner.book.sandboxes().len()
        )
    }
}
