//! The switches that drivers act on. The controller's are behind it; in tests, some in memory.

use std::net::IpAddr;
use std::path::PathBuf;

use async_trait::async_trait;
use ipnet::IpNet;
use lanloom_switch_core::MacAddr;
pub use lanloom_switch_core::{GuardMode, Role};

use super::error::DriverError;

/// Switches and their ports, as drivers make them. What is made here belongs to networks: no command deletes it.
#[async_trait]
pub trait Fabric: Send + Sync {
    /// Makes a switch.
    ///
    /// # Errors
    /// [`DriverErrorKind::Conflict`](super::DriverErrorKind::Conflict) if there is one of that name.
    async fn create_switch(&self, switch: &str) -> Result<(), DriverError>;

    /// Deletes a switch that a driver made, with its ports. One that is not there is as good as deleted.
    ///
    /// # Errors
    /// If it has ports that a command made, or the kernel refuses.
    async fn delete_switch(&self, switch: &str) -> Result<(), DriverError>;

    /// Makes an interface and plugs it into a switch, guarded from its first frame on.
    ///
    /// # Errors
    /// If the name or the interface is taken, the namespace is not there, or the kernel refuses; nothing is left then.
    async fn add_port(&self, switch: &str, port: &SwitchPort) -> Result<(), DriverError>;

    /// Makes a VXLAN tunnel and plugs it into a switch, guarded from its first frame on. It is one port, whatever its peers.
    ///
    /// # Errors
    /// [`DriverErrorKind::Invalid`](super::DriverErrorKind::Invalid) if its MTU is larger than what the underlay carries,
    /// [`DriverErrorKind::Conflict`](super::DriverErrorKind::Conflict) if its name, its VNI or its UDP port is taken; nothing is left
    /// then.
    async fn add_tunnel(&self, switch: &str, tunnel: &Tunnel) -> Result<(), DriverError>;

    /// Changes with whom a tunnel exchanges frames; what was learned of hosts that stay is kept.
    ///
    /// # Errors
    /// If there is no such tunnel.
    async fn set_tunnel_peers(&self, switch: &str, port: &str, peers: &[IpAddr]) -> Result<(), DriverError>;

    /// A tunnel as it is now, but for its guard; none if no such port is there, or if it is no tunnel.
    async fn tunnel(&self, switch: &str, port: &str) -> Option<TunnelPath>;

    /// Changes what a port's frames are held to.
    ///
    /// # Errors
    /// If there is no such port.
    async fn set_port(&self, switch: &str, port: &str, isolated: bool, guard: &PortGuard) -> Result<(), DriverError>;

    /// Unplugs a port and deletes its interface. One that is not there is as good as deleted.
    ///
    /// # Errors
    /// If the kernel refuses; the port stays then.
    async fn delete_port(&self, switch: &str, port: &str) -> Result<(), DriverError>;

    /// The names of a switch's ports; none if there is no such switch.
    async fn ports(&self, switch: &str) -> Option<Vec<String>>;
}

/// A port to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwitchPort {
    /// Its name.
    pub name: String,
    /// What its interface is.
    pub kind: PortKind,
    /// The name of its interface.
    pub ifname: String,
    /// Where the interface is; none for the daemon's namespace.
    pub netns: Option<PathBuf>,
    /// MTU in bytes; 1500 if not given.
    pub mtu: Option<u32>,
    /// The interface's hardware address; a random local one if not given.
    pub mac: Option<MacAddr>,
    /// Whether it exchanges frames only with ports that are not isolated.
    pub isolated: bool,
    /// Of the switch's tunnels, which one its floods go out by: that of the same number.
    pub segment: u16,
    /// What its frames are held to.
    pub guard: PortGuard,
}

/// A tunnel to make: a port that leads to a network's other hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tunnel {
    /// The port's name.
    pub name: String,
    /// How it goes.
    pub path: TunnelPath,
    /// What the frames that come out of it are held to.
    pub guard: PortGuard,
}

/// How a tunnel goes (RFC 7348).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelPath {
    /// Its VXLAN network identifier: 24 bits.
    pub vni: u32,
    /// This host's address in the underlay.
    pub local: IpAddr,
    /// The UDP port, here and at its peers.
    pub port: u16,
    /// The other hosts' addresses in the underlay, of the family of `local`.
    pub peers: Vec<IpAddr>,
    /// Of the switch's ports, whose floods go out by it: those of the same number.
    pub segment: u16,
    /// MTU of the packets within, in bytes; what the underlay leaves if not given.
    pub mtu: Option<u32>,
}

/// What a port's interface is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortKind {
    /// A TAP, which the switch reads and writes itself.
    #[default]
    Tap,
    /// One end of a veth pair; the other is the switch's.
    Veth,
}

/// What a port's frames are held to, but for other networks' pools, which the fabric knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortGuard {
    /// Whether it leads to an endpoint or out of the network.
    pub role: Role,
    /// What source addresses may be.
    pub mode: GuardMode,
    /// Whether it may send router advertisements, DHCP answers and BPDUs.
    pub trusted: bool,
    /// Its own hardware address.
    pub mac: Option<MacAddr>,
    /// Its own addresses.
    pub addresses: Vec<IpAddr>,
    /// Of the gateway of an internal network: its subnets, outside of which nothing passes.
    pub inside: Option<Vec<IpNet>>,
    /// Of the gateway of a network whose endpoints are kept apart: its subnets, of which nothing comes back by way of the host.
    pub apart: Option<Vec<IpNet>>,
}
