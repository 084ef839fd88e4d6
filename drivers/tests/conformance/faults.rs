//! A kernel that says no in the middle leaves nothing half made: every step of every operation fails under some seed.

use std::sync::Arc;

use lanloom_drivers::kernel::{
    Failing, FakeKernel, Faults, Kernel, KernelError, LinkChange, LinuxKernel, Netns, NetnsName, TapMove, Veth, Why,
};

use super::bench::{Bench, Twin, if_name, names, netns_name, veth};
use super::plans;
use super::settings::key;

/// Enough for each step to be the one that fails.
const SEEDS: u64 = 24;

/// A bench of the real kernel, and a kernel in the same place whose steps fail by half.
fn real(seed: u64) -> Option<(Bench, LinuxKernel)> {
    let bench = Bench::new(Twin::Linux)?;
    let failing = LinuxKernel::with_faults(&bench.dir, Arc::new(Faults::new(seed, 0.5)));
    Some((bench, failing))
}

/// Whether it was our own doing, and nothing is said to be left.
fn injected(error: &KernelError, seed: u64) -> bool {
    matches!(error.why(), Why::Injected { seed: by, .. } if *by == seed) && error.also().is_empty()
}

#[tokio::test]
async fn a_veth_that_fails_half_way_leaves_neither_end() {
    let (mut made, mut whats) = (0, Vec::new());
    for seed in 0..SEEDS {
        let Some((bench, failing)) = real(seed) else { return };
        let (a, b) = (bench.netns("a").await, bench.netns("b").await);
        match failing.create_veth(&veth(&a, &b)).await {
            Ok(Veth { guest, peer }) => {
                made += 1;
                assert!(guest.up && peer.up);
            }
            Err(error) => {
                assert!(injected(&error, seed), "{error}");
                assert_eq!(names(&*bench.kernel, &a).await, ["lo"], "after {error}");
                assert_eq!(names(&*bench.kernel, &b).await, ["lo"], "after {error}");
                whats.push(error.what());
            }
        }
    }
    whats.sort_unstable();
    whats.dedup();
    assert!(made > 0 && whats.len() == 3, "each step failed once, and none once: {whats:?}");
}

#[tokio::test]
async fn a_tap_that_fails_half_way_is_back_at_home() {
    let (mut moved, mut whats) = (0, Vec::new());
    for seed in 0..SEEDS {
        let Some((bench, failing)) = real(seed) else { return };
        let (netns, (from, _guard)) = (bench.netns("a").await, bench.tap());
        let before = bench.kernel.link(&Netns::Daemon, &from).await.expect("the TAP");
        let name = if_name("eth0");
        let spec = TapMove {
            home: Netns::Daemon,
            from: from.clone(),
            netns: netns.clone(),
            name,
            mtu: 1400,
            mac: None,
            tx_queue_len: None,
        };
        match failing.move_tap(&spec).await {
            Ok(there) => {
                moved += 1;
                assert_eq!((there.up, there.mtu), (true, 1400));
            }
            Err(error) => {
                assert!(injected(&error, seed), "{error}");
                assert_eq!(names(&*bench.kernel, &netns).await, ["lo"], "after {error}");
                let after = bench.kernel.link(&Netns::Daemon, &from).await.expect("the TAP is at home");
                assert_eq!((after.up, after.mtu, after.mac), (before.up, before.mtu, before.mac), "after {error}");
                whats.push(error.what());
            }
        }
    }
    whats.sort_unstable();
    whats.dedup();
    assert!(moved > 0 && whats.len() == 2, "each step failed once, and none once: {whats:?}");
}

#[tokio::test]
async fn a_namespace_that_fails_half_way_leaves_no_file() {
    let (mut made, mut whats) = (0, Vec::new());
    for seed in 0..SEEDS {
        let Some((bench, failing)) = real(seed) else { return };
        match failing.create_netns(&netns_name("a")).await {
            Ok(netns) => {
                made += 1;
                assert_eq!(names(&failing, &netns).await, ["lo"]);
            }
            Err(error) => {
                assert!(injected(&error, seed), "{error}");
                assert!(!bench.dir.join("a").exists(), "after {error}");
                whats.push(error.what());
                // The name is free again.
                bench.netns("a").await;
            }
        }
    }
    whats.sort_unstable();
    whats.dedup();
    assert!(made > 0 && whats.len() == 3, "each step failed once, and none once: {whats:?}");
}

#[tokio::test]
async fn a_plan_that_fails_half_way_is_undone() {
    let (mut done, mut whats) = (0, Vec::new());
    for seed in 0..2 * SEEDS {
        let Some(bench) = Bench::new(Twin::Linux) else { return };
        let failing = LinuxKernel::with_faults(&bench.dir, Arc::new(Faults::new(seed, 0.2)));
        let (netns, e0) = (bench.netns("a").await, if_name("e0"));
        bench.kernel.create_veth(&veth(&netns, &netns)).await.expect("a veth");
        let down = LinkChange { up: Some(false), ..LinkChange::default() };
        let before = bench.kernel.set_link(&netns, &e0, &down).await.expect("down");
        match failing.configure(&netns, &plans::whole()).await {
            Ok(()) => done += 1,
            Err(error) => {
                assert!(injected(&error, seed), "{error}");
                assert_eq!(bench.kernel.link(&netns, &e0).await.as_ref(), Ok(&before), "after {error}");
                assert_eq!(bench.kernel.list_addresses(&netns, &e0).await, Ok(Vec::new()), "after {error}");
                assert_eq!(bench.kernel.list_routes(&netns).await, Ok(Vec::new()), "after {error}");
                let proxy = bench.kernel.sysctl(&netns, &key("net.ipv4.conf.e0.proxy_arp")).await;
                assert_eq!(proxy, Ok("0".to_owned()), "after {error}");
                whats.push(error.what());
            }
        }
    }
    whats.sort_unstable();
    whats.dedup();
    assert!(done > 0 && whats.len() == 5, "each step failed once, and none once: {whats:?}");
}

/// What a caller of a failing kernel does: build, and on failure take down, each until it works.
async fn build(kernel: &dyn Kernel, names: &[NetnsName]) -> Result<Vec<Netns>, KernelError> {
    let mut made = Vec::new();
    for name in names {
        made.push(kernel.create_netns(name).await?);
    }
    kernel.create_veth(&veth(&made[0], &made[1])).await?;
    let address = "10.0.0.1/24".parse().expect("an address");
    kernel.create_address(&made[0], &if_name("e0"), address).await?;
    Ok(made)
}

#[tokio::test]
async fn a_call_that_the_wrapper_fails_never_reached_the_kernel() {
    let (mut built, mut failed) = (0, 0);
    for seed in 0..200 {
        let fake = FakeKernel::new("/fake/netns");
        let failing = Failing::new(Arc::new(fake.clone()), Faults::new(seed, 0.15));
        let (a, b) = (netns_name("a"), netns_name("b"));
        match build(&failing, &[a.clone(), b.clone()]).await {
            Ok(made) => {
                built += 1;
                assert_eq!(fake.list_addresses(&made[0], &if_name("e0")).await.expect("addresses").len(), 1);
            }
            Err(error) => {
                failed += 1;
                assert!(injected(&error, seed), "{error} under {}", failing.faults());
                let all = fake.list_netns().await.expect("names");
                let calls = failing.faults().calls() as usize;
                assert_eq!(all.len(), calls.saturating_sub(1).min(2), "{all:?} after {calls} calls, the last of which failed");
                if let Some(netns) = all.first().map(|_| fake.netns("a").expect("a valid name")) {
                    let has_veth = names(&fake, &netns).await.len() == 2;
                    assert_eq!(has_veth, calls == 4, "the veth is there only if the address was what failed");
                }
            }
        }
    }
    assert!(built > 20 && failed > 20, "{built} built, {failed} failed");
}
