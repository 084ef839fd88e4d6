//! Engine threads: they own switches, receive, ask the core, and send.
//!
//! One loop a thread: wait, then for each port that has frames receive a batch, decide on every frame, group the copies by
//! port, send, count; then commands; then timers. A port gets one batch a round, so that a busy one starves nobody; what has to
//! be cut for it counts by its segments. An idle thread sleeps until its next timer; one that just had work looks again for
//! up to [`EngineConfig::spin`] before it sleeps, if that has been worth it lately.
//!
//! | file | one idea |
//! |---|---|
//! | `thread.rs` | the loop |
//! | `runtime.rs` | one switch with its ports, and what happens to a batch |
//! | `egress.rs` | a port's copies on their way into its link |
//! | `transmit.rs` | what the switch itself makes |
//! | `handle.rs` | how others speak to a switch |
//! | `asked.rs` | a frame that is asked about |
//! | `status.rs` | what they are answered |
//! | `mailbox.rs` | commands to a thread |
//! | `spin.rs` | how long a thread looks for more before it sleeps |
//! | `watch/` | what becomes of the interfaces behind the ports |
//! | `tunnels/` | ports that are tunnels, and the sockets that they share |

mod asked;
mod egress;
mod handle;
mod mailbox;
mod runtime;
mod spin;
mod status;
mod thread;
mod transmit;
mod tunnels;
mod watch;

#[cfg(test)]
mod allocation;
#[cfg(test)]
mod tests;

pub use asked::Asked;
pub use handle::SwitchHandle;
pub use status::{EngineGone, PortError, PortState, PortStatus, SwitchStatus};
pub use tunnels::{Stray, Trouble, VtepStatus};

use crate::clock;
use lanloom_switch_core::{MacAddr, SwitchConfig};
use mailbox::Mailbox;
use runtime::SwitchRuntime;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tunnels::Keeper;
use watch::Watch;

/// Frames that a port may bring in one round.
pub const BATCH: usize = 64;

/// How engines run.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Threads; at least 1.
    pub threads: usize,
    /// How long a thread that had work looks for more at most before it sleeps. It does so as far as that has been worth it lately.
    pub spin: Duration,
    /// Where events go; those that find no place are lost and counted.
    pub events: Option<SyncSender<EngineEvent>>,
}

impl Default for EngineConfig {
    /// A thread per core, 50 µs, no events.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { threads, spin: Duration::from_micros(50), events: None }
    }
}

/// Something that happened on a switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineEvent {
    /// The switch's name.
    pub switch: String,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// An address went from one port to another.
    AddressMoved {
        /// The address.
        mac: MacAddr,
        /// The port that it was on.
        from: String,
        /// The port that it is on.
        to: String,
    },
    /// A port began to lose floods to its limit.
    Storm {
        /// The port.
        port: String,
    },
    /// A port carries frames again.
    PortUp {
        /// The port.
        port: String,
    },
    /// A port carries no frames.
    PortDown {
        /// The port.
        port: String,
        /// Why.
        reason: String,
    },
}

/// What one thread has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineStats {
    /// How often it woke from sleep.
    pub wakeups: u64,
    /// How often it looked for work without sleeping, in vain.
    pub spins: u64,
    /// How long it does so now, after it had work.
    pub spin: Duration,
    /// Batches that it received.
    pub batches: u64,
    /// Frames in them.
    pub frames: u64,
    /// Events that found nobody to take them.
    pub events_lost: u64,
}

/// What a thread counts, in memory that it alone writes.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Tally {
    wakeups: AtomicU64,
    spins: AtomicU64,
    spin_nanos: AtomicU64,
    batches: AtomicU64,
    frames: AtomicU64,
    events_lost: AtomicU64,
}

/// Counts on a counter that only this thread writes.
fn count(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Ordering::Relaxed) + more, Ordering::Relaxed);
}

/// Engine threads. Clones are the same threads; they end with the last clone and the last [`SwitchHandle`].
#[derive(Clone, Debug)]
pub struct Engines {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    threads: Vec<Thread>,
    watch: Watch,
    tunnels: Arc<Keeper>,
    spin: Duration,
}

#[derive(Debug)]
struct Thread {
    mailbox: Arc<Mailbox>,
    tally: Arc<Tally>,
    switches: AtomicU64,
    join: Mutex<Option<JoinHandle<()>>>,
}

impl Thread {
    fn stats(&self) -> EngineStats {
        let tally = &self.tally;
        EngineStats {
            wakeups: tally.wakeups.load(Ordering::Relaxed),
            spins: tally.spins.load(Ordering::Relaxed),
            spin: Duration::from_nanos(tally.spin_nanos.load(Ordering::Relaxed)),
            batches: tally.batches.load(Ordering::Relaxed),
            frames: tally.frames.load(Ordering::Relaxed),
            events_lost: tally.events_lost.load(Ordering::Relaxed),
        }
    }
}

impl Engines {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the process has no thread or descriptor left.
    pub fn start(config: EngineConfig) -> io::Result<Self> {
        // If one cannot be started, those before end with this.
        let mut inner = Inner { threads: Vec::new(), watch: Watch::start()?, tunnels: Keeper::new()?, spin: config.spin };
        for number in 0..config.threads.max(1) {
            let (mailbox, tally) = (Arc::new(Mailbox::new()?), Arc::new(Tally::default()));
            let engine = thread::Engine::new(&config, Arc::clone(&mailbox), Arc::clone(&tally), inner.watch.clone())?;
            let join = std::thread::Builder::new().name(format!("engine{number}")).spawn(|| engine.run())?;
            inner.threads.push(Thread { mailbox, tally, switches: AtomicU64::new(0), join: Mutex::new(Some(join)) });
        }
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Makes a switch on the thread that has fewest.
    ///
    /// # Errors
    /// If that thread has ended.
    pub fn create_switch(&self, name: &str, config: SwitchConfig) -> Result<SwitchHandle, EngineGone> {
        let fewest = |(_, thread): &(usize, &Thread)| thread.switches.load(Ordering::Relaxed);
        let (number, thread) = self.inner.threads.iter().enumerate().min_by_key(fewest).ok_or(EngineGone)?;
        let runtime = SwitchRuntime::new(name, config, clock::now());
        let key = thread.mailbox.ask(move |engine| engine.insert(runtime))?;
        thread.switches.fetch_add(1, Ordering::Relaxed);
        Ok(SwitchHandle::new(self.clone(), number, key, name))
    }

    /// What the threads cannot hear of here, a line each with the reason; ports work without, but do not come and go with their
    /// interfaces.
    pub fn lacks(&self) -> &[String] {
        self.inner.watch.lacks()
    }

    /// What each thread has done.
    pub fn stats(&self) -> Vec<EngineStats> {
        self.inner.threads.iter().map(Thread::stats).collect()
    }

    /// How long a thread that had work looks for more at most before it sleeps.
    pub fn spin(&self) -> Duration {
        self.inner.spin
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.watch.stop();
        self.tunnels.stop();
        for thread in &self.threads {
            thread.mailbox.close();
        }
        for thread in &self.threads {
            let join = thread.join.lock().unwrap_or_else(PoisonError::into_inner).take();
            // The last handle may go inside an engine thread, which cannot wait for itself.
            if let Some(join) = join.filter(|join| join.thread().id() != std::thread::current().id()) {
                // A panic of that thread has been printed; there is nobody to hand it to.
                let _ = join.join();
            }
        }
    }
}
