//! One peer: when it is asked, and what is known of it.

use super::asks::{Ask, Asks};
use super::mtu::Search;
use super::pace::{ANSWERS, FIRST_ASKS, GONE, GONE_AFTER, HURRIED, HURRIED_ASKS, NEVER, STEADY};
use super::view::{Answers, PeerHealth};
use super::wire::Probe;
use crate::storm::StormMeter;
use crate::time::Instant;

/// How many asks are hurried when a peer that did not answer asks us, or answers again.
const AWAKE_ASKS: u8 = 3;

/// What is sent to a peer now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    pub ask: Ask,
    /// The payload to try; `None` for the smallest probe.
    pub size: Option<u32>,
}

#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// Only this peer learns it, so another cannot answer for it.
    pub id: u64,
    answers: Answers,
    heard: Option<Instant>,
    asks: Asks,
    search: Search,
    sequence: u64,
    /// When the smallest probe is sent next, and was last.
    next: Instant,
    last: Option<Instant>,
    /// How many more of them are hurried.
    hurried: u8,
    answered: StormMeter,
    /// Since when somebody wants to know how it is now.
    checked: Option<Instant>,
}

impl Peer {
    pub(super) fn new(id: u64, mtu: u32) -> Self {
        Self {
            id,
            answers: Answers::Never,
            heard: None,
            asks: Asks::default(),
            search: Search::new(mtu),
            sequence: 0,
            next: Instant::default(),
            last: None,
            hurried: FIRST_ASKS - 1,
            answered: StormMeter::default(),
            checked: None,
        }
    }

    /// When [`Peer::expire`] or [`Peer::send`] has something to do.
    pub(super) fn due(&self) -> Instant {
        [self.asks.expiry(), self.search.due()].into_iter().flatten().fold(self.next, Instant::min)
    }

    /// Gives up what was not answered in time.
    pub(super) fn expire(&mut self, now: Instant) {
        while self.asks.expire(now) {
            self.lose(now);
        }
        let asks = &self.asks;
        self.search.expire(now, |sent| asks.answered_since(sent));
    }

    /// What is to be sent now, one by one.
    pub(super) fn send(&mut self, now: Instant) -> Option<Sending> {
        let ask = Ask { sequence: self.sequence, sent: now };
        let size = self.search.send(ask);
        if size.is_some() {
            self.next = now;
        } else if now >= self.next {
            self.asks.send(ask);
            self.last = Some(now);
            self.next = now + self.wait();
        } else {
            return None;
        }
        self.sequence += 1;
        Some(Sending { ask, size })
    }

    /// Takes an answer of a payload's `size`. Answers whether it was waited for.
    pub(super) fn answer(&mut self, now: Instant, probe: &Probe, size: u32) -> bool {
        self.hear(now);
        if probe.id != self.id {
            return false;
        }
        if self.search.answer(now, probe.sequence, probe.asked, size) {
            return true;
        }
        let taken = self.asks.answer(now, probe.sequence, probe.asked);
        match self.answers {
            Answers::Never | Answers::NoLonger if taken => {
                self.answers = Answers::Yes;
                self.hurried = self.hurried.max(AWAKE_ASKS);
                self.search.resume(now);
            }
            Answers::Never | Answers::NoLonger | Answers::Yes => {}
        }
        taken
    }

    /// The peer asks, so it is one of ours. Answers whether it is answered.
    pub(super) fn asked(&mut self, now: Instant) -> bool {
        self.hear(now);
        if self.answers != Answers::Yes {
            self.hurried = self.hurried.max(AWAKE_ASKS);
            self.wake(now);
        }
        let allowed = self.answered.allows(ANSWERS, now);
        if allowed {
            self.answered.take(ANSWERS, now, 1);
        }
        allowed
    }

    /// Anything came from it. One that was silent for long, and no longer answered, may be back.
    pub(super) fn hear(&mut self, now: Instant) {
        let was_silent = self.heard.is_none_or(|heard| now.since(heard) > STEADY);
        self.heard = Some(now);
        if was_silent && self.answers == Answers::NoLonger {
            self.wake(now);
        }
    }

    /// Somebody wants to know how it is now.
    pub(super) fn check(&mut self, now: Instant) {
        self.checked = Some(now);
        self.next = now;
        self.hurried = self.hurried.max(AWAKE_ASKS);
        self.search.check(now);
    }

    /// Whether what a check asked for is still to come.
    fn is_checking(&self) -> bool {
        self.checked.is_some_and(|since| match self.answers {
            Answers::Yes => !(self.asks.answered_since(since) && self.search.settled_since(since)),
            Answers::Never | Answers::NoLonger => !self.asks.settled_since(since),
        })
    }

    /// The tunnel's MTU is another one.
    pub(super) fn set_mtu(&mut self, mtu: u32) {
        self.search.set_wanted(mtu);
    }

    pub(super) fn health(&self, now: Instant) -> PeerHealth {
        PeerHealth {
            last_heard: self.heard.map(|heard| now.since(heard)),
            answers: self.answers,
            round_trip: self.asks.round_trip(),
            loss: self.asks.loss(),
            path_mtu: self.search.found(),
            checking: self.is_checking(),
        }
    }

    fn lose(&mut self, now: Instant) {
        match self.answers {
            Answers::Yes if self.asks.lost_in_row() < GONE_AFTER => {
                self.hurried = HURRIED_ASKS;
                self.wake(now);
            }
            Answers::Yes => {
                self.answers = Answers::NoLonger;
                self.search.pause();
            }
            Answers::Never | Answers::NoLonger => {}
        }
    }

    /// Asks now, or as soon as a hurried ask may follow the last one.
    fn wake(&mut self, now: Instant) {
        let soonest = self.last.map_or(now, |last| now.max(last + HURRIED));
        self.next = self.next.min(soonest);
    }

    /// From this ask to the next.
    fn wait(&mut self) -> std::time::Duration {
        if self.hurried > 0 {
            self.hurried -= 1;
            return HURRIED;
        }
        match self.answers {
            Answers::Yes => STEADY,
            Answers::NoLonger => GONE,
            Answers::Never => NEVER,
        }
    }
}
