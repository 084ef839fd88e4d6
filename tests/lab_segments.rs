//! What is looked at in a super-frame: the length of its segments, never its own; and whether its virtio-net header is true.
//!
//! Needs root and `ip` (iproute2).

mod lab;
#[path = "../switch/io/tests/offload_frames/mod.rs"]
mod offload_frames;

use lab::wire::Wire;
use lab::{Kind, Lab, assert_the_law_holds, drops, until};
use lanloom_switch_core::{DropReason, EgressFate, MacAddr, PortConfig};
use lanloom_switch_io::link::Offloads;
use lanloom_switch_io::vnet::{Checksum, Gso, GsoKind, VnetHeader};
use offload_frames::{Recipe, SOURCE};

const SMALL: MacAddr = MacAddr([2, 0x1a, 0xbe, 0x11, 0xee, 1]);
const USUAL: MacAddr = MacAddr([2, 0x1a, 0xbe, 0x11, 0xee, 2]);
const PLAIN: MacAddr = MacAddr([2, 0x1a, 0xbe, 0x11, 0xee, 3]);

#[test]
fn the_mtu_is_held_against_segments_and_a_super_frame_of_fitting_ones_passes_uncut() {
    let Some(lab) = Lab::new() else { return };
    let sender = lab.host(Kind::Tap);
    // One limit is the interface's, the other one the port's.
    let by_interface = lab.host_with(Kind::Veth, 1280, PortConfig::default());
    let by_setting = lab.host_with(Kind::Tap, 1500, PortConfig { mtu: 1280, ..PortConfig::default() });
    let usual = lab.host(Kind::Veth);
    let mut from = Wire::on(&sender);
    let mut usual_wire = Wire::on(&usual);
    let set = |mac, port| lab.switch.set_fdb(mac, port, false).expect("the switch").expect("an entry");
    set(USUAL, usual.port);
    for small in [&by_interface, &by_setting] {
        set(SMALL, small.port);
        let mut small_wire = Wire::on(small);
        let before = lab.counters(small.port);
        for tags in [vec![], vec![[0x81, 0, 0, 7]]] {
            for (ipv6, udp) in [(false, false), (true, false), (false, true), (true, true)] {
                let head = if ipv6 { 40 } else { 20 } + if udp { 8 } else { 20 + 12 };
                let options = if udp { 0 } else { 3 };
                let recipe =
                    Recipe { ipv6, udp, tags: tags.clone(), tcp_options: options, payload: 61_000, ..Recipe::default() };
                let full = Recipe { size: 1500 - head, ..recipe.clone() };
                let fitting = Recipe { size: 1280 - head, ..recipe.clone() };
                let over = Recipe { size: 1281 - head, ..recipe };
                send(&mut from, &full, USUAL);
                send(&mut from, &full, SMALL);
                send(&mut from, &over, SMALL);
                send(&mut from, &fitting, SMALL);
                for (wire, recipe) in [(&mut usual_wire, &full), (&mut small_wire, &fitting)] {
                    let (bytes, vnet) = wire.recv(SOURCE);
                    assert!(bytes[12..] == recipe.build().0[12..], "{} bytes for {recipe:?}", bytes.len());
                    assert_eq!(vnet.gso.map(|gso| gso.size), Some(recipe.size), "uncut");
                    assert!(bytes.len() > 60_000);
                }
            }
        }
        let after = lab.counters(small.port);
        println!("{:?}, MTU 1280: {:?}, {} super-frames sent", small.kind, drops(&after), after.tx.gso_frames);
        let exceeded = DropReason::MtuExceeded;
        assert_eq!(after.dropped(exceeded) - before.dropped(exceeded), 16, "two of each, on the egress port");
        assert_eq!(after.tx.gso_frames - before.tx.gso_frames, 8);
        assert!(small_wire.drain(SOURCE).is_empty(), "nothing came through that does not fit");
    }
    assert_eq!(lab.counters(sender.port).dropped(DropReason::MtuExceeded), 0, "a copy's end is counted where it ends");
    assert_the_law_holds(&lab.switch);
}

#[test]
fn a_super_frame_of_64_kib_in_segments_of_1448_bytes_passes_to_a_port_that_cuts_it() {
    let Some(lab) = Lab::new() else { return };
    let (sender, plain) = (lab.host(Kind::Veth), lab.host(Kind::PlainTap));
    let (mut from, mut to) = (Wire::on(&sender), Wire::on(&plain));
    lab.switch.set_fdb(PLAIN, plain.port, false).expect("the switch").expect("an entry");
    let recipe = Recipe { tcp_options: 3, payload: 45 * 1448, size: 1448, ..Recipe::default() };
    send(&mut from, &recipe, PLAIN);
    let lens: Vec<usize> = (0..45).map(|_| to.recv(SOURCE).0.len()).collect();
    assert_eq!(lens, [1514; 45]);
    let counters = lab.counters(plain.port);
    assert_eq!((counters.tx.gso_frames, counters.tx.gso_segments), (1, 45));
    assert_eq!(counters.dropped(DropReason::MtuExceeded), 0);
}

fn send(from: &mut Wire, recipe: &Recipe, to: MacAddr) {
    let (mut bytes, vnet) = recipe.build();
    bytes[..6].copy_from_slice(&to.0);
    from.send(&bytes, vnet);
}

/// A frame whose virtio-net header does not fit it, and what is wrong.
type Lie = (&'static str, Vec<u8>, VnetHeader);

/// Lies that Linux lets pass out of an interface: it looks at less than we do.
fn lies_that_linux_tells() -> Vec<Lie> {
    let (tcp, tcp_vnet) = Recipe::default().build();
    let mut udp_in_it = tcp.clone();
    udp_in_it[23] = 17;
    let mut fragment = tcp.clone();
    fragment[20] |= 0x20;
    let mut short = tcp.clone();
    short[16..18].copy_from_slice(&[0, 60]);
    let small = VnetHeader { gso: Some(Gso { kind: GsoKind::Tcp4, size: 1, ecn: false }), ..tcp_vnet };
    let (other, other_vnet) = Recipe { ipv6: true, ..Recipe::default() }.build();
    let as_v4 = VnetHeader { gso: Some(Gso { kind: GsoKind::Tcp4, size: 1448, ecn: false }), ..other_vnet };
    vec![
        ("TCP, says the header, and UDP, says the packet", udp_in_it, tcp_vnet),
        ("a super-frame of fragments", fragment, tcp_vnet),
        ("an IP length that is not the frame's", short, tcp_vnet),
        ("segments of one byte", tcp, small),
        ("IPv4, says the header, and IPv6, says the packet", other, as_v4),
    ]
}

/// Lies that only an end in memory can tell.
fn lies_of_any_kind() -> Vec<Lie> {
    let (tcp, vnet) = Recipe { payload: 400, ..Recipe::default() }.build();
    let partial = |start, offset| VnetHeader { checksum: Checksum::Partial { start, offset }, ..VnetHeader::default() };
    let with = |kind, size| VnetHeader { gso: Some(Gso { kind, size, ecn: false }), ..vnet };
    let mut lies = lies_that_linux_tells();
    lies.extend([
        ("a checksum in the addresses", tcp.clone(), partial(0, 2)),
        ("a checksum behind the frame", tcp.clone(), partial(34, 65_000)),
        ("a checksum that starts behind the frame", tcp.clone(), partial(u16::MAX, u16::MAX)),
        ("segments of no bytes", tcp.clone(), with(GsoKind::Tcp4, 0)),
        ("UDP that is TCP", tcp.clone(), with(GsoKind::Udp, 100)),
        ("a super-frame of half an Ethernet header", tcp[..7].to_vec(), vnet),
        ("a super-frame that ends in its TCP header", tcp[..40].to_vec(), vnet),
        ("a super-frame of nothing", Vec::new(), vnet),
    ]);
    lies
}

#[test]
fn a_virtio_net_header_that_lies_is_a_counted_drop_and_others_keep_forwarding() {
    let Some(lab) = Lab::new() else { return };
    let (liar, honest, receiver) = (lab.host(Kind::Veth), lab.host(Kind::Tap), lab.host(Kind::PlainTap));
    let (port, end) = lab.memory(Offloads::ALL);
    let mut memory = Wire::Memory(end);
    let (mut veth, mut other, mut to) = (Wire::on(&liar), Wire::on(&honest), Wire::on(&receiver));
    lab.switch.set_fdb(PLAIN, receiver.port, false).expect("the switch").expect("an entry");
    let truth = Recipe { payload: 100, ..Recipe::default() };
    let mut passes = || {
        let (mut bytes, vnet) = truth.build();
        bytes[..6].copy_from_slice(&PLAIN.0);
        other.send(&bytes, VnetHeader { gso: None, ..vnet });
        assert_eq!(to.recv(SOURCE).0.len(), bytes.len(), "the honest neighbour's frame, and no other");
    };
    for (port, wire, lies) in [(liar.port, &mut veth, lies_that_linux_tells()), (port, &mut memory, lies_of_any_kind())] {
        for (what, mut bytes, vnet) in lies {
            let to_receiver = bytes.len().min(6);
            bytes[..to_receiver].copy_from_slice(&PLAIN.0[..to_receiver]);
            let before = lab.counters(port);
            match wire.try_send(&bytes, vnet) {
                EgressFate::Sent => {
                    until(what, || {
                        let now = lab.counters(port);
                        now.dropped(DropReason::Malformed) == before.dropped(DropReason::Malformed) + 1
                    });
                    println!("counted: {what}");
                }
                EgressFate::Dropped(_) => println!("Linux itself refused: {what}"),
            }
            passes();
        }
    }
    assert!(lab.counters(liar.port).dropped(DropReason::Malformed) > 0, "Linux let at least one lie pass");
    let told = lies_of_any_kind().len() as u64;
    assert_eq!(lab.counters(port).dropped(DropReason::Malformed), told);
    assert_the_law_holds(&lab.switch);
}
