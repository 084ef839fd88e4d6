//! Guarded ports in a lab: what a network's endpoints may say, tried with whole TCP/IP stacks and without root.

use lanloom_lab::{DropReason, Guard, GuardMode, Lab, LabHost, LabLink, LabSwitch, PING_PATIENCE, PortId, Prefixes, Role};
use std::net::IpAddr;
use std::sync::Arc;

fn plug(lab: &Lab, switch: &LabSwitch, name: &str, number: u8) -> (LabHost, LabLink) {
    let addresses = [format!("10.0.0.{number}/24"), format!("fd00::{number}/64")];
    let host = lab.host(name, &addresses.each_ref().map(String::as_str)).expect("good addresses");
    let cable = lab.link(&host, switch).expect("free");
    (host, cable)
}

fn addresses(number: u8) -> [IpAddr; 2] {
    [[10, 0, 0, number].into(), [0xfd00, 0, 0, 0, 0, 0, 0, number.into()].into()]
}

fn set_guard(switch: &LabSwitch, cable: &LabLink, host: &LabHost, number: u8, change: impl FnOnce(&mut Guard)) -> PortId {
    let port = cable.port_on(switch).expect("plugged in there");
    let mut guard = Guard { mac: Some(host.mac()), addresses: addresses(number).to_vec(), ..Guard::default() };
    change(&mut guard);
    switch.set_port(port, |config| config.guard = Some(Arc::new(guard))).expect("there");
    port
}

fn dropped(switch: &LabSwitch, port: PortId, reason: DropReason) -> u64 {
    switch.counters(port).expect("there").dropped(reason)
}

#[test]
fn hosts_talk_through_strict_guards_and_one_that_takes_anothers_address_does_not() {
    let lab = Lab::new(3);
    let switch = lab.switch("s1");
    let [(alice, to_alice), (bob, to_bob)] = [("alice", 1), ("bob", 2)].map(|(name, number)| plug(&lab, &switch, name, number));
    let (thief, to_thief) = plug(&lab, &switch, "thief", 2);
    let strict = |guard: &mut Guard| guard.mode = GuardMode::Strict;
    let ports = [
        set_guard(&switch, &to_alice, &alice, 1, strict),
        set_guard(&switch, &to_bob, &bob, 2, strict),
        set_guard(&switch, &to_thief, &thief, 3, |_| {}),
    ];
    for to in addresses(2) {
        alice.ping(to).expect("bob answers");
        assert_eq!(switch.port_of(bob.mac()), Some(ports[1]));
    }
    assert!(addresses(1).into_iter().all(|to| thief.ping(to).is_err()), "as bob");
    assert!(dropped(&switch, ports[2], DropReason::Spoofed) > 0);
    assert_eq!([0, 1].map(|at| dropped(&switch, ports[at], DropReason::Spoofed)), [0, 0]);
    for to in addresses(2) {
        alice.ping_within(to, PING_PATIENCE).expect("bob still answers");
    }
}

#[test]
fn a_gateway_passes_nothing_of_another_network_until_that_is_gone() {
    let lab = Lab::new(4);
    let switch = lab.switch("s1");
    let [(gateway, to_gateway), (alice, to_alice)] =
        [("gateway", 1), ("alice", 2)].map(|(name, number)| plug(&lab, &switch, name, number));
    // As if the gateway's own addresses were those of another network.
    let foreign = Arc::new(Prefixes::new(addresses(1).map(|address| (address, 128))));
    let guarded = set_guard(&switch, &to_gateway, &gateway, 9, |guard| (guard.role, guard.foreign) = (Role::Gateway, foreign));
    let port = set_guard(&switch, &to_alice, &alice, 2, |guard| guard.mode = GuardMode::Off);
    assert!(addresses(1).into_iter().all(|to| alice.ping(to).is_err()));
    assert!(dropped(&switch, port, DropReason::Isolated) > 0, "what asks for it does not reach the gateway");
    assert!(addresses(2).into_iter().all(|to| gateway.ping(to).is_err()));
    assert!(dropped(&switch, guarded, DropReason::Isolated) > 0);
    switch.with(|core| core.set_foreign(&Arc::default()));
    for to in addresses(1) {
        alice.ping(to).expect("answered");
    }
}
