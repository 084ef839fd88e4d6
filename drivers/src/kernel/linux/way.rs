//! How packets to an address go out: asked of the kernel by a socket that is connected there, and sends nothing.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use lanloom_switch_io::underlay::path_mtu;
use nix::errno::Errno;

use super::super::error::{KernelError, Needs, Why};
use super::super::link::{WayTo, check_way};
use super::super::netns::Netns;
use super::inside::{Opened, errno_of};

/// Any port does: nothing is sent there (RFC 863, discard).
const PORT: u16 = 9;

/// Connects a socket inside and looks at what the kernel chose.
pub(super) fn way_to(netns: &Netns, from: Option<IpAddr>, to: IpAddr) -> Result<WayTo, KernelError> {
    check_way(from, to)?;
    Opened::open(netns)?.enter()?;
    look(from, to).map_err(|error| {
        let what = "looking for a route";
        let on = format!("{}{to} in {netns}", from.map(|from| format!("{from} to ")).unwrap_or_default());
        match errno_of(&error) {
            Errno::ENETUNREACH | Errno::EHOSTUNREACH | Errno::ENETDOWN => KernelError::new(what, on, Why::NoSuchRoute),
            errno => KernelError::errno(what, on, errno, Needs::NetAdmin),
        }
    })
}

fn look(from: Option<IpAddr>, to: IpAddr) -> io::Result<WayTo> {
    let source = from.map_or_else(|| source_to(to), Ok)?;
    Ok(WayTo { source, mtu: path_mtu(source, to)? })
}

/// The source address that the kernel takes.
fn source_to(to: IpAddr) -> io::Result<IpAddr> {
    let any = if to.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect((to, PORT))?;
    Ok(socket.local_addr()?.ip())
}
