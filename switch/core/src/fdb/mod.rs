//! The filtering database (802.1D-2004 clause 7.9): which port leads to an address.
//!
//! Bounded in total and per port, and fair when full: a port that holds more than its share loses its own oldest addresses,
//! never another's; a port below its share takes the place of the oldest address of the port that holds most. The hash is
//! seeded, because senders choose their addresses. Ages count in whole seconds since the last refresh: an address lives for
//! the ageing time and up to one second more.
//!
//! It is *not* shared between threads: a table that its engine owns alone is read in nanoseconds.

mod order;
mod slot;

use crate::mac::MacAddr;
use crate::port::{PortId, Vid};
use crate::time::Instant;
use crate::verdict::Learned;
use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;
use hashbrown::HashTable;
use order::Order;
use slot::{Kind, STAMPS, Slot};
use std::fmt;
use std::hash::Hasher;

/// VLAN id and address in one number.
type Key = u64;

/// How much a filtering database may hold, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdbLimits {
    /// Addresses in total, static ones included; at least 1.
    pub entries: u32,
    /// Whole seconds without a refresh after which a learned address is forgotten, within [`FdbLimits::AGEING_SECS`].
    pub ageing_secs: u32,
}

impl FdbLimits {
    /// What 802.1D-2004 Table 7-5 allows for the ageing time.
    pub const AGEING_SECS: std::ops::RangeInclusive<u32> = 10..=1_000_000;
}

impl Default for FdbLimits {
    /// 65,536 addresses, 300 seconds (Table 7-5).
    fn default() -> Self {
        Self { entries: 65_536, ageing_secs: 300 }
    }
}

/// One address, as shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FdbEntry {
    /// Its VLAN.
    pub vid: Vid,
    /// The address.
    pub mac: MacAddr,
    /// The port that leads to it.
    pub port: PortId,
    /// Whether it was set, never ages and never moves (7.9.1).
    pub is_static: bool,
    /// Whether it ages like a learned one but never moves to another port.
    pub sticky: bool,
    /// Whole seconds since it was last refreshed; 0 if static.
    pub age_secs: u32,
}

/// Why an entry was not set or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdbError {
    /// Static entries fill the database.
    Full,
    /// There is no such entry.
    NoSuchEntry,
    /// Only an individual, non-zero address can lead to a port.
    NotIndividual,
}

impl fmt::Display for FdbError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Full => "the filtering database is full of static entries",
            Self::NoSuchEntry => "no such entry",
            Self::NotIndividual => "not an individual address",
        })
    }
}

impl std::error::Error for FdbError {}

/// What the database has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FdbStats {
    /// Addresses learned.
    pub learned: u64,
    /// Addresses that went from one port to another.
    pub moves: u64,
    /// Addresses forgotten because of their age.
    pub aged: u64,
    /// Addresses that lost their place to a newer one.
    pub evicted: u64,
    /// Addresses that found no place.
    pub refused: u64,
    /// How often the table doubled.
    pub grows: u64,
}

/// What learning an address would do: decided without changing anything, so that a trace can ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    /// The address is known here, in this bucket.
    Refresh(usize),
    /// It was on another port.
    Move { bucket: usize, from: PortId, evict: Option<usize> },
    /// It is new; a port's oldest address goes first.
    Insert { evict: Option<usize> },
    /// A static or sticky entry holds it elsewhere.
    Held(PortId),
    /// No place could be freed.
    Full,
    /// The port's limit is reached, and its policy is to drop.
    Refused,
}

/// What one port may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) limit: Option<u32>,
    pub(crate) drops: bool,
}

/// The filtering database of one switch.
#[derive(Clone)]
pub struct Fdb {
    table: HashTable<Slot>,
    order: Order,
    /// The port at each index, and how many static entries lead to it.
    ports: Vec<(PortId, u32)>,
    limits: FdbLimits,
    stats: FdbStats,
    /// No learned address ages before this second.
    next_sweep: u32,
    seed: u64,
    shared_seed: SharedSeed,
}

/// Addresses that [`Fdb::warm`] has ready for a refresh: those of a batch.
const WARM_AT_ONCE: usize = 64;

/// Addresses that a new table has room for.
const FIRST_CAPACITY: usize = 448;

impl Fdb {
    /// An empty database whose hash depends on `seed`.
    pub fn new(limits: FdbLimits, seed: u64) -> Self {
        let mut fdb = Self {
            table: HashTable::new(),
            order: Order::new(),
            ports: Vec::new(),
            limits,
            stats: FdbStats::default(),
            next_sweep: u32::MAX,
            seed,
            shared_seed: SharedSeed::from_u64(seed.rotate_left(32) ^ 0x9e37_79b9_7f4a_7c15),
        };
        fdb.grow(FIRST_CAPACITY.min(limits.entries as usize));
        fdb.stats.grows = 0;
        fdb
    }

    /// Its limits.
    pub fn limits(&self) -> FdbLimits {
        self.limits
    }

    /// What it has done.
    pub fn stats(&self) -> FdbStats {
        self.stats
    }

    /// Entries in it, those included that have aged but were not swept yet.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The port that leads to an address.
    pub fn lookup(&self, vid: Vid, mac: MacAddr, now: Instant) -> Option<PortId> {
        self.find(key(vid, mac)).filter(|slot| self.is_live(slot, secs(now))).map(|slot| self.port(slot))
    }

    /// Loads what [`Fdb::plan`] and [`Fdb::lookup`] will read of pairs of a source and a destination. Called for all frames of a
    /// batch before the first is decided, the cache misses of a table larger than the caches overlap instead of queueing: one kind
    /// of memory after the other, so that no load of a kind waits for another of its own.
    pub(crate) fn warm(&self, vid: Vid, now: Instant, pairs: impl Iterator<Item = (MacAddr, MacAddr)>) {
        let now = secs(now);
        let (mut nodes, mut count) = ([0; WARM_AT_ONCE], 0);
        for (source, destination) in pairs {
            std::hint::black_box(self.find(key(vid, destination)).map(|slot| slot.port));
            if let Some(slot) = self.find(key(vid, source))
                && !slot.is_static()
                && !slot.was_refreshed_at(now)
            {
                nodes[count % WARM_AT_ONCE] = slot.node;
                count += 1;
            }
        }
        let nodes = &nodes[..count.min(WARM_AT_ONCE)];
        nodes.iter().for_each(|node| _ = std::hint::black_box(self.order.seen(*node)));
        nodes.iter().for_each(|node| _ = std::hint::black_box(self.order.warm(*node)));
    }

    /// The entry of an address.
    pub fn entry(&self, vid: Vid, mac: MacAddr, now: Instant) -> Option<FdbEntry> {
        self.find(key(vid, mac)).filter(|slot| self.is_live(slot, secs(now))).map(|slot| self.shown(slot, secs(now)))
    }

    /// Every entry, by VLAN and address.
    pub fn entries(&self, now: Instant) -> Vec<FdbEntry> {
        let now = secs(now);
        let mut entries: Vec<_> =
            self.table.iter().filter(|slot| self.is_live(slot, now)).map(|slot| self.shown(slot, now)).collect();
        entries.sort_unstable();
        entries
    }

    /// Sets an entry that learning does not move: one that never ages, or (`sticky`) one that ages like a learned one.
    ///
    /// # Errors
    /// If the address is not individual, or static entries leave no place.
    pub fn set(&mut self, vid: Vid, mac: MacAddr, port: PortId, sticky: bool, now: Instant) -> Result<(), FdbError> {
        if !mac.is_valid_source() {
            return Err(FdbError::NotIndividual);
        }
        self.sweep(now);
        let key = key(vid, mac);
        if self.find(key).is_none() && self.table.len() >= self.limits.entries as usize {
            let most = self.fullest_port(secs(now)).ok_or(FdbError::Full)?;
            self.evict_oldest(most);
        }
        self.take(key);
        self.put(key, port, if sticky { Kind::Sticky } else { Kind::Static }, secs(now));
        Ok(())
    }

    /// Removes an entry.
    ///
    /// # Errors
    /// If there is none.
    pub fn remove(&mut self, vid: Vid, mac: MacAddr, now: Instant) -> Result<FdbEntry, FdbError> {
        self.sweep(now);
        let entry = self.entry(vid, mac, now).ok_or(FdbError::NoSuchEntry)?;
        self.take(key(vid, mac));
        Ok(entry)
    }

    /// Forgets what was learned, on one port or on all; `static_too` also what was set. Answers how many entries that were.
    pub fn flush(&mut self, port: Option<PortId>, static_too: bool) -> usize {
        if let Some(port) = port
            && !(static_too && self.ports.get(port.index()).is_some_and(|(_, fixed)| *fixed > 0))
        {
            return self.flush_learned(port);
        }
        let goes = |slot: &Slot| port.is_none_or(|port| self.port(slot) == port) && (static_too || !slot.is_static());
        let keys: Vec<Key> = self.table.iter().filter(|slot| goes(slot)).map(|slot| slot.key).collect();
        for key in &keys {
            self.take(*key);
        }
        keys.len()
    }

    /// The same for a port without static entries, without a look at those of all others: ports go down in the middle of traffic.
    fn flush_learned(&mut self, port: PortId) -> usize {
        if self.ports.get(port.index()).is_none_or(|(id, _)| *id != port) {
            return 0;
        }
        let before = self.table.len();
        while let Some((key, _)) = self.order.oldest(port.index()) {
            self.take(key);
        }
        before - self.table.len()
    }

    /// Forgets a port's oldest addresses until it holds no more than `limit`.
    pub(crate) fn hold_to(&mut self, limit: Option<u32>, port: PortId) {
        let held = self.order.len(port.index());
        (0..held.saturating_sub(limit.unwrap_or(u32::MAX))).for_each(|_| self.evict_oldest(port.index()));
    }

    /// Changes the ageing time, in seconds.
    pub fn set_ageing(&mut self, ageing_secs: u32) {
        self.limits.ageing_secs = ageing_secs;
        self.next_sweep = self.first_expiry();
    }

    /// When the next learned address may age; never before it does.
    pub fn next_expiry(&self) -> Option<Instant> {
        (self.next_sweep != u32::MAX).then(|| Instant::from_secs(u64::from(self.next_sweep)))
    }

    /// Forgets the addresses that have aged.
    pub fn sweep(&mut self, now: Instant) {
        let now = secs(now);
        if now < self.next_sweep {
            return;
        }
        let since = self.live_since(now);
        for port in self.order.ports() {
            while let Some((key, seen)) = self.order.oldest(port) {
                if seen >= since {
                    break;
                }
                self.take(key);
                self.stats.aged += 1;
            }
        }
        self.next_sweep = self.first_expiry();
    }

    /// Makes room for the entries of a port, which has none yet.
    pub(crate) fn ensure_port(&mut self, port: PortId) {
        self.order.ensure_port(port.index());
        if self.ports.len() <= port.index() {
            self.ports.resize(port.index() + 1, (port, 0));
        }
        self.ports[port.index()].0 = port;
    }

    /// What learning would do. Changes nothing.
    pub(crate) fn plan(&self, vid: Vid, mac: MacAddr, port: PortId, share: Share, now: Instant) -> Plan {
        let (key, now) = (key(vid, mac), secs(now));
        let bucket = self.table.find_bucket_index(self.hash(key), |slot| slot.key == key);
        if let Some((bucket, slot)) = bucket.and_then(|bucket| Some((bucket, self.table.get_bucket(bucket)?)))
            && self.is_live(slot, now)
        {
            if usize::from(slot.port) == port.index() {
                return Plan::Refresh(bucket);
            }
            if slot.kind() != Kind::Learned {
                return Plan::Held(self.port(slot));
            }
            return match self.victim_in_port(port.index(), share, now) {
                Err(refused) => refused,
                Ok(evict) => Plan::Move { bucket, from: self.port(slot), evict },
            };
        }
        match self.victim_in_port(port.index(), share, now) {
            Err(refused) => refused,
            Ok(Some(own)) => Plan::Insert { evict: Some(own) },
            Ok(None) if self.live_len(now) < u64::from(self.limits.entries) => Plan::Insert { evict: None },
            Ok(None) => match self.victim_when_full(port.index(), now) {
                Some(victim) => Plan::Insert { evict: Some(victim) },
                None => Plan::Full,
            },
        }
    }

    /// Does what [`Fdb::plan`] said, for the same address, port and moment.
    pub(crate) fn apply(&mut self, plan: Plan, vid: Vid, mac: MacAddr, port: PortId, now: Instant) -> Learned {
        let (key, now) = (key(vid, mac), secs(now));
        match plan {
            Plan::Refresh(bucket) => {
                self.touch(bucket, port, now);
                Learned::Refreshed
            }
            Plan::Move { bucket, from, evict } => {
                self.touch(bucket, port, now);
                self.stats.moves += 1;
                evict.into_iter().for_each(|victim| self.evict_oldest(victim));
                Learned::Moved(from)
            }
            Plan::Insert { evict } => {
                evict.into_iter().for_each(|victim| self.evict_oldest(victim));
                self.put(key, port, Kind::Learned, now);
                self.stats.learned += 1;
                Learned::New
            }
            Plan::Held(holder) => Learned::Held(holder),
            Plan::Full => {
                self.stats.refused += 1;
                Learned::Full
            }
            Plan::Refused => {
                self.stats.refused += 1;
                Learned::Nothing
            }
        }
    }

    fn touch(&mut self, bucket: usize, port: PortId, now: u32) {
        let Some(slot) = self.table.get_bucket_mut(bucket) else { return };
        let is_here = usize::from(slot.port) == port.index();
        // Where an address may live longer than a stamp takes to come again, the stamp alone does not tell.
        let is_fresh = |slot: &Slot| self.limits.ageing_secs < STAMPS || self.order.seen(slot.node) == now;
        if slot.is_static() || (is_here && slot.was_refreshed_at(now) && is_fresh(slot)) {
            return;
        }
        self.order.renew(slot.node, usize::from(slot.port), port.index(), now);
        slot.refresh(port.index(), now);
    }

    fn put(&mut self, key: Key, port: PortId, kind: Kind, now: u32) {
        let node = match kind {
            Kind::Learned | Kind::Sticky => {
                self.next_sweep = self.next_sweep.min(now.saturating_add(self.limits.ageing_secs).saturating_add(1));
                self.order.push(port.index(), key, now)
            }
            Kind::Static => {
                self.ports[port.index()].1 += 1;
                0
            }
        };
        if self.table.len() == self.table.capacity() {
            self.grow(self.table.len() * 2);
        }
        let (hash, seed, shared) = (self.hash(key), self.seed, &self.shared_seed);
        let slot = Slot::new(key, port.index(), node, kind, now);
        self.table.insert_unique(hash, slot, |slot| hash_of(slot.key, seed, shared));
    }

    fn take(&mut self, key: Key) -> Option<Slot> {
        let entry = self.table.find_entry(self.hash(key), |slot| slot.key == key).ok()?;
        let (slot, _) = entry.remove();
        let port = usize::from(slot.port);
        if slot.is_static() {
            self.ports[port].1 -= 1;
        } else {
            self.order.remove(port, slot.node);
        }
        Some(slot)
    }

    fn evict_oldest(&mut self, port: usize) {
        if let Some((key, _)) = self.order.oldest(port) {
            self.take(key);
            self.stats.evicted += 1;
        }
    }

    /// The port itself if it has reached its own limit and makes room for one more, or the plan that refuses.
    fn victim_in_port(&self, port: usize, share: Share, now: u32) -> Result<Option<usize>, Plan> {
        match share.limit {
            Some(limit) if self.live_len_of(port, now) >= limit => match (share.drops, limit) {
                (true, _) => Err(Plan::Refused),
                (false, 0) => Err(Plan::Full),
                (false, _) => Ok(Some(port)),
            },
            _ => Ok(None),
        }
    }

    /// Whose oldest address goes when all places are taken: the port's own if it has its share, else that of the port that
    /// holds most, if that is over its share.
    fn victim_when_full(&self, port: usize, now: u32) -> Option<usize> {
        let fixed: u32 = self.ports.iter().map(|(_, fixed)| fixed).sum();
        let holders = self.order.ports().filter(|other| *other == port || self.live_len_of(*other, now) > 0).count() as u32;
        let share = (self.limits.entries.saturating_sub(fixed) / holders.max(1)).max(1);
        if self.live_len_of(port, now) >= share {
            return Some(port);
        }
        self.fullest_port(now).filter(|fullest| self.live_len_of(*fullest, now) > share)
    }

    /// The port that holds the most learned addresses; of equals, the lowest.
    fn fullest_port(&self, now: u32) -> Option<usize> {
        let held = |port: &usize| self.live_len_of(*port, now);
        self.order.ports().rev().max_by_key(held).filter(|port| held(port) > 0)
    }

    fn live_len_of(&self, port: usize, now: u32) -> u32 {
        let aged = if now < self.next_sweep { 0 } else { self.order.len_before(port, self.live_since(now)) };
        self.order.len(port) - aged
    }

    fn live_len(&self, now: u32) -> u64 {
        if now < self.next_sweep {
            return self.table.len() as u64;
        }
        let fixed: u64 = self.ports.iter().map(|(_, fixed)| u64::from(*fixed)).sum();
        fixed + self.order.ports().map(|port| u64::from(self.live_len_of(port, now))).sum::<u64>()
    }

    fn is_live(&self, slot: &Slot, now: u32) -> bool {
        now < self.next_sweep || slot.is_static() || self.order.seen(slot.node) >= self.live_since(now)
    }

    /// The second since which a learned address must have been seen to be alive.
    fn live_since(&self, now: u32) -> u32 {
        now.saturating_sub(self.limits.ageing_secs)
    }

    fn first_expiry(&self) -> u32 {
        let oldest = self.order.ports().filter_map(|port| self.order.oldest(port)).map(|(_, seen)| seen).min();
        oldest.map_or(u32::MAX, |seen| seen.saturating_add(self.limits.ageing_secs).saturating_add(1))
    }

    fn grow(&mut self, capacity: usize) {
        let (seed, shared) = (self.seed, &self.shared_seed);
        self.table.reserve(capacity - self.table.len(), |slot| hash_of(slot.key, seed, shared));
        self.order.reserve(self.table.capacity());
        self.stats.grows += 1;
    }

    fn port(&self, slot: &Slot) -> PortId {
        self.ports[usize::from(slot.port)].0
    }

    fn shown(&self, slot: &Slot, now: u32) -> FdbEntry {
        FdbEntry {
            vid: Vid((slot.key >> 48) as u16),
            mac: MacAddr::from_bits(slot.key),
            port: self.port(slot),
            is_static: slot.is_static(),
            sticky: slot.kind() == Kind::Sticky,
            age_secs: if slot.is_static() { 0 } else { now.saturating_sub(self.order.seen(slot.node)) },
        }
    }

    fn find(&self, key: Key) -> Option<&Slot> {
        self.table.find(self.hash(key), |slot| slot.key == key)
    }

    fn hash(&self, key: Key) -> u64 {
        hash_of(key, self.seed, &self.shared_seed)
    }
}

impl fmt::Debug for Fdb {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Fdb").field("len", &self.len()).field("limits", &self.limits).field("stats", &self.stats).finish()
    }
}

fn key(vid: Vid, mac: MacAddr) -> Key {
    u64::from(vid.0) << 48 | mac.to_bits()
}

fn secs(now: Instant) -> u32 {
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}

fn hash_of(key: Key, seed: u64, shared: &SharedSeed) -> u64 {
    let mut hasher = FoldHasher::with_seed(seed, shared);
    hasher.write_u64(key);
    hasher.finish()
}
