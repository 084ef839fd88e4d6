//! Many messages a call: `recvmmsg` and `sendmmsg`, with headers and auxiliary data.
#![allow(unsafe_code)]

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Bytes for the control message of one frame: `tpacket_auxdata` with its header.
const CONTROL_LEN: usize = 64;

/// Room for the descriptions of so many messages, used again every call.
pub(crate) struct Messages {
    headers: Vec<libc::mmsghdr>,
    vectors: Vec<libc::iovec>,
    control: Vec<[u64; CONTROL_LEN / 8]>,
}

// SAFETY: the pointers inside are written anew before each call and never followed between calls.
unsafe impl Send for Messages {}

/// What the kernel said of one received message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    /// Bytes, as long as the message was even if less fitted.
    pub(crate) len: usize,
    /// Whether it did not fit.
    pub(crate) truncated: bool,
    /// A VLAN tag that the kernel had taken out of the frame: type and control information, as on the wire.
    pub(crate) tag: Option<[u8; 4]>,
}

impl Messages {
    pub(crate) fn new(capacity: usize) -> Self {
        // SAFETY: both are plain data, for which all zero is a value.
        let (header, vector) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        Self { headers: vec![header; capacity], vectors: vec![vector; capacity], control: vec![[0; CONTROL_LEN / 8]; capacity] }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.headers.len()
    }

    /// Sets buffers `0..` of the next call to places in `memory`, and answers how many. All are told by one pointer, so that each
    /// keeps the right to be written while the others are set. Panics if one is not inside.
    pub(crate) fn set(&mut self, memory: &mut [u8], places: impl Iterator<Item = Range<usize>>) -> usize {
        let (base, len) = (memory.as_mut_ptr(), memory.len());
        let mut count = 0;
        for (vector, place) in self.vectors.iter_mut().zip(places) {
            assert!(place.start <= place.end && place.end <= len, "{place:?} of {len} bytes");
            *vector = libc::iovec { iov_base: base.wrapping_add(place.start).cast(), iov_len: place.len() };
            count += 1;
        }
        count
    }

    /// Receives up to `count` messages into the buffers set, without waiting. Answers how many.
    ///
    /// # Safety
    /// The buffers set for 0 to `count` must still be there and nobody else's.
    pub(crate) unsafe fn recv(&mut self, fd: BorrowedFd<'_>, count: usize) -> io::Result<usize> {
        for index in 0..count {
            let control = self.control[index].as_mut_ptr().cast();
            self.headers[index].msg_hdr = message(&raw mut self.vectors[index], control, CONTROL_LEN);
        }
        // SAFETY: `count` headers whose vectors and control buffers are ours, and whose buffers the caller vouches for.
        let answer = unsafe {
            libc::recvmmsg(
                fd.as_raw_fd(),
                self.headers.as_mut_ptr(),
                count as libc::c_uint,
                libc::MSG_DONTWAIT | libc::MSG_TRUNC,
                std::ptr::null_mut(),
            )
        };
        if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer as usize) }
    }

    /// What the kernel said of message `index` of the last [`Messages::recv`].
    pub(crate) fn received(&self, index: usize) -> Received {
        let header = &self.headers[index];
        let truncated = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
        Received { len: header.msg_len as usize, truncated, tag: tag(&header.msg_hdr) }
    }

    /// Sends messages `from..to` of the buffers set, without waiting. Answers how many.
    ///
    /// # Safety
    /// The buffers set for `from` to `to` must still be there.
    pub(crate) unsafe fn send(&mut self, fd: BorrowedFd<'_>, from: usize, to: usize) -> io::Result<usize> {
        for index in from..to {
            self.headers[index].msg_hdr = message(&raw mut self.vectors[index], std::ptr::null_mut(), 0);
        }
        // SAFETY: as in `recv`; the kernel only reads.
        let answer = unsafe {
            libc::sendmmsg(fd.as_raw_fd(), self.headers[from..to].as_mut_ptr(), (to - from) as libc::c_uint, libc::MSG_DONTWAIT)
        };
        if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer as usize) }
    }
}

fn message(vector: *mut libc::iovec, control: *mut libc::c_void, control_len: usize) -> libc::msghdr {
    // SAFETY: `msghdr` is plain data, for which all zero is a value (no address, no control).
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = vector;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = control_len as _;
    header
}

/// The VLAN tag of a received message's `PACKET_AUXDATA`.
fn tag(header: &libc::msghdr) -> Option<[u8; 4]> {
    // SAFETY: the kernel filled in the header and its control buffer, which is ours and still there.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while let Some(control) = message.as_ref() {
            if (control.cmsg_level, control.cmsg_type) == (libc::SOL_PACKET, libc::PACKET_AUXDATA) {
                let data: libc::tpacket_auxdata = std::ptr::read_unaligned(libc::CMSG_DATA(message).cast());
                let valid = |bit| data.tp_status & bit != 0;
                let kind = if valid(libc::TP_STATUS_VLAN_TPID_VALID) { data.tp_vlan_tpid } else { 0x8100 };
                let [k0, k1] = kind.to_be_bytes();
                let [c0, c1] = data.tp_vlan_tci.to_be_bytes();
                return valid(libc::TP_STATUS_VLAN_VALID).then_some([k0, k1, c0, c1]);
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
        None
    }
}
