//! The peers of a tunnel end.

use crate::counters::Flow;
use crate::port::PortId;
use crate::time::Instant;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use std::net::IpAddr;

/// A peer's number at one tunnel end. One that is gone and its successor have different ones.
pub type PeerId = PortId;

/// How many peers a tunnel end may have.
pub const PEERS_MAX: usize = 4096;

/// A tunnel end elsewhere, or the group that stands for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its number here.
    pub id: PeerId,
    /// Its address outside.
    pub address: IpAddr,
    /// Whether it was named, and is a peer however little leads to it.
    pub named: bool,
    /// Whether floods are sent to it.
    pub flooded: bool,
    /// Frames that came from it.
    pub received: Flow,
    /// Frames that were sent to it.
    pub sent: Flow,
    /// When the last datagram came from it that was one of a peer's.
    pub heard: Option<Instant>,
}

/// All peers of one tunnel end, by number and by address.
#[derive(Clone, Debug)]
pub(super) struct Peers {
    slots: Vec<(u16, Option<Peer>)>,
    by_address: HashMap<IpAddr, PeerId, FixedState>,
    flooded: Vec<PeerId>,
    /// Number `n` at place `n`, so that one peer is a list of peers too.
    singles: Vec<PeerId>,
}

impl Peers {
    pub(super) fn new(seed: u64) -> Self {
        let by_address = HashMap::with_hasher(FixedState::with_seed(seed));
        Self { slots: Vec::new(), by_address, flooded: Vec::new(), singles: Vec::new() }
    }

    pub(super) fn find(&self, address: IpAddr) -> Option<PeerId> {
        self.by_address.get(&address).copied()
    }

    pub(super) fn get(&self, id: PeerId) -> Option<&Peer> {
        self.slots.get(id.index()).and_then(|slot| slot.1.as_ref()).filter(|peer| peer.id == id)
    }

    pub(super) fn get_mut(&mut self, id: PeerId) -> Option<&mut Peer> {
        self.slots.get_mut(id.index()).and_then(|slot| slot.1.as_mut()).filter(|peer| peer.id == id)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Peer> + '_ {
        self.slots.iter().filter_map(|slot| slot.1.as_ref())
    }

    /// Where floods are sent.
    pub(super) fn flooded(&self) -> &[PeerId] {
        &self.flooded
    }

    /// A list of that one peer, empty if it is gone.
    pub(super) fn single(&self, id: PeerId) -> &[PeerId] {
        self.singles.get(id.index()).filter(|single| **single == id).map_or(&[], std::slice::from_ref)
    }

    /// The peer of that address, made if there is none; `None` if there are [`PEERS_MAX`].
    pub(super) fn ensure(&mut self, address: IpAddr) -> Option<PeerId> {
        if let Some(id) = self.find(address) {
            return Some(id);
        }
        let index = self.slots.iter().position(|slot| slot.1.is_none()).unwrap_or(self.slots.len());
        if index >= PEERS_MAX {
            return None;
        }
        if index == self.slots.len() {
            self.slots.push((0, None));
            self.singles.push(PeerId::new(index as u16, 0));
        }
        let id = PeerId::new(index as u16, self.slots[index].0);
        let (received, sent) = (Flow::default(), Flow::default());
        self.slots[index].1 = Some(Peer { id, address, named: false, flooded: false, received, sent, heard: None });
        self.singles[index] = id;
        self.by_address.insert(address, id);
        Some(id)
    }

    pub(super) fn remove(&mut self, id: PeerId) {
        let Some(address) = self.get(id).map(|peer| peer.address) else { return };
        self.by_address.remove(&address);
        let slot = &mut self.slots[id.index()];
        *slot = (slot.0.wrapping_add(1), None);
        self.flooded.retain(|other| *other != id);
    }

    pub(super) fn set_named(&mut self, id: PeerId, named: bool) {
        if let Some(peer) = self.get_mut(id) {
            peer.named = named;
        }
    }

    pub(super) fn set_flooded(&mut self, id: PeerId, flooded: bool) {
        let Some(peer) = self.get_mut(id) else { return };
        if peer.flooded != flooded {
            peer.flooded = flooded;
            if flooded {
                self.flooded.push(id);
            } else {
                self.flooded.retain(|other| *other != id);
            }
        }
    }
}
