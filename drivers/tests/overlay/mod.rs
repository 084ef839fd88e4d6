//! A driver above a kernel and switches in memory, and what is asked of it.

mod endpoints;
mod networks;
mod restart;
mod underlay;

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use lanloom_drivers::driver::{
    Driver, DriverError, EndpointSpec, Fabric, FakeFabric, Join, Joined, NetworkSpec, PoolData, Tunnel,
};
use lanloom_drivers::kernel::{FakeKernel, IfName, Kernel, LinkChange, Netns, NetnsName, VethSpec};
use lanloom_drivers::overlay::{ByHand, Overlay};

const VNIS: &str = "com.docker.network.driver.overlay.vxlanid_list";
const MTU: &str = "com.docker.network.driver.mtu";
const PEERS: (&str, &str) = ("lanloom.peers", "192.0.2.2,192.0.2.3");
/// The interface by which the host is in the underlay.
const UNDER: &str = "under0";

/// The driver, and what is below it: a host with the address 192.0.2.1/24, and with 2001:db8::1/64.
struct Bench {
    kernel: FakeKernel,
    fabric: Arc<FakeFabric>,
    driver: Overlay,
}

impl Bench {
    async fn new() -> Self {
        Self::with(None).await
    }

    /// With this for the daemon's `--underlay`.
    async fn with(underlay: Option<&str>) -> Self {
        let kernel = FakeKernel::new("/fake/netns");
        let peer_netns = kernel.create_netns(&NetnsName::new("wire").expect("a valid name")).await.expect("a namespace");
        let spec = VethSpec {
            netns: Netns::Daemon,
            name: if_name(UNDER),
            peer_netns,
            peer_name: if_name("wire0"),
            mtu: 1500,
            mac: None,
            tx_queue_len: None,
        };
        kernel.create_veth(&spec).await.expect("a veth");
        let fabric = Arc::new(FakeFabric::in_memory(kernel.clone()));
        let driver = driver(&kernel, &fabric, underlay.map(ip));
        let bench = Self { kernel, fabric, driver };
        for address in ["192.0.2.1/24", "2001:db8::1/64"] {
            bench.kernel.create_address(&Netns::Daemon, &if_name(UNDER), net(address)).await.expect("an address");
        }
        bench
    }

    /// A driver that knows nothing yet, above the same kernel and switches.
    fn restart(&mut self) {
        self.driver = driver(&self.kernel, &self.fabric, None);
    }

    /// Makes a network; what it goes without.
    async fn create(&self, network: &NetworkSpec) -> Vec<String> {
        self.driver.create_network(network).await.expect("a network")
    }

    /// Why a network cannot be made; nothing of it is left.
    async fn refused(&self, network: &NetworkSpec) -> DriverError {
        let before = self.fabric.switches().await;
        let error = self.driver.create_network(network).await.expect_err("it cannot be");
        assert_eq!(self.fabric.switches().await, before);
        error
    }

    /// Makes an endpoint of a network, and joins it to a sandbox of its own.
    async fn join(&self, network: &NetworkSpec, endpoint: &EndpointSpec) -> (Joined, Join) {
        self.driver.create_endpoint(&network.id, endpoint).await.expect("an endpoint");
        let name = NetnsName::new(&format!("{}-{}", network.name, endpoint.name)).expect("a valid name");
        let netns = self.kernel.create_netns(&name).await.expect("a namespace");
        let join = Join { netns: Some(netns.path()), ifname: "eth0".to_owned() };
        (self.driver.join(&network.id, &endpoint.id, &join).await.expect("joined"), join)
    }

    /// The tunnels of a network's switch.
    async fn tunnels(&self, network: &NetworkSpec) -> Vec<Tunnel> {
        let mut tunnels = Vec::new();
        for port in self.fabric.ports(&network.name).await.unwrap_or_default() {
            tunnels.extend(self.fabric.whole_tunnel(&network.name, &port).await);
        }
        tunnels
    }

    async fn set_underlay(&self, change: LinkChange) {
        self.kernel.set_link(&Netns::Daemon, &if_name(UNDER), &change).await.expect("changed");
    }
}

fn driver(kernel: &FakeKernel, fabric: &Arc<FakeFabric>, underlay: Option<IpAddr>) -> Overlay {
    let fabric: Arc<dyn Fabric> = Arc::<FakeFabric>::clone(fabric);
    Overlay::new(Arc::new(kernel.clone()), fabric, Arc::new(ByHand), underlay)
}

/// A network of 10.N.0.0/24 with options.
fn v4(number: u8, options: &[(&str, &str)]) -> NetworkSpec {
    NetworkSpec {
        id: format!("{number:02x}").repeat(32),
        name: format!("net{number}"),
        options: options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        internal: false,
        v4: vec![pool(&format!("10.{number}.0.0/24"))],
        v6: Vec::new(),
    }
}

/// The same with another subnet, and one of IPv6.
fn large(number: u8, options: &[(&str, &str)]) -> NetworkSpec {
    let mut network = v4(number, options);
    network.v4.push(pool(&format!("10.{number}.1.0/24")));
    network.v6.push(pool(&format!("fd00:{number}::/64")));
    network
}

fn pool(subnet: &str) -> PoolData {
    PoolData { pool: net(subnet), gateway: None, auxiliary: [].into() }
}

/// An endpoint with these addresses and options.
fn endpoint(name: &str, addresses: &[&str], options: &[(&str, &str)]) -> EndpointSpec {
    EndpointSpec {
        id: name.repeat(64)[..64].to_owned(),
        name: name.to_owned(),
        options: options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        mac: None,
        addresses: addresses.iter().map(|text| net(text)).collect(),
    }
}

fn net(text: &str) -> IpNet {
    text.parse().expect("a network")
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn if_name(name: &str) -> IfName {
    IfName::new(name).expect("a valid name")
}
