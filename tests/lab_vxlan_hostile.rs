//! What others send to our end of a tunnel: every datagram that is none is a counted drop with its reason, memory stays bounded, and
//! the ports go on forwarding.
//!
//! Needs root and `ip` (iproute2), `ethtool` and `ping`.

mod lab;
#[path = "lab/site.rs"]
mod site;

use lanloom_switch_core::build::build;
use serde_json::json;
use site::stranger::{Stranger, datagram};
use site::{A, B, Site, Station, Underlay, VNI};
use std::time::Duration;

const BOTH: [Underlay; 2] = [Underlay::V4, Underlay::V6];
const PATIENCE: Duration = Duration::from_secs(20);
/// Source addresses that one peer comes with; 64 is how many datagrams are sent before it is looked whether they were taken.
const SOURCES: u32 = if cfg!(debug_assertions) { 200_000 } else { 1_000_000 };
const BURST: u32 = 64;

/// A frame for host `a` with a tail of its own.
fn frame(site: &Site, number: u16) -> Vec<u8> {
    let words = format!("udp smac=02:4c:4c:00:00:09 dmac={} src={B} dst={A} sport={number} dport=9", site.mac("a"));
    build(&words).expect("right words").bytes
}

/// Fails unless a frame that is as it should be comes to host `a`.
fn still_forwards(site: &Site, stranger: &Stranger, a: &mut Station, number: u16) {
    let frame = frame(site, number);
    stranger.send_inside(&frame);
    assert!(a.find(PATIENCE, |seen| seen == frame).is_some(), "the tunnel carries frames: {}", site.drops());
}

/// Waits until so many were dropped for a reason.
fn dropped(site: &Site, reason: &str, count: u64) {
    site.wait_for(&format!("{count} {reason}, of {}", site.drops()), || site.dropped("vx", reason) == count);
}

#[test]
fn every_prefix_of_a_datagram_without_a_whole_frame_is_counted_as_malformed() {
    for underlay in BOTH {
        let Some(site) = Site::new(underlay) else { return };
        site.tunnel("");
        let (stranger, mut a) = (site.stranger(site.remote()), site.station("a"));
        let whole = datagram(VNI, &frame(&site, 1));
        for len in 0..whole.len() {
            stranger.send(&whole[..len]);
        }
        // Without eight bytes there is no network that it could be of; with a header and no Ethernet header it is a runt.
        dropped(&site, "vxlan_malformed", 8 + 14);
        still_forwards(&site, &stranger, &mut a, 2);
        assert_eq!(site.drops(), json!({"vxlan_malformed": 22}));
    }
}

#[test]
fn each_reserved_bit_and_a_missing_flag_is_counted_unless_reserved_bits_are_tolerated() {
    let bits = (0..32).chain(56..64).filter(|bit| *bit != 4);
    for (keys, expected) in [("", 40), ("&reserved=ignore", 1)] {
        let Some(site) = Site::new(Underlay::V4) else { return };
        site.tunnel(keys);
        let (stranger, mut a) = (site.stranger(site.remote()), site.station("a"));
        let mut sent = 0;
        for bit in bits.clone().chain([4]) {
            let mut bytes = datagram(VNI, &frame(&site, 100 + bit as u16));
            bytes[bit / 8] ^= 0x80 >> (bit % 8);
            stranger.send(&bytes);
            sent += 1;
        }
        assert_eq!(sent, 40);
        dropped(&site, "vxlan_malformed", expected);
        still_forwards(&site, &stranger, &mut a, 2);
        assert_eq!(site.counters_of("vx")["forwarded"], json!(40 - expected + 1));
    }
}

#[test]
fn only_peers_and_only_known_networks_come_in() {
    for underlay in BOTH {
        let Some(site) = Site::new(underlay) else { return };
        site.tunnel("");
        let (peer, other, mut a) = (site.stranger(site.remote()), site.stranger(site.at(66)), site.station("a"));
        for number in 0..10 {
            other.send_inside(&frame(&site, number));
        }
        dropped(&site, "peer_unknown", 10);
        for vni in [0, 1, VNI - 1, VNI + 1, 0xff_ffff] {
            peer.send(&datagram(vni, &frame(&site, 20)));
        }
        dropped(&site, "vni_unknown", 5);
        still_forwards(&site, &peer, &mut a, 30);
        let others = a
            .frames()
            .into_iter()
            .filter(|seen| seen.len() > 36 && seen[34..36] < 30_u16.to_be_bytes()[..] && seen[6..8] == [2, 0x4c]);
        assert_eq!(others.count(), 0, "nothing of it came in");
    }
}

#[test]
fn the_least_and_the_largest_network_carry_frames_as_any_other() {
    let Some(site) = Site::new(Underlay::V4) else { return };
    for vni in [0, 0xff_ffff] {
        site.add_tunnel(&format!("vxlan://{vni}?local={}&remote={}", site.local(), site.remote()));
        let (stranger, mut a) = (site.stranger(site.remote()), site.station("a"));
        let frame = frame(&site, 7);
        stranger.send(&datagram(vni, &frame));
        assert!(a.find(PATIENCE, |seen| seen == frame).is_some(), "network {vni}");
        site.says("port delete s vx");
    }
}

#[test]
fn a_tag_inside_is_counted_unless_tags_are_kept() {
    for keys in ["", "&tags=keep"] {
        let Some(site) = Site::new(Underlay::V4) else { return };
        site.tunnel(keys);
        let (stranger, mut a) = (site.stranger(site.remote()), site.station("a"));
        let plain = frame(&site, 3);
        let tagged = [&plain[..12], &[0x81, 0, 0, 5], &plain[12..]].concat();
        stranger.send_inside(&tagged);
        if keys.is_empty() {
            dropped(&site, "vlan_filtered", 1);
        } else {
            assert!(a.find(PATIENCE, |seen| seen == tagged).is_some(), "{}", site.drops());
        }
        still_forwards(&site, &stranger, &mut a, 4);
    }
}

#[test]
fn a_tunnel_in_a_tunnel_is_carried_like_any_frame_and_unpacked_once() {
    let Some(site) = Site::new(Underlay::V4) else { return };
    site.tunnel("");
    let (stranger, mut a) = (site.stranger(site.remote()), site.station("a"));
    let inner = datagram(VNI, &frame(&site, 5));
    let mut nested = frame(&site, 6);
    nested.truncate(42);
    nested.extend(&inner);
    let (length, checksum) = ((nested.len() - 14) as u16, [0, 0]);
    nested[16..18].copy_from_slice(&length.to_be_bytes());
    nested[36..38].copy_from_slice(&4789_u16.to_be_bytes());
    nested[38..40].copy_from_slice(&(length - 20).to_be_bytes());
    nested[40..42].copy_from_slice(&checksum);
    nested[24..26].fill(0);
    let sum: u32 = nested[14..34].chunks(2).map(|two| u32::from(u16::from_be_bytes([two[0], two[1]]))).sum();
    let folded = !(((sum & 0xffff) + (sum >> 16)) as u16);
    nested[24..26].copy_from_slice(&folded.to_be_bytes());
    stranger.send_inside(&nested);
    assert!(a.find(PATIENCE, |seen| seen == nested).is_some(), "{}", site.drops());
    assert_eq!(site.counters_of("vx")["forwarded"], 1);
    assert_eq!(site.drops(), json!({}));
}

#[test]
fn a_datagram_without_a_checksum_is_taken() {
    for underlay in BOTH {
        let Some(site) = Site::new(underlay) else { return };
        site.tunnel("");
        // Linux leaves it out of IPv4 if told so, and out of IPv6 only by these.
        site.linux(if underlay == Underlay::V4 { "noudpcsum" } else { "udp6zerocsumtx udp6zerocsumrx" });
        let Some(outside) = site.capture() else { return };
        site.ping("a", B);
        let seen = outside.end_after("vxlan && icmp.type == 0", 1);
        let theirs = seen.fields("vxlan && icmp.type == 0", &["udp.checksum"]);
        assert_eq!(theirs[0][0][0], "0x0000");
    }
}

#[test]
fn a_udp_port_that_somebody_has_is_refused_with_who_has_it() {
    let Some(site) = Site::new(Underlay::V4) else { return };
    site.sh(&format!("ip link add vxk type vxlan id 7 local {} dev u1 dstport 4789", site.local()));
    site.sh("ip link set vxk up");
    let said = site.refused(&format!("port add s vxlan://42?local={}&remote={}", site.local(), site.remote()));
    assert!(said.contains("4789") && said.contains("vxk") && said.contains('7'), "{said}");
    site.sh("ip link del vxk");
    site.tunnel("");
}

/// Bytes that the daemon has in memory.
fn resident(site: &Site) -> u64 {
    let state = site.path("state").display().to_string();
    let processes = std::fs::read_dir("/proc").expect("proc").flatten().map(|entry| entry.path());
    let is_it = |line: &[u8]| {
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.contains(&b"daemon".as_slice()) && words.contains(&state.as_bytes())
    };
    let mut ours = processes.filter(|process| is_it(&std::fs::read(process.join("cmdline")).unwrap_or_default()));
    let status = std::fs::read_to_string(ours.next().expect("it runs").join("status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

#[test]
fn more_source_addresses_than_there_is_room_for_cost_bounded_memory_and_ports_go_on_forwarding() {
    let Some(site) = Site::new(Underlay::V4) else { return };
    site.tunnel("");
    let (stranger, mut a) = (site.stranger(site.remote()), site.station("a"));
    still_forwards(&site, &stranger, &mut a, 1);
    let before = resident(&site);
    let mut bytes = datagram(VNI, &frame(&site, 2));
    for number in 0..SOURCES {
        bytes[14..20].copy_from_slice(&[&[2, 0x50], &number.to_be_bytes()[..]].concat());
        stranger.send(&bytes);
        if number % BURST == 0 {
            // Slower than the socket's buffer fills: what is asked is what they cost, and those that are lost cost nothing.
            std::thread::sleep(Duration::from_micros(300));
        }
    }
    still_forwards(&site, &stranger, &mut a, 3);
    let (after, counters) = (resident(&site), site.counters_of("vx"));
    println!("{SOURCES} sources: {} → {} MiB, {counters}", before >> 20, after >> 20);
    assert!(counters["forwarded"].as_u64() > Some(u64::from(SOURCES / 2)), "most of them were taken: {counters}");
    assert!(after.saturating_sub(before) < 64 << 20, "{before} → {after}");
    site.linux("");
    site.ping("a", B);
}
