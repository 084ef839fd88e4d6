//! The way out of the host.

use std::collections::BTreeSet;
use std::sync::Arc;

use lanloom_drivers::bridge::Bridge;
use lanloom_drivers::driver::{Driver, DriverErrorKind, Fabric, FakeFabric};
use lanloom_drivers::kernel::{
    Bystanders, Egress, FORWARD_V4, FORWARD_V6, Failing, Faults, Firewall, Gate, Kernel, Manager, Netns, Obstacle, TableName,
};

use super::{Bench, driver, dual, endpoint, if_name, internal, net, v4};

fn entry(number: u8, pools: &[&str]) -> Egress {
    Egress::usual(if_name(&format!("gw{number}")), pools.iter().map(|pool| net(pool)).collect())
}

fn gate(name: &str) -> Gate {
    Gate { interface: if_name(name), inbound_v4: false, inbound_v6: false }
}

fn obstacle(place: Option<&str>) -> Obstacle {
    let (family, table, chain) = ("ip".to_owned(), "filter".to_owned(), "FORWARD".to_owned());
    Obstacle { manager: Manager::Iptables, family, table, chain, place: place.map(str::to_owned), trusted: Vec::new() }
}

#[tokio::test]
async fn the_firewall_has_all_networks_as_their_options_say() {
    let bench = Bench::new();
    bench.create(&dual(1, &[])).await;
    bench.create(&internal(v4(2, &[]))).await;
    let mode = ("com.docker.network.bridge.gateway_mode_ipv6", "routed");
    bench.create(&dual(3, &[mode, ("com.docker.network.host_ipv4", "192.0.2.1")])).await;
    bench.create(&v4(4, &[("com.docker.network.bridge.enable_ip_masquerade", "false")])).await;
    let unprotected = ("com.docker.network.bridge.gateway_mode_ipv4", "nat-unprotected");
    bench.create(&v4(5, &[unprotected, ("lanloom.guard", "off")])).await;
    bench.create(&v4(6, &[("com.docker.network.bridge.enable_icc", "false")])).await;
    let expected = [
        entry(1, &["10.1.0.0/24"]),
        entry(1, &["fd00:1::/64"]),
        Egress { internal: true, ..entry(2, &["10.2.0.0/24"]) },
        Egress { snat: "192.0.2.1".parse().ok(), ..entry(3, &["10.3.0.0/24"]) },
        Egress { masquerade: false, protected: false, ..entry(3, &["fd00:3::/64"]) },
        Egress { masquerade: false, ..entry(4, &["10.4.0.0/24"]) },
        Egress { protected: false, own_sources: false, ..entry(5, &["10.5.0.0/24"]) },
        Egress { apart: true, ..entry(6, &["10.6.0.0/24"]) },
    ];
    assert_eq!(bench.firewall().expect("it is loaded").networks, expected);
    bench.driver.delete_network(&v4(2, &[]).id).await.expect("deleted");
    assert_eq!(bench.firewall().expect("it is loaded").networks.len(), 7);
}

/// Has the daemon's namespace have an interface that is nobody's of ours, with an address if one is given.
async fn interface(bench: &Bench, name: &str, address: Option<&str>) {
    bench.kernel.create_tap(&Netns::Daemon, &if_name(name)).expect("a TAP");
    if let Some(address) = address {
        bench.kernel.create_address(&Netns::Daemon, &if_name(name), net(address)).await.expect("an address");
    }
}

fn bystanders(bench: &Bench) -> Bystanders {
    bench.firewall().expect("loaded").bystanders
}

#[tokio::test]
async fn the_host_forwards_as_long_as_a_network_needs_it() {
    let mut bench = Bench::new();
    let (one, two) = (v4(1, &[]), dual(2, &[]));
    interface(&bench, "eth0", Some("192.0.2.1/24")).await;
    let there = BTreeSet::from([if_name("eth0")]);
    assert_eq!(bench.create(&one).await, Vec::<String>::new());
    assert_eq!((bench.sysctl(FORWARD_V4).await, bench.sysctl(FORWARD_V6).await), ("1".to_owned(), "0".to_owned()));
    let first = Bystanders { v4: Some(there.clone()), ..Bystanders::default() };
    assert_eq!(bystanders(&bench), first, "between these the host is not to become a router");
    let notes = bench.create(&two).await;
    assert!(notes.len() == 1 && notes[0].contains("eth0") && notes[0].contains("accept_ra is 2"), "{notes:?}");
    assert_eq!(bench.sysctl(FORWARD_V6).await, "1");
    let all = Bystanders { v6: Some(there.clone()), listeners: there, ..first };
    assert_eq!((bystanders(&bench), bench.sysctl("net.ipv6.conf.eth0.accept_ra").await.as_str()), (all.clone(), "2"));
    // What was found at first is known after a restart too.
    bench.restart();
    for network in [&one, &two] {
        assert_eq!(bench.driver.restore_network(network, &[]).await, Ok(Vec::new()));
    }
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    assert_eq!(bystanders(&bench), all);
    bench.driver.delete_network(&two.id).await.expect("deleted");
    assert_eq!((bench.sysctl(FORWARD_V4).await, bench.sysctl(FORWARD_V6).await), ("1".to_owned(), "0".to_owned()));
    assert_eq!(bench.sysctl("net.ipv6.conf.eth0.accept_ra").await, "1");
    bench.driver.delete_network(&one.id).await.expect("deleted");
    assert_eq!((bench.sysctl(FORWARD_V4).await, bench.firewall()), ("0".to_owned(), None));
    interface(&bench, "eth1", None).await;
    bench.create(&one).await;
    assert_eq!(bystanders(&bench).v4, Some(["eth0", "eth1"].map(if_name).into()), "and again");
}

#[tokio::test]
async fn what_the_kernel_changes_with_forwarding_is_put_back_after_a_restart_too() {
    let mut bench = Bench::new();
    interface(&bench, "eth0", Some("192.0.2.1/24")).await;
    let refuses = "net.ipv4.conf.all.accept_redirects";
    let before = ["net.ipv4.conf.eth0.forwarding", "net.ipv6.conf.eth0.forwarding", "net.ipv6.conf.default.forwarding"];
    bench.set_sysctl(refuses, "0").await;
    for name in before {
        bench.set_sysctl(name, "1").await;
    }
    bench.set_sysctl("net.ipv6.conf.eth0.force_forwarding", "1").await;
    bench.create(&dual(1, &[])).await;
    let there = BTreeSet::from([if_name("eth0")]);
    let known = Bystanders {
        v4: Some(there.clone()),
        v6: Some(there.clone()),
        listeners: [].into(),
        forwarders_v4: there.clone(),
        forwarders_v6: ["default", "eth0"].map(if_name).into(),
        forced: there,
        no_redirects: true,
    };
    assert_eq!(bystanders(&bench), known);
    let forwards_by_itself = ["net.ipv4.conf.lo.forwarding", "net.ipv4.conf.default.forwarding"];
    for name in forwards_by_itself {
        assert_eq!(bench.sysctl(name).await, "1", "{name}: the kernel has all interfaces forward");
    }
    bench.restart();
    assert_eq!(bench.driver.restore_network(&dual(1, &[]), &[]).await, Ok(Vec::new()));
    bench.driver.delete_network(&v4(1, &[]).id).await.expect("deleted");
    assert_eq!((bench.sysctl(refuses).await.as_str(), bench.firewall()), ("0", None));
    for name in before {
        assert_eq!(bench.sysctl(name).await, "1", "{name}");
    }
    for name in forwards_by_itself {
        assert_eq!(bench.sysctl(name).await, "0", "{name}");
    }
}

#[tokio::test]
async fn a_host_that_forwarded_before_goes_on_to() {
    let bench = Bench::new();
    interface(&bench, "docker0", Some("172.17.0.1/16")).await;
    bench.set_sysctl(FORWARD_V4, "1").await;
    bench.create(&dual(1, &[])).await;
    assert_eq!((bystanders(&bench).v4, bystanders(&bench).v6), (None, Some([if_name("docker0")].into())), "IPv4 alone");
    // Somebody has it stop for a while: that cuts off nobody else once it goes on.
    bench.set_sysctl(FORWARD_V4, "0").await;
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    assert_eq!((bench.sysctl(FORWARD_V4).await.as_str(), bystanders(&bench).v4), ("1", None));
    bench.driver.delete_network(&v4(1, &[]).id).await.expect("deleted");
    assert_eq!((bench.sysctl(FORWARD_V4).await, bench.sysctl(FORWARD_V6).await), ("1".to_owned(), "0".to_owned()));
}

#[tokio::test]
async fn whatever_an_interface_is_called_it_is_a_bystander_or_is_told_to_be_none() {
    let bench = Bench::new();
    let there = ["lan+1", "wan@x", "$d", "{x}", "q\"x", "st*r", "\u{fc}1"];
    for name in there.into_iter().chain(["@internal", "any*"]) {
        interface(&bench, name, None).await;
    }
    let notes = bench.create(&v4(1, &[])).await;
    assert_eq!(bystanders(&bench).v4, Some(there.map(if_name).into()));
    assert!(notes.len() == 2 && ["@internal", "any*"].iter().all(|name| notes.concat().contains(name)), "{notes:?}");
}

#[tokio::test]
async fn a_name_that_was_a_network_s_gateway_before_a_restart_is_anybody_s_once_that_network_is_gone() {
    let mut bench = Bench::new();
    let named = v4(1, &[]);
    bench.create(&named).await;
    bench.restart();
    assert_eq!(bench.driver.restore_network(&named, &[]).await, Ok(Vec::new()));
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    bench.driver.delete_network(&named.id).await.expect("deleted");
    interface(&bench, "gw1", Some("198.51.100.1/24")).await;
    bench.create(&v4(2, &[])).await;
    assert_eq!(bystanders(&bench).v4, Some([if_name("gw1")].into()), "it is somebody's who was there before");
    // And one that comes later relies on what it finds.
    interface(&bench, "gw3", Some("198.51.101.1/24")).await;
    bench.driver.delete_network(&v4(2, &[]).id).await.expect("deleted");
    assert_eq!(bench.sysctl(FORWARD_V4).await, "1");
}

#[tokio::test]
async fn a_host_goes_on_forwarding_for_what_came_meanwhile_and_stops_when_that_is_gone() {
    let mut bench = Bench::new();
    interface(&bench, "eth0", Some("192.0.2.1/24")).await;
    bench.create(&dual(1, &[])).await;
    interface(&bench, "virbr0", Some("192.168.122.1/24")).await;
    interface(&bench, "tap9", None).await;
    bench.driver.delete_network(&v4(1, &[]).id).await.expect("deleted");
    assert_eq!((bench.sysctl(FORWARD_V4).await, bench.sysctl(FORWARD_V6).await), ("1".to_owned(), "0".to_owned()));
    let left = Bystanders { v4: Some([if_name("eth0")].into()), ..Bystanders::default() };
    assert_eq!(bystanders(&bench), left, "it is still no router between what was there before");
    let notes = bench.driver.settle().await.expect("settled");
    assert!(notes.len() == 1 && notes[0].ends_with("virbr0"), "{notes:?}");
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()), "that has been said");
    bench.restart();
    assert!(bench.driver.settle().await.is_ok_and(|notes| notes.len() == 1));
    bench.create(&v4(2, &[])).await;
    bench.driver.delete_network(&v4(2, &[]).id).await.expect("deleted");
    assert_eq!(bystanders(&bench), left, "for it still");
    bench.kernel.delete_link(&Netns::Daemon, &if_name("virbr0")).await.expect("deleted");
    // Whoever takes a bridge away takes its rules away too: that is seen.
    bench.kernel.set_bridges(&[]);
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    assert_eq!((bench.sysctl(FORWARD_V4).await, bench.firewall()), ("0".to_owned(), None));
}

#[tokio::test]
async fn daemons_that_start_at_the_same_time_do_not_cut_each_other_off() {
    let bench = Bench::new();
    interface(&bench, "gw9", Some("10.9.0.1/24")).await;
    bench.create(&v4(1, &[])).await;
    assert_eq!(bystanders(&bench).v4, Some([if_name("gw9")].into()), "whose it is, nobody knows yet");
    let table = TableName::new("lanloom-other").expect("a valid name");
    let theirs =
        Firewall { table, networks: vec![entry(9, &["10.9.0.0/24"])], bystanders: Bystanders::default(), bridges: [].into() };
    bench.kernel.set_firewall(&theirs).await.expect("set");
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    assert_eq!(bystanders(&bench).v4, Some([].into()));
}

#[tokio::test]
async fn switching_forwarding_on_leaves_internal_gateways_off() {
    let bench = Bench::new();
    bench.create(&internal(v4(1, &[]))).await;
    // The kernel has every interface forward when the host begins to.
    bench.create(&v4(2, &[])).await;
    assert_eq!(bench.settings("gw1").await[0], "0");
    assert_eq!(bench.settings("gw2").await[0], "1");
}

#[tokio::test]
async fn without_nft_networks_work_and_nothing_leaves_the_host() {
    let bench = Bench::new();
    bench.kernel.set_nft(false);
    let network = v4(1, &[]);
    let notes = bench.create(&network).await;
    assert!(notes.len() == 1 && notes[0].contains("apt install nftables"), "{notes:?}");
    assert_eq!(bench.create(&internal(v4(2, &[]))).await, Vec::<String>::new(), "nothing is missing there");
    assert_eq!(bench.settings("gw1").await[0], "0", "nothing comes from one gateway to another");
    assert_eq!(bench.sysctl(FORWARD_V4).await, "0");
    let one = endpoint("a", &["10.1.0.2/24"], &[]);
    assert_eq!(bench.join(&network, &one).await.gateway_v4, "10.1.0.1".parse().ok());
    let info = bench.driver.info(&network.id, &one.id).await.expect("known");
    assert!(info["lanloom.egress"].contains("apt install nftables"), "{info:?}");
    bench.kernel.set_nft(true);
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    assert_eq!(bench.firewall().expect("loaded").networks.len(), 2);
    assert_eq!((bench.settings("gw1").await[0].as_str(), bench.settings("gw2").await[0].as_str()), ("1", "0"));
    assert_eq!(bench.driver.info(&network.id, &one.id).await.expect("known")["lanloom.egress"], "on");
    bench.kernel.set_nft(false);
    bench.driver.delete_network(&internal(v4(2, &[])).id).await.expect("deleted without it too");
}

#[tokio::test]
async fn a_table_that_drops_what_is_forwarded_is_opened_or_named() {
    let bench = Bench::new();
    bench.kernel.set_obstacles(vec![obstacle(None)]);
    let error = bench.driver.create_network(&v4(1, &[])).await.expect_err("nothing would come out");
    assert_eq!(error.kind, DriverErrorKind::Failed);
    assert!(error.why.contains("table ip filter, chain FORWARD"), "{error}");
    assert!(bench.fabric.switches().await.is_empty() && bench.firewall().is_none());
    assert_eq!(bench.sysctl(FORWARD_V4).await, "0");
    bench.create(&internal(v4(2, &[]))).await;

    bench.kernel.set_obstacles(vec![obstacle(Some("DOCKER-USER"))]);
    let notes = bench.create(&v4(1, &[])).await;
    assert!(notes.len() == 1 && notes[0].contains("DOCKER-USER of table ip filter"), "{notes:?}");
    assert_eq!(bench.create(&v4(3, &[])).await, Vec::<String>::new(), "that has been said");
    assert_eq!(bench.kernel.opened("lanloom:test"), ["gw1", "gw3"].map(gate));
    let one = endpoint("a", &["10.1.0.2/24"], &[]);
    bench.driver.create_endpoint(&v4(1, &[]).id, &one).await.expect("an endpoint");
    let info = bench.driver.info(&v4(1, &[]).id, &one.id).await.expect("known");
    assert_eq!(info["lanloom.egress"], "on, by DOCKER-USER of table ip filter");
    // One that comes later is in the way of new networks only.
    bench.kernel.set_obstacles(vec![obstacle(None)]);
    bench.driver.delete_network(&v4(3, &[]).id).await.expect("deleted");
    let notes = bench.driver.settle().await.expect("settled");
    assert!(notes.len() == 1 && notes[0].contains("table ip filter"), "{notes:?}");
    let info = bench.driver.info(&v4(1, &[]).id, &one.id).await.expect("known");
    let closed = bench.driver.no_way_out().expect("nothing leaves the host");
    assert!(closed.contains("table ip filter"), "{closed}");
    assert_eq!(info["lanloom.egress"], format!("off: {closed}"), "an endpoint says what its network says");
    bench.driver.delete_endpoint(&v4(1, &[]).id, &one.id).await.expect("deleted");
    bench.driver.delete_network(&v4(1, &[]).id).await.expect("deleted");
    assert!(bench.kernel.opened("lanloom:test").is_empty());
}

#[tokio::test]
async fn others_tables_let_in_what_the_gateway_mode_lets_in_and_bridges_of_others_are_kept_from_networks() {
    let bench = Bench::new();
    bench.kernel.set_obstacles(vec![obstacle(Some("FORWARD"))]);
    bench.kernel.set_bridges(&[if_name("docker0")]);
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()), "as at the start of a daemon without networks");
    let [v4_routed, v6_unprotected] = [
        ("com.docker.network.bridge.gateway_mode_ipv4", "routed"),
        ("com.docker.network.bridge.gateway_mode_ipv6", "nat-unprotected"),
    ];
    bench.create(&dual(1, &[v4_routed])).await;
    bench.create(&dual(2, &[v6_unprotected])).await;
    bench.create(&v4(3, &[v6_unprotected])).await;
    let expected = [Gate { inbound_v4: true, ..gate("gw1") }, Gate { inbound_v6: true, ..gate("gw2") }, gate("gw3")];
    assert_eq!(bench.kernel.opened("lanloom:test"), expected);
    assert_eq!(bench.firewall().expect("loaded").bridges, [if_name("docker0")].into());
    bench.kernel.set_bridges(&["docker0", "br-1"].map(if_name));
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    assert_eq!(bench.firewall().expect("loaded").bridges, ["docker0", "br-1"].map(if_name).into());
}

#[tokio::test]
async fn what_is_accepted_in_others_tables_goes_with_their_rules_that_drop() {
    let bench = Bench::new();
    bench.kernel.set_obstacles(vec![obstacle(Some("DOCKER-USER"))]);
    bench.create(&v4(1, &[])).await;
    assert_eq!(bench.kernel.opened("lanloom:test"), [gate("gw1")]);
    bench.kernel.set_obstacles(Vec::new());
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    assert!(bench.kernel.opened("lanloom:test").is_empty());
}

#[tokio::test]
async fn a_table_of_old_that_nobody_can_read_closes_no_way_out_and_is_told_once() {
    let bench = Bench::new();
    bench.kernel.set_bridges(&[if_name("docker0")]);
    bench.create(&v4(1, &[])).await;
    let loaded = bench.firewall();
    bench.kernel.set_table_of_old(false);
    let notes = bench.driver.settle().await.expect("settled");
    assert!(notes.len() == 1 && notes[0].contains("iptables-legacy-save is missing; install"), "{notes:?}");
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()), "that has been said");
    assert_eq!((bench.firewall(), bench.sysctl(FORWARD_V4).await.as_str()), (loaded, "1"), "bridges are known still");
    let notes = bench.create(&v4(2, &[])).await;
    assert!(notes.len() == 1 && notes[0].contains("cannot be seen"), "{notes:?}");
    assert_eq!(bench.firewall().expect("loaded").networks.len(), 2);
}

#[tokio::test]
async fn what_changes_in_a_table_of_old_is_seen_within_five_looks() {
    let bench = Bench::new();
    bench.kernel.set_table_of_old(true);
    bench.create(&v4(1, &[])).await;
    bench.kernel.set_bridges(&[if_name("br-late")]);
    for _ in 0..5 {
        assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    }
    assert_eq!(bench.firewall().expect("loaded").bridges, [if_name("br-late")].into());
}

#[tokio::test]
async fn settling_looks_closer_only_after_somebody_changed_something_and_puts_that_right() {
    let bench = Bench::new();
    bench.create(&v4(1, &[])).await;
    let loaded = bench.firewall();
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    // Had it looked for the program, it would say that it is missing.
    bench.kernel.set_nft(false);
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    bench.kernel.flush_ruleset();
    let notes = bench.driver.settle().await.expect("settled");
    assert!(notes.len() == 1 && notes[0].contains("apt install nftables"), "{notes:?}");
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()), "that has been said");
    bench.kernel.set_nft(true);
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    assert_eq!(bench.firewall(), loaded);
    bench.set_sysctl(FORWARD_V4, "0").await;
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    assert_eq!(bench.sysctl(FORWARD_V4).await, "1");
    bench.kernel.set_obstacles(vec![obstacle(Some("FORWARD"))]);
    assert_eq!(bench.driver.settle().await, Ok(Vec::new()));
    assert_eq!(bench.kernel.opened("lanloom:test"), [gate("gw1")]);
}

#[tokio::test]
async fn two_daemons_on_one_kernel_have_a_table_each() {
    let bench = Bench::new();
    bench.create(&v4(1, &[])).await;
    let other = driver(&bench.kernel, &bench.fabric, "other");
    other.create_network(&v4(2, &[])).await.expect("a network");
    assert_eq!(bench.firewall().expect("loaded").networks, [entry(1, &["10.1.0.0/24"])]);
    other.delete_network(&v4(2, &[]).id).await.expect("deleted");
    assert_eq!(bench.firewall().expect("loaded").networks, [entry(1, &["10.1.0.0/24"])]);
    assert_eq!(bench.sysctl(FORWARD_V4).await, "1");
}

#[tokio::test]
async fn a_network_of_which_nothing_was_loaded_is_undone_by_whoever_may_not_even_look_at_the_firewall() {
    let bench = Bench::new();
    let kernel = Arc::new(Failing::new(Arc::new(bench.kernel.clone()), Faults::new(1, 1.0)));
    let fabric: Arc<dyn Fabric> = Arc::<FakeFabric>::clone(&bench.fabric);
    let driver = Bridge::new(kernel.clone(), fabric, "test").expect("a valid name");
    let network = v4(1, &[]);
    let refused = driver.create_network(&network).await.expect_err("nothing may be done");
    assert!(refused.to_string().contains("open the way out"), "{refused}");
    assert!(!refused.to_string().contains("close the way out"), "nothing had to be undone: {refused}");
    assert_eq!(driver.delete_network(&network.id).await, Ok(()));
    assert_eq!(bench.fabric.ports(&network.name).await, None, "its switch is gone");
    kernel.faults().heal();
    driver.create_network(&network).await.expect("a network");
    kernel.faults().worsen(1.0);
    driver.delete_network(&network.id).await.expect_err("what was loaded has to be taken away");
    kernel.faults().heal();
    assert_eq!(driver.delete_network(&network.id).await, Ok(()));
    assert_eq!((bench.firewall(), bench.sysctl(FORWARD_V4).await.as_str()), (None, "0"));
}
