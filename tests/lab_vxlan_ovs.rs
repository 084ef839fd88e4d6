//! A tunnel with Open vSwitch's userspace datapath on the other side: every size, TCP, floods, and what passes on the underlay.
//!
//! Needs root, `ip` (iproute2), `ethtool`, `ping`, `tcpdump`, `tshark` and Open vSwitch (openvswitch-switch).

mod lab;
#[path = "lab/site.rs"]
mod site;

use lab::stream;
use site::{A, A6, B, B6, Site, Underlay};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn hosts_behind_open_vswitch_are_reached_with_every_size_and_by_tcp_over_either_underlay() {
    for underlay in [Underlay::V4, Underlay::V6] {
        let Some(site) = Site::new(underlay) else { return };
        site.tunnel("");
        let Some(()) = site.ovs() else { return };
        site.ping("a", B);
        let largest = site.mtu() - 28;
        site.ping_sizes("a", B, 0..=70);
        site.ping_sizes("a", B, largest - 70..=largest);
        site.ping_sizes("b", A, largest - 8..=largest);
        site.ping_sizes("b", A6, largest - 20..=largest - 20);
        for (from, to, address) in [("a", "b", B), ("b", "a", A), ("a", "b", B6), ("b", "a", A6)] {
            let (sender, receiver) = site.connect(from, to, address);
            std::thread::scope(|scope| {
                scope.spawn(move || stream::give(sender, 4 << 20));
                stream::take(receiver, 4 << 20);
            });
        }
        let mac = site.mac("b");
        let [entry] = &site.fdb(&mac)[..] else { panic!("{:?}", site.fdb(&mac)) };
        assert_eq!(entry["dst"], site.remote().to_string());
        let mut b = site.station("b");
        let frame = [&[0xff; 6][..], &[2, 0x4c, 0x4c, 0, 0, 7, 0x88, 0xb5], &[7; 46]].concat();
        site.station("a").send(&frame);
        assert!(b.find(PATIENCE, |seen| seen == frame).is_some(), "a broadcast came out on the other side, as it was");
        assert_eq!(site.drops(), serde_json::json!({}), "{underlay:?}");
    }
}

#[test]
fn tshark_complains_of_nothing_between_open_vswitch_and_us() {
    let Some(site) = Site::new(Underlay::V4) else { return };
    site.tunnel("");
    let Some(()) = site.ovs() else { return };
    let Some(outside) = site.capture() else { return };
    site.ping("a", B);
    for (from, to, address) in [("a", "b", B), ("b", "a", A)] {
        let (sender, receiver) = site.connect(from, to, address);
        std::thread::scope(|scope| {
            scope.spawn(move || stream::give(sender, 1 << 20));
            stream::take(receiver, 1 << 20);
        });
    }
    let ours = format!("vxlan && ip.src == {}", site.local());
    let seen = outside.end_after(&format!("{ours} && tcp.flags.fin == 1"), 2);
    assert!(seen.count(&format!("{ours} && tcp")) > 700);
    assert_eq!(seen.complaints(), Vec::<String>::new());
}
