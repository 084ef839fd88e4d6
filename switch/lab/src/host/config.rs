//! What a host is made with, and what it refuses.

use super::cidr;
use lanloom_switch_core::MacAddr;
use smoltcp::iface::Interface;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Addresses and routes of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostConfig {
    mac: MacAddr,
    addresses: Vec<(IpAddr, u8)>,
    gateways: Vec<IpAddr>,
    mtu: usize,
}

impl HostConfig {
    /// A host without addresses whose MTU is 1500 bytes.
    pub fn new(mac: MacAddr) -> Self {
        Self { mac, addresses: Vec::new(), gateways: Vec::new(), mtu: 1500 }
    }

    /// Adds an address with the length of its subnet, like `10.0.0.1/24` or `fd00::1/64`.
    ///
    /// # Errors
    /// [`HostError::BadAddress`] if it is not written so.
    pub fn with_address(mut self, text: &str) -> Result<Self, HostError> {
        let bad = || HostError::BadAddress(text.to_owned());
        let (address, length) = text.split_once('/').ok_or_else(bad)?;
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let length: u8 = length.parse().map_err(|_| bad())?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        if length > longest || address.is_unspecified() || address.is_multicast() {
            return Err(bad());
        }
        self.addresses.push((address, length));
        Ok(self)
    }

    /// Adds the router for what is on none of its subnets; one for IPv4 and one for IPv6.
    pub fn with_gateway(mut self, gateway: IpAddr) -> Self {
        self.gateways.retain(|other| other.is_ipv4() != gateway.is_ipv4());
        self.gateways.push(gateway);
        self
    }

    /// Sets the largest IP packet in bytes, held within 1280 (RFC 8200 clause 5) and 65,535.
    pub fn with_mtu(self, mtu: usize) -> Self {
        Self { mtu: mtu.clamp(1280, 65_535), ..self }
    }

    /// Its Ethernet address.
    pub fn mac(&self) -> MacAddr {
        self.mac
    }

    /// Its addresses and the lengths of their subnets.
    pub fn addresses(&self) -> &[(IpAddr, u8)] {
        &self.addresses
    }

    /// Its largest IP packet, in bytes.
    pub fn mtu(&self) -> usize {
        self.mtu
    }

    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|(own, _)| *own == address)
    }

    /// Whether there is an address and a way to speak to `to` with.
    pub(super) fn check_route(&self, to: IpAddr) -> Result<(), HostError> {
        let on_subnet = self.addresses.iter().any(|address| cidr(*address).contains_addr(&to.into()));
        let own = self.addresses.iter().any(|(own, _)| own.is_ipv4() == to.is_ipv4());
        let routed = own && self.gateways.iter().any(|gateway| gateway.is_ipv4() == to.is_ipv4());
        if on_subnet || routed { Ok(()) } else { Err(HostError::NoRoute(to)) }
    }

    pub(super) fn apply(&self, interface: &mut Interface) -> Result<(), HostError> {
        let mut fits = true;
        interface.update_ip_addrs(|places| {
            fits = self.addresses.iter().all(|address| places.push(cidr(*address)).is_ok());
        });
        for gateway in &self.gateways {
            fits &= match gateway {
                IpAddr::V4(gateway) => interface.routes_mut().add_default_ipv4_route(*gateway).is_ok(),
                IpAddr::V6(gateway) => interface.routes_mut().add_default_ipv6_route(*gateway).is_ok(),
            };
        }
        if fits { Ok(()) } else { Err(HostError::TooManyAddresses(self.addresses.len())) }
    }
}

/// What a host refuses at once, without sending anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostError {
    /// Not an address with the length of its subnet.
    BadAddress(String),
    /// More addresses than a host can hold.
    TooManyAddresses(usize),
    /// No subnet and no gateway leads there.
    NoRoute(IpAddr),
    /// Port 0, or an address that no host has.
    BadDestination(SocketAddr),
    /// Something listens on the port already.
    PortInUse(u16),
    /// More waits to be sent than the host has room for.
    Busy,
    /// There is no such conversation, or it is over.
    Closed,
}

impl fmt::Display for HostError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadAddress(text) => {
                write!(out, "{text:?} is no host's address: write it with the length of its subnet, like 10.0.0.1/24")
            }
            Self::TooManyAddresses(count) => write!(out, "{count} addresses are more than a host holds: give it at most 8"),
            Self::NoRoute(to) => write!(out, "no route to {to}: give the host an address on its subnet, or a gateway"),
            Self::BadDestination(to) => write!(out, "{to} is no destination: give a port above 0 and a host's address"),
            Self::PortInUse(port) => write!(out, "port {port} is in use on this host: choose another"),
            Self::Busy => out.write_str("the host has no room for more to send: let it run first"),
            Self::Closed => out.write_str("the conversation is over"),
        }
    }
}

impl std::error::Error for HostError {}
