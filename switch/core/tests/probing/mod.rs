//! Two hosts of one overlay, and the path between them, in virtual time.

use lanloom_switch_core::Instant;
use lanloom_switch_core::vxlan::Vni;
use lanloom_switch_core::vxlan::probe::{Handled, PeerHealth, ProbeConfig, Prober};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

pub(crate) const A: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
pub(crate) const B: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

/// Bytes of an Ethernet header.
pub(crate) const HEADER: usize = 14;

/// Where a probe says what it is, and what an ask says there.
const KIND_AT: usize = 19;
const ASK: u8 = 1;

/// The tunnels' MTU.
pub(crate) const MTU: u32 = 1450;

/// What is between the hosts.
pub(crate) struct Path {
    /// From one host to the other, if there is any way.
    pub(crate) delay: Option<Duration>,
    /// The largest payload that passes, from A and from B.
    pub(crate) mtu: [u32; 2],
    /// Every how manieth small ask of A is lost, if any.
    pub(crate) loses: Option<usize>,
}

/// An ask of A's.
pub(crate) struct Sent {
    pub(crate) at: Instant,
    pub(crate) payload: u32,
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) path: Path,
    pub(crate) a: Prober,
    /// `None`: there is a VTEP, but none of ours.
    pub(crate) b: Option<Prober>,
    pub(crate) sent: Vec<Sent>,
    small: usize,
    on_the_way: Vec<(Instant, IpAddr, Vec<u8>)>,
}

pub(crate) fn prober(seed: u64) -> Prober {
    Prober::new(ProbeConfig { vni: Vni::new(42).expect("small"), mtu: MTU }, seed)
}

impl World {
    /// Two hosts of ours that were never apart.
    pub(crate) fn new() -> Self {
        let now = Instant::from_secs(100);
        let (mut a, mut b) = (prober(1), prober(2));
        a.add_peer(B);
        b.add_peer(A);
        let path = Path { delay: Some(Duration::from_millis(2)), mtu: [MTU; 2], loses: None };
        Self { now, path, a, b: Some(b), sent: Vec::new(), small: 0, on_the_way: Vec::new() }
    }

    /// Lets time go by.
    pub(crate) fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            self.transmit();
            let timers = [self.a.poll_timeout(), self.b.as_ref().and_then(Prober::poll_timeout)];
            let arrivals = self.on_the_way.iter().map(|(at, ..)| *at).min();
            let next = timers.into_iter().flatten().chain(arrivals).min().filter(|next| *next <= end);
            let Some(next) = next else { break };
            assert!(next > self.now || arrivals == Some(next), "a timer that does nothing");
            self.now = next;
            self.deliver();
        }
        self.now = end;
    }

    pub(crate) fn run_secs(&mut self, secs: u64) {
        self.run(Duration::from_secs(secs));
    }

    /// What A knows of B.
    pub(crate) fn health(&self) -> PeerHealth {
        self.a.status(self.now, B).expect("B is a peer")
    }

    /// Asks that A sent since a moment.
    pub(crate) fn sent_since(&self, since: Instant) -> usize {
        self.sent.iter().filter(|sent| sent.at >= since).count()
    }

    fn transmit(&mut self) {
        let mut frame = Vec::new();
        while let Some(to) = self.a.poll_transmit(self.now, &mut frame) {
            assert_eq!(to, B);
            self.carry(A, frame.clone());
        }
        while let Some(b) = &mut self.b
            && let Some(to) = b.poll_transmit(self.now, &mut frame)
        {
            assert_eq!(to, A);
            self.carry(B, frame.clone());
        }
    }

    fn deliver(&mut self) {
        let (due, later) = std::mem::take(&mut self.on_the_way).into_iter().partition(|(at, ..)| *at <= self.now);
        self.on_the_way = later;
        let due: Vec<_> = due;
        for (_, from, frame) in due {
            let handled = match (from == A, &mut self.b) {
                (true, Some(b)) => b.handle_frame(self.now, A, &frame),
                (true, None) => Handled::Taken,
                (false, _) => self.a.handle_frame(self.now, B, &frame),
            };
            if let Handled::Answer(answer) = handled {
                assert!(answer.len() <= frame.len(), "an answer larger than its ask");
                self.carry(if from == A { B } else { A }, answer.to_vec());
            }
        }
    }

    fn carry(&mut self, from: IpAddr, frame: Vec<u8>) {
        let payload = u32::try_from(frame.len() - HEADER).expect("a frame");
        let asks = from == A && frame[KIND_AT] == ASK;
        if asks {
            self.sent.push(Sent { at: self.now, payload });
        }
        self.small += usize::from(asks && payload < 100);
        let unlucky = asks && payload < 100 && self.path.loses.is_some_and(|every| self.small.is_multiple_of(every));
        let fits = payload <= self.path.mtu[usize::from(from == B)];
        if let Some(delay) = self.path.delay.filter(|_| fits && !unlucky) {
            self.on_the_way.push((self.now + delay, from, frame));
        }
    }
}
