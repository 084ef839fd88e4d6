//! A tunnel end and the probes of its peers' health: who is asked, and what waits to be sent.

use super::config::VtepConfig;
use super::peers::PeerId;
use super::probe::{Handled, PeerHealth, ProbeConfig, ProbeCounters, Prober, SMALLEST};
use super::vtep::Vtep;
use crate::time::Instant;
use std::collections::VecDeque;
use std::net::IpAddr;

/// Answers that wait to be sent; more are lost, and their askers ask again.
const ANSWERS_MAX: usize = 256;

/// What a tunnel's MTU is taken for until [`Vtep::set_mtu`] tells: that of an underlay of Ethernet.
const ETHERNET_MTU: u32 = 1500;

#[derive(Clone, Debug)]
pub(super) struct Checks {
    prober: Prober,
    answers: VecDeque<(PeerId, [u8; SMALLEST])>,
}

impl Checks {
    /// `seed` is not used as it is: it is what places of the tables follow from.
    pub(super) fn new(config: &VtepConfig, seed: u64) -> Self {
        let probes = ProbeConfig { vni: config.vni, mtu: ETHERNET_MTU.saturating_sub(config.overhead()) };
        Self { prober: Prober::new(probes, !seed), answers: VecDeque::new() }
    }

    /// Whether a frame from a peer was a probe.
    pub(super) fn handle_frame(&mut self, now: Instant, peer: PeerId, from: IpAddr, frame: &[u8]) -> bool {
        match self.prober.handle_frame(now, from, frame) {
            Handled::NotOurs => return false,
            Handled::Taken => {}
            Handled::Answer(answer) if self.answers.len() < ANSWERS_MAX => self.answers.push_back((peer, answer)),
            Handled::Answer(_) => {}
        }
        true
    }

    pub(super) fn note_heard(&mut self, now: Instant, from: IpAddr) {
        self.prober.note_heard(now, from);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.answers.is_empty() { self.prober.poll_timeout() } else { Some(Instant::default()) }
    }
}

impl Vtep {
    /// The next frame that this end sends of its own accord, and to whom: an answer to a peer's probe, or a probe. It is written over
    /// what `frame` holds, and goes to that peer with the tunnel's header before it, past the switch. To be called until it
    /// answers `None`: after datagrams that were [probes](super::Inside::probe), and when [`Vtep::poll_timeout`] is due.
    pub fn poll_transmit(&mut self, now: Instant, frame: &mut Vec<u8>) -> Option<PeerId> {
        if let Some((peer, answer)) = self.checks.answers.pop_front() {
            frame.clear();
            frame.extend_from_slice(&answer);
            return Some(peer);
        }
        loop {
            let address = self.checks.prober.poll_transmit(now, frame)?;
            if let Some(peer) = self.peers.find(address) {
                return Some(peer);
            }
        }
    }

    /// Tells the tunnel's MTU: the payload of the largest frame, in bytes, that it is meant to carry.
    pub fn set_mtu(&mut self, mtu: u32) {
        self.checks.prober.set_mtu(mtu);
    }

    /// Has all probed peers asked at once; see [`Prober::check`].
    pub fn check_peers(&mut self, now: Instant) {
        self.checks.prober.check(now);
    }

    /// How a peer is: one that was named, or that floods are sent to. `None` for others, the group among them.
    pub fn health(&self, now: Instant, peer: PeerId) -> Option<PeerHealth> {
        let peer = self.peers.get(peer)?;
        let health = self.checks.prober.status(now, peer.address)?;
        Some(PeerHealth { last_heard: peer.heard.map(|heard| now.since(heard)), ..health })
    }

    /// What its probes did.
    pub fn probe_counters(&self) -> ProbeCounters {
        self.checks.prober.counters()
    }

    /// Has those peers probed that were named or that floods are sent to, and no others.
    pub(super) fn probe_peers(&mut self) {
        let prober = &mut self.checks.prober;
        let wanted = |address| {
            let peer = self.peers.find(address).and_then(|id| self.peers.get(id));
            peer.is_some_and(|peer| (peer.named || peer.flooded) && !address.is_multicast())
        };
        let gone: Vec<IpAddr> = prober.peers().filter(|address| !wanted(*address)).collect();
        gone.into_iter().for_each(|address| prober.remove_peer(address));
        let added = self.peers.all().map(|peer| peer.address).filter(|address| wanted(*address));
        added.for_each(|address| prober.add_peer(address));
    }
}
