//! The ranges that pools are cut from when nobody names a subnet, and the cutting.

use super::free::Free;
use super::span::{Family, Span};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Where automatically chosen pools come from, in the order in which they are tried.
///
/// A range that holds addresses of the other family, or that is smaller than one of its own pools, yields nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// For IPv4.
    pub v4: Vec<PoolRange>,
    /// For IPv6.
    pub v6: Vec<PoolRange>,
}

/// A range of addresses, and how large the pools are that it is cut into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolRange {
    /// The range.
    pub base: IpNet,
    /// The prefix length of a pool, unless another is asked for.
    pub size: u8,
}

impl Defaults {
    /// Docker's local ranges in Docker's order, then one of our own, so that there is no ceiling at 31 networks.
    ///
    /// For IPv4: 172.17/16 to 172.31/16 as 15 pools of /16, 192.168/16 as 16 of /20 (moby, `ipamutils`), and then 10/8 as
    /// 65,536 of /24. For IPv6: a /48 of this host alone as 65,536 of /64, see [`ula`]; `host` is what tells this host from
    /// others, such as the text of `/etc/machine-id`.
    pub fn for_host(host: &[u8]) -> Self {
        let v4 = |octets: [u8; 4], prefix, size| PoolRange { base: net4(octets, prefix), size };
        Self {
            v4: vec![
                v4([172, 17, 0, 0], 16, 16),
                v4([172, 18, 0, 0], 16, 16),
                v4([172, 19, 0, 0], 16, 16),
                v4([172, 20, 0, 0], 14, 16),
                v4([172, 24, 0, 0], 14, 16),
                v4([172, 28, 0, 0], 14, 16),
                v4([192, 168, 0, 0], 16, 20),
                v4([10, 0, 0, 0], 8, 24),
            ],
            v6: vec![PoolRange { base: ula(host), size: 64 }],
        }
    }

    /// The ranges of a family.
    pub fn of(&self, family: Family) -> &[PoolRange] {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }
}

impl PoolRange {
    /// The lowest pool of prefix length `size` in the range that is free and keeps clear of `avoid`, which are spans in order
    /// that do not overlap.
    pub(super) fn lowest(self, size: u8, free: &Free, avoid: &[Span]) -> Option<IpNet> {
        if size < self.base.prefix_len() {
            return None;
        }
        let family = Family::of_net(self.base);
        let reach = family.reach(size);
        let first = free.runs_in(Span::of(self.base)).find_map(|run| lowest_block(run, reach, avoid))?;
        IpNet::new(family.address(first), size).ok()
    }
}

impl fmt::Display for PoolRange {
    /// As `10.0.0.0/8 cut to /24`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.base)?;
        if self.base.prefix_len() == self.size { Ok(()) } else { write!(out, " cut to /{}", self.size) }
    }
}

/// The first number of the lowest block in `run` that is aligned, `reach` + 1 long and clear of `avoid`.
fn lowest_block(run: Span, reach: u128, avoid: &[Span]) -> Option<u128> {
    let mut from = run.first;
    loop {
        let first = from.checked_add(reach)? & !reach;
        let block = Span { first, last: first.checked_add(reach)? };
        if block.last > run.last {
            return None;
        }
        let met = avoid.partition_point(|span| span.last < block.first);
        match avoid.get(met).filter(|span| span.first <= block.last) {
            Some(span) => from = span.last.checked_add(1)?,
            None => return Some(block.first),
        }
    }
}

/// The IPv6 range of a host: a unique local /48 (RFC 4193, section 3) whose 40 bits of global id are a hash of `host`.
///
/// The same bytes give the same range on every machine and in every version. That two among a thousand hosts with ids of their
/// own have the same range has a probability of 4.5 in ten million (section 3.2.3).
pub fn ula(host: &[u8]) -> IpNet {
    let global = u128::from(hash(host) & 0xff_ffff_ffff);
    let prefix = Ipv6Addr::from_bits((0xfd << 120) | (global << 80));
    Ipv6Net::new_assert(prefix, 48).into()
}

/// FNV-1a (draft-eastlake-fnv) with MurmurHash3's last mixing behind it, which spreads ids that differ in their last byte only.
/// Written out since the hash of the standard library may change with its version, and addresses must not.
fn hash(bytes: &[u8]) -> u64 {
    let fnv = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}

fn net4([a, b, c, d]: [u8; 4], prefix: u8) -> IpNet {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn spans(nets: &[&str]) -> Vec<Span> {
        nets.iter().map(|text| Span::of(net(text))).collect()
    }

    #[test]
    fn the_lowest_aligned_block_is_cut_from_what_is_free() {
        let range = PoolRange { base: net("10.0.0.0/16"), size: 24 };
        let mut free = Free::all_of(Family::V4.all());
        assert_eq!(range.lowest(24, &free, &[]), Some(net("10.0.0.0/24")));
        assert!(free.take(Span::of(net("10.0.0.64/26"))));
        assert_eq!(range.lowest(24, &free, &[]), Some(net("10.0.1.0/24")));
        assert_eq!(range.lowest(26, &free, &[]), Some(net("10.0.0.0/26")));
        assert_eq!(range.lowest(25, &free, &[]), Some(net("10.0.0.128/25")));
        assert_eq!(range.lowest(15, &free, &[]), None, "larger than the range");
    }

    #[test]
    fn what_is_to_be_avoided_is_stepped_over() {
        let range = PoolRange { base: net("10.0.0.0/22"), size: 24 };
        let free = Free::all_of(Family::V4.all());
        let lowest = |avoid: &[&str]| range.lowest(24, &free, &spans(avoid));
        assert_eq!(lowest(&["9.0.0.0/8", "10.0.0.53/32"]), Some(net("10.0.1.0/24")));
        assert_eq!(lowest(&["10.0.0.0/23", "10.0.3.0/24"]), Some(net("10.0.2.0/24")));
        assert_eq!(lowest(&["10.0.0.0/8"]), None);
    }

    #[test]
    fn a_block_at_the_end_of_all_addresses_is_found_and_none_behind_it() {
        let range = PoolRange { base: net("::/0"), size: 127 };
        let mut free = Free::all_of(Family::V6.all());
        assert!(free.take(Span { first: 0, last: u128::MAX - 2 }));
        assert_eq!(range.lowest(127, &free, &[]), Some(net("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127")));
        assert_eq!(range.lowest(127, &free, &[Span::one(u128::MAX)]), None);
        assert_eq!(range.lowest(0, &free, &[]), None);
    }

    #[test]
    fn a_host_has_one_unique_local_range_that_is_its_own() {
        assert_eq!(ula(b"0123456789abcdef0123456789abcdef"), ula(b"0123456789abcdef0123456789abcdef"));
        let hosts: BTreeSet<IpNet> = (0..20_000).map(|host| ula(format!("host-{host}").as_bytes())).collect();
        assert_eq!(hosts.len(), 20_000);
        assert!(hosts.iter().all(|base| net("fd00::/8").contains(base) && base.prefix_len() == 48 && *base == base.trunc()));
    }

    #[test]
    fn the_range_of_a_host_stays_the_same_in_every_version() {
        assert_eq!(ula(b"lanloom").to_string(), "fdf6:5d41:d68c::/48");
    }
}
