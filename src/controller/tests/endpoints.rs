//! Endpoints: names, addresses and hardware addresses, and how long they stay.

use super::changes::dual;
use super::house::{House, name, sandbox, why, with_subnet};
use super::picture::{leases, leases_by_objects};
use crate::controller::model::{EndpointState, MacText, NewEndpoint, NewNetwork, PoolAsked};
use crate::controller::{Controller, RefusalKind};

async fn furnished(house: &House) -> Controller {
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/29")).await.expect("a network");
    controller.create_network(name("back"), dual("10.8.0.0/24", "fd00:8::/64")).await.expect("a network");
    controller
}

fn at(v4: &str) -> NewEndpoint {
    NewEndpoint { v4: Some(v4.parse().expect("an address")), ..NewEndpoint::default() }
}

fn mac(text: &str) -> NewEndpoint {
    NewEndpoint { mac: Some(MacText(text.parse().expect("an address"))), ..NewEndpoint::default() }
}

async fn refused(controller: &Controller, network: &str, new: NewEndpoint) -> String {
    let refusal = why(controller.create_endpoint(network.into(), name("no"), new).await);
    assert!(controller.one_endpoint("no").is_err(), "{refusal}");
    refusal
}

fn addresses(controller: &Controller, endpoint: &str) -> Vec<String> {
    controller.one_endpoint(endpoint).expect("the endpoint").endpoint.addresses.iter().map(ToString::to_string).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_asked_for_is_given_unless_it_is_used_or_out_of_range_or_of_another_family() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    controller.create_endpoint("web".into(), name("e1"), at("10.9.0.5")).await.expect("an endpoint");
    assert_eq!(addresses(&controller, "web/e1"), ["10.9.0.5/29"]);
    for (asked, word) in [
        ("10.9.0.5", "Address already in use"),
        ("10.9.0.1", "Address already in use"),
        ("10.9.0.7", "Address already in use"),
        ("10.9.1.5", "Requested address is out of range"),
    ] {
        let refusal = refused(&controller, "web", at(asked)).await;
        assert!(refusal.contains(word) && refusal.contains(asked), "{refusal}");
    }
    let six = NewEndpoint { v6: Some("fd00::5".parse().expect("an address")), ..NewEndpoint::default() };
    assert!(refused(&controller, "web", six).await.contains("of a family that network web does not have"));
    assert!(refused(&controller, "none", at("10.9.0.4")).await.contains("of a family that network none does not have"));
    let both = NewEndpoint { v6: Some("fd00:8::99".parse().expect("an address")), ..at("10.8.0.99") };
    controller.create_endpoint("back".into(), name("e2"), both).await.expect("an endpoint");
    assert_eq!(addresses(&controller, "e2"), ["10.8.0.99/24", "fd00:8::99/64"]);
    assert_eq!(leases(&controller), leases_by_objects(&controller), "what was refused holds nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_subnet_is_named_and_an_address_is_free_as_soon_as_its_endpoint_is_gone() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    for number in 2..7 {
        controller.create_endpoint("web".into(), name(&format!("e{number}")), NewEndpoint::default()).await.expect("one");
    }
    let full = refused(&controller, "web", NewEndpoint::default()).await;
    assert!(full.contains("No available addresses on this pool: all 8 of 10.9.0.0/29 are in use"), "{full}");
    controller.delete_endpoint("e4".into(), false).await.expect("deleted");
    sandbox(&controller, "box", &["web"]).await.expect("its address is free");
    assert_eq!(addresses(&controller, "web/box"), ["10.9.0.4/29"]);
    controller.disconnect("web".into(), "box".into(), false).await.expect("disconnected");
    controller.create_endpoint("web".into(), name("next"), NewEndpoint::default()).await.expect("free again at once");
    assert_eq!(addresses(&controller, "next"), ["10.9.0.4/29"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hardware_address_is_given_once_on_a_network_and_is_a_stations() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    controller.create_endpoint("web".into(), name("e1"), mac("02:00:00:00:00:01")).await.expect("an endpoint");
    let twice = refused(&controller, "web", mac("02:00:00:00:00:01")).await;
    assert!(twice.contains("endpoint e1 of network web has the address 02:00:00:00:00:01"), "{twice}");
    assert!(refused(&controller, "web", mac("01:00:5e:00:00:01")).await.contains("no address of a station"));
    assert!(refused(&controller, "web", mac("00:00:00:00:00:00")).await.contains("no address of a station"));
    controller.create_endpoint("back".into(), name("e1"), mac("02:00:00:00:00:01")).await.expect("on another network");
    controller.create_endpoint("web".into(), name("e2"), NewEndpoint::default()).await.expect("an endpoint");
    let chosen = controller.one_endpoint("e2").expect("the endpoint").endpoint.mac.expect("the driver chose one");
    assert!(chosen.0.is_valid_source());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_the_port_to_the_host_is_no_endpoints() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    let refusal = why(controller.create_endpoint("web".into(), name("_gateway"), NewEndpoint::default()).await);
    assert!(refusal.contains("the port that leads to the host"), "{refusal}");
    assert!(controller.endpoints(None).expect("endpoints").is_empty());
    assert!(sandbox(&controller, "_gateway", &["web"]).await.is_err() && controller.sandboxes().is_empty());
    assert_eq!(leases(&controller), leases_by_objects(&controller));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_name_on_two_networks_is_two_endpoints_which_are_told_apart_by_network_or_id() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    let mut ids = Vec::new();
    for network in ["web", "back"] {
        ids.push(controller.create_endpoint(network.into(), name("e1"), NewEndpoint::default()).await.expect("one"));
    }
    let twice = why(controller.create_endpoint("web".into(), name("e1"), NewEndpoint::default()).await);
    assert!(twice.contains("endpoint with name e1 already exists in network web"), "{twice}");
    let refusal = controller.one_endpoint("e1").expect_err("which?");
    assert_eq!(refusal.kind, RefusalKind::Invalid);
    assert!(refusal.why.contains("is ambiguous"), "{refusal}");
    for (at, network) in ["web", "back"].into_iter().enumerate() {
        assert_eq!(controller.one_endpoint(&format!("{network}/e1")).expect("found").endpoint.id, ids[at]);
        assert_eq!(controller.one_endpoint(ids[at].as_str()).expect("found").network.as_str(), network);
        let on: Vec<_> = controller.endpoints(Some(network)).expect("endpoints").into_iter().map(|it| it.endpoint.id).collect();
        assert_eq!(on, [ids[at].clone()]);
    }
    assert!(why(controller.one_endpoint("nowhere/e1")).contains("network nowhere not found"));
    assert!(why(controller.endpoints(Some("nowhere"))).contains("network nowhere not found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_never_joined_keeps_its_address_over_a_restart() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    controller.create_endpoint("web".into(), name("e1"), at("10.9.0.4")).await.expect("an endpoint");
    let before = controller.one_endpoint("e1").expect("the endpoint").endpoint;
    controller.stop().await;
    let controller = house.start().await;
    assert_eq!(controller.one_endpoint("e1").expect("it is there still").endpoint, before);
    assert!(refused(&controller, "web", at("10.9.0.4")).await.contains("Address already in use"));
    controller.delete_endpoint("e1".into(), false).await.expect("deleted");
    controller.create_endpoint("web".into(), name("e2"), at("10.9.0.4")).await.expect("free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_set_aside_and_outside_of_a_range_are_not_given() {
    let house = House::new().await;
    let controller = house.start().await;
    let pool = PoolAsked {
        range: Some("10.9.0.8/29".parse().expect("a range")),
        gateway: Some("10.9.0.254".parse().expect("an address")),
        auxiliary: [("router".to_owned(), "10.9.0.9".parse().expect("an address"))].into(),
        ..with_subnet("10.9.0.0/24").pools.remove(0)
    };
    controller.create_network(name("web"), NewNetwork { pools: vec![pool], ..NewNetwork::default() }).await.expect("a network");
    for restarts in [false, true] {
        let controller = if restarts { house.start().await } else { controller.clone() };
        assert!(refused(&controller, "web", at("10.9.0.9")).await.contains("an auxiliary address"));
        assert!(refused(&controller, "web", at("10.9.0.254")).await.contains("the gateway"));
        let named = name(if restarts { "second" } else { "first" });
        controller.create_endpoint("web".into(), named.clone(), NewEndpoint::default()).await.expect("an endpoint");
        let given = addresses(&controller, named.as_str());
        assert_eq!(given, [if restarts { "10.9.0.10/24" } else { "10.9.0.8/24" }]);
        assert_eq!(leases(&controller), leases_by_objects(&controller));
        controller.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn states_of_an_endpoint_are_free_joined_and_gone() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    sandbox(&controller, "box", &[]).await.expect("a sandbox");
    controller.create_endpoint("web".into(), name("e1"), NewEndpoint::default()).await.expect("an endpoint");
    assert_eq!(controller.one_endpoint("e1").expect("it").endpoint.state, EndpointState::Free);
    let never = controller.leave_endpoint("e1".into(), false).await.expect_err("it is nowhere");
    assert!(never.why.contains("cannot leave endpoint with no attached sandbox"), "{never}");
    controller.join_endpoint("e1".into(), "box".into()).await.expect("joined");
    let active = controller.delete_endpoint("e1".into(), false).await.expect_err("in use");
    assert!(active.kind == RefusalKind::Conflict && active.why.contains("endpoint with name e1 id "), "{active}");
    controller.delete_endpoint("e1".into(), true).await.expect("forced");
    assert!(controller.one_endpoint("e1").is_err());
    assert_eq!(leases(&controller), leases_by_objects(&controller));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_leaves_before_it_is_deleted_in_what_is_told() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    sandbox(&controller, "box", &["web"]).await.expect("a sandbox");
    let mut events = controller.events();
    controller.disconnect("web".into(), "box".into(), false).await.expect("disconnected");
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        if event.kind.name().starts_with("endpoint.") {
            assert_eq!(event.kind.fields()[..2], [("network", "web".to_owned()), ("endpoint", "box".to_owned())]);
            told.push(event.kind.name());
        }
    }
    assert_eq!(told, ["endpoint.left", "endpoint.deleted"]);
}
