//! The null IPAM driver: for networks whose addresses are nobody's business here.

use super::error::{AddressError, PoolError};
use super::lease::AddressAsk;
use super::pool::{Pool, PoolAsk, PoolId};
use super::span::Family;
use ipnet::{IpNet, Ipv4Net};
use std::net::Ipv4Addr;

/// The null IPAM driver: one pool for all networks, 0.0.0.0/0, of which there are no addresses (libnetwork, `ipams/null`). It
/// remembers nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Null;

impl Null {
    /// The one pool.
    ///
    /// # Errors
    /// A particular pool, or IPv6, is asked for.
    pub fn request_pool(self, ask: &PoolAsk) -> Result<Pool, PoolError> {
        if ask.family == Family::V6 {
            return Err(PoolError::NullFamily);
        }
        if let Some(net) = ask.subnet.or(ask.range) {
            return Err(PoolError::NullSpecific(net));
        }
        Ok(Self::pool()?.pool())
    }

    /// No address.
    ///
    /// # Errors
    /// A particular address is asked for, or the pool is not ours.
    pub fn request_address(self, pool: &PoolId, ask: &AddressAsk) -> Result<Option<IpNet>, AddressError> {
        if Self::pool().as_ref() != Ok(pool) {
            return Err(AddressError::NoSuchPool(pool.clone()));
        }
        ask.address.map_or(Ok(None), |address| Err(AddressError::Null(address)))
    }

    fn pool() -> Result<PoolId, PoolError> {
        PoolId::new(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0).into(), None)
    }
}
