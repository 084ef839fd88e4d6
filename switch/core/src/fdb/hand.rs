//! What hands reach: setting and removing entries, and forgetting what was learned.

use super::age::secs;
use super::order::ListId;
use super::slot::Kind;
use super::{Fdb, FdbEntry, FdbError, Key, key};
use crate::mac::MacAddr;
use crate::port::{PortId, Vid};
use crate::time::Instant;

impl Fdb {
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

    /// Forgets an address that was learned on another port than `port`.
    pub(crate) fn forget_elsewhere(&mut self, vid: Vid, mac: MacAddr, port: PortId) {
        let key = key(vid, mac);
        if self.find(key).is_some_and(|slot| slot.kind() == Kind::Learned && self.port(slot) != port) {
            self.take(key);
        }
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

    /// Whether an entry that was set, and does not age, leads to a port.
    pub(crate) fn leads_to(&self, port: PortId) -> bool {
        self.knows(port) && self.ports[port.index()].1 > 0
    }

    fn knows(&self, port: PortId) -> bool {
        self.ports.get(port.index()).is_some_and(|(id, _)| *id == port)
    }

    fn drain(&mut self, list: ListId) {
        while let Some((key, _)) = self.order.oldest(list) {
            self.take(key);
        }
    }
}
