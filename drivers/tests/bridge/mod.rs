//! A driver above a kernel and switches in memory, and what is asked of it.

mod egress;
mod endpoints;
mod gateway;
mod restart;
mod updates;

use std::sync::Arc;

use ipnet::IpNet;
use lanloom_drivers::bridge::Bridge;
use lanloom_drivers::driver::{
    Driver, EndpointSpec, Fabric, FakeFabric, Join, NetworkSpec, PoolData, PortGuard, PortKind, SwitchPort,
};
use lanloom_drivers::kernel::{FakeKernel, Firewall, IfName, Kernel, Netns, NetnsName, SysctlKey, TableName};

/// The driver, and what is below it.
struct Bench {
    kernel: FakeKernel,
    fabric: Arc<FakeFabric>,
    driver: Bridge,
}

impl Bench {
    fn new() -> Self {
        let kernel = FakeKernel::new("/fake/netns");
        let fabric = Arc::new(FakeFabric::in_memory(kernel.clone()));
        let driver = driver(&kernel, &fabric, "test");
        Self { kernel, fabric, driver }
    }

    /// A driver that knows nothing yet, above the same kernel and switches.
    fn restart(&mut self) {
        self.driver = driver(&self.kernel, &self.fabric, "test");
    }

    /// Makes a network; what it goes without.
    async fn create(&self, network: &NetworkSpec) -> Vec<String> {
        self.driver.create_network(network).await.expect("a network")
    }

    /// Makes an endpoint of a network, and joins it to a sandbox of its own.
    async fn join(&self, network: &NetworkSpec, endpoint: &EndpointSpec) -> lanloom_drivers::driver::Joined {
        self.driver.create_endpoint(&network.id, endpoint).await.expect("an endpoint");
        let name = NetnsName::new(&format!("{}-{}", network.name, endpoint.name)).expect("a valid name");
        let netns = self.kernel.create_netns(&name).await.expect("a namespace");
        let join = Join { netns: Some(netns.path()), ifname: "eth0".to_owned() };
        self.driver.join(&network.id, &endpoint.id, &join).await.expect("joined")
    }

    async fn port(&self, network: &NetworkSpec, port: &str) -> SwitchPort {
        self.fabric.port(&network.name, port).await.expect("a port")
    }

    /// A setting of the daemon's namespace.
    async fn sysctl(&self, key: &str) -> String {
        self.kernel.sysctl(&Netns::Daemon, &SysctlKey::new(key).expect("a valid key")).await.expect("a setting")
    }

    async fn set_sysctl(&self, key: &str, value: &str) {
        let key = SysctlKey::new(key).expect("a valid key");
        self.kernel.set_sysctl(&Netns::Daemon, &[(key, value.to_owned())]).await.expect("set");
    }

    /// The settings of a gateway's interface that matter: forwarding of both families, and whether IPv6 is off.
    async fn settings(&self, ifname: &str) -> [String; 3] {
        [
            self.sysctl(&format!("net.ipv4.conf.{ifname}.forwarding")).await,
            self.sysctl(&format!("net.ipv6.conf.{ifname}.forwarding")).await,
            self.sysctl(&format!("net.ipv6.conf.{ifname}.disable_ipv6")).await,
        ]
    }

    async fn addresses(&self, ifname: &str) -> Vec<IpNet> {
        self.kernel.list_addresses(&Netns::Daemon, &if_name(ifname)).await.expect("addresses")
    }

    fn firewall(&self) -> Option<Firewall> {
        self.kernel.firewall(&TableName::new("lanloom-test").expect("a valid name"))
    }
}

fn driver(kernel: &FakeKernel, fabric: &Arc<FakeFabric>, instance: &str) -> Bridge {
    let fabric: Arc<dyn Fabric> = Arc::<FakeFabric>::clone(fabric);
    Bridge::new(Arc::new(kernel.clone()), fabric, instance).expect("a valid name")
}

/// A network of 10.N.0.0/24 whose gateway's interface is `gwN`, with options.
fn v4(number: u8, options: &[(&str, &str)]) -> NetworkSpec {
    let name = format!("gw{number}");
    let options = options.iter().copied().chain([("com.docker.network.bridge.name", name.as_str())]);
    NetworkSpec {
        id: format!("{number:02x}").repeat(32),
        name: format!("net{number}"),
        options: options.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        internal: false,
        v4: vec![pool(&format!("10.{number}.0.0/24"), &format!("10.{number}.0.1/24"))],
        v6: Vec::new(),
    }
}

/// The same, with IPv6.
fn dual(number: u8, options: &[(&str, &str)]) -> NetworkSpec {
    let v6 = vec![pool(&format!("fd00:{number}::/64"), &format!("fd00:{number}::1/64"))];
    NetworkSpec { v6, ..v4(number, options) }
}

fn internal(network: NetworkSpec) -> NetworkSpec {
    NetworkSpec { internal: true, ..network }
}

fn pool(subnet: &str, gateway: &str) -> PoolData {
    PoolData { pool: net(subnet), gateway: Some(net(gateway)), auxiliary: [].into() }
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

fn if_name(name: &str) -> IfName {
    IfName::new(name).expect("a valid name")
}

/// A port as a command would add it.
fn port_by_hand(name: &str) -> SwitchPort {
    let guard = PortGuard {
        role: lanloom_drivers::driver::Role::Endpoint,
        mode: lanloom_drivers::driver::GuardMode::Off,
        trusted: true,
        mac: None,
        addresses: Vec::new(),
        inside: None,
        apart: None,
    };
    let (name, ifname) = (name.to_owned(), name.to_owned());
    SwitchPort { name, kind: PortKind::Tap, ifname, netns: None, mtu: None, mac: None, isolated: false, segment: 0, guard }
}
