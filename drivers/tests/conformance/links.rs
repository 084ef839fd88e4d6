//! Interfaces: made where they belong, or not at all.

use lanloom_drivers::kernel::{KernelError, LinkChange, LinkKind, Netns, TapMove, VethSpec, Why};
use lanloom_switch_core::MacAddr;

use super::bench::{Bench, if_name, names, veth};

const MAC: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x0a]);

pub(crate) async fn a_veth_has_each_end_in_its_place_and_up(bench: &Bench) {
    let (netns, plumbing) = (bench.netns("a").await, bench.kernel.open_plumbing(None).await.expect("plumbing"));
    let spec = VethSpec { mtu: 9000, mac: Some(MAC), tx_queue_len: Some(50), ..veth(&netns, &plumbing) };
    let made = bench.kernel.create_veth(&spec).await.expect("a veth");
    assert_eq!((made.guest.name.as_str(), made.guest.mtu, made.guest.mac), ("e0", 9000, Some(MAC)));
    assert_eq!((made.peer.name.as_str(), made.peer.mtu, made.peer.tx_queue_len), ("p0", 9000, 50));
    for (place, end) in [(&netns, &made.guest), (&plumbing, &made.peer)] {
        assert!(end.up && end.kind == LinkKind::Veth, "{end:?}");
        assert_eq!(bench.kernel.list_addresses(place, &if_name(&end.name)).await, Ok(Vec::new()));
    }
    let guest = bench.kernel.link(&netns, &if_name("e0")).await.expect("the guest end");
    let peer = bench.kernel.link(&plumbing, &if_name("p0")).await.expect("the other end");
    assert_eq!((guest.pair, peer.pair), (Some(peer.index), Some(guest.index)), "each knows the other");
    assert_eq!(bench.kernel.link(&netns, &if_name("lo")).await.expect("lo").pair, None);
    assert!(guest.carrier, "both ends are up: {guest:?}");
    assert_eq!(names(&*bench.kernel, &netns).await, ["lo", "e0"]);
    assert_eq!(names(&*bench.kernel, &plumbing).await, ["lo", "p0"]);
}

pub(crate) async fn a_veth_without_an_address_gets_a_local_one_of_its_own(bench: &Bench) {
    let netns = bench.netns("a").await;
    let first = bench.kernel.create_veth(&veth(&netns, &netns)).await.expect("a veth");
    let spec = VethSpec { name: if_name("e1"), peer_name: if_name("p1"), ..veth(&netns, &netns) };
    let second = bench.kernel.create_veth(&spec).await.expect("another");
    let macs = [first.guest, first.peer, second.guest, second.peer].map(|end| end.mac.expect("an address"));
    for mac in macs {
        assert!(mac.is_valid_source() && mac.0[0] & 2 != 0, "{mac} is local and individual");
        assert_eq!(macs.iter().filter(|other| **other == mac).count(), 1, "{mac} is there once");
    }
}

pub(crate) async fn an_interface_that_is_deleted_is_gone_at_once_with_its_addresses_and_its_name_is_free(bench: &Bench) {
    let (netns, other) = (bench.netns("a").await, bench.netns("b").await);
    for _ in 0..10 {
        bench.kernel.create_veth(&veth(&netns, &other)).await.expect("a veth");
        bench.kernel.create_address(&netns, &if_name("e0"), "10.1.0.1/24".parse().expect("one")).await.expect("an address");
        bench.kernel.delete_link(&netns, &if_name("e0")).await.expect("deleted");
        assert_eq!(
            (names(&*bench.kernel, &netns).await, names(&*bench.kernel, &other).await),
            (vec!["lo".into()], vec!["lo".into()])
        );
        let addresses = bench.kernel.list_addresses_all(&netns).await.expect("addresses");
        assert!(addresses.iter().all(|(name, _)| name.as_str() == "lo"), "{addresses:?}");
        assert_eq!(bench.kernel.list_routes(&netns).await, Ok(Vec::new()));
        let again = bench.kernel.delete_link(&netns, &if_name("e0")).await.expect_err("there is none");
        assert_eq!(again.why(), &Why::NoSuchLink);
    }
}

pub(crate) async fn a_guest_end_makes_nothing_that_a_header_cannot_describe(bench: &Bench) {
    let (netns, other) = (bench.netns("a").await, bench.netns("b").await);
    bench.kernel.create_veth(&veth(&netns, &other)).await.expect("a veth");
    assert_eq!(bench.kernel.foreign_offloads(&netns, &if_name("e0")).await, Ok(Vec::new()));
    let peer = bench.kernel.foreign_offloads(&other, &if_name("p0")).await.expect("offloads");
    assert!(peer.contains(&"tx-udp_tnl-segmentation".to_owned()), "what is not turned off is on: {peer:?}");
}

pub(crate) async fn a_veth_that_cannot_be_leaves_nothing(bench: &Bench) {
    let (netns, other) = (bench.netns("a").await, bench.netns("b").await);
    bench.kernel.create_veth(&veth(&netns, &other)).await.expect("the names' first owner");
    let absent = bench.kernel.netns("absent").expect("a valid name");
    let good = VethSpec { name: if_name("e1"), peer_name: if_name("p1"), ..veth(&netns, &other) };
    let refused = [
        (VethSpec { name: if_name("e0"), ..good.clone() }, "exists"),
        (VethSpec { peer_name: if_name("p0"), ..good.clone() }, "exists"),
        (VethSpec { netns: absent.clone(), ..good.clone() }, "netns"),
        (VethSpec { peer_netns: absent, ..good.clone() }, "netns"),
        (VethSpec { mtu: 67, ..good.clone() }, "value"),
        (VethSpec { mtu: 65_536, ..good.clone() }, "value"),
        (VethSpec { mac: Some(MacAddr::BROADCAST), ..good.clone() }, "value"),
        (VethSpec { mac: Some(MacAddr::ZERO), ..good.clone() }, "value"),
        (VethSpec { peer_netns: netns.clone(), peer_name: if_name("e1"), ..good.clone() }, "value"),
    ];
    for (spec, why) in refused {
        let error = bench.kernel.create_veth(&spec).await.expect_err("refused");
        assert_eq!(sort(&error), why, "{error}");
        assert_eq!(names(&*bench.kernel, &netns).await, ["lo", "e0"], "after {error}");
        assert_eq!(names(&*bench.kernel, &other).await, ["lo", "p0"], "after {error}");
    }
    bench.kernel.create_veth(&good).await.expect("what was not refused");
}

fn sort(error: &KernelError) -> &'static str {
    #[expect(clippy::wildcard_enum_match_arm, reason = "these cases meet no other")]
    match error.why() {
        Why::Exists => "exists",
        Why::NoSuchNetns(_) => "netns",
        Why::NoSuchLink => "link",
        Why::InvalidValue(_) => "value",
        other => panic!("another failure: {other:?}"),
    }
}

pub(crate) async fn with_one_end_of_a_veth_goes_the_other(bench: &Bench) {
    let (netns, other) = (bench.netns("a").await, bench.netns("b").await);
    bench.kernel.create_veth(&veth(&netns, &other)).await.expect("a veth");
    bench.kernel.delete_link(&other, &if_name("p0")).await.expect("deleted");
    assert_eq!(names(&*bench.kernel, &netns).await, ["lo"]);
    let error = bench.kernel.delete_link(&other, &if_name("p0")).await.expect_err("gone");
    assert_eq!(error.why(), &Why::NoSuchLink, "{error}");
}

pub(crate) async fn a_tap_moves_to_its_place_under_its_name(bench: &Bench) {
    let (netns, (from, _guard)) = (bench.netns("a").await, bench.tap());
    let spec = TapMove {
        home: Netns::Daemon,
        from: from.clone(),
        netns: netns.clone(),
        name: if_name("eth0"),
        mtu: 9000,
        mac: Some(MAC),
        tx_queue_len: Some(2000),
    };
    let there = bench.kernel.move_tap(&spec).await.expect("moved");
    assert_eq!((there.name.as_str(), there.mtu, there.mac, there.tx_queue_len), ("eth0", 9000, Some(MAC), 2000));
    assert!(there.up && there.kind == LinkKind::Tun, "{there:?}");
    assert_eq!(bench.kernel.link(&netns, &if_name("eth0")).await, Ok(there));
    let error = bench.kernel.link(&Netns::Daemon, &from).await.expect_err("moved away");
    assert_eq!(error.why(), &Why::NoSuchLink, "{error}");
}

pub(crate) async fn a_tap_can_stay_at_home_and_only_change_its_name(bench: &Bench) {
    let (from, _guard) = bench.tap();
    let name = if_name(&format!("{from}r"));
    let spec = TapMove {
        home: Netns::Daemon,
        from,
        netns: Netns::Daemon,
        name: name.clone(),
        mtu: 1400,
        mac: None,
        tx_queue_len: None,
    };
    let there = bench.kernel.move_tap(&spec).await.expect("renamed");
    assert_eq!((there.name.as_str(), there.mtu, there.up), (name.as_str(), 1400, true));
}

pub(crate) async fn a_tap_that_was_made_in_its_place_is_only_named_and_set_up(bench: &Bench) {
    let netns = bench.netns("a").await;
    let (from, _guard) = bench.tap_in(&netns);
    assert_eq!(names(&*bench.kernel, &netns).await.len(), 2, "lo and the TAP");
    let before = bench.kernel.link(&netns, &from).await.expect("the TAP");
    let spec = TapMove {
        home: netns.clone(),
        from: from.clone(),
        netns: netns.clone(),
        name: if_name("eth0"),
        mtu: 1400,
        mac: Some(MAC),
        tx_queue_len: None,
    };
    let error = bench.kernel.move_tap(&TapMove { name: if_name("lo"), ..spec.clone() }).await.expect_err("taken");
    assert_eq!(sort(&error), "exists", "{error}");
    assert_eq!(bench.kernel.link(&netns, &from).await, Ok(before.clone()), "after {error}");
    let there = bench.kernel.move_tap(&spec).await.expect("named");
    assert_eq!(
        (there.name.as_str(), there.index, there.mtu, there.mac, there.up),
        ("eth0", before.index, 1400, Some(MAC), true)
    );
    let error = bench.kernel.link(&netns, &from).await.expect_err("it is called otherwise now");
    assert_eq!(error.why(), &Why::NoSuchLink, "{error}");
}

pub(crate) async fn a_tap_that_cannot_move_stays_where_it_is(bench: &Bench) {
    let (netns, (from, _guard)) = (bench.netns("a").await, bench.tap());
    bench.kernel.create_veth(&veth(&netns, &netns)).await.expect("the name's owner");
    let before = bench.kernel.link(&Netns::Daemon, &from).await.expect("the TAP");
    let good = TapMove {
        home: Netns::Daemon,
        from: from.clone(),
        netns: netns.clone(),
        name: if_name("eth0"),
        mtu: 1500,
        mac: None,
        tx_queue_len: None,
    };
    let refused = [
        (TapMove { name: if_name("e0"), ..good.clone() }, "exists"),
        (TapMove { netns: bench.kernel.netns("absent").expect("a valid name"), ..good.clone() }, "netns"),
        (TapMove { mtu: 65_522, ..good.clone() }, "value"),
        (TapMove { mac: Some(MacAddr::BROADCAST), ..good.clone() }, "value"),
        (TapMove { from: if_name("llt-absent"), ..good.clone() }, "link"),
    ];
    for (spec, why) in refused {
        let error = bench.kernel.move_tap(&spec).await.expect_err("refused");
        assert_eq!(sort(&error), why, "{error}");
        assert_eq!(names(&*bench.kernel, &netns).await.len(), 3, "nothing came, after {error}");
        assert_eq!(bench.kernel.link(&Netns::Daemon, &from).await, Ok(before.clone()), "after {error}");
    }
    bench.kernel.move_tap(&good).await.expect("what was not refused");
}

pub(crate) async fn an_interface_is_changed_as_asked_and_no_further(bench: &Bench) {
    let netns = bench.netns("a").await;
    bench.kernel.create_veth(&veth(&netns, &netns)).await.expect("a veth");
    let (e0, e9) = (if_name("e0"), if_name("e9"));
    let before = bench.kernel.link(&netns, &e0).await.expect("the veth");
    let same = bench.kernel.set_link(&netns, &e0, &LinkChange::default()).await.expect("nothing to do");
    assert_eq!(same, before);
    let change = LinkChange { up: Some(false), mtu: Some(1400), mac: Some(MAC), ..LinkChange::default() };
    let after = bench.kernel.set_link(&netns, &e0, &change).await.expect("changed");
    assert_eq!((after.up, after.mtu, after.mac, after.name.as_str()), (false, 1400, Some(MAC), "e0"));
    let rename = LinkChange { name: Some(e9.clone()), up: Some(true), ..LinkChange::default() };
    let renamed = bench.kernel.set_link(&netns, &e0, &rename).await.expect("renamed");
    assert_eq!((renamed.name.as_str(), renamed.index, renamed.up, renamed.mtu), ("e9", before.index, true, 1400));
    let error = bench.kernel.link(&netns, &e0).await.expect_err("its old name");
    assert_eq!(error.why(), &Why::NoSuchLink);
    for (change, why) in [
        (LinkChange { name: Some(if_name("p0")), ..LinkChange::default() }, "exists"),
        (LinkChange { mtu: Some(1), ..LinkChange::default() }, "value"),
        (LinkChange { mac: Some(MacAddr::ZERO), ..LinkChange::default() }, "value"),
    ] {
        let error = bench.kernel.set_link(&netns, &e9, &change).await.expect_err("refused");
        assert_eq!(sort(&error), why, "{error}");
    }
    let now = bench.kernel.link(&netns, &e9).await.expect("the veth");
    assert_eq!((now.mtu, now.mac, now.name.as_str()), (1400, Some(MAC), "e9"), "refused changes change nothing");
}

pub(crate) async fn what_is_not_there_is_named_in_the_error(bench: &Bench) {
    let netns = bench.netns("a").await;
    let (absent, nowhere) = (if_name("absent0"), bench.kernel.netns("nowhere").expect("a valid name"));
    let errors = [
        bench.kernel.link(&netns, &absent).await.map(drop),
        bench.kernel.delete_link(&netns, &absent).await,
        bench.kernel.set_link(&netns, &absent, &LinkChange::default()).await.map(drop),
        bench.kernel.foreign_offloads(&netns, &absent).await.map(drop),
        bench.kernel.list_addresses(&netns, &absent).await.map(drop),
    ];
    for error in errors.map(|result| result.expect_err("no such interface")) {
        assert_eq!(error.why(), &Why::NoSuchLink, "{error}");
        assert!(error.to_string().contains("absent0"), "{error}");
    }
    let error = bench.kernel.link(&nowhere, &if_name("lo")).await.expect_err("no such namespace");
    assert!(error.to_string().contains("nowhere"), "{error}");
    assert!(matches!(error.why(), Why::NoSuchNetns(_)), "{error}");
}
