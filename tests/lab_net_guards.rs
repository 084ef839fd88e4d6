//! What an endpoint may say: nothing as a router, a DHCP server or a bridge unless it is trusted, and nothing with the addresses of
//! another endpoint or the gateway. Frames are crafted inside sandboxes, beside their kernels, and looked for in another one.
//!
//! Each test's host is a house of its own. Needs root and `ip` (iproute2).

#[path = "lab/networks.rs"]
mod networks;

use networks::crafted::{BROADCAST, advertisement, bpdu, frame, router_advertisement};
use networks::{Networks, STATE, Seat, Wire, mac_text};
use nix::sys::signal::Signal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Who sends what it may not, who has the addresses, and who looks.
const THIEF: Seat = Seat::new(1, 66);
const OWNER: Seat = Seat::new(1, 10);
const WATCHER: Seat = Seat::new(1, 11);
/// An address that nobody has.
const FREE: Seat = Seat::new(1, 200);

/// The three on one network; the thief with these options of its endpoint.
fn house(network: &str, thief: &str) -> Option<Networks> {
    let host = Networks::new()?;
    host.network(1, network);
    host.sandbox("owner", &[OWNER], "");
    host.sandbox("watcher", &[WATCHER], "");
    host.sandbox("thief", &[], "");
    host.connect("thief", THIEF, thief);
    Some(host)
}

/// Sends frames of the thief's, then one that may pass. Answers those of the first that the watcher sees before it sees that.
fn passed(host: &Networks, frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let (mut thief, mut watcher) = (host.wire("thief", "eth0"), host.wire("watcher", "eth0"));
    let last = frame(&format!("eth smac={} dmac={BROADCAST} type=0x88b6 len=64", THIEF.mac_text()));
    frames.iter().chain([&last]).for_each(|frame| thief.send(frame));
    let mut seen = Vec::new();
    host.wait_for("the frame that may pass", || {
        seen.extend(watcher.frames());
        seen.contains(&last)
    });
    seen.into_iter().filter(|frame| frames.contains(frame)).collect()
}

/// How many frames of the thief's were dropped for a reason.
fn dropped(host: &Networks, reason: &str) -> u64 {
    host.dropped("n1", "thief", reason)
}

/// A datagram of the thief's, from whatever address.
fn datagram(source: &str, to: &str, dmac: &str, ports: &str) -> Vec<u8> {
    frame(&format!("udp smac={} dmac={dmac} src={source} dst={to} {ports} len=64", THIEF.mac_text()))
}

/// What only routers, DHCP servers and bridges say, by the reason that it is dropped for.
fn of_servers() -> [(&'static str, Vec<Vec<u8>>); 3] {
    let (v4, v6) = (THIEF.v4().to_string(), THIEF.v6().to_string());
    let answer = datagram(&v4, "255.255.255.255", BROADCAST, "sport=67 dport=68");
    let answer_v6 = datagram(&v6, "ff02::1", "33:33:00:00:00:01", "sport=547 dport=546");
    [
        ("ra_guard", vec![router_advertisement(THIEF)]),
        ("dhcp_guard", vec![answer, answer_v6]),
        ("bpdu_guard", vec![bpdu(THIEF, 0)]),
    ]
}

#[test]
fn what_only_routers_dhcp_servers_and_bridges_say_is_dropped_and_counted_unless_the_endpoint_is_trusted() {
    for (network, endpoint, trusted) in
        [("", "", false), ("", "--driver-opt lanloom.trusted=true", true), ("-o lanloom.trusted=true", "", true)]
    {
        let Some(host) = house(network, endpoint) else { return };
        for (reason, frames) in of_servers() {
            let seen = passed(&host, &frames);
            let expected = if trusted { 0 } else { frames.len() as u64 };
            assert_eq!(dropped(&host, reason), expected, "{reason} with {network:?} and {endpoint:?}");
            assert_eq!(seen, if trusted { frames } else { Vec::new() }, "{reason} with {network:?} and {endpoint:?}");
        }
    }
}

/// What uses a seat's addresses: its MAC as source, and as sender in ARP; its IPv4 as sender in ARP and as source; its IPv6 as
/// source, and as target of an advertisement; its MAC as the place that an advertisement of another target names.
fn claims(of: Seat, mac: [u8; 6]) -> Vec<Vec<u8>> {
    let own = THIEF.mac_text();
    let mac_word = mac_text(mac);
    let (v4, v6) = (of.v4().to_string(), of.v6().to_string());
    vec![
        frame(&format!("eth smac={mac_word} dmac={BROADCAST} type=0x88b5 len=64")),
        frame(&format!("arp smac={mac_word} src={} dst={}", THIEF.v4(), WATCHER.v4())),
        frame(&format!("arp smac={own} dmac={BROADCAST} src={v4} dst={v4}")),
        datagram(&v4, "255.255.255.255", BROADCAST, "sport=9 dport=9"),
        datagram(&v6, "ff02::1", "33:33:00:00:00:01", "sport=9 dport=9"),
        advertisement(THIEF.mac(), of.v6(), THIEF.mac()),
        advertisement(THIEF.mac(), THIEF.v6(), mac),
    ]
}

#[test]
fn no_endpoint_uses_the_addresses_of_another_or_of_the_gateway_and_each_try_is_counted() {
    for guard in ["", "--driver-opt lanloom.guard=leased", "--driver-opt lanloom.guard=strict"] {
        let Some(host) = house("", guard) else { return };
        for (of, mac) in [(OWNER, OWNER.mac()), (Seat::gateway(1), host.mac_of("gw1"))] {
            for claim in claims(of, mac) {
                let before = dropped(&host, "spoofed");
                assert_eq!(passed(&host, std::slice::from_ref(&claim)), Vec::<Vec<u8>>::new(), "{guard}");
                assert_eq!(dropped(&host, "spoofed"), before + 1, "{guard}: {claim:02x?}");
            }
        }
        // The owner is still where it was.
        OWNER.addresses().into_iter().chain(Seat::gateway(1).addresses()).for_each(|to| host.reaches("watcher", to));
        let place = host.sh("ip -n watcher neighbour show dev eth0");
        assert!(place.contains(&OWNER.mac_text()) && !place.contains(&THIEF.mac_text()), "{place}");
    }
}

#[test]
fn an_address_that_nobody_has_may_be_used_unless_the_guard_is_strict_and_any_if_it_is_off() {
    // What a VRRP router says (RFC 5798, 7.3), and a machine nested in the sandbox.
    let vrrp = [0x00, 0x00, 0x5e, 0x00, 0x01, 0x07];
    let free = claims(FREE, vrrp);
    let owners = claims(OWNER, OWNER.mac());
    for (network, endpoint, free_pass, owners_pass) in [
        ("", "", true, false),
        ("-o lanloom.guard=strict", "", false, false),
        ("-o lanloom.guard=strict", "--driver-opt lanloom.guard=leased", true, false),
        ("", "--driver-opt lanloom.guard=strict", false, false),
        ("", "--driver-opt lanloom.guard=off", true, true),
        ("-o lanloom.guard=off", "", true, true),
    ] {
        let Some(host) = house(network, endpoint) else { return };
        for (frames, pass) in [(&free, free_pass), (&owners, owners_pass)] {
            let before = dropped(&host, "spoofed");
            let seen = passed(&host, frames);
            let expected = if pass { (frames.clone(), 0) } else { (Vec::new(), frames.len() as u64) };
            assert_eq!((seen, dropped(&host, "spoofed") - before), expected, "{network:?} {endpoint:?}");
        }
    }
}

/// Ends those who send when dropped, also if what they send was seen.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends frames over and over until told to stop, whether or not the interface takes them.
fn send_until(stop: &AtomicBool, wire: &mut Wire, frames: &[Vec<u8>]) {
    while !stop.load(Ordering::Relaxed) {
        for frame in frames {
            wire.offer(frame);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn after_a_kill_and_a_start_guards_hold_from_the_first_frame_on() {
    let Some(mut host) = house("", "") else { return };
    host.sandbox("other", &[Seat::new(1, 67)], "--endpoint veth");
    let honest = [THIEF, Seat::new(1, 67)]
        .map(|seat| frame(&format!("eth smac={} dmac={BROADCAST} type=0x88b6 len=64", seat.mac_text())));
    let bad: Vec<_> = [claims(OWNER, OWNER.mac()), claims(Seat::gateway(1), host.mac_of("gw1"))].concat();
    let bad = [bad, of_servers().into_iter().flat_map(|(_, frames)| frames).collect()].concat();
    let mut wires = ["thief", "other"].map(|name| host.wire(name, "eth0"));
    let mut watcher = host.wire("watcher", "eth0");
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _ends = Stop(&stop);
        for (wire, honest) in wires.iter_mut().zip(&honest) {
            let frames = [&bad[..], std::slice::from_ref(honest)].concat();
            let stop = &stop;
            scope.spawn(move || send_until(stop, wire, &frames));
        }
        let mut look = |host: &Networks, what: &str| {
            let mut seen = [false; 2];
            host.wait_for(what, || {
                let frames = watcher.frames();
                assert_eq!(frames.iter().find(|frame| bad.contains(frame)), None, "{what}");
                (0..2).for_each(|at| seen[at] |= frames.contains(&honest[at]));
                seen == [true; 2]
            });
        };
        look(&host, "honest frames of both");
        for _ in 0..3 {
            host.signal(Signal::SIGKILL);
            host.daemon_status();
            host.start_daemon(&STATE);
            look(&host, "honest frames of both after a start");
        }
    });
    for name in ["thief", "other"] {
        for reason in ["spoofed", "ra_guard", "dhcp_guard", "bpdu_guard"] {
            assert!(host.dropped("n1", name, reason) > 0, "{reason} of {name}");
        }
    }
}
