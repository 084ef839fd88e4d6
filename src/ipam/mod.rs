//! IPAM: which subnets networks get, and which addresses of them gateways and endpoints get.
//!
//! An allocator in memory. It reads and writes nothing: whoever keeps it asks again, after a start, for the pools and addresses
//! that its records name, and then has the same allocator again, but for the place from which the next address is chosen.
//! Networks of the host that are to be kept clear of come in with each wish.
//!
//! It follows libnetwork (`ipam`, `ipams/null`, `ipamutils`) in its defaults, their order, and its words. It differs in that
//! - there are 65,536 more networks behind the 31 of Docker's defaults,
//! - the same owner that asks again gets the same address,
//! - sub-ranges of one subnet may overlap, and stay consistent, since the subnet's leases are theirs together,
//! - a pool takes its leases with it, and only its own,
//! - /31, /32, /127 and /128 are usable as a whole (RFC 3021, RFC 6164).
//!
//! [`DRIVERS`] are what a network's `--ipam-driver` names: [`Ipam`], or [`Null`], which gives nothing. [`Config`] is what a
//! network's creator may say, checked.

mod choose;
mod config;
mod defaults;
mod error;
mod fault;
mod free;
mod lease;
mod null;
mod pool;
mod space;
mod span;
mod special;
mod subnet;
#[cfg(test)]
mod tests;

pub use config::{Config, ConfigText, DEFAULT_GATEWAY_V4, DEFAULT_GATEWAY_V6};
pub use defaults::{Defaults, PoolRange, ula};
pub use error::{AddressError, Met, PoolError, Tried};
pub use fault::{ConfigError, ConfigErrors};
pub use lease::{AddressAsk, AddressKind, Holder, Lease, Usage};
pub use null::Null;
pub use pool::{Pool, PoolAsk, PoolId, PoolIdError};
pub use span::Family;

use ipnet::IpNet;
use pool::Wish;
use space::Space;
use std::net::IpAddr;

/// The IPAM drivers: [`Ipam`] and [`Null`].
pub const DRIVERS: [&str; 2] = ["default", "null"];

/// The default IPAM driver: one address space, in which no two pools overlap but sub-ranges of the same subnet.
///
/// A clone is independent: good for asking what would happen.
#[derive(Clone, Debug)]
pub struct Ipam {
    defaults: Defaults,
    v4: Space,
    v6: Space,
}

impl Ipam {
    /// An address space without pools. Pools that nobody named a subnet for will be cut from `defaults`.
    pub fn new(defaults: Defaults) -> Self {
        Self { defaults, v4: Space::new(Family::V4), v6: Space::new(Family::V6) }
    }

    /// Requests a pool: the subnet that is named, or else the lowest one of the first default range that has room.
    ///
    /// A named subnet is held against other pools only. A sub-range of a subnet that is held is one more pool in it.
    ///
    /// # Errors
    /// The wish contradicts itself, overlaps with a pool, or the defaults are exhausted. Nothing has changed then.
    pub fn request_pool(&mut self, ask: &PoolAsk) -> Result<Pool, PoolError> {
        let pool = match ask.wish()? {
            Wish::This(pool) => pool,
            Wish::Any(size) => {
                let ranges = self.defaults.of(ask.family);
                PoolId::new(self.space(ask.family).choose(size, ranges, &ask.avoid)?, None)?
            }
        };
        self.space_mut(ask.family).request_pool(&pool)?;
        Ok(pool.pool())
    }

    /// Releases a pool and every lease that was requested of it, and returns those. `None` if there is no such pool, which is
    /// no error: it may have been released before.
    pub fn release_pool(&mut self, pool: &PoolId) -> Option<Vec<Lease>> {
        self.space_mut(pool.family()).release_pool(pool)
    }

    /// Requests an address, and returns it with the prefix length of its subnet.
    ///
    /// Without a particular one asked for, it is a free address of the pool's range: the next behind the last that was chosen,
    /// from the start again behind the end; or the lowest, if `serial` or a gateway is asked for. A particular one may lie
    /// anywhere in the subnet.
    ///
    /// # Errors
    /// The address is in use or out of range, or none is left. Nothing has changed then.
    pub fn request_address(&mut self, pool: &PoolId, ask: &AddressAsk) -> Result<IpNet, AddressError> {
        let subnet = self.space_mut(pool.family()).subnet_of_mut(pool);
        let subnet = subnet.ok_or_else(|| AddressError::NoSuchPool(pool.clone()))?;
        let address = subnet.request(pool, ask)?;
        Ok(host_net(address, pool))
    }

    /// Requests an address of the first of these pools that has one, in order: those of one network and family.
    ///
    /// An owner that has an address in any of them gets that. A particular address is asked of the pool whose range it lies in,
    /// or else of one whose subnet it lies in.
    ///
    /// # Errors
    /// As [`Ipam::request_address`]; if no pool has one left, the error names them all.
    pub fn request_from(&mut self, pools: &[PoolId], ask: &AddressAsk) -> Result<(PoolId, IpNet), AddressError> {
        match choose::pool(self, pools, ask)? {
            Some(pool) => Ok((pool.clone(), self.request_address(pool, ask)?)),
            None => choose::first_with_room(self, pools, ask),
        }
    }

    /// Releases an address, and returns the lease that ends with it. `None` if the pool has given no such address, which is no
    /// error: it may have been released before.
    pub fn release_address(&mut self, pool: &PoolId, address: IpAddr) -> Option<Lease> {
        self.space_mut(pool.family()).subnet_of_mut(pool)?.release(pool, address)
    }

    /// What a pool has and has not left; `None` if there is no such pool. It takes time in proportion to its leases.
    pub fn usage(&self, pool: &PoolId) -> Option<Usage> {
        self.space(pool.family()).subnet_of(pool)?.usage(pool)
    }

    /// The pools that are held, IPv4 first, by subnet.
    pub fn pools(&self) -> impl Iterator<Item = &PoolId> {
        self.v4.pools().chain(self.v6.pools())
    }

    /// The address that the asking owner has of a pool for the same kind of use, but for auxiliary ones.
    fn held_by(&self, pool: &PoolId, ask: &AddressAsk) -> Option<IpAddr> {
        self.space(pool.family()).subnet_of(pool)?.held_by(pool, ask)
    }

    fn space(&self, family: Family) -> &Space {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    fn space_mut(&mut self, family: Family) -> &mut Space {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }
}

/// An address of a pool with the prefix length of its subnet.
fn host_net(address: IpAddr, pool: &PoolId) -> IpNet {
    let subnet = pool.subnet();
    IpNet::new(address, subnet.prefix_len()).unwrap_or(subnet)
}
