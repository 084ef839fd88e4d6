//! What default ranges are full of.

use super::list;
use crate::ipam::defaults::PoolRange;
use crate::ipam::span::Family;
use ipnet::IpNet;
use std::fmt;

/// A default range that had no room, and what it is full of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The range.
    pub range: PoolRange,
    /// The prefix length that was looked for.
    pub size: u8,
    /// Subnets of pools that lie in it or around it: the lowest ones, and how many there are in all.
    pub pools: Met,
    /// Networks of the host that lie in it or around it: the lowest ones, and how many there are in all.
    pub avoided: Met,
}

/// Some of the networks that were met, and the number of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// The lowest, at most [`Met::SHOWN`].
    pub lowest: Vec<IpNet>,
    /// All.
    pub count: usize,
}

impl Tried {
    /// Whether the range could hold a pool of that size if it were empty.
    pub(in crate::ipam) fn fits(&self) -> bool {
        self.range.base.prefix_len() <= self.size && self.size <= Family::of_net(self.range.base).bits()
    }
}

impl fmt::Display for Tried {
    /// As `192.168.0.0/16 cut to /20: in use by 14 pools (192.168.0.0/20, …), on the host 192.168.224.0/19`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", PoolRange { base: self.range.base, size: self.size })?;
        match (self.pools.count, self.avoided.count) {
            _ if !self.fits() => out.write_str("too small"),
            (_, 0) => write!(out, "taken by pools {}", self.pools),
            (0, _) => write!(out, "on the host there is {}", self.avoided),
            (_, _) => write!(out, "taken by pools {}, and on the host there is {}", self.pools, self.avoided),
        }
    }
}

impl Met {
    /// How many are named.
    pub const SHOWN: usize = 3;

    /// Gathers them; lowest first.
    pub(in crate::ipam) fn all(nets: impl Iterator<Item = IpNet>) -> Self {
        nets.fold(Self::default(), |mut met, net| {
            if met.count < Self::SHOWN {
                met.lowest.push(net);
            }
            met.count += 1;
            met
        })
    }
}

impl fmt::Display for Met {
    /// As `10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24 and 7 more`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&list(", ", &self.lowest))?;
        match self.count.saturating_sub(self.lowest.len()) {
            0 => Ok(()),
            more => write!(out, " and {more} more"),
        }
    }
}
