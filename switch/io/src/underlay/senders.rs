//! Sockets that send, each from a source port of its own.

use super::sockets::{forbid_fragments, hear_not_ourselves, socket_of, widen_sending};
use crate::sys::datagram::{Outbound, With, take_nothing};
use lanloom_switch_core::vxlan::SOURCE_PORTS;
use nix::errno::Errno;
use nix::sys::socket::{SockaddrStorage, bind, getsockname};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// How many source ports flows are spread over.
const SOURCES: usize = 64;

/// Ports from one source to the next: all of them together are spread over the whole range.
const STEP: u16 = 16_384 / SOURCES as u16;

/// What newer kernels cut a message into at most, and what all do that cut at all (`UDP_MAX_SEGMENTS`).
const SEGMENTS: [usize; 2] = [128, 64];

/// The sockets. None of them takes anything.
#[derive(Debug)]
pub(crate) struct Senders {
    sockets: Vec<OwnedFd>,
    local: IpAddr,
}

impl Senders {
    /// Binds them to ports among [`SOURCE_PORTS`], passing over those that somebody has.
    ///
    /// # Errors
    /// What the kernel says; `EADDRINUSE` if every port is taken.
    pub(super) fn open(local: IpAddr) -> io::Result<Self> {
        let sockets = (0..SOURCES as u16).map(|number| sender(local, SOURCE_PORTS.start() + number * STEP));
        Ok(Self { sockets: sockets.collect::<io::Result<_>>()?, local })
    }

    pub(super) fn len(&self) -> usize {
        self.sockets.len()
    }

    pub(super) fn choose(&self, hash: u32) -> (u16, BorrowedFd<'_>) {
        let number = hash as usize % self.sockets.len();
        (number as u16, self.sockets[number].as_fd())
    }

    pub(super) fn at(&self, number: u16) -> BorrowedFd<'_> {
        self.sockets[usize::from(number)].as_fd()
    }

    /// Datagrams that the kernel cuts a message into at most, found by sending one to ourselves, who take nothing. Where that cannot
    /// be sent, the least that any kernel does which cuts.
    pub(super) fn probe_segments(&self) -> usize {
        let socket = &self.sockets[0];
        let Some(own) = getsockname::<SockaddrStorage>(socket.as_raw_fd()).ok().and_then(|name| port_of(&name)) else {
            return 1;
        };
        let mut outbound = Outbound::new(1, 1);
        for most in SEGMENTS {
            outbound.clear();
            outbound.message(SocketAddr::new(self.local, own), With { segment: Some(1), ..With::default() });
            let bytes = vec![0; most];
            outbound.part(&bytes);
            // SAFETY: `bytes` is still there.
            #[allow(unsafe_code)]
            let sent = unsafe { outbound.send(socket.as_fd(), 0) };
            match sent.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0))) {
                Ok(_) => return most,
                Err(Errno::EINVAL | Errno::EIO | Errno::ENOPROTOOPT) => {}
                Err(_) => return SEGMENTS[1],
            }
        }
        1
    }
}

fn sender(local: IpAddr, wanted: u16) -> io::Result<OwnedFd> {
    let socket = socket_of(local)?;
    take_nothing(socket.as_fd())?;
    widen_sending(&socket)?;
    forbid_fragments(socket.as_fd(), local)?;
    hear_not_ourselves(socket.as_fd(), local)?;
    for ahead in 0..STEP {
        match bind(socket.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(local, wanted + ahead))) {
            Ok(()) => return Ok(socket),
            Err(Errno::EADDRINUSE) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Errno::EADDRINUSE.into())
}

fn port_of(name: &SockaddrStorage) -> Option<u16> {
    name.as_sockaddr_in().map(|name| name.port()).or_else(|| name.as_sockaddr_in6().map(|name| name.port()))
}
