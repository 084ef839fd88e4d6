//! Who has which address behind a tunnel, so that not every host is asked: ARP and neighbour suppression.
//!
//! A question is a flood, and a flood costs a tunnel a copy for each peer. What ARP and neighbour discovery that come out of a tunnel
//! say of their senders is kept here, and asked again the switch answers itself. It is *not* a cache that hosts rely on: what it does
//! not know, or only half, is flooded as always.
//!
//! | file | one idea |
//! |---|---|
//! | `mod.rs` | what one tunnel has taught |
//! | `message.rs` | what a frame says and asks |
//! | `reply.rs` | the answer, as a frame |
//! | `view.rs` | what others see of it |

mod message;
mod reply;
mod view;

pub(crate) use message::{Asks, Message, Says, is_host};
pub(crate) use reply::Reply;
pub use view::{NeighbourEntry, NeighbourError};

use crate::mac::MacAddr;
use crate::time::Instant;
use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use hashbrown::HashMap;
use std::net::IpAddr;

/// Addresses that one tunnel may teach, and that may be set by hand on one switch.
pub const NEIGHBOURS_MAX: usize = 8192;

/// What has been heard of one address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) mac: MacAddr,
    /// Whether it is a router, which a host that is told otherwise no longer sends through (RFC 4861, 7.2.5); `None` if nobody said.
    pub(crate) router: Option<bool>,
    /// When it was heard last, in seconds.
    seen: u64,
}

impl Known {
    pub(crate) fn age_secs(&self, now: Instant) -> u64 {
        now.as_secs().saturating_sub(self.seen)
    }
}

/// What one tunnel has taught. It has places of its own, so nobody pushes out what another tunnel taught; once all are taken, they are
/// taken in turn.
#[derive(Clone, Debug)]
pub(crate) struct Neighbours {
    places: HashMap<IpAddr, u32, SeedableRandomState>,
    known: Vec<Option<(IpAddr, Known)>>,
    /// The place that is taken next when there is no other.
    turn: usize,
    limit: usize,
}

impl Neighbours {
    /// Room for `limit` addresses, at least one.
    pub(crate) fn new(limit: usize, seed: u64) -> Self {
        let places = HashMap::with_hasher(SeedableRandomState::with_seed(seed, SharedSeed::global_fixed()));
        Self { places, known: Vec::new(), turn: 0, limit: limit.max(1) }
    }

    pub(crate) fn get(&self, address: IpAddr) -> Option<&Known> {
        let place = *self.places.get(&address)?;
        self.known[place as usize].as_ref().map(|(_, known)| known)
    }

    /// Notes what was heard.
    pub(crate) fn teach(&mut self, says: &Says, now: Instant) {
        let heard = Known { mac: says.mac, router: says.router, seen: now.as_secs() };
        let place = self.places.get(&says.address).map(|place| *place as usize);
        match place.and_then(|place| self.known[place].as_mut()) {
            Some((_, known)) if known.mac == says.mac => *known = Known { router: says.router.or(known.router), ..heard },
            // Of two that have an address, one that does not insist leaves it to the other (RFC 4861, 7.2.5).
            Some(_) if !says.overrides => {}
            Some((_, known)) => *known = heard,
            None => self.insert(says.address, heard),
        }
    }

    pub(crate) fn forget(&mut self, address: IpAddr) {
        if let Some(place) = self.places.remove(&address) {
            self.known[place as usize] = None;
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (IpAddr, &Known)> {
        self.known.iter().flatten().map(|(address, known)| (*address, known))
    }

    fn insert(&mut self, address: IpAddr, heard: Known) {
        let place = self.known.len().min(self.limit);
        let place = if place < self.limit {
            self.known.push(Some((address, heard)));
            place
        } else {
            let place = self.turn;
            self.turn = (place + 1) % self.limit;
            if let Some((before, _)) = self.known[place].replace((address, heard)) {
                self.places.remove(&before);
            }
            place
        };
        self.places.insert(address, place as u32);
    }
}
