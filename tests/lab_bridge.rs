//! What 802.1D wants of a bridge, on real interfaces: which of the reserved addresses it relays; and a loop of two cables, which
//! it has no cure for, but bounds.
//!
//! Needs root, `ip` (iproute2) and `ping`.

mod lab;

use lab::wire::Wire;
use lab::{Kind, Lab, assert_the_law_holds, counters, drops, if_name, until};
use lanloom_drivers::kernel::{Kernel, VethSpec};
use lanloom_switch_core::{DropReason, PortConfig, StormLimit, SwitchConfig};
use lanloom_switch_io::engine::SwitchHandle;
use lanloom_switch_io::plug::Plug;
use lanloom_switch_io::vnet::VnetHeader;
use std::time::{Duration, Instant};

const SOURCE: [u8; 6] = [2, 0, 0, 0, 8, 1];

/// A frame to 01-80-C2-00-00-00…0F.
fn reserved(digit: u8) -> Vec<u8> {
    let mut bytes = vec![1, 0x80, 0xc2, 0, 0, digit];
    bytes.extend(SOURCE);
    // A length and LLC for the spanning tree, else the protocols' types: slow protocols (LACP) and LLDP.
    bytes.extend(match digit {
        0 => [0, 39, 0x42, 0x42],
        2 => [0x88, 0x09, 1, 1],
        _ => [0x88, 0xcc, 2, 7],
    });
    bytes.resize(60, digit);
    bytes
}

#[test]
fn reserved_addresses_pass_only_between_ports_opened_for_them_and_bpdus_always() {
    let Some(lab) = Lab::new() else { return };
    for kind in Kind::ALL {
        let open = PortConfig { reserved_open: 1 << 2 | 1 << 0xe, ..PortConfig::default() };
        let hosts =
            [PortConfig::default(), PortConfig::default(), open.clone(), open].map(|config| lab.quiet_host(kind, config));
        let [mut closed, mut other, mut opened, mut neighbour] = hosts.each_ref().map(Wire::on);
        for digit in 0..16 {
            closed.send(&reserved(digit), VnetHeader::default());
        }
        let digits = |wire: &mut Wire, count: usize| (0..count).map(|_| wire.recv(SOURCE).0[5]).collect::<Vec<_>>();
        for wire in [&mut other, &mut opened, &mut neighbour] {
            assert_eq!(digits(wire, 1), [0], "{kind:?}: of sixteen, the spanning tree's alone");
        }
        until("fifteen counted", || lab.counters(hosts[0].port).dropped(DropReason::ReservedAddress) == 15);
        for digit in 0..16 {
            opened.send(&reserved(digit), VnetHeader::default());
        }
        assert_eq!(digits(&mut neighbour, 3), [0, 2, 0xe], "{kind:?}: LACP and LLDP to the other port that is open for them");
        assert_eq!(digits(&mut other, 1), [0], "{kind:?}: and not to a port that is not");
        assert_eq!(digits(&mut closed, 1), [0]);
        until("thirteen counted", || lab.counters(hosts[2].port).dropped(DropReason::ReservedAddress) == 13);
        for wire in [&mut closed, &mut other, &mut opened, &mut neighbour] {
            assert_eq!(wire.drain(SOURCE), [], "{kind:?}: nothing besides");
        }
        // Not to be in the way of the next kind.
        for host in &hosts {
            lab.switch.delete_port(host.port).expect("the port");
        }
    }
    assert_the_law_holds(&lab.switch);
}

/// Joins two switches by a veth whose ends are both on ports.
fn cable(lab: &Lab, switches: [&SwitchHandle; 2], name: &str) {
    let ends = [format!("{name}a"), format!("{name}b")];
    let (netns, peer_netns) = (lab.plumbing.clone(), lab.plumbing.clone());
    let (own, peer_name) = (if_name(&ends[0]), if_name(&ends[1]));
    lab.wait(lab.kernel.create_veth(&VethSpec {
        netns,
        name: own,
        peer_netns,
        peer_name,
        mtu: 1500,
        mac: None,
        tx_queue_len: None,
    }));
    for (switch, end) in switches.into_iter().zip(&ends) {
        let plug = Plug::Interface(Kind::Veth.source(&lab.plumbing, end, false), None);
        let port = switch.add_port(end, "cable", plug, PortConfig::default()).expect("a port");
        lab.until_up(switch, port);
    }
}

#[test]
fn two_cables_between_two_switches_and_some_broadcasts_leave_the_machine_responsive() {
    loop_of(2);
}

#[test]
fn a_third_cable_that_multiplies_every_broadcast_for_ever_leaves_the_machine_responsive() {
    loop_of(3);
}

fn loop_of(cables: u8) {
    let Some(lab) = Lab::new() else { return };
    let second = lab.engines.create_switch("second", SwitchConfig::default()).expect("a switch");
    let host = lab.quiet_host(Kind::Tap, PortConfig::default());
    for number in 0..cables {
        cable(&lab, [&lab.switch, &second], &format!("c{number}"));
    }
    // Neighbours on both of the threads that carry the loop.
    let bystanders = [0, 1].map(|number| {
        let switch = lab.engines.create_switch("bystander", SwitchConfig::default()).expect("a switch");
        let (a, b) = (lab::Sandbox::quiet(), lab::Sandbox::quiet());
        for (last, sandbox) in [(1, &a), (2, &b)] {
            let port = lab.plug(&switch, Kind::Veth, sandbox, "e0", 1500, PortConfig::default());
            sandbox.ip(&format!("addr add 10.9.{number}.{last}/24 dev e0"));
            lab.until_up(&switch, port);
        }
        (switch, a, b)
    });
    let mut broadcast = [[0xff; 6], SOURCE].concat();
    broadcast.extend([0x88, 0xb5]);
    broadcast.resize(60, 0);
    let mut wire = Wire::on(&host);
    // Two cables keep what goes round and add nothing to it: as many as a few hosts send that look for each other.
    for _ in 0..100 {
        wire.send(&broadcast, VnetHeader::default());
    }
    until("the loop's frames counted as a storm", || {
        let both = [lab.switch.counters(), second.counters()];
        both.into_iter().flat_map(|all| all.expect("the switch")).any(|(.., counters)| counters.dropped(DropReason::Storm) > 0)
    });
    // While it runs: pings of others pass, commands are answered, and what is flooded stays within its bound.
    let flooded = || -> Vec<u64> {
        let both = [lab.switch.counters(), second.counters()];
        both.into_iter().flat_map(|all| all.expect("the switch")).map(|(.., counters)| counters.forwarded).collect()
    };
    let (begun, before) = (Instant::now(), flooded());
    for (number, (_, from, _)) in bystanders.iter().enumerate() {
        println!("{}", from.run(&format!("ping -q -c 20 -i 0.01 -W 10 10.9.{number}.2")).lines().last().unwrap_or_default());
    }
    std::thread::sleep(Duration::from_secs(1));
    let (after, took) = (flooded(), begun.elapsed());
    let StormLimit { rate, burst } = StormLimit::DEFAULT;
    let bound = (took.as_secs_f64() * f64::from(rate)) as u64 + u64::from(burst) + 1;
    for (port, (before, after)) in before.iter().zip(&after).enumerate() {
        println!("port {port}: {} flooded in {took:?}, {bound} at most", after - before);
        assert!(after - before <= bound, "the storm limit holds");
    }
    assert!(cables == 2 || after.iter().sum::<u64>() > before.iter().sum(), "three cables make more for ever");
    for switch in [&lab.switch, &second] {
        for status in switch.ports().expect("the switch") {
            println!("{}: {:?}", status.name, drops(&counters(switch, status.id)));
        }
        assert_the_law_holds(switch);
    }
    second.delete().expect("the switch");
}
