//! The rules of IPAM, one test each.

use super::*;

mod addresses;
mod config;
mod model;
mod null;
mod pools;
mod walk;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// An allocator with Docker's defaults, as a daemon has it.
fn ipam() -> Ipam {
    Ipam::new(Defaults::for_host(b"test"))
}

/// An allocator whose defaults are these ranges, for pools of these sizes.
fn small(ranges: &[(&str, u8)]) -> Ipam {
    let ranges = ranges.iter().map(|(base, size)| PoolRange { base: net(base), size: *size });
    let (v4, v6) = ranges.partition(|range| range.base.addr().is_ipv4());
    Ipam::new(Defaults { v4, v6 })
}

/// A pool of that subnet.
fn pool(ipam: &mut Ipam, subnet: &str) -> PoolId {
    ipam.request_pool(&PoolAsk::subnet(net(subnet))).unwrap().id
}

/// A pool of that part of a subnet.
fn part(ipam: &mut Ipam, subnet: &str, range: &str) -> PoolId {
    let ask = PoolAsk { range: Some(net(range)), ..PoolAsk::subnet(net(subnet)) };
    ipam.request_pool(&ask).unwrap().id
}

/// The subnet of a pool that was chosen.
fn any(ipam: &mut Ipam, ask: &PoolAsk) -> String {
    ipam.request_pool(ask).map_or_else(|error| error.to_string(), |pool| pool.subnet.to_string())
}

/// The address that this wish gets, or why not.
fn get(ipam: &mut Ipam, pool: &PoolId, ask: &AddressAsk) -> String {
    ipam.request_address(pool, ask).map_or_else(|error| error.to_string(), |net| net.addr().to_string())
}

/// The addresses that endpoints of these names get, one after the other.
fn endpoints(ipam: &mut Ipam, pool: &PoolId, owners: &[&str]) -> Vec<String> {
    owners.iter().map(|owner| get(ipam, pool, &AddressAsk::endpoint(*owner))).collect()
}
