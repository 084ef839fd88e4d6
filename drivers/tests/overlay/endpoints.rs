//! Endpoints and their ports.

use lanloom_drivers::driver::{Driver, DriverErrorKind, GuardMode, PortKind, StaticRoute};

use super::{Bench, PEERS, VNIS, endpoint, large, net, v4};

#[tokio::test]
async fn an_endpoint_is_in_the_segment_of_its_subnet_and_reaches_the_others_on_its_link() {
    let bench = Bench::new().await;
    let network = large(1, &[PEERS, (VNIS, "7,8")]);
    bench.create(&network).await;
    for (name, address, other, segment, vni) in
        [("a", "10.1.0.2/24", "10.1.1.0/24", 0, "7"), ("b", "10.1.1.2/24", "10.1.0.0/24", 1, "8")]
    {
        let endpoint = endpoint(name, &[address, &format!("fd00:1::{name}/64")], &[]);
        let (joined, _) = bench.join(&network, &endpoint).await;
        let port = bench.fabric.port(&network.name, name).await.expect("a port");
        assert_eq!((port.segment, port.kind, port.isolated), (segment, PortKind::Tap, false));
        assert_eq!((joined.gateway_v4, joined.gateway_v6), (None, None), "no way out");
        assert_eq!(joined.routes, [StaticRoute { to: net(other), via: None }]);
        let info = bench.driver.info(&network.id, &endpoint.id).await.expect("it is there");
        assert_eq!(info.get("lanloom.vni").map(String::as_str), Some(vni));
        assert!(info.get("lanloom.egress").is_some_and(|word| word.starts_with("off: ")), "{info:?}");
    }
}

#[tokio::test]
async fn a_port_is_guarded_by_what_its_endpoint_has() {
    let bench = Bench::new().await;
    let network = v4(1, &[PEERS, ("lanloom.guard", "strict")]);
    bench.create(&network).await;
    bench.join(&network, &endpoint("a", &["10.1.0.2/24"], &[])).await;
    bench.join(&network, &endpoint("b", &["10.1.0.3/24"], &[("lanloom.guard", "off"), ("lanloom.endpoint", "veth")])).await;
    let (a, b) = (bench.fabric.port("net1", "a").await, bench.fabric.port("net1", "b").await);
    let (a, b) = (a.expect("a port"), b.expect("a port"));
    assert_eq!((a.guard.mode, a.guard.addresses), (GuardMode::Strict, vec![net("10.1.0.2/24").addr()]));
    assert_eq!(a.guard.mac, Some("02:42:0a:01:00:02".parse().expect("a MAC")), "as libnetwork makes them");
    assert_eq!((b.guard.mode, b.kind), (GuardMode::Off, PortKind::Veth));
}

#[tokio::test]
async fn a_tunnel_s_name_is_nobody_else_s() {
    let bench = Bench::new().await;
    let network = v4(1, &[PEERS]);
    bench.create(&network).await;
    let error = bench.driver.create_endpoint(&network.id, &endpoint("_vxlan-7", &["10.1.0.2/24"], &[])).await;
    let error = error.expect_err("that is a tunnel's");
    assert_eq!(error.kind, DriverErrorKind::Invalid);
    assert!(error.why.contains("that leads to other hosts"), "{error}");
}

#[tokio::test]
async fn routes_follow_a_subnet_that_is_added() {
    let bench = Bench::new().await;
    let network = v4(1, &[PEERS]);
    bench.create(&network).await;
    let endpoint = endpoint("a", &["10.1.0.2/24"], &[]);
    bench.join(&network, &endpoint).await;
    assert_eq!(bench.driver.routes(&network.id, &endpoint.id), Some(Vec::new()));
    bench.driver.update_network(&large(1, &[PEERS])).await.expect("it grows");
    let added = StaticRoute { to: net("10.1.1.0/24"), via: None };
    assert_eq!(bench.driver.routes(&network.id, &endpoint.id), Some(vec![added]));
}
