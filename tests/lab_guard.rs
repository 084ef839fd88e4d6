//! Guards and the real kernel: what it says by itself passes the strictest of them, an address of another's does not, and two networks
//! stay apart whose gateways stand in one namespace that forwards.
//!
//! Needs root, `ip` (iproute2) and `ping`.

mod lab;

use lab::{Host, Kind, Lab, Sandbox, assert_the_law_holds, counters, drops, if_name, until};
use lanloom_drivers::kernel::Kernel;
use lanloom_switch_core::{DropReason, Guard, GuardMode, MacAddr, PortConfig, PortId, Prefixes, Role, SwitchConfig};
use lanloom_switch_io::engine::SwitchHandle;
use std::net::IpAddr;
use std::sync::Arc;

/// What a guard drops, and `malformed`, which it may.
const GUARDED: [DropReason; 6] = [
    DropReason::Malformed,
    DropReason::Isolated,
    DropReason::Spoofed,
    DropReason::RaGuard,
    DropReason::DhcpGuard,
    DropReason::BpduGuard,
];

fn set_guard(lab: &Lab, host: &Host, mode: GuardMode) {
    let guard = Guard { mode, mac: Some(host.mac), addresses: host.addresses().to_vec(), ..Guard::default() };
    lab.switch.set_guard(host.port, Some(Arc::new(guard))).expect("the port");
}

/// Takes the interface down and up, so that the kernel says all that it says of itself: solicitations, duplicate address detection,
/// group memberships.
fn begin_anew(lab: &Lab, host: &Host) {
    host.sandbox.ip("link set e0 down");
    host.sandbox.ip("link set e0 up");
    lab.until_up(&lab.switch, host.port);
    host.sandbox.ip(&format!("address replace {}/64 dev e0", host.v6));
    until("no address tentative", || host.sandbox.ip("-6 address show dev e0 tentative").trim().is_empty());
}

fn pings(sandbox: &Sandbox, from: IpAddr, to: IpAddr) -> bool {
    sandbox.attempt(&format!("ping -q -c 1 -W 0.5 -I {from} {to}")).status.success()
}

#[test]
fn what_a_kernel_says_by_itself_passes_a_strict_guard() {
    let Some(lab) = Lab::new() else { return };
    for kind in Kind::ALL {
        let hosts = [lab.host(kind), lab.host(kind)];
        hosts.iter().for_each(|host| set_guard(&lab, host, GuardMode::Strict));
        hosts.iter().for_each(|host| begin_anew(&lab, host));
        let [one, other] = &hosts;
        for to in other.addresses() {
            one.sandbox.run(&format!("ping -q -c 1 -W 10 {to}"));
        }
        one.sandbox.run("ping -q -c 1 -W 10 ff02::1%e0");
        lab::stream::tcp(one, other, other.v6.into(), 1 << 20);
        for host in &hosts {
            let seen = lab.counters(host.port);
            assert!(GUARDED.iter().all(|reason| seen.dropped(*reason) == 0), "{kind:?}: {:?}", drops(&seen));
        }
    }
    assert_the_law_holds(&lab.switch);
}

#[test]
fn a_host_that_takes_the_address_of_another_reaches_nobody_with_it_and_takes_nothing() {
    let Some(lab) = Lab::new() else { return };
    let hosts = [lab.host(Kind::Tap), lab.host(Kind::Veth), lab.host(Kind::Tap)];
    hosts.iter().for_each(|host| set_guard(&lab, host, GuardMode::Leased));
    let [thief, owner, asker] = &hosts;
    thief.sandbox.ip(&format!("address add {}/24 dev e0", owner.v4));
    thief.sandbox.ip(&format!("address add {}/64 dev e0 nodad", owner.v6));
    for (stolen, to) in owner.addresses().into_iter().zip(asker.addresses()) {
        let before = lab.counters(thief.port).dropped(DropReason::Spoofed);
        assert!(!pings(&thief.sandbox, stolen, to), "{stolen} speaks to {to}");
        until("counted as spoofed", || lab.counters(thief.port).dropped(DropReason::Spoofed) > before);
        asker.sandbox.run(&format!("ping -q -c 1 -W 10 {stolen}"));
    }
    let neighbours = asker.sandbox.ip("neighbour show dev e0");
    assert!(neighbours.contains(&owner.mac.to_string()) && !neighbours.contains(&thief.mac.to_string()), "{neighbours}");
    thief.sandbox.run(&format!("ping -q -c 1 -W 10 -I {} {}", thief.v4, asker.v4));
    thief.sandbox.ip("link set e0 down");
    thief.sandbox.ip(&format!("link set e0 address {}", owner.mac));
    thief.sandbox.ip("link set e0 up");
    lab.until_up(&lab.switch, thief.port);
    assert!(!pings(&thief.sandbox, thief.v4.into(), asker.v4.into()), "with a MAC address that is another's");
    let place = lab.switch.fdb().expect("the switch").into_iter().find(|entry| entry.mac == owner.mac);
    assert!(place.is_none_or(|entry| entry.port == owner.port), "{place:?}");
    assert_the_law_holds(&lab.switch);
}

/// A network with a host on it and a gateway in a namespace that networks share.
struct Network {
    switch: SwitchHandle,
    host: Sandbox,
    gateway: PortId,
    port: PortId,
    number: u8,
}

impl Network {
    fn new(lab: &Lab, router: &Sandbox, number: u8) -> Self {
        let switch = lab.engines.create_switch(&format!("n{number}"), SwitchConfig::default()).expect("a switch");
        let (host, ifname) = (Sandbox::new(), format!("gw{number}"));
        let plug = |sandbox: &Sandbox, ifname: &str, last: u8, role| {
            let port = lab.plug(&switch, Kind::Tap, sandbox, ifname, 1500, PortConfig::default());
            lab.until_up(&switch, port);
            sandbox.ip(&format!("address add {}/24 dev {ifname}", v4(number, last)));
            sandbox.ip(&format!("address add {}/64 dev {ifname} nodad", v6(number, last)));
            let mac: Option<MacAddr> = lab.wait(lab.kernel.link(&sandbox.netns, &if_name(ifname))).mac;
            let addresses = vec![v4(number, last), v6(number, last)];
            let guard = Guard { role, mac, addresses, ..Guard::default() };
            switch.set_guard(port, Some(Arc::new(guard))).expect("the port");
            port
        };
        let gateway = plug(router, &ifname, 1, Role::Gateway);
        let port = plug(&host, "e0", 2, Role::Endpoint);
        host.ip(&format!("route add default via {}", v4(number, 1)));
        host.ip(&format!("-6 route add default via {}", v6(number, 1)));
        Self { switch, host, gateway, port, number }
    }

    fn isolated(&self, port: PortId) -> u64 {
        counters(&self.switch, port).dropped(DropReason::Isolated)
    }

    fn addresses(&self, last: u8) -> [IpAddr; 2] {
        [v4(self.number, last), v6(self.number, last)]
    }

    /// Tells its guards that another network is there.
    fn part_from(&self, other: &Self) {
        let [four, six] = other.addresses(0);
        self.switch.set_foreign(Arc::new(Prefixes::new([(four, 24), (six, 64)]))).expect("the switch");
    }
}

fn v4(network: u8, last: u8) -> IpAddr {
    [10, 8, network, last].into()
}

fn v6(network: u8, last: u8) -> IpAddr {
    [0xfd08, 0, 0, network.into(), 0, 0, 0, last.into()].into()
}

#[test]
fn two_networks_stay_apart_although_the_kernel_behind_their_gateways_forwards() {
    let Some(lab) = Lab::new() else { return };
    let router = Sandbox::new();
    router.sysctl("ipv4/ip_forward", "1");
    router.sysctl("ipv6/conf/all/forwarding", "1");
    let [one, other] = [1, 2].map(|number| Network::new(&lab, &router, number));
    let reach = |to: IpAddr| one.host.attempt(&format!("ping -q -c 1 -W 0.5 {to}")).status.success();
    for to in other.addresses(2) {
        one.host.run(&format!("ping -q -c 1 -W 10 {to}"));
    }

    // Where the packet leaves the first network, and without that, where it would come into the second.
    for (near, port) in [(true, one.port), (false, other.gateway)] {
        let networks = if near { [&one, &other] } else { [&other, &one] };
        networks[0].part_from(networks[1]);
        networks[1].switch.set_foreign(Arc::default()).expect("the switch");
        let at = if near { &one } else { &other };
        for to in other.addresses(2) {
            let before = at.isolated(port);
            assert!(!reach(to), "{to} answered");
            assert!(at.isolated(port) > before, "{to}: {:?}", drops(&counters(&at.switch, port)));
        }
    }

    one.part_from(&other);
    for to in other.addresses(1) {
        assert!(!reach(to), "{to}, an address of the gateway on the other network, answered");
    }
    // As if it were on the same network: now it asks by ARP and neighbour discovery.
    let before = one.isolated(one.port);
    one.host.ip(&format!("route add {}/32 dev e0", v4(2, 1)));
    one.host.ip(&format!("-6 route add {}/128 dev e0", v6(2, 1)));
    assert!(!other.addresses(1).into_iter().any(reach), "the gateway answered for an address of its other side");
    assert!(one.isolated(one.port) > before);
    for own in one.addresses(1) {
        one.host.run(&format!("ping -q -c 1 -W 10 {own}"));
    }
    [&one, &other].into_iter().for_each(|network| assert_the_law_holds(&network.switch));
}
