//! Networks of driver overlay between two real daemons, each in a house of its own, over a network between these.
//!
//! Needs root, `ip` (iproute2), `ping` (iputils) and `ss` (iproute2).

#[path = "lab/hosts.rs"]
mod hosts;

use hosts::{Hosts, STATE, UNDER, V4, V6, address, inspect};
use nix::sys::signal::Signal;
use std::net::IpAddr;

const VNIS: &str = "com.docker.network.driver.overlay.vxlanid_list";
const MTU: &str = "com.docker.network.driver.mtu";

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// All that a host has: interfaces, namespaces, switches, and UDP sockets.
fn seen(host: &hosts::house::House) -> [String; 4] {
    let ports = host.sh("ss -Hlun").lines().filter(|line| line.contains(":4789")).map(str::to_owned).collect();
    [host.interfaces().join(" "), host.sh("ip netns list"), host.says("switch ls --json"), ports]
}

#[test]
fn sandboxes_of_two_hosts_reach_each_other_and_nothing_is_left_of_it() {
    let Some(hosts) = Hosts::new(1500) else { return };
    let before = [seen(&hosts.both[0]), seen(&hosts.both[1])];
    hosts.overlay("web", V4, "");
    let shown = hosts.both.each_ref().map(|host| inspect(host, "web"));
    for (at, shown) in shown.iter().enumerate() {
        assert_eq!((shown["Driver"].as_str(), shown["Scope"].as_str()), (Some("overlay"), Some("global")));
        assert_eq!(shown["Options"]["lanloom.local"], V4[at], "as the kernel goes to the peer");
        assert_eq!(shown["Options"][MTU], "1500");
        let notes = shown["Lanloom"]["notes"].as_array().expect("a list");
        assert!(notes.iter().any(|note| note.as_str().is_some_and(|note| note.contains("no way out"))), "{notes:?}");
    }
    assert_eq!(shown[0]["Options"][VNIS], shown[1]["Options"][VNIS], "found by each alike");
    let at = hosts.sandboxes("web");
    hosts.reach(at);
    hosts.transfer(at[1]);
    for (name, host) in ["a", "b"].into_iter().zip(&hosts.both) {
        let routes = host.sh(&format!("ip -n {name} route show"));
        assert!(!routes.contains("default"), "{routes}");
        host.says(&format!("sandbox delete {name}"));
        host.says("network rm web");
    }
    assert_eq!([seen(&hosts.both[0]), seen(&hosts.both[1])], before);
}

#[test]
fn packets_of_the_mtu_pass_and_larger_ones_are_refused_where_they_are_sent() {
    for (underlay, between, inside) in [(V4, 1500, 1450), (V6, 1500, 1430), (V4, 9000, 8950)] {
        let Some(hosts) = Hosts::new(between) else { return };
        hosts.overlay("web", underlay, "");
        let at = hosts.sandboxes("web");
        hosts.reach(at);
        let link = hosts.both[0].sh("ip -n a link show eth0");
        assert!(link.contains(&format!(" mtu {inside} ")), "{link}");
        // 20 bytes of IPv4 and 8 of ICMP.
        let fits = hosts.ping_of(at[1], inside - 28);
        assert!(fits.status.success(), "{}", String::from_utf8_lossy(&fits.stdout));
        let larger = hosts.ping_of(at[1], inside - 27);
        let said = String::from_utf8_lossy(&larger.stderr).into_owned() + &String::from_utf8_lossy(&larger.stdout);
        assert!(!larger.status.success() && said.contains(&format!("mtu={inside}")), "{said}");
        hosts.transfer(at[1]);
    }
}

#[test]
fn an_underlay_of_ipv6_carries_both_families() {
    let Some(hosts) = Hosts::new(1500) else { return };
    for (at, host) in hosts.both.iter().enumerate() {
        let (peer, range) = (V6[1 - at], ["10.90.0.0/25", "10.90.0.128/25"][at]);
        let range6 = ["fd90::/65", "fd90::8000:0:0:0/65"][at];
        let v6 = format!("--ipv6 --subnet fd90::/64 --ip-range {range6}");
        host.says(&format!(
            "network create web -d overlay -o lanloom.peers={peer} --subnet 10.90.0.0/24 --ip-range {range} {v6}"
        ));
    }
    let v4 = hosts.sandboxes("web");
    hosts.reach(v4);
    let v6 = [address(&hosts.both[0], "a", "web", "IPv6Address"), address(&hosts.both[1], "b", "web", "IPv6Address")];
    hosts.reach(v6);
    hosts.transfer(v4[1]);
    hosts.transfer(v6[1]);
}

#[test]
fn sandboxes_of_several_subnets_reach_each_other_across_hosts_also_of_one_that_comes_later() {
    let Some(hosts) = Hosts::new(1500) else { return };
    for (at, host) in hosts.both.iter().enumerate() {
        let subnets = "--subnet 10.91.0.0/24 --subnet 10.91.1.0/24";
        host.says(&format!("network create wide -d overlay -o lanloom.peers={} {subnets} -o {VNIS}=7001", V4[1 - at]));
    }
    let [one, two] = &hosts.both;
    let vnis = hosts.both.each_ref().map(|host| inspect(host, "wide")["Options"][VNIS].as_str().expect("a list").to_owned());
    assert!(vnis[0] == vnis[1] && vnis[0].starts_with("7001,"), "{vnis:?}");
    one.says("sandbox create a --network wide:ip=10.91.0.10");
    two.says("sandbox create b --network wide:ip=10.91.1.10");
    two.says("sandbox create c --network wide:ip=10.91.0.11 --endpoint veth");
    let ports = one.says("port ls wide --json");
    assert_eq!(ports.matches("vxlan://").count(), 2, "{ports}");
    for to in ["10.91.1.10", "10.91.0.11"] {
        one.ping("a", to);
    }
    ["b", "c"].into_iter().for_each(|from| two.ping(from, "10.91.0.10"));
    hosts.transfer(ip("10.91.1.10"));
    for host in &hosts.both {
        host.says("network update wide --subnet-add 10.91.2.0/24");
    }
    one.says("sandbox create d --network wide:ip=10.91.2.10");
    two.ping("b", "10.91.2.10");
    one.ping("d", "10.91.1.10");
}

#[test]
fn a_daemon_that_is_killed_and_starts_again_finds_its_tunnels_and_what_passes_them() {
    let Some(mut hosts) = Hosts::new(1500) else { return };
    hosts.overlay("web", V4, "");
    let at = hosts.sandboxes("web");
    hosts.reach(at);
    for times in 0..2 {
        let host = &mut hosts.both[times % 2];
        let before = host.says("port ls web --json");
        host.signal(Signal::SIGKILL);
        host.daemon_status();
        host.start_daemon(&STATE);
        assert_eq!(host.says("port ls web --json"), before);
        hosts.reach(at);
        hosts.transfer(at[1]);
    }
    hosts.both[0].says("sandbox create c --network web");
    let new = address(&hosts.both[0], "c", "web", "IPv4Address");
    hosts.both[1].ping("b", &new.to_string());
}

#[test]
fn peers_that_are_named_later_are_reached_from_then_on() {
    let Some(mut hosts) = Hosts::new(1500) else { return };
    hosts.overlay("web", ["192.0.2.8", "192.0.2.9"], "");
    let at = hosts.sandboxes("web");
    for (host, peer) in hosts.both.iter().zip([V4[1], V4[0]]) {
        host.says(&format!("network update web --opt lanloom.peers=192.0.2.77,{peer}"));
        assert_eq!(inspect(host, "web")["Options"]["lanloom.peers"], format!("192.0.2.77,{peer}"));
    }
    hosts.reach(at);
    hosts.both[0].signal(Signal::SIGKILL);
    hosts.both[0].daemon_status();
    hosts.both[0].start_daemon(&STATE);
    hosts.reach(at);
    let ports = hosts.both[0].says("port ls web --json");
    assert!(ports.contains("remote=192.0.2.77,192.0.2.2"), "{ports}");
}

#[test]
fn what_is_not_a_peer_s_does_not_come_in() {
    let Some(hosts) = Hosts::new(1500) else { return };
    hosts.overlay("web", V4, "");
    let at = hosts.sandboxes("web");
    hosts.reach(at);
    // The first host speaks with another address from now on: the second does not know it.
    hosts.both[1].says("network update web --opt lanloom.peers=192.0.2.77");
    assert!(!hosts.answers(0, "a", at[1]));
    let counters = hosts.both[1].says("counters web --json");
    assert!(counters.contains("\"peer_unknown\""), "{counters}");
}

#[test]
fn what_cannot_be_is_refused_and_leaves_no_trace() {
    let Some(hosts) = Hosts::new(1500) else { return };
    let host = &hosts.both[0];
    let before = seen(host);
    for (options, why) in [
        ("-o lanloom.peers=192.0.2.2 -o encrypted=false", "no clear-text network is made in its name"),
        ("-o lanloom.peers=192.0.2.1", "is this host itself, by under0"),
        ("-o lanloom.peers=203.0.113.9", "no route leads to the peer 203.0.113.9"),
        ("-o lanloom.peers=192.0.2.2 -o com.docker.network.driver.mtu=1501", "is 1501 bytes, and the underlay carries 1500"),
        ("-o lanloom.peers=192.0.2.2 -o lanloom.local=192.0.2.200", "does not have the address 192.0.2.200"),
        ("-o lanloom.peers=192.0.2.2 -o lanloom.gard=off", "did you mean lanloom.guard?"),
        ("-o lanloom.peers=192.0.2.2,2001:db8::2", "are of different families"),
    ] {
        let said = host.refused(&format!("network create web -d overlay --subnet 10.90.0.0/24 {options}"));
        assert!(said.contains(why), "{said}");
    }
    // A VXLAN of the kernel's has the port.
    host.sh(&format!("ip link add vx0 type vxlan id 9 dstport 4789 dev {UNDER} local 192.0.2.1"));
    host.sh("ip link set vx0 up");
    let said = host.refused("network create web -d overlay --subnet 10.90.0.0/24 -o lanloom.peers=192.0.2.2");
    assert!(said.contains("vx0"), "it names who has the port: {said}");
    host.sh("ip link delete vx0");
    assert_eq!(seen(host), before);
}

#[test]
fn a_sandbox_reaches_the_world_by_a_bridge_that_it_joins_as_well_and_networks_stay_apart() {
    let Some(hosts) = Hosts::new(1500) else { return };
    hosts.overlay("web", V4, "");
    let at = hosts.sandboxes("web");
    let host = &hosts.both[0];
    host.says("network create out --subnet 10.92.0.0/24");
    host.says("sandbox create alone --network out:ip=10.92.0.9");
    host.says("network connect out a");
    let routes = host.sh("ip -n a route show");
    assert!(routes.contains("default via 10.92.0.1"), "{routes}");
    host.ping("a", "10.92.0.9");
    hosts.reach(at);
    // Who is on the overlay only does not come to the bridge's network, though there is one who is on both.
    hosts.both[1].sh(&format!("ip -n b route add 10.92.0.0/24 via {}", at[0]));
    assert!(!hosts.answers(1, "b", ip("10.92.0.9")));
}

#[test]
fn the_daemon_s_underlay_address_is_used_by_networks_that_do_not_say() {
    let Some(mut hosts) = Hosts::new(1500) else { return };
    for (at, host) in hosts.both.iter_mut().enumerate() {
        host.sh(&format!("ip address add 192.0.2.1{at}/24 dev {UNDER}"));
        host.signal(Signal::SIGTERM);
        host.daemon_status();
        host.start_daemon(&[&STATE[..], &["--underlay", &format!("192.0.2.1{at}")]].concat());
    }
    hosts.overlay("web", ["192.0.2.10", "192.0.2.11"], "");
    assert_eq!(inspect(&hosts.both[0], "web")["Options"]["lanloom.local"], "192.0.2.10");
    let at = hosts.sandboxes("web");
    hosts.reach(at);
}

#[test]
fn a_host_that_gives_addresses_by_itself_says_what_the_others_are_to_be_given() {
    let Some(hosts) = Hosts::new(1500) else { return };
    let host = &hosts.both[0];
    let notes = |network: &str| inspect(host, network)["Lanloom"]["notes"].to_string();
    host.says("network create web -d overlay -o lanloom.peers=192.0.2.2");
    let subnet = inspect(host, "web")["IPAM"]["Config"][0]["Subnet"].as_str().expect("a subnet").to_owned();
    let said = format!(
        "give the other hosts the same --subnet, {subnet}, and give each host an --ip-range of its own within {subnet}"
    );
    assert!(notes("web").contains(&said), "{}", notes("web"));
    host.says("network create shop -d overlay -o lanloom.peers=192.0.2.2 --subnet 10.90.0.0/24");
    assert!(
        notes("shop")
            .contains("each host gives addresses by itself: give each host an --ip-range of its own within 10.90.0.0/24")
    );
    host.says("network create own -d overlay -o lanloom.peers=192.0.2.2 --subnet 10.91.0.0/24 --ip-range 10.91.0.0/25");
    assert!(!notes("own").contains("by itself"), "{}", notes("own"));
}

#[test]
fn nobody_behind_a_tunnel_has_an_address_of_an_endpoint_here() {
    let Some(hosts) = Hosts::new(1500) else { return };
    hosts.overlay("web", V4, "");
    let at = hosts.sandboxes("web");
    hosts.reach(at);
    let [one, two] = &hosts.both;
    one.says("sandbox create c --network web");
    let victim = address(one, "c", "web", "IPv4Address");
    one.ping("a", &victim.to_string());
    let neighbour = || one.sh(&format!("ip -n a neighbour show {victim}"));
    let before = neighbour().split_whitespace().nth(4).expect("its hardware address").to_owned();
    // Its own host lets it, for nobody there has that address.
    two.sh(&format!("ip -n b address add {victim}/32 dev eth0"));
    let claim = format!("ip netns exec b ping -n -c 1 -w 1 -I {victim} {}", at[0]);
    let claimed = two.command(&claim.split(' ').collect::<Vec<_>>()).output().expect("it runs");
    assert!(!claimed.status.success());
    let drops = one.json("counters web")["drops"]["spoofed"].as_u64().unwrap_or_default();
    assert!(drops > 0, "{}", one.says("counters web"));
    one.ping("a", &victim.to_string());
    assert!(neighbour().contains(&before), "{} and not {before}", neighbour());
}

#[test]
fn an_underlay_that_comes_after_the_daemon_is_waited_for() {
    let Some(mut hosts) = Hosts::new(1500) else { return };
    hosts.overlay("web", V4, "");
    let at = hosts.sandboxes("web");
    hosts.reach(at);
    let host = &mut hosts.both[0];
    host.signal(Signal::SIGKILL);
    host.daemon_status();
    host.sh(&format!("ip address del {}/24 dev {UNDER}", V4[0]));
    host.start_daemon(&STATE);
    host.wait_for("it to be told", || {
        inspect(host, "web")["Lanloom"]["notes"].to_string().contains("other hosts are not reached")
    });
    assert!(host.log().contains("no route leads to the peer 192.0.2.2"), "{}", host.log());
    host.sh(&format!("ip address add {}/24 dev {UNDER}", V4[0]));
    hosts.reach(at);
    let host = &hosts.both[0];
    host.wait_for("nothing to be told", || !inspect(host, "web")["Lanloom"]["notes"].to_string().contains("not reached"));
}

#[test]
fn peers_of_an_overlay_are_shown_and_examined_by_the_doctor() {
    let Some(hosts) = Hosts::new(1500) else { return };
    hosts.overlay("web", V4, "");
    let at = hosts.sandboxes("web");
    hosts.reach(at);
    let host = &hosts.both[0];
    host.wait_for("the peer to be examined", || {
        host.says("doctor web").starts_with("network web is well: 1 sandbox here, 1 of 1 peer")
    });
    let shown = host.says("network inspect web");
    assert!(shown.lines().any(|line| line.starts_with("192.0.2.2 ") && line.contains(" yes ")), "{shown}");
}

#[test]
fn a_reset_leaves_nothing_of_an_overlay() {
    let Some(hosts) = Hosts::new(1500) else { return };
    let before = seen(&hosts.both[0]);
    hosts.overlay("web", V4, "");
    let at = hosts.sandboxes("web");
    hosts.reach(at);
    hosts.both[0].says("system reset");
    assert_eq!(seen(&hosts.both[0]), before);
}
