//! Deleting an interface without waiting for the kernel to free it. After about a millisecond nobody sees it any more, no frame passes
//! it and its name is free, which the kernel tells whoever listens; it answers some 15 ms later, when nobody can hold the interface's
//! memory any more (`netdev_run_todo` in the kernel's `net/core/dev.c`).

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::mpsc::{self, TryRecvError};
use std::thread;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::super::error::{KernelError, Needs, Why};
use super::super::name::IfName;
use super::inside::Session;
use super::link;

/// `RTMGRP_LINK` (`linux/rtnetlink.h`): what becomes of interfaces.
const LINKS: u32 = 1;
/// `RTM_DELLINK`.
const DELETED: u16 = 17;
/// `NLMSG_ERROR`, which is also the type of an answer that says that there was none.
const ANSWER: u16 = 2;
/// `NLM_F_REQUEST` and `NLM_F_ACK`.
const ASKED: u16 = 1 | 4;
/// `AF_UNSPEC`: it is gone, and not only from a bridge.
const ALTOGETHER: u8 = 0;
/// Where the type is in `struct nlmsghdr`, and behind that the family and the number in `struct ifinfomsg`, or the error's number.
const TYPE: usize = 4;
const FAMILY: usize = 16;
const NUMBER: usize = 20;
const ERROR: usize = 16;
/// The length of both.
const LEN: usize = 32;
/// Longer than the beginning of a message, which is all that is looked at.
const HEAD: usize = 64;
/// How often it is looked, while nothing is heard, whether the kernel has refused: milliseconds.
const PAUSE: i64 = 2;

/// Deletes an interface of the session's namespace, which the calling thread must be in.
pub(super) fn delete(session: &Session, name: &IfName) -> Result<(), KernelError> {
    let number = link::get(session, name)?.index;
    // Where no descriptor is left for more than the session, it is waited for.
    let (Ok(heard), Ok(asking)) = (listen(), open()) else { return link::delete(session, name) };
    let what = "deleting an interface";
    let on = || format!("{name} in {}", session.netns);
    let (done, answer) = mpsc::channel();
    let ask = move || {
        // Whoever asked may know already.
        let _ = done.send(ask(&asking, number));
    };
    let thread = thread::Builder::new().name("kernel".to_owned());
    thread.spawn(ask).map_err(|error| KernelError::new(what, "a thread for it", Why::Other(error.to_string())))?;
    loop {
        match answer.try_recv() {
            Ok(answer) => return answer.map_err(|errno| KernelError::errno(what, on(), errno, Needs::NetAdmin)),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => {
                return Err(KernelError::new(what, on(), Why::Other("its thread ended without an answer".to_owned())));
            }
        }
        if is_deleted(&heard, number) {
            return Ok(());
        }
    }
}

/// A netlink socket of the calling thread's namespace.
fn open() -> Result<OwnedFd, Errno> {
    socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)
}

/// One that hears what becomes of interfaces.
fn listen() -> Result<OwnedFd, Errno> {
    let heard = open()?;
    setsockopt(&heard, sockopt::ReceiveTimeout, &TimeVal::milliseconds(PAUSE))?;
    bind(heard.as_raw_fd(), &NetlinkAddr::new(0, LINKS))?;
    Ok(heard)
}

/// Asks for the interface of that number to be deleted, and waits for the answer.
fn ask(asking: &OwnedFd, number: u32) -> Result<(), Errno> {
    let mut message = [0; LEN];
    message[..TYPE].copy_from_slice(&(LEN as u32).to_ne_bytes());
    message[TYPE..TYPE + 2].copy_from_slice(&DELETED.to_ne_bytes());
    message[TYPE + 2..TYPE + 4].copy_from_slice(&ASKED.to_ne_bytes());
    message[NUMBER..NUMBER + 4].copy_from_slice(&number.to_ne_bytes());
    send(asking.as_raw_fd(), &message, MsgFlags::empty())?;
    let mut head = [0; HEAD];
    recv(asking.as_raw_fd(), &mut head, MsgFlags::empty())?;
    let (kind, error) = (field(&head, TYPE), field(&head, ERROR));
    match (kind.map(u16::from_ne_bytes), error.map(i32::from_ne_bytes)) {
        (Some(ANSWER), Some(0)) => Ok(()),
        (Some(ANSWER), Some(error)) => Err(Errno::from_raw(-error)),
        _ => Err(Errno::EBADMSG),
    }
}

/// Whether the next that is heard, if anything is in time, is that the interface of that number is gone. What is missed, the answer
/// tells.
fn is_deleted(heard: &OwnedFd, number: u32) -> bool {
    let mut head = [0; HEAD];
    let Ok(len) = recv(heard.as_raw_fd(), &mut head, MsgFlags::empty()) else { return false };
    let head = &head[..len.min(HEAD)];
    let kind = field(head, TYPE).map(u16::from_ne_bytes);
    let of = field(head, NUMBER).map(u32::from_ne_bytes);
    kind == Some(DELETED) && head.get(FAMILY) == Some(&ALTOGETHER) && of == Some(number)
}

/// So many bytes of a message from there on, if it has them.
fn field<const BYTES: usize>(message: &[u8], from: usize) -> Option<[u8; BYTES]> {
    message.get(from..from + BYTES)?.try_into().ok()
}
