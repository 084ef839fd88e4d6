//! What bridges and switches say to each other: known by destination and type, not by IP.

use super::{array_at, mac_at};
use crate::mac::MacAddr;
use std::fmt;

/// The group address of CDP, VTP and UDLD.
const CISCO: MacAddr = MacAddr([0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc]);

/// Writes the line of a control frame; `false` if it is none.
pub(super) fn line(
    out: &mut fmt::Formatter<'_>,
    source: MacAddr,
    destination: MacAddr,
    kind: u16,
    payload: &[u8],
) -> Result<bool, fmt::Error> {
    match (kind, payload) {
        (0x88cc, _) => lldp(out, source, payload)?,
        (0x8809, [1, ..]) => write!(out, "lacp from {source}")?,
        (0x8809, [2, ..]) => write!(out, "lacp marker from {source}")?,
        (0x8809, [subtype, ..]) => write!(out, "slow protocol {subtype} from {source}")?,
        (0x8808, [0, 1, high, low, ..]) => write!(out, "pause {} from {source}", u16::from_be_bytes([*high, *low]))?,
        (0x888e, _) => write!(out, "eapol from {source}")?,
        (0..0x600, [0x42, 0x42, 0x03, bpdu @ ..]) => stp(out, source, bpdu)?,
        (0..0x600, _) if destination == CISCO => write!(out, "cdp from {source}")?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// 802.1AB clause 8: the system's name is TLV 5.
fn lldp(out: &mut fmt::Formatter<'_>, source: MacAddr, mut tlvs: &[u8]) -> fmt::Result {
    write!(out, "lldp from {source}")?;
    while let Some(head) = array_at(tlvs, 0).map(u16::from_be_bytes) {
        let (kind, end) = (head >> 9, 2 + usize::from(head & 0x1ff));
        let Some(value) = tlvs.get(2..end) else { break };
        match kind {
            0 => break,
            5 => return write!(out, " ({})", super::application::Printable(value)),
            _ => tlvs = &tlvs[end..],
        }
    }
    Ok(())
}

/// 802.1D-2004 clause 9.3: bridge protocol data units behind the LLC header.
fn stp(out: &mut fmt::Formatter<'_>, source: MacAddr, bpdu: &[u8]) -> fmt::Result {
    let name = match bpdu.get(3) {
        Some(0x80) => return write!(out, "stp topology change from {source}"),
        Some(0) => "stp",
        Some(2) if bpdu.get(2) == Some(&3) => "mstp",
        Some(2) => "rstp",
        _ => return write!(out, "stp from {source} (malformed)"),
    };
    let (Some(priority), Some(cost)) = (array_at(bpdu, 5), array_at(bpdu, 13)) else {
        return write!(out, "{name} from {source} (truncated)");
    };
    let (priority, cost, root) = (u16::from_be_bytes(priority), u32::from_be_bytes(cost), mac_at(bpdu, 7));
    write!(out, "{name} from {source} root {priority:04x}.{root} cost {cost}")
}
