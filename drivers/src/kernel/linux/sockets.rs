//! Sockets opened by a thread inside a namespace: a socket stays where it was made.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use super::super::error::{KernelError, Needs};
use super::super::netns::Netns;
use super::super::sockets::{CONNECT_PATIENCE, Listening};
use super::inside::{Opened, errno_of};

/// The first port that anybody may listen on (`net.ipv4.ip_unprivileged_port_start`, unless somebody changed that).
const UNPRIVILEGED: u16 = 1024;

/// Opens both inside; the standard library's sockets are close-on-exec.
pub(super) fn listen(netns: &Netns, udp: SocketAddr, tcp: SocketAddr) -> Result<Listening, KernelError> {
    let what = "listening in a network namespace";
    Opened::open(netns)?.enter()?;
    let udp = bind_udp(udp).map_err(|error| refused(what, "UDP", udp, netns, &error))?;
    let tcp = bind_tcp(tcp).map_err(|error| refused(what, "TCP", tcp, netns, &error))?;
    Ok(Listening { udp, tcp })
}

/// Opens one inside.
pub(super) fn open_udp(netns: &Netns, local: SocketAddr) -> Result<UdpSocket, KernelError> {
    Opened::open(netns)?.enter()?;
    bind_udp(local).map_err(|error| refused("opening a socket in a network namespace", "UDP", local, netns, &error))
}

/// Connects one inside; the thread waits.
pub(super) fn open_tcp(netns: &Netns, to: SocketAddr) -> Result<TcpStream, KernelError> {
    Opened::open(netns)?.enter()?;
    let connect = || {
        let stream = TcpStream::connect_timeout(&to, CONNECT_PATIENCE)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    };
    let on = || format!("TCP {to} in {netns}");
    connect()
        .map_err(|error| KernelError::errno("connecting from a network namespace", on(), errno_of(&error), Needs::NetAdmin))
}

fn bind_udp(local: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(local)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn bind_tcp(local: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpListener::bind(local)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn refused(what: &'static str, protocol: &str, at: SocketAddr, netns: &Netns, error: &io::Error) -> KernelError {
    let needs = if at.port() < UNPRIVILEGED { Needs::LowPort } else { Needs::NetAdmin };
    KernelError::errno(what, format!("{protocol} {at} in {netns}"), errno_of(error), needs)
}
