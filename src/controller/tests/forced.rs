//! What is forced away is gone, whatever its driver could not take away.

use super::house::{House, name, sandbox, with_subnet};
use super::picture::{is_unfinished, leases, leases_by_objects};
use crate::controller::Controller;
use crate::controller::model::NewEndpoint;
use lanloom_drivers::kernel::{Failing, Faults, Kernel};
use std::sync::Arc;

/// A network `web` with the sandbox `box` on it, and the kernel below.
async fn furnished(house: &House) -> (Controller, Arc<Failing>) {
    let kernel = Arc::new(Failing::new(Arc::new(house.ground.kernel.clone()), Faults::none()));
    let (controller, _) = house.start_on(Arc::clone(&kernel) as Arc<dyn Kernel>, false).await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    sandbox(&controller, "box", &["web"]).await.expect("a sandbox");
    (controller, kernel)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_an_endpoint_that_was_forced_away_is_free_without_a_restart() {
    let house = House::new().await;
    let (controller, kernel) = furnished(&house).await;
    kernel.faults().worsen(1.0);
    controller.delete_endpoint("web/box".into(), false).await.expect_err("it is in a sandbox");
    controller.delete_endpoint("web/box".into(), true).await.expect("gone");
    assert!(controller.fabric().port(&name("web"), &name("box")).is_ok(), "its port could not be deleted");
    kernel.faults().heal();
    controller.connect("web".into(), "box".into(), NewEndpoint::default()).await.expect("connected again");
    controller.disconnect("web".into(), "box".into(), false).await.expect("disconnected");
    controller.delete_network("web".into()).await.expect("nothing is on it any more");
    assert!(!is_unfinished(&controller));
    assert_eq!(leases(&controller), leases_by_objects(&controller));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_can_be_deleted_after_a_sandbox_was_forced_away_from_it() {
    let house = House::new().await;
    let (controller, kernel) = furnished(&house).await;
    kernel.faults().worsen(1.0);
    controller.delete_sandbox("box".into(), true).await.expect_err("its namespace could not be deleted");
    assert!(controller.endpoints(None).expect("endpoints").is_empty());
    kernel.faults().heal();
    controller.delete_network("web".into()).await.expect("nothing is on it any more");
    assert!(controller.fabric().switch(&name("web")).is_err());
    controller.delete_sandbox("box".into(), false).await.expect("deleted");
    assert!(!is_unfinished(&controller));
}
