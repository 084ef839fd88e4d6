//! What drivers are told, in which order, and what becomes of it when they refuse: a driver that notes it all.

use super::house::{House, name, sandbox, why, with_subnet};
use super::listener::{EVERYWHERE, Listener};
use super::picture::{leases, leases_by_objects};
use crate::controller::model::{EndpointState, NetworkState, NewEndpoint, NewNetwork};
use crate::controller::{Controller, RefusalKind};
use lanloom_drivers::driver::Driver;
use std::sync::Arc;

/// A controller with such a driver besides its own.
async fn listened(house: &House) -> (Controller, Arc<Listener>) {
    let (mut controller, listener) =
        (house.start_idle(Arc::new(house.ground.kernel.clone())).await, Arc::new(Listener::default()));
    let inner = Arc::get_mut(&mut controller.inner).expect("nothing else is under way");
    inner.drivers.push(Arc::clone(&listener) as Arc<dyn Driver>);
    (controller, listener)
}

fn of_listener(subnet: &str) -> NewNetwork {
    NewNetwork { driver: "listener".to_owned(), ..with_subnet(subnet) }
}

async fn connect(controller: &Controller, network: &str) {
    controller.connect(network.into(), "box".into(), NewEndpoint::default()).await.expect("connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn subnets_and_addresses_come_before_the_driver_is_asked_and_are_free_again_if_it_refuses() {
    let house = House::new().await;
    let (controller, listener) = listened(&house).await;
    listener.refuse(Some("create network"));
    let refused = why(controller.create_network(name("web"), of_listener("10.9.0.0/29")).await);
    assert!(refused.contains("it was told to refuse"), "{refused}");
    assert_eq!(listener.told(), ["create network web 10.9.0.1/29", "delete network web"]);
    assert!(controller.network("web").is_err() && leases(&controller).is_empty());
    listener.refuse(None);
    controller.create_network(name("web"), of_listener("10.9.0.0/29")).await.expect("its subnet is free again");
    listener.told();

    listener.refuse(Some("create endpoint"));
    let refused = why(controller.create_endpoint("web".into(), name("e1"), NewEndpoint::default()).await);
    assert!(refused.contains("it was told to refuse"), "{refused}");
    assert_eq!(listener.told(), ["create endpoint web/e1 10.9.0.2/29", "delete endpoint web/e1"]);
    assert!(controller.endpoints(None).expect("endpoints").is_empty());
    assert_eq!(leases(&controller), leases_by_objects(&controller), "its address is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_out_is_closed_by_the_old_endpoint_before_it_is_opened_by_the_new_one() {
    let house = House::new().await;
    let (controller, listener) = listened(&house).await;
    for (named, subnet) in [("web", "10.9.0.0/24"), ("back", "10.8.0.0/24")] {
        controller.create_network(name(named), of_listener(subnet)).await.expect("a network");
    }
    let internal = NewNetwork { internal: true, ..of_listener("10.7.0.0/24") };
    controller.create_network(name("inner"), internal).await.expect("a network");
    sandbox(&controller, "box", &["web"]).await.expect("a sandbox");
    let steps = listener.told().split_off(3);
    assert_eq!(steps, ["create endpoint web/box 10.9.0.2/24", "join web/box", "open web/box"]);
    connect(&controller, "inner").await;
    assert_eq!(listener.told()[1..], ["join inner/box"], "an internal network comes last, whatever it says");
    connect(&controller, "back").await;
    assert_eq!(listener.told()[1..], ["join back/box", "close web/box", "open back/box"]);
    controller.disconnect("back".into(), "box".into(), false).await.expect("disconnected");
    assert_eq!(listener.told(), ["close back/box", "leave back/box", "open web/box", "delete endpoint back/box"]);
    controller.delete_sandbox("box".into(), false).await.expect("deleted");
    let told = listener.told();
    assert!(told.contains(&"close web/box".to_owned()) && told.contains(&"delete endpoint web/box".to_owned()), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_to_everywhere_is_a_way_out_as_a_gateway_is() {
    let house = House::new().await;
    let (controller, listener) = listened(&house).await;
    let options = [(EVERYWHERE.to_owned(), String::new())].into();
    controller.create_network(name("alfa"), NewNetwork { options, ..of_listener("10.8.0.0/24") }).await.expect("a network");
    controller.create_network(name("web"), of_listener("10.9.0.0/24")).await.expect("a network");
    sandbox(&controller, "box", &["web", "alfa"]).await.expect("a sandbox");
    let chosen = controller.sandbox("box").expect("the sandbox").gateway[0].clone().expect("a way out");
    assert_eq!((chosen.0.as_str(), chosen.1.as_str()), ("alfa", "of equal ones its network comes before web by name"));
    assert_eq!(listener.told().last().map(String::as_str), Some("open alfa/box"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_its_driver_does_not_let_go_says_why_and_goes_when_it_can_or_is_forced() {
    let house = House::new().await;
    let (controller, listener) = listened(&house).await;
    for (named, subnet) in [("web", "10.9.0.0/24"), ("back", "10.8.0.0/24")] {
        controller.create_network(name(named), of_listener(subnet)).await.expect("a network");
    }
    sandbox(&controller, "box", &["web", "back"]).await.expect("a sandbox");
    for (refuses, forced) in [("leave", false), ("leave", true), ("delete endpoint", false), ("delete endpoint", true)] {
        listener.refuse(Some(refuses));
        let refused = controller.disconnect("back".into(), "box".into(), false).await.expect_err("it cannot");
        assert!(refused.kind == RefusalKind::Failed && refused.why.contains("it was told to refuse"), "{refused}");
        let left = controller.one_endpoint("back/box").expect("it is shown").endpoint.state;
        assert!(matches!(left, EndpointState::Leaving(_)), "{left:?}");
        let ways = controller.sandbox("box").expect("the sandbox").gateway;
        assert_eq!(ways[0].as_ref().map(|way| way.0.as_str()), Some("web"), "the sandbox goes on without it");
        if forced {
            controller.disconnect("back".into(), "box".into(), true).await.expect("forced");
            assert!(controller.one_endpoint("back/box").is_err());
        }
        listener.refuse(None);
        // What is left of it is finished first, if it is.
        connect(&controller, "back").await;
        assert_eq!(leases(&controller), leases_by_objects(&controller), "{refuses}, forced: {forced}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_its_driver_cannot_delete_is_shown_as_being_deleted_and_goes_at_the_next_try() {
    let house = House::new().await;
    let (controller, listener) = listened(&house).await;
    for again in ["delete", "create"] {
        controller.create_network(name("web"), of_listener("10.9.0.0/24")).await.expect("a network");
        listener.refuse(Some("delete network"));
        let refused = why(controller.delete_network("web".into()).await);
        assert!(refused.contains("it was told to refuse"), "{refused}");
        assert_eq!(controller.network("web").expect("it is shown").network.state, NetworkState::Deleting);
        let used = why(controller.create_endpoint("web".into(), name("e1"), NewEndpoint::default()).await);
        assert!(used.contains("network web is deleting"), "{used}");
        listener.refuse(None);
        if again == "create" {
            controller.create_network(name("web"), of_listener("10.9.0.0/24")).await.expect("in its place");
        }
        controller.delete_network("web".into()).await.expect("deleted");
        assert!(leases(&controller).is_empty());
    }
}
