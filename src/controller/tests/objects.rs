//! What comes of what is asked for.

use super::house::{House, name, sandbox, why, with_subnet};
use crate::controller::model::{NewEndpoint, NewNetwork, NewSandbox};

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_on_a_network_has_an_interface_an_address_and_a_way_out() {
    let house = House::new().await;
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    sandbox(&controller, "box", &["web"]).await.expect("a sandbox");
    let shown = controller.sandbox("box").expect("the sandbox");
    assert_eq!(shown.endpoints.len(), 1);
    assert_eq!(shown.endpoints[0].endpoint.addresses, ["10.9.0.2/24".parse().expect("an address")]);
    let (gateway, why) = shown.gateway[0].clone().expect("a way out");
    assert_eq!((gateway.as_str(), why.as_str()), ("web", "no other has a way out"));
    let ports = controller.fabric().ports(&name("web")).expect("its switch");
    let names: Vec<&str> = ports.iter().map(|port| port.spec.name.as_str()).collect();
    assert_eq!(names, ["_gateway", "box"]);
    controller.delete_sandbox("box".into(), false).await.expect("deleted");
    controller.delete_network("web".into()).await.expect("deleted");
    assert!(controller.fabric().switch(&name("web")).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_with_endpoints_cannot_be_deleted_and_its_name_is_not_given_twice() {
    let house = House::new().await;
    let controller = house.start().await;
    controller.create_network(name("web"), NewNetwork::default()).await.expect("a network");
    sandbox(&controller, "box", &["web"]).await.expect("a sandbox");
    assert!(why(controller.delete_network("web".into()).await).contains("has active endpoints: box"));
    assert!(
        why(controller.create_network(name("web"), NewNetwork::default()).await)
            .contains("network with name web already exists")
    );
    assert!(
        why(controller.connect("web".into(), "box".into(), NewEndpoint::default()).await).contains("already exists in network")
    );
    controller.disconnect("web".into(), "box".into(), false).await.expect("disconnected");
    assert!(controller.endpoints(None).expect("endpoints").is_empty(), "it went with its sandbox");
    controller.delete_network("web".into()).await.expect("deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_never_joined_stays_until_it_is_deleted() {
    let house = House::new().await;
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/29")).await.expect("a network");
    controller.create_endpoint("web".into(), name("e1"), NewEndpoint::default()).await.expect("an endpoint");
    let again = why(controller.create_endpoint("web".into(), name("e1"), NewEndpoint::default()).await);
    assert!(again.contains("endpoint with name e1 already exists in network web"), "{again}");
    controller.create_sandbox(name("box"), NewSandbox::default(), vec![]).await.expect("a sandbox");
    controller.join_endpoint("web/e1".into(), "box".into()).await.expect("joined");
    assert!(
        why(controller.join_endpoint("e1".into(), "box".into()).await)
            .contains("a container has already joined the endpoint: sandbox box;")
    );
    assert!(why(controller.delete_endpoint("e1".into(), false).await).contains("has active containers"));
    controller.leave_endpoint("e1".into(), false).await.expect("left");
    assert!(why(controller.endpoint("e1").await).contains("endpoint e1 not found"));
    controller.create_endpoint("web".into(), name("e2"), NewEndpoint::default()).await.expect("an endpoint");
    controller.delete_endpoint("e2".into(), false).await.expect("deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_everything_as_it_was() {
    let house = House::new().await;
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    sandbox(&controller, "box", &["web"]).await.expect("a sandbox");
    let shown = |controller: &crate::controller::Controller| {
        let sandboxes = controller.sandboxes();
        let endpoints: Vec<_> =
            sandboxes.iter().flat_map(|sandbox| &sandbox.endpoints).map(|view| view.endpoint.clone()).collect();
        let networks: Vec<_> = controller.networks().into_iter().map(|view| (view.network, view.notes)).collect();
        format!("{networks:#?} {endpoints:#?} {:?}", sandboxes.iter().map(|view| view.gateway.clone()).collect::<Vec<_>>())
    };
    let before = shown(&controller);
    assert_eq!(controller.stop().await.left, Vec::<String>::new());
    let controller = house.start().await;
    assert_eq!(shown(&controller), before);
    let next = sandbox(&controller, "next", &["web"]).await;
    next.expect("the address of the other is known to be taken");
    let address = controller.sandbox("next").expect("the sandbox").endpoints[0].endpoint.addresses[0];
    assert_eq!(address, "10.9.0.3/24".parse().expect("an address"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_be_is_refused_and_nothing_waits_for_it_afterwards() {
    let house = House::new().await;
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/30")).await.expect("a network");
    let outside = NewEndpoint { v4: Some([10, 8, 0, 1].into()), ..NewEndpoint::default() };
    let refused = why(controller.create_endpoint("web".into(), name("e1"), outside).await);
    assert!(refused.contains("Requested address is out of range"), "{refused}");
    controller.create_endpoint("web".into(), name("e2"), NewEndpoint::default()).await.expect("the only address");
    let refused = why(controller.create_endpoint("web".into(), name("e3"), NewEndpoint::default()).await);
    assert!(refused.contains("No available addresses"), "{refused}");
    controller.delete_endpoint("e2".into(), false).await.expect("deleted");
    controller.create_endpoint("web".into(), name("e3"), NewEndpoint::default()).await.expect("its address");
}
