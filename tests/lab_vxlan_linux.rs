//! A tunnel with Linux's vxlan device on the other side: every size, TCP, floods, learning, ageing, what is set by hand, multicast.
//!
//! Needs root, `ip` (iproute2), `ethtool` and `ping`.

mod lab;
#[path = "lab/site.rs"]
mod site;

use lab::stream;
use site::{A, A6, B, B6, SILENCE, Site, Underlay, VNI};
use std::time::Duration;

const BOTH: [Underlay; 2] = [Underlay::V4, Underlay::V6];
/// Bytes that a stream moves.
const STREAM: usize = if cfg!(debug_assertions) { 16 << 20 } else { 160 << 20 };
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn a_ping_of_every_size_up_to_the_mtu_is_answered_and_nothing_is_dropped() {
    for underlay in BOTH {
        let Some(site) = Site::new(underlay) else { return };
        site.tunnel("");
        site.linux("");
        assert_eq!(site.port("vx")["mtu"], site.mtu());
        site.ping("a", B);
        let largest = site.mtu() - 28;
        site.ping_sizes("a", B, 0..=largest);
        site.ping_sizes("b", A, largest - 8..=largest);
        site.ping_sizes("a", B6, largest - 28..=largest - 20);
        site.ping_sizes("b", A6, 0..=8);
        assert_eq!(site.drops(), serde_json::json!({}), "{underlay:?}");
    }
}

#[test]
fn tcp_arrives_as_it_was_sent_in_both_directions_whether_the_underlay_cuts_or_not() {
    for (underlay, cuts) in BOTH.into_iter().flat_map(|underlay| [(underlay, false), (underlay, true)]) {
        let Some(site) = Site::new(underlay) else { return };
        site.tunnel("");
        site.linux("");
        if cuts {
            site.cut_outside();
        }
        for (from, to, address) in [("a", "b", B), ("b", "a", A), ("a", "b", B6), ("b", "a", A6)] {
            let (sender, receiver) = site.connect(from, to, address);
            std::thread::scope(|scope| {
                scope.spawn(move || stream::give(sender, STREAM));
                stream::take(receiver, STREAM);
            });
        }
        let counters = site.counters_of("vx");
        println!("{underlay:?}: {counters}");
        assert!(
            counters["tx"]["gso_frames"].as_u64() > Some(0) && counters["rx"]["gso_frames"].as_u64() > Some(0),
            "{counters}"
        );
    }
}

#[test]
fn floods_reach_the_other_side_and_addresses_are_learned_with_where_they_are_and_forgotten() {
    let Some(site) = Site::new(Underlay::V4) else { return };
    site.says("switch set s --ageing 10");
    site.tunnel("");
    site.linux("");
    let mut b = site.station("b");
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0x4c, 0x4c, 0, 0, 7, 0x88, 0xb5]);
    frame.resize(60, 7);
    site.station("a").send(&frame);
    assert!(b.find(PATIENCE, |seen| seen == frame).is_some(), "a broadcast came out on the other side, as it was");
    site.ping("a", B);
    let mac = site.mac("b");
    let [entry] = &site.fdb(&mac)[..] else { panic!("{:?}", site.fdb(&mac)) };
    assert_eq!((&entry["port"], &entry["dst"]), (&"vx".into(), &site.remote().to_string().into()), "{entry}");
    assert_eq!(entry["static"], false);
    site.sh("ip -n b link set eth0 down");
    site.wait_for("the address to be forgotten", || site.fdb(&mac).is_empty());
    site.sh("ip -n b link set eth0 up");
    site.ping("a", B);
    assert_eq!(site.fdb(&mac).len(), 1);
}

#[test]
fn without_peers_and_learning_frames_go_where_the_table_was_told_by_hand() {
    let Some(site) = Site::new(Underlay::V4) else { return };
    site.add_tunnel(&format!("vxlan://{VNI}?local={}&learning=off&suppress=off", site.local()));
    site.linux("");
    assert!(!site.answers("a", B), "there is nobody to send to");
    assert!(site.dropped("vx", "no_peer") > 0, "{}", site.drops());
    let (mac, remote) = (site.mac("b"), site.remote());

    // To one address alone: what is flooded still goes nowhere.
    site.says(&format!("fdb add s {mac} vx --dst {remote}"));
    assert!(!site.answers("a", B), "nobody asks for the address of b yet");
    site.sh(&format!("ip -n a neigh replace {B} lladdr {mac} dev eth0 nud permanent"));
    site.sh(&format!("ip -n b neigh replace {A} lladdr {} dev eth0 nud permanent", site.mac("a")));
    site.ping("a", B);
    let [entry] = &site.fdb(&mac)[..] else { panic!("{:?}", site.fdb(&mac)) };
    assert_eq!((&entry["static"], &entry["dst"]), (&true.into(), &remote.to_string().into()));
    let heard = site.counters_of("vx")["rx"]["frames"].clone();
    assert!(heard.as_u64() > Some(0), "{heard}");

    // The other end in the list of floods.
    site.sh(&format!("ip -n a neigh del {B} dev eth0"));
    site.says(&format!("fdb add s 00:00:00:00:00:00 vx --dst {remote}"));
    site.ping("a", B);
    site.says(&format!("fdb delete s 00:00:00:00:00:00 --dst {remote}"));
    site.says(&format!("fdb delete s {mac} --dst {remote}"));
    let lost = site.dropped("vx", "no_peer");
    assert!(!site.answers("a", B));
    assert!(site.dropped("vx", "no_peer") > lost, "{}", site.drops());
}

#[test]
fn ends_find_each_other_by_a_multicast_group() {
    for (underlay, group) in [(Underlay::V4, "239.4.2.1"), (Underlay::V6, "ff05::42")] {
        let Some(site) = Site::new(underlay) else { return };
        site.sh(&format!("ip route add {group} dev u1"));
        site.add_tunnel(&format!("vxlan://{VNI}?local={}&group={group}&dev=u1", site.local()));
        site.linux_to(&format!("group {group}"));
        site.ping("a", B);
        site.ping("b", A);
        let [entry] = &site.fdb(&site.mac("b"))[..] else { panic!("b is not known") };
        assert_eq!(entry["dst"], site.remote().to_string());
        let mut b = site.station("b");
        let frame = [&[0xff; 6][..], &[2, 0x4c, 0x4c, 0, 0, 7, 0x88, 0xb5], &[7; 46]].concat();
        site.station("a").send(&frame);
        assert!(b.find(PATIENCE, |seen| seen == frame).is_some(), "a flood came by the group");
    }
}

#[test]
fn what_comes_from_the_tunnel_never_goes_back_into_it() {
    let Some(site) = Site::new(Underlay::V4) else { return };
    site.tunnel("&suppress=off");
    site.linux("");
    site.ping("a", B);
    let mut b = site.station("b");
    let frame = [&[0xff; 6][..], &[2, 0x4c, 0x4c, 0, 0, 8, 0x88, 0xb5], &[9; 46]].concat();
    let (mut a, before) = (site.station("a"), site.counters_of("vx"));
    b.send(&frame);
    assert!(a.find(PATIENCE, |seen| seen == frame).is_some(), "it came out of the tunnel");
    // To an address that nobody has: it is flooded, and not back.
    let unknown = [&[2, 0x4c, 0x4c, 0, 9, 9][..], &frame[6..]].concat();
    b.send(&unknown);
    assert!(a.find(PATIENCE, |seen| seen == unknown).is_some());
    assert!(b.find(SILENCE, |seen| seen[6..12] == frame[6..12]).is_none(), "nothing came back");
    let after = site.counters_of("vx");
    let received = |counters: &serde_json::Value| counters["rx"]["frames"].as_u64();
    assert!(received(&after) >= received(&before).map(|count| count + 2));
}
