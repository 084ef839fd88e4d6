//! Asks of one peer: those that wait for an answer, and how those before ended.

use super::pace::ANSWER_WITHIN;
use super::view::{Loss, RoundTrip};
use crate::time::Instant;
use std::time::Duration;

/// Asks that wait at once. More are never needed: one a second, and one beside each tried size, wait for a second.
const OPEN_MAX: usize = 4;

/// An ask that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub sequence: u64,
    pub sent: Instant,
}

impl Ask {
    /// When it counts as lost.
    pub(super) fn expiry(&self) -> Instant {
        self.sent + ANSWER_WITHIN
    }
}

/// The asks of the smallest size.
#[derive(Clone, Debug, Default)]
pub(super) struct Asks {
    /// In the order they were sent.
    open: [Option<Ask>; OPEN_MAX],
    /// How the last ones ended, the newest in bit 0; 1 is lost.
    ends: u64,
    ended: u32,
    lost_in_row: u8,
    /// When the newest of those that were answered was sent, and of those that ended at all.
    answered: Option<Instant>,
    settled: Option<Instant>,
    round_trip: Option<RoundTrip>,
}

impl Asks {
    /// Notes an ask that is sent now. If too many wait, the oldest is lost.
    pub(super) fn send(&mut self, ask: Ask) {
        if self.open[OPEN_MAX - 1].is_some() {
            self.give_up();
        }
        if let Some(place) = self.open.iter_mut().find(|place| place.is_none()) {
            *place = Some(ask);
        }
    }

    /// Takes an answer if it is to an ask that waits. Each is answered once.
    pub(super) fn answer(&mut self, now: Instant, sequence: u64, asked: u64) -> bool {
        let open = |ask: &Ask| ask.sequence == sequence && ask.sent.as_nanos() == asked;
        let Some(ask) = self.open.iter_mut().find(|place| place.as_ref().is_some_and(open)).and_then(Option::take) else {
            return false;
        };
        self.close_up();
        self.end(&ask, false);
        self.answered = self.answered.max(Some(ask.sent));
        self.measure(now.since(ask.sent));
        true
    }

    /// Gives up the oldest ask if it has waited too long. Answers whether it did: there may be more.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        if self.open[0].is_none_or(|ask| now < ask.expiry()) {
            return false;
        }
        self.give_up();
        true
    }

    /// When the oldest ask is given up.
    pub(super) fn expiry(&self) -> Option<Instant> {
        self.open[0].map(|ask| ask.expiry())
    }

    /// Whether something that was asked then or later was answered.
    pub(super) fn answered_since(&self, sent: Instant) -> bool {
        self.answered.is_some_and(|answered| answered >= sent)
    }

    /// Whether something that was asked then or later was answered or lost.
    pub(super) fn settled_since(&self, sent: Instant) -> bool {
        self.settled.is_some_and(|settled| settled >= sent)
    }

    pub(super) fn lost_in_row(&self) -> u8 {
        self.lost_in_row
    }

    pub(super) fn loss(&self) -> Loss {
        Loss { lost: self.ends.count_ones(), asked: self.ended }
    }

    pub(super) fn round_trip(&self) -> Option<RoundTrip> {
        self.round_trip
    }

    /// The oldest is lost.
    fn give_up(&mut self) {
        if let Some(ask) = self.open[0].take() {
            self.close_up();
            self.end(&ask, true);
        }
    }

    fn end(&mut self, ask: &Ask, lost: bool) {
        self.settled = self.settled.max(Some(ask.sent));
        self.ends = self.ends << 1 | u64::from(lost);
        self.ended = (self.ended + 1).min(u64::BITS);
        self.lost_in_row = if lost { self.lost_in_row.saturating_add(1) } else { 0 };
    }

    fn measure(&mut self, last: Duration) {
        let smoothed = self.round_trip.map_or(last, |before| (before.smoothed * 7 + last) / 8);
        self.round_trip = Some(RoundTrip { last, smoothed });
    }

    /// Moves what waits to the front, in order.
    fn close_up(&mut self) {
        self.open.sort_by_key(|place| (place.is_none(), place.map(|ask| ask.sequence)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(sequence: u64) -> Ask {
        Ask { sequence, sent: Instant::from_nanos(1000 + sequence) }
    }

    #[test]
    fn more_asks_than_there_are_places_end_the_oldest() {
        let mut asks = Asks::default();
        (0..6).for_each(|sequence| asks.send(ask(sequence)));
        assert_eq!(asks.loss(), Loss { lost: 2, asked: 2 });
        let answered: Vec<_> =
            (0..6).filter(|sequence| asks.answer(Instant::from_nanos(2000), *sequence, 1000 + sequence)).collect();
        assert_eq!(answered, [2, 3, 4, 5]);
    }

    #[test]
    fn the_window_keeps_the_last_sixty_four() {
        let mut asks = Asks::default();
        (0..100).for_each(|sequence| asks.end(&ask(sequence), true));
        assert_eq!(asks.loss(), Loss { lost: 64, asked: 64 });
        (0..63).for_each(|sequence| asks.end(&ask(sequence), false));
        assert_eq!(asks.loss(), Loss { lost: 1, asked: 64 });
    }
}
