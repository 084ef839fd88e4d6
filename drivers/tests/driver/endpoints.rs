//! Endpoints come, join, leave and go.

use lanloom_drivers::driver::{DriverErrorKind, External, Interface};

use super::bench::{Bench, refused};

pub(crate) async fn an_endpoint_is_there_once(bench: &Bench) {
    let (network, endpoint) = (bench.kind.network(1), bench.kind.endpoint(1, 2));
    bench.driver.create_network(&network).await.expect("made");
    bench.driver.create_endpoint(&network.id, &endpoint).await.expect("made");
    refused(bench.driver.create_endpoint(&network.id, &endpoint).await, DriverErrorKind::Conflict);
    bench.driver.info(&network.id, &endpoint.id).await.expect("it is there");
    bench.driver.delete_endpoint(&network.id, &endpoint.id).await.expect("deleted");
    bench.driver.delete_endpoint(&network.id, &endpoint.id).await.expect("gone is gone");
    refused(bench.driver.info(&network.id, &endpoint.id).await, DriverErrorKind::NotFound);
    bench.driver.create_endpoint(&network.id, &endpoint).await.expect("made again");
    bench.driver.forget_endpoint(&network.id, &endpoint.id);
    bench.driver.forget_endpoint(&network.id, &endpoint.id);
    refused(bench.driver.info(&network.id, &endpoint.id).await, DriverErrorKind::NotFound);
    bench.driver.create_endpoint(&network.id, &endpoint).await.expect("made once more");
}

pub(crate) async fn a_network_with_endpoints_is_not_deleted(bench: &Bench) {
    if bench.driver.is_singular() {
        return;
    }
    let (network, endpoint) = (bench.kind.network(1), bench.kind.endpoint(1, 2));
    bench.driver.create_network(&network).await.expect("made");
    bench.driver.create_endpoint(&network.id, &endpoint).await.expect("made");
    let seen = bench.seen().await;
    let error = refused(bench.driver.delete_network(&network.id).await, DriverErrorKind::Conflict);
    assert!(error.why.contains("has active endpoint"), "{error}");
    assert_eq!(bench.seen().await, seen);
    bench.driver.delete_endpoint(&network.id, &endpoint.id).await.expect("deleted");
    bench.driver.delete_network(&network.id).await.expect("deleted");
}

pub(crate) async fn a_join_brings_the_interface_that_it_says(bench: &Bench) {
    let (network, endpoint, join) = (bench.kind.network(1), bench.kind.endpoint(1, 2), bench.sandbox("a").await);
    bench.driver.create_network(&network).await.expect("made");
    let made = bench.driver.create_endpoint(&network.id, &endpoint).await.expect("made");
    let before = bench.seen().await;
    let joined = bench.driver.join(&network.id, &endpoint.id, &join).await.expect("joined");
    let found = bench.interface(&join).await;
    match joined.interface {
        Interface::None => assert!(found.is_none() && made.mac.is_none()),
        Interface::Placed => {
            let found = found.expect("it is there");
            assert_eq!(found.mac, made.mac);
            assert!(found.up && joined.mtu.is_none_or(|mtu| mtu == found.mtu), "{found:?}");
            refused(bench.driver.join(&network.id, &endpoint.id, &join).await, DriverErrorKind::Conflict);
        }
        Interface::Away { .. } => panic!("no driver of this suite answers that"),
    }
    bench.driver.program_external(&network.id, &endpoint.id, &External::default()).await.expect("opened");
    bench.driver.revoke_external(&network.id, &endpoint.id).await.expect("closed");
    for _ in 0..2 {
        bench.driver.leave(&network.id, &endpoint.id).await.expect("left");
        assert_eq!(bench.seen().await, before, "what came has gone");
    }
    bench.driver.join(&network.id, &endpoint.id, &join).await.expect("joined again");
    bench.driver.delete_endpoint(&network.id, &endpoint.id).await.expect("deleted, however it was");
    assert_eq!(bench.seen().await, before);
}

pub(crate) async fn a_join_that_cannot_be_leaves_nothing(bench: &Bench) {
    let (network, endpoint, mut join) = (bench.kind.network(1), bench.kind.endpoint(1, 2), bench.sandbox("a").await);
    bench.driver.create_network(&network).await.expect("made");
    let made = bench.driver.create_endpoint(&network.id, &endpoint).await.expect("made");
    if made.mac.is_none() {
        return;
    }
    let before = bench.seen().await;
    let good = join.clone();
    join.netns = Some("/run/netns/absent".into());
    bench.driver.join(&network.id, &endpoint.id, &join).await.expect_err("there is no such namespace");
    join = lanloom_drivers::driver::Join { ifname: "lo".to_owned(), ..good.clone() };
    bench.driver.join(&network.id, &endpoint.id, &join).await.expect_err("that name is taken");
    assert_eq!(bench.seen().await, before);
    bench.driver.join(&network.id, &endpoint.id, &good).await.expect("joined");
}

pub(crate) async fn endpoints_of_several_networks_do_not_meet(bench: &Bench) {
    if bench.driver.is_singular() {
        return;
    }
    let before = bench.seen().await;
    for number in [1, 2] {
        let (network, endpoint) = (bench.kind.network(number), bench.kind.endpoint(number, 2));
        bench.driver.create_network(&network).await.expect("made");
        bench.driver.create_endpoint(&network.id, &endpoint).await.expect("one name in two networks");
        let mut join = if number == 1 { bench.sandbox("a").await } else { bench.sandbox("b").await };
        join.ifname = format!("eth{number}");
        bench.driver.join(&network.id, &endpoint.id, &join).await.expect("joined");
    }
    for number in [1, 2] {
        let (network, endpoint) = (bench.kind.network(number), bench.kind.endpoint(number, 2));
        bench.driver.delete_endpoint(&network.id, &endpoint.id).await.expect("deleted");
        bench.driver.delete_network(&network.id).await.expect("deleted");
    }
    for name in ["a", "b"] {
        let netns = bench.kernel.netns(name).expect("a valid name");
        bench.kernel.delete_netns(&netns).await.expect("deleted");
    }
    assert_eq!(bench.seen().await, before);
}
