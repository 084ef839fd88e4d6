//! What a source address teaches (7.8): first decided, then done.

use super::age::secs;
use super::order::ListId;
use super::slot::{Kind, STAMPS, Slot};
use super::{Fdb, key};
use crate::mac::MacAddr;
use crate::port::{PortId, Vid};
use crate::time::Instant;
use crate::verdict::Learned;

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

impl Fdb {
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
}
