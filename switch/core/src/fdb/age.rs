//! Ages, in whole seconds since the last refresh (7.9.2).

use super::Fdb;
use super::slot::Slot;
use crate::time::Instant;

impl Fdb {
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

    pub(super) fn is_live(&self, slot: &Slot, now: u32) -> bool {
        now < self.next_sweep || slot.is_static() || self.order.seen(slot.node) >= self.live_since(now)
    }

    /// The second since which a learned address must have been seen to be alive.
    pub(super) fn live_since(&self, now: u32) -> u32 {
        now.saturating_sub(self.limits.ageing_secs)
    }

    fn first_expiry(&self) -> u32 {
        let oldest = self.order.lists().filter_map(|list| self.order.oldest(list)).map(|(_, seen)| seen).min();
        oldest.map_or(u32::MAX, |seen| seen.saturating_add(self.limits.ageing_secs).saturating_add(1))
    }
}

pub(super) fn secs(now: Instant) -> u32 {
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}
