//! `vxlan://`: one end of a VXLAN network (RFC 7348).

mod fault;

pub(super) use fault::VxlanFault;

use super::error::Fault;
use super::query::{Keys, Pairs};
use super::value::{mtu_value, switch_value};
use crate::names::{IfName, shown};
use lanloom_switch_core::vxlan::{Group, InnerTags, PEERS_MAX, ReservedBits, Tos, Ttl, UDP_PORT, VNI_MAX, Vni, VtepConfig};
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// One end of a VXLAN network.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VxlanUrl {
    /// The network.
    pub vni: Vni,
    /// The address of this host that it sends from and receives at.
    pub local: IpAddr,
    /// The addresses of the other ends, of the same family, each once.
    pub remotes: Vec<IpAddr>,
    /// The UDP port that all ends receive at.
    pub port: u16,
    /// A multicast group that floods are sent to, and the interface that it is reached by.
    pub group: Option<(IpAddr, IfName)>,
    /// Whether it is learned from frames which of the other ends leads to their source.
    pub learning: bool,
    /// What becomes of reserved bits.
    pub reserved: ReservedBits,
    /// What becomes of VLAN tags inside.
    pub tags: InnerTags,
    /// Hops of the packets outside.
    pub ttl: Ttl,
    /// Traffic class of the packets outside.
    pub tos: Tos,
    /// Its MTU in bytes; `None` is what the way to the other ends has room for.
    pub mtu: Option<u32>,
    /// Whether the switch answers for hosts that it knows, in place of asking the other ends (ARP, neighbour discovery).
    pub suppress: bool,
}

/// Largest MTU of a tunnel: the longest IPv4 packet without the headers that go around a frame's payload.
pub const VXLAN_MTU_MAX: u32 = 65_535 - lanloom_switch_core::vxlan::OVERHEAD_V4;

const KEYS: &str = "local, remote, port, group, dev, learning, reserved, tags, ttl, tos, mtu, suppress";

impl VxlanUrl {
    /// One end with every setting at its default, and no other end.
    pub fn new(vni: Vni, local: IpAddr) -> Self {
        let VtepConfig { port, learning, reserved, tags, ttl, tos, .. } = VtepConfig::new(vni, local);
        let (remotes, group, mtu, suppress) = (Vec::new(), None, None, true);
        Self { vni, local, remotes, port, group, learning, reserved, tags, ttl, tos, mtu, suppress }
    }

    /// The same as the tunnel end is told it.
    pub fn config(&self) -> VtepConfig {
        let group = self.group.as_ref();
        VtepConfig {
            port: self.port,
            peers: self.remotes.clone(),
            group: group.map(|(address, dev)| Group { address: *address, ifname: dev.as_str().to_owned() }),
            learning: self.learning,
            reserved: self.reserved,
            tags: self.tags,
            ttl: self.ttl,
            tos: self.tos,
            ..VtepConfig::new(self.vni, self.local)
        }
    }

    pub(super) fn parse(target: &str, query: &str) -> Result<Self, Fault> {
        let vni = number(target).and_then(Vni::new).ok_or_else(|| VxlanFault::Vni(shown(target)))?;
        let (mut local, mut group, mut dev) = (None, None, None);
        let mut url = Self::new(vni, Ipv4Addr::UNSPECIFIED.into());
        for pair in Pairs::of(query) {
            let (key, value) = pair?;
            match key {
                "local" => local = Some(host(key, &value)?),
                "remote" => url.remotes = value.split(',').map(|one| host(key, one)).collect::<Result<_, _>>()?,
                "port" => url.port = small(key, &value, 1)?,
                "group" => group = Some(multicast(&value)?),
                "dev" => dev = Some(value.parse()?),
                "learning" => url.learning = switch_value(key, &value, "on", "off")?,
                "reserved" if switch_value(key, &value, "ignore", "strict")? => url.reserved = ReservedBits::Tolerant,
                "reserved" => url.reserved = ReservedBits::Strict,
                "tags" if switch_value(key, &value, "keep", "discard")? => url.tags = InnerTags::Keep,
                "tags" => url.tags = InnerTags::Discard,
                "ttl" => url.ttl = ttl(&value)?,
                "tos" if value == INHERIT => url.tos = Tos::Inherit,
                "tos" => url.tos = Tos::Fixed(small_or_inherit(key, &value)?),
                "mtu" => url.mtu = Some(mtu_value(&value, VXLAN_MTU_MAX)?),
                "suppress" => url.suppress = switch_value(key, &value, "on", "off")?,
                _ => return Err(Fault::unknown_key(key, "vxlan", KEYS)),
            }
        }
        url.local = local.ok_or(VxlanFault::NoLocal)?;
        url.group = match (group, dev) {
            (Some(group), Some(dev)) => Some((group, dev)),
            (Some(_), None) => return Err(VxlanFault::NoDev.into()),
            (None, Some(_)) => return Err(VxlanFault::NoGroup.into()),
            (None, None) => None,
        };
        url.check()?;
        Ok(url)
    }

    /// Whether its addresses go together.
    fn check(&self) -> Result<(), VxlanFault> {
        let others = || self.remotes.iter().copied().chain(self.group.as_ref().map(|(group, _)| *group));
        if let Some(other) = others().find(|other| other.is_ipv4() != self.local.is_ipv4()) {
            return Err(VxlanFault::Families(self.local, other));
        }
        if self.remotes.contains(&self.local) {
            return Err(VxlanFault::Own(self.local));
        }
        if let Some((_, twice)) = self.remotes.iter().enumerate().find(|(at, remote)| self.remotes[..*at].contains(remote)) {
            return Err(VxlanFault::RemoteTwice(*twice));
        }
        if others().count() > PEERS_MAX { Err(VxlanFault::TooMany) } else { Ok(()) }
    }

    pub(super) fn keys(&self) -> Keys {
        let mut keys = Keys::default();
        let remotes: Vec<String> = self.remotes.iter().map(IpAddr::to_string).collect();
        keys.say("local", self.local);
        keys.say_if("remote", (!remotes.is_empty()).then(|| remotes.join(",")));
        keys.say_if("port", (self.port != UDP_PORT).then_some(self.port));
        keys.say_if("group", self.group.as_ref().map(|(group, _)| group));
        keys.say_if("dev", self.group.as_ref().map(|(_, dev)| dev));
        keys.say_if("learning", (!self.learning).then_some("off"));
        keys.say_if("reserved", (self.reserved != ReservedBits::Strict).then_some("ignore"));
        keys.say_if("tags", (self.tags != InnerTags::Discard).then_some("keep"));
        keys.say_if("ttl", ttl_text(self.ttl));
        keys.say_if("tos", Some(tos_text(self.tos)).filter(|text| text != "0"));
        keys.say_if("mtu", self.mtu);
        keys.say_if("suppress", (!self.suppress).then_some("off"));
        keys
    }
}

/// What a packet inside says.
const INHERIT: &str = "inherit";

/// How `ttl=` says it; nothing for the default.
pub fn ttl_text(ttl: Ttl) -> Option<String> {
    match ttl {
        Ttl::Default => None,
        Ttl::Fixed(hops) => Some(hops.to_string()),
        Ttl::Inherit => Some(INHERIT.to_owned()),
    }
}

/// How `tos=` says it.
pub fn tos_text(tos: Tos) -> String {
    match tos {
        Tos::Fixed(class) => class.to_string(),
        Tos::Inherit => INHERIT.to_owned(),
    }
}

/// As in `ip link`, 0 leaves it to the kernel.
fn ttl(value: &str) -> Result<Ttl, Fault> {
    if value == INHERIT {
        return Ok(Ttl::Inherit);
    }
    let hops = small_or_inherit("ttl", value)?;
    Ok(if hops == 0 { Ttl::Default } else { Ttl::Fixed(hops) })
}

fn small_or_inherit(key: &str, value: &str) -> Result<u8, Fault> {
    let right = || format!("0 to 255, or {INHERIT}");
    number(value).ok_or_else(|| Fault::Value { key: key.to_owned(), value: shown(value), right: right() })
}

fn small(key: &str, value: &str, least: u16) -> Result<u16, Fault> {
    let fits = number(value).filter(|number| *number >= least);
    fits.ok_or_else(|| Fault::Value { key: key.to_owned(), value: shown(value), right: format!("{least} to {}", u16::MAX) })
}

/// Digits and nothing else.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The address of one host.
fn host(key: &str, value: &str) -> Result<IpAddr, Fault> {
    let address = address(key, value, "the address of a host, that of IPv6 without brackets")?;
    let one_host = match address {
        _ if address.is_multicast() && key == "remote" => return Err(VxlanFault::GroupAsRemote(address).into()),
        IpAddr::V4(address) => !address.is_broadcast() && !address.is_multicast() && !address.is_unspecified(),
        // One of a link alone says nothing without the link.
        IpAddr::V6(address) => !address.is_multicast() && !address.is_unspecified() && !address.is_unicast_link_local(),
    };
    if one_host { Ok(address) } else { Err(VxlanFault::NoHost(key.to_owned(), address).into()) }
}

fn multicast(value: &str) -> Result<IpAddr, Fault> {
    let address = address("group", value, "a multicast address")?;
    if address.is_multicast() { Ok(address) } else { Err(VxlanFault::NotMulticast(address).into()) }
}

/// An address in its family: one of IPv4 that is dressed as IPv6 is refused, as no socket of IPv6 would be meant by it.
fn address(key: &str, value: &str, right: &str) -> Result<IpAddr, Fault> {
    let refused = || Fault::Value { key: key.to_owned(), value: shown(value), right: right.to_owned() };
    value.parse().ok().filter(|address: &IpAddr| address.to_canonical() == *address).ok_or_else(refused)
}

impl From<VxlanFault> for Fault {
    fn from(fault: VxlanFault) -> Self {
        Self::Vxlan(fault)
    }
}
