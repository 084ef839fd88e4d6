//! The accounting law and the rules of 802.1D, over random histories, against the reference switch of `reference/`.
//!
//! After every step of a history: the verdicts are equal, the filtering databases are equal, every counter is equal, every
//! received frame has ended exactly once and so has every copy; and what `trace` foretold is what happened.

mod history;
mod reference;
mod wire;

use history::{Op, histories};
use lanloom_switch_core::switch::TRANSMIT_MAX;
use lanloom_switch_core::{
    Counters, DropReason, EgressFate, Event, Fate, FdbError, FdbLimits, Frame, Generated, Instant, PortId, Switch,
    SwitchConfig, Verdict,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{FileFailurePersistence, TestRunner};
use reference::table::Table;
use reference::{Book, Reference, Sent};
use std::collections::BTreeSet;
use std::time::Duration;

/// The real switch and the reference side by side, and the law's own sums.
struct Bout {
    real: Switch,
    reference: Reference,
    now: Instant,
    ids: Vec<PortId>,
    events: Vec<Event>,
    /// Copies that verdicts made, and frames that the switch made, towards ports that are still there.
    copies_made: u64,
}

impl Bout {
    fn new(limits: FdbLimits, seed: u64) -> Self {
        Self {
            real: Switch::new(SwitchConfig { fdb: limits, seed }),
            reference: Reference::new(Table::new(limits.entries, limits.ageing_secs)),
            now: Instant::from_nanos(0),
            ids: Vec::new(),
            events: Vec::new(),
            copies_made: 0,
        }
    }

    /// A port that is or was there; `None` before the first.
    fn id(&self, pick: usize) -> Option<PortId> {
        (!self.ids.is_empty()).then(|| self.ids[self.ids.len() - 1 - pick % self.ids.len()])
    }

    fn step(&mut self, op: &Op) -> Option<Verdict> {
        match op {
            Op::Wait(nanos) => self.now = self.now + Duration::from_nanos(*nanos),
            Op::Timeout => {
                self.real.handle_timeout(self.now);
                self.reference.table.sweep(self.now.as_secs());
            }
            Op::AddPort(config) => {
                let id = self.real.add_port(config.clone()).expect("far from 65,536 ports");
                assert_eq!(id, self.reference.add_port(config.clone()));
                self.ids.push(id);
            }
            Op::Ageing(secs) => {
                self.real.set_ageing(*secs);
                self.reference.table.ageing = u64::from(*secs);
            }
            Op::Flush(None) => assert_eq!(self.real.flush_fdb(None), self.reference.table.flush(None, false)),
            Op::DeleteEntry(mac) => {
                assert_eq!(self.real.delete_fdb(self.now, *mac).is_ok(), self.reference.table.remove(*mac, self.now.as_secs()));
            }
            Op::SetNeighbour(address, mac) => {
                let sound = mac.is_valid_source() && !address.is_unspecified();
                assert_eq!(self.real.set_neighbour(*address, *mac).is_ok(), sound);
                if sound {
                    self.reference.by_hand.insert(*address, *mac);
                }
            }
            Op::DeleteNeighbour(address) => {
                assert_eq!(self.real.delete_neighbour(*address).ok(), self.reference.by_hand.remove(address));
            }
            Op::Frame { port, sent, refused } => return self.id(*port).and_then(|id| self.frame(id, sent, *refused)),
            Op::Flush(Some(port)) => self.on_port(*port, |bout, id| {
                assert_eq!(bout.real.flush_fdb(Some(id)), bout.reference.table.flush(Some(id), false));
            }),
            Op::DeletePort(port) => self.on_port(*port, Self::delete_port),
            Op::SetPort(port, config) => self.on_port(*port, |bout, id| {
                assert_eq!(bout.real.set_port(id, config.clone()).is_ok(), bout.reference.set_port(id, config.clone()));
            }),
            Op::SetGuard(port, guard) => self.on_port(*port, |bout, id| {
                assert_eq!(bout.real.set_guard(id, guard.clone()).is_ok(), bout.reference.set_guard(id, guard.clone()));
            }),
            Op::SetForeign(foreign) => {
                self.real.set_foreign(foreign);
                self.reference.set_foreign(foreign);
            }
            Op::SetLink(port, up) => self.on_port(*port, |bout, id| {
                assert_eq!(bout.real.set_link(id, *up).is_ok(), bout.reference.set_link(id, *up));
            }),
            Op::SetEntry { mac, port, sticky } => self.on_port(*port, |bout, id| {
                let answer = bout.real.set_fdb(bout.now, *mac, id, *sticky);
                assert_eq!(answer.is_ok(), bout.reference.set_entry(bout.now, *mac, id, *sticky), "{answer:?}");
                assert_eq!(answer == Err(FdbError::NotIndividual), bout.real.counters(id).is_ok() && !mac.is_valid_source());
            }),
            Op::Unreadable(port, len) => self.on_port(*port, |bout, id| {
                bout.real.record_unreadable(id, *len, DropReason::Malformed);
                bout.reference.unreadable(id, *len, DropReason::Malformed);
            }),
            Op::Consumed(port, len) => self.on_port(*port, |bout, id| {
                bout.real.record_consumed(id, *len);
                bout.reference.consumed(id, *len);
            }),
            Op::Generate(port, lengths, refused) => self.on_port(*port, |bout, id| bout.generate(id, lengths, *refused)),
            Op::Overrun(port, frames) => self.on_port(*port, |bout, id| {
                bout.real.record_overrun(id, *frames);
                bout.reference.overrun(id, *frames);
            }),
        }
        None
    }

    fn on_port(&mut self, pick: usize, act: impl FnOnce(&mut Self, PortId)) {
        if let Some(id) = self.id(pick) {
            act(self, id);
        }
    }

    fn delete_port(&mut self, id: PortId) {
        let (real, reference) = (self.real.delete_port(id).ok(), self.reference.delete_port(id));
        assert_eq!(real.as_ref().map(book_of), reference);
        if let Some(last) = real {
            assert_law(&last);
            self.copies_made -= copies_ended(&last);
        }
    }

    fn generate(&mut self, id: PortId, lengths: &[usize], refused: Option<DropReason>) {
        let end = refused.map_or(EgressFate::Sent, EgressFate::Dropped);
        for len in lengths {
            let made = self.real.generate(id, Generated::ArpReply, |bytes| bytes.resize(*len, 0));
            self.copies_made += u64::from(made.is_ok());
        }
        let there = self.real.counters(id).is_ok();
        let taken = self.transmitted(end);
        let room = lengths.len().min(TRANSMIT_MAX);
        assert_eq!(taken, lengths[..if there { room } else { 0 }].iter().map(|len| (id, *len)).collect::<Vec<_>>());
        self.reference.generated(id, lengths, TRANSMIT_MAX, end);
    }

    /// Takes all that the switch has to send, and says where each frame went and how long it is.
    fn transmitted(&mut self, end: EgressFate) -> Vec<(PortId, usize)> {
        let mut taken = Vec::new();
        while let Some(frame) = self.real.poll_transmit() {
            let (port, len) = (frame.port, frame.bytes.len());
            self.real.record_generated(port, len, end);
            taken.push((port, len));
        }
        taken
    }

    fn frame(&mut self, port: PortId, sent: &Sent, refused: Option<DropReason>) -> Option<Verdict> {
        let bytes = sent.bytes();
        let header = bytes.len() - sent.payload;
        let frame = Frame::super_frame(&bytes, sent.segments, header as u32 + sent.wire_payload).expect("has a header");
        let before = self.observed();
        let foretold = self.real.trace(self.now, port, &frame, &|id| format!("p{}", id.index()));
        assert_eq!(before, self.observed(), "trace changed the switch");

        let verdict = self.real.handle_frame(self.now, port, &frame).cloned();
        assert_eq!(verdict.as_ref().ok(), self.reference.frame(self.now, port, sent).as_ref(), "{sent:?} on {port:?}");
        assert_eq!(foretold.map(|trace| trace.verdict), verdict);
        let verdict = verdict.ok()?;
        assert_well_formed(port, &verdict);
        let end = refused.map_or(EgressFate::Sent, EgressFate::Dropped);
        for (to, fate) in &verdict.copies {
            self.copies_made += 1;
            if *fate == EgressFate::Sent {
                self.real.record_copy(*to, bytes.len(), sent.segments, end);
                self.reference.copied(*to, bytes.len(), sent.segments, end);
            }
        }
        let answers = self.transmitted(end);
        assert_eq!(
            answers.iter().map(|(to, _)| *to).collect::<Vec<_>>(),
            verdict.answer.map(|_| port).into_iter().collect::<Vec<_>>()
        );
        self.copies_made += answers.len() as u64;
        self.reference.generated(port, &answers.iter().map(|(_, len)| *len).collect::<Vec<_>>(), TRANSMIT_MAX, end);
        Some(verdict)
    }

    /// All that can be seen of the real switch from outside.
    fn observed(&self) -> String {
        let (fdb, timer) = (self.real.fdb(), self.real.poll_timeout());
        format!("{:?} {:?} {:?} {timer:?} {}", self.real, fdb.entries(self.now), fdb.stats(), fdb.len())
    }

    fn check(&mut self) {
        let now = self.now.as_secs();
        assert_eq!(self.real.fdb().entries(self.now), self.reference.table.shown(now));
        let (stats, tally) = (self.real.fdb().stats(), self.reference.table.tally);
        assert_eq!((stats.learned, stats.moves, stats.aged), (tally.learned, tally.moves, tally.aged));
        assert_eq!((stats.evicted, stats.refused), (tally.evicted, tally.refused));
        self.check_timer();
        assert_eq!(self.real.neighbours(self.now), self.reference.neighbours(now));
        let ids: Vec<_> = self.real.port_ids().collect();
        assert_eq!(ids, self.reference.ports().map(|place| place.id).collect::<Vec<_>>());
        let mut ended = 0;
        for place in self.reference.ports() {
            let counters = self.real.counters(place.id).expect("listed above");
            assert_eq!(book_of(counters), place.book, "{:?}", place.id);
            assert_eq!(self.real.config(place.id), Ok(&place.config));
            assert_law(counters);
            ended += copies_ended(counters);
        }
        assert_eq!(self.copies_made, ended, "a copy was lost, or ended twice");
        while let Some(event) = self.real.poll_event() {
            self.events.push(event);
        }
        assert_eq!((self.real.events_lost(), &self.events), (0, &self.reference.events));
    }

    /// Whoever sleeps until `poll_timeout` oversleeps no address.
    fn check_timer(&self) {
        let shown = self.real.fdb().entries(self.now);
        let ageing = self.real.fdb().limits().ageing_secs;
        let first = shown.iter().filter(|entry| !entry.is_static).map(|entry| ageing + 1 - entry.age_secs).min();
        if let Some(first) = first {
            let timer = self.real.poll_timeout().expect("an address will age");
            assert!(timer.as_secs() <= self.now.as_secs() + u64::from(first));
        }
    }
}

/// rx = forwarded + consumed + dropped.
fn assert_law(counters: &Counters) {
    assert_eq!(counters.rx.frames, counters.forwarded + counters.consumed + counters.rx_dropped());
}

fn copies_ended(counters: &Counters) -> u64 {
    counters.tx.frames + counters.drops().filter(|(reason, _)| reason.is_egress()).map(|(_, frames)| frames).sum::<u64>()
}

fn assert_well_formed(ingress: PortId, verdict: &Verdict) {
    assert!(verdict.copies.windows(2).all(|pair| pair[0].0.index() < pair[1].0.index()), "copies in port order, one a port");
    assert!(verdict.copies.iter().all(|(to, _)| *to != ingress), "back to its port");
    match verdict.fate {
        Fate::Forwarded => assert_eq!(verdict.copies.len(), 1),
        Fate::Flooded(_) => assert!(!verdict.copies.is_empty()),
        Fate::Consumed(_) => assert!(verdict.copies.is_empty() && verdict.answer.is_some()),
        Fate::Dropped(reason) => assert!(verdict.copies.is_empty() && !reason.is_egress()),
    }
}

fn book_of(counters: &Counters) -> Book {
    let flow = |flow: lanloom_switch_core::Flow| [flow.frames, flow.bytes, flow.gso_frames, flow.gso_segments];
    let Counters { forwarded, consumed, generated, .. } = *counters;
    Book { rx: flow(counters.rx), tx: flow(counters.tx), forwarded, consumed, generated, drops: counters.drops().collect() }
}

/// Everything that a history brings out of the real switch, as text.
fn outputs(limits: FdbLimits, seed: u64, history: &[Op]) -> String {
    let mut bout = Bout::new(limits, seed);
    let mut out = String::new();
    for op in history {
        let verdict = bout.step(op);
        out += &format!("{verdict:?} {:?} {:?}\n", bout.real.fdb().entries(bout.now), bout.real.poll_timeout());
        for id in bout.real.port_ids() {
            out += &format!("{:?}\n", bout.real.counters(id));
        }
    }
    out
}

/// 256 histories, or as many as `PROPTEST_CASES` says. A failing one is kept beside this file and tried first ever after.
fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_step_of_every_history_is_what_the_reference_says((limits, history) in histories(), seed: u64) {
        let mut bout = Bout::new(limits, seed);
        for op in &history {
            bout.step(op);
            bout.check();
        }
    }

    #[test]
    fn the_same_history_has_the_same_outputs_whatever_the_hash_seed((limits, history) in histories(), seeds: [u64; 2]) {
        let first = outputs(limits, seeds[0], &history);
        prop_assert_eq!(&first, &outputs(limits, seeds[0], &history));
        prop_assert_eq!(&first, &outputs(limits, seeds[1], &history));
    }
}

/// The proof is worth what its histories reach.
#[test]
fn the_histories_reach_every_end_and_every_lesson_that_the_core_has() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        let (limits, history) = histories().new_tree(&mut runner).expect("no rejections").current();
        let mut bout = Bout::new(limits, 1);
        for verdict in history.iter().filter_map(|op| bout.step(op)) {
            seen.insert(format!("{:?}", verdict.fate));
            seen.extend(verdict.copies.iter().map(|(_, fate)| format!("{fate:?}")));
            seen.extend(verdict.answer.map(|answer| format!("{answer:?}")));
            seen.extend(format!("{:?}", verdict.learned).split('(').next().map(str::to_owned));
        }
    }
    let drops = "Malformed Spoofed RaGuard DhcpGuard BpduGuard \
        SourceInvalid ReservedAddress SamePort NoDestination FloodOff PortDown Isolated Storm FdbPortLimit MtuExceeded";
    let others = "Forwarded Flooded(Broadcast) Flooded(Multicast) Flooded(Unknown) Sent Nothing New Refreshed Moved Held Full FragmentationNeeded PacketTooBig \
        Consumed(Answered) ArpReply NeighbourAdvertisement";
    let drops = drops.split(' ').map(|reason| format!("Dropped({reason})"));
    let missing: Vec<_> = drops.chain(others.split(' ').map(str::to_owned)).filter(|name| !seen.contains(name)).collect();
    assert!(missing.is_empty(), "no history reached {missing:?}");
}
