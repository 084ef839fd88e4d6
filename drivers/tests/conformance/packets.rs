//! What the firewall does to packets: a host in a namespace of its own, sandboxes behind it, and the world before it.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use lanloom_drivers::kernel::{Egress, Firewall, Netns, Plan, Route, VethSpec};

use super::bench::{Bench, Twin, if_name};
use super::firewalls::{egress, firewall};
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
        bench.kernel.set_sysctl(&host, &[(key("net.ipv4.ip_forward"), "1".to_owned())]).await.expect("forwarding");
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
        let address = |last: u8| format!("10.{number}.0.{last}/24").parse().expect("an address");
        kernel.create_address(&self.host, &gateway, address(1)).await.expect("an address");
        let to = "0.0.0.0/0".parse().expect("everywhere");
        let default = Route { to, via: Some([10, number, 0, 1].into()), dev: name.clone(), on_link: false };
        let plan = Plan { addresses: vec![address(2)], routes: vec![default], ..Plan::new(name) };
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

    /// The source address that the sandbox of one network has for that of another; none if nothing arrives there.
    pub(crate) async fn source(&mut self, from: u8, to: u8) -> Option<IpAddr> {
        // The kernel remembers how it rewrote a flow: each is a new one.
        self.port += 1;
        let at = |number: u8, last: u8| SocketAddr::from(([10, number, 0, last], self.port));
        let sandbox = |number: u8| &self.places[usize::from(number) - 1];
        let sender = self.open(sandbox(from), at(from, 2)).await;
        let receiver = self.open(sandbox(to), at(to, 2)).await;
        sender.send_to(b"asked", at(to, 2)).expect("sent");
        // What the host itself sends comes by the same interface, and after it.
        let host = self.open(&self.host, at(to, 1)).await;
        host.send_to(b"last", at(to, 2)).expect("sent");
        let mut bytes = [0; 9];
        let (length, source) = receiver.recv_from(&mut bytes).expect("something arrives");
        (&bytes[..length] == b"asked").then_some(source.ip())
    }

    /// Whether the sandbox of one network gets an answer from that of another.
    pub(crate) async fn is_answered(&mut self, from: u8, to: u8) -> bool {
        self.port += 1;
        let at = |number: u8| SocketAddr::from(([10, number, 0, 2], self.port));
        let sandbox = |number: u8| &self.places[usize::from(number) - 1];
        let (asker, other) = (self.open(sandbox(from), at(from)).await, self.open(sandbox(to), at(to)).await);
        asker.send_to(b"asked", at(to)).expect("sent");
        let mut bytes = [0; 9];
        let (_, source) = other.recv_from(&mut bytes).expect("it arrives");
        other.send_to(b"answered", source).expect("sent");
        let host = self.open(&self.host, SocketAddr::from(([10, from, 0, 1], self.port))).await;
        host.send_to(b"last", at(from)).expect("sent");
        let length = asker.recv(&mut bytes).expect("something arrives");
        &bytes[..length] == b"answered"
    }
}

fn host_of(number: u8) -> Option<IpAddr> {
    Some(IpAddr::from([10, number, 0, 1]))
}

fn sandbox_of(number: u8) -> Option<IpAddr> {
    Some(IpAddr::from([10, number, 0, 2]))
}

#[tokio::test]
async fn what_leaves_a_network_has_a_source_of_the_host_s() {
    let Some(mut net) = Net::new(2).await else { return };
    assert_eq!(net.source(1, 2).await, sandbox_of(1), "without a firewall it keeps its own");
    // The second network is the world outside.
    net.set(&firewall(vec![egress("g1", &["10.1.0.0/24"])])).await;
    assert_eq!(net.source(1, 2).await, host_of(2));
    let chosen = Egress { snat: Some([192, 0, 2, 7].into()), ..egress("g1", &["10.1.0.0/24"]) };
    net.set(&firewall(vec![chosen])).await;
    assert_eq!(net.source(1, 2).await, Some(IpAddr::from([192, 0, 2, 7])));
    let routed = Egress { masquerade: false, ..egress("g1", &["10.1.0.0/24"]) };
    net.set(&firewall(vec![routed])).await;
    assert_eq!(net.source(1, 2).await, sandbox_of(1));
}

#[tokio::test]
async fn two_networks_do_not_reach_each_other_through_the_host() {
    let Some(mut net) = Net::new(3).await else { return };
    assert_eq!(net.source(1, 2).await, sandbox_of(1), "the host forwards");
    net.set(&firewall(vec![egress("g1", &["10.1.0.0/24"]), egress("g2", &["10.2.0.0/24"])])).await;
    assert_eq!((net.source(1, 2).await, net.source(2, 1).await), (None, None));
    assert!(net.source(1, 3).await.is_some() && net.source(2, 3).await.is_some(), "both reach the world");
}

#[tokio::test]
async fn an_internal_network_reaches_nothing_and_nothing_reaches_it() {
    let Some(mut net) = Net::new(2).await else { return };
    let internal = Egress { internal: true, ..egress("g1", &["10.1.0.0/24"]) };
    net.set(&firewall(vec![internal])).await;
    assert_eq!((net.source(1, 2).await, net.source(2, 1).await), (None, None));
}

#[tokio::test]
async fn a_host_that_did_not_forward_forwards_for_us_alone() {
    let Some(mut net) = Net::new(3).await else { return };
    let ours = firewall(vec![egress("g1", &["10.1.0.0/24"])]);
    net.set(&ours).await;
    assert_eq!(net.source(2, 3).await, sandbox_of(2), "a router before us stays one");
    net.set(&Firewall { forwarding_was_off: true, ..ours }).await;
    assert_eq!(net.source(2, 3).await, None);
    assert_eq!(net.source(1, 3).await, host_of(3));
}
