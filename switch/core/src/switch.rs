//! The machine: a learning bridge (802.1D-2004 clauses 7.7 to 7.9) without a spanning tree.
//!
//! | file | one idea |
//! |---|---|
//! | `decide.rs` | where a frame goes, and why not elsewhere |
//! | `answer.rs` | what is sent back for a frame |
//! | `count.rs` | what a verdict decided, counted |
//! | `transmit.rs` | what the switch itself has to send |
//! | `ports.rs` | places and what is in them |
//! | `neighbours.rs` | questions for addresses that it knows |
//! | `guards.rs` | what is guarded there, and whose each address is |

mod answer;
mod count;
mod decide;
mod guards;
mod neighbours;
mod ports;
mod transmit;

pub(crate) use decide::{LeftOut, are_tunnels, filtered_address, left_out};

use crate::fdb::{Fdb, FdbEntry, FdbError, FdbLimits};
use crate::frame::Frame;
use crate::guard::Claims;
use crate::mac::MacAddr;
use crate::port::{PortId, Vid};
use crate::time::Instant;
use crate::verdict::{Fate, Learned, Verdict};
use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use hashbrown::HashMap;
pub(crate) use neighbours::Suppression;
use ports::Place;
pub(crate) use ports::Port;
use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use transmit::Transmit;
pub use transmit::{Outgoing, TRANSMIT_MAX};

/// What a switch is made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SwitchConfig {
    /// How much the filtering database holds, and for how long.
    pub fdb: FdbLimits,
    /// Where the hash of the filtering database starts; random in a daemon, chosen in a test.
    pub seed: u64,
}

/// Something that a person may want to know of, beside the verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An address went from one port to another.
    Moved {
        /// The address.
        mac: MacAddr,
        /// Where it was.
        from: PortId,
        /// Where it is.
        to: PortId,
    },
    /// A port began to lose floods to its limit. Told once in [`STORM_QUIET`] a port.
    Storm {
        /// The port that they come from.
        port: PortId,
    },
}

/// How long after a [`Event::Storm`] the next one of the same port is told.
pub const STORM_QUIET: Duration = Duration::from_secs(10);

/// Events that wait to be polled; later ones are lost and counted.
const EVENTS_MAX: usize = 256;

/// Addresses from which on [`Switch::warm`] pays: some hundred KiB of table.
const WARM_FROM: usize = 8192;

/// There is no such port, or it is no longer there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchPort;

impl fmt::Display for NoSuchPort {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("no such port")
    }
}

impl std::error::Error for NoSuchPort {}

/// A learning bridge. See the [crate] page for its place.
#[derive(Clone, Debug)]
pub struct Switch {
    pub(crate) fdb: Fdb,
    places: Vec<Place>,
    claims: Claims,
    /// Set by hand.
    neighbours: HashMap<IpAddr, MacAddr, SeedableRandomState>,
    /// Tunnels that questions for known addresses stay out of, in port order.
    suppressing: Vec<PortId>,
    seed: u64,
    verdict: Verdict,
    transmit: Transmit,
    events: VecDeque<Event>,
    events_lost: u64,
}

impl Switch {
    /// A switch without ports.
    pub fn new(config: SwitchConfig) -> Self {
        Self {
            fdb: Fdb::new(config.fdb, config.seed),
            places: Vec::new(),
            claims: Claims::new(config.seed),
            neighbours: HashMap::with_hasher(SeedableRandomState::with_seed(config.seed, SharedSeed::global_fixed())),
            suppressing: Vec::new(),
            seed: config.seed,
            verdict: Verdict::default(),
            transmit: Transmit::default(),
            events: VecDeque::with_capacity(EVENTS_MAX),
            events_lost: 0,
        }
    }

    /// Decides what becomes of a frame received on `port`, and learns from it (7.7, 7.8).
    ///
    /// The caller sends a copy to each port of the verdict that is [`Sent`](crate::EgressFate::Sent), and tells by
    /// [`Switch::record_copy`] what its link did with it. Allocates nothing.
    ///
    /// # Errors
    /// If there is no such port; the frame is then nobody's and counted nowhere.
    pub fn handle_frame(&mut self, now: Instant, port: PortId, frame: &Frame<'_>) -> Result<&Verdict, NoSuchPort> {
        self.fdb.sweep(now);
        let mut copies = std::mem::take(&mut self.verdict.copies);
        copies.clear();
        let judged = self.judge(now, port, frame, &mut copies);
        self.verdict.copies = copies;
        let (fate, plan) = judged?;
        (self.verdict.fate, self.verdict.answer) = (fate, None);
        if self.verdict.is_consumed() {
            self.answer_question(now, port, frame);
        }
        self.verdict.learned = plan.map_or(Learned::Nothing, |plan| self.fdb.apply(plan, Vid::NONE, frame.source(), port, now));
        if self.account(now, port, frame) {
            self.answer_too_big(now, port, frame);
        }
        if !self.suppressing.is_empty() && !matches!(fate, Fate::Dropped(_)) {
            self.listen(now, port, frame);
        }
        Ok(&self.verdict)
    }

    /// Has the tables ready for a batch of frames that [`Switch::handle_frame`] is about to decide. Worth it only where they are
    /// larger than the caches; it does nothing otherwise, and never changes anything.
    pub fn warm<'a>(&self, now: Instant, frames: impl Iterator<Item = Frame<'a>>) {
        if self.fdb.len() > WARM_FROM {
            self.fdb.warm(Vid::NONE, now, frames.map(|frame| (frame.source(), frame.destination())));
        }
    }

    /// Does what time alone brings: forgets aged addresses.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.fdb.sweep(now);
    }

    /// When to call [`Switch::handle_timeout`] next, if ever.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.fdb.next_expiry()
    }

    /// The oldest event not polled yet.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Events lost because nobody polled in time.
    pub fn events_lost(&self) -> u64 {
        self.events_lost
    }

    /// The filtering database.
    pub fn fdb(&self) -> &Fdb {
        &self.fdb
    }

    /// Sets an entry of the filtering database; see [`Fdb::set`].
    ///
    /// # Errors
    /// As [`Fdb::set`]; a port that does not exist is [`FdbError::NoSuchEntry`].
    pub fn set_fdb(&mut self, now: Instant, mac: MacAddr, port: PortId, sticky: bool) -> Result<(), FdbError> {
        self.port(port).map_err(|_| FdbError::NoSuchEntry)?;
        self.fdb.set(Vid::NONE, mac, port, sticky, now)
    }

    /// Removes an entry of the filtering database.
    ///
    /// # Errors
    /// If there is none.
    pub fn delete_fdb(&mut self, now: Instant, mac: MacAddr) -> Result<FdbEntry, FdbError> {
        self.fdb.remove(Vid::NONE, mac, now)
    }

    /// Forgets what was learned, on one port or on all; what was set stays. Answers how many entries that were.
    pub fn flush_fdb(&mut self, port: Option<PortId>) -> usize {
        self.fdb.flush(port)
    }

    /// Changes the ageing time, in seconds, held within [`FdbLimits::AGEING_SECS`].
    pub fn set_ageing(&mut self, secs: u32) {
        self.fdb.set_ageing(secs.clamp(*FdbLimits::AGEING_SECS.start(), *FdbLimits::AGEING_SECS.end()));
    }
}
