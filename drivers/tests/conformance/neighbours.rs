//! The limits of the neighbour table, which belong to the whole machine.

use std::fs;

use lanloom_drivers::kernel::{FakeKernel, Kernel, Netns};

use super::bench::{Bench, Twin};
use super::settings::key;

/// The machine's limits now, those of both families.
fn limits() -> Vec<Option<String>> {
    let file = |family, number| format!("/proc/sys/net/{family}/neigh/default/gc_thresh{number}");
    let names = ["ipv4", "ipv6"].into_iter().flat_map(|family| [1, 2, 3].map(|number| file(family, number)));
    names.map(|name| fs::read_to_string(name).ok()).collect()
}

#[tokio::test]
async fn limits_are_raised_and_never_lowered() {
    let kernel = FakeKernel::new("/fake/netns");
    let raised = kernel.raise_neighbour_limits([100, 600, 4096]).await.expect("raised");
    let expected = ["ipv4", "ipv6"].map(|family| {
        let line = |number, from, to| format!("net.{family}.neigh.default.gc_thresh{number}: from {from} to {to}");
        [line(2, 512, 600), line(3, 1024, 4096)]
    });
    assert_eq!(raised, expected.concat());
    assert_eq!(kernel.sysctl(&Netns::Daemon, &key("net.ipv4.neigh.default.gc_thresh1")).await, Ok("128".to_owned()));
    assert_eq!(kernel.sysctl(&Netns::Daemon, &key("net.ipv6.neigh.default.gc_thresh3")).await, Ok("4096".to_owned()));
    assert_eq!(kernel.raise_neighbour_limits([100, 600, 4096]).await, Ok(Vec::new()), "they are high enough");
}

#[tokio::test]
async fn a_namespace_that_is_not_the_first_leaves_the_machine_s_limits_alone() {
    let Some(bench) = Bench::new(Twin::Linux) else { return };
    let before = limits();
    let notes = bench.host().await.0.raise_neighbour_limits([1_000_000; 3]).await.expect("no error");
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("first network namespace"), "{notes:?}");
    assert_eq!(limits(), before);
}

#[tokio::test]
async fn limits_that_are_high_enough_are_left_alone() {
    let Some(bench) = Bench::new(Twin::Linux) else { return };
    let before = limits();
    let notes = bench.kernel.raise_neighbour_limits([0; 3]).await.expect("no error");
    // Unless all of this runs in a namespace of its own, as in a container.
    let here = before.iter().flatten().next().is_some();
    assert_eq!(notes.is_empty(), here, "{notes:?}");
    assert_eq!(limits(), before);
}
