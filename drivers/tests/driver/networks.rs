//! Networks come and go.

use lanloom_drivers::driver::{Discovery, DriverErrorKind, NetworkSpec};

use super::bench::{Bench, refused};

pub(crate) async fn a_network_is_there_once(bench: &Bench) {
    let network = bench.kind.network(1);
    bench.driver.create_network(&network).await.expect("made");
    let kind = if bench.driver.is_singular() { DriverErrorKind::Forbidden } else { DriverErrorKind::Conflict };
    refused(bench.driver.create_network(&network).await, kind);
    let seen = bench.seen().await;
    let twin = NetworkSpec { id: "ff".repeat(32), ..network };
    refused(bench.driver.create_network(&twin).await, kind);
    assert_eq!(bench.seen().await, seen, "what was refused leaves nothing");
}

pub(crate) async fn a_deleted_network_leaves_nothing(bench: &Bench) {
    let before = bench.seen().await;
    let networks = [bench.kind.network(1), bench.kind.network(2)];
    if bench.driver.is_singular() {
        bench.driver.create_network(&networks[0]).await.expect("made");
        let error = refused(bench.driver.delete_network(&networks[0].id).await, DriverErrorKind::Forbidden);
        assert!(error.why.contains("cannot be deleted"), "{error}");
        return;
    }
    for network in &networks {
        bench.driver.create_network(network).await.expect("made");
    }
    assert_ne!(bench.seen().await, before);
    for network in &networks {
        bench.driver.delete_network(&network.id).await.expect("deleted");
        bench.driver.delete_network(&network.id).await.expect("gone is gone");
    }
    assert_eq!(bench.seen().await, before);
    bench.driver.create_network(&networks[0]).await.expect("made again");
}

pub(crate) async fn options_of_ours_are_known_and_others_carried(bench: &Bench) {
    let before = bench.seen().await;
    let with = |key: &str, mut network: NetworkSpec| {
        network.options.insert(key.to_owned(), "1".to_owned());
        network
    };
    let unknown = with("lanloom.no_such_option", bench.kind.network(1));
    let error = refused(bench.driver.create_network(&unknown).await, DriverErrorKind::Invalid);
    assert!(error.why.contains("lanloom.no_such_option"), "{error}");
    assert_eq!(bench.seen().await, before);
    bench.driver.create_network(&with("com.example.colour", bench.kind.network(1))).await.expect("carried");
    let mut endpoint = bench.kind.endpoint(1, 2);
    endpoint.options.insert("lanloom.no_such_option".to_owned(), "1".to_owned());
    refused(bench.driver.create_endpoint(&bench.kind.network(1).id, &endpoint).await, DriverErrorKind::Invalid);
}

pub(crate) async fn what_is_not_there_is_not_found_and_easily_gone(bench: &Bench) {
    let (driver, network) = (&bench.driver, bench.kind.network(1));
    let (endpoint, join) = (bench.kind.endpoint(1, 2), bench.sandbox("a").await);
    let not_found = DriverErrorKind::NotFound;
    for _ in 0..2 {
        let id = if driver.info(&network.id, &endpoint.id).await.is_ok() { "other" } else { network.id.as_str() };
        refused(driver.info(id, &endpoint.id).await, not_found);
        refused(driver.join(id, &endpoint.id, &join).await, not_found);
        refused(driver.program_external(id, &endpoint.id, &lanloom_drivers::driver::External::default()).await, not_found);
        driver.leave(id, &endpoint.id).await.expect("it has left");
        driver.revoke_external(id, &endpoint.id).await.expect("it is revoked");
        driver.delete_endpoint(id, &endpoint.id).await.expect("it is gone");
        if driver.create_network(&network).await.is_ok() {
            continue;
        }
    }
    let other = NetworkSpec { id: "ee".repeat(32), ..bench.kind.network(9) };
    refused(driver.update_network(&other).await, not_found);
    refused(driver.create_endpoint(&other.id, &endpoint).await, not_found);
    driver.delete_network(&other.id).await.expect("it is gone");
}

pub(crate) async fn a_network_that_grows_keeps_what_it_has(bench: &Bench) {
    let (network, endpoint, join) = (bench.kind.network(1), bench.kind.endpoint(1, 2), bench.sandbox("a").await);
    bench.driver.create_network(&network).await.expect("made");
    bench.driver.create_endpoint(&network.id, &endpoint).await.expect("made");
    bench.driver.join(&network.id, &endpoint.id, &join).await.expect("joined");
    let (before, interface) = (bench.seen().await, bench.interface(&join).await);
    bench.driver.update_network(&network).await.expect("nothing changes");
    assert_eq!(bench.seen().await, before);
    let grown = bench.kind.grown(1);
    bench.driver.update_network(&grown).await.expect("it grows");
    assert_eq!(bench.seen().await == before, grown == network, "it grows by its addresses");
    assert_eq!(bench.interface(&join).await, interface);
}

pub(crate) async fn what_is_found_outside_may_pass(bench: &Bench) {
    let address = "192.0.2.7".parse().expect("an address");
    for there in [true, false] {
        bench.driver.discover(&Discovery::Node { address, own: false, there }).await.expect("let pass");
    }
}
