//! The gateway's interface, and what may not be made.

use lanloom_drivers::bridge::GATEWAY;
use lanloom_drivers::driver::{Driver, DriverErrorKind, Fabric, NetworkSpec, Role};
use lanloom_drivers::kernel::{Kernel, Netns};

use super::{Bench, dual, if_name, internal, net, pool, port_by_hand, v4};

const ON: &str = "1";
const OFF: &str = "0";

#[tokio::test]
async fn the_gateway_holds_the_gateway_addresses_and_forwards() {
    let bench = Bench::new();
    let network = dual(1, &[("com.docker.network.driver.mtu", "1400")]);
    bench.create(&network).await;
    assert_eq!(bench.addresses("gw1").await, [net("10.1.0.1/24"), net("fd00:1::1/64")]);
    assert_eq!(bench.settings("gw1").await, [ON, ON, OFF]);
    assert_eq!(bench.sysctl("net.ipv6.conf.gw1.accept_ra").await, OFF);
    let link = bench.kernel.link(&Netns::Daemon, &if_name("gw1")).await.expect("there");
    assert!(link.up && link.mtu == 1400, "{link:?}");
    assert_eq!(link.mac, Some("02:42:0a:01:00:01".parse().expect("a MAC")), "the same after every restart");
    let port = bench.port(&network, GATEWAY).await;
    assert_eq!((port.guard.role, port.isolated, port.guard.mac), (Role::Gateway, false, link.mac));
}

#[tokio::test]
async fn ipv6_is_off_where_the_network_has_none() {
    let bench = Bench::new();
    bench.create(&v4(1, &[])).await;
    assert_eq!(bench.settings("gw1").await, [ON, OFF, ON]);
}

#[tokio::test]
async fn an_inhibited_gateway_has_no_ipv4_address() {
    let bench = Bench::new();
    bench.create(&dual(1, &[("com.docker.network.bridge.inhibit_ipv4", "true")])).await;
    assert_eq!(bench.addresses("gw1").await, [net("fd00:1::1/64")]);
}

#[tokio::test]
async fn an_internal_network_has_a_gateway_that_forwards_nothing() {
    let bench = Bench::new();
    bench.create(&internal(dual(1, &[]))).await;
    assert_eq!(bench.addresses("gw1").await.len(), 2);
    assert_eq!(bench.settings("gw1").await, [OFF, OFF, OFF]);
    assert_eq!(bench.sysctl("net.ipv4.ip_forward").await, OFF, "nothing asked for that");
}

#[tokio::test]
async fn an_isolated_network_has_no_gateway() {
    let bench = Bench::new();
    let network = internal(v4(1, &[("com.docker.network.bridge.gateway_mode_ipv4", "isolated")]));
    bench.create(&network).await;
    assert_eq!(bench.fabric.ports(&network.name).await, Some(Vec::new()));
    assert_eq!(bench.firewall(), None);
    bench.driver.delete_network(&network.id).await.expect("deleted");
    assert_eq!(bench.fabric.ports(&network.name).await, None);
}

#[tokio::test]
async fn networks_in_each_other_s_way_are_refused() {
    let bench = Bench::new();
    bench.create(&dual(1, &[])).await;
    let cases = [
        (NetworkSpec { name: "net1".to_owned(), ..v4(2, &[]) }, "networks have same name"),
        (NetworkSpec { options: dual(1, &[]).options, ..v4(2, &[]) }, "networks have same bridge name"),
        (NetworkSpec { v4: vec![pool("10.0.0.0/8", "10.0.0.1/8")], ..v4(2, &[]) }, "networks have overlapping IPv4"),
        (NetworkSpec { v6: vec![pool("fd00:1::/96", "fd00:1::1/96")], ..v4(2, &[]) }, "networks have overlapping IPv6"),
    ];
    for (network, why) in cases {
        let error = bench.driver.create_network(&network).await.expect_err("refused");
        assert_eq!(error.kind, DriverErrorKind::Conflict);
        assert!(error.why.contains("conflicts with network net1 (gw1)") && error.why.ends_with(why), "{error}");
        assert_eq!(bench.fabric.switches().await, ["net1"]);
    }
}

#[tokio::test]
async fn what_others_have_stays_theirs() {
    let bench = Bench::new();
    // An interface of the name that the gateway is to have, and a switch of the network's.
    bench.kernel.create_tap(&Netns::Daemon, &if_name("gw1")).expect("a TAP");
    bench.driver.create_network(&v4(1, &[])).await.expect_err("the interface is taken");
    assert!(bench.fabric.switches().await.is_empty());
    bench.kernel.link(&Netns::Daemon, &if_name("gw1")).await.expect("it stays");
    bench.fabric.create_switch("net2").await.expect("a switch");
    let error = bench.driver.create_network(&v4(2, &[])).await.expect_err("the switch is taken");
    assert_eq!(error.kind, DriverErrorKind::Conflict);
    assert_eq!(bench.fabric.switches().await, ["net2"], "it stays");
}

#[tokio::test]
async fn a_network_whose_switch_has_ports_of_others_is_not_deleted() {
    let bench = Bench::new();
    let network = v4(1, &[]);
    bench.create(&network).await;
    bench.fabric.add_port_by_hand("net1", &port_by_hand("p0")).await.expect("a port");
    let error = bench.driver.delete_network(&network.id).await.expect_err("refused");
    assert_eq!(error.kind, DriverErrorKind::Conflict);
    assert!(error.to_string().contains("no endpoint's: p0") && error.hint.contains("lanloom port delete net1 p0"), "{error}");
    assert_eq!(bench.addresses("gw1").await, [net("10.1.0.1/24")], "nothing of it is gone");
    bench.fabric.delete_port("net1", "p0").await.expect("gone");
    bench.driver.delete_network(&network.id).await.expect("deleted");
}
