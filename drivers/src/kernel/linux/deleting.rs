//! Deleting an interface without waiting for the kernel to free it. After about a millisecond nobody sees it any more, no frame passes
//! it and its name is free, which the kernel tells whoever listens; it answers some 15 ms later, when nobody can hold the interface's
//! memory any more (`netdev_run_todo` in the kernel's `net/core/dev.c`).

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::mpsc::{self, TryRecvError};
use std::thread;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, setsockopt, socket, sockopt,
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
/// `AF_UNSPEC`: it is gone, and not only from a bridge.
const ALTOGETHER: u8 = 0;
/// Where the type is in `struct nlmsghdr`, and behind that the family and the number in `struct ifinfomsg`.
const TYPE: usize = 4;
const FAMILY: usize = 16;
const NUMBER: usize = 20;
/// Longer than the beginning of a message, which is all that is looked at.
const HEAD: usize = 64;
/// How often it is looked, while nothing is heard, whether the kernel has refused: milliseconds.
const PAUSE: i64 = 2;

/// Deletes an interface of the session's namespace, which the calling thread must be in.
pub(super) fn delete(session: Session, name: &IfName) -> Result<(), KernelError> {
    let (what, on) = ("deleting an interface", name.to_string());
    let number = link::get(&session, name)?.index;
    let heard = listen().map_err(|errno| KernelError::errno("listening for interfaces", on.clone(), errno, Needs::NetAdmin))?;
    let (done, answer) = mpsc::channel();
    let ask = move || {
        let answer = session.ask(what, &on, |handle| handle.link().del(number).execute());
        // Whoever asked may know already.
        let _ = done.send(answer);
    };
    let thread = thread::Builder::new().name("kernel".to_owned());
    thread.spawn(ask).map_err(|error| KernelError::new(what, "a thread for it", Why::Other(error.to_string())))?;
    loop {
        match answer.try_recv() {
            Ok(answer) => return answer,
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => {
                return Err(KernelError::new(
                    what,
                    name.to_string(),
                    Why::Other("its thread ended without an answer".to_owned()),
                ));
            }
        }
        if is_deleted(&heard, number) {
            return Ok(());
        }
    }
}

/// A socket that hears what becomes of interfaces of the calling thread's namespace.
fn listen() -> Result<OwnedFd, Errno> {
    let heard = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    setsockopt(&heard, sockopt::ReceiveTimeout, &TimeVal::milliseconds(PAUSE))?;
    bind(heard.as_raw_fd(), &NetlinkAddr::new(0, LINKS))?;
    Ok(heard)
}

/// Whether the next that is heard, if anything is in time, is that the interface of that number is gone. What is missed, the answer
/// tells.
fn is_deleted(heard: &OwnedFd, number: u32) -> bool {
    let mut head = [0; HEAD];
    let Ok(len) = recv(heard.as_raw_fd(), &mut head, MsgFlags::empty()) else { return false };
    let head = &head[..len.min(HEAD)];
    let (kind, family) = (head.get(TYPE..TYPE + 2), head.get(FAMILY));
    let of = head.get(NUMBER..NUMBER + 4);
    kind == Some(&DELETED.to_ne_bytes()) && family == Some(&ALTOGETHER) && of == Some(&number.to_ne_bytes())
}
