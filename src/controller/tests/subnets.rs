//! Subnets and addresses as networks get them: what is kept clear of, how the next one is chosen, what is refused at once.

use super::house::{House, name, sandbox, why, with_subnet};
use super::picture::leases;
use crate::controller::Controller;
use crate::controller::model::{NetworkChange, NewEndpoint, NewNetwork, PoolAsked};
use lanloom_drivers::kernel::{IfName, Kernel, LinkChange, Netns};

/// The subnet that a network got.
fn subnet(controller: &Controller, network: &str) -> String {
    controller.network(network).expect("the network").network.v4[0].subnet.to_string()
}

async fn address(controller: &Controller, endpoint: &str) -> String {
    controller.create_endpoint("web".into(), name(endpoint), NewEndpoint::default()).await.expect("an endpoint");
    controller.one_endpoint(endpoint).expect("it").endpoint.addresses[0].addr().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subnet_that_is_chosen_keeps_clear_of_the_hosts_routes_and_name_servers_and_one_that_is_named_does_not() {
    let house = House::new().await;
    let controller = house.start().await;
    house.ground.somebodys_veth(&Netns::Daemon, "wan0").await;
    let (wan0, kernel) = (IfName::new("wan0").expect("a name"), &house.ground.kernel);
    let up = LinkChange { up: Some(true), ..LinkChange::default() };
    kernel.set_link(&Netns::Daemon, &wan0, &up).await.expect("up");
    kernel.create_address(&Netns::Daemon, &wan0, "172.17.3.4/24".parse().expect("an address")).await.expect("an address");
    std::fs::write(house.place("resolv.conf"), "nameserver 172.18.0.53\n").expect("written");
    controller.create_network(name("chosen"), NewNetwork::default()).await.expect("a network");
    assert_eq!(subnet(&controller, "chosen"), "172.19.0.0/16");
    let (_, notes) = controller.create_network(name("named"), with_subnet("172.17.0.0/16")).await.expect("a network");
    assert_eq!(subnet(&controller, "named"), "172.17.0.0/16");
    let told = |note: &String| note.contains("subnet 172.17.0.0/16 overlaps with the host's route 172.17.3.0/24 dev wan0");
    assert!(notes.iter().any(told), "{notes:?}");
    let (_, notes) = controller.create_network(name("apart"), with_subnet("10.9.0.0/24")).await.expect("a network");
    assert!(!notes.iter().any(|note| note.contains("overlaps")), "{notes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subnet_of_a_size_is_cut_from_the_defaults() {
    let house = House::new().await;
    let controller = house.start().await;
    controller.create_network(name("small"), with_subnet("0.0.0.0/26")).await.expect("a network");
    assert_eq!(subnet(&controller, "small"), "172.17.0.0/26");
    controller.create_network(name("usual"), NewNetwork::default()).await.expect("a network");
    assert_eq!(subnet(&controller, "usual"), "172.18.0.0/16");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_given_in_turn_or_the_lowest_first_as_the_network_says() {
    for (serial, expected) in [("false", "10.9.0.4"), ("true", "10.9.0.2")] {
        let house = House::new().await;
        let controller = house.start().await;
        let ipam_options = [("com.docker.network.ipam.serial".to_owned(), serial.to_owned())].into();
        let new = NewNetwork { ipam_options, ..with_subnet("10.9.0.0/24") };
        controller.create_network(name("web"), new).await.expect("a network");
        assert_eq!(
            (address(&controller, "x1").await, address(&controller, "x2").await),
            ("10.9.0.2".into(), "10.9.0.3".into())
        );
        controller.delete_endpoint("x1".into(), false).await.expect("deleted");
        assert_eq!(address(&controller, "x3").await, expected, "serial: {serial}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_an_address_that_is_taken_is_told_by_name_whose_it_is() {
    let house = House::new().await;
    let controller = house.start().await;
    let auxiliary = [("router".to_owned(), "10.9.0.9".parse().expect("an address"))].into();
    let pool = PoolAsked { auxiliary, ..with_subnet("10.9.0.0/24").pools.remove(0) };
    controller.create_network(name("web"), NewNetwork { pools: vec![pool], ..NewNetwork::default() }).await.expect("a network");
    assert_eq!(address(&controller, "x1").await, "10.9.0.2");
    for (asked, whose) in [
        ("10.9.0.1", "the gateway of network web"),
        ("10.9.0.2", "the address of endpoint x1"),
        ("10.9.0.9", "an auxiliary address of network web"),
        ("10.9.0.255", "its broadcast address"),
    ] {
        let new = NewEndpoint { v4: Some(asked.parse().expect("an address")), ..NewEndpoint::default() };
        let refused = why(controller.create_endpoint("web".into(), name("x2"), new).await);
        assert!(refused.contains(&format!("Address already in use: {asked} of 10.9.0.0/24 is {whose};")), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_without_addresses_of_ours_has_switches_and_interfaces_and_nothing_else() {
    let house = House::new().await;
    let controller = house.start().await;
    let new = || NewNetwork { ipam_driver: "null".to_owned(), ..NewNetwork::default() };
    controller.create_network(name("web"), new()).await.expect("a network");
    controller.create_network(name("other"), new()).await.expect("as many as one likes");
    sandbox(&controller, "box", &["web", "other"]).await.expect("a sandbox");
    for view in controller.sandbox("box").expect("the sandbox").endpoints {
        assert_eq!(view.endpoint.addresses, []);
        assert!(view.endpoint.state.joint().is_some_and(|joint| joint.ifname.is_some()), "it has an interface");
    }
    assert_eq!(leases(&controller), Vec::<String>::new());
    let asked = NewEndpoint { v4: Some("10.9.0.4".parse().expect("an address")), ..NewEndpoint::default() };
    let refused = why(controller.create_endpoint("web".into(), name("x"), asked).await);
    assert!(refused.contains("of a family that network web does not have"), "{refused}");
    let named = NewNetwork { pools: with_subnet("10.9.0.0/24").pools, ..new() };
    for (asked, said) in [(named, "specific address pool requests: 10.9.0.0/24"), (NewNetwork { ipv6: true, ..new() }, "IPv6")]
    {
        let refused = why(controller.create_network(name("third"), asked).await);
        assert!(refused.contains(&format!("null ipam driver does not handle {said}")), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv6_subnets_are_of_one_prefix_of_the_hosts_which_it_keeps_over_restarts_and_resets() {
    let house = House::new().await;
    let both = || NewNetwork { ipv6: true, ..NewNetwork::default() };
    let mut prefixes = Vec::new();
    for named in ["first", "second", "third"] {
        let controller = house.start().await;
        controller.create_network(name(named), both()).await.expect("a network");
        let subnet = controller.network(named).expect("it").network.v6[0].subnet;
        assert!(subnet.prefix_len() == 64 && subnet.to_string().starts_with("fd"), "{subnet}");
        prefixes.push(prefix(subnet));
        if named == "second" {
            assert_eq!(controller.reset().await.left, Vec::<String>::new());
        }
        controller.stop().await;
    }
    assert!(prefixes.windows(2).all(|pair| pair[0] == pair[1]), "{prefixes:?}");
    let other = House::new().await.start().await;
    other.create_network(name("first"), both()).await.expect("a network");
    let subnet = other.network("first").expect("it").network.v6[0].subnet;
    assert_ne!(prefix(subnet), prefixes[0], "another host has another");
}

/// The /48 that a subnet lies in.
fn prefix(subnet: ipnet::IpNet) -> ipnet::IpNet {
    ipnet::IpNet::new(subnet.addr(), 48).expect("a prefix").trunc()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_with_the_subnets_of_a_network_is_said_at_once() {
    let house = House::new().await;
    let controller = house.start().await;
    let parsed = |text: &str| text.parse().expect("an address");
    let pool = PoolAsked {
        subnet: Some("10.9.0.5/24".parse().expect("a subnet")),
        range: Some("10.8.0.0/25".parse().expect("a range")),
        gateway: Some(parsed("10.7.0.1")),
        auxiliary: [("router".to_owned(), parsed("fd00::1"))].into(),
    };
    for config_only in [false, true] {
        let new = NewNetwork { pools: vec![pool.clone()], config_only, ..NewNetwork::default() };
        let refused = why(controller.create_network(name("web"), new).await);
        for fault in [
            "invalid network config: invalid subnet 10.9.0.5/24: it should be 10.9.0.0/24",
            "invalid ip-range 10.8.0.0/25: parent subnet 10.9.0.0/24 doesn't contain ip-range",
            "invalid gateway 10.7.0.1: parent subnet 10.9.0.0/24 doesn't contain this address",
            "invalid auxiliary address router fd00::1: parent subnet is an IPv4 block",
        ] {
            assert!(refused.contains(fault), "{fault} in {refused}");
        }
    }
    let pools = ["10.9.0.0/24", "10.9.0.0/25"].map(|subnet| with_subnet(subnet).pools.remove(0)).to_vec();
    let refused = why(controller.create_network(name("web"), NewNetwork { pools, ..NewNetwork::default() }).await);
    assert!(refused.contains("it overlaps with subnet 10.9.0.0/24 of the same network"), "{refused}");
    assert!(controller.network("web").is_err() && leases(&controller).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subnet_of_addresses_that_no_host_can_have_is_refused_by_create_and_update() {
    let house = House::new().await;
    let controller = house.start().await;
    let refusal = why(controller.create_network(name("lo"), with_subnet("127.0.0.0/8")).await);
    assert!(refusal.contains("loopback"), "{refusal}");
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    for network in ["web", "bridge"] {
        let subnet_add = vec!["240.0.0.0/24".parse().expect("a subnet")];
        let change = NetworkChange { subnet_add, ..NetworkChange::default() };
        let refusal = why(controller.update_network(network.into(), change).await);
        assert!(refusal.contains("240.0.0.0/4"), "{network}: {refusal}");
    }
}
