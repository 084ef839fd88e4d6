//! What others see of neighbours: entries and refusals.

use crate::mac::MacAddr;
use crate::port::PortId;
use std::fmt;
use std::net::IpAddr;

/// An address that the switch answers for, as shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NeighbourEntry {
    /// The IP address.
    pub address: IpAddr,
    /// Where it is.
    pub mac: MacAddr,
    /// The tunnel that it was heard from; `None` if it was set by hand.
    pub port: Option<PortId>,
    /// Whole seconds since it was last heard; 0 if set by hand.
    pub age_secs: u32,
}

/// Why an entry was not set or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeighbourError {
    /// As many are set by hand as may be.
    Full,
    /// There is no such entry that was set by hand.
    NoSuchEntry,
    /// Only the address of one host can be at one individual, non-zero MAC address.
    NotIndividual,
}

impl fmt::Display for NeighbourError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Full => "no room for more neighbours that are set: delete some first",
            Self::NoSuchEntry => "no such neighbour was set",
            Self::NotIndividual => "not the address of one host at one individual MAC address",
        })
    }
}

impl std::error::Error for NeighbourError {}
