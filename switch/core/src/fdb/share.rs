//! Who holds how much, and who makes room for one address more.

use super::Fdb;
use super::learn::{Plan, Share};
use super::order::ListId;
use crate::port::PortId;

impl Fdb {
    /// Forgets the oldest addresses learned on a port until they are no more than `limit`.
    pub(crate) fn hold_to(&mut self, limit: Option<u32>, port: PortId) {
        let held = self.order.len(ListId::learned(port.index()));
        (0..held.saturating_sub(limit.unwrap_or(u32::MAX))).for_each(|_| self.evict_oldest(port.index()));
    }

    pub(super) fn evict_oldest(&mut self, port: usize) {
        if let Some((key, _)) = self.order.oldest(ListId::learned(port)) {
            self.take(key);
            self.stats.evicted += 1;
        }
    }

    /// The port itself if it has reached its own limit and makes room for one more, or the plan that refuses.
    pub(super) fn victim_in_port(&self, port: usize, share: Share, now: u32) -> Result<Option<usize>, Plan> {
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
    pub(super) fn victim_when_full(&self, port: usize, now: u32) -> Option<usize> {
        let set = u32::try_from(self.set_len(now)).unwrap_or(u32::MAX);
        let holders = self.order.ports().filter(|other| *other == port || self.learned_on(*other, now) > 0).count() as u32;
        let share = (self.limits.entries.saturating_sub(set) / holders.max(1)).max(1);
        if self.learned_on(port, now) >= share {
            return Some(port);
        }
        self.fullest_port(now).filter(|fullest| self.learned_on(*fullest, now) > share)
    }

    /// The port that holds the most learned addresses; of equals, the lowest.
    pub(super) fn fullest_port(&self, now: u32) -> Option<usize> {
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

    pub(super) fn live_len(&self, now: u32) -> u64 {
        if now < self.next_sweep {
            return self.table.len() as u64;
        }
        self.set_len(now) + self.order.ports().map(|port| u64::from(self.learned_on(port, now))).sum::<u64>()
    }
}
