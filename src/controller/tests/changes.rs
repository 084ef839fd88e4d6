//! Every change that a controller can be asked for, on a house that has something of everything.

use super::house::{House, name, with_subnet};
use crate::controller::model::{NetworkChange, NewEndpoint, NewNetwork, NewSandbox, PoolAsked, SandboxPlace};
use crate::controller::{Controller, Refusal};
use lanloom_drivers::kernel::Kernel;
use std::sync::Arc;

/// The changes, on networks `web` (IPv4), `back` (both families) and `idle`, a configuration `plan`, sandboxes `box` (on `web`),
/// `bare` (on none) and `tied` (on `web`, and on `back` by endpoint `t1`), and an endpoint `spare` of `back` in no sandbox.
pub(super) const CHANGES: [&str; 24] = [
    "create network",
    "create internal network of both families",
    "create network by configuration",
    "create configuration",
    "label network",
    "grow network",
    "set network",
    "grow bridge",
    "delete network",
    "delete configuration",
    "create endpoint",
    "delete endpoint",
    "force endpoint away",
    "join",
    "leave",
    "connect",
    "connect before all others",
    "connect to bridge",
    "connect to nothing",
    "disconnect",
    "create sandbox",
    "adopt sandbox",
    "delete sandbox",
    "delete sandbox of two",
];

/// A network of both families with those subnets.
pub(super) fn dual(v4: &str, v6: &str) -> NewNetwork {
    let pool = |subnet: &str| PoolAsked { subnet: Some(subnet.parse().expect("a subnet")), ..PoolAsked::default() };
    NewNetwork { pools: vec![pool(v4), pool(v6)], ipv6: true, ..NewNetwork::default() }
}

pub(super) async fn furnished(house: &House, kernel: Arc<dyn Kernel>) -> Controller {
    let (controller, started) = house.start_on(kernel, false).await;
    assert_eq!(started.notes, Vec::<String>::new());
    let networks = [
        ("web", with_subnet("10.9.0.0/24")),
        ("back", dual("10.8.0.0/24", "fd00:8::/64")),
        ("idle", with_subnet("10.7.0.0/24")),
        ("plan", NewNetwork { config_only: true, ..with_subnet("10.6.0.0/24") }),
    ];
    for (named, new) in networks {
        // Lowest address first, so that what is done twice comes to the same.
        let ipam_options = [("com.docker.network.ipam.serial".to_owned(), "true".to_owned())].into();
        let new = NewNetwork { ipam_options, ..new };
        controller.create_network(name(named), new).await.expect("a network");
    }
    for (named, on) in [("box", vec!["web"]), ("bare", vec![]), ("tied", vec!["web"])] {
        let on = on.into_iter().map(|network| (network.to_owned(), NewEndpoint::default())).collect();
        controller.create_sandbox(name(named), NewSandbox::default(), on).await.expect("a sandbox");
    }
    for endpoint in ["spare", "t1"] {
        controller.create_endpoint("back".into(), name(endpoint), NewEndpoint::default()).await.expect("an endpoint");
    }
    controller.join_endpoint("back/t1".into(), "tied".into()).await.expect("joined");
    controller
}

/// Asks for one of [`CHANGES`].
pub(super) async fn change(controller: &Controller, what: &str) -> Result<(), Refusal> {
    let plain = NewEndpoint::default;
    let update = |network: &str, change| controller.update_network(network.to_owned(), change);
    let (web, back) = (|| "web".to_owned(), || "back".to_owned());
    match what {
        "create network" => controller.create_network(name("new"), with_subnet("10.5.0.0/24")).await.map(drop),
        "create internal network of both families" => {
            let new = NewNetwork { internal: true, ..dual("10.5.0.0/24", "fd00:5::/64") };
            controller.create_network(name("new"), new).await.map(drop)
        }
        "create network by configuration" => {
            let new = NewNetwork { config_from: Some(name("plan")), ..NewNetwork::default() };
            controller.create_network(name("new"), new).await.map(drop)
        }
        "create configuration" => {
            let new = NewNetwork { config_only: true, ..with_subnet("10.5.0.0/24") };
            controller.create_network(name("new"), new).await.map(drop)
        }
        "label network" => {
            let label_add = [("tier".to_owned(), "front".to_owned())].into();
            update("web", NetworkChange { label_add, ..NetworkChange::default() }).await
        }
        "grow network" => update("web", NetworkChange { subnet_add: vec![subnet()], ..NetworkChange::default() }).await,
        "grow bridge" => update("bridge", NetworkChange { subnet_add: vec![subnet()], ..NetworkChange::default() }).await,
        "set network" => {
            let options = [("com.docker.network.bridge.enable_icc".to_owned(), "false".to_owned())].into();
            update("back", NetworkChange { options, ..NetworkChange::default() }).await
        }
        "delete network" => controller.delete_network("idle".into()).await,
        "delete configuration" => controller.delete_network("plan".into()).await,
        "create endpoint" => controller.create_endpoint(back(), name("e9"), plain()).await.map(drop),
        "delete endpoint" => controller.delete_endpoint("back/spare".into(), false).await,
        "force endpoint away" => controller.delete_endpoint("back/t1".into(), true).await,
        "join" => controller.join_endpoint("back/spare".into(), "box".into()).await,
        "leave" => controller.leave_endpoint("back/t1".into(), false).await,
        "connect" => controller.connect(back(), "bare".into(), plain()).await.map(drop),
        "connect before all others" => {
            controller.connect(back(), "box".into(), NewEndpoint { priority: 9, ..plain() }).await.map(drop)
        }
        "connect to bridge" => controller.connect("bridge".into(), "bare".into(), plain()).await.map(drop),
        "connect to nothing" => controller.connect("none".into(), "bare".into(), plain()).await.map(drop),
        "disconnect" => controller.disconnect(web(), "tied".into(), false).await,
        "create sandbox" => {
            let networks = vec![(web(), plain()), (back(), plain())];
            controller.create_sandbox(name("fresh"), NewSandbox::default(), networks).await.map(drop)
        }
        "adopt sandbox" => {
            let place = SandboxPlace::At("/fake/netns/a".into());
            let new = NewSandbox { place, ..NewSandbox::default() };
            controller.create_sandbox(name("fresh"), new, vec![(web(), plain())]).await.map(drop)
        }
        "delete sandbox" => controller.delete_sandbox("box".into(), false).await,
        "delete sandbox of two" => controller.delete_sandbox("tied".into(), true).await,
        other => panic!("no change {other}"),
    }
}

fn subnet() -> ipnet::IpNet {
    "10.4.0.0/24".parse().expect("a subnet")
}
