//! Networks that change while they are in use.

use lanloom_drivers::bridge::GATEWAY;
use lanloom_drivers::driver::{Driver, DriverErrorKind, GuardMode, NetworkSpec};

use super::{Bench, endpoint, net, pool, v4};

#[tokio::test]
async fn a_pool_more_is_an_address_of_the_gateway_more() {
    let bench = Bench::new();
    let network = v4(1, &[]);
    bench.create(&network).await;
    bench.create(&v4(2, &[])).await;
    let with = |more: &NetworkSpec, subnet: &str, gateway: &str| {
        let pools = more.v4.iter().cloned().chain([pool(subnet, gateway)]).collect();
        NetworkSpec { v4: pools, ..more.clone() }
    };
    let two = with(&network, "10.9.0.0/24", "10.9.0.1/24");
    bench.driver.update_network(&two).await.expect("changed");
    assert_eq!(bench.addresses("gw1").await, [net("10.1.0.1/24"), net("10.9.0.1/24")]);
    assert_eq!(bench.port(&network, GATEWAY).await.guard.addresses.len(), 2);
    let firewall = bench.firewall().expect("loaded");
    assert_eq!(firewall.networks[0].pools, [net("10.1.0.0/24"), net("10.9.0.0/24")]);
    let error = bench.driver.update_network(&with(&two, "10.2.0.0/25", "10.2.0.1/25")).await.expect_err("another's");
    assert!(error.kind == DriverErrorKind::Conflict && error.why.contains("overlapping IPv4"), "{error}");
    let error = bench.driver.update_network(&network).await.expect_err("a pool is gone");
    assert!(error.kind == DriverErrorKind::Invalid && error.why.contains("a pool that is there"), "{error}");
}

#[tokio::test]
async fn guards_and_icc_change_for_those_that_have_joined() {
    let bench = Bench::new();
    let network = v4(1, &[]);
    bench.create(&network).await;
    bench.join(&network, &endpoint("a", &["10.1.0.2/24"], &[])).await;
    bench.join(&network, &endpoint("b", &["10.1.0.3/24"], &[("lanloom.guard", "leased")])).await;
    let options = [("lanloom.guard", "strict"), ("com.docker.network.bridge.enable_icc", "false")];
    bench.driver.update_network(&v4(1, &options)).await.expect("changed");
    let (a, b) = (bench.port(&network, "a").await, bench.port(&network, "b").await);
    assert_eq!((a.guard.mode, b.guard.mode), (GuardMode::Strict, GuardMode::Leased), "its own option stays");
    assert!(a.isolated && b.isolated);
    assert!(!bench.port(&network, GATEWAY).await.isolated);
}

#[tokio::test]
async fn what_is_fixed_is_refused_and_changes_nothing() {
    let bench = Bench::new();
    let network = v4(1, &[]);
    bench.create(&network).await;
    let mtu = v4(1, &[("com.docker.network.driver.mtu", "1400")]);
    let error = bench.driver.update_network(&mtu).await.expect_err("fixed");
    assert!(error.kind == DriverErrorKind::Invalid && error.why.contains("the MTU cannot be changed"), "{error}");
    let gone = NetworkSpec { id: "ee".repeat(32), ..network };
    assert_eq!(bench.driver.update_network(&gone).await.expect_err("none").kind, DriverErrorKind::NotFound);
}
