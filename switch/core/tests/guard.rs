//! What guards promise, a sentence a test. Port 0 is the gateway, 1 and 2 are endpoints, 3 is bare.

#[path = "guard/addresses.rs"]
mod addresses;
#[path = "guard/networks.rs"]
mod networks;
#[path = "guard/servers.rs"]
mod servers;
#[path = "guard/shapes.rs"]
mod shapes;
mod wire;

use lanloom_switch_core::{
    DropReason, Fate, FloodKind, Frame, Guard, GuardMode, Instant, Learned, MacAddr, PortConfig, PortId, Prefixes, Role,
    Switch, SwitchConfig, Verdict, Vid,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use wire::*;

const GATEWAY: usize = 0;
const ALICE: usize = 1;
const BOB: usize = 2;
const BARE: usize = 3;

/// Somebody that no guard knows.
const GUEST: MacAddr = mac(0x99);
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const MULTICAST6: MacAddr = MacAddr([0x33, 0x33, 0, 0, 0, 1]);
const BPDUS: MacAddr = MacAddr::RESERVED;

const fn mac(last: u8) -> MacAddr {
    MacAddr([0x02, 0, 0, 0, 0, last])
}

/// The address of the station with that number, which has [`mac`] too.
const fn v4(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

const fn v6(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, last)
}

/// The link-local address that [`mac`] makes.
const fn link_local(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x00ff, 0xfe00, last)
}

/// Of another network.
const FOREIGN4: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 1);
const FOREIGN6: Ipv6Addr = Ipv6Addr::new(0xfd09, 0, 0, 0, 0, 0, 0, 1);
/// Of the world.
const WORLD4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
const WORLD6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7);

struct Bench {
    switch: Switch,
    ports: Vec<PortId>,
}

fn guard(role: Role, number: u8) -> Guard {
    let foreign = [(IpAddr::from(FOREIGN4), 16), (FOREIGN6.into(), 64)];
    Guard {
        role,
        mac: Some(mac(number)),
        addresses: vec![v4(number).into(), v6(number.into()).into()],
        foreign: Arc::new(Prefixes::new(foreign)),
        ..Guard::default()
    }
}

impl Bench {
    fn new() -> Self {
        let guards = [Role::Gateway, Role::Endpoint, Role::Endpoint].into_iter().zip(0..);
        let guards = guards.map(|(role, number)| Some(Arc::new(guard(role, number)))).chain([None]);
        let mut switch = Switch::new(SwitchConfig::default());
        let ports = guards.map(|guard| switch.add_port(PortConfig { guard, ..PortConfig::default() }).expect("room"));
        let ports = ports.collect();
        Self { switch, ports }
    }

    /// The same with another mode for Alice.
    fn with_mode(mode: GuardMode) -> Self {
        let mut bench = Self::new();
        bench.change(ALICE, |guard| guard.mode = mode);
        bench
    }

    fn with_trust() -> Self {
        let mut bench = Self::new();
        bench.change(ALICE, |guard| guard.trusted = true);
        bench
    }

    fn change(&mut self, port: usize, change: impl FnOnce(&mut Guard)) {
        let mut guard = (**self.switch.config(self.ports[port]).expect("there").guard.as_ref().expect("guarded")).clone();
        change(&mut guard);
        self.switch.set_guard(self.ports[port], Some(Arc::new(guard))).expect("there");
    }

    fn verdict(&mut self, port: usize, bytes: &[u8]) -> Verdict {
        let frame = Frame::new(bytes).expect("long enough");
        let now = Instant::from_secs(9);
        let foretold = self.switch.trace(now, self.ports[port], &frame, &|id| format!("{id:?}")).expect("there").verdict;
        let verdict = self.switch.handle_frame(now, self.ports[port], &frame).expect("there").clone();
        assert_eq!(foretold, verdict);
        verdict
    }

    /// Why it is dropped, or `None` if it is sent on.
    fn drops(&mut self, port: usize, bytes: &[u8]) -> Option<DropReason> {
        match self.verdict(port, bytes).fate {
            Fate::Dropped(reason) => Some(reason),
            Fate::Forwarded | Fate::Flooded(_) | Fate::Consumed(_) => None,
        }
    }

    fn reaches(&mut self, port: usize, bytes: &[u8]) -> Vec<usize> {
        self.verdict(port, bytes).copies.iter().map(|(to, _)| to.index()).collect()
    }

    fn port_of(&self, mac: MacAddr) -> Option<usize> {
        self.switch.fdb().lookup(Vid::NONE, mac, Instant::from_secs(9)).map(PortId::index)
    }

    fn steps(&self, port: usize, bytes: &[u8]) -> Vec<String> {
        let frame = Frame::new(bytes).expect("long enough");
        let name = |id: PortId| ["gw", "alice", "bob", "bare"][id.index()].to_owned();
        self.switch.trace(Instant::from_secs(9), self.ports[port], &frame, &name).expect("there").steps
    }
}

/// A broadcast of Alice's.
fn broadcast(kind: u16, payload: &[u8]) -> Vec<u8> {
    ether(mac(1), MacAddr::BROADCAST, kind, payload)
}

fn from_alice4(source: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
    broadcast(IPV4, &ipv4(source, Ipv4Addr::BROADCAST, 0, UDP, payload))
}

fn multicast6(source: Ipv6Addr, next: u8, payload: &[u8]) -> Vec<u8> {
    ether(mac(1), MULTICAST6, IPV6, &ipv6(source, ALL_NODES, next, payload))
}

fn from_alice6(next: u8, payload: &[u8]) -> Vec<u8> {
    multicast6(link_local(1), next, payload)
}

fn advertised(target: Ipv6Addr) -> Vec<u8> {
    from_alice6(ICMPV6, &neighbour(136, Some(target), &[(2, mac(1))]))
}

fn router_advertisement() -> Vec<u8> {
    neighbour(134, None, &[(1, mac(1))])
}
