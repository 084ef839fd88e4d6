//! A kernel and switches that say no: what failed has left nothing, and works once they say yes.

use lanloom_drivers::driver::DriverError;

use super::bench::Bench;

/// How often a call is made while it may fail.
const TRIES: usize = 3;

/// That nothing is left behind, or that it is said what could not be undone.
async fn try_it<T>(bench: &Bench, what: &str, leaves: bool, call: impl AsyncFn() -> Result<T, DriverError>) -> T {
    let clean = bench.seen().await;
    let mut before = clean.clone();
    for _ in 0..TRIES {
        match call().await {
            Ok(done) => return done,
            Err(error) => {
                let told = error.why.contains("besides, cannot ") || error.why.contains("; and ");
                let now = bench.seen().await;
                // What a try before this one could not undo may be there still, or have been cleared away.
                let nothing = now == clean || now == before;
                assert!(leaves || told || nothing, "{what} left something and did not say so: {error}");
                before = now;
            }
        }
    }
    bench.heal();
    call().await.unwrap_or_else(|error| panic!("{what}, when nothing fails any more: {error}"))
}

/// A whole life, in which anything may fail until something has failed too often.
pub(crate) async fn a_failure_leaves_nothing_and_the_same_call_succeeds_later(bench: &Bench) {
    let (driver, network) = (&bench.driver, bench.kind.network(1));
    let endpoints = [bench.kind.endpoint(1, 2), bench.kind.endpoint(1, 3)];
    let joins = [bench.sandbox("a").await, bench.sandbox("b").await];
    let before = bench.seen().await;
    try_it(bench, "creating a network", false, async || driver.create_network(&network).await).await;
    for (endpoint, join) in endpoints.iter().zip(&joins) {
        try_it(bench, "creating an endpoint", false, async || driver.create_endpoint(&network.id, endpoint).await).await;
        try_it(bench, "joining", false, async || driver.join(&network.id, &endpoint.id, join).await).await;
    }
    let grown = bench.kind.grown(1);
    try_it(bench, "updating a network", false, async || driver.update_network(&grown).await).await;
    try_it(bench, "leaving", true, async || driver.leave(&network.id, &endpoints[0].id).await).await;
    for endpoint in &endpoints {
        try_it(bench, "deleting an endpoint", true, async || driver.delete_endpoint(&network.id, &endpoint.id).await).await;
    }
    if driver.is_singular() {
        return;
    }
    try_it(bench, "deleting a network", true, async || driver.delete_network(&network.id).await).await;
    assert_eq!(bench.seen().await, before);
}
