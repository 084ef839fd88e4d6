//! What was captured inside an overlay beside what was captured between its hosts: pure.

use etherparse::{Icmpv4Type, Icmpv6Type, NetSlice, SlicedPacket, TransportSlice};
use lanloom_switch_core::describe::describe;
use std::fmt;
use std::net::Ipv4Addr;

/// Where VXLAN is received (RFC 7348 clause 5).
const PORT: u16 = 4789;

/// The way that pings take between the hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// The host of who asks.
    pub(super) asking: Ipv4Addr,
    /// The host of who is asked.
    pub(super) asked: Ipv4Addr,
    /// The network's identifier.
    pub(super) vni: u32,
}

/// A frame of the overlay, and the datagram of the underlay that it was in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    /// What the frame is.
    pub(super) frame: String,
    /// What the datagram is.
    pub(super) datagram: String,
    /// Bytes of the frame.
    pub(super) inner: usize,
    /// Bytes that the underlay has before them.
    pub(super) outer: usize,
}

/// A part of a ping: over which family, and whether it asks or answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    family: Family,
    asks: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

/// A VXLAN datagram, in a frame of the underlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Datagram<'a> {
    from: Ipv4Addr,
    to: Ipv4Addr,
    vni: u32,
    inner: &'a [u8],
    outer: usize,
}

/// Finds each echo request and reply of the overlay in the underlay: whole, from the one host to the other, and in that network.
///
/// # Errors
/// The first that is not there, or there otherwise; or that there is no request or no reply.
pub(super) fn compare(overlay: &[Vec<u8>], underlay: &[Vec<u8>], way: &Way) -> Result<Vec<Pair>, String> {
    let datagrams: Vec<_> = underlay.iter().filter_map(|frame| datagram(frame)).collect();
    let parts: Vec<_> = overlay.iter().filter_map(|frame| Some((frame, part(frame)?))).collect();
    for (family, name) in [(Family::V4, "IPv4"), (Family::V6, "IPv6")] {
        for (asks, kind) in [(true, "request"), (false, "reply")] {
            if !parts.iter().any(|(_, part)| *part == Part { family, asks }) {
                return Err(format!("the overlay's capture has no echo {kind} over {name}"));
            }
        }
    }
    parts.into_iter().map(|(frame, part)| carried(frame, part, &datagrams, way)).collect()
}

fn carried(frame: &[u8], part: Part, datagrams: &[Datagram<'_>], way: &Way) -> Result<Pair, String> {
    let title = describe(frame).to_string();
    // What tells one ping from another is for machines.
    let title = title.split_once(" id ").map_or(title.as_str(), |(title, _)| title);
    let (from, to) = if part.asks { (way.asking, way.asked) } else { (way.asked, way.asking) };
    let such: Vec<_> = datagrams.iter().filter(|datagram| datagram.inner == frame).collect();
    match such.iter().find(|datagram| (datagram.from, datagram.to, datagram.vni) == (from, to, way.vni)) {
        Some(datagram) => {
            Ok(Pair { frame: title.to_owned(), datagram: datagram.to_string(), inner: frame.len(), outer: datagram.outer })
        }
        None => Err(match such.first() {
            Some(other) => format!("{title}: carried as {other}, and not as vxlan {from} > {to} vni {}", way.vni),
            None => format!("{title}: no datagram between the hosts has it"),
        }),
    }
}

/// What part of a ping a frame is, if it is one.
fn part(frame: &[u8]) -> Option<Part> {
    let (family, asks) = match SlicedPacket::from_ethernet(frame).ok()?.transport? {
        TransportSlice::Icmpv4(icmp) => match icmp.icmp_type() {
            Icmpv4Type::EchoRequest(_) => (Family::V4, true),
            Icmpv4Type::EchoReply(_) => (Family::V4, false),
            _ => return None,
        },
        TransportSlice::Icmpv6(icmp) => match icmp.icmp_type() {
            Icmpv6Type::EchoRequest(_) => (Family::V6, true),
            Icmpv6Type::EchoReply(_) => (Family::V6, false),
            _ => return None,
        },
        TransportSlice::Igmp(_) | TransportSlice::Udp(_) | TransportSlice::Tcp(_) => return None,
    };
    Some(Part { family, asks })
}

/// The VXLAN datagram in a frame, if there is one: a header with a valid identifier and all that is reserved zero, and a frame
/// (RFC 7348 clause 5).
fn datagram(frame: &[u8]) -> Option<Datagram<'_>> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Udp(udp))) = (&packet.net, &packet.transport) else { return None };
    let ([0x08, 0, 0, 0, high, middle, low, 0], inner) = udp.payload().split_first_chunk()? else { return None };
    let (from, to) = (ip.header().source_addr(), ip.header().destination_addr());
    let vni = u32::from_be_bytes([0, *high, *middle, *low]);
    (udp.destination_port() == PORT).then_some(Datagram { from, to, vni, inner, outer: frame.len() - inner.len() })
}

impl fmt::Display for Datagram<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "vxlan {} > {} vni {}", self.from, self.to, self.vni)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

    const WEST: [u8; 4] = [192, 0, 2, 1];
    const EAST: [u8; 4] = [192, 0, 2, 2];

    fn way() -> Way {
        Way { asking: WEST.into(), asked: EAST.into(), vni: 42 }
    }

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes);
        bytes
    }

    /// Request and reply over both families, from shop to stock.
    fn ping() -> Vec<Vec<u8>> {
        let macs = || PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        let v4 = || macs().ipv4([10, 4, 0, 16], [10, 4, 0, 32], 64);
        let v6 = || macs().ipv6([0xfd; 16], [0xfe; 16], 64);
        vec![
            written(|bytes| v4().icmpv4_echo_request(1, 1).write(bytes, b"lanloom").expect("a frame")),
            written(|bytes| v4().icmpv4_echo_reply(1, 1).write(bytes, b"lanloom").expect("a frame")),
            written(|bytes| v6().icmpv6_echo_request(1, 1).write(bytes, b"lanloom").expect("a frame")),
            written(|bytes| v6().icmpv6_echo_reply(1, 1).write(bytes, b"lanloom").expect("a frame")),
        ]
    }

    fn carry(inner: &[u8], from: [u8; 4], to: [u8; 4], vni: u8) -> Vec<u8> {
        let payload = [&[8, 0, 0, 0, 0, 0, vni, 0], inner].concat();
        let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 3], [2, 0, 0, 0, 0, 4]).ipv4(from, to, 64).udp(50_000, PORT);
        written(|bytes| builder.write(bytes, &payload).expect("a frame"))
    }

    fn carried() -> Vec<Vec<u8>> {
        let ways = [(WEST, EAST), (EAST, WEST), (WEST, EAST), (EAST, WEST)];
        ping().iter().zip(ways).map(|(frame, (from, to))| carry(frame, from, to, 42)).collect()
    }

    #[test]
    fn each_frame_of_a_ping_is_found_in_its_datagram() {
        let pairs = compare(&ping(), &carried(), &way()).expect("all are there");
        let request = Pair {
            frame: "icmp 10.4.0.16 > 10.4.0.32 echo request".to_owned(),
            datagram: "vxlan 192.0.2.1 > 192.0.2.2 vni 42".to_owned(),
            inner: 49,
            outer: 50,
        };
        assert_eq!((pairs.len(), &pairs[0]), (4, &request));
    }

    #[test]
    fn a_frame_that_is_missing_changed_turned_around_or_in_another_network_is_noticed() {
        let fails = |at: usize, frame: Option<Vec<u8>>| {
            let mut underlay = carried();
            underlay.splice(at..=at, frame);
            compare(&ping(), &underlay, &way()).expect_err("it is not there as it should be")
        };
        let mut changed = carried()[1].clone();
        *changed.last_mut().expect("bytes") ^= 1;
        let nowhere = "icmp 10.4.0.16 > 10.4.0.32 echo reply: no datagram between the hosts has it";
        assert_eq!(fails(1, None), nowhere);
        assert_eq!(fails(1, Some(changed)), nowhere);
        let turned = fails(2, Some(carry(&ping()[2], EAST, WEST, 42)));
        assert!(
            turned.contains("as vxlan 192.0.2.2 > 192.0.2.1 vni 42, and not as vxlan 192.0.2.1 > 192.0.2.2 vni 42"),
            "{turned}"
        );
        let other = fails(0, Some(carry(&ping()[0], WEST, EAST, 43)));
        assert!(other.contains("vni 43, and not as vxlan 192.0.2.1 > 192.0.2.2 vni 42"), "{other}");
    }

    #[test]
    fn a_capture_without_a_part_of_a_ping_is_noticed() {
        for (missing, words) in
            ["request over IPv4", "reply over IPv4", "request over IPv6", "reply over IPv6"].iter().enumerate()
        {
            let mut overlay = ping();
            overlay.remove(missing);
            let why = compare(&overlay, &carried(), &way()).expect_err("one is missing");
            assert_eq!(why, format!("the overlay's capture has no echo {words}"));
        }
    }

    #[test]
    fn what_is_no_vxlan_carries_nothing() {
        let good = carry(b"frame", WEST, EAST, 42);
        assert!(datagram(&good).is_some());
        // Its flags, its port, and its end (RFC 7348 figure 1 after 14 and 20 and 8 bytes).
        for (at, value) in [(42, 0), (49, 1), (36, 0), (23, 6)] {
            let mut wrong = good.clone();
            wrong[at] = value;
            assert_eq!(datagram(&wrong), None, "byte {at}");
        }
        assert_eq!(datagram(&good[..45]), None);
    }
}
