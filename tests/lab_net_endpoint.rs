//! Endpoints as they are in a sandbox: what they are made of, what they are given, how they come and go, and that nothing is left.
//!
//! Each test's host is a house of its own. Needs root, `ip` (iproute2) and `ethtool`.

#[path = "lab/networks.rs"]
mod networks;

use networks::house::has;
use networks::{HOST, Networks, OUTSIDE, Seat};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::{Child, Stdio};

/// What the kernel says of an interface in a sandbox; of one that is not there, nothing.
fn link(host: &Networks, sandbox: &str, ifname: &str) -> Value {
    let all: Value = serde_json::from_str(&host.sh(&format!("ip -n {sandbox} -json -details address"))).expect("JSON");
    all.as_array().into_iter().flatten().find(|one| one["ifname"] == ifname).cloned().unwrap_or_default()
}

/// The addresses of an interface that reach beyond its link, each with its prefix length.
fn addresses(link: &Value) -> Vec<String> {
    let global = |one: &&Value| one["scope"] == "global";
    let text = |one: &Value| format!("{}/{}", one["local"].as_str().unwrap_or_default(), one["prefixlen"]);
    link["addr_info"].as_array().into_iter().flatten().filter(global).map(text).collect()
}

/// The names of a sandbox's interfaces but `lo`, in order.
fn interfaces(host: &Networks, sandbox: &str) -> Vec<String> {
    let all: Value = serde_json::from_str(&host.sh(&format!("ip -n {sandbox} -json link"))).expect("JSON");
    let names = all.as_array().into_iter().flatten().filter_map(|one| one["ifname"].as_str());
    let mut names: Vec<_> = names.filter(|name| *name != "lo").map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn taps_and_veths_are_side_by_side_on_one_network_and_say_what_they_are() {
    if !has("ethtool") {
        return;
    }
    let Some(host) = Networks::new() else { return };
    host.network(1, "");
    let seats = [10, 11, 12, 13].map(|number| Seat::new(1, number));
    let kinds = ["tap", "veth", "tap", "veth"];
    for ((seat, kind), name) in seats.into_iter().zip(kinds).zip(["a", "b", "c", "d"]) {
        host.sandbox(name, &[seat], &format!("--endpoint {kind}"));
        let made = link(&host, name, "eth0");
        let expected = if kind == "tap" { "tun" } else { "veth" };
        assert_eq!(made["linkinfo"]["info_kind"], expected, "{made}");
        let told = host.json(&format!("endpoint inspect {name}"));
        assert_eq!(told[0]["info"]["lanloom.endpoint"], kind, "{told}");
    }
    for from in ["a", "b", "c", "d"] {
        seats.iter().flat_map(|seat| seat.addresses()).for_each(|to| host.reaches(from, to));
        OUTSIDE.into_iter().for_each(|to| host.reaches(from, to));
    }
    assert!(host.interfaces().iter().all(|name| ["lo", "up0", "gw1"].contains(&name.as_str())), "{:?}", host.interfaces());
}

#[test]
fn an_endpoint_has_the_addresses_the_mac_and_the_mtu_that_it_was_given() {
    let Some(host) = Networks::new() else { return };
    host.network(1, "-o com.docker.network.driver.mtu=1400");
    let seats = [10, 11].map(|number| Seat::new(1, number));
    for ((seat, kind), name) in seats.into_iter().zip(["tap", "veth"]).zip(["a", "b"]) {
        host.sandbox(name, &[seat], &format!("--endpoint {kind}"));
        let made = link(&host, name, "eth0");
        assert_eq!((&made["address"], &made["mtu"]), (&seat.mac_text().into(), &1400.into()));
        assert_eq!(addresses(&made), [format!("{}/24", seat.v4()), format!("{}/64", seat.v6())]);
    }
    assert!(host.sh("ip link show dev gw1").contains(" mtu 1400 "), "the gateway's too");
    // 1,400 bytes with the headers of IPv4 and ICMP, uncut.
    host.sh(&format!("ip netns exec a ping -n -c 1 -w 20 -M do -s 1372 {}", seats[1].v4()));
    // Whoever makes more of it inside is not to be heard by somebody who could not take it.
    for (from, to, seat) in [("a", "b", seats[1]), ("b", "a", seats[0])] {
        host.sh(&format!("ip -n {from} link set eth0 mtu 1500"));
        let before = host.dropped("n1", to, "mtu_exceeded");
        let words = format!("ip netns exec {from} ping -n -c 1 -W 1 -M do -s 1373 {}", seat.v4());
        let answered = host.command(&words.split(' ').collect::<Vec<_>>()).output().expect("ping").status.success();
        assert!(!answered, "{from}: 1,401 bytes");
        assert!(host.dropped("n1", to, "mtu_exceeded") > before, "{from}: it is counted");
        host.sh(&format!("ip -n {from} link set eth0 mtu 1400"));
    }
    // What another has is refused, and leaves nothing.
    host.sandbox("c", &[], "");
    let said = host.refused(&format!("network connect n1 c --ip {}", seats[0].v4()));
    assert!(said.contains(&seats[0].v4().to_string()), "{said}");
    assert_eq!(interfaces(&host, "c"), [""; 0]);
    let said = host.refused("network connect n1 c --ip 10.99.0.1");
    assert!(said.contains("10.99.0.1"), "{said}");
}

#[test]
fn an_endpoint_says_which_guard_it_has_and_by_which_port_and_gateway_it_is_on_its_network() {
    let Some(host) = Networks::new() else { return };
    host.network(1, "-o lanloom.guard=strict");
    host.sandbox("a", &[Seat::new(1, 10)], "");
    host.sandbox("b", &[], "");
    host.connect("b", Seat::new(1, 11), "--driver-opt lanloom.guard=off --driver-opt lanloom.trusted=true");
    for (name, guard, trusted) in [("a", "strict", "false"), ("b", "off", "true")] {
        let told = host.json(&format!("endpoint inspect {name}"));
        let info = |key: &str| told[0]["info"][key].as_str().unwrap_or_default();
        assert_eq!((info("lanloom.guard"), info("lanloom.trusted"), info("port")), (guard, trusted, &*format!("n1/{name}")));
        assert_eq!((&told[0]["gateway_v4"], &told[0]["is_gateway_v4"]), (&"10.81.1.1".into(), &true.into()));
    }
}

#[test]
fn interfaces_are_numbered_by_the_first_number_that_is_free() {
    let Some(host) = Networks::new() else { return };
    for number in 1..=4 {
        host.network(number, "");
    }
    host.sandbox("a", &[1, 2, 3].map(|number| Seat::new(number, 10)), "");
    let on = |ifname: &str| addresses(&link(&host, "a", ifname)).first().cloned().unwrap_or_default();
    assert_eq!(["eth0", "eth1", "eth2"].map(on), ["10.81.1.10/24", "10.81.2.10/24", "10.81.3.10/24"]);
    host.says("network disconnect n2 a");
    assert_eq!(interfaces(&host, "a"), ["eth0", "eth2"]);
    host.connect("a", Seat::new(4, 10), "");
    assert_eq!(on("eth1"), "10.81.4.10/24");
    host.connect("a", Seat::new(2, 10), "");
    assert_eq!(on("eth3"), "10.81.2.10/24");
    host.says("network disconnect n1 a");
    assert_eq!(interfaces(&host, "a"), ["eth1", "eth2", "eth3"]);
    for number in [2, 3, 4] {
        Seat::gateway(number).addresses().into_iter().for_each(|to| host.reaches("a", to));
    }
    OUTSIDE.into_iter().for_each(|to| host.reaches("a", to));
}

#[test]
fn settings_of_a_sandbox_and_of_an_endpoint_are_set_inside_and_nowhere_else() {
    let Some(host) = Networks::new() else { return };
    host.network(1, "");
    host.sandbox("a", &[], "--sysctl net.ipv4.ip_default_ttl=77");
    let option = "com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.log_martians=1";
    host.connect("a", Seat::new(1, 10), &format!("--driver-opt {option}"));
    host.sandbox("b", &[Seat::new(1, 11)], "");
    let read = |sandbox: &str, key: &str| host.sh(&format!("ip netns exec {sandbox} cat /proc/sys/net/{key}"));
    for (key, of_a, of_b) in [("ipv4/ip_default_ttl", "77\n", "64\n"), ("ipv4/conf/eth0/log_martians", "1\n", "0\n")] {
        assert_eq!((read("a", key).as_str(), read("b", key).as_str()), (of_a, of_b), "{key}");
    }
    // Nobody in a network tells a sandbox its routes, and one without IPv6 has none at all.
    assert_eq!(read("a", "ipv6/conf/eth0/accept_ra"), "0\n");
    host.says("network create plain --subnet 10.82.0.0/24");
    host.says("sandbox create c --network plain");
    assert_eq!(read("c", "ipv6/conf/eth0/disable_ipv6"), "1\n");
    assert_eq!(host.sh("cat /proc/sys/net/ipv4/ip_default_ttl"), "64\n", "the host's own");
}

/// A process in a network namespace of its own, ended when dropped.
struct Nested(Child);

impl Drop for Nested {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_sandbox_that_somebody_else_made_is_adopted_by_its_path_and_outlives_us() {
    let Some(host) = Networks::new() else { return };
    host.network(1, "");
    host.sandbox("b", &[Seat::new(1, 11)], "");
    let mut command = host.command(&["unshare", "--net", "sleep", "600"]);
    let nested = Nested(command.stdin(Stdio::null()).spawn().expect("unshare runs"));
    let (pid, own) = (nested.0.id(), std::fs::read_link("/proc/self/ns/net").expect("a namespace"));
    let netns = format!("/proc/{pid}/ns/net");
    let house = host.sh("readlink /proc/self/ns/net");
    host.wait_for("a namespace of its own", || {
        std::fs::read_link(&netns).is_ok_and(|now| now != own && now.to_string_lossy() != house.trim())
    });
    let inside = |words: &str| host.sh(&format!("nsenter --net={netns} {words}"));
    host.sandbox("a", &[Seat::new(1, 10)], &format!("--netns {netns} --sysctl net.ipv4.ip_default_ttl=77"));
    let has = inside("ip -brief address show dev eth0");
    assert!(Seat::new(1, 10).addresses().iter().all(|address| has.contains(&address.to_string())), "{has}");
    Seat::new(1, 11).addresses().into_iter().for_each(|to| host.reaches("a", to));
    Seat::new(1, 10).addresses().into_iter().for_each(|to| host.reaches("b", to));
    inside(&format!("ping -n -c 1 -w 20 {}", OUTSIDE[0]));
    assert!(!host.sh("ip netns list").lines().any(|line| line.starts_with("a ")), "it has no second name");
    host.says("sandbox delete a");
    assert_eq!(inside("ip route"), "");
    // `lo`, which names were asked on, stays up, and a setting as it was set: their owner may have come to use them.
    let after = inside("ip -brief address");
    let (lo, others): (Vec<_>, Vec<_>) = after.lines().partition(|line| line.starts_with("lo "));
    assert!(others.is_empty() && lo.len() == 1 && lo[0].contains("127.0.0.1/8"), "{after}");
    assert_eq!(inside("cat /proc/sys/net/ipv4/ip_default_ttl"), "77\n");
    host.reaches("b", HOST[0]);
}

#[test]
fn an_endpoint_is_made_joined_left_and_deleted_by_itself() {
    let Some(host) = Networks::new() else { return };
    host.network(1, "");
    let (seat, other) = (Seat::new(1, 10), Seat::new(1, 11));
    host.sandbox("a", &[], "");
    host.sandbox("b", &[other], "");
    let state = |name: &str| host.json(&format!("endpoint inspect n1/{name}"))[0]["state"].as_str().map(str::to_owned);
    host.says(&format!("endpoint create db --network n1 --ip {} --ip6 {} --mac {}", seat.v4(), seat.v6(), seat.mac_text()));
    assert_eq!((state("db").as_deref(), interfaces(&host, "a")), (Some("free"), Vec::new()));
    let said = host.refused("network rm n1");
    assert!(said.contains("active endpoints"), "{said}");
    let said = host.refused("endpoint leave n1/db");
    assert!(said.contains("cannot leave endpoint with no attached sandbox"), "{said}");
    host.says("endpoint join n1/db a");
    assert_eq!((state("db").as_deref(), interfaces(&host, "a")), (Some("joined"), vec!["eth0".to_owned()]));
    assert_eq!(link(&host, "a", "eth0")["address"], seat.mac_text().as_str());
    seat.addresses().into_iter().for_each(|to| host.reaches("b", to));
    assert!(host.refused("endpoint join n1/db b").contains("already joined"));
    assert!(host.refused("endpoint delete n1/db").contains("active containers"));
    host.says("endpoint leave n1/db");
    assert_eq!(interfaces(&host, "a"), [""; 0]);
    assert!(host.refused("endpoint inspect n1/db").contains("not found"), "one that left is deleted");
    // Its addresses are free at once.
    host.says(&format!("endpoint create again --network n1 --ip {} --ip6 {}", seat.v4(), seat.v6()));
    host.says("endpoint delete n1/again");
    host.says(&format!("endpoint create forced --network n1 --ip {}", seat.v4()));
    host.says("endpoint join n1/forced a");
    host.says("endpoint delete --force n1/forced");
    assert_eq!((interfaces(&host, "a"), host.json("endpoint ls --network n1").as_array().map(Vec::len)), (Vec::new(), Some(1)));
}

/// All that there is in a house, a line each: links, addresses, routes and rules of every namespace, the firewall, settings,
/// files, and what the daemon lists.
fn everything(host: &Networks) -> BTreeSet<String> {
    let kernel = host.script(
        "for ns in '' $(ip netns list | cut -d' ' -f1); do
             on=${ns:+-n $ns}
             (ip $on -brief link; ip $on -brief address; ip $on route show table all; ip $on -6 route show table all; ip $on rule) |
                 sed \"s/^/namespace '$ns': /\"
         done
         nft -s list ruleset
         (cd /proc/sys/net; grep . ipv4/ip_forward ipv4/ip_nonlocal_bind ipv6/conf/all/forwarding ipv*/conf/up0/*forwarding)
         find /run/netns /etc/netns",
    );
    let lists = ["network ls", "sandbox ls", "endpoint ls", "switch ls"].map(|list| host.json(list).to_string());
    kernel.lines().map(str::to_owned).chain(lists).collect()
}

/// What is there that was not, and what was there that is not.
fn changes(before: &BTreeSet<String>, host: &Networks) -> [Vec<String>; 2] {
    let now = everything(host);
    [now.difference(before).cloned().collect(), before.difference(&now).cloned().collect()]
}

/// What is beside the store in the daemon's folder, and the interfaces of the namespace there that it keeps for its ends of veths.
fn kept(host: &Networks) -> (Vec<String>, Vec<String>) {
    let plumbing = host.path("state").join("plumbing");
    let links = host.script(&format!("test ! -e {0} || nsenter --net={0} ip -brief link", plumbing.display()));
    let names = links.lines().filter_map(|line| line.split_whitespace().next());
    let files = networks::house::files(&host.path("state")).into_iter();
    let others = files.filter(|file| !["lock", "plumbing", "store.redb"].contains(&file.as_str()));
    (others.collect(), names.filter(|name| *name != "lo").map(str::to_owned).collect())
}

#[test]
fn what_is_deleted_leaves_nothing_of_itself_in_the_whole_house() {
    let Some(host) = Networks::new() else { return };
    let before = everything(&host);
    for _ in 0..2 {
        host.network(1, "");
        host.network(2, "-o com.docker.network.bridge.enable_icc=false -o com.docker.network.host_ipv4=192.0.2.1");
        host.network(3, "--internal");
        host.sandbox("a", &[1, 2, 3].map(|number| Seat::new(number, 10)), "--endpoint veth --add-host gate:host-gateway");
        host.sandbox("b", &[Seat::new(1, 11)], "--dns 192.0.2.53 --sysctl net.ipv4.ip_forward=1");
        host.says("endpoint create free --network n2");
        host.says("endpoint create db --network n3");
        host.says("endpoint join n3/db b");
        host.reaches("a", Seat::new(1, 11).v4());
        OUTSIDE.into_iter().for_each(|to| host.reaches("b", to));
        host.refused("network create n1");
        host.refused("network create n4 --subnet 10.81.1.0/24");
        host.refused("sandbox create a");
        host.refused("sandbox create c --network n1:ip=10.81.1.10");
        assert_ne!(changes(&before, &host)[0], [""; 0]);
        assert_eq!(kept(&host).1.len(), 3, "an end of each veth");

        host.says("network disconnect n2 a");
        host.says("sandbox delete a");
        host.says("sandbox delete b");
        host.says("endpoint delete n2/free");
        for number in 1..=3 {
            host.says(&format!("network rm n{number}"));
        }
        assert_eq!(changes(&before, &host), [Vec::new(), Vec::new()] as [Vec<String>; 2]);
        assert_eq!(kept(&host), (Vec::new(), Vec::new()));
    }
}

#[test]
fn a_namespace_that_somebody_removes_is_gone_at_once_with_all_that_was_in_it() {
    let Some(host) = Networks::new() else { return };
    host.network(1, "");
    let seats = [10, 11].map(|number| Seat::new(1, number));
    for (seat, name) in seats.into_iter().zip(["a", "b"]) {
        host.sandbox(name, &[seat], "");
    }
    host.reaches("a", seats[1].v4());
    // Whoever still held the namespace would keep this one's other end.
    host.sh("ip link add witness type veth peer name inside netns a");
    host.sh("ip netns delete a");
    host.wait_for("the namespace to be gone", || !host.interfaces().contains(&"witness".to_owned()));
    host.reaches("b", OUTSIDE[0]);
}

#[test]
fn a_namespace_that_somebody_only_unmounts_goes_too_with_all_that_was_in_it() {
    let Some(host) = Networks::new() else { return };
    host.network(1, "");
    host.sandbox("a", &[Seat::new(1, 10)], "");
    host.sh("ip link add witness type veth peer name inside netns a");
    host.sh("umount /run/netns/a");
    host.wait_for("the namespace to be gone", || !host.interfaces().contains(&"witness".to_owned()));
    host.wait_for("it to be noticed", || host.json("sandbox inspect a")[0]["state"] == "lost");
    host.says("sandbox delete a");
    assert!(!host.sh("ls /run/netns").lines().any(|name| name == "a"));
}

#[test]
fn a_name_that_somebody_made_again_is_theirs_and_nothing_is_done_in_it_nor_does_it_go_with_the_sandbox() {
    let Some(host) = Networks::new() else { return };
    host.network(1, "");
    host.sandbox("a", &[Seat::new(1, 10)], "");
    let number = || host.sh("stat -c %i /run/netns/a");
    let had = number();
    // The kernel gives its number to another as soon as it is free, and nobody else was quicker.
    let is_given_again = (0..100).any(|_| {
        host.script("ip netns delete a; sleep 0.03; ip netns add a");
        number() == had
    });
    println!("the other one has its number: {is_given_again}");
    host.sh("ip -n a link add mine type veth peer name yours");
    let inside = || {
        host.script("ip -n a -o link; ip -n a -o address; ip netns exec a nft list ruleset; ip netns exec a cat /proc/net/udp")
    };
    let before = inside();
    let shown = host.json("sandbox inspect a");
    assert_eq!(shown[0]["state"], "stale", "{shown}");
    host.says("network create n2 --subnet 10.82.0.0/24");
    for command in ["network connect n2 a", "sandbox exec a -- true", "sandbox ping a 10.81.1.1"] {
        let said = host.refused(command);
        assert!(said.contains("its namespace is gone: /run/netns/a leads to another one now"), "{command}: {said}");
    }
    assert_eq!(inside(), before);
    host.says("sandbox delete a");
    assert_eq!(inside(), before);
    assert!(host.refused("sandbox create a").contains("there is a network namespace at /run/netns/a already"));
}
