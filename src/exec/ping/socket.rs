//! One request, and what comes back: a socket each, so that nothing of the one before is taken for an answer.

use super::packet::{Mark, Wrapping};
use super::report::Outcome;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrStorage, connect, recv, send, setsockopt, socket,
    sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// More than any answer to our requests has.
const LARGEST: usize = 2048;

/// Sends the request of that number, and waits for its answer.
pub(super) fn ask(to: SocketAddr, sequence: u16, wait: Duration) -> Outcome {
    let mark = Mark { sequence, cookie: RandomState::new().hash_one(sequence) };
    exchange(to, mark, wait).unwrap_or_else(|errno| Outcome::Refused { why: why(errno).to_owned() })
}

fn exchange(to: SocketAddr, mark: Mark, wait: Duration) -> nix::Result<Outcome> {
    let (socket, wrapping) = open(to)?;
    // What routers and the kernel say about this destination, and nothing about others.
    connect(socket.as_raw_fd(), &SockaddrStorage::from(to))?;
    let begin = Instant::now();
    send(socket.as_raw_fd(), &mark.request(to.ip()), MsgFlags::empty())?;
    let mut buffer = [0; LARGEST];
    loop {
        let left = wait.saturating_sub(begin.elapsed());
        if left.is_zero() {
            return Ok(Outcome::Silent);
        }
        // Nothing at all would mean for ever.
        let patience = left.max(Duration::from_millis(1)).as_micros();
        let patience = TimeVal::microseconds(patience.try_into().unwrap_or(i64::MAX));
        setsockopt(&socket, sockopt::ReceiveTimeout, &patience)?;
        match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Ok(len) if mark.is_answered_by(&buffer[..len], to.ip(), wrapping) => {
                return Ok(Outcome::Answered { time: begin.elapsed() });
            }
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// A socket that only does this, if the namespace lets this group have one (`net.ipv4.ping_group_range`, icmp(7)), or a raw one.
fn open(to: SocketAddr) -> nix::Result<(OwnedFd, Wrapping)> {
    let (family, protocol, raw) = match to {
        SocketAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp, Wrapping::Ipv4),
        SocketAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6, Wrapping::Icmp),
    };
    let open = |kind| socket(family, kind, SockFlag::SOCK_CLOEXEC, protocol);
    let (socket, wrapping) = match open(SockType::Datagram) {
        Ok(socket) => (socket, Wrapping::Icmp),
        Err(_) => (open(SockType::Raw)?, raw),
    };
    match to {
        SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
        SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
    }
    Ok((socket, wrapping))
}

/// What an error number of these calls means for somebody who asks whether a host is there.
fn why(errno: Errno) -> &'static str {
    #[expect(clippy::wildcard_enum_match_arm, reason = "error numbers are many, and most mean nothing particular here")]
    match errno {
        Errno::ENETUNREACH => "no route leads there",
        Errno::EHOSTUNREACH => "nobody on its link has this address, or a router knows no way to it",
        Errno::EACCES => "it is a broadcast address, or a firewall or route forbids it",
        Errno::EPERM => "this needs CAP_NET_RAW, or a firewall forbids it",
        Errno::EADDRNOTAVAIL => "the sandbox has no address of this family",
        other => other.desc(),
    }
}
