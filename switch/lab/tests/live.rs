//! Hosts in real time: on a link between them, and on a switch that an engine runs.

use lanloom_lab::live::{LiveError, LiveHost};
use lanloom_lab::{HostConfig, HostError, MacAddr, PortConfig, SwitchConfig};
use lanloom_switch_io::engine::{EngineConfig, Engines};
use lanloom_switch_io::link::Offloads;
use lanloom_switch_io::link::memory::{Bound, MemoryEnd, pair};
use lanloom_switch_io::plug::Plug;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Liveness, not speed.
const PATIENCE: Duration = Duration::from_secs(20);

fn host(number: u8, end: MemoryEnd) -> LiveHost {
    let config = HostConfig::new(MacAddr([2, 0, 0, 0, 1, number]));
    let config = config.with_address(&format!("10.9.0.{number}/24")).expect("an address");
    let config = config.with_address(&format!("fd09::{number}/64")).expect("an address");
    LiveHost::start(config, u64::from(number), end).expect("two addresses")
}

fn addresses(number: u8) -> [IpAddr; 2] {
    [format!("10.9.0.{number}"), format!("fd09::{number}")].map(|text| text.parse().expect("an address"))
}

fn link() -> (MemoryEnd, MemoryEnd) {
    pair(Bound::default(), Offloads::NONE).expect("descriptors")
}

#[test]
fn two_live_hosts_on_one_link_ping_and_echo() {
    let (one, other) = link();
    let (one, other) = (host(1, one), host(2, other));
    other.serve_echo(7).expect("free");
    let bytes: Vec<u8> = (0..300_000_u32).map(|at| (at % 251) as u8).collect();
    for to in addresses(2) {
        one.ping(to, PATIENCE).expect("answered");
        assert!(one.exchange(SocketAddr::new(to, 7), &bytes, PATIENCE).expect("echoed") == bytes);
    }
}

#[test]
fn live_hosts_reach_each_other_through_an_engine_and_count_there() {
    let engines = Engines::start(EngineConfig::default()).expect("threads");
    let switch = engines.create_switch("s1", SwitchConfig::default()).expect("running");
    let hosts: Vec<_> = (1..=3)
        .map(|number| {
            let (here, there) = link();
            let name = format!("p{number}");
            switch.add_port(&name, "memory", Plug::Memory(there), PortConfig::default()).expect("room");
            host(number, here)
        })
        .collect();
    for (from, to) in [(0, 2), (1, 3), (2, 1)] {
        for to in addresses(to) {
            hosts[from].ping(to, PATIENCE).expect("answered");
        }
    }
    let fdb = switch.fdb().expect("running");
    assert!(hosts.iter().all(|host| fdb.iter().any(|entry| entry.mac == host.mac())));
    let counters = switch.counters().expect("running");
    assert!(counters.iter().all(|(_, _, port)| port.rx.frames > 0 && port.tx.frames > 0));
}

#[test]
fn what_a_live_host_cannot_do_it_says() {
    let (one, other) = link();
    let alone = host(1, one);
    let nowhere = IpAddr::V4([192, 0, 2, 1].into());
    assert_eq!(alone.ping(nowhere, PATIENCE), Err(LiveError::Host(HostError::NoRoute(nowhere))));
    let silent = alone.ping(addresses(2)[0], Duration::from_millis(100));
    assert!(matches!(silent, Err(LiveError::TimedOut { .. })), "{silent:?}");
    drop(other);
    assert_eq!(alone.ping(addresses(2)[0], PATIENCE), Err(LiveError::LinkGone));
}

#[test]
fn a_host_that_is_not_there_holds_up_no_ping_to_others() {
    let (one, other) = link();
    let (one, _other) = (host(1, one), host(2, other));
    let nobody = addresses(77)[0];
    std::thread::scope(|scope| {
        let asked: Vec<_> = (0..20).map(|_| scope.spawn(|| one.ping(nobody, Duration::from_secs(3)))).collect();
        std::thread::sleep(Duration::from_millis(300));
        for to in addresses(2) {
            one.ping(to, PATIENCE).expect("answered");
        }
        assert!(asked.into_iter().all(|asked| asked.join().expect("no panic").is_err()), "nobody answers");
    });
}
