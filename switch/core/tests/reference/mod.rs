//! A switch written again from 802.1D-2004 clauses 7.7 to 7.9 and from what the crate promises beyond them: lists, searched
//! from end to end, nothing cached, no code in common with the real one. It is slow and meant to be read.

pub(crate) mod answer;
pub(crate) mod guard;
pub(crate) mod neighbours;
pub(crate) mod table;

use crate::history::guards::on_the_wire;
use guard::Body;
use lanloom_switch_core::{
    Consumed, DropReason, EgressFate, Event, Fate, FloodKind, Generated, Guard, Instant, Learned, MacAddr, PortConfig, PortId,
    Prefixes, Verdict,
};
use neighbours::{Question, Taught};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use table::{Lesson, Origin, Table};

/// A frame in the terms of the standard, and as bytes.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) destination: MacAddr,
    pub(crate) source: MacAddr,
    /// VLAN tags, 0 to 2.
    pub(crate) tags: usize,
    pub(crate) body: Body,
    /// Bytes behind header and tags, the body's included.
    pub(crate) payload: usize,
    /// Frames on the wire, and the payload of the longest of them.
    pub(crate) segments: u32,
    pub(crate) wire_payload: u32,
}

impl Sent {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = [self.destination.0, self.source.0].concat();
        (0..self.tags).for_each(|_| bytes.extend([0x81, 0x00, 0x00, 0x07]));
        let (kind, body) = on_the_wire(self.body);
        bytes.extend(kind.to_be_bytes());
        let len = bytes.len() + self.payload;
        bytes.extend(body);
        bytes.resize(len, 0xa5);
        bytes
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Book {
    pub(crate) rx: [u64; 4],
    pub(crate) tx: [u64; 4],
    pub(crate) forwarded: u64,
    pub(crate) consumed: u64,
    pub(crate) generated: u64,
    pub(crate) drops: BTreeMap<DropReason, u64>,
}

impl Book {
    fn drop(&mut self, reason: DropReason) {
        *self.drops.entry(reason).or_default() += 1;
    }
}

/// Adds one frame to `[frames, bytes, super-frames, their segments]`.
fn add(flow: &mut [u64; 4], len: usize, segments: u32) {
    flow[0] += 1;
    flow[1] += len as u64;
    if segments > 1 {
        flow[2] += 1;
        flow[3] += u64::from(segments);
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) id: PortId,
    pub(crate) config: PortConfig,
    pub(crate) link_up: bool,
    pub(crate) book: Book,
    /// Nanoseconds of its storm rate used up, and when that was true.
    backlog: (u64, u64),
    /// The same for answers to packets that are too big.
    answered: (u64, u64),
    /// What it has taught, if it is a tunnel that suppresses.
    taught: Option<Taught>,
    storm_told: Option<u64>,
}

impl Place {
    fn works(&self) -> bool {
        self.config.up && self.link_up
    }

    fn backlog_at(&self, now: u64) -> u64 {
        self.backlog.0.saturating_sub(now - self.backlog.1)
    }

    fn answered_at(&self, now: u64) -> u64 {
        self.answered.0.saturating_sub(now - self.answered.1)
    }
}

pub(crate) struct Reference {
    pub(crate) table: Table,
    pub(crate) places: Vec<(u16, Option<Place>)>,
    pub(crate) events: Vec<Event>,
    pub(crate) by_hand: BTreeMap<IpAddr, MacAddr>,
}

impl Reference {
    pub(crate) fn new(table: Table) -> Self {
        Self { table, places: Vec::new(), events: Vec::new(), by_hand: BTreeMap::new() }
    }

    pub(crate) fn ports(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().filter_map(|(_, place)| place.as_ref())
    }

    fn port(&self, id: PortId) -> Option<&Place> {
        self.ports().find(|place| place.id == id)
    }

    pub(crate) fn port_mut(&mut self, id: PortId) -> Option<&mut Place> {
        self.places.iter_mut().filter_map(|(_, place)| place.as_mut()).find(|place| place.id == id)
    }

    /// `None` if there is no such port.
    pub(crate) fn frame(&mut self, now: Instant, port: PortId, sent: &Sent) -> Option<Verdict> {
        let (secs, nanos) = (now.as_secs(), now.as_nanos());
        self.table.sweep(secs);
        let from = self.port(port)?.clone();
        let (fate, copies, learned, reply) = self.decide(secs, nanos, &from, sent);
        let too_big = self.too_big(nanos, &from, sent, &copies);
        let answer = reply.or(too_big);
        if !matches!(fate, Fate::Dropped(_)) {
            self.hear(secs, &from, sent);
        }
        for (to, fate) in &copies {
            if let (EgressFate::Dropped(reason), Some(to)) = (fate, self.port_mut(*to)) {
                to.book.drop(*reason);
            }
        }
        if let Learned::Moved(was) = learned {
            self.events.push(Event::Moved { mac: sent.source, from: was, to: port });
        }
        let from = self.port_mut(port)?;
        add(&mut from.book.rx, sent.bytes().len(), sent.segments);
        if too_big.is_some() {
            from.answered = (from.answered_at(nanos) + answer::COST, nanos);
        }
        let mut storm = None;
        match fate {
            Fate::Forwarded => from.book.forwarded += 1,
            Fate::Flooded(_) => {
                from.book.forwarded += 1;
                if let Some(limit) = from.config.storm {
                    let cost = 1_000_000_000 / u64::from(limit.rate) * u64::from(sent.segments);
                    from.backlog = (from.backlog_at(nanos) + cost, nanos);
                }
            }
            Fate::Consumed(_) => from.book.consumed += 1,
            Fate::Dropped(reason) => {
                from.book.drop(reason);
                if reason == DropReason::Storm && from.storm_told.is_none_or(|told| nanos - told >= 10_000_000_000) {
                    from.storm_told = Some(nanos);
                    storm = Some(Event::Storm { port });
                }
            }
        }
        self.events.extend(storm);
        Some(Verdict { fate, copies, learned, answer })
    }

    fn decide(&mut self, secs: u64, nanos: u64, from: &Place, sent: &Sent) -> Decided {
        let ended = |reason| (Fate::Dropped(reason), Vec::new(), Learned::Nothing, None);
        if !from.works() {
            return ended(DropReason::PortDown);
        }
        if sent.source.0[0] & 1 == 1 || sent.source.0 == [0; 6] {
            return ended(DropReason::SourceInvalid);
        }
        if let Some(reason) = self.guarded(from, sent) {
            return ended(reason);
        }
        // The address looked up is where the table had it before this frame taught it something; only the frame's own source
        // is looked up as just learned.
        let table = self.table.clone();
        let before = table.port_of(sent.destination, secs);
        let mut learned = Learned::Nothing;
        if from.config.learning {
            match self.table.learn(sent.source, from.id, from.config.fdb_limit, from.config.fdb_limit_drops, secs) {
                Lesson::DropFrame => return ended(DropReason::FdbPortLimit),
                Lesson::Says(lesson) => learned = lesson,
            }
        }
        let at = if sent.source == sent.destination { self.table.port_of(sent.destination, secs) } else { before };
        let kind = match sent.destination.0 {
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => FloodKind::Broadcast,
            [first, ..] if first & 1 == 1 => FloodKind::Multicast,
            _ => FloodKind::Unknown,
        };
        if let (Some(at), FloodKind::Unknown) = (at, kind) {
            let (fate, copies) = self.forward(from, at, sent);
            return (fate, copies, learned, None);
        }
        match self.question(secs, &table, from, sent, &self.takers(from, sent, kind)) {
            Question::Answered(answer) => (Fate::Consumed(Consumed::Answered), Vec::new(), learned, Some(answer)),
            question => {
                let (fate, copies) = self.flood(nanos, from, sent, kind, question == Question::StaysHere);
                (fate, copies, learned, None)
            }
        }
    }

    fn forward(&self, from: &Place, at: PortId, sent: &Sent) -> (Fate, Vec<(PortId, EgressFate)>) {
        let reason = match self.port(at) {
            _ if at == from.id => DropReason::SamePort,
            Some(to) if !to.works() => DropReason::PortDown,
            Some(to) if are_apart(from, to) => DropReason::Isolated,
            Some(to) if guard::keeps_out(to, sent) => DropReason::Isolated,
            Some(to) => return (Fate::Forwarded, vec![(at, copy(to, sent))]),
            None => panic!("the table leads to a port that is gone"),
        };
        (Fate::Dropped(reason), Vec::new())
    }

    /// Who would get a flood to an address that is none of the sixteen reserved ones.
    fn takers(&self, from: &Place, sent: &Sent, kind: FloodKind) -> Vec<&Place> {
        if is_filtered(sent) {
            return Vec::new();
        }
        let others = self.ports().filter(|to| to.id != from.id && to.works());
        others.filter(|to| !is_barred(from, to, sent) && takes(to, kind)).collect()
    }

    /// `stays_here`: tunnels that suppress are as if they were not there.
    fn flood(
        &self,
        nanos: u64,
        from: &Place,
        sent: &Sent,
        kind: FloodKind,
        stays_here: bool,
    ) -> (Fate, Vec<(PortId, EgressFate)>) {
        let drop = |reason| (Fate::Dropped(reason), Vec::new());
        let lets = |place: &Place| !is_filtered(sent) || place.config.reserved_open >> sent.destination.0[5] & 1 == 1;
        if !lets(from) {
            return drop(DropReason::ReservedAddress);
        }
        let spared: Vec<_> = if stays_here { self.takers(from, sent, kind) } else { Vec::new() };
        let spared: Vec<_> = spared.iter().filter(|to| neighbours::suppresses(&to.config)).map(|to| to.id).collect();
        let others: Vec<_> = self.ports().filter(|to| to.id != from.id && to.works() && !spared.contains(&to.id)).collect();
        let open: Vec<_> = others.iter().filter(|to| lets(to)).collect();
        let allowed: Vec<_> = open.iter().filter(|to| !is_barred(from, to, sent)).collect();
        let takers: Vec<_> = allowed.iter().filter(|to| takes(to, kind)).collect();
        if takers.is_empty() {
            return drop(match (others.is_empty(), open.is_empty(), allowed.is_empty()) {
                (true, _, _) => DropReason::NoDestination,
                (_, true, _) => DropReason::ReservedAddress,
                (_, _, true) => DropReason::Isolated,
                (false, false, false) => DropReason::FloodOff,
            });
        }
        if let Some(limit) = from.config.storm {
            let burst = 1_000_000_000 / u64::from(limit.rate) * u64::from(limit.burst - 1);
            if from.backlog_at(nanos) > burst {
                return drop(DropReason::Storm);
            }
        }
        (Fate::Flooded(kind), takers.iter().map(|to| (to.id, copy(to, sent))).collect())
    }

    pub(crate) fn copied(&mut self, port: PortId, len: usize, segments: u32, fate: EgressFate) {
        let Some(place) = self.port_mut(port) else { return };
        match fate {
            EgressFate::Sent => add(&mut place.book.tx, len, segments),
            EgressFate::Dropped(reason) => place.book.drop(reason),
        }
    }

    /// The switch made `lengths` for a port at once, and has room for so many; the link did the same with all that it got.
    pub(crate) fn generated(&mut self, port: PortId, lengths: &[usize], room: usize, fate: EgressFate) {
        for (number, len) in lengths.iter().enumerate() {
            let fate = if number < room { fate } else { EgressFate::Dropped(DropReason::QueueFull) };
            self.copied(port, *len, 1, fate);
            if let (Some(place), EgressFate::Sent) = (self.port_mut(port), fate) {
                place.book.generated += 1;
            }
        }
    }

    pub(crate) fn consumed(&mut self, port: PortId, len: usize) {
        let Some(place) = self.port_mut(port) else { return };
        add(&mut place.book.rx, len, 1);
        place.book.consumed += 1;
    }

    pub(crate) fn unreadable(&mut self, port: PortId, len: usize, reason: DropReason) {
        let Some(place) = self.port_mut(port) else { return };
        add(&mut place.book.rx, len, 1);
        place.book.drop(reason);
    }

    pub(crate) fn overrun(&mut self, port: PortId, frames: u64) {
        let Some(place) = self.port_mut(port) else { return };
        *place.book.drops.entry(DropReason::RxOverrun).or_default() += frames;
    }

    pub(crate) fn add_port(&mut self, config: PortConfig) -> PortId {
        let at = self.places.iter().position(|(_, place)| place.is_none()).unwrap_or(self.places.len());
        if at == self.places.len() {
            self.places.push((0, None));
        }
        let id = PortId::new(at as u16, self.places[at].0);
        self.own(id, None, config.guard.as_deref());
        let (book, backlog, answered) = (Book::default(), (0, 0), (0, 0));
        self.places[at].1 = Some(Place { id, config, link_up: true, book, backlog, answered, taught: None, storm_told: None });
        self.settle_taught(id);
        id
    }

    pub(crate) fn delete_port(&mut self, id: PortId) -> Option<Book> {
        let gone = self.port(id)?.book.clone();
        self.table.flush(Some(id), true);
        self.places[id.index()] = (id.generation() + 1, None);
        Some(gone)
    }

    pub(crate) fn set_port(&mut self, id: PortId, config: PortConfig) -> bool {
        let Some(place) = self.port_mut(id) else { return false };
        let (before, after) = (place.config.guard.clone(), config.guard.clone());
        let (up, limit) = (config.up, config.fdb_limit);
        if place.config.storm != config.storm {
            place.backlog = (0, 0);
        }
        place.config = config;
        self.own(id, before.as_deref(), after.as_deref());
        self.settle_taught(id);
        if !up {
            self.table.flush(Some(id), false);
        }
        limit.into_iter().for_each(|limit| self.table.hold_to(limit, id));
        true
    }

    pub(crate) fn set_guard(&mut self, id: PortId, guard: Option<Arc<Guard>>) -> bool {
        let Some(place) = self.port_mut(id) else { return false };
        let before = std::mem::replace(&mut place.config.guard, guard.clone());
        self.own(id, before.as_deref(), guard.as_deref());
        true
    }

    /// A MAC address that becomes a port's own is forgotten where others used it.
    fn own(&mut self, id: PortId, before: Option<&Guard>, after: Option<&Guard>) {
        let mac = after.and_then(|guard| guard.mac);
        if let Some(mac) = mac.filter(|_| mac != before.and_then(|guard| guard.mac)) {
            self.table.forget_elsewhere(mac, id);
        }
    }

    pub(crate) fn set_foreign(&mut self, foreign: &Arc<Prefixes>) {
        for place in self.places.iter_mut().filter_map(|(_, place)| place.as_mut()) {
            if let Some(guard) = place.config.guard.take() {
                place.config.guard = Some(Arc::new(Guard { foreign: foreign.clone(), ..(*guard).clone() }));
            }
        }
    }

    pub(crate) fn set_link(&mut self, id: PortId, up: bool) -> bool {
        let Some(place) = self.port_mut(id) else { return false };
        place.link_up = up;
        if !up {
            self.table.flush(Some(id), false);
        }
        true
    }

    pub(crate) fn set_entry(&mut self, now: Instant, mac: MacAddr, id: PortId, sticky: bool) -> bool {
        let individual = mac.0[0] & 1 == 0 && mac.0 != [0; 6];
        let origin = if sticky { Origin::Sticky } else { Origin::Static };
        self.port(id).is_some() && individual && self.table.set(mac, id, origin, now.as_secs())
    }
}

type Decided = (Fate, Vec<(PortId, EgressFate)>, Learned, Option<Generated>);

fn is_filtered(sent: &Sent) -> bool {
    let [a, b, c, d, e, last] = sent.destination.0;
    [a, b, c, d, e] == [0x01, 0x80, 0xc2, 0, 0] && (1..=15).contains(&last)
}

fn is_barred(from: &Place, to: &Place, sent: &Sent) -> bool {
    let elsewhere = to.config.tunnel && to.config.segment != from.config.segment;
    are_apart(from, to) || elsewhere || guard::keeps_out(to, sent)
}

fn takes(to: &Place, kind: FloodKind) -> bool {
    match kind {
        FloodKind::Broadcast => to.config.bcast_flood,
        FloodKind::Multicast => to.config.mcast_flood,
        FloodKind::Unknown => to.config.flood,
    }
}

/// Whether nothing goes from one to the other, however well it is known where to.
fn are_apart(from: &Place, to: &Place) -> bool {
    (from.config.isolated && to.config.isolated) || (from.config.tunnel && to.config.tunnel)
}

fn copy(to: &Place, sent: &Sent) -> EgressFate {
    if sent.wire_payload > to.config.mtu { EgressFate::Dropped(DropReason::MtuExceeded) } else { EgressFate::Sent }
}
