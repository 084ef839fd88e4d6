//! The machine: a learning bridge (802.1D-2004 clauses 7.7 to 7.9) without a spanning tree.

use crate::counters::Counters;
use crate::fdb::{Fdb, FdbEntry, FdbError, FdbLimits, Share};
use crate::frame::Frame;
use crate::mac::MacAddr;
use crate::port::{PortConfig, PortId, Vid};
use crate::storm::StormMeter;
use crate::time::Instant;
use crate::verdict::{DropReason, EgressFate, Fate, FloodKind, Learned, Verdict};
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

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

/// A port as the switch sees it.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) id: PortId,
    pub(crate) config: PortConfig,
    /// Whether its link carries frames.
    pub(crate) link_up: bool,
    pub(crate) storm: StormMeter,
    storm_told: Option<Instant>,
    counters: Counters,
}

impl Port {
    pub(crate) fn is_up(&self) -> bool {
        self.config.up && self.link_up
    }
}

/// Why a flood leaves a port out. None of these is a drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LeftOut {
    Ingress,
    Down,
    Reserved,
    Isolated,
    FloodOff,
}

/// A learning bridge. See the [crate] page for its place.
#[derive(Clone, Debug)]
pub struct Switch {
    pub(crate) fdb: Fdb,
    places: Vec<Place>,
    verdict: Verdict,
    events: VecDeque<Event>,
    events_lost: u64,
}

#[derive(Clone, Debug, Default)]
struct Place {
    generation: u16,
    port: Option<Port>,
}

impl Switch {
    /// A switch without ports.
    pub fn new(config: SwitchConfig) -> Self {
        Self {
            fdb: Fdb::new(config.fdb, config.seed),
            places: Vec::new(),
            verdict: Verdict::default(),
            events: VecDeque::with_capacity(EVENTS_MAX),
            events_lost: 0,
        }
    }

    /// Decides what becomes of a frame received on `port`, and learns from it (7.7, 7.8).
    ///
    /// The caller sends a copy to each port of the verdict that is [`EgressFate::Sent`], and tells by
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
        let learned = plan.map_or(Learned::Nothing, |plan| self.fdb.apply(plan, Vid::NONE, frame.source(), port, now));
        (self.verdict.fate, self.verdict.learned) = (fate, learned);
        self.account(now, port, frame);
        Ok(&self.verdict)
    }

    /// Has the tables ready for a batch of frames that [`Switch::handle_frame`] is about to decide. Worth it only where they are
    /// larger than the caches; it does nothing otherwise, and never changes anything.
    pub fn warm<'a>(&self, now: Instant, frames: impl Iterator<Item = Frame<'a>>) {
        if self.fdb.len() > WARM_FROM {
            self.fdb.warm(Vid::NONE, now, frames.map(|frame| (frame.source(), frame.destination())));
        }
    }

    /// The pure half of [`Switch::handle_frame`]: fate, copies, and what would be learned.
    pub(crate) fn judge(
        &self,
        now: Instant,
        port: PortId,
        frame: &Frame<'_>,
        copies: &mut Vec<(PortId, EgressFate)>,
    ) -> Result<(Fate, Option<crate::fdb::Plan>), NoSuchPort> {
        let from = self.port(port)?;
        if !from.is_up() {
            return Ok((Fate::Dropped(DropReason::PortDown), None));
        }
        let (source, destination) = (frame.source(), frame.destination());
        if !source.is_valid_source() {
            return Ok((Fate::Dropped(DropReason::SourceInvalid), None));
        }
        let share = Share { limit: from.config.fdb_limit, drops: from.config.fdb_limit_drops };
        let plan = from.config.learning.then(|| self.fdb.plan(Vid::NONE, source, port, share, now));
        let fate = if plan == Some(crate::fdb::Plan::Refused) {
            Fate::Dropped(DropReason::FdbPortLimit)
        } else if destination.is_group() {
            let kind = if destination.is_broadcast() { FloodKind::Broadcast } else { FloodKind::Multicast };
            self.flood(now, from, frame, kind, copies)
        } else {
            match self.whereabouts(now, port, frame, plan.is_some_and(|plan| plan.outcome().is_here())) {
                Some(to) => self.forward(from, to, frame, copies),
                None => self.flood(now, from, frame, FloodKind::Unknown, copies),
            }
        };
        Ok((fate, plan))
    }

    /// The port that leads to an individual destination. The frame's own source, `learned` from it just now, is on `port`
    /// although the database does not say so yet.
    pub(crate) fn whereabouts(&self, now: Instant, port: PortId, frame: &Frame<'_>, learned: bool) -> Option<PortId> {
        if learned && frame.destination() == frame.source() {
            return Some(port);
        }
        self.fdb.lookup(Vid::NONE, frame.destination(), now)
    }

    fn forward(&self, from: &Port, to: PortId, frame: &Frame<'_>, copies: &mut Vec<(PortId, EgressFate)>) -> Fate {
        if to == from.id {
            return Fate::Dropped(DropReason::SamePort);
        }
        let Ok(to) = self.port(to) else { return Fate::Dropped(DropReason::PortDown) };
        if !to.is_up() {
            return Fate::Dropped(DropReason::PortDown);
        }
        if from.config.isolated && to.config.isolated {
            return Fate::Dropped(DropReason::Isolated);
        }
        copies.push((to.id, egress_fate(to, frame)));
        Fate::Forwarded
    }

    fn flood(
        &self,
        now: Instant,
        from: &Port,
        frame: &Frame<'_>,
        kind: FloodKind,
        copies: &mut Vec<(PortId, EgressFate)>,
    ) -> Fate {
        let reserved = filtered_address(frame);
        if reserved.is_some_and(|digit| !is_open(from, digit)) {
            return Fate::Dropped(DropReason::ReservedAddress);
        }
        let mut setting = None;
        for to in self.ports() {
            match left_out(from, to, kind, reserved) {
                None => copies.push((to.id, egress_fate(to, frame))),
                Some(why) => setting = setting.max(Some(why)),
            }
        }
        if copies.is_empty() {
            return Fate::Dropped(match setting {
                Some(LeftOut::FloodOff) => DropReason::FloodOff,
                Some(LeftOut::Isolated) => DropReason::Isolated,
                Some(LeftOut::Reserved) => DropReason::ReservedAddress,
                Some(LeftOut::Down | LeftOut::Ingress) | None => DropReason::NoDestination,
            });
        }
        if from.config.storm.is_some_and(|limit| !from.storm.allows(limit, now)) {
            copies.clear();
            return Fate::Dropped(DropReason::Storm);
        }
        Fate::Flooded(kind)
    }

    /// Counts what the verdict decided, charges the storm limit, and notes events.
    fn account(&mut self, now: Instant, port: PortId, frame: &Frame<'_>) {
        let Self { places, verdict, .. } = self;
        let mut storm = None;
        if let Some(from) = places.get_mut(port.index()).and_then(|place| place.port.as_mut()) {
            from.counters.rx.count(frame);
            match verdict.fate {
                Fate::Forwarded => from.counters.forwarded += 1,
                Fate::Flooded(_) => {
                    from.counters.forwarded += 1;
                    if let Some(limit) = from.config.storm {
                        from.storm.take(limit, now, frame.segments());
                    }
                }
                Fate::Dropped(reason) => {
                    from.counters.drop_many(reason, 1);
                    let told_lately = from.storm_told.is_some_and(|told| now.since(told) < STORM_QUIET);
                    if reason == DropReason::Storm && !told_lately {
                        from.storm_told = Some(now);
                        storm = Some(Event::Storm { port });
                    }
                }
            }
        }
        for (to, fate) in &verdict.copies {
            if let (EgressFate::Dropped(reason), Some(to)) = (fate, places[to.index()].port.as_mut()) {
                to.counters.drop_many(*reason, 1);
            }
        }
        if let Learned::Moved(from) = verdict.learned {
            self.tell(Event::Moved { mac: frame.source(), from, to: port });
        }
        storm.into_iter().for_each(|event| self.tell(event));
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        } else {
            self.events_lost += 1;
        }
    }

    /// Counts frames that a link could not even hand over as frames: received and dropped. `len` in bytes.
    pub fn record_unreadable(&mut self, port: PortId, len: usize, reason: DropReason) {
        if let Ok(port) = self.port_mut(port) {
            port.counters.rx.count_raw(len, 1);
            port.counters.drop_many(reason, 1);
        }
    }

    /// Counts what `port`'s link did with a copy that the verdict sent there.
    pub fn record_copy(&mut self, port: PortId, len: usize, segments: u32, fate: EgressFate) {
        if let Ok(port) = self.port_mut(port) {
            match fate {
                EgressFate::Sent => port.counters.tx.count_raw(len, segments),
                EgressFate::Dropped(reason) => port.counters.drop_many(reason, 1),
            }
        }
    }

    /// Counts frames that the kernel lost on their way to `port` (`rx_overrun`).
    pub fn record_overrun(&mut self, port: PortId, frames: u64) {
        if let Ok(port) = self.port_mut(port) {
            port.counters.drop_many(DropReason::RxOverrun, frames);
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

    /// Adds a port at the lowest free place, its link up. `None` if all 65,536 places are taken.
    pub fn add_port(&mut self, config: PortConfig) -> Option<PortId> {
        let index = self.places.iter().position(|place| place.port.is_none()).unwrap_or(self.places.len());
        let id = PortId::new(u16::try_from(index).ok()?, self.places.get(index).map_or(0, |place| place.generation));
        if index == self.places.len() {
            self.places.push(Place::default());
            self.verdict.copies.reserve(self.places.len());
        }
        self.fdb.ensure_port(id);
        let (storm, counters) = (StormMeter::default(), Counters::default());
        self.places[index].port = Some(Port { id, config, link_up: true, storm, storm_told: None, counters });
        Some(id)
    }

    /// Removes a port and every entry that leads to it. Answers its last counters.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn delete_port(&mut self, port: PortId) -> Result<Counters, NoSuchPort> {
        self.port(port)?;
        self.fdb.forget(port);
        let place = &mut self.places[port.index()];
        place.generation = place.generation.wrapping_add(1);
        place.port.take().map(|port| port.counters).ok_or(NoSuchPort)
    }

    /// Changes what a user may set of a port. What was learned on a port that is set down is forgotten, and its oldest addresses are
    /// that are more than it may now learn. A storm limit that is another than before starts afresh.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn set_port(&mut self, port: PortId, config: PortConfig) -> Result<(), NoSuchPort> {
        let (up, limit) = (config.up, config.fdb_limit);
        let place = self.port_mut(port)?;
        if place.config.storm != config.storm {
            // What was taken is counted in units of the old rate.
            place.storm = StormMeter::default();
        }
        place.config = config;
        if !up {
            self.fdb.flush(Some(port));
        }
        self.fdb.hold_to(limit, port);
        Ok(())
    }

    /// Tells whether a port's link carries frames. What was learned there is forgotten when it no longer does.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn set_link(&mut self, port: PortId, up: bool) -> Result<(), NoSuchPort> {
        self.port_mut(port)?.link_up = up;
        if !up {
            self.fdb.flush(Some(port));
        }
        Ok(())
    }

    /// What a user has set of a port.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn config(&self, port: PortId) -> Result<&PortConfig, NoSuchPort> {
        self.port(port).map(|port| &port.config)
    }

    /// What a port has seen.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn counters(&self, port: PortId) -> Result<&Counters, NoSuchPort> {
        self.port(port).map(|port| &port.counters)
    }

    /// Its ports, in order.
    pub fn port_ids(&self) -> impl Iterator<Item = PortId> + '_ {
        self.ports().map(|port| port.id)
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

    pub(crate) fn ports(&self) -> impl Iterator<Item = &Port> + '_ {
        self.places.iter().filter_map(|place| place.port.as_ref())
    }

    pub(crate) fn port(&self, id: PortId) -> Result<&Port, NoSuchPort> {
        self.places.get(id.index()).and_then(|place| place.port.as_ref()).filter(|port| port.id == id).ok_or(NoSuchPort)
    }

    fn port_mut(&mut self, id: PortId) -> Result<&mut Port, NoSuchPort> {
        self.places.get_mut(id.index()).and_then(|place| place.port.as_mut()).filter(|port| port.id == id).ok_or(NoSuchPort)
    }
}

/// Why a flood from one port leaves another out, if it does.
pub(crate) fn left_out(from: &Port, to: &Port, kind: FloodKind, reserved: Option<u8>) -> Option<LeftOut> {
    let takes = match kind {
        FloodKind::Broadcast => to.config.bcast_flood,
        FloodKind::Multicast => to.config.mcast_flood,
        FloodKind::Unknown => to.config.flood,
    };
    if to.id == from.id {
        Some(LeftOut::Ingress)
    } else if !to.is_up() {
        Some(LeftOut::Down)
    } else if reserved.is_some_and(|digit| !is_open(to, digit)) {
        Some(LeftOut::Reserved)
    } else if from.config.isolated && to.config.isolated {
        Some(LeftOut::Isolated)
    } else if !takes {
        Some(LeftOut::FloodOff)
    } else {
        None
    }
}

/// The last digit of a destination that is filtered unless a port is opened for it: 01-80-C2-00-00-01…0F. The first of the
/// sixteen passes as long as this switch runs no spanning tree, so that neighbours that run one see their loops.
pub(crate) fn filtered_address(frame: &Frame<'_>) -> Option<u8> {
    frame.destination().reserved().filter(|digit| *digit != 0)
}

fn is_open(port: &Port, digit: u8) -> bool {
    port.config.reserved_open & (1 << digit) != 0
}

fn egress_fate(to: &Port, frame: &Frame<'_>) -> EgressFate {
    if frame.wire_payload() > to.config.mtu { EgressFate::Dropped(DropReason::MtuExceeded) } else { EgressFate::Sent }
}
