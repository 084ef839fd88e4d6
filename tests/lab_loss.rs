//! Who is slow loses its own frames, counted where they were lost, and nobody else's.
//!
//! Needs root, `ip` and `tc` (iproute2).

mod lab;

use lab::sandbox::run_inside;
use lab::wire::Wire;
use lab::{Kind, Lab, assert_the_law_holds, drops, until};
use lanloom_drivers::kernel::Kernel;
use lanloom_switch_core::{DropReason, EgressFate, MacAddr, PortConfig};
use lanloom_switch_io::vnet::{Checksum, Gso, GsoKind, VnetHeader};

const SOURCE: [u8; 6] = [2, 0, 0, 0, 7, 1];

/// A broadcast with a number in it.
fn broadcast(number: u16, len: usize) -> Vec<u8> {
    let mut bytes = [[0xff; 6], SOURCE].concat();
    bytes.extend([0x88, 0xb5]);
    bytes.extend(number.to_be_bytes());
    bytes.resize(len, 7);
    bytes
}

fn number(bytes: &[u8]) -> u16 {
    u16::from_be_bytes([bytes[14], bytes[15]])
}

/// The switch's end of a veth host, made so slow that it can be watched.
fn slow_down(lab: &Lab, how: &str) {
    let links = lab.wait(lab.kernel.list_links(&lab.plumbing));
    let peer = links.iter().find(|link| link.name.starts_with('p')).expect("the one veth's end");
    run_inside(&lab.plumbing, &format!("tc qdisc add dev {} root {how}", peer.name));
}

#[test]
fn a_slow_interface_loses_what_its_queue_cannot_hold_and_the_others_get_every_frame() {
    const FRAMES: u16 = 600;
    let Some(lab) = Lab::new() else { return };
    let slow = lab.quiet_host(Kind::Veth, PortConfig::default());
    slow_down(&lab, "tbf rate 4mbit burst 32k limit 100k");
    let [sender, tap, veth] = [Kind::Tap, Kind::Tap, Kind::Veth].map(|kind| lab.quiet_host(kind, PortConfig::default()));
    let mut from = Wire::on(&sender);
    let mut quick = [Wire::on(&tap), Wire::on(&veth)];
    let mut slow_wire = Wire::on(&slow);
    for sent in 0..FRAMES {
        from.send(&broadcast(sent, 1400), VnetHeader::default());
    }
    for wire in &mut quick {
        let seen: Vec<u16> = (0..FRAMES).map(|_| number(&wire.recv(SOURCE).0)).collect();
        assert_eq!(seen, (0..FRAMES).collect::<Vec<_>>(), "each, in order");
    }
    let counters = lab.counters(slow.port);
    println!("slow: {} sent, {:?}", counters.tx.frames, drops(&counters));
    assert!(counters.dropped(DropReason::QueueFull) > 0, "{counters:?}");
    assert_eq!(counters.tx.frames + counters.dropped(DropReason::QueueFull), u64::from(FRAMES), "each copy ends exactly once");
    let mut seen = 0;
    until("all that was sent", || {
        seen += slow_wire.drain(SOURCE).len() as u64;
        seen >= counters.tx.frames
    });
    assert_eq!(seen, counters.tx.frames);
    for host in [&tap, &veth] {
        assert_eq!(lab.counters(host.port).dropped(DropReason::QueueFull), 0);
    }
    assert_the_law_holds(&lab.switch);
}

#[test]
fn a_full_send_buffer_loses_frames_of_its_port_alone() {
    const FRAMES: u64 = 900;
    let Some(lab) = Lab::new() else { return };
    let slow = lab.quiet_host(Kind::Veth, PortConfig::default());
    // A queue that never ends, so that it is the socket's 16 MiB that do.
    slow_down(&lab, "tbf rate 1mbit burst 128k limit 1g");
    let [sender, quick] = [Kind::Tap; 2].map(|kind| lab.quiet_host(kind, PortConfig { storm: None, ..PortConfig::default() }));
    let (mut from, mut wire) = (Wire::on(&sender), Wire::on(&quick));
    let (bytes, vnet) = super_frame(MacAddr::BROADCAST);
    for _ in 0..FRAMES {
        from.send(&bytes, vnet);
        assert!(wire.recv(SOURCE).0 == bytes);
    }
    let (counters, others) = (lab.counters(slow.port), lab.counters(quick.port));
    println!("slow: {} of {FRAMES} sent, {:?}", counters.tx.frames, drops(&counters));
    assert_eq!(counters.tx.frames + counters.dropped(DropReason::QueueFull), FRAMES, "each copy ends exactly once");
    assert!(counters.dropped(DropReason::QueueFull) > 0, "{counters:?}");
    assert_eq!(others.dropped(DropReason::QueueFull), 0);
    assert_the_law_holds(&lab.switch);
}

#[test]
fn what_a_packet_sockets_queue_lost_is_counted_there_and_a_neighbour_loses_nothing() {
    let Some(lab) = Lab::new() else { return };
    // Cutting for a plain TAP takes longer than handing super-frames over.
    let [flooder, sink] = [Kind::Veth, Kind::PlainTap].map(|kind| lab.quiet_host(kind, PortConfig::default()));
    let [one, other] = [Kind::Tap, Kind::Tap].map(|kind| lab.quiet_host(kind, PortConfig::default()));
    let mac = MacAddr([2, 0, 0, 0, 7, 2]);
    lab.switch.set_fdb(mac, sink.port, false).expect("the switch").expect("an entry");
    let (bytes, vnet) = super_frame(mac);
    let (mut flood, mut from, mut to) = (Wire::on(&flooder), Wire::on(&one), Wire::on(&other));
    let (mut sent, mut passed) = (0, 0);
    until("frames lost before us", || {
        for _ in 0..400 {
            sent += u64::from(flood.try_send(&bytes, vnet) == EgressFate::Sent);
        }
        from.send(&broadcast(passed, 100), VnetHeader::default());
        assert_eq!(number(&to.recv(SOURCE).0), passed, "the neighbour's frame");
        passed += 1;
        lab.counters(flooder.port).dropped(DropReason::RxOverrun) > 0
    });
    until("every frame counted", || {
        let counters = lab.counters(flooder.port);
        counters.rx.frames + counters.dropped(DropReason::RxOverrun) >= sent
    });
    let counters = lab.counters(flooder.port);
    println!("{sent} sent, {} received, {:?}; {passed} of the neighbour's", counters.rx.frames, drops(&counters));
    assert_eq!(counters.rx.frames + counters.dropped(DropReason::RxOverrun), sent);
    assert_the_law_holds(&lab.switch);
}

/// 60,000 bytes of TCP to a station, in segments of 1,400.
fn super_frame(to: MacAddr) -> (Vec<u8>, VnetHeader) {
    let len: u16 = 60_000;
    let mut bytes = [to.0, SOURCE].concat();
    bytes.extend([8, 0, 0x45, 0]);
    bytes.extend((len - 14).to_be_bytes());
    bytes.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 7, 7, 1, 10, 7, 7, 2]);
    bytes.extend([0; 12]);
    bytes.extend([0x50, 0x10, 0, 0, 0, 0, 0, 0]);
    bytes.resize(usize::from(len), 7);
    let gso = Some(Gso { kind: GsoKind::Tcp4, size: 1400, ecn: false });
    (bytes, VnetHeader { checksum: Checksum::Partial { start: 34, offset: 16 }, gso, header_len: 54 })
}
