//! Which address an endpoint gets.

use super::*;

fn numbered(prefix: &str, last: impl IntoIterator<Item = u32>) -> Vec<String> {
    last.into_iter().map(|last| format!("{prefix}{last}")).collect()
}

/// Every address of a pool, by asking until none is left.
fn drain(ipam: &mut Ipam, pool: &PoolId) -> Vec<String> {
    let mut all = Vec::new();
    while let Ok(net) = ipam.request_address(pool, &AddressAsk::endpoint(format!("owner-{}", all.len()))) {
        all.push(net.to_string());
    }
    all
}

#[test]
fn the_gateway_is_the_first_address_and_endpoints_follow() {
    let mut ipam = ipam();
    let pool = pool(&mut ipam, "10.0.0.0/24");
    let gateway = ipam.request_address(&pool, &AddressAsk::gateway("web", None));
    assert_eq!(gateway, Ok(net("10.0.0.1/24")), "with the subnet's prefix length");
    assert_eq!(endpoints(&mut ipam, &pool, &["a", "b"]), ["10.0.0.2", "10.0.0.3"]);
}

#[test]
fn a_gateway_that_is_given_leaves_the_first_address_to_endpoints() {
    let mut ipam = ipam();
    let pool = pool(&mut ipam, "10.0.0.0/24");
    assert_eq!(get(&mut ipam, &pool, &AddressAsk::gateway("web", Some(ip("10.0.0.254")))), "10.0.0.254");
    assert_eq!(endpoints(&mut ipam, &pool, &["a", "b"]), ["10.0.0.1", "10.0.0.2"]);
}

#[test]
fn auxiliary_addresses_are_given_to_nobody_else() {
    let mut ipam = ipam();
    let pool = pool(&mut ipam, "10.0.0.0/29");
    for address in ["10.0.0.2", "10.0.0.4"] {
        assert_eq!(get(&mut ipam, &pool, &AddressAsk::auxiliary("web", ip(address))), address);
    }
    assert_eq!(drain(&mut ipam, &pool), ["10.0.0.1/29", "10.0.0.3/29", "10.0.0.5/29", "10.0.0.6/29"]);
    let again = AddressAsk::auxiliary("web", ip("10.0.0.2"));
    assert_eq!(get(&mut ipam, &pool, &again), "10.0.0.2", "asking again changes nothing");
    let unnamed = AddressAsk { address: None, ..again };
    assert!(get(&mut ipam, &pool, &unnamed).starts_with("an auxiliary address is one that is named"));
}

#[test]
fn the_network_itself_broadcast_and_anycast_are_kept() {
    for (subnet, reserved, usable) in [
        ("10.0.0.0/30", &[("10.0.0.0", "its network address"), ("10.0.0.3", "its broadcast address")][..], 2),
        ("fd00::/126", &[("fd00::", "its subnet-router anycast address")], 3),
    ] {
        let mut ipam = ipam();
        let pool = pool(&mut ipam, subnet);
        for (address, why) in reserved {
            let said = get(&mut ipam, &pool, &AddressAsk::endpoint("a").at(ip(address)));
            assert_eq!(said, format!("Address already in use: {address} of {subnet} is {why}"));
        }
        assert_eq!(drain(&mut ipam, &pool).len(), usable);
    }
}

#[test]
fn subnets_of_one_and_two_addresses_are_usable_as_they_are() {
    for (subnet, all) in [
        ("10.0.0.4/31", &["10.0.0.4/31", "10.0.0.5/31"][..]),
        ("10.0.0.255/32", &["10.0.0.255/32"]),
        ("fd00::2/127", &["fd00::2/127", "fd00::3/127"]),
        ("fd00::/128", &["fd00::/128"]),
        ("255.255.255.254/31", &["255.255.255.254/31", "255.255.255.255/31"]),
    ] {
        let mut ipam = ipam();
        let pool = pool(&mut ipam, subnet);
        assert_eq!(drain(&mut ipam, &pool), all);
    }
}

#[test]
fn an_address_that_is_free_again_is_the_last_to_be_given_again() {
    let mut ipam = ipam();
    let pool = pool(&mut ipam, "10.0.0.0/29");
    assert_eq!(endpoints(&mut ipam, &pool, &["a", "b", "c"]), numbered("10.0.0.", 1..=3));
    assert_eq!(ipam.release_address(&pool, ip("10.0.0.1")).map(|lease| lease.owner), Some("a".to_owned()));
    assert_eq!(endpoints(&mut ipam, &pool, &["d", "e", "f", "g"]), ["10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.1"]);
}

#[test]
fn serial_choice_gives_the_lowest_free_address() {
    let mut ipam = ipam();
    let pool = pool(&mut ipam, "10.0.0.0/24");
    let serial = |owner: &str| AddressAsk { serial: true, ..AddressAsk::endpoint(owner) };
    for owner in ["a", "b", "c"] {
        get(&mut ipam, &pool, &serial(owner));
    }
    ipam.release_address(&pool, ip("10.0.0.2")).unwrap();
    assert_eq!(get(&mut ipam, &pool, &serial("d")), "10.0.0.2");
    assert_eq!(get(&mut ipam, &pool, &serial("e")), "10.0.0.4");
}

#[test]
fn an_owner_that_asks_again_gets_what_it_has() {
    let mut ipam = ipam();
    let pool = pool(&mut ipam, "10.0.0.0/24");
    let gateway = AddressAsk::gateway("web", None);
    assert_eq!([get(&mut ipam, &pool, &gateway), get(&mut ipam, &pool, &gateway)], ["10.0.0.1", "10.0.0.1"]);
    assert_eq!(endpoints(&mut ipam, &pool, &["a", "a", "b", "a"]), ["10.0.0.2", "10.0.0.2", "10.0.0.3", "10.0.0.2"]);
    let at = |address: &str| AddressAsk::endpoint("a").at(ip(address));
    assert_eq!(get(&mut ipam, &pool, &at("10.0.0.2")), "10.0.0.2");
    let other = ipam.request_address(&pool, &at("10.0.0.9")).unwrap_err();
    assert_eq!(other.to_string(), "a cannot have 10.0.0.9: it has 10.0.0.2 in this pool");
    assert_eq!(other.hint(), "release 10.0.0.2 first");
    assert_eq!(endpoints(&mut ipam, &pool, &["web"]), ["10.0.0.4"], "an endpoint named as the network is not the gateway");
}

#[test]
fn an_address_in_use_is_refused_by_the_name_of_who_has_it() {
    let mut ipam = ipam();
    let pool = pool(&mut ipam, "10.0.0.0/24");
    get(&mut ipam, &pool, &AddressAsk::gateway("web", None));
    get(&mut ipam, &pool, &AddressAsk::auxiliary("web", ip("10.0.0.9")));
    endpoints(&mut ipam, &pool, &["a"]);
    for (address, by) in
        [("10.0.0.1", "the gateway of web"), ("10.0.0.9", "an auxiliary address of web"), ("10.0.0.2", "the address of a")]
    {
        let error = ipam.request_address(&pool, &AddressAsk::endpoint("b").at(ip(address))).unwrap_err();
        assert_eq!(error.to_string(), format!("Address already in use: {address} of 10.0.0.0/24 is {by}"));
        assert!(error.hint().starts_with("ask for another address"));
    }
}

#[test]
fn an_address_outside_the_subnet_is_refused() {
    let mut ipam = ipam();
    let pool = pool(&mut ipam, "10.0.0.0/24");
    for address in ["10.0.1.1", "9.255.255.255", "fd00::1", "::10.0.0.1"] {
        let error = ipam.request_address(&pool, &AddressAsk::endpoint("a").at(ip(address))).unwrap_err();
        let said = format!("Requested address is out of range: {} is not in 10.0.0.0/24", ip(address));
        assert_eq!((error.to_string(), error.hint()), (said, "ask for an address in 10.0.0.0/24".to_owned()));
    }
}

#[test]
fn a_full_pool_says_so_and_a_released_address_makes_room() {
    let mut ipam = ipam();
    let pool = pool(&mut ipam, "10.0.0.0/29");
    assert_eq!(drain(&mut ipam, &pool).len(), 6);
    let error = ipam.request_address(&pool, &AddressAsk::endpoint("late")).unwrap_err();
    assert_eq!(error.to_string(), "No available addresses on this pool: all 8 of 10.0.0.0/29 are in use");
    assert!(error.hint().contains("one more subnet: `lanloom network update NETWORK --subnet-add SUBNET`"));
    ipam.release_address(&pool, ip("10.0.0.3")).unwrap();
    assert_eq!(endpoints(&mut ipam, &pool, &["late"]), ["10.0.0.3"]);
}

#[test]
fn what_is_not_held_is_released_without_error() {
    let mut ipam = ipam();
    let pool = pool(&mut ipam, "10.0.0.0/24");
    endpoints(&mut ipam, &pool, &["a"]);
    for address in ["10.0.0.7", "10.0.0.0", "10.0.0.255", "10.9.0.1", "fd00::1", "::10.0.0.1", "::a00:1"] {
        assert_eq!(ipam.release_address(&pool, ip(address)), None, "{address}");
    }
    assert_eq!(ipam.release_address(&"10.1.0.0/24".parse().unwrap(), ip("10.1.0.1")), None);
    let lease = Lease { address: ip("10.0.0.1"), owner: "a".to_owned(), kind: AddressKind::Endpoint };
    assert_eq!(ipam.release_address(&pool, ip("10.0.0.1")), Some(lease));
    assert_eq!(ipam.release_address(&pool, ip("10.0.0.1")), None);
}

#[test]
fn an_address_of_a_pool_that_is_not_there_is_refused() {
    let gone = "10.0.0.0/24".parse().unwrap();
    let error = ipam().request_address(&gone, &AddressAsk::endpoint("a")).unwrap_err();
    assert_eq!(error, AddressError::NoSuchPool(gone));
    assert_eq!(ipam().usage(&"10.0.0.0/24".parse().unwrap()), None);
}

#[test]
fn a_sub_range_gives_its_own_addresses_only_with_its_ends() {
    let mut ipam = ipam();
    let pool = part(&mut ipam, "172.28.0.0/16", "172.28.30.0/24");
    let given = drain(&mut ipam, &pool);
    assert_eq!((given.len(), given[0].as_str(), given[255].as_str()), (256, "172.28.30.0/16", "172.28.30.255/16"));
    let error = ipam.request_address(&pool, &AddressAsk::endpoint("late")).unwrap_err();
    assert_eq!(error.to_string(), "No available addresses on this pool: all 256 of 172.28.30.0/24 are in use");
    let outside = AddressAsk::endpoint("late").at(ip("172.28.9.9"));
    assert_eq!(get(&mut ipam, &pool, &outside), "172.28.9.9", "a particular one may be anywhere in the subnet");
}

#[test]
fn sub_ranges_at_the_ends_of_a_subnet_keep_its_reserved_addresses() {
    let mut ipam = ipam();
    let low = part(&mut ipam, "10.0.0.0/24", "10.0.0.0/30");
    let high = part(&mut ipam, "10.0.0.0/24", "10.0.0.252/30");
    assert_eq!(drain(&mut ipam, &low), ["10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/24"]);
    assert_eq!(drain(&mut ipam, &high), ["10.0.0.252/24", "10.0.0.253/24", "10.0.0.254/24"]);
}

#[test]
fn released_addresses_of_a_sub_range_come_back_in_turn() {
    // After libnetwork's TestRequestReleaseAddressFromSubPool and its serial twin.
    for (serial, expected) in [(false, ["10.0.1.0", "10.0.1.7", "10.0.1.2"]), (true, ["10.0.1.0", "10.0.1.2", "10.0.1.7"])] {
        let mut ipam = ipam();
        let pool = part(&mut ipam, "10.0.0.0/16", "10.0.1.0/29");
        let ask = |owner: &str| AddressAsk { serial, ..AddressAsk::endpoint(owner) };
        drain(&mut ipam, &pool);
        let release = |ipam: &mut Ipam, address: &str| ipam.release_address(&pool, ip(address)).unwrap();
        release(&mut ipam, "10.0.1.0");
        let first = get(&mut ipam, &pool, &ask("a"));
        release(&mut ipam, "10.0.1.7");
        let rest = if serial {
            release(&mut ipam, "10.0.1.2");
            [get(&mut ipam, &pool, &ask("b")), get(&mut ipam, &pool, &ask("c"))]
        } else {
            let second = get(&mut ipam, &pool, &ask("b"));
            release(&mut ipam, "10.0.1.2");
            [second, get(&mut ipam, &pool, &ask("c"))]
        };
        assert_eq!([&first, &rest[0], &rest[1]], expected, "serial: {serial}");
    }
}

#[test]
fn sub_ranges_of_one_subnet_see_each_others_addresses() {
    let mut ipam = ipam();
    let wide = part(&mut ipam, "10.0.0.0/24", "10.0.0.0/29");
    let narrow = part(&mut ipam, "10.0.0.0/24", "10.0.0.4/30");
    assert_eq!(endpoints(&mut ipam, &narrow, &["a"]), ["10.0.0.4"]);
    assert_eq!(
        drain(&mut ipam, &wide),
        ["10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/24", "10.0.0.5/24", "10.0.0.6/24", "10.0.0.7/24"]
    );
    let taken = get(&mut ipam, &wide, &AddressAsk::endpoint("b").at(ip("10.0.0.4")));
    assert_eq!(taken, "Address already in use: 10.0.0.4 of 10.0.0.0/24 is the address of a");
    assert_eq!(ipam.release_address(&wide, ip("10.0.0.4")), None, "it was requested of the other pool");
    assert!(endpoints(&mut ipam, &narrow, &["c"])[0].starts_with("No available"));
}

#[test]
fn a_pool_takes_its_own_leases_with_it_and_no_others() {
    let mut ipam = ipam();
    let low = part(&mut ipam, "10.0.0.0/24", "10.0.0.0/25");
    let high = part(&mut ipam, "10.0.0.0/24", "10.0.0.128/25");
    endpoints(&mut ipam, &low, &["a", "b"]);
    get(&mut ipam, &low, &AddressAsk::auxiliary("web", ip("10.0.0.130")));
    assert_eq!(endpoints(&mut ipam, &high, &["c"]), ["10.0.0.128"]);
    let ended: Vec<String> = ipam.release_pool(&low).unwrap().into_iter().map(|lease| lease.owner).collect();
    assert_eq!(ended, ["a", "b", "web"]);
    assert_eq!(ipam.usage(&high).unwrap().leases.len(), 1);
    assert_eq!(endpoints(&mut ipam, &high, &["d", "e"]), ["10.0.0.129", "10.0.0.130"]);
    let low = part(&mut ipam, "10.0.0.0/24", "10.0.0.0/25");
    assert_eq!(endpoints(&mut ipam, &low, &["f"]), ["10.0.0.1"]);
}

#[test]
fn a_large_ipv6_pool_gives_single_addresses_and_counts_the_rest() {
    let mut ipam = ipam();
    let pool = pool(&mut ipam, "fd00::/64");
    assert_eq!(get(&mut ipam, &pool, &AddressAsk::gateway("web", None)), "fd00::1");
    assert_eq!(
        get(&mut ipam, &pool, &AddressAsk::endpoint("last").at(ip("fd00::ffff:ffff:ffff:ffff"))),
        "fd00::ffff:ffff:ffff:ffff"
    );
    assert_eq!(endpoints(&mut ipam, &pool, &["a"]), ["fd00::2"]);
    let usage = ipam.usage(&pool).unwrap();
    assert_eq!((usage.in_use, usage.available), (4, (1 << 64) - 4));
}

#[test]
fn all_of_a_family_can_be_one_pool() {
    let mut ipam = ipam();
    for (subnet, first, last, in_use, available) in [
        ("0.0.0.0/0", "0.0.0.1", "255.255.255.254", 4, (1 << 32) - 4),
        ("::/0", "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 3, u128::MAX - 2),
    ] {
        let pool = pool(&mut ipam, subnet);
        assert_eq!(endpoints(&mut ipam, &pool, &["a"]), [first]);
        assert_eq!(get(&mut ipam, &pool, &AddressAsk::endpoint("b").at(ip(last))), last);
        let usage = ipam.usage(&pool).unwrap();
        assert_eq!((usage.in_use, usage.available), (in_use, available), "{subnet}");
        assert_eq!(ipam.release_pool(&pool).map(|leases| leases.len()), Some(2));
    }
}

#[test]
fn a_nearly_full_pool_of_65_534_addresses_gives_each_one_that_is_released() {
    let mut ipam = ipam();
    let pool = pool(&mut ipam, "10.0.0.0/16");
    assert_eq!(drain(&mut ipam, &pool).len(), 65_534);
    for nth in 0..50_000u32 {
        let released = Family::V4.address(span::number(ip("10.0.0.1")) + u128::from(nth) * 40_503 % 65_534);
        assert!(ipam.release_address(&pool, released).is_some(), "{released}");
        assert_eq!(get(&mut ipam, &pool, &AddressAsk::endpoint(format!("late-{nth}"))), released.to_string());
    }
}

#[test]
fn usage_adds_up_to_the_subnet_and_lists_leases_by_owner() {
    let mut ipam = ipam();
    let whole = pool(&mut ipam, "10.0.0.0/24");
    let upper = part(&mut ipam, "10.0.0.0/24", "10.0.0.128/25");
    get(&mut ipam, &whole, &AddressAsk::gateway("web", None));
    endpoints(&mut ipam, &whole, &["a"]);
    endpoints(&mut ipam, &upper, &["b"]);
    let usage = ipam.usage(&whole).unwrap();
    assert_eq!((usage.in_use, usage.available), (5, 251), "two are reserved, three leased");
    let lease = |address, owner: &str, kind| Lease { address: ip(address), owner: owner.to_owned(), kind };
    let expected = [lease("10.0.0.1", "web", AddressKind::Gateway), lease("10.0.0.2", "a", AddressKind::Endpoint)];
    assert_eq!(usage.leases, expected);
    let usage = ipam.usage(&upper).unwrap();
    assert_eq!((usage.in_use, usage.available, usage.leases.len()), (5, 126, 1));
}

#[test]
fn several_pools_are_tried_in_order_and_all_are_named_when_full() {
    let mut ipam = ipam();
    let pools = [pool(&mut ipam, "10.0.0.0/30"), pool(&mut ipam, "10.0.9.0/31")];
    let ask = |owner: &str| AddressAsk::endpoint(owner);
    let given: Vec<String> =
        ["a", "b", "c", "d"].iter().map(|owner| ipam.request_from(&pools, &ask(owner)).unwrap().1.to_string()).collect();
    assert_eq!(given, ["10.0.0.1/30", "10.0.0.2/30", "10.0.9.0/31", "10.0.9.1/31"]);
    let error = ipam.request_from(&pools, &ask("e")).unwrap_err().to_string();
    assert_eq!(error, "No available addresses on this pool: all 4 of 10.0.0.0/30 are in use, all 2 of 10.0.9.0/31 are in use");
    ipam.release_address(&pools[0], ip("10.0.0.1")).unwrap();
    assert_eq!(
        ipam.request_from(&pools, &ask("c")),
        Ok((pools[1].clone(), net("10.0.9.0/31"))),
        "it has one in the second pool"
    );
    assert_eq!(ipam.request_from(&[], &ask("e")), Err(AddressError::NoPool));
}

#[test]
fn a_particular_address_is_asked_of_the_pool_that_it_lies_in() {
    let mut ipam = ipam();
    let low = part(&mut ipam, "10.0.0.0/24", "10.0.0.0/26");
    let high = part(&mut ipam, "10.0.0.0/24", "10.0.0.128/26");
    let pools = [low.clone(), high.clone()];
    let at = |owner: &str, address: &str| AddressAsk::endpoint(owner).at(ip(address));
    assert_eq!(ipam.request_from(&pools, &at("a", "10.0.0.130")), Ok((high, net("10.0.0.130/24"))));
    assert_eq!(ipam.request_from(&pools, &at("b", "10.0.0.77")), Ok((low, net("10.0.0.77/24"))));
    let error = ipam.request_from(&pools, &at("c", "10.0.1.1")).unwrap_err().to_string();
    assert_eq!(error, "Requested address is out of range: 10.0.1.1 is not in 10.0.0.0/24, 10.0.0.0/24");
}

#[test]
fn asking_for_what_the_records_name_brings_the_allocator_back() {
    let mut before = ipam();
    let chosen = before.request_pool(&PoolAsk::any(Family::V4)).unwrap().id;
    let named = part(&mut before, "10.0.0.0/16", "10.0.1.0/24");
    for pool in [&chosen, &named] {
        get(&mut before, pool, &AddressAsk::gateway("web", None));
        endpoints(&mut before, pool, &["a", "b", "c"]);
    }
    let mut after = ipam();
    for pool in before.pools() {
        let ask = PoolAsk { range: pool.sub_range(), ..PoolAsk::subnet(pool.subnet()) };
        assert_eq!(&after.request_pool(&ask).unwrap().id, pool);
        for Lease { address, owner, kind } in before.usage(pool).unwrap().leases.into_iter().rev() {
            let ask = AddressAsk { address: Some(address), owner, kind, serial: false };
            assert_eq!(after.request_address(pool, &ask).map(|net| net.addr()), Ok(address));
        }
    }
    assert!(before.pools().eq(after.pools()));
    assert!(before.pools().all(|pool| before.usage(pool) == after.usage(pool)));
}

#[test]
fn a_clone_is_independent() {
    let mut ipam = ipam();
    let pool = pool(&mut ipam, "10.0.0.0/24");
    let mut what_if = ipam.clone();
    assert_eq!(endpoints(&mut what_if, &pool, &["a"]), endpoints(&mut ipam, &pool, &["b"]));
    assert_eq!(ipam.usage(&pool).unwrap().leases[0].owner, "b");
}
