//! One tunnel end: who may send to it, what it learns, and where frames go.

use super::checks::Checks;
use super::config::VtepConfig;
use super::header::open;
use super::outer::{Marks, congestion};
use super::peers::{Peer, PeerId, Peers};
use super::probe::pace::STEADY;
use super::unknown::Unknown;
use crate::fdb::{Fdb, FdbLimits, Plan, Share};
use crate::frame::Frame;
use crate::mac::MacAddr;
use crate::port::Vid;
use crate::time::Instant;
use crate::verdict::DropReason;
use std::net::IpAddr;

/// What one peer may teach: as much as there is room for, as the table shares that fairly.
const SHARE: Share = Share { limit: None, drops: false };

/// One end of one VXLAN network. See the [module](super) page.
#[derive(Clone, Debug)]
pub struct Vtep {
    pub(super) config: VtepConfig,
    pub(super) peers: Peers,
    /// Which peer leads to an address inside.
    pub(super) table: Fdb,
    pub(super) checks: Checks,
    pub(super) unknown: Unknown,
    /// What was learned last: most datagrams come behind others of their flow, and teach nothing more. None after hands changed
    /// anything.
    pub(super) latest: Option<Latest>,
}

/// A peer's address and number, the source that it was the way to, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Latest {
    from: IpAddr,
    peer: PeerId,
    source: MacAddr,
    now: Instant,
}

/// A frame that came out of the tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inside<'a> {
    /// Who sent it.
    pub peer: PeerId,
    /// Its bytes.
    pub frame: &'a [u8],
    /// What is to be done to it first.
    pub marks: Marks,
    /// Whether it was a probe: consumed here, and nothing for the switch. What is to be said to it,
    /// [`Vtep::poll_transmit`] says.
    pub probe: bool,
}

impl Vtep {
    /// A tunnel end with the peers of `config`; more than [`PEERS_MAX`](super::PEERS_MAX) of them are left out. The hash of its tables
    /// starts at `seed`.
    pub fn new(config: VtepConfig, seed: u64) -> Self {
        let limits = FdbLimits { ageing_secs: config.ageing_secs, ..FdbLimits::default() };
        let checks = Checks::new(&config, seed);
        let (peers, table, unknown) = (Peers::new(seed), Fdb::new(limits, seed), Unknown::new());
        let mut vtep = Self { peers, table, checks, unknown, latest: None, config };
        vtep.name_peers();
        vtep
    }

    /// What it was made with, peers as they are named now.
    pub fn config(&self) -> &VtepConfig {
        &self.config
    }

    /// Takes a datagram of this network that `from` sent, and learns from it. Allocates nothing, unless a peer comes up that nobody
    /// named.
    ///
    /// # Errors
    /// [`DropReason::PeerUnknown`] from who is no peer; what the header or its lack says; [`DropReason::Spoofed`] if its source was
    /// set to be at another peer; [`DropReason::EcnLost`] if it cannot carry the mark of the packet outside.
    pub fn handle_datagram<'a>(
        &mut self,
        now: Instant,
        from: IpAddr,
        tos: u8,
        datagram: &'a [u8],
    ) -> Result<Inside<'a>, DropReason> {
        let Some(peer) = self.admit(from) else {
            self.unknown.note(now, from);
            return Err(DropReason::PeerUnknown);
        };
        let bytes = open(datagram, self.config.reserved, self.config.tags)?;
        let frame = Frame::new(bytes).ok_or(DropReason::VxlanMalformed)?;
        if self.checks.handle_frame(now, peer, from, bytes) {
            self.hear(now, peer, &frame);
            return Ok(Inside { peer, frame: bytes, marks: Marks::Stay, probe: true });
        }
        let marks = congestion(tos, &frame).map_err(|_| DropReason::EcnLost)?;
        let latest = Latest { from, peer, source: frame.source(), now };
        if self.config.learning && self.latest != Some(latest) {
            self.learn(now, peer, frame.source())?;
        }
        self.latest = Some(latest);
        self.hear(now, peer, &frame);
        Ok(Inside { peer, frame: bytes, marks, probe: false })
    }

    /// The peers that a frame to that address goes to: the one that leads to it, or all that floods are sent to.
    pub fn route(&self, now: Instant, destination: MacAddr) -> &[PeerId] {
        if destination.is_group() {
            return self.peers.flooded();
        }
        self.table.lookup(Vid::NONE, destination, now).map_or(self.peers.flooded(), |peer| self.peers.single(peer))
    }

    /// Counts a frame that was sent to a peer: `len` bytes, cut into `segments`.
    pub fn record_sent(&mut self, peer: PeerId, len: usize, segments: u32) {
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.sent.count_raw(len, segments);
        }
    }

    /// A peer, if it is still one.
    pub fn peer(&self, peer: PeerId) -> Option<&Peer> {
        self.peers.get(peer)
    }

    /// All peers, the group among them.
    pub fn peers(&self) -> impl Iterator<Item = &Peer> + '_ {
        self.peers.all()
    }

    /// Does what time alone brings: forgets aged addresses.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.table.sweep(now);
    }

    /// When to call [`Vtep::handle_timeout`] and [`Vtep::poll_transmit`] next, if ever.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.table.next_expiry(), self.checks.poll_timeout()].into_iter().flatten().min()
    }

    fn hear(&mut self, now: Instant, peer: PeerId, frame: &Frame<'_>) {
        let Some(peer) = self.peers.get_mut(peer) else { return };
        peer.received.count(frame);
        if peer.heard.replace(now).is_none_or(|before| now.since(before) > STEADY) {
            self.checks.note_heard(now, peer.address);
        }
    }

    /// Who sent it, if that is a peer.
    fn admit(&mut self, from: IpAddr) -> Option<PeerId> {
        if let Some(latest) = self.latest.filter(|latest| latest.from == from) {
            return Some(latest.peer);
        }
        match self.peers.find(from) {
            Some(peer) => Some(peer),
            None if self.config.is_open() && can_be_peer(&self.config, from) => self.add_peer(from),
            None => None,
        }
    }

    /// A peer of that address, known to the table.
    pub(super) fn add_peer(&mut self, address: IpAddr) -> Option<PeerId> {
        let peer = self.peers.ensure(address)?;
        self.table.ensure_port(peer);
        Some(peer)
    }

    fn learn(&mut self, now: Instant, peer: PeerId, source: MacAddr) -> Result<(), DropReason> {
        if !source.is_valid_source() {
            // The switch drops it, and says why.
            return Ok(());
        }
        self.table.sweep(now);
        let plan = self.table.plan(Vid::NONE, source, peer, SHARE, now);
        if matches!(plan, Plan::Held(_)) {
            return Err(DropReason::Spoofed);
        }
        self.table.apply(plan, Vid::NONE, source, peer, now);
        Ok(())
    }
}

/// Whether a host other than the tunnel's own can have that address: a station's, of the same family.
pub(super) fn can_be_peer(config: &VtepConfig, address: IpAddr) -> bool {
    let of_family = address.is_ipv4() == config.local.is_ipv4();
    of_family && address != config.local && !address.is_multicast() && !address.is_unspecified()
}
