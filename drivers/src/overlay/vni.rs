//! Which VXLAN network identifier each subnet of a network has. Pure.

use ipnet::IpNet;
use lanloom_switch_core::vxlan::VNI_MAX;

use crate::driver::NetworkSpec;
use crate::hash::fnv1a;

/// The least identifier that is found: libnetwork leaves those below to whoever gives some by hand (`ovmanager.go`).
const VNI_FIRST: u32 = 4096;

/// A part of a network with a tunnel of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// The subnet; none where the network has no addresses.
    pub(super) subnet: Option<IpNet>,
    /// Its identifier.
    pub(super) vni: u32,
}

/// The segments of a network: a subnet of IPv4 each, or of IPv6 where there is none. An identifier that is not given is one that
/// every host finds by itself: a hash of the network's name and the subnet.
pub(super) fn segments(spec: &NetworkSpec, given: &[u32]) -> Vec<Segment> {
    let pools = if spec.v4.is_empty() { &spec.v6 } else { &spec.v4 };
    let subnets: Vec<_> = match pools.is_empty() {
        true => vec![None],
        false => pools.iter().map(|pool| Some(pool.pool.trunc())).collect(),
    };
    let given = given.iter().copied().chain(std::iter::repeat(0));
    let vni = |subnet, given| if given == 0 { found(&spec.name, subnet) } else { given };
    subnets.into_iter().zip(given).map(|(subnet, given)| Segment { subnet, vni: vni(subnet, given) }).collect()
}

/// By FNV-1a of the name, a zero byte, and the subnet in its usual form; nothing in place of one that is not there.
fn found(name: &str, subnet: Option<IpNet>) -> u32 {
    let subnet = subnet.map(|subnet| subnet.to_string()).unwrap_or_default();
    let hash = fnv1a(name.bytes().chain([0]).chain(subnet.bytes()));
    let room = u64::from(VNI_MAX - VNI_FIRST + 1);
    u32::try_from((hash ^ (hash >> 32)) % room).map_or(VNI_FIRST, |vni| VNI_FIRST + vni)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::driver::PoolData;

    fn spec(name: &str, v4: &[&str], v6: &[&str]) -> NetworkSpec {
        let pool = |text: &&str| PoolData { pool: text.parse().expect("a subnet"), gateway: None, auxiliary: [].into() };
        let (v4, v6) = (v4.iter().map(pool).collect(), v6.iter().map(pool).collect());
        NetworkSpec { name: name.to_owned(), v4, v6, ..NetworkSpec::default() }
    }

    fn vnis(spec: &NetworkSpec, given: &[u32]) -> Vec<u32> {
        segments(spec, given).iter().map(|segment| segment.vni).collect()
    }

    #[test]
    fn every_host_finds_the_same_identifier_and_it_stays() {
        let web = spec("web", &["10.9.0.0/24", "10.9.1.0/24"], &["fd09::/64"]);
        assert_eq!(vnis(&web, &[]), [WEB_0, WEB_1], "these are on the wire: never change how they are found");
    }

    /// What FNV-1a makes of `web` with these two subnets, by the published definition.
    const WEB_0: u32 = 5_469_788;
    const WEB_1: u32 = 6_390_676;

    #[test]
    fn identifiers_are_found_above_libnetwork_s_and_differ_by_name_and_subnet() {
        let all: BTreeSet<u32> =
            (0..200).flat_map(|n| vnis(&spec(&format!("net{n}"), &["10.0.0.0/24", "10.0.1.0/24"], &[]), &[])).collect();
        assert_eq!(all.len(), 400);
        assert!(all.iter().all(|vni| (VNI_FIRST..=VNI_MAX).contains(vni)));
    }

    #[test]
    fn subnets_of_ipv6_have_identifiers_where_there_are_none_of_ipv4() {
        let subnets = |spec: &NetworkSpec| segments(spec, &[]).iter().map(|one| one.subnet).collect::<Vec<_>>();
        let net = |text: &str| Some(text.parse().expect("a subnet"));
        assert_eq!(subnets(&spec("a", &["10.0.0.0/24"], &["fd00::/64"])), [net("10.0.0.0/24")]);
        assert_eq!(subnets(&spec("a", &[], &["fd00::/64", "fd01::/64"])), [net("fd00::/64"), net("fd01::/64")]);
        assert_eq!(subnets(&spec("a", &[], &[])), [None], "without addresses there is one segment");
    }

    #[test]
    fn those_that_are_given_come_first_and_what_is_over_is_left() {
        let three = spec("web", &["10.9.0.0/24", "10.9.1.0/24", "10.9.2.0/24"], &[]);
        let found = vnis(&three, &[]);
        assert_eq!(vnis(&three, &[7]), [7, found[1], found[2]]);
        assert_eq!(vnis(&three, &[0, 7]), [found[0], 7, found[2]], "0 is none");
        assert_eq!(vnis(&three, &[1, 2, 3, 4]), [1, 2, 3]);
    }
}
