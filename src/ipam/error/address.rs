//! Why there is no address.

use super::list;
use crate::ipam::lease::Holder;
use crate::ipam::pool::PoolId;
use std::fmt;
use std::net::IpAddr;

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
            Self::OutOfRange { pools, .. } => format!("ask for an address in {}", list(", ", pools.iter().map(PoolId::subnet))),
            Self::Exhausted { .. } => "delete endpoints that are not used, or give the network one more subnet: \
                 `lanloom network update NETWORK --subnet-add SUBNET`"
                .to_owned(),
            Self::HasAnother { has, .. } => format!("release {has} first"),
            Self::NoSuchPool(_) => "request the pool first".to_owned(),
            Self::NoPool => "give the network a subnet of that family".to_owned(),
            Self::AuxiliaryUnnamed => "give the address".to_owned(),
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
                let subnets = list(", ", pools.iter().map(PoolId::subnet));
                write!(out, "Requested address is out of range: {address} is not in {subnets}")
            }
            Self::Exhausted { pools } => {
                let each = pools.iter().map(|(pool, size)| format!("all {size} of {} are in use", pool.range()));
                write!(out, "No available addresses on this pool: {}", list(", ", each))
            }
            Self::HasAnother { address, has, owner } => {
                write!(out, "{owner} cannot have {address}: it has {has} in this pool")
            }
            Self::NoSuchPool(pool) => write!(out, "unknown pool id: {pool}"),
            Self::NoPool => out.write_str("there is no pool to take an address from"),
            Self::AuxiliaryUnnamed => out.write_str("an auxiliary address is one that is named, and none was"),
        }
    }
}

impl std::error::Error for AddressError {}
