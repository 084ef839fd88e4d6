//! Packets of sandboxes, for real: out of the host as far as they may, and from one network to another never.
//!
//! The switches here know nothing of other networks, as the daemon's do: what keeps networks apart in these cases is what the driver
//! has the kernel do. Without libtest's harness: each case is a process in namespaces of its own, which it has to enter while it has
//! one thread.

mod own;
mod world;

use std::pin::Pin;
use std::process::{Command, ExitCode};

use lanloom_drivers::driver::Driver;
use lanloom_drivers::kernel::Route;
use own::enter_own_namespaces;
use world::{World, endpoint_id, if_name, net, spec};

/// What names the one case of a process.
const VARIABLE: &str = "LANLOOM_CASE";
/// Whether the host forwards IPv4.
const FORWARD: &str = "net.ipv4.ip_forward";

type Outcome<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A name, and what is done under it.
type Case = (&'static str, for<'a> fn(&'a World) -> Outcome<'a>);

const CASES: [Case; 6] = [
    ("a_sandbox_reaches_the_world_by_the_host_s_address", |world| Box::pin(a_sandbox_reaches_the_world(world))),
    ("what_is_routed_keeps_its_source", |world| Box::pin(what_is_routed_keeps_its_source(world))),
    ("what_docker_would_drop_goes_out_and_leaves_no_rule", |world| Box::pin(what_docker_would_drop_goes_out(world))),
    ("an_internal_network_stays_in", |world| Box::pin(an_internal_network_stays_in(world))),
    ("networks_do_not_reach_each_other_through_the_host", |world| Box::pin(networks_stay_apart(world))),
    ("without_nft_they_do_not_either", |world| Box::pin(without_nft_they_stay_apart(world))),
];

async fn a_sandbox_reaches_the_world(world: &World) {
    let (v4, v6) = (world.sandbox(1, false, &[]).await, world.sandbox_v6(2).await);
    for (sandbox, host, there) in [(v4, "192.0.2.1", "192.0.2.9"), (v6, "2001:db8::1", "2001:db8::9")] {
        let seen = world.seen_from(&sandbox, there);
        assert_eq!(seen, Some(host.parse().expect("an address")));
    }
}

async fn what_is_routed_keeps_its_source(world: &World) {
    let sandbox = world.sandbox(1, false, &[("com.docker.network.bridge.gateway_mode_ipv4", "routed")]).await;
    let back = Route { to: net("10.1.0.0/24"), via: "192.0.2.1".parse().ok(), dev: if_name("eth0"), on_link: false };
    world.kernel.create_route(&world.outside, &back).await.expect("a way back");
    assert_eq!(world.seen_from(&sandbox, "192.0.2.9"), Some(sandbox.address));
}

async fn what_docker_would_drop_goes_out(world: &World) {
    // What Docker leaves on a host.
    for words in ["-P FORWARD DROP", "-N DOCKER-USER", "-A DOCKER-USER -j RETURN", "-I FORWARD -j DOCKER-USER"] {
        iptables(words);
    }
    let before = iptables("-S");
    let sandbox = world.sandbox(1, false, &[]).await;
    assert_ne!(iptables("-S"), before);
    assert_eq!(world.seen_from(&sandbox, "192.0.2.9"), "192.0.2.1".parse().ok());
    let network = spec(1).id;
    world.driver.delete_endpoint(&network, &endpoint_id(1)).await.expect("deleted");
    world.driver.delete_network(&network).await.expect("deleted");
    assert_eq!(iptables("-S"), before);
}

async fn an_internal_network_stays_in(world: &World) {
    let (inside, other) = (world.sandbox(1, true, &[]).await, world.sandbox(2, false, &[]).await);
    let route = Route { to: net("0.0.0.0/0"), via: "10.1.0.1".parse().ok(), dev: if_name("eth0"), on_link: false };
    world.kernel.create_route(&inside.netns, &route).await.expect("it tries by the gateway");
    assert!(!world.crosses(&inside, &other), "to another network");
    assert!(!world.crosses(&other, &inside), "from another network");
}

async fn networks_stay_apart(world: &World) {
    let (a, b) = (world.sandbox(1, false, &[]).await, world.sandbox(2, false, &[]).await);
    assert!(!world.crosses(&a, &b) && !world.crosses(&b, &a));
    // With nothing in between they would: what is looked for would be seen.
    Command::new("nft").args(["flush", "ruleset"]).status().expect("nft");
    assert!(world.crosses(&a, &b));
    world.driver.settle().await.expect("put right");
    assert!(!world.crosses(&a, &b));
}

async fn without_nft_they_stay_apart(world: &World) {
    // Somebody else has the host forward, before and after networks are made.
    world.set(FORWARD, "1").await;
    let (a, b) = (world.sandbox(1, false, &[]).await, world.sandbox(2, false, &[]).await);
    assert!(!world.crosses(&a, &b) && !world.crosses(&b, &a));
    world.set(FORWARD, "0").await;
    world.set(FORWARD, "1").await;
    // The kernel has had all interfaces forward by that: what is looked for is seen, until it is put right.
    assert!(world.crosses(&a, &b));
    world.driver.settle().await.expect("put right");
    assert!(!world.crosses(&a, &b) && !world.crosses(&b, &a));
}

/// What `iptables` with these words answers.
fn iptables(words: &str) -> String {
    let output = Command::new("iptables").args(words.split(' ')).output().expect("iptables");
    assert!(output.status.success(), "iptables {words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn main() -> ExitCode {
    if let Ok(name) = std::env::var(VARIABLE) {
        return inner(&name);
    }
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let cases = if may_run() { &CASES[..] } else { &[] };
    let (mut passed, mut failed) = (0, 0);
    for (name, _) in cases.iter().filter(|(name, _)| name.contains(&filter)) {
        let program = std::env::current_exe().expect("this program");
        let ok = Command::new(program).env(VARIABLE, name).status().expect("a process").success();
        println!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
        if ok { passed += 1 } else { failed += 1 }
    }
    println!("\ntest result: {}. {passed} passed; {failed} failed; 0 ignored", if failed == 0 { "ok" } else { "FAILED" });
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One case, in this process, which has one thread yet. All that it makes is gone with it.
fn inner(name: &str) -> ExitCode {
    let Some((_, case)) = CASES.iter().find(|(known, _)| *known == name) else { return ExitCode::FAILURE };
    enter_own_namespaces().expect("namespaces of its own");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { case(&World::new(!name.starts_with("without_nft")).await).await });
    ExitCode::SUCCESS
}

/// It takes root, `nft` and `iptables`, and fails where nothing may be skipped.
fn may_run() -> bool {
    let has = |program| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    let can = nix::unistd::geteuid().is_root() && has("nft") && has("iptables");
    let may_skip = std::env::var_os("CI").is_none();
    assert!(can || may_skip, "this must run as root and with nft and iptables where nothing may be skipped");
    if !can {
        println!("skipped: networks of one's own need root, and the packages nftables and iptables");
    }
    can
}
