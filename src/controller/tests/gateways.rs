//! The way out of a sandbox: which endpoint gives it, and that the kernel's routes follow.

use super::changes::dual;
use super::house::{House, name, sandbox, why, with_subnet};
use crate::controller::Controller;
use crate::controller::model::{NewEndpoint, NewNetwork, NewSandbox, SandboxPlace};
use lanloom_drivers::kernel::{IfName, Kernel, Netns, Route};

/// Networks `a` and `b` of IPv4, `c` of both families, `i` internal, and a sandbox `box` on none.
async fn furnished(house: &House) -> Controller {
    let controller = house.start().await;
    let networks = [
        ("a", with_subnet("10.1.0.0/24")),
        ("b", with_subnet("10.2.0.0/24")),
        ("c", dual("10.3.0.0/24", "fd00:3::/64")),
        ("i", NewNetwork { internal: true, ..with_subnet("10.4.0.0/24") }),
    ];
    for (named, new) in networks {
        controller.create_network(name(named), new).await.expect("a network");
    }
    sandbox(&controller, "box", &[]).await.expect("a sandbox");
    controller
}

async fn connect(controller: &Controller, network: &str, priority: i32) {
    let new = NewEndpoint { priority, ..NewEndpoint::default() };
    controller.connect(network.into(), "box".into(), new).await.expect("connected");
}

/// Where everything goes that has no route of its own, as the kernel has it.
async fn ways(house: &House, netns: &str) -> Vec<String> {
    let netns = Netns::At(format!("/fake/netns/{netns}").into());
    let routes = house.ground.kernel.list_routes(&netns).await.expect("routes");
    let everything = routes.into_iter().filter(|route| route.to.prefix_len() == 0);
    everything.map(|route| format!("{} {}", route.via.expect("a gateway"), route.dev)).collect()
}

fn shown(controller: &Controller) -> Vec<String> {
    let ways = controller.sandbox("box").expect("the sandbox").gateway;
    ways.into_iter().map(|way| way.map_or("none".into(), |(network, why)| format!("{network}: {why}"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn interfaces_are_numbered_as_they_come_and_the_lowest_free_number_is_taken() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    for network in ["b", "a", "i"] {
        connect(&controller, network, 0).await;
    }
    let ifname = |network: &str| {
        let endpoint = controller.one_endpoint(&format!("{network}/box")).expect("its endpoint").endpoint;
        endpoint.state.joint().expect("in a sandbox").ifname.clone().expect("an interface")
    };
    assert_eq!(["b", "a", "i"].map(ifname), ["eth0", "eth1", "eth2"]);
    controller.disconnect("a".into(), "box".into(), false).await.expect("disconnected");
    connect(&controller, "c", 0).await;
    assert_eq!(ifname("c"), "eth1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_out_is_chosen_by_priority_then_families_then_name_and_moves_as_networks_come_and_go() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    connect(&controller, "i", 99).await;
    assert_eq!((shown(&controller), ways(&house, "box").await), (vec!["none".into(), "none".into()], vec![]));
    connect(&controller, "b", 0).await;
    assert_eq!(shown(&controller)[0], "b: no other has a way out");
    assert_eq!(ways(&house, "box").await, ["10.2.0.1 eth1"]);
    connect(&controller, "a", 0).await;
    assert_eq!(shown(&controller)[0], "a: of equal ones its network comes before b by name");
    assert_eq!(ways(&house, "box").await, ["10.1.0.1 eth2"]);
    connect(&controller, "c", -1).await;
    assert_eq!(shown(&controller)[1], "c: no other has a way out");
    assert_eq!(ways(&house, "box").await, ["10.1.0.1 eth2", "fd00:3::1 eth3"]);
    controller.disconnect("a".into(), "box".into(), false).await.expect("disconnected");
    assert_eq!(shown(&controller)[0], "b: its priority 0 is above the -1 of c");
    assert_eq!(ways(&house, "box").await, ["10.2.0.1 eth1", "fd00:3::1 eth3"]);
    controller.disconnect("b".into(), "box".into(), false).await.expect("disconnected");
    assert_eq!(ways(&house, "box").await, ["10.3.0.1 eth3", "fd00:3::1 eth3"]);
    controller.disconnect("c".into(), "box".into(), false).await.expect("disconnected");
    assert_eq!(ways(&house, "box").await, Vec::<String>::new());
    assert!(controller.sandbox("box").expect("the sandbox").notes.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn inspect_lists_endpoints_in_the_order_of_choice_and_marks_the_one_that_is_used() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    for (network, priority) in [("i", 0), ("b", 0), ("a", 0), ("c", 0)] {
        connect(&controller, network, priority).await;
    }
    let view = controller.sandbox("box").expect("the sandbox");
    let order: Vec<(&str, (bool, bool))> =
        view.endpoints.iter().map(|endpoint| (endpoint.network.as_str(), endpoint.is_gateway)).collect();
    let none = (false, false);
    assert_eq!(order, [("c", (true, true)), ("a", none), ("b", none), ("i", none)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_out_that_a_crash_left_by_another_endpoint_is_put_right_at_the_next_start() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    connect(&controller, "b", 0).await;
    connect(&controller, "a", 0).await;
    controller.stop().await;
    let (netns, kernel) = (Netns::At("/fake/netns/box".into()), &house.ground.kernel);
    let route = |via: &str, dev: &str| Route {
        to: "0.0.0.0/0".parse().expect("a network"),
        via: Some(via.parse().expect("an address")),
        dev: IfName::new(dev).expect("a name"),
        on_link: false,
    };
    kernel.delete_route(&netns, &route("10.1.0.1", "eth1")).await.expect("deleted");
    kernel.create_route(&netns, &route("10.2.0.1", "eth0")).await.expect("created");
    let _controller = house.start().await;
    assert_eq!(ways(&house, "box").await, ["10.1.0.1 eth1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_default_route_that_somebody_set_in_an_adopted_namespace_is_not_taken_away() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    let (netns, kernel) = (Netns::At("/fake/netns/a".into()), &house.ground.kernel);
    house.ground.somebodys_veth(&netns, "wan0").await;
    let dev = IfName::new("wan0").expect("a name");
    let up = lanloom_drivers::kernel::LinkChange { up: Some(true), ..Default::default() };
    kernel.set_link(&netns, &dev, &up).await.expect("up");
    kernel.create_address(&netns, &dev, "192.0.2.2/24".parse().expect("an address")).await.expect("an address");
    let to = "0.0.0.0/0".parse().expect("a network");
    let theirs = Route { to, via: Some("192.0.2.1".parse().expect("an address")), dev, on_link: false };
    kernel.create_route(&netns, &theirs).await.expect("created");
    let place = SandboxPlace::At("/fake/netns/a".into());
    controller.create_sandbox(name("theirs"), NewSandbox { place, ..NewSandbox::default() }, vec![]).await.expect("adopted");
    let refusal = why(controller.connect("a".into(), "theirs".into(), NewEndpoint::default()).await);
    assert!(refusal.contains("has a default route of its own by wan0"), "{refusal}");
    assert_eq!(ways(&house, "a").await, ["192.0.2.1 wan0"]);
    assert!(controller.endpoints(None).expect("endpoints").is_empty());
    controller.connect("i".into(), "theirs".into(), NewEndpoint::default()).await.expect("an internal network");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_gateway_s_address_is_set_aside_where_the_host_takes_no_part_unless_it_is_asked_for() {
    let house = House::new().await;
    let controller = house.start().await;
    let isolated = || [("com.docker.network.bridge.gateway_mode_ipv4".to_owned(), "isolated".to_owned())].into();
    let apart = |subnet| NewNetwork { internal: true, options: isolated(), ..with_subnet(subnet) };
    controller.create_network(name("apart"), apart("10.9.0.0/30")).await.expect("a network");
    let mut asked = apart("10.8.0.0/30");
    asked.pools[0].gateway = "10.8.0.1".parse().ok();
    controller.create_network(name("asked"), asked).await.expect("a network");
    controller.stop().await;
    let controller = house.start().await;
    let gateway = |network| controller.network(network).expect("the network").network.v4[0].gateway;
    assert_eq!((gateway("apart"), gateway("asked")), (None, "10.8.0.1".parse().ok()));
    for (network, endpoints) in [("apart", 2), ("asked", 1)] {
        for number in 0..endpoints {
            let named = name(&format!("e{number}"));
            controller.create_endpoint(network.into(), named, NewEndpoint::default()).await.expect("an address is left");
        }
        controller.create_endpoint(network.into(), name("last"), NewEndpoint::default()).await.expect_err("none is left");
    }
}
