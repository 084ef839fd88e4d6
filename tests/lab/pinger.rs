//! Pings from a sandbox to many addresses at once, without a program for each.

#![allow(dead_code, reason = "each test file uses its part")]

use super::house::House;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recvfrom, sendto, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// Liveness only: as long as any answer may take to come.
const PATIENCE: Duration = Duration::from_secs(100);

/// What pings from a sandbox.
pub(crate) struct Pinger {
    socket: OwnedFd,
}

impl Pinger {
    pub(crate) fn open(house: &House, sandbox: &str) -> Self {
        let socket = house.inside(sandbox, || {
            socket(AddressFamily::Inet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::Icmp).expect("root")
        });
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(300)).expect("set");
        setsockopt(&socket, sockopt::RcvBuf, &(1 << 20)).expect("set");
        Self { socket }
    }

    /// Asks all of them but itself at once, and again those that have not answered; how often it had to. Fails if one never does.
    pub(crate) fn ping_all(&self, own: Ipv4Addr, to: &[Ipv4Addr], id: u16) -> usize {
        let mut missing: BTreeSet<Ipv4Addr> = to.iter().copied().filter(|one| *one != own).collect();
        let (start, mut rounds) = (Instant::now(), 0_usize);
        while !missing.is_empty() {
            assert!(start.elapsed() < PATIENCE, "{own} has no answer of {missing:?}");
            rounds += 1;
            self.round(&mut missing, id);
        }
        rounds.saturating_sub(1)
    }

    /// Whether an address answers, asked once.
    pub(crate) fn answers(&self, to: Ipv4Addr, id: u16) -> bool {
        let mut missing = BTreeSet::from([to]);
        self.round(&mut missing, id);
        missing.is_empty()
    }

    /// Asks each once, and takes out those that answer soon.
    fn round(&self, missing: &mut BTreeSet<Ipv4Addr>, id: u16) {
        for address in missing.iter() {
            let at = SockaddrIn::from(SocketAddrV4::new(*address, 0));
            // What the kernel has no room for now is sent again.
            let _ = sendto(self.socket.as_raw_fd(), &request(id), &at, MsgFlags::empty());
        }
        let mut packet = [0; 128];
        while !missing.is_empty() {
            let Ok((length, Some(source))) = recvfrom::<SockaddrIn>(self.socket.as_raw_fd(), &mut packet) else { return };
            if is_answer(&packet[..length], id) {
                missing.remove(&source.ip());
            }
        }
    }
}

/// An echo request (RFC 792) of that id.
fn request(id: u16) -> [u8; 8] {
    let [high, low] = id.to_be_bytes();
    // The sum of type 8 and the id alone cannot carry twice.
    let (sum, carried) = 0x0800_u16.overflowing_add(id);
    let [check_high, check_low] = (!(sum + u16::from(carried))).to_be_bytes();
    [8, 0, check_high, check_low, high, low, 0, 0]
}

/// Whether an IPv4 packet is the echo reply to that.
fn is_answer(packet: &[u8], id: u16) -> bool {
    let header = packet.first().map_or(0, |first| usize::from(first & 0xf) * 4);
    let Some(icmp) = packet.get(header..header + 8) else { return false };
    icmp[0] == 0 && icmp[4..6] == id.to_be_bytes()
}
