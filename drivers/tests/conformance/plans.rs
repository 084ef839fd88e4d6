//! Whole plans for an interface.

use ipnet::IpNet;
use lanloom_drivers::kernel::{LinkChange, Netns, Plan, Route, Why};
use lanloom_switch_core::MacAddr;

use super::bench::{Bench, if_name, names, veth};
use super::settings::key;

fn net(text: &str) -> IpNet {
    text.parse().expect("an address and prefix")
}

fn default_by(gateway: &str, on_link: bool) -> Route {
    let via = gateway.parse().expect("an address");
    let to = if gateway.contains(':') { net("::/0") } else { net("0.0.0.0/0") };
    Route { to, via: Some(via), dev: if_name("eth0"), on_link }
}

/// `e0`, down, with its other end in the same namespace.
async fn a_place(bench: &Bench) -> Netns {
    let netns = bench.netns("a").await;
    bench.kernel.create_veth(&veth(&netns, &netns)).await.expect("a veth");
    let down = LinkChange { up: Some(false), ..LinkChange::default() };
    bench.kernel.set_link(&netns, &if_name("e0"), &down).await.expect("down");
    netns
}

/// All that a plan can say.
pub(crate) fn whole() -> Plan {
    Plan {
        rename: Some(if_name("eth0")),
        mac: Some(MacAddr([2, 0, 0, 0, 0, 7])),
        mtu: Some(1400),
        sysctls: vec![(key("net.ipv4.conf.eth0.proxy_arp"), "1".to_owned())],
        addresses: vec![net("10.1.0.2/24"), net("fd00::2/64")],
        up: true,
        routes: vec![default_by("10.1.0.1", false), default_by("fd00::1", false)],
        ..Plan::new(if_name("e0"))
    }
}

pub(crate) async fn a_plan_is_done_as_a_whole(bench: &Bench) {
    let netns = a_place(bench).await;
    bench.kernel.configure(&netns, &whole()).await.expect("done");
    let link = bench.kernel.link(&netns, &if_name("eth0")).await.expect("under its new name");
    assert_eq!((link.mac, link.mtu, link.up), (Some(MacAddr([2, 0, 0, 0, 0, 7])), 1400, true));
    assert_eq!(bench.kernel.sysctl(&netns, &key("net.ipv4.conf.eth0.proxy_arp")).await, Ok("1".to_owned()));
    let all = bench.kernel.list_addresses_all(&netns).await.expect("addresses");
    let on_eth0: Vec<_> = all.into_iter().filter(|(name, _)| *name == if_name("eth0")).map(|(_, address)| address).collect();
    assert_eq!(on_eth0, whole().addresses);
    let routes = bench.kernel.list_routes(&netns).await.expect("routes");
    assert!(whole().routes.iter().all(|route| routes.contains(route)), "{routes:?}");
}

pub(crate) async fn a_plan_that_cannot_be_done_changes_nothing(bench: &Bench) {
    let netns = a_place(bench).await;
    let before = bench.kernel.link(&netns, &if_name("e0")).await.expect("there");
    let taken = Plan { rename: Some(if_name("p0")), ..whole() };
    let unset = Plan { sysctls: vec![(key("net.ipv4.conf.absent0.forwarding"), "1".to_owned())], ..whole() };
    let twice = Plan { addresses: vec![net("10.1.0.2/24"), net("10.1.0.2/24")], ..whole() };
    let unreachable = Plan { routes: vec![default_by("10.1.0.1", false), default_by("fd77::1", false)], ..whole() };
    for plan in [taken, unset, twice, unreachable] {
        let error = bench.kernel.configure(&netns, &plan).await.expect_err("impossible");
        assert_eq!(error.also(), [], "nothing is left behind");
        let after = bench.kernel.link(&netns, &if_name("e0")).await.expect("under its old name");
        assert_eq!(after, before, "after {error}");
        assert_eq!(bench.kernel.list_addresses(&netns, &if_name("e0")).await, Ok(Vec::new()), "after {error}");
        assert_eq!(bench.kernel.list_routes(&netns).await, Ok(Vec::new()), "after {error}");
        assert_eq!(bench.kernel.sysctl(&netns, &key("net.ipv4.conf.e0.proxy_arp")).await, Ok("0".to_owned()), "after {error}");
    }
}

pub(crate) async fn an_empty_plan_only_needs_its_interface(bench: &Bench) {
    let netns = a_place(bench).await;
    bench.kernel.configure(&netns, &Plan::new(if_name("e0"))).await.expect("nothing to do");
    assert!(!bench.kernel.link(&netns, &if_name("e0")).await.expect("there").up);
    let error = bench.kernel.configure(&netns, &Plan::new(if_name("absent0"))).await.expect_err("no such interface");
    assert_eq!(error.why(), &Why::NoSuchLink, "{error}");
    assert_eq!(names(&*bench.kernel, &netns).await.len(), 3);
}

pub(crate) async fn a_gateway_outside_every_subnet_is_reached_on_the_link(bench: &Bench) {
    let netns = a_place(bench).await;
    let routes = vec![default_by("192.0.2.1", true), default_by("2001:db8::1", true)];
    let plan = Plan { addresses: vec![net("10.1.0.2/32"), net("fd00::2/128")], routes, ..whole() };
    bench.kernel.configure(&netns, &plan).await.expect("done");
    let there = bench.kernel.list_routes(&netns).await.expect("routes");
    assert!(plan.routes.iter().all(|route| there.contains(route)), "{there:?}");
}
