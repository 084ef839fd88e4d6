//! A TCP/IP host as a pure machine: frames and time in, frames out.
//!
//! smoltcp speaks ARP, neighbour discovery, ICMP, TCP and UDP; this gives it a name for every conversation and std's
//! addresses. It holds no socket of the kernel, no thread and no clock: [`crate::Lab`] runs many of them in virtual time,
//! [`crate::live::LiveHost`] one of them in real time.

mod config;
mod ping;
mod tcp;
mod udp;
mod wire;

pub use config::{HostConfig, HostError};
pub use ping::PingId;
pub use tcp::{ListenerId, StreamId, StreamState};
pub use udp::UdpId;

use lanloom_switch_core::{Instant, MacAddr};
use ping::Pings;
use smoltcp::iface::{Config, Interface, SocketSet};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr};
use std::time::Duration;
use tcp::Tcp;
use udp::Udp;
use wire::Wire;

/// The first of the ports that a conversation gets by itself (RFC 6335 clause 6).
const EPHEMERAL: u16 = 49_152;

/// How long a host that asks to be polled at once waits, lest virtual time stand still.
const AT_ONCE: Duration = Duration::from_micros(100);

/// A host with one network card.
pub struct Host {
    config: HostConfig,
    interface: Interface,
    sockets: SocketSet<'static>,
    wire: Wire,
    pings: Pings,
    tcp: Tcp,
    udp: Udp,
    next_port: u16,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Host").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Host {
    /// A host that has been switched on at `now`. What it would draw at random follows from `seed`.
    ///
    /// # Errors
    /// If it has more addresses or gateways than a host can hold.
    pub fn new(config: HostConfig, seed: u64, now: Instant) -> Result<Self, HostError> {
        let mut wire = Wire::new(config.mtu());
        let mac = HardwareAddress::Ethernet(EthernetAddress(config.mac().0));
        let mut settings = Config::new(mac);
        settings.random_seed = seed;
        let mut interface = Interface::new(settings, &mut wire, moment(now));
        config.apply(&mut interface)?;
        let sockets = SocketSet::new(Vec::new());
        let pings = Pings::new(seed as u16);
        let next_port = EPHEMERAL + (seed >> 16) as u16 % (u16::MAX - EPHEMERAL);
        Ok(Self { config, interface, sockets, wire, pings, tcp: Tcp::default(), udp: Udp::new(), next_port })
    }

    /// Its Ethernet address.
    pub fn mac(&self) -> MacAddr {
        self.config.mac()
    }

    /// What it was made with.
    pub fn config(&self) -> &HostConfig {
        &self.config
    }

    /// Takes a frame from the wire, without check sequence. [`Host::poll`] looks at it.
    pub fn receive(&mut self, frame: &[u8]) {
        self.wire.arrived.push_back(frame.into());
    }

    /// Looks at what arrived and does what is due.
    pub fn poll(&mut self, now: Instant) {
        self.interface.poll(moment(now), &mut self.wire, &mut self.sockets);
        self.pings.poll(&mut self.sockets, now);
        if self.tcp.poll(&mut self.sockets) {
            // A program read: the other end may be told so.
            self.interface.poll(moment(now), &mut self.wire, &mut self.sockets);
        }
    }

    /// The next frame to put on the wire.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.wire.leaving.pop_front()
    }

    /// When to call [`Host::poll`] next if no frame arrives before; always after `now`.
    pub fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        let at = self.interface.poll_at(moment(now), &self.sockets)?;
        let at = Instant::from_nanos(u64::try_from(at.total_micros()).unwrap_or(0).saturating_mul(1000));
        Some(if at > now { at } else { now + AT_ONCE })
    }

    fn ephemeral_port(&mut self) -> u16 {
        let port = self.next_port;
        self.next_port = if port == u16::MAX { EPHEMERAL } else { port + 1 };
        port
    }
}

fn moment(now: Instant) -> smoltcp::time::Instant {
    smoltcp::time::Instant::from_micros(i64::try_from(now.as_nanos() / 1000).unwrap_or(i64::MAX))
}

fn cidr(address: (std::net::IpAddr, u8)) -> IpCidr {
    IpCidr::new(address.0.into(), address.1)
}
