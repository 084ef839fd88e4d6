//! Why a pool or an address was refused. The first words are libnetwork's where it has words for it.

use super::defaults::PoolRange;
use super::lease::Holder;
use super::pool::PoolId;
use super::span::Family;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

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

/// Why there is no address. Its text says what was asked and why not; [`AddressError::hint`] what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressError {
    /// Someone has the address that was asked for.
    InUse {
        /// What was asked for.
        address: IpAddr,
        /// The pool that it was asked of.
        pool: PoolId,
        /// Who has it.
        by: Holder,
    },
    /// The address that was asked for is not one of the pool's subnet.
    OutOfRange {
        /// What was asked for.
        address: IpAddr,
        /// The pools that it was asked of; at least one.
        pools: Vec<PoolId>,
    },
    /// All addresses of these pools are in use.
    Exhausted {
        /// The pools that were tried, in order, and how many addresses each can give.
        pools: Vec<(PoolId, u128)>,
    },
    /// The owner has another address in that pool.
    HasAnother {
        /// What was asked for.
        address: IpAddr,
        /// What the owner has.
        has: IpAddr,
        /// The owner.
        owner: String,
    },
    /// There is no such pool.
    NoSuchPool(PoolId),
    /// No pool was named.
    NoPool,
    /// An auxiliary address was asked for, and not which.
    AuxiliaryUnnamed,
    /// The null driver gives no addresses, and was asked for this one.
    Null(IpAddr),
}

impl PoolError {
    /// What a person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Overlap { with, .. } => {
                format!("choose another subnet, or none to get a free one; or delete the network that has {with}")
            }
            Self::Exhausted { .. } => {
                "give a subnet with --subnet, delete networks that are not used, or configure more default address pools"
                    .to_owned()
            }
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
                write!(out, "{none} {family} address pool among the defaults to assign to the network")?;
                tried
                    .iter()
                    .enumerate()
                    .try_for_each(|(nth, tried)| write!(out, "{}{tried}", if nth == 0 { ": " } else { "; " }))?;
                if tried.is_empty() { write!(out, ": there are no {family} defaults") } else { Ok(()) }
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

impl Tried {
    /// Whether the range could hold a pool of that size if it were empty.
    pub(super) fn fits(&self) -> bool {
        self.range.base.prefix_len() <= self.size && self.size <= Family::of_net(self.range.base).bits()
    }
}

impl fmt::Display for Tried {
    /// As `192.168.0.0/16 cut to /20: in use by 14 pools (192.168.0.0/20, …), on the host 192.168.224.0/19`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: ", PoolRange { base: self.range.base, size: self.size })?;
        match (self.pools.count, self.avoided.count) {
            _ if !self.fits() => out.write_str("too small"),
            (0, 0) => out.write_str("no room"),
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
    pub(super) fn all(nets: impl Iterator<Item = IpNet>) -> Self {
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
        out.write_str(&list(&self.lowest))?;
        match self.count.saturating_sub(self.lowest.len()) {
            0 => Ok(()),
            more => write!(out, " and {more} more"),
        }
    }
}

impl AddressError {
    /// What a person can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::InUse { by: Holder::Network | Holder::Broadcast | Holder::SubnetRouters, .. } => {
                "ask for another address of the subnet".to_owned()
            }
            Self::InUse { by: Holder::Lease { .. }, .. } => {
                "ask for another address, or for none to get a free one; or delete what has it".to_owned()
            }
            Self::OutOfRange { pools, .. } => format!("ask for an address in {}", list(pools.iter().map(PoolId::subnet))),
            Self::Exhausted { .. } => "delete endpoints that are not used, or give the network one more subnet".to_owned(),
            Self::HasAnother { has, .. } => format!("release {has} first"),
            Self::NoSuchPool(_) => "request the pool first".to_owned(),
            Self::NoPool => "give the network a subnet of that family".to_owned(),
            Self::AuxiliaryUnnamed => "give the address".to_owned(),
            Self::Null(_) => "leave the address out, or use the default IPAM driver".to_owned(),
        }
    }
}

impl fmt::Display for AddressError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { address, pool, by } => {
                write!(out, "Address already in use: {address} of {} is {by}", pool.subnet())
            }
            Self::OutOfRange { address, pools } => {
                let subnets = list(pools.iter().map(PoolId::subnet));
                write!(out, "Requested address is out of range: {address} is not in {subnets}")
            }
            Self::Exhausted { pools } => {
                let each = pools.iter().map(|(pool, size)| format!("all {size} of {} are in use", pool.range()));
                write!(out, "No available addresses on this pool: {}", list(each))
            }
            Self::HasAnother { address, has, owner } => {
                write!(out, "{owner} cannot have {address}: it has {has} in this pool")
            }
            Self::NoSuchPool(pool) => write!(out, "unknown pool id: {pool}"),
            Self::NoPool => out.write_str("there is no pool to take an address from"),
            Self::AuxiliaryUnnamed => out.write_str("an auxiliary address is one that is named, and none was"),
            Self::Null(address) => write!(out, "null ipam driver gives no addresses: {address}"),
        }
    }
}

impl std::error::Error for AddressError {}

/// Things with commas between them.
fn list(things: impl IntoIterator<Item = impl fmt::Display>) -> String {
    things.into_iter().map(|thing| thing.to_string()).collect::<Vec<_>>().join(", ")
}
