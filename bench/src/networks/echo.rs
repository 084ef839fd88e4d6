//! Echoes of ICMP from inside a namespace, as fast as they are answered: no program is started and nothing sleeps.

use crate::fault::{Fault, Result, Tried};
use crate::netns::enter;
use crate::stop;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recv, sendto, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long an answer is waited for before the next echo is sent. Waiting ends with the answer.
const PATIENCE: TimeVal = TimeVal::new(0, 1000);

/// How long an interface may take: long enough to measure also what is far too slow.
const LIMIT: Duration = Duration::from_secs(120);

/// An echo request's fixed part.
const REQUEST: u8 = 8;
const HEADER_LEN: usize = 8;

/// A socket in a namespace.
pub(crate) struct Echo {
    socket: OwnedFd,
    /// What the echoes of one call have in common, so that what comes late of an earlier one is not taken for an answer.
    ident: AtomicU16,
}

impl Echo {
    /// Opens the socket in the namespace at `path`.
    ///
    /// # Errors
    /// If the namespace cannot be entered or the kernel refuses.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let open = || {
            let icmp = socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Icmp);
            icmp.tried(|| "opening a socket for ICMP")
        };
        let socket = enter(path, open)?;
        setsockopt(&socket, sockopt::ReceiveTimeout, &PATIENCE).tried(|| "setting how long a socket waits")?;
        setsockopt(&socket, sockopt::DontRoute, &true).tried(|| "keeping a socket from gateways")?;
        Ok(Self { socket, ident: AtomicU16::new(0) })
    }

    /// Returns as soon as `target` answers, which is to be on a network of this namespace's own: nothing goes by a gateway.
    ///
    /// # Errors
    /// If it does not in time.
    pub(crate) fn until_answered(&self, target: Ipv4Addr) -> Result<()> {
        let ident = self.ident.fetch_add(1, Ordering::Relaxed);
        self.repeat(
            &format!("an answer from {target}"),
            || Ok(self.send(target, ident).is_ok() && self.answered(target, ident)),
        )
    }

    /// Returns as soon as no interface of this namespace is on the network of `target`.
    ///
    /// # Errors
    /// If there still is one when the time is over.
    pub(crate) fn until_gone(&self, target: Ipv4Addr) -> Result<()> {
        let ident = self.ident.fetch_add(1, Ordering::Relaxed);
        let gone = || Ok(self.send(target, ident) == Err(Errno::ENETUNREACH));
        self.repeat(&format!("the way to {target} to be gone"), gone)
    }

    fn repeat(&self, what: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
        let end = Instant::now() + LIMIT;
        while !done()? {
            std::thread::yield_now();
            if stop::requested() {
                return Err(Fault::Stopped);
            }
            if Instant::now() > end {
                return Err(Fault::on(format!("waiting for {what}"), format!("not there after {} s", LIMIT.as_secs())));
            }
        }
        Ok(())
    }

    /// An interface without address, route or carrier refuses in many ways, all of which may end.
    fn send(&self, target: Ipv4Addr, ident: u16) -> std::result::Result<usize, Errno> {
        let to = SockaddrIn::from(SocketAddrV4::new(target, 0));
        sendto(self.socket.as_raw_fd(), &request(ident), &to, MsgFlags::empty())
    }

    /// Whether an echo comes back before it is time for the next.
    fn answered(&self, target: Ipv4Addr, ident: u16) -> bool {
        let end = Instant::now() + Duration::from_millis(1);
        let mut packet = [0; 256];
        while Instant::now() < end {
            match recv(self.socket.as_raw_fd(), &mut packet, MsgFlags::empty()) {
                Ok(length) if is_answer(&packet[..length], target, ident) => return true,
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
        false
    }
}

/// Whether an answer is to the last echo of a call or to one before makes no difference, so all are the same.
fn request(ident: u16) -> [u8; HEADER_LEN] {
    let [high, low] = ident.to_be_bytes();
    let mut packet = [REQUEST, 0, 0, 0, high, low, 0, 1];
    let words = packet.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let check = !(folded as u16);
    packet[2..4].copy_from_slice(&check.to_be_bytes());
    packet
}

/// A raw socket gets packets with their IPv4 header (raw(7)), of all senders and all kinds.
fn is_answer(packet: &[u8], from: Ipv4Addr, ident: u16) -> bool {
    let Some(header_len) = packet.first().map(|first| usize::from(first & 0x0f) * 4) else { return false };
    let source = packet.get(12..16) == Some(&from.octets());
    let echo = packet.get(header_len..header_len + HEADER_LEN);
    source && echo.is_some_and(|echo| echo[0] == 0 && echo[4..6] == ident.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_adds_up_to_the_check_sum_of_rfc_1071() {
        let words = request(0xfffe).chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum::<u32>();
        assert_eq!((words & 0xffff) + (words >> 16), 0xffff);
    }

    #[test]
    fn only_the_targets_answer_to_us_is_one() {
        let target = Ipv4Addr::new(10, 0, 0, 1);
        let mut packet = vec![0x45; 20];
        packet[12..16].copy_from_slice(&target.octets());
        packet.extend([0, 0, 0, 0]);
        packet.extend([1, 2]);
        packet.extend([0, 1]);
        assert!(is_answer(&packet, target, 0x0102));
        assert!(!is_answer(&packet, Ipv4Addr::new(10, 0, 0, 2), 0x0102) && !is_answer(&packet, target, 0x0103));
        packet[20] = REQUEST;
        assert!(!is_answer(&packet, target, 0x0102));
        assert!(!is_answer(&packet[..21], target, 0x0102) && !is_answer(&[], target, 0x0102));
    }
}
