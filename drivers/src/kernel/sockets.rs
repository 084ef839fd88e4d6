//! Sockets that are opened inside a namespace and used from anywhere.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::time::Duration;

use super::error::{KernelError, Why};

/// How long a connection may take to come about.
pub const CONNECT_PATIENCE: Duration = Duration::from_secs(4);

/// A pair of sockets that answer inside a namespace. They do not block, and are closed in a process that is started.
///
/// Each keeps the namespace alive until it is dropped, even one whose file is deleted: whoever holds them has to let go when
/// the sandbox goes.
#[derive(Debug)]
pub struct Listening {
    /// Where datagrams come.
    pub udp: UdpSocket,
    /// Where connections come.
    pub tcp: TcpListener,
}

/// The address of a server that port 53 can be redirected to.
pub(crate) fn loopback_server(what: &'static str, udp: SocketAddr, tcp: u16) -> Result<Ipv4Addr, KernelError> {
    let refused = |rule: &str| Err(KernelError::new(what, udp.to_string(), Why::InvalidValue(rule.to_owned())));
    match udp.ip() {
        _ if udp.port() == 0 || tcp == 0 => refused("a server has no port 0"),
        IpAddr::V4(address) if address.is_loopback() => Ok(address),
        IpAddr::V4(_) | IpAddr::V6(_) => refused("the server is not at an IPv4 address of the loopback"),
    }
}
