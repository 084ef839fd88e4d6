//! Endpoints and their ports.

use std::sync::Arc;

use lanloom_drivers::bridge::GATEWAY;
use lanloom_drivers::driver::{
    Driver, DriverErrorKind, EndpointSpec, Fabric, FakeFabric, GuardMode, Join, NetworkSpec, PortKind, Role, StaticRoute,
};
use lanloom_drivers::kernel::{FakeKernel, Faults, Kernel, NetnsName};

use super::{Bench, dual, endpoint, internal, net, pool, v4};

#[tokio::test]
async fn a_port_is_guarded_by_what_its_endpoint_has() {
    let bench = Bench::new();
    let network = dual(1, &[("lanloom.guard", "strict")]);
    bench.create(&network).await;
    let joined = bench.join(&network, &endpoint("a", &["10.1.0.2/24", "fd00:1::2/64"], &[])).await;
    assert_eq!((joined.gateway_v4, joined.gateway_v6), ("10.1.0.1".parse().ok(), "fd00:1::1".parse().ok()));
    let port = bench.port(&network, "a").await;
    assert_eq!((port.kind, port.isolated, port.ifname.as_str()), (PortKind::Tap, false, "eth0"));
    assert_eq!((port.guard.role, port.guard.mode, port.guard.trusted), (Role::Endpoint, GuardMode::Strict, false));
    assert_eq!(port.guard.mac, Some("02:42:0a:01:00:02".parse().expect("a MAC")));
    assert_eq!(port.guard.addresses, [net("10.1.0.2/24").addr(), net("fd00:1::2/64").addr()]);
}

#[tokio::test]
async fn an_endpoint_s_own_options_come_before_its_network_s() {
    let bench = Bench::new();
    let network = v4(1, &[("lanloom.guard", "strict"), ("lanloom.trusted", "true")]);
    bench.create(&network).await;
    let options = [("lanloom.guard", "off"), ("lanloom.trusted", "false"), ("lanloom.endpoint", "veth")];
    bench.join(&network, &endpoint("a", &["10.1.0.2/24"], &options)).await;
    bench.join(&network, &endpoint("b", &["10.1.0.3/24"], &[])).await;
    let (a, b) = (bench.port(&network, "a").await, bench.port(&network, "b").await);
    assert_eq!((a.kind, a.guard.mode, a.guard.trusted), (PortKind::Veth, GuardMode::Off, false));
    assert_eq!((b.kind, b.guard.mode, b.guard.trusted), (PortKind::Tap, GuardMode::Strict, true));
}

#[tokio::test]
async fn without_icc_endpoints_reach_the_gateway_only() {
    let bench = Bench::new();
    let network = v4(1, &[("com.docker.network.bridge.enable_icc", "false")]);
    bench.create(&network).await;
    bench.join(&network, &endpoint("a", &["10.1.0.2/24"], &[])).await;
    assert!(bench.port(&network, "a").await.isolated);
    assert!(!bench.port(&network, GATEWAY).await.isolated);
}

#[tokio::test]
async fn an_internal_network_has_no_way_out() {
    let bench = Bench::new();
    let network = internal(dual(1, &[]));
    bench.create(&network).await;
    let joined = bench.join(&network, &endpoint("a", &["10.1.0.2/24", "fd00:1::2/64"], &[])).await;
    assert_eq!((joined.gateway_v4, joined.gateway_v6), (None, None));
}

#[tokio::test]
async fn other_subnets_of_a_network_are_on_the_link() {
    let bench = Bench::new();
    let network =
        NetworkSpec { v4: vec![pool("10.1.0.0/24", "10.1.0.1/24"), pool("10.9.0.0/24", "10.9.0.1/24")], ..v4(1, &[]) };
    bench.create(&network).await;
    let joined = bench.join(&network, &endpoint("a", &["10.9.0.2/24"], &[])).await;
    assert_eq!(joined.gateway_v4, "10.9.0.1".parse().ok());
    assert_eq!(joined.routes, [StaticRoute { to: net("10.1.0.0/24"), via: None }]);
}

#[tokio::test]
async fn a_hardware_address_is_as_asked_or_made_of_the_address() {
    let bench = Bench::new();
    let network = dual(1, &[]);
    bench.create(&network).await;
    let mac = |text: &str| Some(text.parse().expect("a MAC"));
    let option = ("com.docker.network.endpoint.macaddress", "02:00:00:00:00:07");
    let cases = [
        (endpoint("a", &["10.1.0.2/24"], &[]), mac("02:42:0a:01:00:02")),
        (endpoint("b", &["10.1.0.3/24"], &[option]), mac("02:00:00:00:00:07")),
        (EndpointSpec { mac: mac("02:00:00:00:00:08"), ..endpoint("c", &["10.1.0.4/24"], &[]) }, mac("02:00:00:00:00:08")),
    ];
    for (endpoint, expected) in cases {
        let made = bench.driver.create_endpoint(&network.id, &endpoint).await.expect("made");
        assert_eq!(made.mac, expected);
        assert_eq!(
            bench.driver.info(&network.id, &endpoint.id).await.expect("known")[option.0],
            expected.expect("one").to_string()
        );
    }
    let only_v6 = bench.driver.create_endpoint(&network.id, &endpoint("d", &["fd00:1::5/64"], &[])).await.expect("made");
    assert!(only_v6.mac.is_some_and(|mac| mac.is_valid_source() && mac.0[0] & 2 != 0), "a local one");
}

#[tokio::test]
async fn a_hardware_address_that_another_has_is_refused() {
    let bench = Bench::new();
    let network = v4(1, &[]);
    bench.create(&network).await;
    bench.driver.create_endpoint(&network.id, &endpoint("a", &["10.1.0.2/24"], &[])).await.expect("made");
    let asks = |name: &str, mac: &str, more: &[(&str, &str)]| {
        let options = [&[("com.docker.network.endpoint.macaddress", mac)], more].concat();
        endpoint(name, &["10.1.0.3/24"], &options)
    };
    let refused =
        [(asks("b", "02:42:0a:01:00:02", &[]), "endpoint a has"), (asks("b", "02:42:0a:01:00:01", &[]), "the gateway has")];
    for (endpoint, why) in refused {
        let error = bench.driver.create_endpoint(&network.id, &endpoint).await.expect_err("refused");
        assert!(error.kind == DriverErrorKind::Conflict && error.why.contains(why), "{error}");
    }
    let shared = asks("b", "02:42:0a:01:00:02", &[("lanloom.guard", "off")]);
    bench.driver.create_endpoint(&network.id, &shared).await.expect("who is not guarded may");
}

#[tokio::test]
async fn the_gateway_s_name_is_no_endpoint_s() {
    let bench = Bench::new();
    let network = v4(1, &[]);
    bench.create(&network).await;
    let error = bench.driver.create_endpoint(&network.id, &endpoint(GATEWAY, &["10.1.0.2/24"], &[])).await;
    let error = error.expect_err("refused");
    assert!(error.kind == DriverErrorKind::Invalid && error.why.contains("leads to the host"), "{error}");
}

#[tokio::test]
async fn a_network_has_room_for_more_endpoints_than_a_bridge_of_the_kernel_s() {
    let bench = Bench::new();
    let network = NetworkSpec { v4: vec![pool("10.1.0.0/16", "10.1.0.1/16")], ..v4(1, &[]) };
    bench.create(&network).await;
    for number in 0..1_100_u16 {
        let address = format!("10.1.{}.{}/16", 1 + number / 250, 1 + number % 250);
        let endpoint = EndpointSpec { id: format!("{number:064x}"), ..endpoint(&format!("e{number}"), &[&address], &[]) };
        bench.join(&network, &endpoint).await;
    }
    assert_eq!(bench.fabric.ports(&network.name).await.map(|ports| ports.len()), Some(1_101), "with the gateway's");
}

#[tokio::test]
async fn a_forgotten_endpoint_holds_up_neither_its_name_nor_its_network_and_its_port_goes_with_the_next_of_that_name() {
    let kernel = FakeKernel::new("/fake/netns");
    let fabric = Arc::new(FakeFabric::in_memory(kernel.clone()).with_faults(Faults::none()));
    let bench = Bench { driver: super::driver(&kernel, &fabric, "test"), kernel, fabric };
    let network = v4(1, &[]);
    bench.create(&network).await;
    for (number, id) in ["a", "b"].into_iter().enumerate() {
        let endpoint = EndpointSpec { name: "web".to_owned(), ..endpoint(id, &[&format!("10.1.0.{}/24", number + 2)], &[]) };
        bench.driver.create_endpoint(&network.id, &endpoint).await.expect("the name is free");
        let netns = bench.kernel.create_netns(&NetnsName::new(id).expect("a valid name")).await.expect("a namespace");
        let join = Join { netns: Some(netns.path()), ifname: "eth0".to_owned() };
        bench.driver.join(&network.id, &endpoint.id, &join).await.expect("its place is free");
        assert_eq!(bench.port(&network, "web").await.netns, Some(netns.path()));
        bench.fabric.faults().fail_after(0);
        bench.driver.delete_endpoint(&network.id, &endpoint.id).await.expect_err("its port stays");
        bench.driver.forget_endpoint(&network.id, &endpoint.id);
        bench.driver.info(&network.id, &endpoint.id).await.expect_err("it is forgotten");
    }
    assert!(bench.fabric.port(&network.name, "web").await.is_some());
    bench.driver.delete_network(&network.id).await.expect("what was left goes with it");
    assert_eq!(bench.fabric.switches().await, Vec::<String>::new());
}
