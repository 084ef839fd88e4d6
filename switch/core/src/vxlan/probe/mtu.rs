//! What size passes: the search of RFC 8899 5.3 with the tunnel's own MTU for its upper end.

use super::asks::Ask;
use super::pace::{CHECK_MTU, HURRIED, SIZE_TRIES};
use super::view::PathMtu;
use super::wire::SMALLEST;
use crate::frame::HEADER_LEN;
use crate::time::Instant;

/// The payload that every answered ask shows to pass.
const FLOOR: u32 = (SMALLEST - HEADER_LEN) as u32;

/// Sizes that are tried before halves: what every link of IPv6 takes (RFC 8200 5), and every host of IPv4 (RFC 791 3.1).
const LIKELY: [u32; 2] = [1280, 576];

/// The search for one peer. Sizes are payloads in bytes.
#[derive(Clone, Debug)]
pub(super) struct Search {
    /// Nothing larger is of use.
    wanted: u32,
    passes: u32,
    /// The smallest that was lost; always above `passes`.
    lost: Option<u32>,
    /// The size that is tried now, and how often it was lost.
    size: u32,
    losses: u8,
    open: Option<Ask>,
    /// When it is sent (again), if none waits; `None` until the peer answers at all.
    next: Option<Instant>,
    /// Whether the last check of a path that is known tried upwards.
    raised: bool,
    /// When the path was known last, after a check or a search.
    settled: Option<Instant>,
}

impl Search {
    pub(super) fn new(wanted: u32) -> Self {
        let wanted = wanted.max(FLOOR);
        let (passes, lost, open, next, settled) = (FLOOR, None, None, None, None);
        Self { wanted, passes, lost, size: wanted, losses: 0, open, next, raised: false, settled }
    }

    /// Starts over with another MTU of the tunnel.
    pub(super) fn set_wanted(&mut self, wanted: u32) {
        *self = Self { next: self.next.or(self.open.map(|ask| ask.sent)), ..Self::new(wanted) };
    }

    /// The peer answers: goes on where it stopped. Does nothing if it did not stop.
    pub(super) fn resume(&mut self, now: Instant) {
        if self.next.is_none() && self.open.is_none() {
            self.try_next(now);
        }
    }

    /// The peer does not answer: no size says anything now.
    pub(super) fn pause(&mut self) {
        (self.open, self.next, self.losses) = (None, None, 0);
    }

    /// Checks the path now, if it is known: whether what passed still does, or, if a larger size was lost, whether that passes now.
    pub(super) fn check(&mut self, now: Instant) {
        if self.open.is_none() && self.next.is_some() && self.is_known() {
            self.raised = false;
            self.plan(now);
            self.next = Some(now);
        }
    }

    /// Whether the path was known by a check or search that ended then or later.
    pub(super) fn settled_since(&self, when: Instant) -> bool {
        self.settled.is_some_and(|settled| settled >= when)
    }

    /// The payload to send now, if one is due. The caller asks for the smallest size along with it.
    pub(super) fn send(&mut self, ask: Ask) -> Option<u32> {
        if self.open.is_some() || self.next.is_none_or(|next| ask.sent < next) {
            return None;
        }
        (self.open, self.next) = (Some(ask), None);
        Some(self.size)
    }

    /// Takes an answer if it is to what is tried now.
    pub(super) fn answer(&mut self, now: Instant, sequence: u64, asked: u64, size: u32) -> bool {
        let ours = |ask: &Ask| (ask.sequence, ask.sent.as_nanos(), self.size) == (sequence, asked, size);
        if !self.open.as_ref().is_some_and(ours) {
            return false;
        }
        (self.open, self.losses) = (None, 0);
        self.passes = self.passes.max(size);
        self.lost = self.lost.filter(|lost| *lost > size);
        self.plan(now);
        true
    }

    /// Gives up what is tried now if it has waited too long. It says something about its size only if smaller ones that were
    /// sent along are answered.
    pub(super) fn expire(&mut self, now: Instant, answered_since: impl FnOnce(Instant) -> bool) {
        let Some(ask) = self.open.filter(|ask| now >= ask.expiry()) else { return };
        self.open = None;
        if !answered_since(ask.sent) {
            self.next = Some(now + HURRIED);
            return;
        }
        self.losses += 1;
        if self.losses < SIZE_TRIES {
            self.next = Some(now);
            return;
        }
        self.losses = 0;
        self.lose(self.size);
        self.plan(now);
    }

    /// When it has something to do next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.open.map(|ask| ask.expiry()).or(self.next)
    }

    pub(super) fn found(&self) -> PathMtu {
        match self.lost {
            None if self.passes == FLOOR && self.wanted > FLOOR => PathMtu::Unknown,
            None => PathMtu::AtLeast(self.passes),
            Some(lost) if lost > self.passes + 1 => PathMtu::Between(self.passes, lost),
            Some(_) => PathMtu::Is(self.passes),
        }
    }

    /// A size does not pass. If it did before, the path has become another one, and nothing else is known of it.
    fn lose(&mut self, size: u32) {
        if size <= self.passes {
            (self.passes, self.lost) = (FLOOR, None);
        }
        self.lost = self.lost.map_or(Some(size), |lost| Some(lost.min(size))).filter(|lost| *lost > FLOOR);
    }

    /// The next size at once, or, if the path is known, a check of it later.
    fn plan(&mut self, now: Instant) {
        if self.is_known() {
            self.settled = Some(now);
            self.raised = self.lost.is_some() && !self.raised;
            self.size = self.lost.filter(|_| self.raised).unwrap_or(self.passes);
            self.next = Some(now + CHECK_MTU);
        } else {
            self.try_next(now);
        }
    }

    fn is_known(&self) -> bool {
        match self.lost {
            None => self.passes == self.wanted,
            Some(lost) => lost == self.passes + 1,
        }
    }

    fn try_next(&mut self, now: Instant) {
        let between = |lost: u32| {
            let likely = LIKELY.into_iter().find(|size| (self.passes + 1..lost).contains(size));
            likely.filter(|_| self.passes < LIKELY[0]).unwrap_or(self.passes.midpoint(lost))
        };
        self.size = self.lost.map_or(self.wanted, between).max(self.passes);
        self.next = Some(now);
    }
}
