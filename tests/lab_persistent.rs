//! Persistent TAPs: they stay with their addresses when the engine stops, are found again by the next one, and connections
//! through them live on. A TAP with offloads and one without never take over each other's device.
//!
//! Needs root and `ip` (iproute2).

mod lab;

use lab::{Host, Kind, Lab, assert_the_law_holds, stream, until};
use lanloom_switch_core::{MacAddr, PortConfig, PortId, SwitchConfig};
use lanloom_switch_io::engine::{EngineConfig, Engines, PortError, PortState, SwitchHandle};
use lanloom_switch_io::link::LinkError;
use lanloom_switch_io::plug::Plug;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, TcpStream};
use std::time::Duration;

/// A host whose interface is a persistent TAP, made by whoever opens it first.
fn host(kind: Kind, number: u8) -> Host {
    let sandbox = lab::Sandbox::new();
    let (v4, v6) = (Ipv4Addr::new(10, 7, 0, number), Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, number.into()));
    Host { sandbox, port: PortId::new(0, 0), kind, mac: MacAddr([0; 6]), v4, v6 }
}

/// A switch on threads of its own.
fn engine() -> SwitchHandle {
    let engines = Engines::start(EngineConfig { threads: 1, ..EngineConfig::default() }).expect("threads");
    engines.create_switch("s", SwitchConfig::default()).expect("a switch")
}

fn plug(switch: &SwitchHandle, host: &Host) -> Result<PortId, PortError> {
    let plug = Plug::Interface(host.kind.source(&host.sandbox.netns, "e0", true), None);
    switch.add_port(&host.v4.to_string(), "a persistent TAP", plug, PortConfig::default())
}

fn up(host: &Host) {
    host.sandbox.ip(&format!("addr add {}/24 dev e0", host.v4));
    host.sandbox.ip(&format!("addr add {}/64 dev e0 nodad", host.v6));
    host.sandbox.ip("link set e0 up");
}

fn until_all_up(switch: &SwitchHandle) {
    until("the ports up", || switch.ports().expect("the switch").iter().all(|port| port.state == PortState::Up));
}

/// What is there of an interface, whether or not somebody reads it.
fn addresses(host: &Host) -> Vec<String> {
    let told = host.sandbox.ip("-o addr show dev e0 scope global");
    let mut addresses: Vec<_> = told.lines().filter_map(|line| line.split_whitespace().nth(3)).map(str::to_owned).collect();
    addresses.sort();
    addresses
}

/// Asks and answers over a connection.
fn exchange([client, server]: &mut [TcpStream; 2], word: &[u8]) {
    for (from, to) in [(0, 1), (1, 0)] {
        let streams = [&mut *client, &mut *server];
        let mut heard = vec![0; word.len()];
        (&*streams[from]).write_all(word).expect("sent");
        (&*streams[to]).read_exact(&mut heard).expect("what was sent");
        assert_eq!(heard, word);
    }
}

#[test]
fn persistent_taps_and_connections_over_them_outlive_the_engine() {
    if !lab::sandbox::may_make_namespaces() {
        return;
    }
    let hosts = [host(Kind::Tap, 1), host(Kind::PlainTap, 2)];
    let switch = engine();
    for host in &hosts {
        plug(&switch, host).expect("a port");
        up(host);
    }
    until_all_up(&switch);
    let mut connections = hosts[1].addresses().map(|address| {
        let (client, server) = stream::connect(&hosts[0], &hosts[1], address);
        [client, server]
    });
    connections.iter_mut().for_each(|connection| exchange(connection, b"before"));
    let before = hosts.each_ref().map(addresses);
    assert_eq!(before.each_ref().map(Vec::len), [2, 2]);

    drop(switch);
    for (host, before) in hosts.iter().zip(&before) {
        until("nobody at the TAP", || host.sandbox.ip("link show e0").contains("NO-CARRIER"));
        assert_eq!(&addresses(host), before, "{:?}", host.kind);
    }
    for [client, _] in &mut connections {
        client.write_all(b"while nobody is there").expect("queued");
    }
    std::thread::sleep(Duration::from_millis(200));

    let switch = engine();
    for host in &hosts {
        plug(&switch, host).expect("the TAP that is there");
    }
    until_all_up(&switch);
    for connection in &mut connections {
        let mut heard = vec![0; b"while nobody is there".len()];
        connection[1].read_exact(&mut heard).expect("what was sent meanwhile");
        assert_eq!(heard, b"while nobody is there");
        exchange(connection, b"after");
    }
    assert_eq!(hosts.each_ref().map(addresses), before);
    for address in hosts[1].addresses() {
        stream::tcp(&hosts[0], &hosts[1], address, 2 << 20);
    }
    assert_the_law_holds(&switch);
}

#[test]
fn a_tap_with_offloads_and_one_without_never_take_over_each_others_device() {
    if !lab::sandbox::may_make_namespaces() {
        return;
    }
    for (kind, wrong) in [(Kind::Tap, Kind::PlainTap), (Kind::PlainTap, Kind::Tap)] {
        let mut host = host(kind, 1);
        let switch = engine();
        plug(&switch, &host).expect("a port");
        up(&host);
        drop(switch);
        until("nobody at the TAP", || host.sandbox.ip("link show e0").contains("NO-CARRIER"));
        let before = host.sandbox.ip("-d -o link show e0");

        let switch = engine();
        host.kind = wrong;
        let error = plug(&switch, &host).expect_err("a TAP of the other kind");
        println!("{wrong:?} on a TAP of {kind:?}: {error}");
        assert!(matches!(&error, PortError::Link(LinkError::Io(why)) if why.raw_os_error() == Some(22)), "{error:?}");
        assert_eq!(switch.ports().expect("the switch"), [], "a refused port leaves no trace");
        assert_eq!(host.sandbox.ip("-d -o link show e0"), before, "the device is what it was");

        host.kind = kind;
        plug(&switch, &host).expect("the TAP that is there");
        until_all_up(&switch);
    }
}

#[test]
fn a_persistent_tap_that_somebody_has_open_is_not_taken_from_them() {
    if !lab::sandbox::may_make_namespaces() {
        return;
    }
    let host = host(Kind::PlainTap, 1);
    let (first, second) = (engine(), engine());
    plug(&first, &host).expect("a port");
    let error = plug(&second, &host).expect_err("a TAP with one queue, which is taken");
    println!("{error}");
    assert!(matches!(&error, PortError::Link(LinkError::Io(why)) if why.raw_os_error() == Some(16)), "{error:?}");
}

#[test]
fn a_lab_that_ends_leaves_no_tap_that_was_not_to_persist() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host(Kind::Tap);
    lab.switch.delete().expect("the switch");
    until("the TAP gone", || !host.sandbox.ip("link show").contains("e0"));
}
