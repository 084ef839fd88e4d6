//! The machine: all peers of one tunnel.

use super::peer::{Peer, Sending};
use super::view::{PeerHealth, ProbeCounters};
use super::wire::{Kind, Probe, Read, SMALLEST};
use crate::frame::HEADER_LEN;
use crate::time::Instant;
use crate::vxlan::Vni;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What a prober is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeConfig {
    /// The tunnel's VNI. Asks of another are not answered.
    pub vni: Vni,
    /// The tunnel's MTU: the payload of its largest frame, in bytes.
    pub mtu: u32,
}

/// What became of a frame from a tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// It was an ask: this frame goes back to who sent it.
    Answer([u8; SMALLEST]),
    /// It was a probe, and nothing is to be done.
    Taken,
    /// It is no probe: the switch's.
    NotOurs,
}

/// Asks the peers of one tunnel, answers theirs, and keeps what that tells. See the [room's page](super).
#[derive(Clone, Debug)]
pub struct Prober {
    config: ProbeConfig,
    peers: BTreeMap<IpAddr, Peer>,
    /// Every peer at the moment when it is due.
    agenda: BTreeSet<(Instant, IpAddr)>,
    /// Where ids come from.
    seed: u64,
    counters: ProbeCounters,
}

impl Prober {
    /// A prober without peers. Whoever knows the seed can forge answers: a daemon takes a random one.
    pub fn new(config: ProbeConfig, seed: u64) -> Self {
        Self { config, peers: BTreeMap::new(), agenda: BTreeSet::new(), seed, counters: ProbeCounters::default() }
    }

    /// Begins to ask a peer as soon as [`Prober::poll_transmit`] is called. One that is there stays as it is.
    pub fn add_peer(&mut self, address: IpAddr) {
        if self.peers.contains_key(&address) {
            return;
        }
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let peer = Peer::new(scattered(self.seed), self.config.mtu);
        self.agenda.insert((peer.due(), address));
        self.peers.insert(address, peer);
    }

    /// Forgets a peer, if it is there.
    pub fn remove_peer(&mut self, address: IpAddr) {
        if let Some(peer) = self.peers.remove(&address) {
            self.agenda.remove(&(peer.due(), address));
        }
    }

    /// Whose health is kept, in the order of their addresses.
    pub fn peers(&self) -> impl Iterator<Item = IpAddr> {
        self.peers.keys().copied()
    }

    /// Tells that the tunnel's MTU is another one. What was found of the paths is forgotten, and searched anew.
    pub fn set_mtu(&mut self, mtu: u32) {
        if mtu == self.config.mtu {
            return;
        }
        self.config.mtu = mtu;
        self.agenda.clear();
        for (address, peer) in &mut self.peers {
            peer.set_mtu(mtu);
            self.agenda.insert((peer.due(), *address));
        }
    }

    /// Asks all peers at once, and checks the paths to those that answer: for who wants to know how they are now. Until
    /// [`PeerHealth::checking`] is false of all, it is not known; that takes a round trip, or some seconds where something is lost.
    pub fn check(&mut self, now: Instant) {
        self.agenda.clear();
        for (address, peer) in &mut self.peers {
            peer.check(now);
            self.agenda.insert((peer.due(), *address));
        }
    }

    /// Takes the inner frame of a datagram that `from` sent, and says whose it is.
    pub fn handle_frame(&mut self, now: Instant, from: IpAddr, frame: &[u8]) -> Handled {
        let probe = match Probe::read(frame) {
            Read::NotOurs => return Handled::NotOurs,
            Read::Malformed => {
                self.counters.malformed += 1;
                return Handled::Taken;
            }
            Read::Probe(probe) => probe,
        };
        let (vni, counters) = (self.config.vni.get(), &mut self.counters);
        let handled = with(&mut self.peers, &mut self.agenda, from, |peer| match probe.kind {
            Kind::Ask if probe.vni != vni => {
                peer.hear(now);
                counters.other_vni += 1;
                Handled::Taken
            }
            Kind::Ask if peer.asked(now) => {
                counters.answers += 1;
                Handled::Answer(Probe { kind: Kind::Answer, ..probe }.head())
            }
            Kind::Ask => {
                counters.unanswered += 1;
                Handled::Taken
            }
            Kind::Answer => {
                let taken = peer.answer(now, &probe, probe.size.saturating_sub(HEADER_LEN as u32));
                *if taken { &mut counters.answered } else { &mut counters.unasked } += 1;
                Handled::Taken
            }
        });
        handled.unwrap_or_else(|| {
            self.counters.strangers += 1;
            Handled::Taken
        })
    }

    /// Notes that something came from a peer, probe or not. Once a batch is enough; who is no peer is nobody's concern.
    pub fn note_heard(&mut self, now: Instant, from: IpAddr) {
        with(&mut self.peers, &mut self.agenda, from, |peer| peer.hear(now));
    }

    /// The next frame to send and to whom, written over what `frame` holds. To be called until it answers `None`, whenever
    /// [`Prober::poll_timeout`] is due.
    pub fn poll_transmit(&mut self, now: Instant, frame: &mut Vec<u8>) -> Option<IpAddr> {
        while let Some(&(_, address)) = self.agenda.first().filter(|(due, _)| *due <= now) {
            let sending = with(&mut self.peers, &mut self.agenda, address, |peer| {
                peer.expire(now);
                peer.send(now).map(|sending| (peer.id, sending))
            });
            if let Some((id, sending)) = sending.flatten() {
                self.write(id, sending, frame);
                return Some(address);
            }
        }
        None
    }

    /// When to call [`Prober::poll_transmit`] next, if ever.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.agenda.first().map(|(due, _)| *due)
    }

    /// What is known of a peer; `None` if it is none.
    pub fn status(&self, now: Instant, address: IpAddr) -> Option<PeerHealth> {
        self.peers.get(&address).map(|peer| peer.health(now))
    }

    /// What it has done.
    pub fn counters(&self) -> ProbeCounters {
        self.counters
    }

    fn write(&mut self, id: u64, sending: Sending, frame: &mut Vec<u8>) {
        let len = sending.size.map_or(SMALLEST, |payload| payload as usize + HEADER_LEN);
        let probe = Probe {
            kind: Kind::Ask,
            vni: self.config.vni.get(),
            size: u32::try_from(len).unwrap_or(u32::MAX),
            id,
            sequence: sending.ask.sequence,
            asked: sending.ask.sent.as_nanos(),
        };
        frame.clear();
        frame.extend_from_slice(&probe.head());
        frame.resize(len, 0);
        self.counters.asked += 1;
    }
}

/// Lets a peer change, and moves it to where it now belongs in the agenda. `None` if there is no such peer.
fn with<T>(
    peers: &mut BTreeMap<IpAddr, Peer>,
    agenda: &mut BTreeSet<(Instant, IpAddr)>,
    address: IpAddr,
    change: impl FnOnce(&mut Peer) -> T,
) -> Option<T> {
    let peer = peers.get_mut(&address)?;
    let before = peer.due();
    let answer = change(peer);
    let after = peer.due();
    if before != after {
        agenda.remove(&(before, address));
        agenda.insert((after, address));
    }
    Some(answer)
}

/// A number whose every bit depends on every bit of another (the finaliser of SplitMix64).
fn scattered(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
