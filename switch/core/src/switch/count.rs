//! Counting: what a verdict decided, and what links did with its copies.

use super::{EVENTS_MAX, Event, STORM_QUIET, Switch};
use crate::frame::Frame;
use crate::port::PortId;
use crate::time::Instant;
use crate::verdict::{DropReason, EgressFate, Fate, Learned};

impl Switch {
    /// Counts what the verdict decided, charges the storm limit, and notes events. Answers whether a copy was dropped.
    pub(super) fn account(&mut self, now: Instant, port: PortId, frame: &Frame<'_>) -> bool {
        let Self { places, verdict, .. } = self;
        let mut storm = None;
        if let Some(from) = places.get_mut(port.index()).and_then(|place| place.port.as_mut()) {
            from.counters.rx.count(frame);
            match verdict.fate {
                Fate::Forwarded => from.counters.forwarded += 1,
                Fate::Flooded(_) => {
                    from.counters.forwarded += 1;
                    if let Some(limit) = from.config.storm {
                        from.storm.take(limit, now, frame.segments());
                    }
                }
                Fate::Consumed(_) => from.counters.consumed += 1,
                Fate::Dropped(reason) => {
                    from.counters.drop_many(reason, 1);
                    let told_lately = from.storm_told.is_some_and(|told| now.since(told) < STORM_QUIET);
                    if reason == DropReason::Storm && !told_lately {
                        from.storm_told = Some(now);
                        storm = Some(Event::Storm { port });
                    }
                }
            }
        }
        let mut lost = false;
        for (to, fate) in &verdict.copies {
            if let (EgressFate::Dropped(reason), Some(to)) = (fate, places[to.index()].port.as_mut()) {
                to.counters.drop_many(*reason, 1);
                lost = true;
            }
        }
        if let Learned::Moved(from) = verdict.learned {
            self.tell(Event::Moved { mac: frame.source(), from, to: port });
        }
        storm.into_iter().for_each(|event| self.tell(event));
        lost
    }

    fn tell(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        } else {
            self.events_lost += 1;
        }
    }

    /// Counts frames that a link could not even hand over as frames: received and dropped. `len` in bytes.
    pub fn record_unreadable(&mut self, port: PortId, len: usize, reason: DropReason) {
        if let Ok(port) = self.port_mut(port) {
            port.counters.rx.count_raw(len, 1);
            port.counters.drop_many(reason, 1);
        }
    }

    /// Counts what `port`'s link did with a copy that the verdict sent there.
    pub fn record_copy(&mut self, port: PortId, len: usize, segments: u32, fate: EgressFate) {
        if let Ok(port) = self.port_mut(port) {
            match fate {
                EgressFate::Sent => port.counters.tx.count_raw(len, segments),
                EgressFate::Dropped(reason) => port.counters.drop_many(reason, 1),
            }
        }
    }

    /// Counts what `port`'s link did with a frame of `len` bytes that the switch itself made, see [`Switch::poll_transmit`].
    pub fn record_generated(&mut self, port: PortId, len: usize, fate: EgressFate) {
        self.record_copy(port, len, 1, fate);
        if let (Ok(port), EgressFate::Sent) = (self.port_mut(port), fate) {
            port.counters.generated += 1;
        }
    }

    /// Counts a frame of `len` bytes that was for the switch, and that the link took out before it came to
    /// [`Switch::handle_frame`]: received and consumed.
    pub fn record_consumed(&mut self, port: PortId, len: usize) {
        if let Ok(port) = self.port_mut(port) {
            port.counters.rx.count_raw(len, 1);
            port.counters.consumed += 1;
        }
    }

    /// Counts frames that the kernel lost on their way to `port` (`rx_overrun`).
    pub fn record_overrun(&mut self, port: PortId, frames: u64) {
        if let Ok(port) = self.port_mut(port) {
            port.counters.drop_many(DropReason::RxOverrun, frames);
        }
    }
}
