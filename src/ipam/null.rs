//! The null IPAM driver: for networks whose addresses are nobody's business here.

use super::error::PoolError;
use super::pool::{Pool, PoolAsk, PoolId};
use super::span::Family;
use ipnet::Ipv4Net;
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
        Ok(PoolId::new(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0).into(), None)?.pool())
    }
}
