//! Fuzzing of probes as a hostile peer sends them, among answers that are right: arbitrary bytes, asks and answers with a few
//! bytes changed, replayed, at any time. Nothing panics, no answer is larger than what asked, a timer always has something to do,
//! and what is shown stays within its bounds.
//!
//! Runs for `LANLOOM_FUZZ_SECS` seconds (2 if unset) and prints how often.

use bolero::{TypeGenerator, check};
use lanloom_switch_core::Instant;
use lanloom_switch_core::vxlan::Vni;
use lanloom_switch_core::vxlan::probe::{Handled, PathMtu, ProbeConfig, Prober};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const B: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

#[derive(Debug, TypeGenerator)]
enum Step {
    Wait(u16),
    Bytes(Vec<u8>),
    /// The answer to the latest ask, as it should be.
    Answer,
    /// The same with one byte changed.
    Bent(u8, u8),
    /// An ask, of a size, with one byte changed.
    Ask(u16, u8, u8),
    SetMtu(u16),
    Check,
    Again,
}

#[derive(Default)]
struct Seen {
    answered: AtomicU64,
    unasked: AtomicU64,
    malformed: AtomicU64,
    answers: AtomicU64,
}

struct Host {
    now: Instant,
    prober: Prober,
    peer: Prober,
    asked: Vec<u8>,
}

#[test]
fn fuzz_probe() {
    let seconds = std::env::var("LANLOOM_FUZZ_SECS").ok().map_or(2, |text| text.parse().expect("a number of seconds"));
    let (executions, seen) = (AtomicU64::new(0), Seen::default());
    check!().with_type::<Vec<Step>>().with_test_time(Duration::from_secs(seconds)).for_each(|steps: &Vec<Step>| {
        executions.fetch_add(1, Ordering::Relaxed);
        let now = Instant::from_secs(1);
        let prober = |seed| Prober::new(ProbeConfig { vni: Vni::new(42).expect("small"), mtu: 1450 }, seed);
        let mut host = Host { now, prober: prober(1), peer: prober(2), asked: Vec::new() };
        host.prober.add_peer(B);
        host.peer.add_peer(A);
        steps.iter().for_each(|step| host.exercise(step));
        let counters = host.prober.counters();
        for (total, count) in [
            (&seen.answered, counters.answered),
            (&seen.unasked, counters.unasked),
            (&seen.malformed, counters.malformed),
            (&seen.answers, counters.answers),
        ] {
            total.fetch_add(count, Ordering::Relaxed);
        }
    });
    let executions = executions.into_inner();
    let seen = [seen.answered, seen.unasked, seen.malformed, seen.answers].map(AtomicU64::into_inner);
    println!("probe: {executions} executions ([answered, unasked, malformed, answers] = {seen:?}) in {seconds} s");
    assert!(seen.iter().all(|count| *count > 0), "every path was taken");
}

impl Host {
    fn exercise(&mut self, step: &Step) {
        match step {
            Step::Wait(ms) => self.now = self.now + Duration::from_millis(u64::from(*ms)),
            Step::Bytes(bytes) => self.hand(&bytes.clone()),
            Step::Answer => self.answer(|_| ()),
            Step::Bent(at, by) => self.answer(|frame| bend(frame, *at, *by)),
            Step::Ask(size, at, by) => {
                let mut frame = vec![];
                while self.peer.poll_transmit(self.now, &mut frame).is_some() {}
                frame.resize(usize::from(*size), 0);
                bend(&mut frame, *at, *by);
                self.hand(&frame);
            }
            Step::SetMtu(mtu) => self.prober.set_mtu(u32::from(*mtu)),
            Step::Check => self.prober.check(self.now),
            Step::Again => self.hand(&self.asked.clone()),
        }
        self.transmit();
    }

    fn answer(&mut self, change: impl Fn(&mut [u8])) {
        if let Handled::Answer(mut answer) = self.peer.handle_frame(self.now, A, &self.asked) {
            change(&mut answer);
            self.hand(&answer);
        }
    }

    fn hand(&mut self, frame: &[u8]) {
        match self.prober.handle_frame(self.now, B, frame) {
            Handled::Answer(answer) => assert!(answer.len() <= frame.len()),
            Handled::Taken | Handled::NotOurs => (),
        }
    }

    fn transmit(&mut self) {
        let mut frame = Vec::new();
        for _ in 0..3 {
            match self.prober.poll_transmit(self.now, &mut frame) {
                Some(to) => assert_eq!(to, B),
                None => break,
            }
            self.asked.clone_from(&frame);
        }
        assert!(self.prober.poll_timeout().is_some_and(|due| due > self.now), "sent all that was due");
        let health = self.prober.status(self.now, B).expect("a peer");
        assert!(health.loss.lost <= health.loss.asked && health.loss.asked <= 64);
        match health.path_mtu {
            PathMtu::Unknown => (),
            PathMtu::AtLeast(passes) | PathMtu::Is(passes) => assert!(passes <= u32::from(u16::MAX)),
            PathMtu::Between(passes, lost) => assert!(passes + 1 < lost && lost <= u32::from(u16::MAX)),
        }
    }
}

fn bend(frame: &mut [u8], at: u8, by: u8) {
    if let Some(byte) = frame.get_mut(usize::from(at)) {
        *byte ^= by;
    }
}
