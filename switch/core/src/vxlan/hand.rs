//! What hands reach: peers, entries that were set, and a view of the table.

use super::peers::PeerId;
use super::vtep::{Vtep, can_be_peer};
use crate::fdb::FdbError;
use crate::mac::MacAddr;
use crate::port::Vid;
use crate::time::Instant;
use std::fmt;
use std::net::IpAddr;

/// One address inside and the peer that leads to it, or one line of the flood list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VtepEntry {
    /// The address; zero in the flood list, as `bridge fdb` shows it.
    pub mac: MacAddr,
    /// The peer's address outside.
    pub dst: IpAddr,
    /// Whether it was set, and neither ages nor moves.
    pub is_static: bool,
    /// Whole seconds since it was last refreshed; 0 if it was set.
    pub age_secs: u32,
}

/// Why an entry was not set or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandError {
    /// The table says no.
    Fdb(FdbError),
    /// The tunnel end has all the peers that it can have.
    TooManyPeers,
    /// A peer is a station's address of the family of the tunnel end's own, and not that itself.
    NoPeer,
}

impl fmt::Display for HandError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fdb(error) => error.fmt(out),
            Self::TooManyPeers => write!(out, "a tunnel end has at most {} peers", super::PEERS_MAX),
            Self::NoPeer => {
                out.write_str("that cannot be a peer: one is a host's address of the same family as the tunnel's own")
            }
        }
    }
}

impl std::error::Error for HandError {}

impl Vtep {
    /// Changes the peers that are named: floods go to those, and only what they send is taken.
    pub fn set_peers(&mut self, peers: &[IpAddr]) {
        self.latest = None;
        let gone: Vec<PeerId> =
            self.peers.all().filter(|peer| peer.named && !peers.contains(&peer.address)).map(|peer| peer.id).collect();
        self.config.peers = peers.to_vec();
        for peer in gone {
            self.peers.set_named(peer, false);
            self.peers.set_flooded(peer, false);
            self.let_go(peer);
        }
        self.name_peers();
    }

    /// Has the peers that are named, and the group, among its peers and flooded to.
    pub(super) fn name_peers(&mut self) {
        let group = self.config.group.as_ref().map(|group| group.address);
        for address in self.config.peers.clone().into_iter().chain(group) {
            if let Some(peer) = self.add_peer(address).filter(|peer| self.peer(*peer).is_some_and(|peer| !peer.named)) {
                self.peers.set_named(peer, true);
                self.peers.set_flooded(peer, true);
            }
        }
        self.probe_peers();
    }

    /// Sets which peer leads to an address, or, for the zero address, has floods sent to it.
    ///
    /// # Errors
    /// If that cannot be a peer, there are too many, or the table has no place.
    pub fn set_entry(&mut self, now: Instant, mac: MacAddr, dst: IpAddr) -> Result<(), HandError> {
        if !can_be_peer(&self.config, dst) {
            return Err(HandError::NoPeer);
        }
        self.latest = None;
        let peer = self.add_peer(dst).ok_or(HandError::TooManyPeers)?;
        if mac == MacAddr::ZERO {
            self.peers.set_flooded(peer, true);
            self.probe_peers();
            return Ok(());
        }
        let set = self.table.set(Vid::NONE, mac, peer, false, now).map_err(HandError::Fdb);
        if set.is_err() {
            self.let_go(peer);
        }
        set
    }

    /// Removes an entry, or, for the zero address, a line of the flood list, of that peer's if one is named.
    ///
    /// # Errors
    /// If there is none.
    pub fn delete_entry(&mut self, now: Instant, mac: MacAddr, dst: Option<IpAddr>) -> Result<VtepEntry, HandError> {
        self.latest = None;
        let none = HandError::Fdb(FdbError::NoSuchEntry);
        let entry = self.entries(now).into_iter().find(|entry| entry.mac == mac && dst.is_none_or(|dst| dst == entry.dst));
        let entry = entry.ok_or(none)?;
        let peer = self.peers.find(entry.dst).ok_or(none)?;
        if mac == MacAddr::ZERO {
            self.peers.set_flooded(peer, false);
        } else {
            self.table.remove(Vid::NONE, mac, now).map_err(HandError::Fdb)?;
        }
        self.let_go(peer);
        self.probe_peers();
        Ok(entry)
    }

    /// Changes the ageing time, in seconds.
    pub fn set_ageing(&mut self, secs: u32) {
        self.config.ageing_secs = secs;
        self.table.set_ageing(secs);
    }

    /// Forgets what was learned. Answers how many entries that were.
    pub fn flush(&mut self) -> usize {
        self.latest = None;
        self.table.flush(None)
    }

    /// The flood list, then every address, in order.
    pub fn entries(&self, now: Instant) -> Vec<VtepEntry> {
        let floods = self.peers.flooded().iter().filter_map(|peer| self.peer(*peer));
        let floods = floods.map(|peer| VtepEntry { mac: MacAddr::ZERO, dst: peer.address, is_static: true, age_secs: 0 });
        let shown = self.table.entries(now).into_iter().filter_map(|entry| {
            let dst = self.peer(entry.port)?.address;
            Some(VtepEntry { mac: entry.mac, dst, is_static: entry.is_static, age_secs: entry.age_secs })
        });
        floods.chain(shown).collect()
    }

    /// Addresses that a peer leads to.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no peer leads to any address.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Forgets a peer that nobody named and to which nothing leads that was set.
    fn let_go(&mut self, id: PeerId) {
        let stays = self.peers.get(id).is_none_or(|peer| peer.named || peer.flooded) || self.table.leads_to(id);
        if !stays {
            self.table.forget(id);
            self.peers.remove(id);
        }
    }
}
