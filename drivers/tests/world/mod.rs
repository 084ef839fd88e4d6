//! A host with sandboxes, another host beside it, and what is sent between them.

mod fabric;

use std::fs::File;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ipnet::IpNet;
use lanloom_drivers::bridge::Bridge;
use lanloom_drivers::driver::{Driver, EndpointSpec, Fabric, Join, NetworkSpec, PoolData};
use lanloom_drivers::kernel::{IfName, Kernel, LinuxKernel, Netns, NetnsName, Plan, Route, SysctlKey, VethSpec};
use nix::sched::{CloneFlags, setns};

use self::fabric::EngineFabric;

/// Liveness only: nothing here takes a hundredth of it.
const DEADLINE: Duration = Duration::from_secs(10);
/// Where those listen who listen.
const PORT: u16 = 4_000;

/// A host, by whose side another one is.
pub(crate) struct World {
    pub(crate) kernel: Arc<dyn Kernel>,
    pub(crate) driver: Bridge,
    pub(crate) outside: Netns,
}

/// A sandbox on a network, with its address.
pub(crate) struct Sandbox {
    pub(crate) netns: Netns,
    pub(crate) address: IpAddr,
}

impl World {
    /// A host with or without `nft`, with an interface `wan0` that leads outside.
    pub(crate) async fn new(has_nft: bool) -> Self {
        let kernel = LinuxKernel::new("/run/netns");
        let kernel: Arc<dyn Kernel> = Arc::new(if has_nft { kernel } else { kernel.with_programs(Vec::new()) });
        let outside = kernel.create_netns(&NetnsName::new("outside").expect("a valid name")).await.expect("a namespace");
        let veth = VethSpec {
            netns: outside.clone(),
            name: if_name("eth0"),
            peer_netns: Netns::Daemon,
            peer_name: if_name("wan0"),
            mtu: 1500,
            mac: None,
            tx_queue_len: None,
        };
        kernel.create_veth(&veth).await.expect("a veth");
        for (netns, dev, v4, v6) in
            [(&outside, "eth0", "192.0.2.9/24", "2001:db8::9/64"), (&Netns::Daemon, "wan0", "192.0.2.1/24", "2001:db8::1/64")]
        {
            let plan = Plan { addresses: vec![net(v4), net(v6)], up: true, ..Plan::new(if_name(dev)) };
            kernel.configure(netns, &plan).await.expect("addresses");
        }
        let fabric: Arc<dyn Fabric> = Arc::new(EngineFabric::new(Arc::clone(&kernel)));
        let driver = Bridge::new(Arc::clone(&kernel), fabric, "world").expect("a valid name");
        Self { kernel, driver, outside }
    }

    /// A sandbox on a network of its own, 10.N.0.0/24.
    pub(crate) async fn sandbox(&self, number: u8, internal: bool, options: &[(&str, &str)]) -> Sandbox {
        let pool = PoolData {
            pool: net(&format!("10.{number}.0.0/24")),
            gateway: Some(net(&format!("10.{number}.0.1/24"))),
            auxiliary: [].into(),
        };
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let network = NetworkSpec { internal, options, v4: vec![pool], ..spec(number) };
        self.join(number, &network, net(&format!("10.{number}.0.2/24"))).await
    }

    /// The same of fd00:N::/64.
    pub(crate) async fn sandbox_v6(&self, number: u8) -> Sandbox {
        let pool = PoolData {
            pool: net(&format!("fd00:{number}::/64")),
            gateway: Some(net(&format!("fd00:{number}::1/64"))),
            auxiliary: [].into(),
        };
        let network = NetworkSpec { v6: vec![pool], ..spec(number) };
        self.join(number, &network, net(&format!("fd00:{number}::2/64"))).await
    }

    /// Makes network, endpoint and sandbox, and sets in it what the driver says.
    async fn join(&self, number: u8, network: &NetworkSpec, address: IpNet) -> Sandbox {
        self.driver.create_network(network).await.expect("a network");
        let id = endpoint_id(number);
        let endpoint = EndpointSpec { id, name: "ep".to_owned(), addresses: vec![address], ..EndpointSpec::default() };
        self.driver.create_endpoint(&network.id, &endpoint).await.expect("an endpoint");
        let name = NetnsName::new(&network.name).expect("a valid name");
        let netns = self.kernel.create_netns(&name).await.expect("a namespace");
        let join = Join { netns: Some(netns.path()), ifname: "eth0".to_owned() };
        let joined = self.driver.join(&network.id, &endpoint.id, &join).await.expect("joined");
        let out = |to: &str, via| Route { to: net(to), via: Some(via), dev: if_name("eth0"), on_link: false };
        let v4 = joined.gateway_v4.map(|via| out("0.0.0.0/0", via.into()));
        let v6 = joined.gateway_v6.map(|via| out("::/0", via.into()));
        let routes = v4.into_iter().chain(v6).collect();
        let plan = Plan { addresses: vec![address], up: true, routes, ..Plan::new(if_name("eth0")) };
        self.kernel.configure(&netns, &plan).await.expect("addresses and routes");
        Sandbox { netns, address: address.addr() }
    }

    /// From what address somebody outside sees a sandbox.
    pub(crate) fn seen_from(&self, sandbox: &Sandbox, there: &str) -> Option<IpAddr> {
        let there = SocketAddr::new(there.parse().expect("an address"), PORT);
        let (listener, sender) = (bind(&self.outside, there), bind(&sandbox.netns, SocketAddr::new(sandbox.address, 0)));
        sender.send_to(b"hello", there).expect("sent");
        listener.recv_from(&mut [0; 16]).ok().map(|(_, from)| from.ip())
    }

    /// Whether a sandbox's packets reach another one by its gateway. What is sent after them on the same way, first to the host and
    /// then from the host, comes after them: when that is there, they would have been.
    pub(crate) fn crosses(&self, from: &Sandbox, to: &Sandbox) -> bool {
        let (target, gateway) = (SocketAddr::new(to.address, PORT), SocketAddr::new(gateway_of(from), PORT));
        let (listener, host) = (bind(&to.netns, target), bind(&Netns::Daemon, gateway));
        let sender = bind(&from.netns, SocketAddr::new(from.address, 0));
        for _ in 0..3 {
            // Without a route it cannot even be tried: that is an answer too.
            let _ = sender.send_to(b"crossing", target);
        }
        sender.send_to(b"marker", gateway).expect("sent");
        host.recv_from(&mut [0; 16]).expect("the marker, by the host");
        let own = bind(&Netns::Daemon, SocketAddr::new(gateway_of(to), 0));
        own.send_to(b"end", target).expect("sent");
        let mut bytes = [0; 16];
        let (len, _) = listener.recv_from(&mut bytes).expect("the end, at least");
        bytes[..len] == *b"crossing"
    }

    /// Somebody else's change of a setting of the host's.
    pub(crate) async fn set(&self, key: &str, value: &str) {
        let key = SysctlKey::new(key).expect("a valid key");
        self.kernel.set_sysctl(&Netns::Daemon, &[(key, value.to_owned())]).await.expect("set");
    }
}

pub(crate) fn spec(number: u8) -> NetworkSpec {
    NetworkSpec { id: format!("{number:02x}").repeat(32), name: format!("net{number}"), ..NetworkSpec::default() }
}

pub(crate) fn endpoint_id(number: u8) -> String {
    format!("e{number:x}").repeat(32)
}

/// The gateway of a sandbox's network, 10.N.0.1.
fn gateway_of(sandbox: &Sandbox) -> IpAddr {
    match sandbox.address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            IpAddr::from([a, b, c, 1])
        }
        IpAddr::V6(_) => panic!("these cases are of IPv4"),
    }
}

/// A socket inside a namespace.
fn bind(netns: &Netns, at: SocketAddr) -> UdpSocket {
    let path = netns.path();
    let inside = move || {
        setns(File::open(path).expect("the namespace"), CloneFlags::CLONE_NEWNET).expect("entered");
        UdpSocket::bind(at).expect("a socket")
    };
    let socket = thread::spawn(inside).join().expect("a thread");
    socket.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    socket
}

pub(crate) fn net(text: &str) -> IpNet {
    text.parse().expect("a network")
}

pub(crate) fn if_name(name: &str) -> IfName {
    IfName::new(name).expect("a valid name")
}
