//! Sockets: real ones, but of the host's loopback, for a namespace in memory has none.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};

use super::super::error::{KernelError, Why};
use super::super::sockets::{CONNECT_PATIENCE, Listening};
use super::world::{Place, World};

/// The first port that is not kept for services (RFC 6335, 6).
const FIRST_FREE: u16 = 1024;

/// A pair of sockets that was asked for in a namespace of a [`FakeKernel`](super::FakeKernel).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListeningAt {
    /// The UDP address that was asked for.
    pub udp: SocketAddr,
    /// The TCP address that was asked for.
    pub tcp: SocketAddr,
    /// Where the UDP socket really is: 127.0.0.1 of the host.
    pub real_udp: SocketAddr,
    /// Where the TCP socket really is: 127.0.0.1 of the host.
    pub real_tcp: SocketAddr,
}

impl World {
    pub(super) fn listen(&mut self, place: &Place, udp: SocketAddr, tcp: SocketAddr) -> Result<Listening, KernelError> {
        let what = "listening in a network namespace";
        let space = self.space(what, place)?;
        let opened = open(udp.port(), tcp.port())
            .map_err(|error| KernelError::new(what, place.to_string(), Why::Other(error.to_string())))?;
        let (listening, real_udp, real_tcp) = opened;
        space.listening.push(ListeningAt { udp, tcp, real_udp, real_tcp });
        Ok(listening)
    }

    pub(super) fn open_udp(&mut self, place: &Place, _local: SocketAddr) -> Result<UdpSocket, KernelError> {
        let what = "opening a socket in a network namespace";
        self.space(what, place)?;
        open_udp().map_err(|error| KernelError::new(what, place.to_string(), Why::Other(error.to_string())))
    }

    pub(super) fn open_tcp(&mut self, place: &Place, to: SocketAddr) -> Result<TcpStream, KernelError> {
        let what = "connecting from a network namespace";
        self.space(what, place)?;
        let refused = |error: io::Error| KernelError::new(what, place.to_string(), Why::Other(error.to_string()));
        let stream = TcpStream::connect_timeout(&to, CONNECT_PATIENCE).map_err(refused)?;
        stream.set_nonblocking(true).map_err(refused)?;
        Ok(stream)
    }

    pub(super) fn listening(&mut self, place: &Place) -> Vec<ListeningAt> {
        self.space("listening in a network namespace", place).map(|space| space.listening.clone()).unwrap_or_default()
    }
}

/// On the ports that are asked for, as far as these are nobody's on the host: a namespace in memory has no ports of its own.
fn open(udp: u16, tcp: u16) -> io::Result<(Listening, SocketAddr, SocketAddr)> {
    let [udp, tcp] = [udp, tcp].map(|port| (Ipv4Addr::LOCALHOST, if port < FIRST_FREE { 0 } else { port }));
    let udp = UdpSocket::bind(udp).or_else(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)))?;
    udp.set_nonblocking(true)?;
    let tcp = TcpListener::bind(tcp).or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
    tcp.set_nonblocking(true)?;
    let (real_udp, real_tcp) = (udp.local_addr()?, tcp.local_addr()?);
    Ok((Listening { udp, tcp }, real_udp, real_tcp))
}

fn open_udp() -> io::Result<UdpSocket> {
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    udp.set_nonblocking(true)?;
    Ok(udp)
}
