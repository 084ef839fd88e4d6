//! Which address is whose, by the guards of a switch.

use crate::mac::MacAddr;
use crate::port::PortId;
use foldhash::SharedSeed;
use foldhash::fast::SeedableRandomState;
use hashbrown::HashMap;
use std::fmt;
use std::net::IpAddr;

/// An address that a guard may call its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Claim {
    Mac(MacAddr),
    Address(IpAddr),
}

/// The owner of each address. Stations choose what is asked for and never what is in it.
#[derive(Clone, Debug)]
pub(crate) struct Claims {
    owners: HashMap<Claim, Owner, SeedableRandomState>,
}

#[derive(Clone, Copy, Debug)]
struct Owner {
    /// The one in the lowest place, if several ports have the address.
    port: PortId,
    /// How many ports have it.
    ports: u32,
}

impl Claims {
    pub(crate) fn new(seed: u64) -> Self {
        Self { owners: HashMap::with_hasher(SeedableRandomState::with_seed(seed, SharedSeed::global_fixed())) }
    }

    pub(crate) fn owner(&self, claim: Claim) -> Option<PortId> {
        self.owners.get(&claim).map(|owner| owner.port)
    }

    pub(crate) fn insert(&mut self, claim: Claim, port: PortId) {
        let owner = self.owners.entry(claim).or_insert(Owner { port, ports: 0 });
        owner.ports += 1;
        if port.index() < owner.port.index() {
            owner.port = port;
        }
    }

    /// Takes an address from a port. If other ports have it too, `heir` says which of them is in the lowest place.
    pub(crate) fn remove(&mut self, claim: Claim, heir: impl FnOnce() -> Option<PortId>) {
        let Some(owner) = self.owners.get_mut(&claim) else { return };
        owner.ports -= 1;
        match heir_of(owner.ports, heir) {
            Some(port) => owner.port = port,
            None => drop(self.owners.remove(&claim)),
        }
    }
}

fn heir_of(ports: u32, heir: impl FnOnce() -> Option<PortId>) -> Option<PortId> {
    if ports == 0 { None } else { heir() }
}

impl fmt::Display for Claim {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mac(mac) => mac.fmt(out),
            Self::Address(address) => address.fmt(out),
        }
    }
}
