//! What is wrong with the URL of a tunnel end, and what would be right.

use super::{PEERS_MAX, VNI_MAX};
use std::fmt;
use std::net::IpAddr;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::url) enum VxlanFault {
    /// What was given in place of a network's number.
    Vni(String),
    NoLocal,
    /// The key, and an address that no one host has, or not without more.
    NoHost(String, IpAddr),
    GroupAsRemote(IpAddr),
    NotMulticast(IpAddr),
    NoDev,
    NoGroup,
    /// This end's address, and one of another family.
    Families(IpAddr, IpAddr),
    Own(IpAddr),
    RemoteTwice(IpAddr),
    TooMany,
}

fn family(address: &IpAddr) -> &'static str {
    if address.is_ipv4() { "IPv4" } else { "IPv6" }
}

impl fmt::Display for VxlanFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vni(given) => write!(out, "{given} is no VXLAN network identifier; write 0 to {VNI_MAX}"),
            Self::NoLocal => write!(out, "a tunnel needs an address of its own; add ?local=ADDRESS, one of this host's"),
            Self::NoHost(key, address) => {
                let why = match address {
                    IpAddr::V6(address) if address.is_unicast_link_local() => "an address of one link only",
                    IpAddr::V4(_) | IpAddr::V6(_) => "not the address of one host",
                };
                write!(out, "{key}={address} is {why}; write one by which a host is reached")
            }
            Self::GroupAsRemote(group) => {
                write!(out, "remote={group} is a multicast group, and no host; write group={group}&dev=IFNAME")
            }
            Self::NotMulticast(address) => {
                let groups = if address.is_ipv4() { "224.0.0.0/4" } else { "ff00::/8" };
                write!(out, "group={address} is no multicast group; write one of {groups}, or remote= for one host")
            }
            Self::NoDev => write!(out, "a group needs the interface that it is reached by; add &dev=IFNAME"),
            Self::NoGroup => write!(out, "dev= is the interface of a multicast group, and there is none; add &group=ADDRESS"),
            Self::Families(local, other) => {
                let (ours, theirs) = (family(local), family(other));
                write!(out, "local={local} is {ours} and {other} is {theirs}; give all addresses of one family")
            }
            Self::Own(local) => write!(out, "remote={local} is this end's own address; name the other ends only"),
            Self::RemoteTwice(remote) => write!(out, "remote={remote} is given twice; leave one out"),
            Self::TooMany => write!(out, "there are too many other ends; name at most {PEERS_MAX}"),
        }
    }
}
