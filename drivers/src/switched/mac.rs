//! Hardware addresses: made of what is known, so that they are the same after a restart.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;
use lanloom_switch_core::MacAddr;

use crate::hash::fnv1a;

/// The address that goes with an interface's addresses: libnetwork's for IPv4, one of its id otherwise.
pub(crate) fn suited(addresses: &[IpNet], id: &str) -> MacAddr {
    let v4 = addresses.iter().find_map(|address| match address.addr() {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    });
    v4.map_or_else(|| of_id(id), of_v4)
}

/// `02:42:` and the four bytes of the address.
fn of_v4(address: Ipv4Addr) -> MacAddr {
    let [a, b, c, d] = address.octets();
    MacAddr([0x02, 0x42, a, b, c, d])
}

/// A local address of an id, which is random.
fn of_id(id: &str) -> MacAddr {
    let hash = fnv1a(id.bytes());
    let [_, _, a, b, c, d, e, f] = (hash ^ (hash >> 16)).to_be_bytes();
    MacAddr([(a & 0xfc) | 0x02, b, c, d, e, f])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().expect("an address")
    }

    #[test]
    fn an_ipv4_address_makes_the_address_that_libnetwork_gives() {
        let mac = suited(&[net("fd00::2/64"), net("172.17.0.2/16")], "id");
        assert_eq!(mac.to_string(), "02:42:ac:11:00:02");
    }

    #[test]
    fn without_ipv4_an_id_makes_a_local_address_of_its_own() {
        let macs: std::collections::BTreeSet<_> =
            (0..1000).map(|n| suited(&[net("fd00::2/64")], &format!("{n:064x}")).0).collect();
        assert_eq!(macs.len(), 1000);
        assert!(macs.iter().all(|mac| mac[0] & 0x03 == 0x02), "local and individual");
        assert_eq!(suited(&[], "id"), suited(&[], "id"));
    }
}
