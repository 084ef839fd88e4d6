//! A daemon starts again, in an underlay as it was or another.

use lanloom_drivers::driver::{Driver, Fabric};
use lanloom_drivers::kernel::{Kernel, LinkChange, Netns};

use super::{Bench, PEERS, UNDER, VNIS, endpoint, if_name, ip, large, net, v4};

const DOWN: LinkChange = LinkChange { up: Some(false), mtu: None, mac: None, name: None, tx_queue_len: None };
const UP: LinkChange = LinkChange { up: Some(true), ..DOWN };

#[tokio::test]
async fn tunnels_that_are_there_stay_and_get_what_changed_meanwhile() {
    let mut bench = Bench::new().await;
    bench.create(&large(1, &[PEERS])).await;
    let before = bench.tunnels(&v4(1, &[])).await;
    bench.restart();
    assert_eq!(bench.driver.restore_network(&large(1, &[PEERS]), &[]).await, Ok(Vec::new()));
    assert_eq!(bench.tunnels(&v4(1, &[])).await, before);
    bench.restart();
    let other = large(1, &[("lanloom.peers", "192.0.2.9")]);
    assert_eq!(bench.driver.restore_network(&other, &[]).await, Ok(Vec::new()));
    assert!(bench.tunnels(&other).await.iter().all(|tunnel| tunnel.path.peers == [ip("192.0.2.9")]));
}

#[tokio::test]
async fn a_host_that_has_moved_has_its_tunnels_made_anew() {
    let mut bench = Bench::new().await;
    let network = v4(1, &[PEERS]);
    bench.create(&network).await;
    let under = if_name(UNDER);
    bench.kernel.delete_address(&Netns::Daemon, &under, net("192.0.2.1/24")).await.expect("deleted");
    bench.kernel.create_address(&Netns::Daemon, &under, net("192.0.2.77/24")).await.expect("an address");
    bench.restart();
    assert_eq!(bench.driver.restore_network(&network, &[]).await, Ok(Vec::new()));
    let tunnels = bench.tunnels(&network).await;
    assert_eq!((tunnels.len(), tunnels[0].path.local), (1, ip("192.0.2.77")));
}

#[tokio::test]
async fn an_underlay_that_comes_late_is_told_and_waited_for() {
    let mut bench = Bench::new().await;
    let network = v4(1, &[PEERS]);
    bench.create(&network).await;
    let before = bench.tunnels(&network).await;
    bench.fabric.lose_port(&network.name, &before[0].name).await.expect("gone");
    bench.set_underlay(DOWN).await;
    bench.restart();
    let told = |bench: &Bench| bench.driver.notes(&network.id);
    assert_eq!(bench.driver.restore_network(&network, &[]).await, Ok(Vec::new()), "taken up all the same");
    bench.join(&network, &endpoint("a", &["10.1.0.2/24"], &[])).await;
    let why = "no route leads to the peer 192.0.2.2";
    let said = bench.driver.settle().await.expect("tried again");
    assert!(said.len() == 1 && said[0].contains(why), "{said:?}");
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()), "once");
    assert!(told(&bench).len() == 1 && told(&bench)[0].contains(why), "and shown: {:?}", told(&bench));
    assert_eq!(bench.tunnels(&network).await, []);
    bench.set_underlay(UP).await;
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    assert_eq!((bench.tunnels(&network).await, told(&bench)), (before, Vec::new()));
}

#[tokio::test]
async fn what_keeps_a_tunnel_away_for_another_reason_is_news() {
    let mut bench = Bench::new().await;
    let network = v4(1, &[PEERS]);
    bench.create(&network).await;
    bench.set_underlay(DOWN).await;
    bench.restart();
    bench.driver.restore_network(&network, &[]).await.expect("taken up");
    bench.driver.settle().await.expect("tried again");
    let under = if_name(UNDER);
    bench.kernel.create_address(&Netns::Daemon, &under, net("192.0.2.2/24")).await.expect("an address");
    let news = bench.driver.settle().await.expect("tried again");
    assert!(news.len() == 1 && news[0].contains("the peer 192.0.2.2 is this host itself"), "{news:?}");
}

#[tokio::test]
async fn tunnels_stay_as_they_are_while_the_underlay_is_away() {
    let mut bench = Bench::new().await;
    let network = v4(1, &[PEERS]);
    bench.create(&network).await;
    let before = bench.tunnels(&network).await;
    bench.set_underlay(DOWN).await;
    bench.restart();
    bench.driver.restore_network(&network, &[]).await.expect("taken up");
    bench.driver.settle().await.expect("tried again");
    assert_eq!((bench.driver.notes(&network.id).len(), bench.tunnels(&network).await), (1, before));
}

#[tokio::test]
async fn guards_are_known_before_the_network_is_taken_up() {
    let bench = Bench::new().await;
    let network = large(1, &[PEERS, (VNIS, "7,8"), ("lanloom.trusted", "true")]);
    bench.create(&network).await;
    let one = endpoint("a", &["10.1.0.2/24"], &[]);
    bench.join(&network, &one).await;
    let guards = bench.driver.guards(&network, &[one]);
    assert_eq!(guards.len(), bench.fabric.ports(&network.name).await.map_or(0, |ports| ports.len()));
    for tunnel in bench.tunnels(&network).await {
        assert!(guards.contains(&(tunnel.name, tunnel.guard)));
    }
}
