//! UDP datagrams.

use super::{Host, HostError};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata, SendError, Socket};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Datagrams that may wait in each direction, and their bytes.
const PACKETS: usize = 64;
const BUFFER: usize = 128 * 1024;

/// A UDP port of one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UdpId(u16);

/// The UDP ports that are open.
pub(super) type Udp = BTreeMap<UdpId, SocketHandle>;

impl Host {
    /// Opens a UDP port, on all its addresses; 0 lets the host choose.
    ///
    /// # Errors
    /// If the port is in use.
    pub fn open_udp(&mut self, port: u16) -> Result<UdpId, HostError> {
        let port = if port == 0 { self.ephemeral_port() } else { port };
        let id = UdpId(port);
        let buffer = || PacketBuffer::new(vec![PacketMetadata::EMPTY; PACKETS], vec![0; BUFFER]);
        let mut socket = Socket::new(buffer(), buffer());
        if self.udp.contains_key(&id) || socket.bind(port).is_err() {
            return Err(HostError::PortInUse(port));
        }
        self.udp.insert(id, self.sockets.add(socket));
        Ok(id)
    }

    /// Sends a datagram; [`Host::poll`] puts it on the wire.
    ///
    /// # Errors
    /// If nothing leads there, nobody can be there, or too many datagrams wait.
    pub fn send_to(&mut self, id: UdpId, to: SocketAddr, bytes: &[u8]) -> Result<(), HostError> {
        self.config.check_route(to.ip())?;
        let socket = self.udp.get(&id).ok_or(HostError::Closed)?;
        match self.sockets.get_mut::<Socket<'_>>(*socket).send_slice(bytes, smoltcp::wire::IpEndpoint::from(to)) {
            Ok(()) => Ok(()),
            Err(SendError::BufferFull) => Err(HostError::Busy),
            Err(SendError::Unaddressable) => Err(HostError::BadDestination(to)),
        }
    }

    /// The port's number.
    pub fn udp_port(&self, id: UdpId) -> u16 {
        id.0
    }

    /// The next datagram that arrived, and where from.
    pub fn recv_from(&mut self, id: UdpId) -> Option<(Vec<u8>, SocketAddr)> {
        let socket = self.udp.get(&id)?;
        let (bytes, metadata) = self.sockets.get_mut::<Socket<'_>>(*socket).recv().ok()?;
        let from = SocketAddr::new(metadata.endpoint.addr.into(), metadata.endpoint.port);
        Some((bytes.to_vec(), from))
    }

    /// Closes a UDP port.
    pub fn close_udp(&mut self, id: UdpId) {
        if let Some(socket) = self.udp.remove(&id) {
            self.sockets.remove(socket);
        }
    }
}
