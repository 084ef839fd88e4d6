//! What our end of a tunnel sends, as it passes on the underlay: the same marks as a Linux end gives the same packets, source ports by
//! flow, no fragment, and nothing that tshark complains of.
//!
//! Needs root, `ip` (iproute2), `ethtool`, `ping`, `tcpdump` and `tshark`.

mod lab;
#[path = "lab/site.rs"]
mod site;

use lab::stream;
use lanloom_switch_core::build::build;
use site::stranger::datagram;
use site::{A, A6, B, B6, Site, Underlay, VNI};
use std::collections::BTreeSet;
use std::time::Duration;

const BOTH: [Underlay; 2] = [Underlay::V4, Underlay::V6];
const PATIENCE: Duration = Duration::from_secs(20);

/// The traffic class and the hops of the outer packets around the echo requests to an address, with those of the packets inside.
fn marks(seen: &site::outside::Seen, to: &str) -> BTreeSet<Vec<Vec<String>>> {
    let filter = format!("vxlan && ip.dst == {to} && icmp.type == 8");
    let lines = seen.fields(&filter, &["ip.dsfield", "ip.ttl", "ipv6.tclass", "ipv6.hlim"]);
    lines.into_iter().collect()
}

#[test]
fn traffic_class_hops_and_congestion_marks_outside_are_those_that_linux_gives_the_same_packets() {
    let inherit = ("&tos=inherit&ttl=inherit", "tos inherit ttl inherit");
    let fixed = ("&tos=40&ttl=7", "tos 0x28 ttl 7");
    for (underlay, settings) in [(Underlay::V4, vec![("", ""), fixed, inherit]), (Underlay::V6, vec![inherit])] {
        for (ours, theirs) in settings {
            let Some(site) = Site::new(underlay) else { return };
            let Some(outside) = site.capture() else { return };
            site.tunnel(ours);
            site.linux(theirs);
            site.ping("a", B);
            for (from, to) in [("a", B), ("b", A)] {
                for (tos, ttl) in [(0, 64), (1, 64), (2, 33), (3, 64), (0xb8, 200), (0xbb, 9)] {
                    site.sh(&format!("ip netns exec {from} ping -n -q -c 1 -W 10 -Q {tos} -t {ttl} {to}"));
                }
            }
            let seen = outside.end_after(&format!("vxlan && icmp.type == 8 && ip.dst == {A}"), 6);
            let [ours_sent, theirs_sent] = [marks(&seen, B), marks(&seen, A)];
            assert!(ours_sent.len() >= 6, "{ours_sent:?}");
            assert_eq!(ours_sent, theirs_sent, "{underlay:?} with {ours:?}");
        }
    }
}

#[test]
fn nothing_on_the_underlay_is_a_fragment_or_wrong_in_the_eyes_of_tshark() {
    for underlay in BOTH {
        let Some(site) = Site::new(underlay) else { return };
        let Some(outside) = site.capture() else { return };
        site.tunnel("");
        site.linux("");
        site.ping("a", B);
        let largest = site.mtu() - 28;
        site.ping_sizes("a", B, largest - 1..=largest);
        site.ping_sizes("a", B6, largest - 20..=largest - 20);
        for (from, to, address) in [("a", "b", B), ("a", "b", B6), ("b", "a", A), ("b", "a", A6)] {
            let (sender, receiver) = site.connect(from, to, address);
            std::thread::scope(|scope| {
                scope.spawn(move || stream::give(sender, 1 << 20));
                stream::take(receiver, 1 << 20);
            });
        }
        let family = if underlay == Underlay::V4 { "ip" } else { "ipv6" };
        let ours = format!("vxlan && {family}.src == {}", site.local());
        let seen = outside.end_after(&format!("{ours} && tcp.flags.fin == 1"), 2);
        println!("{underlay:?}: {} packets, {} of ours", seen.count("frame"), seen.count(&ours));
        assert!(seen.count(&format!("{ours} && tcp")) > 700, "a mebibyte each way, and twice");
        assert_eq!(seen.complaints(), Vec::<String>::new());
        assert_eq!(seen.count("ip.flags.mf == 1 || ip.frag_offset > 0 || ipv6.fraghdr"), 0, "no fragments");
        assert!(seen.fields("frame", &["frame.len"]).iter().all(|line| line[0][0].parse::<u32>().is_ok_and(|len| len <= 1514)));
        if underlay == Underlay::V4 {
            assert_eq!(
                seen.count(&format!("{ours} && ip.src == {} && !(ip.flags.df == 1)", site.local())),
                0,
                "routers must not cut it"
            );
        }
        let flags: BTreeSet<_> = seen.fields(&ours, &["vxlan.flags", "vxlan.vni"]).into_iter().collect();
        assert_eq!(flags, BTreeSet::from([vec![vec!["0x0800".to_owned()], vec![VNI.to_string()]]]));
    }
}

#[test]
fn a_flow_keeps_its_source_port_and_flows_are_spread_over_the_ports_that_rfc_7348_names() {
    let Some(site) = Site::new(Underlay::V4) else { return };
    let Some(outside) = site.capture() else { return };
    site.tunnel("");
    site.linux("");
    site.ping("a", B);
    let (mut a, mac) = (site.station("a"), site.mac("b"));
    let (flows, each) = (60, 3);
    for _ in 0..each {
        for port in 0..flows {
            let words = format!("udp smac={} dmac={mac} src={A} dst={B} sport={} dport=9 len=64", site.mac("a"), 20_000 + port);
            a.send(&build(&words).expect("right words").bytes);
        }
    }
    let ours = format!("vxlan && ip.src == {} && udp.dstport == 9 && ip.dst == {B}", site.local());
    let seen = outside.end_after(&ours, flows * each);
    let lines = seen.fields(&ours, &["udp.srcport"]);
    let pairs: BTreeSet<(u16, u16)> = lines.iter().map(|line| (number(&line[0][1]), number(&line[0][0]))).collect();
    assert_eq!(pairs.len(), flows, "one port for each flow, whenever it is sent: {pairs:?}");
    let ports: BTreeSet<u16> = pairs.iter().map(|(_, outer)| *outer).collect();
    println!("{flows} flows by {} ports", ports.len());
    assert!(ports.len() > flows / 4, "{ports:?}");
    assert!(ports.iter().all(|port| *port >= 49_152), "{ports:?}");
}

fn number(text: &str) -> u16 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no port"))
}

/// The congestion bits of the packet inside, of the packet outside, and of what comes out; none if nothing may (RFC 6040, 4.2, figure 4).
const COMBINED: [(u8, u8, Option<u8>); 16] = [
    (0, 0, Some(0)),
    (0, 1, Some(0)),
    (0, 2, Some(0)),
    (0, 3, None),
    (1, 0, Some(1)),
    (1, 1, Some(1)),
    (1, 2, Some(1)),
    (1, 3, Some(3)),
    (2, 0, Some(2)),
    (2, 1, Some(1)),
    (2, 2, Some(2)),
    (2, 3, Some(3)),
    (3, 0, Some(3)),
    (3, 1, Some(3)),
    (3, 2, Some(3)),
    (3, 3, Some(3)),
];

#[test]
fn congestion_that_was_met_outside_is_told_inside() {
    for underlay in BOTH {
        let Some(site) = Site::new(underlay) else { return };
        site.tunnel("");
        let (stranger, mut a, mac) = (site.stranger(site.remote()), site.station("a"), site.mac("a"));
        let mut lost = 0;
        for (number, (inner, outer, combined)) in COMBINED.into_iter().enumerate() {
            let sport = 30_000 + number;
            let words = format!("udp smac=02:4c:4c:00:00:09 dmac={mac} src={B} dst={A} sport={sport} dport=9");
            let mut frame = build(&words).expect("right words").bytes;
            set_tos(&mut frame, 0x28 | inner);
            stranger.set_tos(outer);
            stranger.send(&datagram(VNI, &frame));
            let is_it = |seen: &[u8]| seen.len() > 36 && seen[34..36] == (sport as u16).to_be_bytes();
            match combined {
                Some(bits) => {
                    let seen = a.find(PATIENCE, is_it).unwrap_or_else(|| panic!("{underlay:?}: {inner} in {outer}"));
                    assert_eq!(seen[15], 0x28 | bits, "{underlay:?}: {inner} in {outer}");
                    assert_eq!(sum(&seen[14..34]), 0xffff, "its header's checksum");
                }
                None => {
                    lost += 1;
                    site.wait_for("it to be counted", || site.dropped("vx", "ecn_lost") == lost);
                }
            }
        }
    }
}

/// Sets the traffic class of an IPv4 packet in a frame, and its header's checksum.
fn set_tos(frame: &mut [u8], tos: u8) {
    frame[15] = tos;
    frame[24..26].fill(0);
    let checksum = !sum(&frame[14..34]);
    frame[24..26].copy_from_slice(&checksum.to_be_bytes());
}

/// The one's complement sum (RFC 1071).
fn sum(header: &[u8]) -> u16 {
    let wide: u32 = header.chunks(2).map(|two| u32::from(u16::from_be_bytes([two[0], two[1]]))).sum();
    ((wide & 0xffff) + (wide >> 16)) as u16
}
