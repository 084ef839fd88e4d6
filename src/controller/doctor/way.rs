//! Where the address is that a tunnel sends from.

use super::facts::Way;
use crate::controller::Inner;
use ipnet::IpNet;
use lanloom_drivers::kernel::{IfName, LinkInfo, Netns};
use std::net::IpAddr;

impl Inner {
    /// Looks for an address on this host.
    pub(super) async fn way(&self, local: IpAddr) -> Way {
        let links = self.kernel.list_links(&Netns::Daemon).await;
        let addresses = self.kernel.list_addresses_all(&Netns::Daemon).await;
        match (links, addresses) {
            (Ok(links), Ok(addresses)) => way_of(local, &links, &addresses),
            (Err(error), _) | (_, Err(error)) => Way::Unseen { why: error.to_string() },
        }
    }
}

/// The same by what the kernel said. If several interfaces have it, one that is up will do.
fn way_of(local: IpAddr, links: &[LinkInfo], addresses: &[(IfName, IpNet)]) -> Way {
    let has_it = |link: &&LinkInfo| addresses.iter().any(|(name, net)| net.addr() == local && name.as_str() == link.name);
    let Some(link) = links.iter().filter(has_it).max_by_key(|link| (link.up, link.carrier)) else { return Way::NoAddress };
    let ifname = link.name.clone();
    if link.up && link.carrier { Way::Up { ifname } } else { Way::Down { ifname, no_carrier: link.up } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanloom_drivers::kernel::LinkKind;
    use std::net::Ipv4Addr;

    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn link(name: &str, up: bool, carrier: bool) -> LinkInfo {
        let (name, kind) = (name.to_owned(), LinkKind::Device);
        LinkInfo { name, index: 1, mtu: 1500, mac: None, up, carrier, kind, tx_queue_len: 1000, pair: None }
    }

    fn address(ifname: &str, net: &str) -> (IfName, IpNet) {
        (IfName::new(ifname).expect("a name"), net.parse().expect("an address"))
    }

    #[test]
    fn an_address_is_on_an_interface_that_is_up_down_or_without_carrier_or_on_none() {
        let addresses = [address("lo", "127.0.0.1/8"), address("eth0", "192.0.2.1/24")];
        let on = |up, carrier| way_of(LOCAL, &[link("lo", true, true), link("eth0", up, carrier)], &addresses);
        let ifname = || "eth0".to_owned();
        assert_eq!(on(true, true), Way::Up { ifname: ifname() });
        assert_eq!(on(true, false), Way::Down { ifname: ifname(), no_carrier: true });
        assert_eq!(on(false, false), Way::Down { ifname: ifname(), no_carrier: false });
        assert_eq!(way_of(LOCAL, &[link("lo", true, true)], &addresses[..1]), Way::NoAddress);
    }

    #[test]
    fn of_two_interfaces_with_the_address_one_that_is_up_will_do() {
        let addresses = [address("eth0", "192.0.2.1/24"), address("dummy0", "192.0.2.1/32")];
        let links = [link("eth0", false, false), link("dummy0", true, true)];
        assert_eq!(way_of(LOCAL, &links, &addresses), Way::Up { ifname: "dummy0".to_owned() });
    }
}
