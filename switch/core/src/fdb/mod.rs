//! The filtering database (802.1D-2004 clause 7.9): which port leads to an address.
//!
//! Bounded in total and per port, and fair when full: a port that holds more than its share loses its own oldest addresses,
//! never another's; a port below its share takes the place of the oldest address of the port that holds most. What was set is no
//! part of that: it counts in total alone, and goes only when it is deleted, with its port, or (sticky) of age. The hash is
//! seeded, because senders choose their addresses. Ages count in whole seconds since the last refresh: an address lives for
//! the ageing time and up to one second more.
//!
//! It is *not* shared between threads: a table that its engine owns alone is read in nanoseconds.
//!
//! | file | one idea |
//! |---|---|
//! | `view.rs` | what others see of it |
//! | `learn.rs` | what a source address teaches |
//! | `share.rs` | who holds how much, and who makes room |
//! | `age.rs` | ages |
//! | `hand.rs` | what hands reach |
//! | `slot.rs`, `order.rs` | one address in the table, and in the order of ages |

mod age;
mod hand;
mod learn;
mod order;
mod share;
mod slot;
mod view;

pub(crate) use learn::{Plan, Share};
pub use view::{FdbEntry, FdbError, FdbLimits, FdbStats};

use crate::mac::MacAddr;
use crate::port::{PortId, Vid};
use crate::time::Instant;
use age::secs;
use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;
use hashbrown::HashTable;
use order::Order;
use slot::{Kind, Slot};
use std::fmt;
use std::hash::Hasher;

/// VLAN id and address in one number.
type Key = u64;

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

    /// Makes room for the entries of a port, which has none yet.
    pub(crate) fn ensure_port(&mut self, port: PortId) {
        self.order.ensure_port(port.index());
        if self.ports.len() <= port.index() {
            self.ports.resize(port.index() + 1, (port, 0));
        }
        self.ports[port.index()].0 = port;
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
