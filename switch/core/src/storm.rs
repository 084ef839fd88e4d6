//! The limit on what one port may make the switch flood.
//!
//! Two cables between two switches without a spanning tree multiply every flooded frame for ever. The limit bounds what such
//! a loop takes of the machine; it is no cure, and what it drops is counted as `storm`.

use crate::time::Instant;

/// Frames that one port may have flooded: a steady rate and a burst above it. A super-frame counts by its segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StormLimit {
    /// Frames a second, at least 1.
    pub rate: u32,
    /// Frames at once.
    pub burst: u32,
}

impl StormLimit {
    /// What a new port has: far above the ARP and neighbour discovery of hundreds of hosts, far below what a loop makes.
    pub const DEFAULT: Self = Self { rate: 10_000, burst: 2_000 };

    fn interval(self) -> u64 {
        1_000_000_000 / u64::from(self.rate.max(1))
    }
}

/// How far a port has used up its [`StormLimit`]: the generic cell rate algorithm, one number (ITU-T I.371, Annex A).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StormMeter {
    /// When the frames let through so far would have been due at the steady rate.
    due: u64,
}

impl StormMeter {
    /// Whether one more frame may be flooded now. Changes nothing.
    pub(crate) fn allows(self, limit: StormLimit, now: Instant) -> bool {
        let tolerance = limit.interval().saturating_mul(u64::from(limit.burst.max(1)) - 1);
        self.due <= now.as_nanos().saturating_add(tolerance)
    }

    /// Notes that a frame of `segments` wire frames was flooded.
    pub(crate) fn take(&mut self, limit: StormLimit, now: Instant, segments: u32) {
        let cost = limit.interval().saturating_mul(u64::from(segments.max(1)));
        self.due = self.due.max(now.as_nanos()).saturating_add(cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_passes_at_once_and_then_the_steady_rate() {
        let limit = StormLimit { rate: 1000, burst: 5 };
        let mut meter = StormMeter::default();
        let mut passed_in = |start: Instant, window: Duration, steps: u32| {
            let mut passed = 0;
            for step in 0..steps {
                let now = start + window * step / steps;
                if meter.allows(limit, now) {
                    meter.take(limit, now, 1);
                    passed += 1;
                }
            }
            passed
        };
        assert_eq!(passed_in(Instant::from_secs(10), Duration::ZERO, 100), 5);
        assert_eq!(passed_in(Instant::from_secs(11), Duration::from_secs(1), 100_000), 5 + 999);
    }

    #[test]
    fn a_super_frame_counts_by_its_segments() {
        let limit = StormLimit { rate: 1000, burst: 10 };
        let mut meter = StormMeter::default();
        let now = Instant::from_secs(1);
        meter.take(limit, now, 44);
        assert!(!meter.allows(limit, now));
        assert!(!meter.allows(limit, now + Duration::from_millis(34)));
        assert!(meter.allows(limit, now + Duration::from_millis(35)));
    }
}
