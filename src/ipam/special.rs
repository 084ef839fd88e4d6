//! Blocks of addresses that no network can have, whatever the kernel would say: IANA's registries of special-purpose addresses
//! (RFC 6890). Link-local IPv4 (169.254.0.0/16) is not among them: Docker takes it, and it routes as any other.

use super::span::{Family, within};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{Ipv4Addr, Ipv6Addr};

const fn v4(first: u8, bits: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(first, 0, 0, 0), bits))
}

const fn v6(address: Ipv6Addr, bits: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(address, bits))
}

/// Each with what it is for.
const SPECIAL: [(IpNet, &str); 9] = [
    (v4(0, 8), "of addresses that mean no host"),
    (v4(127, 8), "of loopback addresses"),
    (v4(224, 4), "of multicast groups"),
    (v4(240, 4), "reserved"),
    (v6(Ipv6Addr::UNSPECIFIED, 128), "the unspecified address"),
    (v6(Ipv6Addr::LOCALHOST, 128), "the loopback address"),
    (v6(Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96), "of IPv4-mapped addresses"),
    (v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10), "of link-local addresses, which each interface has anyway"),
    (v6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8), "of multicast groups"),
];

/// The first such block that a subnet lies in or contains, and what it is for. A subnet of the unspecified address and a length
/// above 0 asks for any subnet of that length, and is none of them.
pub(super) fn special(subnet: IpNet) -> Option<(IpNet, &'static str)> {
    if subnet.addr().is_unspecified() && (1..subnet.max_prefix_len()).contains(&subnet.prefix_len()) {
        return None;
    }
    let touches = |block: IpNet| within(block, subnet) || within(subnet, block);
    SPECIAL.into_iter().find(|(block, _)| touches(*block))
}

/// Where a network's subnet may well be: private addresses (RFC 1918), unique local ones (RFC 4193).
pub(super) fn private(family: Family) -> &'static str {
    match family {
        Family::V4 => "10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16",
        Family::V6 => "fd00::/8",
    }
}
