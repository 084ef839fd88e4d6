//! Echo requests of a host that is a namespace (RFC 792, RFC 4443), over raw sockets: no program is needed for it.

use super::stop::{self, SLICE};
use etherparse::{IcmpEchoHeader, Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, SockaddrIn6, recv, sendto, setsockopt, socket,
    sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use std::net::{IpAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// What a request carries, and its answer must.
const PAYLOAD: &[u8] = b"lanloom demo lanloom demo lanloom demo lanloom demo!";

/// How often an unanswered request is sent again.
const INTERVAL: Duration = Duration::from_millis(500);

/// Asks `to` from the namespace that the thread is in, until it answers: how long the answered request took.
///
/// # Errors
/// If there is no answer within `patience`, or the kernel refuses.
pub(super) fn ping(to: IpAddr, id: u16, patience: Duration) -> Result<Duration, String> {
    let socket = open(to).map_err(|errno| format!("opening a raw socket: {errno}"))?;
    let begin = Instant::now();
    let mut sent = Vec::new();
    while begin.elapsed() < patience && !stop::requested() {
        if sent.last().is_none_or(|last: &Instant| last.elapsed() >= INTERVAL) {
            let request = IcmpEchoHeader { id, seq: sent.len() as u16 };
            sent.push(Instant::now());
            send(&socket, to, request).map_err(|errno| format!("{to}: {errno}"))?;
        }
        let answer = receive(&socket, to, id).map_err(|errno| format!("{to}: {errno}"))?;
        if let Some(asked) = answer.and_then(|seq| sent.get(usize::from(seq))) {
            return Ok(asked.elapsed());
        }
    }
    Err(format!("no answer from {to} within {} s", patience.as_secs()))
}

fn open(to: IpAddr) -> nix::Result<OwnedFd> {
    let (family, protocol) = match to {
        IpAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp),
        IpAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6),
    };
    let socket = socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(SLICE.as_millis() as i64))?;
    Ok(socket)
}

fn send(socket: &OwnedFd, to: IpAddr, request: IcmpEchoHeader) -> nix::Result<()> {
    let sent = match to {
        IpAddr::V4(to) => {
            let header = Icmpv4Header::with_checksum(Icmpv4Type::EchoRequest(request), PAYLOAD);
            let bytes = [&header.to_bytes()[..], PAYLOAD].concat();
            sendto(socket.as_raw_fd(), &bytes, &SockaddrIn::from(SocketAddrV4::new(to, 0)), MsgFlags::empty())
        }
        IpAddr::V6(to) => {
            // The kernel finishes this checksum, for it alone knows the source address (RFC 3542 clause 3.1).
            let header = Icmpv6Header::new(Icmpv6Type::EchoRequest(request));
            let bytes = [&header.to_bytes()[..], PAYLOAD].concat();
            sendto(socket.as_raw_fd(), &bytes, &SockaddrIn6::from(SocketAddrV6::new(to, 0, 0, 0)), MsgFlags::empty())
        }
    };
    match sent {
        // The neighbour did not answer yet, or the queue was full for a moment: asked again.
        Ok(_) | Err(Errno::EHOSTUNREACH | Errno::ENOBUFS | Errno::EAGAIN | Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// The number of the request that was answered, if an answer to one of ours came in.
fn receive(socket: &OwnedFd, from: IpAddr, id: u16) -> nix::Result<Option<u16>> {
    let mut buffer = [0; 2048];
    let len = match recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
        Ok(len) => len,
        Err(Errno::EAGAIN | Errno::EINTR | Errno::EHOSTUNREACH) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    let answer = match from {
        IpAddr::V4(_) => answer4(&buffer[..len]),
        IpAddr::V6(_) => answer6(&buffer[..len]),
    };
    Ok(answer.filter(|answer| answer.id == id).map(|answer| answer.seq))
}

/// A raw socket of IPv4 hands over the IP header too.
fn answer4(bytes: &[u8]) -> Option<IcmpEchoHeader> {
    let (_, payload) = etherparse::Ipv4Header::from_slice(bytes).ok()?;
    let (header, rest) = Icmpv4Header::from_slice(payload).ok()?;
    let Icmpv4Type::EchoReply(echo) = header.icmp_type else { return None };
    (rest == PAYLOAD).then_some(echo)
}

fn answer6(bytes: &[u8]) -> Option<IcmpEchoHeader> {
    let (header, rest) = Icmpv6Header::from_slice(bytes).ok()?;
    let Icmpv6Type::EchoReply(echo) = header.icmp_type else { return None };
    (rest == PAYLOAD).then_some(echo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_to_what_was_sent_counts() {
        let echo = IcmpEchoHeader { id: 7, seq: 3 };
        let answer = [&Icmpv6Header::new(Icmpv6Type::EchoReply(echo)).to_bytes()[..], PAYLOAD].concat();
        assert_eq!(answer6(&answer), Some(echo));
        assert_eq!(answer6(&answer[..answer.len() - 1]), None, "it lost a byte on the way");
        let request = [&Icmpv6Header::new(Icmpv6Type::EchoRequest(echo)).to_bytes()[..], PAYLOAD].concat();
        assert_eq!(answer6(&request), None, "a request is no answer");
    }
}
