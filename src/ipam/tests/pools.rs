//! Which subnet a network gets.

use super::*;

#[test]
fn defaults_are_dockers_in_dockers_order_and_then_more() {
    let mut ipam = ipam();
    let given: Vec<String> = (0..33).map(|_| any(&mut ipam, &PoolAsk::any(Family::V4))).collect();
    let dockers = (17..32).map(|second| format!("172.{second}.0.0/16"));
    let dockers = dockers.chain((0..16).map(|third| format!("192.168.{}.0/20", third * 16)));
    let more = (0..2).map(|third| format!("10.0.{third}.0/24"));
    assert_eq!(given, dockers.chain(more).collect::<Vec<_>>());
}

#[test]
fn there_are_65_567_networks_and_then_an_error_that_says_what_took_them() {
    let mut ipam = ipam();
    let ask = PoolAsk::any(Family::V4);
    for nth in 0..31 + 65_536 {
        assert!(ipam.request_pool(&ask).is_ok(), "network {nth}");
    }
    let error = ipam.request_pool(&ask).unwrap_err();
    let said = error.to_string();
    let starts = "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network: ";
    assert!(said.starts_with(starts), "{said}");
    assert!(said.contains("172.17.0.0/16: taken by pools 172.17.0.0/16;"), "{said}");
    assert!(
        said.contains("10.0.0.0/8 cut to /24: taken by pools 10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24 and 65533 more"),
        "{said}"
    );
    assert!(said.len() < 1_000, "{} bytes", said.len());
    assert!(error.hint().contains("--subnet"));
    ipam.release_pool(&"10.77.0.0/24".parse().unwrap()).unwrap();
    assert_eq!(any(&mut ipam, &ask), "10.77.0.0/24", "what is released is found again");
}

#[test]
fn the_lowest_pool_that_is_free_again_is_given_first() {
    let mut ipam = ipam();
    for _ in 0..4 {
        any(&mut ipam, &PoolAsk::any(Family::V4));
    }
    for subnet in ["172.19.0.0/16", "172.18.0.0/16"] {
        assert_eq!(ipam.release_pool(&subnet.parse().unwrap()), Some(Vec::new()));
    }
    let given: Vec<_> = (0..3).map(|_| any(&mut ipam, &PoolAsk::any(Family::V4))).collect();
    assert_eq!(given, ["172.18.0.0/16", "172.19.0.0/16", "172.21.0.0/16"]);
}

#[test]
fn ipv6_pools_are_cut_from_the_hosts_own_range() {
    let mut ipam = ipam();
    let base = ula(b"test");
    let given: Vec<IpNet> = (0..2).map(|_| ipam.request_pool(&PoolAsk::any(Family::V6)).unwrap().subnet).collect();
    assert!(given.iter().all(|subnet| base.contains(subnet) && subnet.prefix_len() == 64), "{given:?}");
    assert_eq!(given[0].network(), base.network());
    assert_ne!(given[0], given[1]);
    assert_ne!(ula(b"test"), ula(b"tesu"));
}

#[test]
fn a_chosen_pool_keeps_clear_of_the_hosts_networks() {
    let mut ipam = ipam();
    let avoid = ["172.17.0.0/12", "0.0.0.0/0", "192.168.1.7/24", "192.168.16.53/32", "fd00::/8", "::/0"];
    let ask = PoolAsk { avoid: avoid.iter().map(|text| net(text)).collect(), ..PoolAsk::any(Family::V4) };
    assert_eq!(any(&mut ipam, &ask), "192.168.32.0/20");
}

#[test]
fn a_named_subnet_is_not_held_against_the_hosts_networks() {
    let ask = PoolAsk { avoid: vec![net("10.1.0.0/16")], ..PoolAsk::subnet(net("10.1.0.0/16")) };
    assert_eq!(any(&mut ipam(), &ask), "10.1.0.0/16");
}

#[test]
fn an_error_names_the_hosts_networks_that_leave_no_room() {
    let mut ipam = small(&[("10.0.0.0/23", 24), ("10.9.0.0/24", 24)]);
    pool(&mut ipam, "10.0.0.64/26");
    let avoid = vec![net("10.0.1.53/32"), net("10.0.0.0/8"), net("10.0.1.9/32"), net("10.0.1.8/32")];
    let said = any(&mut ipam, &PoolAsk { avoid, ..PoolAsk::any(Family::V4) });
    let first = "10.0.0.0/23 cut to /24: taken by pools 10.0.0.64/26, \
                 and on the host there is 10.0.0.0/8, 10.0.1.8/32, 10.0.1.9/32 and 1 more";
    assert!(said.contains(first), "{said}");
    assert!(said.ends_with("; 10.9.0.0/24: on the host there is 10.0.0.0/8"), "{said}");
    assert!(any(&mut ipam, &PoolAsk::any(Family::V6)).ends_with("to the network: there are no IPv6 defaults"));
}

#[test]
fn an_error_stays_short_when_the_defaults_are_many() {
    let ranges: Vec<(String, u8)> = (0..200).map(|third| (format!("10.0.{third}.0/24"), 24)).collect();
    let ranges: Vec<(&str, u8)> = ranges.iter().map(|(base, size)| (base.as_str(), *size)).collect();
    let mut ipam = small(&ranges);
    pool(&mut ipam, "10.0.0.0/16");
    let said = any(&mut ipam, &PoolAsk::any(Family::V4));
    assert!(said.ends_with("; 10.0.11.0/24: taken by pools 10.0.0.0/16; and 188 more ranges"), "{said}");
}

#[test]
fn a_range_of_defaults_that_makes_no_sense_is_passed_over() {
    let mut ipam = small(&[("10.0.0.0/24", 16), ("10.1.0.0/24", 40), ("10.2.0.9/24", 25)]);
    assert_eq!(any(&mut ipam, &PoolAsk::any(Family::V4)), "10.2.0.0/25");
    assert_eq!(any(&mut ipam, &PoolAsk::any(Family::V4)), "10.2.0.128/25");
    let said = any(&mut ipam, &PoolAsk::any(Family::V4));
    assert!(said.contains("10.0.0.0/24 cut to /16: too small; 10.1.0.0/24 cut to /40: too small; "), "{said}");
    ipam.defaults.v6 = vec![PoolRange { base: net("10.3.0.0/16"), size: 24 }];
    assert!(any(&mut ipam, &PoolAsk::any(Family::V6)).ends_with("there are no IPv6 defaults"), "it is of the other family");
}

#[test]
fn a_size_without_a_subnet_cuts_the_defaults_so() {
    let mut ipam = ipam();
    let size = |size| PoolAsk { size: Some(size), ..PoolAsk::any(Family::V4) };
    assert_eq!(any(&mut ipam, &size(24)), "172.17.0.0/24");
    assert_eq!(any(&mut ipam, &PoolAsk::subnet(net("0.0.0.0/24"))), "172.17.1.0/24");
    assert_eq!(any(&mut ipam, &PoolAsk::any(Family::V4)), "172.18.0.0/16");
    assert_eq!(any(&mut ipam, &size(15)), "172.20.0.0/15", "no range before can hold a /15");
    assert_eq!(any(&mut ipam, &size(7)), "none of the IPv4 default ranges can hold a pool of size /7");
    assert_eq!(any(&mut ipam, &size(33)), "none of the IPv4 default ranges can hold a pool of size /33");
    assert_eq!(
        any(&mut ipam, &PoolAsk { size: Some(56), ..PoolAsk::any(Family::V6) }),
        ula(b"test").to_string().replace("/48", "/56")
    );
}

#[test]
fn subnets_that_overlap_are_refused_by_the_name_of_the_other() {
    // Held, asked for, the one that is named; after libnetwork's TestOverlappingRequests.
    for (held, asked, with) in [
        (&["10.0.0.0/8"][..], "10.0.0.0/8", Some("10.0.0.0/8 is taken")),
        (&["10.0.0.0/8"], "10.0.0.0/16", Some("10.0.0.0/16 with 10.0.0.0/8")),
        (&["10.0.0.0/16"], "10.0.0.0/8", Some("10.0.0.0/8 with 10.0.0.0/16")),
        (&["10.0.0.0/16"], "10.1.0.0/16", None),
        (&["10.0.0.0/16", "10.1.0.0/16"], "10.2.0.0/16", None),
        (&["10.0.0.0/30", "10.0.1.0/24"], "10.0.0.0/22", Some("with 10.0.0.0/30")),
        (&["64.0.0.0/2"], "128.0.0.0/1", None),
        (&["128.0.0.0/1"], "255.255.255.255/32", Some("with 128.0.0.0/1")),
        (&["2001:db8:1::/48"], "2001:db8::/32", Some("with 2001:db8:1::/48")),
        (&["2001:db8:1::/48", "2001:db8:3::/48"], "2001:db8:2::/48", None),
        (&["fd00::/8"], "fe80::/64", None),
        (&["8000::/1"], "128.0.0.0/1", None),
    ] {
        let mut ipam = ipam();
        for subnet in held {
            pool(&mut ipam, subnet);
        }
        let said = any(&mut ipam, &PoolAsk::subnet(net(asked)));
        match with {
            None => assert_eq!(said, asked),
            Some(with) => {
                assert!(said.starts_with("Pool overlaps with other one on this address space: "), "{said}");
                assert!(said.ends_with(with), "{said}");
                assert_eq!(ipam.pools().count(), held.len(), "a refusal changes nothing");
            }
        }
    }
}

#[test]
fn a_chosen_pool_keeps_clear_of_named_ones() {
    let mut ipam = ipam();
    pool(&mut ipam, "172.16.0.0/14");
    pool(&mut ipam, "172.21.5.0/24");
    let given: Vec<_> = (0..2).map(|_| any(&mut ipam, &PoolAsk::any(Family::V4))).collect();
    assert_eq!(given, ["172.20.0.0/16", "172.22.0.0/16"]);
}

#[test]
fn sub_ranges_share_a_subnet_but_each_is_held_once() {
    let mut ipam = ipam();
    let first = part(&mut ipam, "10.0.0.0/16", "10.0.1.0/24");
    part(&mut ipam, "10.0.0.0/16", "10.0.0.0/20");
    let again = PoolAsk { range: Some(net("10.0.1.0/24")), ..PoolAsk::subnet(net("10.0.0.0/16")) };
    assert!(any(&mut ipam, &again).ends_with("10.0.0.0/16/10.0.1.0/24 is taken"));
    let other = PoolAsk { range: Some(net("10.0.1.0/24")), ..PoolAsk::subnet(net("10.0.0.0/20")) };
    assert!(any(&mut ipam, &other).starts_with("Pool overlaps"), "its subnet is another");
    assert!(
        any(&mut ipam, &PoolAsk::subnet(net("10.0.0.0/16"))).starts_with("Pool overlaps"),
        "a whole subnet is nobody else's"
    );
    assert_eq!((first.subnet(), first.range()), (net("10.0.0.0/16"), net("10.0.1.0/24")));
}

#[test]
fn a_sub_range_of_a_whole_subnet_is_one_more_pool_in_it() {
    let mut ipam = ipam();
    let whole = pool(&mut ipam, "10.0.0.0/24");
    let upper = part(&mut ipam, "10.0.0.0/24", "10.0.0.128/25");
    assert!(ipam.release_pool(&whole).is_some());
    assert!(any(&mut ipam, &PoolAsk::subnet(net("10.0.0.0/25"))).starts_with("Pool overlaps"), "the subnet is held still");
    assert!(ipam.release_pool(&upper).is_some());
    assert_eq!(any(&mut ipam, &PoolAsk::subnet(net("10.0.0.0/25"))), "10.0.0.0/25");
}

#[test]
fn a_pool_that_is_not_there_is_released_without_error() {
    let mut ipam = ipam();
    let id = pool(&mut ipam, "10.0.0.0/24");
    assert!(ipam.release_pool(&"10.0.0.0/16".parse().unwrap()).is_none());
    assert!(ipam.release_pool(&"10.0.0.0/24/10.0.0.0/25".parse().unwrap()).is_none());
    assert!(ipam.release_pool(&id).is_some() && ipam.release_pool(&id).is_none());
}

#[test]
fn a_wish_that_contradicts_itself_is_told_how() {
    let sub = |subnet: &str| PoolAsk::subnet(net(subnet));
    let range = |subnet: &str, range: &str| PoolAsk { range: Some(net(range)), ..sub(subnet) };
    let lone = PoolAsk { range: Some(net("10.0.0.0/24")), ..PoolAsk::any(Family::V4) };
    for (ask, said, hint) in [
        (sub("10.0.0.1/24"), "invalid subnet 10.0.0.1/24: it should be 10.0.0.0/24", "write 10.0.0.0/24"),
        (range("10.0.0.0/24", "10.0.0.9/25"), "invalid ip-range 10.0.0.9/25: it should be 10.0.0.0/25", "write 10.0.0.0/25"),
        (
            range("10.0.0.0/24", "10.0.0.0/16"),
            "invalid ip-range 10.0.0.0/16: parent subnet 10.0.0.0/24 doesn't contain ip-range",
            "inside 10.0.0.0/24",
        ),
        (
            range("::/0", "10.0.0.0/16"),
            "invalid ip-range 10.0.0.0/16: parent subnet ::/0 doesn't contain ip-range",
            "inside ::/0",
        ),
        (lone, "every ip-range or gateway must have a corresponding subnet", "--subnet"),
        (range("0.0.0.0/24", "10.0.0.0/25"), "every ip-range or gateway must have a corresponding subnet", "--subnet"),
        (PoolAsk { family: Family::V6, ..sub("10.0.0.0/24") }, "invalid subnet 10.0.0.0/24: it is no IPv6 block", "IPv6"),
        (
            PoolAsk { size: Some(25), ..sub("10.0.0.0/24") },
            "invalid subnet 10.0.0.0/24: a pool of size /25 is asked for",
            "leave the size out",
        ),
    ] {
        let error = ipam().request_pool(&ask).unwrap_err();
        assert_eq!(error.to_string(), said);
        assert!(error.hint().contains(hint), "{said}: {}", error.hint());
    }
}
