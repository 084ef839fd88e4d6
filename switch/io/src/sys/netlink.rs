//! Word from the kernel when an interface changes, in any namespace that we have named to it (`rtnetlink(7)`).
//!
//! A TAP's descriptor tells neither down nor rename, and AF_PACKET gives one error for three causes; this socket tells all.

mod vxlan;

pub(crate) use vxlan::{VxlanLink, vxlans};

use super::options;
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, NetlinkAddr, RecvMsg, SockFlag, SockProtocol, SockType, bind, recv, recvmsg,
    send, socket,
};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

const SOL_NETLINK: i32 = 270;
const NETLINK_LISTEN_ALL_NSID: i32 = 8;
const RTMGRP_LINK: u32 = 1;
/// `RTMGRP_IPV4_IFADDR`, `_IPV4_ROUTE`, `_IPV6_IFADDR`, `_IPV6_ROUTE`.
const RTMGRP_ADDRESSES_AND_ROUTES: u32 = 0x10 | 0x40 | 0x100 | 0x400;
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const RTM_NEWNSID: u16 = 88;
const RTM_GETNSID: u16 = 90;
const NETNSA_NSID: u16 = 1;
const NETNSA_FD: u16 = 3;
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_DUMP: u16 = 0x300;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_STATS64: u16 = 23;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_TUN_NUM_QUEUES: u16 = 8;
const IFLA_CARRIER: u16 = 33;
/// Bytes of the longest message that is read whole: the kernel makes none longer.
const ROOM: usize = 32 << 10;
/// Bytes of `nlmsghdr` and of `ifinfomsg`.
const HEADER: usize = 16;
const INFO: usize = 16;
/// Where `tx_dropped` is in `rtnl_link_stats64`.
const TX_DROPPED: usize = 7 * 8;

/// What one namespace calls another.
pub(crate) type Nsid = i32;

/// An interface was made, changed or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The number of its namespace in ours; `None` if it is ours.
    pub(crate) namespace: Option<Nsid>,
    pub(crate) index: u32,
    pub(crate) name: String,
}

/// A socket that hears that something has changed in this thread's namespace about addresses, routes or interfaces, and not what.
#[derive(Debug)]
pub(crate) struct AddressListener {
    fd: OwnedFd,
}

impl AddressListener {
    pub(crate) fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, RTMGRP_LINK | RTMGRP_ADDRESSES_AND_ROUTES))?;
        Ok(Self { fd })
    }

    /// Readable when something has changed.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Forgets all changes so far.
    pub(crate) fn forget(&self) {
        let mut word = [0; 64];
        // Ends with "nothing waits"; of more than the kernel kept for us it says so once, which is as good.
        while !matches!(recv(self.fd.as_raw_fd(), &mut word, MsgFlags::MSG_TRUNC), Err(Errno::EAGAIN)) {}
    }
}

/// A socket that hears of every change.
#[derive(Debug)]
pub(crate) struct Listener {
    fd: OwnedFd,
}

impl Listener {
    pub(crate) fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
        options::set(fd.as_fd(), SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, &1_i32)?;
        bind(fd.as_raw_fd(), &NetlinkAddr::new(0, RTMGRP_LINK))?;
        Ok(Self { fd })
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// What has changed since the last question, or `None` if so much that some of it is lost: the kernel forgot it, or a message was
    /// too long to be read whole.
    pub(crate) fn changes(&self) -> io::Result<Option<Vec<Change>>> {
        self.changes_by(&mut vec![0; ROOM])
    }

    fn changes_by(&self, buffer: &mut [u8]) -> io::Result<Option<Vec<Change>>> {
        let mut changes = Vec::new();
        let mut control = cmsg_space!(Nsid);
        loop {
            let mut vectors = [IoSliceMut::new(buffer)];
            let answer = recvmsg::<()>(self.fd.as_raw_fd(), &mut vectors, Some(&mut control), MsgFlags::empty());
            match answer.map(|message| (message.bytes, message.flags.contains(MsgFlags::MSG_TRUNC), namespace(&message))) {
                Ok((_, true, _)) => return Ok(None),
                Ok((len, false, namespace)) => {
                    let heard = messages(&buffer[..len]).filter_map(|(kind, body)| change(kind, body));
                    changes.extend(heard.map(|change| Change { namespace, ..change }));
                }
                Err(Errno::EAGAIN) => return Ok(Some(changes)),
                Err(Errno::ENOBUFS) => return Ok(None),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The number of the namespace that a message came from, which the kernel tells of all but the socket's own.
fn namespace<S>(message: &RecvMsg<'_, '_, S>) -> Option<Nsid> {
    message.cmsgs().ok()?.find_map(|control| match control {
        ControlMessageOwned::Unknown(told)
            if (told.cmsg_header.cmsg_level, told.cmsg_header.cmsg_type) == (SOL_NETLINK, NETLINK_LISTEN_ALL_NSID) =>
        {
            Some(Nsid::from_ne_bytes(*told.data_bytes.first_chunk()?))
        }
        _ => None,
    })
}

/// Gives a namespace a number in this thread's own, without which its changes are not heard here, and answers with it. It may have
/// one already.
pub(crate) fn name_namespace(namespace: BorrowedFd<'_>) -> io::Result<Nsid> {
    let mut which = vec![0; 4];
    attribute(&mut which, NETNSA_FD, &namespace.as_raw_fd().to_ne_bytes());
    let mut any = which.clone();
    attribute(&mut any, NETNSA_NSID, &(-1_i32).to_ne_bytes());
    match ask(RTM_NEWNSID, NLM_F_ACK, &any) {
        Err(error) if error.raw_os_error() != Some(Errno::EEXIST as i32) => return Err(error),
        _ => {}
    }
    number_of(namespace)?.ok_or_else(|| io::Error::other("the kernel told no number of a namespace"))
}

/// The number that a namespace has in this thread's own, if it has one.
pub(crate) fn number_of(namespace: BorrowedFd<'_>) -> io::Result<Option<Nsid>> {
    let mut which = vec![0; 4];
    attribute(&mut which, NETNSA_FD, &namespace.as_raw_fd().to_ne_bytes());
    let answer = ask(RTM_GETNSID, 0, &which)?;
    let number = messages(&answer).find_map(|(_, body)| find(body.get(4..)?, NETNSA_NSID)?.try_into().ok());
    Ok(number.map(Nsid::from_ne_bytes).filter(|number| *number >= 0))
}

/// Frames that an interface of this thread's namespace dropped instead of sending: for a TAP, those lost on the way to us.
pub(crate) fn tx_dropped(index: u32) -> io::Result<u64> {
    let answer = ask(RTM_GETLINK, 0, &about(index))?;
    let stats = messages(&answer).find_map(|(_, body)| find(body.get(INFO..)?, IFLA_STATS64));
    let dropped = stats.and_then(|stats| stats.get(TX_DROPPED..TX_DROPPED + 8)?.try_into().ok());
    dropped.map(u64::from_ne_bytes).ok_or_else(|| io::Error::other("the kernel told no statistics"))
}

/// Whether an interface of this thread's namespace has somebody at its other end who takes frames.
pub(crate) fn carrier(index: u32) -> io::Result<bool> {
    let answer = ask(RTM_GETLINK, 0, &about(index))?;
    let carrier = messages(&answer).find_map(|(_, body)| find(body.get(INFO..)?, IFLA_CARRIER)?.first().copied());
    carrier.map(|carrier| carrier != 0).ok_or_else(|| io::Error::other("the kernel told no carrier"))
}

/// How many descriptors have a TAP of this thread's namespace open.
pub(crate) fn tap_queues(index: u32) -> io::Result<u32> {
    let answer = ask(RTM_GETLINK, 0, &about(index))?;
    let queues = messages(&answer).find_map(|(_, body)| {
        let info = find(find(body.get(INFO..)?, IFLA_LINKINFO)?, IFLA_INFO_DATA)?;
        find(info, IFLA_TUN_NUM_QUEUES)?.try_into().ok()
    });
    queues.map(u32::from_ne_bytes).ok_or_else(|| io::Error::other("the kernel told no queues"))
}

/// A request's body about one interface.
fn about(index: u32) -> Vec<u8> {
    let mut body = vec![0; INFO];
    body[4..8].copy_from_slice(&index.to_ne_bytes());
    body
}

/// Sends one request and answers with what came back. An error of the kernel's is an error here.
fn ask(kind: u16, flags: u16, body: &[u8]) -> io::Result<Vec<u8>> {
    let fd = request(kind, flags, body)?;
    let mut answer = vec![0; ROOM];
    let len = recv(fd.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    answer.truncate(len);
    failure(&answer)?;
    Ok(answer)
}

/// Sends one request by a socket of its own, to which the answer comes.
fn request(kind: u16, flags: u16, body: &[u8]) -> io::Result<OwnedFd> {
    let fd = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    let mut message = Vec::with_capacity(HEADER + body.len());
    message.extend_from_slice(&((HEADER + body.len()) as u32).to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(&(NLM_F_REQUEST | flags).to_ne_bytes());
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(body);
    send(fd.as_raw_fd(), &message, MsgFlags::empty())?;
    Ok(fd)
}

/// An error that the kernel answered with.
fn failure(answer: &[u8]) -> io::Result<()> {
    let failed = messages(answer).find_map(|(kind, body)| {
        let code = i32::from_ne_bytes(body.get(..4)?.try_into().ok()?);
        (i32::from(kind) == libc::NLMSG_ERROR && code != 0).then_some(-code)
    });
    failed.map_or(Ok(()), |code| Err(io::Error::from_raw_os_error(code)))
}

/// Asks for all there is, and answers with the datagrams that came back.
fn dump(kind: u16, body: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let fd = request(kind, NLM_F_DUMP, body)?;
    let mut answers = Vec::new();
    loop {
        let mut answer = vec![0; ROOM];
        let len = recv(fd.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        answer.truncate(len);
        failure(&answer)?;
        let is_last = len == 0 || messages(&answer).any(|(kind, _)| i32::from(kind) == libc::NLMSG_DONE);
        answers.push(answer);
        if is_last {
            return Ok(answers);
        }
    }
}

fn attribute(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    body.extend_from_slice(&((4 + value.len()) as u16).to_ne_bytes());
    body.extend_from_slice(&kind.to_ne_bytes());
    body.extend_from_slice(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

/// The messages of a datagram: type and body.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = u32::from_ne_bytes(bytes.get(..4)?.try_into().ok()?) as usize;
        let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
        let body = bytes.get(HEADER..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, body))
    })
}

/// The attributes of a message: type and value.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?) & 0x3fff;
        let value = bytes.get(4..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The value of the first attribute of a type.
fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

fn change(kind: u16, body: &[u8]) -> Option<Change> {
    if !matches!(kind, RTM_NEWLINK | RTM_DELLINK) {
        return None;
    }
    let index = u32::from_ne_bytes(body.get(4..8)?.try_into().ok()?);
    let name = find(body.get(INFO..)?, IFLA_IFNAME)?;
    let name = String::from_utf8_lossy(name.strip_suffix(&[0]).unwrap_or(name)).into_owned();
    Some(Change { namespace: None, index, name })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::netns::{alone, ip};

    #[test]
    fn a_change_is_read_and_what_is_cut_or_lies_is_not() {
        let mut body = vec![0; INFO];
        body[4] = 7;
        attribute(&mut body, IFLA_IFNAME, b"veth0\0");
        let mut bytes = ((HEADER + body.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend(RTM_NEWLINK.to_ne_bytes());
        bytes.resize(HEADER, 0);
        bytes.extend(&body);
        let read = |bytes: &[u8]| messages(bytes).filter_map(|(kind, body)| change(kind, body)).collect::<Vec<_>>();
        assert_eq!(read(&bytes), [Change { namespace: None, index: 7, name: "veth0".into() }]);
        for cut in 0..bytes.len() {
            assert_eq!(read(&bytes[..cut]), [], "{cut}");
        }
        bytes[0] = 4;
        assert_eq!(read(&bytes), []);
    }

    fn flip_lo(times: u32) {
        (0..times).for_each(|time| ip(if time % 2 == 0 { "link set lo up" } else { "link set lo down" }));
    }

    #[test]
    fn changes_that_the_kernel_forgot_are_told_of_as_such_and_later_ones_are_heard() {
        alone(|| {
            let listener = Listener::open().expect("a netlink socket");
            // As little as the kernel lets us have: room for two or three messages.
            nix::sys::socket::setsockopt(&listener.fd, nix::sys::socket::sockopt::RcvBuf, &0).expect("a small buffer");
            flip_lo(40);
            assert_eq!(listener.changes().expect("an answer"), None);
            while listener.changes().expect("an answer").is_none_or(|changes| !changes.is_empty()) {}
            flip_lo(1);
            assert!(listener.changes().expect("an answer").is_some_and(|changes| changes[0].name == "lo"));
        });
    }

    #[test]
    fn a_message_too_long_for_its_buffer_is_as_good_as_forgotten() {
        alone(|| {
            let listener = Listener::open().expect("a netlink socket");
            flip_lo(1);
            assert_eq!(listener.changes_by(&mut [0; 64]).expect("an answer"), None);
        });
    }
}
