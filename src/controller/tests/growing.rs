//! Networks that are given subnets while sandboxes are on them.

use super::house::{House, name, sandbox, with_subnet};
use crate::controller::Controller;
use crate::controller::model::{Id, NetworkChange};
use lanloom_drivers::kernel::{Failing, Faults, Kernel, Netns};
use std::sync::Arc;

async fn grow(controller: &Controller, subnet: &str) {
    let subnet_add = vec![subnet.parse().expect("a subnet")];
    let change = NetworkChange { subnet_add, ..NetworkChange::default() };
    controller.update_network("web".into(), change).await.expect("changed");
}

/// The routes of a sandbox that are on the link.
async fn on_link(house: &House, named: &str) -> Vec<String> {
    let netns = Netns::At(format!("/fake/netns/{named}").into());
    let routes = house.ground.kernel.list_routes(&netns).await.expect("routes");
    routes.iter().filter(|route| route.via.is_none()).map(|route| format!("{} {}", route.to, route.dev)).collect()
}

async fn furnished(house: &House, kernel: Arc<dyn Kernel>) -> Controller {
    let (controller, _) = house.start_on(kernel, false).await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    controller
}

fn both() -> Vec<String> {
    vec!["10.4.0.0/24 eth0".to_owned(), "10.9.0.0/24 eth0".to_owned()]
}

#[tokio::test(flavor = "multi_thread")]
async fn sandboxes_that_were_there_before_have_a_route_to_the_new_subnet_as_those_that_come_later() {
    let house = House::new().await;
    let controller = furnished(&house, Arc::new(house.ground.kernel.clone())).await;
    sandbox(&controller, "before", &["web"]).await.expect("a sandbox");
    grow(&controller, "10.4.0.0/24").await;
    sandbox(&controller, "after", &["web"]).await.expect("a sandbox");
    for named in ["before", "after"] {
        assert_eq!(on_link(&house, named).await, both(), "{named}");
    }
    controller.stop().await;
    let controller = house.start().await;
    assert_eq!(on_link(&house, "before").await, both());
    controller.disconnect("web".into(), "before".into(), false).await.expect("disconnected");
    assert_eq!(on_link(&house, "before").await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_route_could_not_be_set_the_sandbox_says_so_and_the_next_start_sets_it() {
    let house = House::new().await;
    let kernel = Arc::new(Failing::new(Arc::new(house.ground.kernel.clone()), Faults::none()));
    let controller = furnished(&house, Arc::clone(&kernel) as Arc<dyn Kernel>).await;
    let id: Id = sandbox(&controller, "box", &["web"]).await.expect("a sandbox");
    let mut is_seen = false;
    for (number, call) in (20..).zip(0..) {
        kernel.faults().fail_after(call);
        let subnet_add = vec![format!("10.{number}.0.0/24").parse().expect("a subnet")];
        let done = controller.update_network("web".into(), NetworkChange { subnet_add, ..Default::default() }).await;
        if kernel.faults().is_armed() {
            break;
        }
        let notes = controller.sandbox(id.as_str()).expect("the sandbox").notes;
        is_seen = done.is_ok() && notes.iter().any(|note| note.contains("cannot set the routes of endpoint web/box"));
        if is_seen {
            break;
        }
    }
    kernel.faults().heal();
    assert!(is_seen, "no call of the kernel that failed was that for the route");
    let subnets = controller.network("web").expect("the network").network.v4;
    assert!(on_link(&house, "box").await.len() < subnets.len());
    controller.stop().await;
    let controller = house.start().await;
    assert_eq!(on_link(&house, "box").await.len(), subnets.len());
    assert_eq!(controller.sandbox("box").expect("the sandbox").notes, Vec::<String>::new());
}
