//! Guards written again from what `guard` promises: every port asked in turn, every rule a sentence, frames known by their meaning
//! and never read.

use super::{Place, Reference, Sent};
use lanloom_switch_core::{DropReason, Guard, GuardMode, MacAddr, Role};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What is behind a frame's header and tags.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body {
    /// A type that no guard knows.
    Plain,
    Bpdu,
    Arp {
        mac: MacAddr,
        sender: Ipv4Addr,
        target: Ipv4Addr,
        answers: bool,
    },
    V4 {
        source: Ipv4Addr,
        destination: Ipv4Addr,
        dhcp: bool,
        /// Whether no router may fragment it.
        whole: bool,
    },
    V6 {
        source: Ipv6Addr,
        destination: Ipv6Addr,
        carried: Carried,
    },
    /// The type of IPv4 or IPv6 and no such header.
    NoHeader {
        six: bool,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Carried {
    Nothing,
    Dhcp,
    RouterAdvertisement,
    /// The first of many fragments, without the headers that it must have.
    Hidden,
    /// A neighbour solicitation or advertisement with a link-layer address.
    Neighbour {
        answers: bool,
        target: Ipv6Addr,
        mac: MacAddr,
        /// What an advertisement says of its target, and whether the checksum is right.
        router: bool,
        overrides: bool,
        sound: bool,
    },
}

impl Body {
    /// The same from a station that speaks of itself.
    pub(crate) fn of(self, own: MacAddr) -> Self {
        match self {
            Self::Arp { sender, target, answers, .. } => Self::Arp { mac: own, sender, target, answers },
            Self::V6 { source, destination, carried: Carried::Neighbour { answers, target, router, overrides, sound, .. } } => {
                let carried = Carried::Neighbour { answers, target, mac: own, router, overrides, sound };
                Self::V6 { source, destination, carried }
            }
            _ => self,
        }
    }

    /// What its sender says of itself.
    fn own_macs(self) -> Option<MacAddr> {
        match self {
            Self::Arp { mac, .. } | Self::V6 { carried: Carried::Neighbour { mac, .. }, .. } => Some(mac),
            _ => None,
        }
    }

    fn own_addresses(self) -> Vec<IpAddr> {
        match self {
            Self::Arp { sender, .. } => vec![sender.into()],
            Self::V4 { source, .. } => vec![source.into()],
            Self::V6 { source, carried: Carried::Neighbour { answers: true, target, .. }, .. } => {
                vec![source.into(), target.into()]
            }
            Self::V6 { source, .. } => vec![source.into()],
            _ => Vec::new(),
        }
    }

    /// Every address that it speaks of.
    fn addresses(self) -> Vec<IpAddr> {
        match self {
            Self::Arp { sender, target, .. } => vec![sender.into(), target.into()],
            Self::V4 { source, destination, .. } => vec![source.into(), destination.into()],
            Self::V6 { source, destination, carried: Carried::Neighbour { target, .. } } => {
                vec![source.into(), destination.into(), target.into()]
            }
            Self::V6 { source, destination, .. } => vec![source.into(), destination.into()],
            _ => Vec::new(),
        }
    }
}

impl Reference {
    /// Why a frame ends at the port that it came from.
    pub(super) fn guarded(&self, from: &Place, sent: &Sent) -> Option<DropReason> {
        let guard = from.config.guard.as_deref()?;
        let checked = guard.mode != GuardMode::Off;
        if guard.role == Role::Gateway {
            let reads = guard.foreign.ranges().next().is_some();
            return if reads && matches!(sent.body, Body::NoHeader { .. }) {
                Some(DropReason::Malformed)
            } else {
                is_foreign(guard, sent).then_some(DropReason::Isolated)
            };
        }
        let bridge = sent.destination.0 == [0x01, 0x80, 0xc2, 0, 0, 0] || matches!(sent.body, Body::Bpdu);
        let rules = [
            (!guard.trusted && bridge, DropReason::BpduGuard),
            ((!guard.trusted || checked) && matches!(sent.body, Body::NoHeader { .. }), DropReason::Malformed),
            (!guard.trusted && answers_dhcp(sent.body), DropReason::DhcpGuard),
            (!guard.trusted && routes(sent.body), DropReason::RaGuard),
            (checked && self.spoofs(from, guard, sent), DropReason::Spoofed),
            (checked && is_foreign(guard, sent), DropReason::Isolated),
        ];
        rules.into_iter().find(|(broken, _)| *broken).map(|(_, reason)| reason)
    }

    fn spoofs(&self, from: &Place, guard: &Guard, sent: &Sent) -> bool {
        let others: Vec<&Guard> =
            self.ports().filter(|place| place.id != from.id).filter_map(|place| place.config.guard.as_deref()).collect();
        let strict = guard.mode == GuardMode::Strict;
        let mac_is_wrong = |mac: MacAddr| {
            let another = others.iter().any(|other| other.mac == Some(mac)) || (strict && guard.mac.is_some());
            guard.mac != Some(mac) && another
        };
        let address_is_wrong = |address: IpAddr| {
            let local = matches!(address, IpAddr::V6(six) if six.segments()[0] & 0xffc0 == 0xfe80);
            let another = others.iter().any(|other| has(other, address)) || (strict && !local);
            !address.is_unspecified() && !has(guard, address) && another
        };
        mac_is_wrong(sent.source)
            || sent.body.own_macs().is_some_and(mac_is_wrong)
            || sent.body.own_addresses().into_iter().any(address_is_wrong)
    }
}

/// Whether a gateway does not let a frame out.
pub(super) fn keeps_out(to: &Place, sent: &Sent) -> bool {
    to.config.guard.as_deref().is_some_and(|guard| guard.role == Role::Gateway && is_foreign(guard, sent))
}

fn is_foreign(guard: &Guard, sent: &Sent) -> bool {
    let lies_in = |address: IpAddr| guard.foreign.ranges().any(|(first, last)| first <= address && address <= last);
    sent.body.addresses().into_iter().any(lies_in)
}

pub(super) fn has(guard: &Guard, address: IpAddr) -> bool {
    let made = guard.mac.map(|mac| {
        let [a, b, c, d, e, f] = mac.0.map(u16::from);
        Ipv6Addr::new(0xfe80, 0, 0, 0, (a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f)
    });
    guard.addresses.contains(&address) || made.map(IpAddr::from) == Some(address)
}

fn answers_dhcp(body: Body) -> bool {
    matches!(body, Body::V4 { dhcp: true, .. } | Body::V6 { carried: Carried::Dhcp, .. })
}

fn routes(body: Body) -> bool {
    matches!(body, Body::V6 { carried: Carried::RouterAdvertisement | Carried::Hidden, .. })
}
