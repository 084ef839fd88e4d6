//! What a port is plugged into, as users write it: `tap://t0?netns=blue&mtu=1400`.
//!
//! A [`PortUrl`] is parsed once and prints back in one canonical form: keys in a fixed order, defaults left out, bytes that mean
//! something in a URL as `%XX`. It says nothing about whether the interface exists.

mod error;
mod query;
mod tap;
mod value;
mod veth;
mod vxlan;

#[cfg(test)]
mod tests;

pub use error::UrlError;
pub use tap::TapUrl;
pub use value::{MTU_MIN, TAP_MTU_MAX, VETH_MTU_MAX};
pub use veth::VethUrl;
pub use vxlan::{VXLAN_MTU_MAX, VxlanUrl, tos_text, ttl_text};

use crate::names::{IfName, Name, NetnsRef, shown};
use error::Fault;
use lanloom_switch_core::vxlan::Vni;
use query::{Keys, decode, encode, no_keys};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// What is plugged into a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PortUrl {
    /// `tap://IFNAME[?netns=NAME][&offload=off][&mtu=N][&persist=no][&mac=M]`: a TAP that we make.
    Tap(TapUrl),
    /// `veth://IFNAME?netns=NAME[&mtu=N][&mac=M]`: a pair that we make, the named end in the namespace.
    Veth(VethUrl),
    /// `iface://IFNAME`: an interface that somebody else made.
    Iface(IfName),
    /// `vxlan://VNI?local=ADDRESS[&remote=ADDRESS,…][&port=4789]…`: one end of a VXLAN network.
    Vxlan(VxlanUrl),
    /// `memory://NAME`: an end in this process; nobody can make one from outside.
    Memory(Name),
}

/// What only one port can have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The interface of that name, in a namespace or in the daemon's.
    Interface(IfName, Option<NetnsRef>),
    /// The end of a VXLAN network at an address and a UDP port.
    Vxlan(Vni, IpAddr, u16),
}

impl PortUrl {
    /// A TAP with every setting at its default.
    pub fn tap(ifname: IfName) -> Self {
        Self::Tap(TapUrl::new(ifname))
    }

    /// The word before `://`.
    pub fn scheme(&self) -> &'static str {
        match self {
            Self::Tap(_) => "tap",
            Self::Veth(_) => "veth",
            Self::Iface(_) => "iface",
            Self::Vxlan(_) => "vxlan",
            Self::Memory(_) => "memory",
        }
    }

    /// What is after `://`: a name, or a network's number.
    pub fn target(&self) -> Cow<'_, str> {
        match self {
            Self::Tap(tap) => tap.ifname.as_str().into(),
            Self::Veth(veth) => veth.ifname.as_str().into(),
            Self::Iface(ifname) => ifname.as_str().into(),
            Self::Vxlan(vxlan) => vxlan.vni.to_string().into(),
            Self::Memory(name) => name.as_str().into(),
        }
    }

    /// The namespace that it names.
    pub fn netns(&self) -> Option<&NetnsRef> {
        match self {
            Self::Tap(tap) => tap.netns.as_ref(),
            Self::Veth(veth) => Some(&veth.netns),
            Self::Iface(_) | Self::Vxlan(_) | Self::Memory(_) => None,
        }
    }

    /// The MTU that it names.
    pub fn mtu(&self) -> Option<u32> {
        match self {
            Self::Tap(tap) => tap.mtu,
            Self::Veth(veth) => veth.mtu,
            Self::Vxlan(vxlan) => vxlan.mtu,
            Self::Iface(_) | Self::Memory(_) => None,
        }
    }

    /// What no other port can have besides; nothing for an end in this process.
    pub fn place(&self) -> Option<Place> {
        let interface = |ifname: &IfName| Some(Place::Interface(ifname.clone(), self.netns().cloned()));
        match self {
            Self::Tap(tap) => interface(&tap.ifname),
            Self::Veth(veth) => interface(&veth.ifname),
            Self::Iface(ifname) => interface(ifname),
            Self::Vxlan(VxlanUrl { vni, local, port, .. }) => Some(Place::Vxlan(*vni, *local, *port)),
            Self::Memory(_) => None,
        }
    }

    fn parse(text: &str) -> Result<Self, Fault> {
        let (scheme, rest) = text.split_once("://").ok_or(Fault::NoScheme)?;
        let (target, query) = rest.split_once('?').unwrap_or((rest, ""));
        let target = decode(target)?;
        match scheme {
            "tap" => TapUrl::parse(&target, query).map(Self::Tap),
            "veth" => VethUrl::parse(&target, query).map(Self::Veth),
            "iface" => no_keys(scheme, query).and_then(|()| Ok(Self::Iface(target.parse()?))),
            "vxlan" => VxlanUrl::parse(&target, query).map(Self::Vxlan),
            // Its other end is in this process: nobody outside can have it.
            "memory" => Err(Fault::InProcess),
            _ => Err(Fault::UnknownScheme(shown(scheme))),
        }
    }
}

impl fmt::Display for PortUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = match self {
            Self::Tap(tap) => tap.keys(),
            Self::Veth(veth) => veth.keys(),
            Self::Vxlan(vxlan) => vxlan.keys(),
            Self::Iface(_) | Self::Memory(_) => Keys::default(),
        };
        write!(out, "{}://{}{keys}", self.scheme(), encode(&self.target()))
    }
}

impl FromStr for PortUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text).map_err(|fault| UrlError { url: shown(text), fault })
    }
}

impl TryFrom<String> for PortUrl {
    type Error = UrlError;

    fn try_from(text: String) -> Result<Self, UrlError> {
        text.parse()
    }
}

impl From<PortUrl> for String {
    fn from(url: PortUrl) -> Self {
        url.to_string()
    }
}
