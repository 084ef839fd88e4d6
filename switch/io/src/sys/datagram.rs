//! Many UDP datagrams a call, to and from many addresses: `recvmmsg` with `UDP_GRO`, `sendmmsg` with `UDP_SEGMENT` (udp(7)).
#![allow(unsafe_code)]

use super::options;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd};

/// Bytes of the longest UDP datagram, and of what the kernel merges.
pub(crate) const DATAGRAM_MAX: usize = 65_536;

/// Bytes for the control messages of one datagram: traffic class, hops, segment size and interface, each with its header.
const CONTROL_LEN: usize = 128;

/// `UDP_SEGMENT` and `UDP_GRO` of Linux's `udp.h`.
const UDP_SEGMENT: i32 = 103;
const UDP_GRO: i32 = 104;

type Control = [u64; CONTROL_LEN / 8];

/// Datagrams received, in memory of their own.
pub(crate) struct Inbound {
    headers: Vec<libc::mmsghdr>,
    vectors: Vec<libc::iovec>,
    names: Vec<libc::sockaddr_storage>,
    control: Vec<Control>,
    memory: Box<[u8]>,
}

// SAFETY: the pointers inside are written anew before each call and never followed between calls.
unsafe impl Send for Inbound {}

/// What was received by one message: one datagram, or several of equal length (the last may be shorter) that the kernel merged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received<'a> {
    pub(crate) from: Option<IpAddr>,
    pub(crate) bytes: &'a [u8],
    /// Bytes of each datagram but the last.
    pub(crate) size: usize,
    /// Traffic class of the packets outside.
    pub(crate) tos: u8,
}

impl Inbound {
    pub(crate) fn new(capacity: usize) -> Self {
        // SAFETY: all three are plain data, for which all zero is a value.
        let (header, vector, name) = unsafe { (std::mem::zeroed(), std::mem::zeroed(), std::mem::zeroed()) };
        Self {
            headers: vec![header; capacity],
            vectors: vec![vector; capacity],
            names: vec![name; capacity],
            control: vec![[0; CONTROL_LEN / 8]; capacity],
            memory: vec![0; capacity * DATAGRAM_MAX].into_boxed_slice(),
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.headers.len()
    }

    /// Receives up to `count` messages without waiting. Answers how many.
    pub(crate) fn recv(&mut self, fd: BorrowedFd<'_>, count: usize) -> io::Result<usize> {
        let count = count.min(self.capacity());
        let base = self.memory.as_mut_ptr();
        for index in 0..count {
            let place = base.wrapping_add(index * DATAGRAM_MAX).cast();
            self.vectors[index] = libc::iovec { iov_base: place, iov_len: DATAGRAM_MAX };
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = (&raw mut self.names[index]).cast();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_iov = &raw mut self.vectors[index];
            header.msg_iovlen = 1;
            header.msg_control = self.control[index].as_mut_ptr().cast();
            header.msg_controllen = CONTROL_LEN as _;
        }
        // SAFETY: `count` headers whose names, vectors, buffers and control buffers are ours and still there.
        let answer = unsafe {
            let flags = libc::MSG_DONTWAIT;
            libc::recvmmsg(fd.as_raw_fd(), self.headers.as_mut_ptr(), count as libc::c_uint, flags, std::ptr::null_mut())
        };
        if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer as usize) }
    }

    /// Message `index` of the last [`Inbound::recv`]. Panics if there is none.
    pub(crate) fn message(&self, index: usize) -> Received<'_> {
        let header = &self.headers[index];
        let len = (header.msg_len as usize).min(DATAGRAM_MAX);
        let bytes = &self.memory[index * DATAGRAM_MAX..][..len];
        let (size, tos) = told(&header.msg_hdr);
        Received { from: address(&self.names[index]), bytes, size: size.filter(|size| *size > 0).unwrap_or(len).max(1), tos }
    }
}

/// Segment size and traffic class of a received message.
fn told(header: &libc::msghdr) -> (Option<usize>, u8) {
    let (mut size, mut tos) = (None, 0);
    // SAFETY: the kernel filled in the header and its control buffer, which is ours and still there; what is read of each control
    // message is at most as long as the kernel makes it (an int, or one byte of IP_TOS).
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while let Some(control) = message.as_ref() {
            let data = libc::CMSG_DATA(message);
            match (control.cmsg_level, control.cmsg_type) {
                (libc::SOL_UDP, UDP_GRO) => size = usize::try_from(std::ptr::read_unaligned(data.cast::<i32>())).ok(),
                (libc::IPPROTO_IP, libc::IP_TOS) => tos = *data,
                (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => tos = std::ptr::read_unaligned(data.cast::<i32>()) as u8,
                _ => {}
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
    (size, tos)
}

fn address(name: &libc::sockaddr_storage) -> Option<IpAddr> {
    match i32::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: of this family the storage, which is larger, holds this structure.
            let name = unsafe { &*std::ptr::from_ref(name).cast::<libc::sockaddr_in>() };
            Some(Ipv4Addr::from(u32::from_be(name.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let name = unsafe { &*std::ptr::from_ref(name).cast::<libc::sockaddr_in6>() };
            Some(Ipv6Addr::from(name.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

/// What a message is sent with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct With {
    pub(crate) tos: u8,
    pub(crate) ttl: Option<u8>,
    /// Bytes of each datagram that the message is cut into, but for the last; none if it is one datagram.
    pub(crate) segment: Option<u16>,
    /// The number of the interface that it leaves by; none is what the routes say.
    pub(crate) by: Option<u32>,
}

/// Messages to send, each gathered from many parts. Used again for every call.
pub(crate) struct Outbound {
    headers: Vec<libc::mmsghdr>,
    vectors: Vec<libc::iovec>,
    /// How many vectors each message has.
    parts: Vec<usize>,
    names: Vec<(libc::sockaddr_storage, libc::socklen_t)>,
    control: Vec<(Control, usize)>,
}

// SAFETY: as for `Inbound`.
unsafe impl Send for Outbound {}

impl Outbound {
    /// Room for so many messages of so many parts in all; it grows if there are more.
    pub(crate) fn new(messages: usize, parts: usize) -> Self {
        Self {
            headers: Vec::with_capacity(messages),
            vectors: Vec::with_capacity(parts),
            parts: Vec::with_capacity(messages),
            names: Vec::with_capacity(messages),
            control: Vec::with_capacity(messages),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.headers.clear();
        self.vectors.clear();
        self.parts.clear();
        self.names.clear();
        self.control.clear();
    }

    /// Begins a message; its parts follow.
    pub(crate) fn message(&mut self, to: SocketAddr, with: With) {
        // SAFETY: a header is plain data, for which all zero is a value.
        self.headers.push(unsafe { std::mem::zeroed() });
        self.parts.push(0);
        self.names.push(name(to));
        self.control.push(control(to.is_ipv4(), with));
    }

    /// Adds bytes to the message begun last. They are not copied.
    pub(crate) fn part(&mut self, bytes: &[u8]) {
        self.vectors.push(libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() });
        if let Some(parts) = self.parts.last_mut() {
            *parts += 1;
        }
    }

    /// Sends messages `from..`, without waiting. Answers how many.
    ///
    /// # Safety
    /// The parts must still be where they were.
    pub(crate) unsafe fn send(&mut self, fd: BorrowedFd<'_>, from: usize) -> io::Result<usize> {
        let mut first = self.parts[..from].iter().sum::<usize>();
        for index in from..self.headers.len() {
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = (&raw mut self.names[index].0).cast();
            header.msg_namelen = self.names[index].1;
            header.msg_iov = self.vectors[first..].as_mut_ptr();
            header.msg_iovlen = self.parts[index] as _;
            let (control, len) = &mut self.control[index];
            header.msg_control = if *len > 0 { control.as_mut_ptr().cast() } else { std::ptr::null_mut() };
            header.msg_controllen = *len as _;
            first += self.parts[index];
        }
        let (headers, count) = (self.headers[from..].as_mut_ptr(), self.headers.len() - from);
        // SAFETY: the headers point into vectors of ours, and the parts are there as the caller promised; the kernel only reads.
        let answer = unsafe { libc::sendmmsg(fd.as_raw_fd(), headers, count as libc::c_uint, libc::MSG_DONTWAIT) };
        if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer as usize) }
    }
}

fn name(to: SocketAddr) -> (libc::sockaddr_storage, libc::socklen_t) {
    // SAFETY: it is plain data, for which all zero is a value.
    let mut storage: libc::sockaddr_storage = unsafe { std::mem::zeroed() };
    let place = &raw mut storage;
    match to {
        SocketAddr::V4(to) => {
            let address = libc::in_addr { s_addr: u32::from(*to.ip()).to_be() };
            let name = libc::sockaddr_in {
                sin_family: libc::AF_INET as u16,
                sin_port: to.port().to_be(),
                sin_addr: address,
                sin_zero: [0; 8],
            };
            // SAFETY: the storage is larger and aligned for every family.
            unsafe { place.cast::<libc::sockaddr_in>().write(name) };
            (storage, size_of::<libc::sockaddr_in>() as libc::socklen_t)
        }
        SocketAddr::V6(to) => {
            let name = libc::sockaddr_in6 {
                sin6_family: libc::AF_INET6 as u16,
                sin6_port: to.port().to_be(),
                sin6_flowinfo: 0,
                sin6_addr: libc::in6_addr { s6_addr: to.ip().octets() },
                sin6_scope_id: to.scope_id(),
            };
            // SAFETY: as above.
            unsafe { place.cast::<libc::sockaddr_in6>().write(name) };
            (storage, size_of::<libc::sockaddr_in6>() as libc::socklen_t)
        }
    }
}

/// Control messages, and their length in bytes.
fn control(v4: bool, with: With) -> (Control, usize) {
    let mut control = [0; CONTROL_LEN / 8];
    let mut len = 0;
    let (level, tos, ttl) = match v4 {
        true => (libc::IPPROTO_IP, libc::IP_TOS, libc::IP_TTL),
        false => (libc::IPPROTO_IPV6, libc::IPV6_TCLASS, libc::IPV6_HOPLIMIT),
    };
    if with.tos != 0 {
        push(&mut control, &mut len, level, tos, i32::from(with.tos));
    }
    with.ttl.into_iter().for_each(|hops| push(&mut control, &mut len, level, ttl, i32::from(hops)));
    with.segment.into_iter().for_each(|size| push(&mut control, &mut len, libc::SOL_UDP, UDP_SEGMENT, size));
    with.by.into_iter().for_each(|index| push_interface(&mut control, &mut len, v4, index));
    (control, len)
}

/// The interface, with no word of the source address: that is the socket's.
fn push_interface(control: &mut Control, len: &mut usize, v4: bool, index: u32) {
    if v4 {
        let any = libc::in_addr { s_addr: 0 };
        let info = libc::in_pktinfo { ipi_ifindex: index as i32, ipi_spec_dst: any, ipi_addr: any };
        push(control, len, libc::IPPROTO_IP, libc::IP_PKTINFO, info);
    } else {
        let info = libc::in6_pktinfo { ipi6_addr: libc::in6_addr { s6_addr: [0; 16] }, ipi6_ifindex: index };
        push(control, len, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
    }
}

fn push<T: Copy>(control: &mut Control, len: &mut usize, level: i32, kind: i32, value: T) {
    // SAFETY: pure arithmetic.
    let (space, whole) = unsafe { (libc::CMSG_SPACE(size_of::<T>() as u32), libc::CMSG_LEN(size_of::<T>() as u32)) };
    let space = space as usize;
    if *len + space > CONTROL_LEN {
        return;
    }
    let place = control.as_mut_ptr().cast::<u8>().wrapping_add(*len);
    // SAFETY: `space` bytes from `place` on are inside the buffer, as was just seen, and aligned for the header: all before were
    // spaced so.
    unsafe {
        let header = place.cast::<libc::cmsghdr>();
        (*header).cmsg_level = level;
        (*header).cmsg_type = kind;
        (*header).cmsg_len = whole as _;
        libc::CMSG_DATA(header).cast::<T>().write_unaligned(value);
    }
    *len += space;
}

/// Has a socket receive many datagrams of one flow as one message. Refused by kernels before Linux 5.0.
pub(crate) fn merge_received(fd: BorrowedFd<'_>) -> io::Result<()> {
    options::set(fd, libc::SOL_UDP, UDP_GRO, &1_i32)
}

/// Has a socket take nothing that is sent to it.
pub(crate) fn take_nothing(fd: BorrowedFd<'_>) -> io::Result<()> {
    // `ret #0` (BPF_RET | BPF_K): of every packet, no byte.
    let mut nothing = [libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: 0 }];
    let program = libc::sock_fprog { len: 1, filter: nothing.as_mut_ptr() };
    options::set(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}
