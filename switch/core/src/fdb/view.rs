//! What others see of the database: its limits, its entries, its refusals, its counts.

use crate::mac::MacAddr;
use crate::port::{PortId, Vid};
use std::fmt;

/// How much a filtering database may hold, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FdbLimits {
    /// Addresses in total, those included that were set; at least 1.
    pub entries: u32,
    /// Whole seconds without a refresh after which a learned address is forgotten, within [`FdbLimits::AGEING_SECS`].
    pub ageing_secs: u32,
}

impl FdbLimits {
    /// What 802.1D-2004 Table 7-5 allows for the ageing time.
    pub const AGEING_SECS: std::ops::RangeInclusive<u32> = 10..=1_000_000;
}

impl Default for FdbLimits {
    /// 65,536 addresses, 300 seconds (Table 7-5).
    fn default() -> Self {
        Self { entries: 65_536, ageing_secs: 300 }
    }
}

/// One address, as shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FdbEntry {
    /// Its VLAN.
    pub vid: Vid,
    /// The address.
    pub mac: MacAddr,
    /// The port that leads to it.
    pub port: PortId,
    /// Whether it was set, never ages and never moves (7.9.1).
    pub is_static: bool,
    /// Whether it was set, and ages like a learned one but never moves to another port.
    pub sticky: bool,
    /// Whole seconds since it was last refreshed; 0 if static.
    pub age_secs: u32,
}

/// Why an entry was not set or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FdbError {
    /// Entries that were set fill the database.
    Full,
    /// There is no such entry.
    NoSuchEntry,
    /// Only an individual, non-zero address can lead to a port.
    NotIndividual,
}

impl fmt::Display for FdbError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Full => "the filtering database is full of entries that were set",
            Self::NoSuchEntry => "no such entry",
            Self::NotIndividual => "not an individual address",
        })
    }
}

impl std::error::Error for FdbError {}

/// What the database has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FdbStats {
    /// Addresses learned.
    pub learned: u64,
    /// Addresses that went from one port to another.
    pub moves: u64,
    /// Addresses forgotten because of their age.
    pub aged: u64,
    /// Addresses that lost their place to a newer one.
    pub evicted: u64,
    /// Addresses that found no place.
    pub refused: u64,
    /// How often the table doubled.
    pub grows: u64,
}
