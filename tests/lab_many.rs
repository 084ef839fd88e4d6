//! Many switches in one process: fifty, with two ports each, on two engine threads; and nothing is left of them when they go
//! while frames are under way.
//!
//! One test alone, because it counts this process's descriptors. Needs root, `ip` (iproute2) and `ping`.

mod lab;

use lab::{Kind, Lab, Sandbox, assert_the_law_holds, until};
use lanloom_drivers::kernel::Kernel;
use lanloom_switch_core::{PortConfig, SwitchConfig};
use lanloom_switch_io::engine::SwitchHandle;
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};

const SWITCHES: u8 = 50;

#[test]
fn fifty_switches_on_two_threads_carry_their_pings_and_leave_nothing_when_deleted_under_traffic() {
    let Some(lab) = Lab::new() else { return };
    // The first call of the netlink client's opens what it then keeps for the process.
    lab.wait(lab.kernel.list_links(&lab.plumbing));
    let before = descriptors();
    // Each switch joins its own subnet's two ends.
    let (left, right) = (Sandbox::quiet(), Sandbox::quiet());
    let switches: Vec<SwitchHandle> = (0..SWITCHES).map(|number| make(&lab, [&left, &right], number)).collect();
    let threads: Vec<usize> = switches.iter().map(|switch| switch.status().expect("the switch").engine).collect();
    assert!([0, 1].map(|thread| threads.iter().filter(|on| **on == thread).count()).iter().all(|count| *count >= 25));
    println!("{} descriptors for {SWITCHES} switches", descriptors() - before);

    let pings: Vec<_> = (0..SWITCHES)
        .map(|number| left.command(&format!("ping -q -c 3 -i 0.05 -W 10 {}", address(number, 2))).spawn().expect("ping"))
        .collect();
    for (number, mut ping) in pings.into_iter().enumerate() {
        assert!(ping.wait().expect("ping").success(), "pair {number}");
    }
    for switch in &switches {
        assert_eq!(switch.fdb().expect("the switch").len(), 2, "{}", switch.name());
        assert_the_law_holds(switch);
    }

    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| flood(&left, &stop));
        scope.spawn(|| flood(&right, &stop));
        for switch in &switches {
            switch.delete().expect("the switch");
        }
        stop.store(true, Ordering::Relaxed);
    });
    drop(switches);
    for link in lab.wait(lab.kernel.list_links(&lab.plumbing)) {
        if link.name != "lo" {
            lab.wait(lab.kernel.delete_link(&lab.plumbing, &lab::if_name(&link.name)));
        }
    }
    for sandbox in [&left, &right] {
        until("every interface gone", || !sandbox.ip("-o link show").contains(": n"));
    }
    until("every descriptor closed", || descriptors() == before);
    drop((left, right));
    assert_eq!(lab::sandbox::left_over(), Vec::<String>::new());
    assert!(lab.switch.ports().expect("the switch that stays").is_empty());
}

fn address(number: u8, last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 90, number, last)
}

/// A switch with a TAP in one sandbox and a veth in the other.
fn make(lab: &Lab, sandboxes: [&Sandbox; 2], number: u8) -> SwitchHandle {
    let switch = lab.engines.create_switch(&format!("s{number}"), SwitchConfig::default()).expect("a switch");
    for (end, kind) in [Kind::Tap, Kind::Veth].into_iter().enumerate() {
        let (sandbox, name) = (sandboxes[end], format!("n{number}"));
        let port = lab.plug(&switch, kind, sandbox, &name, 1500, PortConfig::default());
        let subnet = format!("{}/24", address(number, end as u8 + 1)).parse().expect("an address");
        lab.wait(lab.kernel.create_address(&sandbox.netns, &lab::if_name(&name), subnet));
        lab.until_up(&switch, port);
    }
    switch
}

/// Datagrams to every pair, until it is to stop. Interfaces may go meanwhile.
fn flood(sandbox: &Sandbox, stop: &AtomicBool) {
    let socket = sandbox.inside(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))).expect("a socket");
    while !stop.load(Ordering::Relaxed) {
        for number in 0..SWITCHES {
            for last in [1, 2] {
                // Refused once the interface is gone.
                let _ = socket.send_to(&[7; 1000], (address(number, last), 9));
            }
        }
    }
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("this process").count()
}
