//! Packets of sandboxes, for real: out of the host as far as they may, and from one network to another never.
//!
//! The switches here know nothing of other networks, as the daemon's do: what keeps networks apart in these cases is what the driver
//! has the kernel do. Without libtest's harness: each case is a process in namespaces of its own, which it has to enter while it has
//! one thread.

#[path = "world/fabric.rs"]
mod fabric;

use std::fs::File;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;
use std::pin::Pin;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use fabric::EngineFabric;
use ipnet::IpNet;
use lanloom_drivers::bridge::Bridge;
use lanloom_drivers::driver::{Driver, EndpointSpec, Fabric, Join, NetworkSpec, PoolData};
use lanloom_drivers::kernel::{IfName, Kernel, LinuxKernel, Netns, NetnsName, Plan, Route, SysctlKey, VethSpec};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

/// Liveness only: nothing here takes a hundredth of it.
const DEADLINE: Duration = Duration::from_secs(10);
/// What names the one case of a process.
const VARIABLE: &str = "LANLOOM_CASE";
/// Where those listen who listen.
const PORT: u16 = 4_000;

type Outcome<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A name, and what is done under it.
type Case = (&'static str, for<'a> fn(&'a World) -> Outcome<'a>);

const CASES: [Case; 6] = [
    ("a_sandbox_reaches_the_world_by_the_host_s_address", |world| Box::pin(a_sandbox_reaches_the_world(world))),
    ("what_is_routed_keeps_its_source", |world| Box::pin(what_is_routed_keeps_its_source(world))),
    ("what_docker_would_drop_goes_out_and_leaves_no_rule", |world| Box::pin(what_docker_would_drop_goes_out(world))),
    ("an_internal_network_stays_in", |world| Box::pin(an_internal_network_stays_in(world))),
    ("networks_do_not_reach_each_other_through_the_host", |world| Box::pin(networks_stay_apart(world))),
    ("without_nft_they_do_not_either", |world| Box::pin(without_nft_they_stay_apart(world))),
];

/// A host, by whose side another one is.
struct World {
    kernel: Arc<dyn Kernel>,
    driver: Bridge,
    outside: Netns,
}

/// A sandbox on a network, with its address.
struct Sandbox {
    netns: Netns,
    address: IpAddr,
}

async fn a_sandbox_reaches_the_world(world: &World) {
    let (v4, v6) = (world.sandbox(1, false, &[]).await, world.sandbox_v6(2).await);
    for (sandbox, host, there) in [(v4, "192.0.2.1", "192.0.2.9"), (v6, "2001:db8::1", "2001:db8::9")] {
        let seen = world.seen_from(&sandbox, there);
        assert_eq!(seen, Some(host.parse().expect("an address")));
    }
}

async fn what_is_routed_keeps_its_source(world: &World) {
    let sandbox = world.sandbox(1, false, &[("com.docker.network.bridge.gateway_mode_ipv4", "routed")]).await;
    let back = Route { to: net("10.1.0.0/24"), via: "192.0.2.1".parse().ok(), dev: if_name("eth0"), on_link: false };
    world.kernel.create_route(&world.outside, &back).await.expect("a way back");
    assert_eq!(world.seen_from(&sandbox, "192.0.2.9"), Some(sandbox.address));
}

async fn what_docker_would_drop_goes_out(world: &World) {
    // What Docker leaves on a host.
    for words in ["-P FORWARD DROP", "-N DOCKER-USER", "-A DOCKER-USER -j RETURN", "-I FORWARD -j DOCKER-USER"] {
        iptables(words);
    }
    let before = iptables("-S");
    let sandbox = world.sandbox(1, false, &[]).await;
    assert_ne!(iptables("-S"), before);
    assert_eq!(world.seen_from(&sandbox, "192.0.2.9"), "192.0.2.1".parse().ok());
    let network = spec(1).id;
    world.driver.delete_endpoint(&network, &endpoint_id(1)).await.expect("deleted");
    world.driver.delete_network(&network).await.expect("deleted");
    assert_eq!(iptables("-S"), before);
}

async fn an_internal_network_stays_in(world: &World) {
    let (inside, other) = (world.sandbox(1, true, &[]).await, world.sandbox(2, false, &[]).await);
    let route = Route { to: net("0.0.0.0/0"), via: "10.1.0.1".parse().ok(), dev: if_name("eth0"), on_link: false };
    world.kernel.create_route(&inside.netns, &route).await.expect("it tries by the gateway");
    assert!(!world.crosses(&inside, &other), "to another network");
    assert!(!world.crosses(&other, &inside), "from another network");
}

async fn networks_stay_apart(world: &World) {
    let (a, b) = (world.sandbox(1, false, &[]).await, world.sandbox(2, false, &[]).await);
    assert!(!world.crosses(&a, &b) && !world.crosses(&b, &a));
    // With nothing in between they would: what is looked for would be seen.
    Command::new("nft").args(["flush", "ruleset"]).status().expect("nft");
    assert!(world.crosses(&a, &b));
    world.driver.settle().await.expect("put right");
    assert!(!world.crosses(&a, &b));
}

async fn without_nft_they_stay_apart(world: &World) {
    // Somebody else has the host forward, before and after networks are made.
    world.set(FORWARD, "1").await;
    let (a, b) = (world.sandbox(1, false, &[]).await, world.sandbox(2, false, &[]).await);
    assert!(!world.crosses(&a, &b) && !world.crosses(&b, &a));
    world.set(FORWARD, "0").await;
    world.set(FORWARD, "1").await;
    // The kernel has had all interfaces forward by that: what is looked for is seen, until it is put right.
    assert!(world.crosses(&a, &b));
    world.driver.settle().await.expect("put right");
    assert!(!world.crosses(&a, &b) && !world.crosses(&b, &a));
}

impl World {
    /// A host with or without `nft`, with an interface `wan0` that leads outside.
    async fn new(has_nft: bool) -> Self {
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
    async fn sandbox(&self, number: u8, internal: bool, options: &[(&str, &str)]) -> Sandbox {
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
    async fn sandbox_v6(&self, number: u8) -> Sandbox {
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
    fn seen_from(&self, sandbox: &Sandbox, there: &str) -> Option<IpAddr> {
        let there = SocketAddr::new(there.parse().expect("an address"), PORT);
        let (listener, sender) = (bind(&self.outside, there), bind(&sandbox.netns, SocketAddr::new(sandbox.address, 0)));
        sender.send_to(b"hello", there).expect("sent");
        listener.recv_from(&mut [0; 16]).ok().map(|(_, from)| from.ip())
    }

    /// Whether a sandbox's packets reach another one by its gateway. What is sent after them on the same way, first to the host and
    /// then from the host, comes after them: when that is there, they would have been.
    fn crosses(&self, from: &Sandbox, to: &Sandbox) -> bool {
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
    async fn set(&self, key: &str, value: &str) {
        let key = SysctlKey::new(key).expect("a valid key");
        self.kernel.set_sysctl(&Netns::Daemon, &[(key, value.to_owned())]).await.expect("set");
    }
}

/// Whether the host forwards IPv4.
const FORWARD: &str = "net.ipv4.ip_forward";

fn spec(number: u8) -> NetworkSpec {
    NetworkSpec { id: format!("{number:02x}").repeat(32), name: format!("net{number}"), ..NetworkSpec::default() }
}

fn endpoint_id(number: u8) -> String {
    format!("e{number:x}").repeat(32)
}

/// What `iptables` with these words answers.
fn iptables(words: &str) -> String {
    let output = Command::new("iptables").args(words.split(' ')).output().expect("iptables");
    assert!(output.status.success(), "iptables {words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
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

fn net(text: &str) -> IpNet {
    text.parse().expect("a network")
}

fn if_name(name: &str) -> IfName {
    IfName::new(name).expect("a valid name")
}

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(VARIABLE) {
        return inner(&name);
    }
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let cases = if may_run() { &CASES[..] } else { &[] };
    let (mut passed, mut failed) = (0, 0);
    for (name, _) in cases.iter().filter(|(name, _)| name.contains(&filter)) {
        let program = std::env::current_exe().expect("this program");
        let ok = Command::new(program).env(VARIABLE, name).status().expect("a process").success();
        println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
        if ok { passed += 1 } else { failed += 1 }
    }
    println!("\ntest result: {}. {passed} passed; {failed} failed; 0 ignored", if failed == 0 { "ok" } else { "FAILED" });
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One case, in this process, which has one thread yet. All that it makes is gone with it.
fn inner(name: &str) -> ExitCode {
    let Some((_, case)) = CASES.iter().find(|(known, _)| *known == name) else { return ExitCode::FAILURE };
    enter_own_namespaces().expect("namespaces of its own");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { case(&World::new(!name.starts_with("without_nft")).await).await });
    ExitCode::SUCCESS
}

/// A network and a `/run` that nobody else has.
fn enter_own_namespaces() -> nix::Result<()> {
    let none = None::<&Path>;
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS)?;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    mount(Some("lanloom"), "/run", Some("tmpfs"), MsFlags::empty(), none)
}

/// It takes root, `nft` and `iptables`, and fails where nothing may be skipped.
fn may_run() -> bool {
    let has = |program| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    let can = nix::unistd::geteuid().is_root() && has("nft") && has("iptables");
    let may_skip = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(can || !may_skip, "this must run as root and with nft and iptables where nothing may be skipped");
    if !can {
        println!("skipped: networks of one's own need root, and the packages nftables and iptables");
    }
    can
}
