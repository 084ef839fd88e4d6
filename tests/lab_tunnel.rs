//! A tunnel of the kernel's inside two sandboxes (VXLAN), over ports of every kind: intact, and without the offloads that a
//! virtio-net header cannot describe.
//!
//! The rates are printed; how fast it has to be is the benchmarks' to judge. Needs root, `ip` (iproute2) with VXLAN, `ethtool`.

mod lab;

use lab::{Host, Kind, Lab, assert_the_law_holds, drops, if_name, stream, until};
use lanloom_drivers::kernel::Kernel;
use lanloom_switch_core::DropReason;
use std::net::{IpAddr, Ipv4Addr};

/// Bytes that a stream moves.
const STREAM: usize = if cfg!(debug_assertions) { 24 << 20 } else { 160 << 20 };

/// A VXLAN in both hosts over their addresses of one family. Answers the addresses inside.
fn tunnel(hosts: [&Host; 2], vni: u8) -> [IpAddr; 2] {
    let outer = hosts.map(|host| host.addresses()[usize::from(vni % 2)]);
    for (at, host) in hosts.iter().enumerate() {
        let (local, remote) = (outer[at], outer[1 - at]);
        let link =
            format!("link add vx{vni} type vxlan id {vni} local {local} remote {remote} dstport {}", 4789 + u16::from(vni));
        host.sandbox.ip(&format!("{link} dev e0"));
        host.sandbox.ip(&format!("addr add 10.77.{vni}.{}/24 dev vx{vni}", at + 1));
        host.sandbox.ip(&format!("link set vx{vni} up"));
    }
    [1, 2].map(|last| Ipv4Addr::new(10, 77, vni, last).into())
}

#[test]
fn tcp_through_a_tunnel_inside_sandboxes_arrives_as_it_was_sent_on_every_kind_of_port() {
    let Some(lab) = Lab::new() else { return };
    for (from, to) in [(Kind::Veth, Kind::Veth), (Kind::Tap, Kind::Tap), (Kind::Veth, Kind::Tap), (Kind::Tap, Kind::PlainTap)] {
        let hosts = [lab.host(from), lab.host(to)];
        for vni in [10, 11] {
            let [_, there] = tunnel([&hosts[0], &hosts[1]], vni);
            let took = stream::tcp(&hosts[0], &hosts[1], there, STREAM);
            let rate = STREAM as f64 * 8.0 / took.as_secs_f64() / 1e9;
            let family = if vni % 2 == 0 { "IPv4" } else { "IPv6" };
            println!("VXLAN over {family}, {from:?} → {to:?}: {} MiB in {took:?}, {rate:.2} Gbit/s", STREAM >> 20);
        }
        for host in &hosts {
            let counters = lab.counters(host.port);
            assert_eq!(counters.dropped(DropReason::Malformed), 0, "{:?}: {:?}", host.kind, drops(&counters));
        }
    }
    assert_the_law_holds(&lab.switch);
}

#[test]
fn a_veth_of_ours_has_no_offload_that_a_virtio_net_header_cannot_describe_and_one_that_has_it_shows() {
    let Some(lab) = Lab::new() else { return };
    let hosts = [lab.host(Kind::Veth), lab.host(Kind::Veth)];
    let foreign = || lab.wait(lab.kernel.foreign_offloads(&hosts[0].sandbox.netns, &if_name("e0")));
    assert_eq!(foreign(), Vec::<String>::new());
    let set = |to: &str| {
        hosts[0].sandbox.run(&format!("ethtool -K e0 tx-udp_tnl-segmentation {to} tx-udp_tnl-csum-segmentation {to}"));
    };
    let [_, there] = tunnel([&hosts[0], &hosts[1]], 20);
    stream::tcp(&hosts[0], &hosts[1], there, 1 << 20);
    assert_eq!(lab.counters(hosts[0].port).dropped(DropReason::Malformed), 0);

    // Somebody turns on what we have turned off: the kernel hands us super-frames of which it cannot say what they are.
    set("on");
    let mut on = foreign();
    on.sort();
    assert_eq!(on, ["tx-udp_tnl-csum-segmentation", "tx-udp_tnl-segmentation"]);
    let (sender, receiver) = stream::connect(&hosts[0], &hosts[1], there);
    std::thread::scope(|scope| {
        scope.spawn(move || stream::give(sender, 1 << 20));
        scope.spawn(move || stream::take(receiver, 1 << 20));
        until("super-frames of a tunnel, counted as malformed", || {
            lab.counters(hosts[0].port).dropped(DropReason::Malformed) > 0
        });
        println!("with them on: {:?}", drops(&lab.counters(hosts[0].port)));
        set("off");
    });
    assert_eq!(foreign(), Vec::<String>::new());
    assert_the_law_holds(&lab.switch);
}
