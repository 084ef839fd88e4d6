//! Leases: who has which address, and for what.

use std::fmt;
use std::net::IpAddr;

/// A wish for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressAsk {
    /// This address; a free one of the pool's range if `None`.
    pub address: Option<IpAddr>,
    /// Who wants it, such as an endpoint's id. Asking again gets the same answer.
    pub owner: String,
    /// What for.
    pub kind: AddressKind,
    /// Choose the lowest free address, not the next one behind the last that was given (Docker's option
    /// `com.docker.network.ipam.serial`). Gateways are always chosen so.
    pub serial: bool,
}

/// What an address is for. An owner has at most one gateway and one endpoint's address in a pool, and any number of auxiliary
/// ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressKind {
    /// The network's gateway. To be requested before any endpoint's.
    Gateway,
    /// One that the network keeps for something that is no endpoint; always a particular one.
    Auxiliary,
    /// An endpoint's.
    Endpoint,
}

/// An address that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: IpAddr,
    /// Who has it.
    pub owner: String,
    /// What for.
    pub kind: AddressKind,
}

/// Who has an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Nobody: it is the IPv4 subnet itself.
    Network,
    /// Nobody: it is the IPv4 subnet's broadcast address.
    Broadcast,
    /// Any router of the IPv6 subnet (RFC 4291, section 2.6.1).
    SubnetRouters,
    /// A lease.
    Lease {
        /// Who has it.
        owner: String,
        /// What for.
        kind: AddressKind,
    },
}

/// What a pool has and has not left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Addresses of the subnet that cannot be given: leases of every pool in it, network and broadcast address. Together with
    /// what is available in a pool without a sub-range, it is the size of the subnet.
    pub in_use: u128,
    /// Addresses that are free in the pool's range.
    pub available: u128,
    /// The leases that were requested of this pool, by address.
    pub leases: Vec<Lease>,
}

impl AddressAsk {
    /// A wish for any address, for an endpoint.
    pub fn endpoint(owner: impl Into<String>) -> Self {
        Self { address: None, owner: owner.into(), kind: AddressKind::Endpoint, serial: false }
    }

    /// A wish for a gateway's address: this one, or the first that is free.
    pub fn gateway(owner: impl Into<String>, address: Option<IpAddr>) -> Self {
        Self { address, owner: owner.into(), kind: AddressKind::Gateway, serial: true }
    }

    /// A wish to keep that address out of use.
    pub fn auxiliary(owner: impl Into<String>, address: IpAddr) -> Self {
        Self { address: Some(address), owner: owner.into(), kind: AddressKind::Auxiliary, serial: true }
    }

    /// The same wish for this address alone.
    #[must_use]
    pub fn at(self, address: IpAddr) -> Self {
        Self { address: Some(address), ..self }
    }
}

impl fmt::Display for AddressKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Gateway => "gateway",
            Self::Auxiliary => "auxiliary address",
            Self::Endpoint => "endpoint",
        })
    }
}

impl fmt::Display for Holder {
    /// What the address is, as the end of a sentence.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network => out.write_str("its network address"),
            Self::Broadcast => out.write_str("its broadcast address"),
            Self::SubnetRouters => out.write_str("its subnet-router anycast address"),
            Self::Lease { owner, kind: AddressKind::Gateway } => write!(out, "the gateway of {owner}"),
            Self::Lease { owner, kind: AddressKind::Auxiliary } => write!(out, "an auxiliary address of {owner}"),
            Self::Lease { owner, kind: AddressKind::Endpoint } => write!(out, "the address of {owner}"),
        }
    }
}
