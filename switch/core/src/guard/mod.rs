//! Guards: what may come from a port of a network, and what of other networks stays out.
//!
//! A port with a [`Guard`] is either an endpoint's or the gateway's. What an endpoint sends is looked at before the switch learns
//! from it: it speaks for itself and for addresses that nobody has, never for another port of the switch, and never as a router,
//! a DHCP server or a bridge unless it is trusted. The gateway port passes nothing of other networks in either direction, whatever
//! the kernel behind it routes. A port without one is bare: nothing is looked at, and it costs nothing.
//!
//! It is *not* a firewall: it knows addresses and who has them, no connections and no ports but those of DHCP servers. It trusts
//! no checksum and follows no tunnel: it judges the packet that a frame shows.
//!
//! | file | one idea |
//! |---|---|
//! | `prefixes.rs` | the address space of other networks |
//! | `claims.rs` | which address is whose |
//! | `packet.rs`, `ipv6.rs` | what a guard reads of a frame |
//! | `check.rs` | what is refused, and by which rule |
//! | `refusal.rs` | the drop reason of a rule, and its words |

mod check;
mod claims;
mod ipv6;
mod packet;
mod prefixes;
mod refusal;

pub(crate) use claims::{Claim, Claims};
pub use prefixes::Prefixes;
pub(crate) use refusal::Refusal;

use crate::mac::MacAddr;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// What a port of a network is held to. [`Default`] is an endpoint that nothing is known of yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// Who is plugged in.
    pub role: Role,
    /// What an endpoint may call its own; without meaning for a gateway.
    pub mode: GuardMode,
    /// Whether an endpoint may send router advertisements and redirects, answer as a DHCP server, and send BPDUs.
    pub trusted: bool,
    /// Its MAC address, which no other endpoint may use; nor the IPv6 link-local address made from it (RFC 4291, Appendix A).
    pub mac: Option<MacAddr>,
    /// Its IP addresses, which no other endpoint may use.
    pub addresses: Vec<IpAddr>,
    /// Where other networks live. Packets to or from there are dropped: what an endpoint sends (unless its mode is
    /// [`GuardMode::Off`]), and what goes through a gateway in either direction.
    pub foreign: Arc<Prefixes>,
    /// Of the gateway of an internal network: where the network itself lives. Packets to or from anywhere else do not pass it, but
    /// for addresses of the link alone (link-local, multicast, broadcast, unspecified).
    pub inside: Option<Arc<Prefixes>>,
    /// Of the gateway of a network whose endpoints are to be kept apart: where the network lives. What comes from there by way of the
    /// gateway, and is not the gateway's own, was sent around by the host and does not pass; nor does what goes there by way of it.
    pub apart: Option<Arc<Prefixes>>,
}

/// Who is plugged into a guarded port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// A station of the network.
    #[default]
    Endpoint,
    /// The way out of it: the world speaks through this port, so whose address it uses is not looked at.
    Gateway,
}

/// What an endpoint may call its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GuardMode {
    /// Nothing but its own MAC and IP addresses, the unspecified address, and link-local IPv6 addresses that are not another's.
    Strict,
    /// Everything that is not another port's: addresses that nobody has are free, as nested machines and VRRP need them.
    #[default]
    Leased,
    /// Everything. Its own addresses are protected from others all the same.
    Off,
}

impl Guard {
    /// The same with another idea of where other networks live.
    pub fn with_foreign(&self, foreign: Arc<Prefixes>) -> Self {
        Self { foreign, ..self.clone() }
    }

    /// Whether an address is its own.
    pub(crate) fn owns(&self, claim: Claim) -> bool {
        match claim {
            Claim::Mac(mac) => self.mac == Some(mac),
            Claim::Address(address) => self.addresses.contains(&address) || self.link_local().is_some_and(|own| own == address),
        }
    }

    /// Everything that is its own, each once.
    pub(crate) fn claims(&self) -> Vec<Claim> {
        let addresses = self.addresses.iter().copied().chain(self.link_local()).map(Claim::Address);
        let mut claims: Vec<_> = self.mac.map(Claim::Mac).into_iter().chain(addresses).collect();
        claims.sort_unstable();
        claims.dedup();
        claims
    }

    /// The link-local address that its MAC address makes.
    fn link_local(&self) -> Option<IpAddr> {
        let [a, b, c, d, e, f] = self.mac?.0;
        Some(IpAddr::V6(Ipv6Addr::from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f])))
    }
}

impl fmt::Display for Guard {
    /// What it is, in a word or two: `gateway`, `leased`, `strict, trusted`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match (self.role, self.mode) {
            (Role::Gateway, _) => return out.write_str("gateway"),
            (Role::Endpoint, GuardMode::Strict) => "strict",
            (Role::Endpoint, GuardMode::Leased) => "leased",
            (Role::Endpoint, GuardMode::Off) => "off",
        })?;
        out.write_str(if self.trusted { ", trusted" } else { "" })
    }
}
