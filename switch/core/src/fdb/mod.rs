//! The filtering database (802.1D-2004 clause 7.9): which port leads to an address.
//!
//! Bounded in total and per port, and fair when full: a port that holds more than its share loses its own oldest addresses,
//! never another's; a port below its share takes the place of the oldest address of the port that holds most. What was set is no
//! part of that: it counts in total alone, and goes only when it is deleted, with its port, or (sticky) of age. The hash is
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
use order::{ListId, Order};
use slot::{Kind, STAMPS, Slot};
use std::fmt;
use std::hash::Hasher;

/// VLAN id and address in one number.
type Key = u64;

/// How much a filtering database may hold, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdbLimits {
    /// Addresses in total, those included that were set; at least 1.
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
    /// Whether it was set, and ages like a learned one but never moves to another port.
    pub sticky: bool,
    /// Whole seconds since it was last refreshed; 0 if static.
    pub age_secs: u32,
}

/// Why an entry was not set or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdbError {
    /// Entries that were set fill the database.
    Full,
    /// There is no such entry.
    NoSuchEntry,
    /// Only an individual, non-zero address can lead to a port.
    NotIndividual,
}

impl fmt::Display for FdbError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Full => "the filtering database is full of entries that were set",
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

/// What one port may learn.
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
    /// If the address is not individual, or entries that were set leave no place.
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

    /// Forgets what was learned, on one port or on all. Answers how many entries that were. Looks at no other port's: ports go down
    /// in the middle of traffic.
    pub fn flush(&mut self, port: Option<PortId>) -> usize {
        let before = self.table.len();
        match port {
            Some(port) if self.knows(port) => self.drain(ListId::learned(port.index())),
            Some(_) => {}
            None => self.order.ports().for_each(|port| self.drain(ListId::learned(port))),
        }
        before - self.table.len()
    }

    /// Forgets all that leads to a port, set or learned.
    pub(crate) fn forget(&mut self, port: PortId) {
        if !self.knows(port) {
            return;
        }
        self.drain(ListId::learned(port.index()));
        self.drain(ListId::sticky(port.index()));
        if self.ports[port.index()].1 > 0 {
            let keys: Vec<Key> = self.table.iter().filter(|slot| self.port(slot) == port).map(|slot| slot.key).collect();
            for key in keys {
                self.take(key);
            }
        }
    }

    fn knows(&self, port: PortId) -> bool {
        self.ports.get(port.index()).is_some_and(|(id, _)| *id == port)
    }

    fn drain(&mut self, list: ListId) {
        while let Some((key, _)) = self.order.oldest(list) {
            self.take(key);
        }
    }

    /// Forgets the oldest addresses learned on a port until they are no more than `limit`.
    pub(crate) fn hold_to(&mut self, limit: Option<u32>, port: PortId) {
        let held = self.order.len(ListId::learned(port.index()));
        (0..held.saturating_sub(limit.unwrap_or(u32::MAX))).for_each(|_| self.evict_oldest(port.index()));
    }

    /// Changes the ageing time, in seconds.
    pub fn set_ageing(&mut self, ageing_secs: u32) {
        self.limits.ageing_secs = ageing_secs;
        self.next_sweep = self.first_expiry();
    }

    /// When the next address may age: none does before, and it may be that none does then.
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
        for list in self.order.lists() {
            while let Some((key, seen)) = self.order.oldest(list) {
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
        let Some(from) = slot.list() else { return };
        if is_here && slot.was_refreshed_at(now) && is_fresh(slot) {
            return;
        }
        slot.refresh(port.index(), now);
        // Only what was learned comes here from another port.
        let to = if is_here { from } else { ListId::learned(port.index()) };
        self.order.renew(slot.node, from, to, now);
    }

    fn put(&mut self, key: Key, port: PortId, kind: Kind, now: u32) {
        let mut slot = Slot::new(key, port.index(), 0, kind, now);
        match slot.list() {
            Some(list) => {
                self.next_sweep = self.next_sweep.min(now.saturating_add(self.limits.ageing_secs).saturating_add(1));
                slot.node = self.order.push(list, key, now);
            }
            None => self.ports[port.index()].1 += 1,
        }
        if self.table.len() == self.table.capacity() {
            self.grow(self.table.len() * 2);
        }
        let (hash, seed, shared) = (self.hash(key), self.seed, &self.shared_seed);
        self.table.insert_unique(hash, slot, |slot| hash_of(slot.key, seed, shared));
    }

    fn take(&mut self, key: Key) -> Option<Slot> {
        let entry = self.table.find_entry(self.hash(key), |slot| slot.key == key).ok()?;
        let (slot, _) = entry.remove();
        match slot.list() {
            Some(list) => self.order.remove(list, slot.node),
            None => self.ports[usize::from(slot.port)].1 -= 1,
        }
        Some(slot)
    }

    fn evict_oldest(&mut self, port: usize) {
        if let Some((key, _)) = self.order.oldest(ListId::learned(port)) {
            self.take(key);
            self.stats.evicted += 1;
        }
    }

    /// The port itself if it has reached its own limit and makes room for one more, or the plan that refuses.
    fn victim_in_port(&self, port: usize, share: Share, now: u32) -> Result<Option<usize>, Plan> {
        match share.limit {
            Some(limit) if self.learned_on(port, now) >= limit => match (share.drops, limit) {
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
        let set = u32::try_from(self.set_len(now)).unwrap_or(u32::MAX);
        let holders = self.order.ports().filter(|other| *other == port || self.learned_on(*other, now) > 0).count() as u32;
        let share = (self.limits.entries.saturating_sub(set) / holders.max(1)).max(1);
        if self.learned_on(port, now) >= share {
            return Some(port);
        }
        self.fullest_port(now).filter(|fullest| self.learned_on(*fullest, now) > share)
    }

    /// The port that holds the most learned addresses; of equals, the lowest.
    fn fullest_port(&self, now: u32) -> Option<usize> {
        let held = |port: &usize| self.learned_on(*port, now);
        self.order.ports().rev().max_by_key(held).filter(|port| held(port) > 0)
    }

    fn learned_on(&self, port: usize, now: u32) -> u32 {
        self.live_len_of(ListId::learned(port), now)
    }

    fn live_len_of(&self, list: ListId, now: u32) -> u32 {
        let aged = if now < self.next_sweep { 0 } else { self.order.len_before(list, self.live_since(now)) };
        self.order.len(list) - aged
    }

    /// Entries that were set.
    fn set_len(&self, now: u32) -> u64 {
        let fixed: u64 = self.ports.iter().map(|(_, fixed)| u64::from(*fixed)).sum();
        fixed + self.order.ports().map(|port| u64::from(self.live_len_of(ListId::sticky(port), now))).sum::<u64>()
    }

    fn live_len(&self, now: u32) -> u64 {
        if now < self.next_sweep {
            return self.table.len() as u64;
        }
        self.set_len(now) + self.order.ports().map(|port| u64::from(self.learned_on(port, now))).sum::<u64>()
    }

    fn is_live(&self, slot: &Slot, now: u32) -> bool {
        now < self.next_sweep || slot.is_static() || self.order.seen(slot.node) >= self.live_since(now)
    }

    /// The second since which a learned address must have been seen to be alive.
    fn live_since(&self, now: u32) -> u32 {
        now.saturating_sub(self.limits.ageing_secs)
    }

    fn first_expiry(&self) -> u32 {
        let oldest = self.order.lists().filter_map(|list| self.order.oldest(list)).map(|(_, seen)| seen).min();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::PortConfig;
    use crate::switch::{Switch, SwitchConfig};

    const NOW: Instant = Instant::from_secs(1);

    fn station(number: u8) -> MacAddr {
        MacAddr([2, 0, 0, 0, 0, number])
    }

    #[test]
    fn one_address_in_two_vlans_is_two_entries() {
        let (one, two) = (PortId::new(0, 0), PortId::new(1, 0));
        let mut fdb = Fdb::new(FdbLimits::default(), 1);
        [one, two].into_iter().for_each(|port| fdb.ensure_port(port));
        for (vid, port) in [(Vid(1), one), (Vid(4095), two)] {
            fdb.set(vid, station(1), port, false, NOW).expect("room");
        }
        let at = |vid| fdb.lookup(Vid(vid), station(1), NOW);
        assert_eq!((at(1), at(4095), at(0), at(2)), (Some(one), Some(two), None, None));
        let shown: Vec<_> = fdb.entries(NOW).iter().map(|entry| (entry.vid, entry.mac)).collect();
        assert_eq!(shown, [(Vid(1), station(1)), (Vid(4095), station(1))]);
        assert_eq!(fdb.remove(Vid(1), station(1), NOW).map(|entry| entry.port), Ok(one));
        assert_eq!(fdb.lookup(Vid(4095), station(1), NOW), Some(two));
    }

    /// Whoever does not know the seed cannot choose addresses that crowd one bucket.
    #[test]
    fn where_an_address_stands_in_the_table_depends_on_the_switchs_seed() {
        let order = |seed| {
            let mut switch = Switch::new(SwitchConfig { seed, ..SwitchConfig::default() });
            let port = switch.add_port(PortConfig::default()).expect("a place");
            (0..=255).for_each(|number| switch.set_fdb(NOW, station(number), port, false).expect("room"));
            switch.fdb.table.iter().map(|slot| slot.key).collect::<Vec<_>>()
        };
        let orders = [0, 1, 2, u64::MAX].map(order);
        assert_eq!(orders[1], order(1), "the same seed, the same order");
        for (at, one) in orders.iter().enumerate() {
            assert!(orders[..at].iter().all(|other| other != one), "two seeds, one order");
        }
    }
}
