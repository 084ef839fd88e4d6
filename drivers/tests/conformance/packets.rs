//! What the firewall does to packets: a host in a namespace of its own, sandboxes behind it, and the world before it.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use ipnet::IpNet;
use lanloom_drivers::kernel::{Bystanders, Egress, Firewall, Netns, Plan, Route, VethSpec};

use super::bench::{Bench, Twin, if_name};
use super::firewalls::{egress, firewall};
use super::linux::run;
use super::settings::key;

/// Liveness only.
const DEADLINE: Duration = Duration::from_secs(20);

/// The host with a namespace for each of these networks: `g1` with 10.1.0.1 before the sandbox 10.1.0.2, and so on.
pub(crate) struct Net {
    pub(crate) bench: Bench,
    pub(crate) host: Netns,
    places: Vec<Netns>,
    port: u16,
}

impl Net {
    pub(crate) async fn new(count: u8) -> Option<Self> {
        let bench = Bench::new(Twin::Linux).filter(|bench| !bench.lacks(&["nft"]))?;
        let (_, host) = bench.host().await;
        let on = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"].map(|name| (key(name), "1".to_owned()));
        bench.kernel.set_sysctl(&host, &on).await.expect("forwarding");
        let mut net = Self { bench, host, places: Vec::new(), port: 1000 };
        for number in 1..=count {
            net.connect(number).await;
        }
        Some(net)
    }

    async fn connect(&mut self, number: u8) {
        let (kernel, place) = (&self.bench.kernel, self.bench.netns(&format!("n{number}")).await);
        let (name, gateway) = (if_name("e0"), if_name(&format!("g{number}")));
        let spec = VethSpec {
            netns: place.clone(),
            name: name.clone(),
            peer_netns: self.host.clone(),
            peer_name: gateway.clone(),
            mtu: 1500,
            mac: None,
            tx_queue_len: None,
        };
        kernel.create_veth(&spec).await.expect("a veth");
        let addresses =
            |last: u8| [format!("10.{number}.0.{last}/24"), format!("fd00:0:0:{number}::{last}/64")].map(|one| net(&one));
        for address in addresses(1) {
            kernel.create_address(&self.host, &gateway, address).await.expect("an address");
        }
        let defaults = [("0.0.0.0/0", Family::V4), ("::/0", Family::V6)].map(|(to, family)| {
            let via = Some(family.address(number, 1));
            Route { to: net(to), via, dev: name.clone(), on_link: false }
        });
        let plan = Plan { addresses: addresses(2).into(), routes: defaults.into(), ..Plan::new(name) };
        kernel.configure(&place, &plan).await.expect("set up");
        self.places.push(place);
    }

    async fn open(&self, netns: &Netns, local: SocketAddr) -> UdpSocket {
        let socket = self.bench.kernel.open_udp(netns, local).await.expect("a socket");
        socket.set_nonblocking(false).expect("it waits");
        socket.set_read_timeout(Some(DEADLINE)).expect("but not for ever");
        socket
    }

    pub(crate) async fn set(&self, firewall: &Firewall) {
        self.bench.host().await.0.set_firewall(firewall).await.expect("set");
    }

    /// The sockets of two sandboxes, for a flow that is new: the kernel remembers how it rewrote one.
    async fn flow(&mut self, family: Family, from: u8, to: u8) -> (UdpSocket, UdpSocket) {
        self.port += 1;
        let sandbox = |number: u8| &self.places[usize::from(number) - 1];
        let at = |number: u8| SocketAddr::new(family.address(number, 2), self.port);
        (self.open(sandbox(from), at(from)).await, self.open(sandbox(to), at(to)).await)
    }

    /// The source address that what a sandbox sends has when it comes to the sandbox of another network.
    pub(crate) async fn source(&mut self, family: Family, from: u8, to: u8) -> IpAddr {
        let (sender, receiver) = self.flow(family, from, to).await;
        sender.send_to(b"asked", receiver.local_addr().expect("bound")).expect("sent");
        receive(&receiver).1.ip()
    }

    /// Whether what the sandbox of one network sends comes to that of another before what the host sends there after it.
    pub(crate) async fn passes(&mut self, from: u8, to: u8) -> bool {
        self.passes_by(Family::V4, from, to).await
    }

    /// The same of one family.
    pub(crate) async fn passes_by(&mut self, family: Family, from: u8, to: u8) -> bool {
        let (sender, receiver) = self.flow(family, from, to).await;
        let target = receiver.local_addr().expect("bound");
        sender.send_to(b"asked", target).expect("sent");
        let host = self.open(&self.host, SocketAddr::new(family.address(to, 1), self.port)).await;
        host.send_to(b"last", target).expect("sent");
        receive(&receiver).0 == b"asked"
    }

    /// Has the first two sandboxes be on one network: the host sends from one of its pools to the other by its gateway `br0`.
    async fn share(&self) {
        run(&self.host, "ip link add br0 type bridge");
        for number in [1, 2] {
            run(&self.host, &format!("ip address flush dev g{number}"));
            run(&self.host, &format!("ip link set g{number} master br0"));
            for family in [Family::V4, Family::V6] {
                let net = IpNet::new(family.address(number, 1), family.prefix_len());
                let net = net.expect("a prefix of its family");
                self.bench.kernel.create_address(&self.host, &if_name("br0"), net).await.expect("an address");
            }
        }
        run(&self.host, "ip link set br0 up");
        // A sandbox that believed the host's redirects would go by it no more.
        let redirects = ["ipv4.conf.all", "ipv4.conf.e0", "ipv6.conf.all", "ipv6.conf.e0"];
        let off = redirects.map(|place| (key(&format!("net.{place}.accept_redirects")), "0".to_owned()));
        for sandbox in &self.places {
            self.bench.kernel.set_sysctl(sandbox, &off).await.expect("set");
        }
    }

    /// Whether what the first sandbox sends with a source comes to the second before what the host sends there after it.
    async fn passes_with(&mut self, source: IpAddr) -> bool {
        self.port += 1;
        let family = if source.is_ipv4() { Family::V4 } else { Family::V6 };
        let sender = self.open(&self.places[0], SocketAddr::new(source, self.port)).await;
        let receiver = self.open(&self.places[1], SocketAddr::new(family.address(2, 2), self.port)).await;
        let target = receiver.local_addr().expect("bound");
        sender.send_to(b"asked", target).expect("sent");
        let host = self.open(&self.host, SocketAddr::new(family.address(2, 1), self.port)).await;
        host.send_to(b"last", target).expect("sent");
        receive(&receiver).0 == b"asked"
    }

    /// Has the sandbox of one network ask that of another, and waits for the answer.
    pub(crate) async fn ask(&mut self, from: u8, to: u8) {
        let (asker, other) = self.flow(Family::V4, from, to).await;
        asker.send_to(b"asked", other.local_addr().expect("bound")).expect("sent");
        let (_, source) = receive(&other);
        other.send_to(b"answered", source).expect("sent");
        assert_eq!(receive(&asker).0, b"answered");
    }
}

/// What comes next, and from where. A wait with an end can be interrupted without any signal of ours (`EINTR`).
pub(crate) fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut bytes = [0; 99];
    loop {
        match socket.recv_from(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            came => {
                let (length, source) = came.expect("something arrives");
                return (bytes[..length].to_vec(), source);
            }
        }
    }
}

/// By which protocol.
#[derive(Clone, Copy)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    /// The address of a network's gateway (1) or sandbox (2).
    pub(crate) fn address(self, number: u8, last: u8) -> IpAddr {
        match self {
            Self::V4 => IpAddr::from([10, number, 0, last]),
            Self::V6 => IpAddr::from([0xfd00, 0, 0, u16::from(number), 0, 0, 0, u16::from(last)]),
        }
    }

    /// The length of its pools' prefixes.
    fn prefix_len(self) -> u8 {
        match self {
            Self::V4 => 24,
            Self::V6 => 64,
        }
    }

    /// A network's pool.
    fn pool(self, number: u8) -> String {
        match self {
            Self::V4 => format!("10.{number}.0.0/24"),
            Self::V6 => format!("fd00:0:0:{number}::/64"),
        }
    }
}

fn net(text: &str) -> IpNet {
    text.parse().expect("an address and prefix")
}

#[tokio::test]
async fn what_leaves_a_network_has_a_source_of_the_host_s() {
    let Some(mut net) = Net::new(2).await else { return };
    let other: [IpAddr; 2] = ["192.0.2.7".parse().expect("an address"), "2001:db8::7".parse().expect("an address")];
    // The second network is the world outside.
    for (family, chosen) in [(Family::V4, other[0]), (Family::V6, other[1])] {
        let own = family.address(1, 2);
        let ours = egress("g1", &[&family.pool(1)]);
        net.set(&firewall(Vec::new())).await;
        assert_eq!(net.source(family, 1, 2).await, own, "without networks it keeps its own");
        net.set(&firewall(vec![ours.clone()])).await;
        assert_eq!(net.source(family, 1, 2).await, family.address(2, 1));
        net.set(&firewall(vec![Egress { snat: Some(chosen), ..ours.clone() }])).await;
        assert_eq!(net.source(family, 1, 2).await, chosen);
        net.set(&firewall(vec![Egress { masquerade: false, ..ours }])).await;
        assert_eq!(net.source(family, 1, 2).await, own);
    }
}

#[tokio::test]
async fn each_family_has_the_source_that_was_asked_for_it() {
    let Some(mut net) = Net::new(2).await else { return };
    let both = egress("g1", &[&Family::V4.pool(1), &Family::V6.pool(1)]);
    let chosen: [IpAddr; 2] = ["192.0.2.7".parse().expect("an address"), "2001:db8::7".parse().expect("an address")];
    let networks = chosen.map(|source| Egress { snat: Some(source), ..both.clone() });
    net.set(&firewall(networks.into())).await;
    assert_eq!([net.source(Family::V4, 1, 2).await, net.source(Family::V6, 1, 2).await], chosen);
}

#[tokio::test]
async fn two_networks_do_not_reach_each_other_through_the_host() {
    let Some(mut net) = Net::new(3).await else { return };
    net.ask(1, 2).await;
    net.set(&firewall(vec![egress("g1", &["10.1.0.0/24"]), egress("g2", &["10.2.0.0/24"])])).await;
    assert_eq!((net.passes(1, 2).await, net.passes(2, 1).await), (false, false));
    net.ask(1, 3).await;
    net.ask(2, 3).await;
}

#[tokio::test]
async fn what_goes_back_into_its_network_has_a_source_of_its_own_and_nothing_does_where_endpoints_are_kept_apart() {
    let Some(mut net) = Net::new(2).await else { return };
    net.share().await;
    for (family, strange) in [(Family::V4, "10.99.9.9/32"), (Family::V6, "2001:db8::9/128")] {
        let strange: IpNet = strange.parse().expect("an address");
        net.bench.kernel.create_address(&net.places[0], &if_name("e0"), strange).await.expect("an address");
        let (own, strange) = (family.address(1, 2), strange.addr());
        let ours = egress("br0", &[&family.pool(1), &family.pool(2)]);
        let anything = Egress { own_sources: false, ..ours.clone() };
        let apart = Egress { apart: true, ..anything.clone() };
        net.set(&firewall(Vec::new())).await;
        let start = Instant::now();
        while !net.passes_with(own).await {
            assert!(start.elapsed() < DEADLINE, "a bridge is up soon");
        }
        for (network, expected) in [(ours, (true, false)), (anything, (true, true)), (apart, (false, false))] {
            net.set(&firewall(vec![network.clone()])).await;
            assert_eq!((net.passes_with(own).await, net.passes_with(strange).await), expected, "{network:?}");
        }
    }
}

#[tokio::test]
async fn a_protected_network_is_reached_by_flows_that_it_began_and_by_what_is_published_alone() {
    let Some(mut net) = Net::new(3).await else { return };
    let open = Egress { protected: false, ..egress("g2", &["10.2.0.0/24"]) };
    net.set(&firewall(vec![egress("g1", &["10.1.0.0/24"]), open])).await;
    assert_eq!((net.passes(3, 1).await, net.passes(3, 2).await), (false, true));
    net.ask(1, 3).await;
    run(&net.host, "nft add table ip published");
    run(&net.host, "nft add chain ip published in { type nat hook prerouting priority -100; }");
    run(&net.host, "nft add rule ip published in ip daddr 10.3.0.1 udp dport 53 dnat to 10.1.0.2:9000");
    let inside = net.open(&net.places[0], "10.1.0.2:9000".parse().expect("an address")).await;
    let outside = net.open(&net.places[2], "10.3.0.2:9000".parse().expect("an address")).await;
    outside.send_to(b"asked", "10.3.0.1:53").expect("sent");
    let (asked, source) = receive(&inside);
    assert_eq!((asked.as_slice(), source), (&b"asked"[..], "10.3.0.2:9000".parse().expect("an address")));
    inside.send_to(b"answered", source).expect("sent");
    assert_eq!(receive(&outside).0, b"answered");
}

#[tokio::test]
async fn what_others_keep_apart_is_not_reached_from_networks_whatever_their_tables_accept() {
    let Some(mut net) = Net::new(3).await else { return };
    let ours = Egress { protected: false, ..egress("g1", &["10.1.0.0/24"]) };
    net.set(&Firewall { bridges: [if_name("g3")].into(), ..firewall(vec![ours]) }).await;
    assert_eq!((net.passes(1, 3).await, net.passes(3, 1).await), (false, true));
    net.ask(3, 1).await;
    net.ask(1, 2).await;
    net.ask(2, 3).await;
}

#[tokio::test]
async fn an_internal_network_reaches_nothing_and_nothing_reaches_it() {
    let Some(mut net) = Net::new(2).await else { return };
    let internal = Egress { internal: true, ..egress("g1", &["10.1.0.0/24"]) };
    net.set(&firewall(vec![internal])).await;
    assert_eq!((net.passes(1, 2).await, net.passes(2, 1).await), (false, false));
}

#[tokio::test]
async fn a_host_that_did_not_forward_forwards_for_us_and_for_what_came_later_in_each_family() {
    let Some(mut net) = Net::new(4).await else { return };
    let ours = firewall(vec![egress("g1", &["10.1.0.0/24"])]);
    net.set(&ours).await;
    net.ask(2, 3).await;
    let there = Some(["g2", "g3"].map(if_name).into());
    net.set(&Firewall { bystanders: Bystanders { v6: there.clone(), ..Bystanders::default() }, ..ours.clone() }).await;
    net.ask(2, 3).await;
    net.set(&Firewall { bystanders: Bystanders { v4: there, ..Bystanders::default() }, ..ours }).await;
    assert_eq!((net.passes(2, 3).await, net.passes(3, 2).await), (false, false));
    net.ask(2, 4).await;
    net.ask(4, 3).await;
    assert_eq!(net.source(Family::V6, 2, 3).await, Family::V6.address(2, 2), "the other family");
    assert_eq!(net.source(Family::V4, 1, 3).await, Family::V4.address(3, 1));
}

#[tokio::test]
async fn what_comes_in_where_the_host_forwarded_already_is_forwarded_in_the_family_in_which_it_was() {
    let Some(mut net) = Net::new(3).await else { return };
    let there = Some(["g2", "g3"].map(if_name).into());
    let bystanders = Bystanders {
        v4: there.clone(),
        v6: there,
        forwarders_v4: [if_name("g2")].into(),
        forwarders_v6: ["g2", "g3"].map(if_name).into(),
        forced: [if_name("g3")].into(),
        ..Bystanders::default()
    };
    net.set(&Firewall { bystanders, ..firewall(Vec::new()) }).await;
    assert_eq!((net.passes(2, 3).await, net.passes(3, 2).await), (true, false));
    assert_eq!((net.passes_by(Family::V6, 2, 3).await, net.passes_by(Family::V6, 3, 2).await), (false, true));
    net.ask(2, 1).await;
}

#[tokio::test]
async fn what_somebody_takes_from_or_puts_into_a_firewall_is_seen_and_put_right() {
    let Some(net) = Net::new(0).await else { return };
    let (kernel, host) = net.bench.host().await;
    let asked = firewall(vec![egress("gw0", &["10.1.0.0/24", "fd00::/64"])]);
    let meddling = [
        "nft flush ruleset",
        "nft flush table inet lanloom-test",
        "nft flush chain inet lanloom-test forward",
        "nft delete element inet lanloom-test gateways { gw0 }",
        "nft delete element inet lanloom-test sources6 { fd00::/64 }",
        "nft add element inet lanloom-test internal { gw0 }",
        "nft insert rule inet lanloom-test forward accept",
        "nft chain inet lanloom-test postrouting { policy drop; }",
    ];
    for command in meddling {
        kernel.set_firewall(&asked).await.expect("set");
        assert_eq!(kernel.firewall_intact(&asked).await, Ok(true), "before {command}");
        run(&host, command);
        assert_eq!(kernel.firewall_intact(&asked).await, Ok(false), "after {command}");
    }
}
