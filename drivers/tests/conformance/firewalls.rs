//! The host's firewall, as a value.

use lanloom_drivers::kernel::{Egress, Firewall, TableName, Why};

use super::bench::{Bench, if_name};

pub(crate) fn egress(gateway: &str, pools: &[&str]) -> Egress {
    Egress {
        gateway: if_name(gateway),
        pools: pools.iter().map(|pool| pool.parse().expect("a pool")).collect(),
        masquerade: true,
        snat: None,
        internal: false,
        protected: true,
    }
}

pub(crate) fn firewall(networks: Vec<Egress>) -> Firewall {
    Firewall { table: TableName::new("lanloom-test").expect("a valid name"), networks, forwarding_was_off: false }
}

/// Every kind of element and rule.
fn rich() -> Firewall {
    let internal = Egress { internal: true, ..egress("gw2", &["10.3.0.0/24"]) };
    let routed = Egress { masquerade: false, ..egress("gw3", &["10.4.0.0/24"]) };
    let chosen = Egress { snat: Some([192, 0, 2, 7].into()), ..egress("gw1", &["10.2.0.0/24", "fd02::/64", "10.2.1.7/32"]) };
    // One pool beside and within another, a half of everything, and addresses that can be written in two ways.
    let first =
        egress("gw0", &["10.1.0.0/25", "10.1.0.128/25", "10.1.0.0/28", "128.0.0.0/1", "fd00:0:0:1::/64", "fd01::1/128"]);
    Firewall { forwarding_was_off: true, ..firewall(vec![first, chosen, internal, routed]) }
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
    let mut others = vec![Firewall { forwarding_was_off: false, ..rich() }];
    for at in 0..4 {
        let mut other = rich();
        other.networks.remove(at);
        others.push(other);
    }
    let mut other = rich();
    other.networks[1].snat = Some([192, 0, 2, 8].into());
    others.push(other);
    for other in others {
        assert_eq!(kernel.firewall_intact(&other).await, Ok(false), "{other:?}");
    }
    assert_eq!(kernel.firewall_intact(&rich()).await, Ok(true));
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
