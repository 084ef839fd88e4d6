//! What others did while no daemon was there is put right.

use lanloom_drivers::bridge::GATEWAY;
use lanloom_drivers::driver::{Driver, Fabric, GuardMode, NetworkSpec};
use lanloom_drivers::kernel::{Kernel, Netns};

use super::{Bench, dual, endpoint, if_name, net, v4};

#[tokio::test]
async fn the_gateway_and_the_firewall_are_put_right() {
    let mut bench = Bench::new();
    let network = dual(1, &[]);
    bench.create(&network).await;
    let gateway = if_name("gw1");
    bench.kernel.delete_address(&Netns::Daemon, &gateway, net("10.1.0.1/24")).await.expect("gone");
    bench.kernel.create_address(&Netns::Daemon, &gateway, net("192.0.2.1/24")).await.expect("strange");
    bench.set_sysctl("net.ipv4.conf.gw1.forwarding", "0").await;
    bench.set_sysctl("net.ipv6.conf.gw1.accept_ra", "1").await;
    let firewall = bench.firewall();
    bench.kernel.flush_ruleset();
    bench.restart();
    assert_eq!(bench.driver.restore_network(&network, &[]).await, Ok(Vec::new()));
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    assert_eq!(bench.addresses("gw1").await, [net("10.1.0.1/24"), net("fd00:1::1/64")]);
    assert_eq!(bench.settings("gw1").await, ["1", "1", "0"]);
    assert_eq!(bench.sysctl("net.ipv6.conf.gw1.accept_ra").await, "0");
    assert_eq!(bench.firewall().map(|now| now.networks), firewall.map(|before| before.networks));
}

#[tokio::test]
async fn a_gateway_whose_interface_has_gone_is_made_again() {
    let mut bench = Bench::new();
    let network = v4(1, &[]);
    bench.create(&network).await;
    bench.kernel.delete_link(&Netns::Daemon, &if_name("gw1")).await.expect("gone");
    bench.restart();
    assert_eq!(bench.driver.restore_network(&network, &[]).await, Ok(Vec::new()));
    assert_eq!(bench.addresses("gw1").await, [net("10.1.0.1/24")]);
}

#[tokio::test]
async fn what_cannot_be_put_right_is_said_and_the_rest_works() {
    let mut bench = Bench::new();
    let network = v4(1, &[]);
    bench.create(&network).await;
    let a = endpoint("a", &["10.1.0.2/24"], &[]);
    bench.join(&network, &a).await;
    bench.fabric.lose_port("net1", GATEWAY).await.expect("gone");
    bench.kernel.create_tap(&Netns::Daemon, &if_name("gw1")).expect("somebody else's");
    bench.restart();
    let notes = bench.driver.restore_network(&network, &[(a.clone(), None)]).await.expect("taken up");
    assert!(notes.len() == 1 && notes[0].contains("gw1"), "{notes:?}");
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    bench.driver.delete_endpoint(&network.id, &a.id).await.expect("deleted");
    bench.driver.delete_network(&network.id).await.expect("deleted");
    bench.kernel.link(&Netns::Daemon, &if_name("gw1")).await.expect("theirs stays");
}

#[tokio::test]
async fn guards_are_given_again() {
    let mut bench = Bench::new();
    let network = v4(1, &[]);
    bench.create(&network).await;
    let a = endpoint("a", &["10.1.0.2/24"], &[]);
    bench.join(&network, &a).await;
    let port = bench.port(&network, "a").await;
    let join = lanloom_drivers::driver::Join { netns: port.netns.clone(), ifname: port.ifname.clone() };
    let bare = lanloom_drivers::driver::PortGuard { mode: GuardMode::Off, trusted: true, ..port.guard.clone() };
    bench.fabric.set_port("net1", "a", true, &bare).await.expect("bare");
    bench.restart();
    let told = [(a, Some(join))];
    assert_eq!(bench.driver.restore_network(&network, &told).await, Ok(Vec::new()));
    assert_eq!(bench.port(&network, "a").await, port);
}

#[tokio::test]
async fn a_daemon_without_networks_takes_its_firewall_away() {
    let mut bench = Bench::new();
    bench.create(&v4(1, &[])).await;
    bench.restart();
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    assert_eq!(bench.firewall(), None);
    assert_eq!(bench.sysctl("net.ipv4.ip_forward").await, "0");
}

#[tokio::test]
async fn what_cannot_be_is_not_taken_up() {
    let bench = Bench::new();
    bench.create(&v4(1, &[])).await;
    let twin = NetworkSpec { name: "net1".to_owned(), ..v4(2, &[]) };
    bench.driver.restore_network(&twin, &[]).await.expect_err("one of that name is there");
    bench.driver.restore_network(&v4(1, &[]), &[]).await.expect_err("it is there");
    assert_eq!(bench.fabric.switches().await, ["net1"]);
}

#[tokio::test]
async fn a_firewall_that_was_flushed_meanwhile_is_loaded_again() {
    let bench = Bench::new();
    let network = v4(1, &[]);
    bench.create(&network).await;
    let firewall = bench.firewall();
    bench.kernel.flush_ruleset();
    for _ in 0..2 {
        assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
        assert_eq!(bench.firewall(), firewall, "with what was known of the host at first");
    }
    bench.driver.delete_network(&network.id).await.expect("deleted");
    assert_eq!(bench.sysctl("net.ipv4.ip_forward").await, "0");
}
