//! The blocks of a pcapng file, as bytes.
//!
//! Source: draft-ietf-opsawg-pcapng, little-endian. Of its blocks those that a switch has something to say in: section,
//! interface, packet, statistics. It knows nothing of verdicts; [`Writer`](super::Writer) does.

use std::ops::Range;

/// Bytes of a packet block before the frame.
const PACKET_HEADER_LEN: usize = 28;
/// `LINKTYPE_ETHERNET`.
const ETHERNET: u16 = 1;
/// `opt_endofopt`, and the options used of every block.
const END: u16 = 0;
const COMMENT: u16 = 1;
const SHB_OS: u16 = 3;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
const IF_TSRESOL: u16 = 9;
const EPB_FLAGS: u16 = 2;
const EPB_DROPCOUNT: u16 = 4;
const EPB_PACKETID: u16 = 5;
const ISB_STARTTIME: u16 = 2;
const ISB_ENDTIME: u16 = 3;
const ISB_IFRECV: u16 = 4;
const ISB_IFDROP: u16 = 5;

/// A frame as it stands in a packet block.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Number of its interface block, from 0.
    pub interface: u32,
    /// Nanoseconds since 1970.
    pub time: u64,
    /// What was kept of it.
    pub bytes: &'a [u8],
    /// Bytes that it had on the wire.
    pub original_len: u32,
    /// What a person should know.
    pub comment: &'a str,
    /// Frames lost since the one before on this interface.
    pub dropped: u64,
    /// The same for the same frame wherever it is seen.
    pub id: u64,
    /// Sent on its interface by the switch itself, not received there.
    pub outbound: bool,
}

/// What an interface has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// When the capture began, in nanoseconds since 1970.
    pub start: u64,
    /// When it ended.
    pub end: u64,
    /// Frames received, and those that the switch itself sent; lost ones included.
    pub received: u64,
    /// Frames that did not get into the file.
    pub dropped: u64,
}

/// Appends the block that a file starts with; `application` is who writes it, `os` on what.
pub fn section(out: &mut Vec<u8>, application: &str, os: &str) {
    block(out, 0x0a0d_0d0a, |out| {
        out.extend(0x1a2b_3c4d_u32.to_le_bytes());
        out.extend([1, 0, 0, 0]);
        out.extend(u64::MAX.to_le_bytes());
        option(out, SHB_OS, os.as_bytes());
        option(out, SHB_USERAPPL, application.as_bytes());
    });
}

/// Appends the description of an Ethernet interface. Its number is how many there were before; it may come at any time before
/// its first packet.
pub fn interface(out: &mut Vec<u8>, name: &str, description: &str, snaplen: u32) {
    block(out, 1, |out| {
        out.extend(ETHERNET.to_le_bytes());
        out.extend([0, 0]);
        out.extend(snaplen.to_le_bytes());
        option(out, IF_NAME, name.as_bytes());
        option(out, IF_DESCRIPTION, description.as_bytes());
        option(out, IF_TSRESOL, &[9]);
    });
}

/// Appends a frame and says where its bytes are.
pub fn packet(out: &mut Vec<u8>, packet: &Packet<'_>) -> Range<usize> {
    let start = out.len() + PACKET_HEADER_LEN;
    block(out, 6, |out| {
        out.extend(packet.interface.to_le_bytes());
        out.extend(high_and_low(packet.time));
        out.extend((packet.bytes.len() as u32).to_le_bytes());
        out.extend(packet.original_len.to_le_bytes());
        padded(out, packet.bytes);
        option(out, COMMENT, packet.comment.as_bytes());
        option(out, EPB_FLAGS, &flags(packet).to_le_bytes());
        if packet.dropped > 0 {
            option(out, EPB_DROPCOUNT, &packet.dropped.to_le_bytes());
        }
        option(out, EPB_PACKETID, &packet.id.to_le_bytes());
    });
    start..start + packet.bytes.len()
}

/// Appends what an interface has seen: at the end, or in between with the counts so far.
pub fn statistics(out: &mut Vec<u8>, interface: u32, seen: &Statistics) {
    block(out, 5, |out| {
        out.extend(interface.to_le_bytes());
        out.extend(high_and_low(seen.end));
        option(out, ISB_STARTTIME, &high_and_low(seen.start));
        option(out, ISB_ENDTIME, &high_and_low(seen.end));
        option(out, ISB_IFRECV, &seen.received.to_le_bytes());
        option(out, ISB_IFDROP, &seen.dropped.to_le_bytes());
    });
}

/// `epb_flags`: direction inbound or outbound (bits 0 and 1), reception type unicast, multicast or broadcast (bits 2 to 4).
fn flags(packet: &Packet<'_>) -> u32 {
    let reception = match packet.bytes {
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ..] => 3,
        [first, ..] if first & 1 != 0 => 2,
        [_, ..] => 1,
        [] => 0,
    };
    reception << 2 | if packet.outbound { 2 } else { 1 }
}

/// A block with its options closed, and its length before and behind.
fn block(out: &mut Vec<u8>, kind: u32, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend(kind.to_le_bytes());
    out.extend([0; 4]);
    body(out);
    option(out, END, &[]);
    let len = ((out.len() - start + 4) as u32).to_le_bytes();
    out.extend(len);
    out[start + 4..start + 8].copy_from_slice(&len);
}

/// An option; what does not fit its 16-bit length is left out, at a character's start if it is text.
fn option(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    let mut len = value.len().min(usize::from(u16::MAX));
    while len < value.len() && len > 0 && value[len] & 0xc0 == 0x80 {
        len -= 1;
    }
    out.extend(code.to_le_bytes());
    out.extend((len as u16).to_le_bytes());
    padded(out, &value[..len]);
}

fn padded(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes);
    out.extend(&[0; 3][..bytes.len().next_multiple_of(4) - bytes.len()]);
}

/// A time as pcapng has it: the high word first.
fn high_and_low(time: u64) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&((time >> 32) as u32).to_le_bytes());
    bytes[4..].copy_from_slice(&(time as u32).to_le_bytes());
    bytes
}
