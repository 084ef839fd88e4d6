//! A daemon starts again: what is there stays, what is not is made again.

use lanloom_drivers::driver::{EndpointSpec, Fabric, Join};

use super::bench::Bench;

async fn begin(bench: &Bench) -> (EndpointSpec, EndpointSpec, Join) {
    let (network, one, two) = (bench.kind.network(1), bench.kind.endpoint(1, 2), bench.kind.endpoint(1, 3));
    bench.driver.create_network(&network).await.expect("made");
    bench.driver.create_endpoint(&network.id, &one).await.expect("made");
    bench.driver.create_endpoint(&network.id, &two).await.expect("made");
    let join = bench.sandbox("a").await;
    bench.driver.join(&network.id, &one.id, &join).await.expect("joined");
    (one, two, join)
}

pub(crate) async fn what_is_there_stays(bench: &mut Bench) {
    let (one, two, join) = begin(bench).await;
    let network = bench.kind.network(1);
    let (before, interface) = (bench.seen().await, bench.interface(&join).await);
    bench.restart();
    let told = [(one.clone(), Some(join.clone())), (two.clone(), None)];
    let notes = bench.driver.restore_network(&network, &told).await.expect("taken up");
    assert_eq!((notes, bench.driver.settle().await), (Vec::new(), Ok(Vec::new())));
    assert_eq!(bench.seen().await, before);
    assert_eq!(bench.interface(&join).await, interface, "the very same");
    bench.driver.info(&network.id, &two.id).await.expect("it is known");
    bench.driver.leave(&network.id, &one.id).await.expect("left");
    assert!(bench.interface(&join).await.is_none());
    bench.driver.join(&network.id, &two.id, &join).await.expect("joined");
}

pub(crate) async fn what_is_not_there_is_made_again(bench: &mut Bench) {
    let before = bench.seen().await;
    let (one, two, join) = begin(bench).await;
    let network = bench.kind.network(1);
    let (seen, interface) = (bench.seen().await, bench.interface(&join).await);
    for port in bench.fabric.ports(&network.name).await.unwrap_or_default() {
        bench.fabric.lose_port(&network.name, &port).await.expect("gone");
    }
    bench.restart();
    let told = [(one.clone(), Some(join.clone())), (two.clone(), None)];
    let notes = bench.driver.restore_network(&network, &told).await.expect("taken up");
    assert_eq!((notes, bench.driver.settle().await), (Vec::new(), Ok(Vec::new())));
    assert_eq!(bench.seen().await, seen);
    let address = |interface: Option<lanloom_drivers::kernel::LinkInfo>| interface.and_then(|interface| interface.mac);
    assert_eq!(address(bench.interface(&join).await), address(interface), "with the address that it had");
    if bench.driver.is_singular() {
        return;
    }
    for endpoint in [one, two] {
        bench.driver.delete_endpoint(&network.id, &endpoint.id).await.expect("deleted");
    }
    bench.driver.delete_network(&network.id).await.expect("deleted");
    bench.kernel.delete_netns(&bench.kernel.netns("a").expect("a valid name")).await.expect("deleted");
    assert_eq!(bench.seen().await, before);
}

pub(crate) async fn a_join_that_was_never_told_of_is_undone(bench: &mut Bench) {
    let (one, two, join) = begin(bench).await;
    let network = bench.kind.network(1);
    bench.restart();
    bench.driver.restore_network(&network, &[(one.clone(), None), (two, None)]).await.expect("taken up");
    assert!(bench.interface(&join).await.is_none(), "as if it had not happened");
    bench.driver.join(&network.id, &one.id, &join).await.expect("joined");
}
