//! Why there is no pool.

use super::list;
use super::tried::Tried;
use crate::ipam::pool::PoolId;
use crate::ipam::span::Family;
use ipnet::IpNet;
use std::fmt;

/// Default ranges that the text of an error names: Docker's and ours are fewer.
const SHOWN: usize = 12;

/// Why there is no pool. Its text says what was asked and why not; [`PoolError::hint`] what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PoolError {
    /// The subnet overlaps with that of a pool that is there, or is the same pool.
    Overlap {
        /// What was asked for.
        asked: PoolId,
        /// What is there.
        with: PoolId,
    },
    /// None of the default ranges has room for one more pool.
    Exhausted {
        /// The family that was asked for.
        family: Family,
        /// The ranges that were tried, in order.
        tried: Vec<Tried>,
    },
    /// The prefix length that was asked for lies in none of the default ranges.
    Size {
        /// The family that was asked for.
        family: Family,
        /// The prefix length that was asked for.
        size: u8,
    },
    /// The subnet has bits set behind its prefix.
    SubnetNotMasked(IpNet),
    /// The sub-range has bits set behind its prefix.
    RangeNotMasked(IpNet),
    /// The sub-range does not lie in its subnet.
    RangeOutside {
        /// The sub-range.
        range: IpNet,
        /// Its subnet.
        subnet: IpNet,
    },
    /// A sub-range was given and no subnet for it to lie in.
    RangeWithoutSubnet(IpNet),
    /// The subnet is of the other family.
    WrongFamily {
        /// The subnet that was asked for.
        subnet: IpNet,
        /// The family that was asked for.
        family: Family,
    },
    /// Both a subnet and another size were asked for.
    SizeOfSubnet {
        /// The subnet that was asked for.
        subnet: IpNet,
        /// The prefix length that was asked for.
        size: u8,
    },
    /// The null driver has one pool, and was asked for this one.
    NullSpecific(IpNet),
    /// The null driver has no IPv6.
    NullFamily,
}

impl PoolError {
    /// What a person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Overlap { with, .. } => {
                format!("choose another subnet, or none to get a free one; or delete the network that has {with}")
            }
            Self::Exhausted { .. } => "give a subnet with --subnet, or delete networks that are not used".to_owned(),
            Self::Size { .. } => "ask for a smaller pool, or give a subnet with --subnet".to_owned(),
            Self::SubnetNotMasked(net) | Self::RangeNotMasked(net) => format!("write {}", net.trunc()),
            Self::RangeOutside { subnet, .. } => format!("give a range inside {subnet}"),
            Self::RangeWithoutSubnet(_) => "give a subnet with --subnet that the range lies in".to_owned(),
            Self::WrongFamily { family, .. } => format!("give an {family} subnet"),
            Self::SizeOfSubnet { subnet, .. } => format!("leave the size out: {subnet} has one"),
            Self::NullSpecific(_) => "leave the subnet out, or use the default IPAM driver".to_owned(),
            Self::NullFamily => "leave IPv6 out, or use the default IPAM driver".to_owned(),
        }
    }
}

impl fmt::Display for PoolError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overlap { asked, with } if asked == with => {
                write!(out, "Pool overlaps with other one on this address space: {asked} is taken")
            }
            Self::Overlap { asked, with } => {
                write!(out, "Pool overlaps with other one on this address space: {asked} with {with}")
            }
            Self::Exhausted { family, tried } => {
                let none = "could not find an available, non-overlapping";
                write!(out, "{none} {family} address pool among the defaults to assign to the network: ")?;
                match tried.len().checked_sub(SHOWN) {
                    None if tried.is_empty() => write!(out, "there are no {family} defaults"),
                    None | Some(0) => out.write_str(&list("; ", tried)),
                    Some(more) => write!(out, "{}; and {more} more ranges", list("; ", &tried[..SHOWN])),
                }
            }
            Self::Size { family, size } => write!(out, "none of the {family} default ranges can hold a pool of size /{size}"),
            Self::SubnetNotMasked(net) => write!(out, "invalid subnet {net}: it should be {}", net.trunc()),
            Self::RangeNotMasked(net) => write!(out, "invalid ip-range {net}: it should be {}", net.trunc()),
            Self::RangeOutside { range, subnet } => {
                write!(out, "invalid ip-range {range}: parent subnet {subnet} doesn't contain ip-range")
            }
            Self::RangeWithoutSubnet(_) => out.write_str("every ip-range or gateway must have a corresponding subnet"),
            Self::WrongFamily { subnet, family } => write!(out, "invalid subnet {subnet}: it is no {family} block"),
            Self::SizeOfSubnet { subnet, size } => write!(out, "invalid subnet {subnet}: a pool of size /{size} is asked for"),
            Self::NullSpecific(net) => write!(out, "null ipam driver does not handle specific address pool requests: {net}"),
            Self::NullFamily => out.write_str("null ipam driver does not handle IPv6 address pool requests"),
        }
    }
}

impl std::error::Error for PoolError {}
