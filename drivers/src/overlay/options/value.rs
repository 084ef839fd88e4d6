//! Values of options that only overlays have.

use std::net::{IpAddr, Ipv4Addr};

use lanloom_switch_core::vxlan::VNI_MAX;

use crate::switched::options::{Fault, unread};

/// Identifiers parted by commas, 0 for one that is to be found.
pub(super) fn vnis(key: &str, value: &str) -> Result<Vec<u32>, Fault> {
    let one = |text: &str| {
        let number = text.trim().parse().ok().filter(|vni| *vni <= VNI_MAX);
        let hint = format!("write one number from 1 to {VNI_MAX} for each subnet, parted by commas");
        number.ok_or_else(|| Fault::new(format!("invalid vxlan id value {text:?} passed by {key}"), hint))
    };
    value.split(',').map(one).collect()
}

/// A UDP port.
pub(super) fn port(key: &str, value: &str) -> Result<u16, Fault> {
    let number = value.parse().ok().filter(|port| *port > 0);
    number.ok_or_else(|| unread(key, value, "it is no UDP port", "write 1 to 65535; 4789 is VXLAN's"))
}

/// An address of one host in the underlay.
pub(super) fn host(key: &str, value: &str) -> Result<IpAddr, Fault> {
    let hint = "write a host's IPv4 or IPv6 address in the underlay, as 192.0.2.1 or 2001:db8::1";
    let address: IpAddr = value.trim().parse().map_err(|_| unread(key, value, "invalid address", hint))?;
    match no_host(address) {
        None => Ok(address),
        Some(why) => Err(unread(key, value, why, hint)),
    }
}

/// Such addresses parted by commas, of one family, each once; none at all is fine.
pub(super) fn hosts(key: &str, value: &str) -> Result<Vec<IpAddr>, Fault> {
    let hosts: Vec<IpAddr> =
        value.split(',').filter(|text| !text.trim().is_empty()).map(|text| host(key, text)).collect::<Result<_, _>>()?;
    let hint = "name each other host once, by one address, all of IPv4 or all of IPv6";
    if let Some((_, twice)) = hosts.iter().enumerate().find(|(at, one)| hosts[..*at].contains(one)) {
        return Err(unread(key, value, format!("{twice} is there twice"), hint));
    }
    match hosts.iter().find(|one| one.is_ipv4() != hosts[0].is_ipv4()) {
        None => Ok(hosts),
        Some(other) => Err(unread(key, value, format!("{} and {other} are of different families", hosts[0]), hint)),
    }
}

/// Why no single host can be reached by an address.
fn no_host(address: IpAddr) -> Option<&'static str> {
    let link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    if address.is_multicast() {
        Some("that is a group of hosts")
    } else if address.is_unspecified() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        Some("that is no single host")
    } else if link_local {
        Some("an address of a link alone does not say of which")
    } else {
        None
    }
}
