//! Docker Engine and a daemon of ours on one host: both reach the world, neither the other's, and Docker's rules stay Docker's. A
//! container here is a namespace plugged into a bridge of a real `dockerd`: what its rules do to one, they do to the other.
//!
//! Needs root, `ip` (iproute2), `nft` (nftables), `iptables`, `dockerd` and `docker` (docker.io), and `setpriv` (util-linux).

#[path = "lab/networks.rs"]
mod networks;

use networks::house::has;
use networks::{HOST, Networks, OUTSIDE, STATE, Seat, WORLD};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::net::IpAddr;
use std::process::{Child, Stdio};

/// A running `dockerd`, which ends what it started when it is told to end.
struct Docker(Child);

impl Drop for Docker {
    fn drop(&mut self) {
        if let Ok(pid) = self.0.id().try_into() {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let _ = self.0.wait();
    }
}

/// Starts `dockerd` in the host, with all of its files in the house, and waits for its rules.
fn start_docker(host: &Networks) -> Docker {
    let path = |name: &str| host.path(name).display().to_string();
    let words = format!(
        "setpriv --pdeathsig TERM dockerd --storage-driver vfs --pidfile {} --data-root {} --exec-root {} --host unix://{}",
        path("docker.pid"),
        path("docker-data"),
        path("docker-exec"),
        path("docker.sock")
    );
    let log = std::fs::File::create(host.path("docker.log")).expect("a log");
    let mut command = host.command(&words.split(' ').collect::<Vec<_>>());
    let docker = Docker(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("dockerd runs"));
    host.wait_for("dockerd", || std::fs::read_to_string(host.path("docker.log")).expect("a log").contains("API listen on"));
    docker
}

/// Has `/run` be the house's own, with the namespaces that are there.
fn own_run(host: &Networks) {
    let run = host.path("run").display().to_string();
    host.script(&format!("mkdir -p {run}/netns; mount --rbind /run/netns {run}/netns; mount --rbind {run} /run"));
}

/// A namespace on a bridge of Docker's, as a container's: with 172.N.0.9.
fn container(host: &Networks, name: &str, bridge: &str, number: u8) -> IpAddr {
    host.script(&format!(
        "ip netns add {name}
         ip link add {name} type veth peer name eth0 netns {name}; ip link set {name} master {bridge}; ip link set {name} up
         ip -n {name} address add 172.{number}.0.9/16 dev eth0; ip -n {name} link set eth0 up
         ip -n {name} route add default via 172.{number}.0.1"
    ));
    host.ping(name, &format!("172.{number}.0.1"));
    [172, number, 0, 9].into()
}

/// A network that Docker makes while there are ours: what its rules are, is seen.
fn second_bridge(host: &Networks) {
    let socket = host.path("docker.sock").display().to_string();
    let words = "network create --subnet 172.31.0.0/16 -o com.docker.network.bridge.name=br-second second";
    host.sh(&format!("docker --host unix://{socket} {words}"));
    let address = container(host, "other", "br-second", 31);
    let is_kept_apart = || {
        host.sh("nft -s list tables")
            .lines()
            .filter(|table| table.contains("lanloom-"))
            .any(|table| host.sh(&format!("nft list set {} bridges", table.trim_start_matches("table "))).contains("br-second"))
    };
    host.wait_for("it to be kept apart", is_kept_apart);
    for name in ["a", "b"] {
        assert!(!comes(host, name, "other", address), "{name} to the container of a second network");
    }
    host.ping("other", &OUTSIDE[0].to_string());
    host.sh("ip link delete other");
    host.sh(&format!("docker --host unix://{socket} network rm second"));
}

/// What Docker's tables hold.
fn rules(host: &Networks) -> String {
    host.script("iptables -S; iptables -t nat -S")
}

/// Whether one namespace's datagrams come to another's address, by a capture there. Those that the host itself sends after them do.
fn comes(host: &Networks, from: &str, to: &str, address: IpAddr) -> bool {
    let mut wire = host.wire(to, "eth0");
    let socket = host.inside(from, || std::net::UdpSocket::bind("0.0.0.0:0")).expect("a socket");
    socket.send_to(b"from one to the other", (address, 4242)).expect("sent");
    // It has gone through the host's stack: the way to its gateway is known.
    host.sh(&format!("ping -n -c 1 -w 20 {address}"));
    let seen = wire.frames();
    assert!(!seen.is_empty(), "the host's own came");
    seen.iter().any(|frame| networks::holds(frame, b"from one to the other"))
}

fn beside_docker(host: &Networks) {
    let container = container(host, "container", "docker0", 17);
    let (a, b) = (Seat::new(1, 10), Seat::new(2, 10));
    host.sandbox("a", &[a], "");
    host.sandbox("b", &[b], "");
    host.sh(&format!("ip -n {WORLD} route add 10.81.2.0/24 via {}", HOST[0]));
    host.sh(&format!("ip -n {WORLD} -6 route add fd81:2::/64 via {}", HOST[1]));
    for to in OUTSIDE {
        host.reaches("a", to);
        host.reaches("b", to);
    }
    host.ping("container", &OUTSIDE[0].to_string());
    host.ping(WORLD, &b.v4().to_string());
    for (name, seat) in [("a", a), ("b", b)] {
        assert!(!comes(host, name, "container", container), "{name} to the container");
        let is_routed = name == "b";
        assert_eq!(comes(host, "container", name, seat.v4().into()), is_routed, "the container to {name}");
    }
    second_bridge(host);
}

/// Networks 1, and 2 whose sandboxes are to be reached from outside.
fn make_networks(host: &Networks) {
    host.network(1, "");
    let mode = ["4", "6"].map(|family| format!("-o com.docker.network.bridge.gateway_mode_ipv{family}=routed")).join(" ");
    host.network(2, &mode);
}

#[test]
fn beside_docker_that_was_there_before_both_reach_the_world_and_not_each_other_and_its_rules_stay() {
    if !has("dockerd") {
        return;
    }
    let Some(mut host) = Networks::without_daemon() else { return };
    own_run(&host);
    let _docker = start_docker(&host);
    let before = rules(&host);
    assert!(before.contains("-P FORWARD DROP"), "{before}");
    host.start_daemon(&STATE);
    make_networks(&host);
    let notes = host.json("network inspect n1")[0]["Lanloom"]["notes"].to_string();
    assert!(notes.contains("chain DOCKER-USER of table ip filter"), "{notes}");
    beside_docker(&host);
    for name in ["a", "b"] {
        host.says(&format!("sandbox delete {name}"));
    }
    for network in ["n1", "n2"] {
        host.says(&format!("network rm {network}"));
    }
    assert_eq!(rules(&host), before);
    assert_eq!(host.sh("cat /proc/sys/net/ipv4/ip_forward"), "1\n", "it was Docker that had the host forward");
}

#[test]
fn beside_docker_that_came_later_both_reach_the_world_and_not_each_other_and_docker_goes_on() {
    if !has("dockerd") {
        return;
    }
    let Some(host) = Networks::new() else { return };
    own_run(&host);
    host.network(3, "");
    let _docker = start_docker(&host);
    make_networks(&host);
    beside_docker(&host);
    for name in ["a", "b"] {
        host.says(&format!("sandbox delete {name}"));
    }
    for network in ["n1", "n2", "n3"] {
        host.says(&format!("network rm {network}"));
    }
    host.ping("container", &OUTSIDE[0].to_string());
}
