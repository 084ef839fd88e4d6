//! Many calls at once.

use std::sync::Arc;

use lanloom_drivers::driver::{Driver, DriverError, EndpointSpec, Join, NetworkSpec};
use tokio::task::JoinHandle;

use super::bench::Bench;

/// What is wanted twice.
type Wanted = Arc<(NetworkSpec, EndpointSpec, Join)>;

/// A call that has begun.
type Begun = JoinHandle<Result<(), DriverError>>;

async fn all<T>(tasks: Vec<JoinHandle<Result<T, DriverError>>>) -> Vec<Result<T, DriverError>> {
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.expect("no panic"));
    }
    done
}

pub(crate) async fn networks_come_and_go_side_by_side(bench: &Bench) {
    if bench.driver.is_singular() {
        return;
    }
    let before = bench.seen().await;
    let mut lives = Vec::new();
    for number in 1..6 {
        let driver: Arc<dyn Driver> = Arc::clone(&bench.driver);
        let (network, endpoint) = (bench.kind.network(number), bench.kind.endpoint(number, 2));
        let join = bench.sandbox(&format!("s{number}")).await;
        lives.push(tokio::spawn(async move {
            driver.create_network(&network).await?;
            driver.create_endpoint(&network.id, &endpoint).await?;
            driver.join(&network.id, &endpoint.id, &join).await?;
            driver.leave(&network.id, &endpoint.id).await?;
            driver.delete_endpoint(&network.id, &endpoint.id).await?;
            driver.delete_network(&network.id).await
        }));
    }
    assert!(all(lives).await.iter().all(Result::is_ok));
    for number in 1..6 {
        let netns = bench.kernel.netns(&format!("s{number}")).expect("a valid name");
        bench.kernel.delete_netns(&netns).await.expect("deleted");
    }
    assert_eq!(bench.seen().await, before);
}

pub(crate) async fn of_two_that_want_the_same_one_gets_it(bench: &Bench) {
    let (network, endpoint, join) = (bench.kind.network(1), bench.kind.endpoint(1, 2), bench.sandbox("a").await);
    let twice = |call: fn(Arc<dyn Driver>, Wanted) -> Begun| {
        let wanted = Arc::new((network.clone(), endpoint.clone(), join.clone()));
        (0..2).map(|_| call(Arc::clone(&bench.driver), Arc::clone(&wanted))).collect()
    };
    let made: Vec<_> =
        all(twice(|driver, wanted| tokio::spawn(async move { driver.create_network(&wanted.0).await.map(drop) }))).await;
    assert_eq!(made.iter().filter(|done| done.is_ok()).count(), 1, "{made:?}");
    let made = all(twice(|driver, wanted| {
        tokio::spawn(async move { driver.create_endpoint(&wanted.0.id, &wanted.1).await.map(drop) })
    }))
    .await;
    assert_eq!(made.iter().filter(|done| done.is_ok()).count(), 1, "{made:?}");
    let before = bench.seen().await;
    let joined = all(twice(|driver, wanted| {
        tokio::spawn(async move { driver.join(&wanted.0.id, &wanted.1.id, &wanted.2).await.map(drop) })
    }))
    .await;
    let places = if bench.interface(&join).await.is_some() { 1 } else { 2 };
    assert_eq!(joined.iter().filter(|done| done.is_ok()).count(), places, "{joined:?}");
    let gone =
        all(twice(|driver, wanted| tokio::spawn(async move { driver.delete_endpoint(&wanted.0.id, &wanted.1.id).await })))
            .await;
    assert!(gone.iter().all(Result::is_ok), "{gone:?}");
    assert_eq!(bench.seen().await, before);
}

pub(crate) async fn who_joins_while_the_endpoint_goes_leaves_nothing(bench: &Bench) {
    let (network, endpoint, join) = (bench.kind.network(1), bench.kind.endpoint(1, 2), bench.sandbox("a").await);
    bench.driver.create_network(&network).await.expect("made");
    let before = bench.seen().await;
    for delete_first in [true, false] {
        bench.driver.create_endpoint(&network.id, &endpoint).await.expect("made");
        let (driver, wanted) = (Arc::clone(&bench.driver), (network.id.clone(), endpoint.id.clone(), join.clone()));
        let joining = async move { driver.join(&wanted.0, &wanted.1, &wanted.2).await.map(drop) };
        let (driver, wanted) = (Arc::clone(&bench.driver), (network.id.clone(), endpoint.id.clone()));
        let deleting = async move { driver.delete_endpoint(&wanted.0, &wanted.1).await };
        let tasks = match delete_first {
            true => vec![tokio::spawn(deleting), tokio::spawn(joining)],
            false => vec![tokio::spawn(joining), tokio::spawn(deleting)],
        };
        all(tasks).await;
        assert_eq!(bench.seen().await, before, "whichever came first");
    }
}
