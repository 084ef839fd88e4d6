//! Tells neighbours where an interface's addresses are now: somebody may have had them before under another hardware address, and
//! who knows that one would go on sending there for as long as the kernel believes it (`base_reachable_time`, half a minute).
//!
//! The kernel does it itself, by gratuitous ARP (RFC 5227, 3) and unsolicited advertisements (RFC 4861, 7.2.6), when a hardware
//! address is set, if `arp_notify` and `ndisc_notify` are on: so they are, and the address is set that the interface has.

use ipnet::IpNet;
use lanloom_switch_core::MacAddr;

use super::super::error::KernelError;
use super::super::link::LinkChange;
use super::super::name::IfName;
use super::super::sysctl::SysctlKey;
use super::inside::Session;
use super::{link, sysctl};

/// Announces these addresses, which the interface has, in the session's namespace.
pub(super) fn announce(session: &Session, name: &IfName, mac: MacAddr, addresses: &[IpNet]) -> Result<(), KernelError> {
    let families = [("ipv4", "arp_notify", true), ("ipv6", "ndisc_notify", false)];
    for (family, setting, is_v4) in families {
        if addresses.iter().any(|address| address.addr().is_ipv4() == is_v4) {
            let key = SysctlKey::new(&format!("net/{family}/conf/{name}/{setting}"))?;
            sysctl::write(&[(key, "1".to_owned())])?;
        }
    }
    link::set(session, name, &LinkChange { mac: Some(mac), ..LinkChange::default() }).map(drop)
}
