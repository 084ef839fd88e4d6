//! The choice among the pools of one network.

use super::Ipam;
use super::error::AddressError;
use super::lease::AddressAsk;
use super::pool::PoolId;
use ipnet::IpNet;

/// The pool that the wish is bound to: the one that its owner has an address of, or that the address asked for lies in. `None`
/// if any will do.
pub(super) fn pool<'a>(ipam: &Ipam, pools: &'a [PoolId], ask: &AddressAsk) -> Result<Option<&'a PoolId>, AddressError> {
    if pools.is_empty() {
        return Err(AddressError::NoPool);
    }
    let held = |pool: &&PoolId| ipam.held_by(pool, ask).is_some();
    if let Some(pool) = pools.iter().find(held) {
        return Ok(Some(pool));
    }
    let Some(address) = ask.address else { return Ok(None) };
    let in_range = pools.iter().find(|pool| pool.range().contains(&address));
    let in_subnet = || pools.iter().find(|pool| pool.subnet().contains(&address));
    let found = in_range.or_else(in_subnet);
    found.map(Some).ok_or_else(|| AddressError::OutOfRange { address, pools: pools.to_vec() })
}

/// Any address of the first pool that has one.
pub(super) fn first_with_room(ipam: &mut Ipam, pools: &[PoolId], ask: &AddressAsk) -> Result<(PoolId, IpNet), AddressError> {
    let mut full = Vec::new();
    for pool in pools {
        match ipam.request_address(pool, ask) {
            Ok(net) => return Ok((pool.clone(), net)),
            Err(AddressError::Exhausted { pools }) => full.extend(pools),
            Err(other) => return Err(other),
        }
    }
    Err(AddressError::Exhausted { pools: full })
}
