//! Networks and their tunnels.

use lanloom_drivers::driver::{Driver, DriverErrorKind, Fabric, GuardMode, NetworkSpec, Role};

use super::{Bench, MTU, PEERS, VNIS, ip, large, pool, v4};

#[tokio::test]
async fn each_subnet_has_a_tunnel_to_all_peers() {
    let bench = Bench::new().await;
    let network = large(1, &[PEERS, (VNIS, "7,8")]);
    assert_eq!(bench.create(&network).await, Vec::<String>::new());
    let tunnels = bench.tunnels(&network).await;
    let shown: Vec<_> = tunnels.iter().map(|it| (it.name.as_str(), it.path.vni, it.path.segment, it.path.port)).collect();
    assert_eq!(shown, [("_vxlan-7", 7, 0, 4789), ("_vxlan-8", 8, 1, 4789)]);
    for tunnel in tunnels {
        assert_eq!((tunnel.path.local, tunnel.path.peers), (ip("192.0.2.1"), vec![ip("192.0.2.2"), ip("192.0.2.3")]));
        assert_eq!((tunnel.guard.role, tunnel.guard.mode, tunnel.guard.mac), (Role::Endpoint, GuardMode::Leased, None));
    }
}

#[tokio::test]
async fn identifiers_are_the_same_on_all_hosts_and_shown() {
    let (one, two) = (Bench::new().await, Bench::with(Some("192.0.2.1")).await);
    let network = large(1, &[PEERS, (VNIS, "7")]);
    for bench in [&one, &two] {
        bench.create(&network).await;
    }
    let vnis = |bench: &Bench| bench.driver.chosen(&network.id).get(VNIS).cloned();
    assert_eq!(vnis(&one), vnis(&two));
    assert!(vnis(&one).is_some_and(|list| list.starts_with("7,") && list.len() > "7,4095".len()), "{:?}", vnis(&one));
    let more = NetworkSpec { id: "ee".repeat(32), name: "other".to_owned(), v4: vec![pool("10.9.0.0/24")], ..v4(2, &[PEERS]) };
    one.create(&more).await;
    assert_ne!(one.driver.chosen(&more.id).get(VNIS), vnis(&one).as_ref());
}

#[tokio::test]
async fn an_identifier_of_another_network_is_refused_naming_it_and_the_option() {
    let bench = Bench::new().await;
    bench.create(&v4(1, &[PEERS, (VNIS, "7")])).await;
    let error = bench.refused(&v4(2, &[PEERS, (VNIS, "7")])).await;
    assert_eq!(error.kind, DriverErrorKind::Conflict);
    assert!(error.why.contains("network net1") && error.why.contains("identifier 7"), "{error}");
    assert!(error.hint.contains(VNIS), "{error}");
}

#[tokio::test]
async fn a_list_that_is_too_long_is_cut_with_a_note() {
    let bench = Bench::new().await;
    let network = v4(1, &[PEERS, (VNIS, "7,8,9")]);
    bench.create(&network).await;
    assert_eq!(bench.driver.notes(&network.id), [format!("{VNIS} names more than there are subnets: 8, 9 unused")]);
    assert_eq!(bench.tunnels(&v4(1, &[])).await.len(), 1);
}

#[tokio::test]
async fn peers_change_while_it_runs() {
    let bench = Bench::new().await;
    bench.create(&large(1, &[("lanloom.local", "192.0.2.1")])).await;
    let before = bench.tunnels(&v4(1, &[])).await;
    assert!(before.iter().all(|tunnel| tunnel.path.peers.is_empty()), "{before:?}");
    let peers = ("lanloom.peers", "192.0.2.9");
    let changed = large(1, &[("lanloom.local", "192.0.2.1"), peers]);
    bench.driver.update_network(&changed).await.expect("changed");
    let mut after = bench.tunnels(&changed).await;
    assert!(after.iter().all(|tunnel| tunnel.path.peers == [ip("192.0.2.9")]), "{after:?}");
    after.iter_mut().for_each(|tunnel| tunnel.path.peers.clear());
    assert_eq!(after, before, "and nothing else");
}

#[tokio::test]
async fn a_network_without_peers_says_how_to_name_them_until_it_has_some() {
    let bench = Bench::with(Some("192.0.2.1")).await;
    let network = v4(1, &[]);
    bench.create(&network).await;
    let notes = bench.driver.notes(&network.id);
    assert!(notes.len() == 1 && notes[0].contains("network update net1 --opt lanloom.peers="), "{notes:?}");
    bench.driver.update_network(&v4(1, &[PEERS])).await.expect("changed");
    assert_eq!(bench.driver.notes(&network.id), Vec::<String>::new());
}

#[tokio::test]
async fn a_subnet_more_has_a_tunnel_more() {
    let bench = Bench::new().await;
    bench.create(&v4(1, &[PEERS, (VNIS, "7")])).await;
    bench.driver.update_network(&large(1, &[PEERS, (VNIS, "7,8")])).await.expect("it grows");
    let vnis: Vec<_> = bench.tunnels(&v4(1, &[])).await.iter().map(|it| (it.path.vni, it.path.segment)).collect();
    assert_eq!(vnis, [(7, 0), (8, 1)]);
}

#[tokio::test]
async fn a_change_that_fails_half_way_is_undone() {
    let bench = Bench::new().await;
    let network = v4(1, &[PEERS, (VNIS, "7")]);
    bench.create(&network).await;
    let before = bench.tunnels(&network).await;
    let mut tried = 0;
    for calls in 0.. {
        bench.fabric.faults().fail_after(calls);
        let grown = large(1, &[("lanloom.peers", "192.0.2.9"), (VNIS, "7,8")]);
        let done = bench.driver.update_network(&grown).await;
        if bench.fabric.faults().is_armed() {
            done.expect("nothing failed");
            break;
        }
        tried += 1;
        done.expect_err("a call failed");
        assert_eq!(bench.tunnels(&network).await, before, "after {calls} calls");
    }
    assert!(tried > 1, "several steps failed in turn");
}

#[tokio::test]
async fn encrypted_is_refused_by_its_presence() {
    let bench = Bench::new().await;
    let error = bench.refused(&v4(1, &[PEERS, ("encrypted", "false")])).await;
    assert!(error.why.contains("no clear-text network is made in its name"), "{error}");
}

#[tokio::test]
async fn a_failed_creation_leaves_no_tunnel() {
    let bench = Bench::new().await;
    let network = large(1, &[PEERS, (MTU, "1400")]);
    for calls in 0..3 {
        bench.fabric.faults().fail_after(calls);
        bench.driver.create_network(&network).await.expect_err("a call failed");
        assert_eq!(bench.fabric.ports(&network.name).await, None);
    }
    bench.fabric.faults().heal();
    bench.create(&network).await;
    bench.driver.delete_network(&network.id).await.expect("deleted");
    assert_eq!(bench.fabric.switches().await, Vec::<String>::new());
}
