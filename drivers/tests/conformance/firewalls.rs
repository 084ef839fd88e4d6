//! The host's firewall, as a value.

use lanloom_drivers::kernel::{Bystanders, Egress, Firewall, TableName, Why};

use super::bench::{Bench, if_name};

pub(crate) fn egress(gateway: &str, pools: &[&str]) -> Egress {
    Egress::usual(if_name(gateway), pools.iter().map(|pool| pool.parse().expect("a pool")).collect())
}

pub(crate) fn firewall(networks: Vec<Egress>) -> Firewall {
    Firewall {
        table: TableName::new("lanloom-test").expect("a valid name"),
        networks,
        bystanders: Bystanders::default(),
        bridges: [].into(),
    }
}

/// A host on which there were two interfaces, one of which listens, and some whose names nobody would choose.
fn bystanders() -> Bystanders {
    let both = [if_name("eth0"), if_name("eth1.7")];
    let strange = ["lan+1", "wan@x", "$d", "{x}", "q\"x", "b\\s", "st*r", "a,b", "\u{fc}1", "1.2"];
    Bystanders {
        v4: Some(both.iter().cloned().chain(strange.map(if_name)).collect()),
        v6: Some([].into()),
        listeners: [both[0].clone()].into(),
        forwarders_v4: [both[1].clone(), if_name("default")].into(),
        forwarders_v6: [both[0].clone()].into(),
        forced: [both[1].clone()].into(),
        no_redirects: true,
    }
}

/// Every kind of element and rule.
fn rich() -> Firewall {
    let internal = Egress { internal: true, ..egress("gw2", &["10.3.0.0/24"]) };
    let routed = Egress { masquerade: false, ..egress("gw3", &["10.4.0.0/24"]) };
    let chosen = Egress { snat: Some([192, 0, 2, 7].into()), ..egress("gw1", &["10.2.0.0/24", "fd02::/64", "10.2.1.7/32"]) };
    // One pool beside and within another, a half of everything, and addresses that can be written in two ways.
    let first =
        egress("gw0", &["10.1.0.0/25", "10.1.0.128/25", "10.1.0.0/28", "128.0.0.0/1", "fd00:0:0:1::/64", "fd01::1/128"]);
    let bridges = [if_name("docker0")].into();
    Firewall { bystanders: bystanders(), bridges, ..firewall(vec![first, chosen, internal, routed]) }
}

pub(crate) async fn a_firewall_is_what_was_set_last(bench: &Bench) {
    if bench.lacks(&["nft"]) {
        return;
    }
    let (kernel, _) = bench.host().await;
    let (empty, one) = (firewall(Vec::new()), firewall(vec![egress("gw0", &["10.1.0.0/24"])]));
    for (at, firewall) in [&empty, &one, &rich(), &empty].into_iter().enumerate() {
        assert_eq!(kernel.firewall_intact(firewall).await, Ok(false), "number {at} is not there yet");
        for _ in 0..2 {
            kernel.set_firewall(firewall).await.expect("set");
            assert_eq!(kernel.firewall_intact(firewall).await, Ok(true), "number {at}");
        }
    }
}

pub(crate) async fn a_change_of_any_part_of_a_firewall_is_seen(bench: &Bench) {
    if bench.lacks(&["nft"]) {
        return;
    }
    let (kernel, _) = bench.host().await;
    kernel.set_firewall(&rich()).await.expect("set");
    let mut others = vec![
        Firewall { bystanders: Bystanders::default(), ..rich() },
        Firewall { bridges: [if_name("docker1")].into(), ..rich() },
    ];
    for change in [
        Bystanders { v4: None, ..bystanders() },
        Bystanders { v6: None, ..bystanders() },
        Bystanders { v6: Some([if_name("eth0")].into()), ..bystanders() },
        Bystanders { listeners: [].into(), ..bystanders() },
        Bystanders { forwarders_v4: [].into(), ..bystanders() },
        Bystanders { forwarders_v6: [].into(), ..bystanders() },
        Bystanders { forced: [].into(), ..bystanders() },
        Bystanders { no_redirects: false, ..bystanders() },
    ] {
        others.push(Firewall { bystanders: change, ..rich() });
    }
    for at in 0..4 {
        let mut other = rich();
        other.networks.remove(at);
        others.push(other);
    }
    let mut other = rich();
    other.networks[1].snat = Some([192, 0, 2, 8].into());
    others.push(other);
    let mut other = rich();
    other.networks[0].apart = true;
    others.push(other);
    for other in others {
        assert_eq!(kernel.firewall_intact(&other).await, Ok(false), "{other:?}");
    }
    assert_eq!(kernel.firewall_intact(&rich()).await, Ok(true));
}

pub(crate) async fn what_was_there_before_and_whose_gateways_there_are_is_read_from_the_tables(bench: &Bench) {
    if bench.lacks(&["nft"]) {
        return;
    }
    let (kernel, _) = bench.host().await;
    let table = |name: &str| TableName::new(name).expect("a valid name");
    assert_eq!(kernel.bystanders(&rich().table).await, Ok(Bystanders::default()), "there is no such table");
    for firewall in [firewall(Vec::new()), rich()] {
        kernel.set_firewall(&firewall).await.expect("set");
        assert_eq!(kernel.bystanders(&firewall.table).await, Ok(firewall.bystanders));
    }
    let theirs = |network| Firewall { table: table("lanloom-other"), ..firewall(vec![network]) };
    kernel.set_firewall(&theirs(egress("gw9", &["10.9.0.0/24"]))).await.expect("set");
    kernel.set_firewall(&Firewall { table: table("strange"), ..theirs(egress("gw8", &[])) }).await.expect("set");
    let gateways = kernel.gateways("lanloom-").await.expect("listed");
    let expected = [("lanloom-other", &["gw9"][..]), ("lanloom-test", &["gw0", "gw1", "gw2", "gw3"])];
    let expected = expected.map(|(name, gateways)| (table(name), gateways.iter().copied().map(if_name).collect()));
    assert_eq!(gateways, expected.into());
    for name in ["lanloom-other", "strange"] {
        kernel.delete_firewall(&table(name)).await.expect("deleted");
    }
}

pub(crate) async fn a_deleted_firewall_is_gone_and_may_be_already(bench: &Bench) {
    if bench.lacks(&["nft"]) {
        return;
    }
    let (kernel, _) = bench.host().await;
    kernel.set_firewall(&rich()).await.expect("set");
    for _ in 0..2 {
        kernel.delete_firewall(&rich().table).await.expect("deleted");
        assert_eq!(kernel.firewall_intact(&rich()).await, Ok(false));
    }
}

pub(crate) async fn a_firewall_is_extended_by_networks_and_is_as_if_set_whole(bench: &Bench) {
    if bench.lacks(&["nft"]) {
        return;
    }
    let (kernel, _) = bench.host().await;
    let steps: Vec<Firewall> =
        (0..=4).map(|count| Firewall { networks: rich().networks.drain(..count).collect(), ..rich() }).collect();
    for pair in steps.windows(2) {
        assert!(pair[1].extends(&pair[0]) && !pair[0].extends(&pair[1]));
    }
    assert!(!rich().extends(&Firewall { bystanders: Bystanders::default(), ..rich() }), "that is more than networks");
    kernel.extend_firewall(&steps[0], &steps[1]).await.expect_err("nothing is loaded");
    kernel.set_firewall(&steps[0]).await.expect("set");
    for pair in steps.windows(2) {
        kernel.extend_firewall(&pair[0], &pair[1]).await.expect("extended");
        assert_eq!(kernel.firewall_intact(&pair[1]).await, Ok(true));
        assert_eq!(kernel.firewall_intact(&pair[0]).await, Ok(false));
    }
    kernel.delete_firewall(&rich().table).await.expect("deleted");
}

pub(crate) async fn a_firewall_of_overlapping_networks_is_refused(bench: &Bench) {
    if bench.lacks(&["nft"]) {
        return;
    }
    let (kernel, _) = bench.host().await;
    kernel.set_firewall(&rich()).await.expect("set");
    let overlapping = firewall(vec![egress("gw0", &["10.0.0.0/8"]), egress("gw1", &["10.1.0.0/16"])]);
    let error = kernel.set_firewall(&overlapping).await.expect_err("whose packet would it be?");
    assert!(matches!(error.why(), Why::InvalidValue(_)), "{error}");
    assert_eq!(kernel.firewall_intact(&rich()).await, Ok(true), "what was there before is");
}
