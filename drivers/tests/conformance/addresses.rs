//! Addresses and routes.

use ipnet::IpNet;
use lanloom_drivers::kernel::{IfName, LinkChange, Netns, Route, WayTo, Why};

use super::bench::{Bench, if_name, veth};

fn net(text: &str) -> IpNet {
    text.parse().expect("an address and prefix")
}

/// A namespace with `e0` up, both ends of the veth in it.
async fn a_place(bench: &Bench) -> Netns {
    let netns = bench.netns("a").await;
    bench.kernel.create_veth(&veth(&netns, &netns)).await.expect("a veth");
    netns
}

pub(crate) async fn addresses_come_and_go_one_by_one(bench: &Bench) {
    let (netns, e0) = (a_place(bench).await, if_name("e0"));
    let all = [net("10.1.0.1/24"), net("10.2.0.1/32"), net("fd00::1/64"), net("fd01::1/128")];
    for address in all {
        bench.kernel.create_address(&netns, &e0, address).await.expect("an address");
        let error = bench.kernel.create_address(&netns, &e0, address).await.expect_err("it has it");
        assert_eq!(error.why(), &Why::Exists, "{error}");
    }
    assert_eq!(bench.kernel.list_addresses(&netns, &e0).await, Ok(all.to_vec()));
    for address in all {
        bench.kernel.delete_address(&netns, &e0, address).await.expect("deleted");
        let error = bench.kernel.delete_address(&netns, &e0, address).await.expect_err("it has it no more");
        assert_eq!(error.why(), &Why::NoSuchAddress, "{error}");
    }
    assert_eq!(bench.kernel.list_addresses(&netns, &e0).await, Ok(Vec::new()));
    assert_eq!(bench.kernel.list_routes(&netns).await, Ok(Vec::new()), "their routes go with them");
}

pub(crate) async fn an_address_brings_the_route_to_its_subnet(bench: &Bench) {
    let (netns, e0) = (a_place(bench).await, if_name("e0"));
    bench.kernel.create_address(&netns, &e0, net("10.1.0.1/24")).await.expect("an address");
    let subnet = Route { to: net("10.1.0.0/24"), via: None, dev: e0.clone(), on_link: false };
    assert_eq!(bench.kernel.list_routes(&netns).await, Ok(vec![subnet.clone()]));
    let down = LinkChange { up: Some(false), ..LinkChange::default() };
    bench.kernel.set_link(&netns, &e0, &down).await.expect("down");
    assert_eq!(bench.kernel.list_routes(&netns).await, Ok(Vec::new()));
    let up = LinkChange { up: Some(true), ..LinkChange::default() };
    bench.kernel.set_link(&netns, &e0, &up).await.expect("up");
    assert_eq!(bench.kernel.list_routes(&netns).await, Ok(vec![subnet]));
}

pub(crate) async fn routes_come_and_go_one_by_one(bench: &Bench) {
    let (netns, e0) = (a_place(bench).await, if_name("e0"));
    for address in ["10.1.0.1/24", "fd00::1/64"] {
        bench.kernel.create_address(&netns, &e0, net(address)).await.expect("an address");
    }
    let via = |text: &str| Some(text.parse().expect("an address"));
    let routes = [
        Route { to: net("0.0.0.0/0"), via: via("10.1.0.254"), dev: e0.clone(), on_link: false },
        Route { to: net("10.9.0.0/16"), via: None, dev: e0.clone(), on_link: false },
        Route { to: net("::/0"), via: via("fd00::fe"), dev: e0.clone(), on_link: false },
        Route { to: net("fd09::/64"), via: None, dev: e0.clone(), on_link: false },
    ];
    for route in &routes {
        bench.kernel.create_route(&netns, route).await.expect("a route");
        let error = bench.kernel.create_route(&netns, route).await.expect_err("it is there");
        assert_eq!(error.why(), &Why::Exists, "{error}");
    }
    let there = bench.kernel.list_routes(&netns).await.expect("routes");
    assert!(routes.iter().all(|route| there.contains(route)), "{there:?}");
    assert_eq!(there.len(), 6, "with the two of the addresses: {there:?}");
    for route in &routes {
        bench.kernel.delete_route(&netns, route).await.expect("deleted");
        let error = bench.kernel.delete_route(&netns, route).await.expect_err("it is gone");
        assert_eq!(error.why(), &Why::NoSuchRoute, "{error}");
    }
    assert_eq!(bench.kernel.list_routes(&netns).await.expect("routes").len(), 2);
}

pub(crate) async fn a_route_that_cannot_be_is_refused(bench: &Bench) {
    let (netns, e0) = (a_place(bench).await, if_name("e0"));
    let via = |text: &str| Some(text.parse().expect("an address"));
    let unreachable = Route { to: net("0.0.0.0/0"), via: via("192.0.2.1"), dev: e0.clone(), on_link: false };
    let error = bench.kernel.create_route(&netns, &unreachable).await.expect_err("no way to its gateway");
    assert!(matches!(error.why(), Why::Os(_)), "{error}");
    let mixed = Route { to: net("::/0"), via: via("10.1.0.1"), dev: e0, on_link: false };
    let error = bench.kernel.create_route(&netns, &mixed).await.expect_err("two families");
    assert!(matches!(error.why(), Why::InvalidValue(_)), "{error}");
    let nowhere = Route { to: net("10.0.0.0/8"), via: None, dev: if_name("absent0"), on_link: false };
    let error = bench.kernel.create_route(&netns, &nowhere).await.expect_err("no such interface");
    assert_eq!(error.why(), &Why::NoSuchLink, "{error}");
    assert_eq!(bench.kernel.list_routes(&netns).await, Ok(Vec::new()));
}

pub(crate) async fn a_look_at_an_interface_shows_its_own_addresses_and_routes_only(bench: &Bench) {
    let (netns, e0, p0) = (a_place(bench).await, if_name("e0"), if_name("p0"));
    for (name, addresses) in [(&e0, ["10.1.0.1/24", "fd00::1/64"]), (&p0, ["10.2.0.1/24", "fd02::1/64"])] {
        for address in addresses {
            bench.kernel.create_address(&netns, name, net(address)).await.expect("an address");
        }
    }
    let via = |text: &str| Some(text.parse().expect("an address"));
    let out = Route { to: net("0.0.0.0/0"), via: via("10.1.0.254"), dev: e0.clone(), on_link: false };
    bench.kernel.create_route(&netns, &out).await.expect("a route");
    let subnet = |to: &str, dev: &IfName| Route { to: net(to), via: None, dev: dev.clone(), on_link: false };
    let given = net("fe80::7/64");
    bench.kernel.create_address(&netns, &e0, given).await.expect("an address");
    let seen = bench.kernel.look_inside(&netns, &e0).await.expect("seen");
    let made = |address: &&IpNet| {
        matches!(address.addr(), std::net::IpAddr::V6(v6) if v6.is_unicast_link_local()) && **address != given
    };
    let shown: Vec<_> = seen.addresses.iter().filter(|address| !made(address)).copied().collect();
    assert_eq!(shown, [net("10.1.0.1/24"), net("fd00::1/64"), given]);
    let listed = bench.kernel.list_addresses(&netns, &e0).await.expect("addresses");
    assert_eq!(listed, ["10.1.0.1/24", "fd00::1/64"].map(net), "those of the link alone are left out");
    assert_eq!((seen.routes, seen.all_routes), (vec![out, subnet("10.1.0.0/24", &e0), subnet("fd00::/64", &e0)], true));
    let seen = bench.kernel.look_inside(&netns, &p0).await.expect("seen");
    assert_eq!((seen.routes, seen.all_routes), (vec![subnet("10.2.0.0/24", &p0), subnet("fd02::/64", &p0)], true));
    let error = bench.kernel.look_inside(&netns, &if_name("absent0")).await.expect_err("no such interface");
    assert_eq!(error.why(), &Why::NoSuchLink, "{error}");
}

/// `e0` with two addresses of each family, and an MTU of its own.
async fn a_place_with_addresses(bench: &Bench) -> Netns {
    let (netns, e0) = (a_place(bench).await, if_name("e0"));
    let change = LinkChange { mtu: Some(1400), ..LinkChange::default() };
    bench.kernel.set_link(&netns, &e0, &change).await.expect("changed");
    for address in ["10.1.0.1/24", "10.7.0.1/24", "fd00::1/64", "fd07::1/64"] {
        bench.kernel.create_address(&netns, &e0, net(address)).await.expect("an address");
    }
    netns
}

pub(crate) async fn a_way_out_has_the_source_and_the_mtu_of_its_interface(bench: &Bench) {
    let netns = a_place_with_addresses(bench).await;
    let via = Some("10.7.0.254".parse().expect("an address"));
    let out = Route { to: net("192.0.2.0/24"), via, dev: if_name("e0"), on_link: false };
    bench.kernel.create_route(&netns, &out).await.expect("a route");
    let address = |text: &str| text.parse().expect("an address");
    for (to, source) in [("10.1.0.9", "10.1.0.1"), ("10.7.0.9", "10.7.0.1"), ("192.0.2.5", "10.7.0.1"), ("fd07::9", "fd07::1")]
    {
        let way = bench.kernel.way_to(&netns, None, address(to)).await;
        assert_eq!(way, Ok(WayTo { source: address(source), mtu: 1400 }), "to {to}");
    }
    let way = bench.kernel.way_to(&netns, Some(address("10.7.0.1")), address("10.1.0.9")).await;
    assert_eq!(way, Ok(WayTo { source: address("10.7.0.1"), mtu: 1400 }), "as was asked");
}

pub(crate) async fn a_way_that_cannot_be_is_refused(bench: &Bench) {
    let netns = a_place_with_addresses(bench).await;
    let address = |text: &str| text.parse().expect("an address");
    for to in ["203.0.113.1", "2001:db8::1"] {
        let error = bench.kernel.way_to(&netns, None, address(to)).await.expect_err("nothing leads there");
        assert_eq!(error.why(), &Why::NoSuchRoute, "{error}");
    }
    let error = bench.kernel.way_to(&netns, Some(address("10.9.0.1")), address("10.1.0.9")).await.expect_err("not its own");
    assert_eq!(error.why(), &Why::NoSuchAddress, "{error}");
    let error = bench.kernel.way_to(&netns, Some(address("fd00::1")), address("10.1.0.9")).await.expect_err("two families");
    assert!(matches!(error.why(), Why::InvalidValue(_)), "{error}");
    let absent = bench.kernel.netns("absent").expect("a valid name");
    let error = bench.kernel.way_to(&absent, None, address("10.1.0.9")).await.expect_err("no namespace");
    assert!(matches!(error.why(), Why::NoSuchNetns(_)), "{error}");
}
