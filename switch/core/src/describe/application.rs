//! What is known by its UDP port: DNS, DHCP, VXLAN.

use super::{Description, array_at, mac_at, u16_at};
use std::fmt;
use std::net::SocketAddr;

/// Bytes of the VXLAN header (RFC 7348, 5).
const VXLAN_LEN: usize = 8;

/// Writes the line of a datagram of `len` bytes, of which `payload` are there; `false` if its ports are nobody's.
pub(super) fn line(
    out: &mut fmt::Formatter<'_>,
    from: SocketAddr,
    to: SocketAddr,
    payload: &[u8],
    len: usize,
    nested: bool,
) -> Result<bool, fmt::Error> {
    match (from.port(), to.port()) {
        (_, 53) | (53, _) => dns(out, "dns", from, to, payload)?,
        (5353, 5353) => dns(out, "mdns", from, to, payload)?,
        (67 | 68, 67 | 68) => dhcp(out, from, to, payload)?,
        (546 | 547, 546 | 547) => dhcp6(out, from, to, payload)?,
        (_, 4789) => vxlan(out, from, to, payload, len, nested)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// RFC 1035, 4.1: the first question's name and type.
fn dns(out: &mut fmt::Formatter<'_>, protocol: &str, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> fmt::Result {
    write!(out, "{protocol} {from} > {to}")?;
    let (Some(flags), Some(questions)) = (u16_at(payload, 2), u16_at(payload, 4)) else { return Ok(()) };
    let code = flags & 0xf;
    match (flags & 0x8000 != 0, code) {
        (false, _) => out.write_str(" query")?,
        (true, 0) => out.write_str(" answer")?,
        (true, 3) => out.write_str(" no such name")?,
        (true, code) => write!(out, " error {code}")?,
    }
    if questions == 0 { Ok(()) } else { question(out, payload) }
}

fn question(out: &mut fmt::Formatter<'_>, payload: &[u8]) -> fmt::Result {
    let mut at = 12;
    out.write_str(" ")?;
    while let Some(len @ 1..=63) = payload.get(at) {
        let end = at + 1 + usize::from(*len);
        let Some(label) = payload.get(at + 1..end) else { return out.write_str("…") };
        if at > 12 {
            out.write_str(".")?;
        }
        write!(out, "{}", Printable(label))?;
        at = end;
    }
    if at == 12 {
        out.write_str(".")?;
    }
    match u16_at(payload, at + 1) {
        Some(1) => out.write_str(" A"),
        Some(12) => out.write_str(" PTR"),
        Some(16) => out.write_str(" TXT"),
        Some(28) => out.write_str(" AAAA"),
        Some(33) => out.write_str(" SRV"),
        Some(kind) => write!(out, " type {kind}"),
        None => Ok(()),
    }
}

/// RFC 2131, 2, and the message type of RFC 2132, 9.6.
fn dhcp(out: &mut fmt::Formatter<'_>, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> fmt::Result {
    let names = ["discover", "offer", "request", "decline", "ack", "nak", "release", "inform"];
    let kind = message_type(payload).and_then(|kind| names.get(usize::from(kind).checked_sub(1)?));
    write!(out, "dhcp {from} > {to} {}", kind.unwrap_or(&"message"))?;
    if payload.len() >= 34 { write!(out, " client {}", mac_at(payload, 28)) } else { Ok(()) }
}

/// The value of option 53, behind the fixed part (236 bytes) and the cookie.
fn message_type(payload: &[u8]) -> Option<u8> {
    let mut options = payload.get(240..)?;
    loop {
        match options {
            [0, rest @ ..] => options = rest,
            [53, 1, kind, ..] => return Some(*kind),
            [255, ..] | [] | [_] => return None,
            [_, len, rest @ ..] => options = rest.get(usize::from(*len)..)?,
        }
    }
}

/// RFC 8415, 7.3.
fn dhcp6(out: &mut fmt::Formatter<'_>, from: SocketAddr, to: SocketAddr, payload: &[u8]) -> fmt::Result {
    let names = ["solicit", "advertise", "request", "confirm", "renew", "rebind", "reply", "release", "decline"];
    let kind = payload.first().and_then(|kind| names.get(usize::from(*kind).checked_sub(1)?));
    write!(out, "dhcp6 {from} > {to} {}", kind.unwrap_or(&"message"))
}

/// RFC 7348, 5. A tunnel in a tunnel is named, not opened.
fn vxlan(
    out: &mut fmt::Formatter<'_>,
    from: SocketAddr,
    to: SocketAddr,
    payload: &[u8],
    len: usize,
    nested: bool,
) -> fmt::Result {
    let (Some([8, _, _, _]), Some([a, b, c, _])) = (array_at(payload, 0), array_at(payload, 4)) else {
        return write!(out, "vxlan {from} > {to} without a valid network id, len {len}");
    };
    write!(out, "vxlan {} > {} vni {}", from.ip(), to.ip(), u32::from_be_bytes([0, a, b, c]))?;
    if nested {
        return Ok(());
    }
    let inner = &payload[VXLAN_LEN..];
    write!(out, " ({})", Description { bytes: inner, whole_len: len.saturating_sub(VXLAN_LEN).max(inner.len()), nested: true })
}

/// Bytes of a name that somebody sent: what is not a printable ASCII character becomes `?`, so that no terminal obeys it.
pub(super) struct Printable<'a>(pub(super) &'a [u8]);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '?' };
        self.0.iter().map(shown).try_for_each(|letter| fmt::Write::write_char(out, letter))
    }
}
