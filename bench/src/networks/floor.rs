//! The kernel's own floor under a connection: what it takes to make an interface where it is to be, to move one into a namespace, and
//! to delete one, asked by rtnetlink without anything else. The latter two wait until no CPU reads what they change (RCU), however
//! little there is to do; making does not. That an interface is gone for everybody is told before that.

use crate::fault::{Fault, Result, Tried};
use crate::netns::Netns;
use crate::networks::figure::Operation;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;
use std::time::Instant;

/// Two namespaces and a socket in the first.
pub(crate) struct Floor {
    near: Netns,
    far: Netns,
    socket: OwnedFd,
}

impl Floor {
    /// # Errors
    /// If a namespace cannot be made.
    pub(crate) fn new() -> Result<Self> {
        let (near, far) = (Netns::create("floor-near")?, Netns::create("floor-far")?);
        let open = || {
            let netlink = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute);
            netlink.tried(|| "opening a socket for rtnetlink")
        };
        let socket = near.enter(open)?;
        Ok(Self { near, far, socket })
    }

    /// Makes a veth pair with one end in the other namespace, deletes it, and makes one here whose end is moved there. In
    /// milliseconds.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(crate) fn measure(&self) -> Result<[(Operation, f64); 4]> {
        let path = Path::new(crate::leftovers::NETNS_DIR).join(self.far.name());
        let far = File::open(&path).tried(|| format!("opening {}", path.display()))?;
        let make = self.timed("making a pair", &message(libc::RTM_NEWLINK, MAKE, 0, &pair(far.as_raw_fd())))?;
        let (vanish, remove) = self.deleted(self.index("near")?)?;
        self.near.ip(&["link", "add", "near", "type", "veth", "peer", "name", "far"])?;
        let there = attribute(libc::IFLA_NET_NS_FD, &far.as_raw_fd().to_ne_bytes());
        let moved = self.timed("moving one end", &message(libc::RTM_NEWLINK, 0, self.index("far")?, &there))?;
        self.near.ip(&["link", "delete", "near"])?;
        Ok([(Operation::Make, make), (Operation::Move, moved), (Operation::Vanish, vanish), (Operation::Remove, remove)])
    }

    /// Deletes an interface: how long until the kernel tells everybody, and until it answers.
    fn deleted(&self, index: u32) -> Result<(f64, f64)> {
        let listen = || -> Result<OwnedFd> {
            let heard = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute);
            let heard = heard.tried(|| "opening a socket for rtnetlink")?;
            setsockopt(&heard, sockopt::ReceiveTimeout, &TimeVal::seconds(5)).tried(|| "limiting how long it waits")?;
            bind(heard.as_raw_fd(), &NetlinkAddr::new(0, libc::RTMGRP_LINK as u32)).tried(|| "listening to rtnetlink")?;
            Ok(heard)
        };
        let heard = self.near.enter(listen)?;
        let begin = Instant::now();
        let wait = || -> Result<f64> {
            let mut told = [0; 4096];
            loop {
                let length = recv(heard.as_raw_fd(), &mut told, MsgFlags::empty()).tried(|| "hearing that it is gone")?;
                if is_deletion(&told[..length], index) {
                    return Ok(begin.elapsed().as_secs_f64() * 1e3);
                }
            }
        };
        thread::scope(|scope| {
            let heard = scope.spawn(wait);
            let removed = self.timed("deleting it", &message(libc::RTM_DELLINK, 0, index, &[]))?;
            Ok((heard.join().unwrap_or_else(|panic| resume_unwind(panic))?, removed))
        })
    }

    fn index(&self, name: &str) -> Result<u32> {
        self.near.enter(|| if_nametoindex(name).tried(|| format!("looking for {name}")))
    }

    fn timed(&self, what: &str, message: &[u8]) -> Result<f64> {
        let begin = Instant::now();
        self.request(message).tried(|| what)?;
        Ok(begin.elapsed().as_secs_f64() * 1e3)
    }

    /// Sends a message and waits for its acknowledgement.
    fn request(&self, message: &[u8]) -> Result<()> {
        send(self.socket.as_raw_fd(), message, MsgFlags::empty()).tried(|| "sending to rtnetlink")?;
        let mut answer = [0; 512];
        let length = recv(self.socket.as_raw_fd(), &mut answer, MsgFlags::empty()).tried(|| "receiving from rtnetlink")?;
        match error(&answer[..length]) {
            Some(0) => Ok(()),
            Some(code) => Err(Fault::on("asking rtnetlink", std::io::Error::from_raw_os_error(-code))),
            None => Err(Fault::on("asking rtnetlink", "the answer is no acknowledgement")),
        }
    }
}

/// netlink(7) and rtnetlink(7): the header, an `ifinfomsg` that names the interface, and attributes.
fn message(kind: u16, flags: libc::c_int, index: u32, attributes: &[u8]) -> Vec<u8> {
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK | flags) as u16;
    let length = (HEADER_LEN + IFINFOMSG_LEN + attributes.len()) as u32;
    let header = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &flags.to_ne_bytes(), &[0; 8]].concat();
    let ifinfomsg = [&[0; 4][..], &index.to_ne_bytes(), &[0; 8]].concat();
    [&header, &ifinfomsg, attributes].concat()
}

const MAKE: libc::c_int = libc::NLM_F_CREATE | libc::NLM_F_EXCL;

/// A veth pair: `near` here, and `far` in a namespace from its beginning.
fn pair(namespace: i32) -> Vec<u8> {
    let there = attribute(libc::IFLA_NET_NS_FD, &namespace.to_ne_bytes());
    let peer = [vec![0; IFINFOMSG_LEN], attribute(libc::IFLA_IFNAME, b"far\0"), there].concat();
    let data = attribute(libc::IFLA_INFO_DATA, &attribute(VETH_INFO_PEER, &peer));
    let info = [attribute(libc::IFLA_INFO_KIND, b"veth"), data].concat();
    [attribute(libc::IFLA_IFNAME, b"near\0"), attribute(libc::IFLA_LINKINFO, &info)].concat()
}

/// The peer's `ifinfomsg` and attributes (`linux/veth.h`).
const VETH_INFO_PEER: u16 = 1;

/// Length, kind and value, and what makes the next one begin at a multiple of four.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = (value.len() + 4) as u16;
    let mut bytes = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), value].concat();
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Whether a message says that an interface is gone.
fn is_deletion(told: &[u8], index: u32) -> bool {
    let of = told.get(HEADER_LEN + 4..HEADER_LEN + 8);
    told.get(4..6) == Some(&libc::RTM_DELLINK.to_ne_bytes()) && of == Some(&index.to_ne_bytes())
}

/// The code of an acknowledgement: 0, or an error as a negative number.
fn error(answer: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let code = i32::from_ne_bytes(answer.get(HEADER_LEN..HEADER_LEN + 4)?.try_into().ok()?);
    (i32::from(kind) == libc::NLMSG_ERROR).then_some(code)
}

const HEADER_LEN: usize = 16;
const IFINFOMSG_LEN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_as_long_as_it_says() {
        for (attributes, length) in [(Vec::new(), 32), (attribute(1, &[7]), 40)] {
            let message = message(libc::RTM_NEWLINK, 0, 7, &attributes);
            assert_eq!(message.len(), length);
            assert_eq!(message[..4], (length as u32).to_ne_bytes());
        }
    }

    #[test]
    fn an_attribute_says_its_length_without_what_fills_it_up() {
        let bytes = attribute(3, b"near\0");
        assert_eq!((bytes.len(), &bytes[..2]), (12, &9u16.to_ne_bytes()[..]));
    }

    #[test]
    fn the_kernel_makes_moves_and_deletes_what_is_asked_for() {
        if !nix::unistd::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "this needs root, and with CI set nothing is skipped");
            println!("skipped: this needs root");
            return;
        }
        let floor = Floor::new().unwrap();
        for _ in 0..2 {
            floor.measure().unwrap();
        }
        for netns in [&floor.near, &floor.far] {
            assert_eq!(netns.ip(&["-o", "link"]).unwrap().lines().count(), 1);
        }
    }

    #[test]
    fn an_acknowledgement_is_known_from_other_answers() {
        let answer = |kind: u16, code: i32| [&[0; 4][..], &kind.to_ne_bytes(), &[0; 10], &code.to_ne_bytes()].concat();
        assert_eq!(error(&answer(2, 0)), Some(0));
        assert_eq!(error(&answer(2, -19)), Some(-19));
        assert_eq!(error(&answer(16, 0)), None);
        assert_eq!(error(&[]), None);
    }
}
