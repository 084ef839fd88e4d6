//! Ports that are ends of VXLAN networks, on real sockets in a namespace of each test's own.

use super::house::*;
use crate::config::{Config, FdbSpec};
use crate::controller::fabric::{Fabric, FdbPick, FdbView, PortView};
use crate::store::Store;
use lanloom_switch_core::MacAddr;
use lanloom_switch_io::engine::PortState;
use nix::sched::{CloneFlags, unshare};
use std::net::{IpAddr, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// This end.
const URL: &str = "vxlan://42?local=10.9.0.1&remote=10.9.0.2";

/// Runs a test's work in a namespace of its own, gone with it; threads and programs that it starts are there too. There `u0` has the
/// addresses 10.9.0.1 and fd09::1, and room for 1,500 bytes. Says so if this machine has none.
fn alone<F: Future<Output = ()>>(work: impl FnOnce() -> F + Send + 'static) {
    let inside = move || {
        if let Err(why) = unshare(CloneFlags::CLONE_NEWNET) {
            assert!(std::env::var_os("CI").is_none(), "no network namespace: {why}");
            println!("skipped: no network namespace: {why}");
            return;
        }
        ip("link set lo up");
        ip("link add u0 type veth peer name u1");
        ip("link set u1 up");
        ip("link set u0 up");
        ip("address add 10.9.0.1/24 dev u0");
        ip("address add fd09::1/64 dev u0 nodad");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(work());
    };
    std::thread::spawn(inside).join().expect("no panic");
}

fn ip(words: &str) {
    let done = Command::new("ip").args(words.split(' ')).status();
    assert!(done.expect("ip (iproute2)").success(), "ip {words}");
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn behind(mac: &str, port: &str, dst: &str) -> FdbSpec {
    FdbSpec { mac: mac.parse().expect("an address"), port: name(port), dst: Some(address(dst)), vid: 0, sticky: false }
}

/// What of the database is behind tunnels.
fn led(controller: &Fabric) -> Vec<String> {
    let known = controller.fdb(&name("s1")).expect("the switch").into_iter();
    let told = |entry: FdbView| Some(format!("{} {} {} {}", entry.mac, entry.port, entry.dst?, entry.is_static));
    known.filter_map(told).collect()
}

fn at(controller: &Fabric, port: &str) -> PortView {
    controller.port(&name("s1"), &name(port)).expect("the port")
}

/// Waits until a port is up, or down for a reason that says so.
async fn until(controller: &Fabric, port: &str, wanted: Result<(), &str>) {
    for _ in 0..3_000 {
        match (at(controller, port).state, wanted) {
            (PortState::Up, Ok(())) => return,
            (PortState::Down { reason }, Err(said)) if reason.contains(said) => return,
            (PortState::Up | PortState::Down { .. }, _) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
    panic!("{:?}", at(controller, port).state);
}

#[test]
fn a_tunnel_comes_back_after_a_restart_with_its_peers_and_what_was_set_by_hand() {
    alone(|| async {
        let house = House::new().await;
        let controller = house.with_switch().await;
        controller.add_port(name("s1"), port(None, URL)).await.expect("a tunnel");
        controller.add_port(name("s1"), port(None, "vxlan://43?local=fd09::1&port=8472")).await.expect("another");
        controller.add_fdb(name("s1"), behind("02:00:00:00:00:0a", "p1", "10.9.0.3")).await.expect("set");
        controller.add_fdb(name("s1"), behind("00:00:00:00:00:00", "p2", "fd09::2")).await.expect("set");
        controller.add_fdb(name("s1"), behind("00:00:00:00:00:00", "p2", "fd09::3")).await.expect("set");
        let shown = [
            "00:00:00:00:00:00 p1 10.9.0.2 true",
            "00:00:00:00:00:00 p2 fd09::2 true",
            "00:00:00:00:00:00 p2 fd09::3 true",
            "02:00:00:00:00:0a p1 10.9.0.3 true",
        ];
        assert_eq!(
            (led(&controller), at(&controller, "p1").mtu, at(&controller, "p2").mtu),
            (shown.map(String::from).into(), 1450, 1430)
        );
        controller.set_port(name("s1"), name("p1"), |settings| settings.mtu = Some(1400)).await.expect("set");
        controller.stop().await;
        let controller = house.start().await;
        assert_eq!(led(&controller), shown);
        assert_eq!((at(&controller, "p1").state, at(&controller, "p1").mtu), (PortState::Up, 1400));
        controller.delete_port(name("s1"), name("p2")).await.expect("deleted");
        let station = FdbPick { dst: Some(address("10.9.0.3")), ..station("02:00:00:00:00:0a") };
        controller.delete_fdb(name("s1"), station).await.expect("deleted");
        assert_eq!(led(&controller), [shown[0]]);
        controller.stop().await;
        let controller = house.start().await;
        assert_eq!(led(&controller), [shown[0]]);
        controller.delete_switch(name("s1")).await.expect("deleted");
        assert_eq!(house.records().await, Vec::<String>::new());
        UdpSocket::bind("10.9.0.1:4789").expect("nobody has it any more");
    });
}

#[test]
fn what_cannot_be_a_tunnel_is_refused_with_what_to_do_and_leaves_nothing() {
    alone(|| async {
        let house = House::new().await;
        let controller = house.with_switch().await;
        controller.create_switch(name("s2"), Default::default()).await.expect("a switch");
        controller.add_port(name("s1"), port(None, URL)).await.expect("a tunnel");
        let grouped = "vxlan://44?local=10.9.0.1&port=4793&group=239.1.1.1&dev=u0";
        controller.add_port(name("s1"), port(None, grouped)).await.expect("a tunnel");
        ip("link add vx0 type vxlan id 7 dstport 4790 local 127.0.0.1");
        ip("link set vx0 up");
        let ours = UdpSocket::bind("10.9.0.1:4791").expect("free");
        // Nobody is at its other end, and so nobody answers who has the address.
        ip("link add d0 type veth peer name d1");
        ip("link set d0 up");
        ip("address add fd0a::1/64 dev d0");
        let before = (house.traces().await, shown(&controller));
        let this = format!("UDP port 4791 is held by this daemon itself (process {}); give another", std::process::id());
        for (url, said) in [
            (
                "vxlan://42?local=10.9.0.1",
                "port s1/p1 has VNI 42 at 10.9.0.1, UDP port 4789; choose another VNI, local= or port=",
            ),
            (
                "vxlan://44?local=127.0.0.1&port=4793&group=239.1.1.1&dev=u0",
                "there is a tunnel of VNI 44 at that group and UDP port already",
            ),
            ("vxlan://43?local=10.9.0.9", "10.9.0.9 is no address of this host; see `ip address`"),
            (
                "vxlan://43?local=fd0a::1",
                "fd0a::1 cannot be used yet: the kernel asks whether somebody else has it; try again when",
            ),
            ("vxlan://43?local=fd09::9", "fd09::9 is no address of this host; see `ip address`"),
            (
                "vxlan://43?local=10.9.0.1&port=4790",
                "UDP port 4790 is held by the kernel's VXLAN interface vx0 (VNI 7); give another with &port=",
            ),
            ("vxlan://43?local=10.9.0.1&port=4791", &this),
            ("vxlan://43?local=10.9.0.1&group=239.1.1.1&dev=nowhere", "there is no interface nowhere; see `ip link`"),
            (
                "vxlan://43?local=10.9.0.1&remote=10.9.0.2&mtu=1451",
                "carries 1500, 50 of them for the tunnel; give an MTU of 1450 or less",
            ),
            (
                "vxlan://43?local=fd09::1&remote=fd09::2&mtu=1431",
                "carries 1500, 70 of them for the tunnel; give an MTU of 1430 or less",
            ),
        ] {
            for switch in ["s1", "s2"] {
                let refusal = controller.add_port(name(switch), port(None, url)).await.expect_err("a refusal");
                assert!(format!("{}; {}", refusal.why, refusal.hint).contains(said), "{url}: {refusal}");
                assert!(refusal.what == "add port" && refusal.on.contains(url), "{url}: {refusal}");
            }
        }
        let wide = controller.set_port(name("s1"), name("p1"), |settings| settings.mtu = Some(1500)).await;
        assert!(why(wide).contains("1500 bytes of payload do not fit"));
        // The record cannot be written.
        house.store.countdown.store(0, Ordering::SeqCst);
        assert!(
            why(controller.add_port(name("s2"), port(None, "vxlan://43?local=fd09::1&port=4792")).await).contains("injected")
        );
        house.store.heal();
        UdpSocket::bind("[fd09::1]:4792").expect("nobody has it any more");
        assert_eq!((house.traces().await, shown(&controller)), before);
        drop(ours);
        controller.add_port(name("s2"), port(None, "vxlan://43?local=10.9.0.1&port=4791")).await.expect("free now");
    });
}

#[test]
fn entries_that_lead_nowhere_are_refused_and_others_can_be_moved_and_taken_back() {
    alone(|| async {
        let house = House::new().await;
        let controller = house.with_switch().await;
        controller.add_port(name("s1"), port(None, "tap://t1")).await.expect("a port");
        controller.add_port(name("s1"), port(None, URL)).await.expect("a tunnel");
        let (zero, mac) = ("00:00:00:00:00:00", "02:00:00:00:00:0a");
        let set = async |entry| controller.add_fdb(name("s1"), entry).await;
        let before = (house.traces().await, shown(&controller), led(&controller));
        for (entry, said) in [
            (behind(mac, "p1", "10.9.0.2"), "port p1 is no tunnel, and so has no other ends; leave --dst out"),
            (behind(zero, "p1", "10.9.0.2"), "port p1 is no tunnel"),
            (
                FdbSpec { dst: None, ..behind(zero, "p2", "10.9.0.2") },
                "name the other end that they are to be sent to with --dst",
            ),
            (FdbSpec { sticky: true, ..behind(mac, "p2", "10.9.0.2") }, "neither ages nor moves; leave --sticky out"),
            (behind(zero, "p2", "10.9.0.2"), "the URL of port p2 names it already"),
            (behind(mac, "p2", "fd09::2"), "that cannot be a peer"),
            (behind(mac, "p2", "10.9.0.1"), "that cannot be a peer"),
            (behind("01:00:5e:00:00:01", "p2", "10.9.0.2"), "give the address of one station"),
        ] {
            let refusal = why(set(entry).await);
            assert!(refusal.contains(said), "{said}: {refusal}");
        }
        // The record cannot be written.
        house.store.countdown.store(0, Ordering::SeqCst);
        assert!(why(set(behind(mac, "p2", "10.9.0.3")).await).contains("injected"));
        house.store.heal();
        assert_eq!((house.traces().await, shown(&controller), led(&controller)), before);

        set(behind(mac, "p2", "10.9.0.3")).await.expect("set");
        set(behind(mac, "p2", "10.9.0.4")).await.expect("moved");
        house.store.countdown.store(0, Ordering::SeqCst);
        assert!(why(set(FdbSpec { dst: None, ..behind(mac, "p1", "10.9.0.3") }).await).contains("injected"));
        house.store.heal();
        assert_eq!(led(&controller)[1..], ["02:00:00:00:00:0a p2 10.9.0.4 true"], "it is where it was");
        set(FdbSpec { dst: None, ..behind(mac, "p1", "10.9.0.3") }).await.expect("moved out of the tunnel");
        assert_eq!(led(&controller).len(), 1);

        let delete = async |pick| controller.delete_fdb(name("s1"), pick).await;
        let flood = |dst: Option<&str>| FdbPick { dst: dst.map(address), ..FdbPick::station(MacAddr::ZERO) };
        assert!(why(delete(flood(None)).await).contains("with --dst"));
        assert!(why(delete(flood(Some("10.9.0.9"))).await).contains("no floods are sent there; see `lanloom fdb show`"));
        delete(flood(Some("10.9.0.2"))).await.expect("it is sent to, though the URL says so");
        assert!(led(&controller).is_empty(), "{:?}", led(&controller));
        assert!(why(delete(flood(Some("10.9.0.2"))).await).contains("no floods are sent there"));
        set(behind(zero, "p2", "10.9.0.2")).await.expect("sent to again");
        assert_eq!(led(&controller), before.2);
        assert!(why(delete(FdbPick { dst: Some(address("10.9.0.4")), ..station(mac) }).await).contains("not known there"));
        controller.add_port(name("s1"), port(None, "vxlan://43?local=10.9.0.1")).await.expect("another tunnel");
        for port in ["p2", "p3"] {
            set(behind(zero, port, "10.9.0.7")).await.expect("set");
        }
        assert!(why(delete(flood(Some("10.9.0.7"))).await).contains("name one of them with --port"));
        delete(FdbPick { port: Some(name("p3")), ..flood(Some("10.9.0.7")) }).await.expect("deleted");
        delete(flood(Some("10.9.0.7"))).await.expect("deleted");
        assert_eq!(led(&controller), before.2);
    });
}

#[test]
fn a_tunnel_whose_address_or_udp_port_is_gone_waits_with_the_reason_and_comes_when_it_is_back() {
    alone(|| async {
        let house = House::new().await;
        let controller = house.with_switch().await;
        controller.add_port(name("s1"), port(None, URL)).await.expect("a tunnel");
        controller.add_fdb(name("s1"), behind("02:00:00:00:00:0a", "p1", "10.9.0.3")).await.expect("set");
        let all = led(&controller);
        controller.stop().await;
        ip("address del 10.9.0.1/24 dev u0");
        let (controller, started) = house.start_with(Arc::new(house.kernel.clone()), "", false).await;
        assert!(started.notes.len() == 1 && started.notes[0].contains("10.9.0.1 is no address of this host"), "{started:?}");
        until(&controller, "p1", Err("no interface here has the address 10.9.0.1")).await;
        ip("address add 10.9.0.1/24 dev u0");
        until(&controller, "p1", Ok(())).await;
        assert_eq!(led(&controller), all);
        // The same when it goes while the daemon runs.
        ip("address del 10.9.0.1/24 dev u0");
        until(&controller, "p1", Err("no interface here has the address 10.9.0.1")).await;
        ip("address add 10.9.0.1/24 dev u0");
        until(&controller, "p1", Ok(())).await;
        controller.stop().await;
        let holder = UdpSocket::bind("10.9.0.1:4789").expect("free");
        let (controller, started) = house.start_with(Arc::new(house.kernel.clone()), "", false).await;
        assert!(started.notes[0].contains("UDP port 4789 is held by this daemon itself"), "{started:?}");
        until(&controller, "p1", Err("UDP port 4789 is held by this daemon itself (process ")).await;
        drop(holder);
        until(&controller, "p1", Ok(())).await;
        assert_eq!(led(&controller), all);
    });
}

#[test]
fn what_was_learned_behind_a_tunnel_is_shown_with_its_other_end_and_is_forgotten_by_a_flush() {
    alone(|| async {
        let house = House::new().await;
        let controller = house.with_switch().await;
        controller
            .add_port(name("s1"), port(None, "vxlan://42?local=10.9.0.1&remote=10.9.0.2,10.9.0.3"))
            .await
            .expect("a tunnel");
        // Both ends are here.
        ip("address add 10.9.0.3/32 dev lo");
        let peer = UdpSocket::bind("10.9.0.3:0").expect("free");
        let frame = [[0xff; 6].as_slice(), &[2, 0, 0, 0, 0, 7], &[0x88, 0xb5], &[0; 46]].concat();
        let datagram = [[8, 0, 0, 0, 0, 0, 42, 0].as_slice(), &frame].concat();
        peer.send_to(&datagram, "10.9.0.1:4789").expect("sent");
        let learned = "02:00:00:00:00:07 p1 10.9.0.3 false";
        for _ in 0..3_000 {
            if led(&controller).contains(&learned.to_owned()) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let floods = ["00:00:00:00:00:00 p1 10.9.0.2 true", "00:00:00:00:00:00 p1 10.9.0.3 true"];
        assert_eq!(led(&controller), [floods[0], floods[1], learned]);
        assert_eq!(controller.flush_fdb(name("s1"), Some(name("p1"))).await, Ok(1));
        assert_eq!(led(&controller), floods);
        controller.set_switch(name("s1"), |settings| settings.ageing = 20).await.expect("set");
        let tunnel = at(&controller, "p1").tunnel.expect("a tunnel");
        assert_eq!((tunnel.addresses, tunnel.config.ageing_secs), (0, 20), "nor does the tunnel know it any more");
    });
}

#[test]
fn the_file_makes_tunnels_and_where_their_floods_go_and_a_reload_touches_only_what_changed() {
    alone(|| async {
        let house = House::new().await;
        let port = |url: &str| format!("[[switch]]\nname = \"s1\"\n[[switch.port]]\nname = \"v\"\nurl = \"{url}\"\n");
        let flood = |dst: &str| format!("[[switch.fdb]]\nmac = \"00:00:00:00:00:00\"\nport = \"v\"\ndst = \"{dst}\"\n");
        let one = port(URL) + &flood("10.9.0.3");
        let (controller, started) = house.start_with(Arc::new(house.kernel.clone()), &one, false).await;
        assert_eq!(started.notes, Vec::<String>::new());
        assert_eq!(led(&controller), ["00:00:00:00:00:00 v 10.9.0.2 true", "00:00:00:00:00:00 v 10.9.0.3 true"]);
        let shown = Config::parse(&controller.config().to_toml()).expect("a configuration");
        assert_eq!(shown.switches, Config::parse(&one).expect("a configuration").switches);
        assert_eq!(house.records().await, Vec::<String>::new());
        let reload = async |text: &str| {
            let config = Config::parse(&format!("[daemon]\nengines = 1\n{text}")).expect("a configuration");
            let done = controller.reload(config).await;
            assert_eq!(done.notes, Vec::<String>::new());
            done.changes
        };
        let changed = reload(&(port(URL) + &flood("10.9.0.4"))).await;
        let zero = "00:00:00:00:00:00 dst";
        assert_eq!(
            changed,
            [format!("entry {zero} 10.9.0.3 of s1 deleted"), format!("entry {zero} 10.9.0.4 of s1 added on v")]
        );
        let refused =
            controller.delete_fdb(name("s1"), FdbPick { dst: Some(address("10.9.0.4")), ..station("00:00:00:00:00:00") });
        assert!(why(refused.await).contains("the configuration file made it"));
        assert_eq!(
            reload(&port("vxlan://42?local=fd09::1&mtu=1300")).await.len(),
            2,
            "the port goes, with its entry, and comes"
        );
        assert_eq!((led(&controller), at(&controller, "v").mtu), (vec![], 1300));
        let config = Config::parse(&format!("[daemon]\nengines = 1\n{}", port("vxlan://42?local=fd09::1&mtu=1431")));
        let told = controller.reload(config.expect("a configuration")).await.notes;
        assert!(told.len() == 1 && told[0].contains("1431 bytes of payload do not fit"), "{told:?}");
        assert_eq!(at(&controller, "v").mtu, 1430, "no more than there is room for");
        assert_eq!(reload("").await, ["switch s1 deleted"]);
        assert_eq!(house.store.range("").await.expect("records").pairs, []);
    });
}
