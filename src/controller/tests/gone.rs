//! What is not there, is there twice, or has gone without those that stand on it.

use super::house::{House, name, sandbox, why, with_subnet};
use super::picture::{is_unfinished, leases, leases_by_objects};
use crate::controller::model::{NetworkState, NewEndpoint, NewNetwork};
use crate::controller::{Controller, RefusalKind};
use crate::store::{Operation, Store, Txn};
use lanloom_drivers::kernel::Kernel;
use std::sync::Arc;

async fn furnished(house: &House) -> Controller {
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    controller
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_cannot_be_deleted_and_who_asks_is_told_so() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    for (refused, said) in [
        (controller.delete_network("no".into()).await, "network no not found"),
        (controller.delete_endpoint("no".into(), true).await, "endpoint no not found"),
        (controller.delete_endpoint("web/no".into(), true).await, "endpoint web/no not found"),
        (controller.delete_sandbox("no".into(), true).await, "sandbox no not found"),
        (controller.leave_endpoint("no".into(), true).await, "endpoint no not found"),
        (controller.disconnect("web".into(), "no".into(), true).await, "sandbox no is not connected to network web"),
    ] {
        let refused = refused.expect_err(said);
        assert_eq!((refused.kind, refused.why.as_str()), (RefusalKind::NotFound, said));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_delete_the_same_at_once_one_does_and_the_other_is_told_that_it_is_gone() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    sandbox(&controller, "box", &["web"]).await.expect("a sandbox");
    let delete = || controller.delete_sandbox("box".into(), false);
    let mut done: Vec<_> = <[_; 2]>::from(tokio::join!(delete(), delete())).into_iter().collect();
    done.sort_by_key(Result::is_err);
    assert!(done[0].is_ok() && why(done.remove(1)).contains("sandbox box not found"));
    let delete = || controller.delete_network("web".into());
    let mut done: Vec<_> = <[_; 2]>::from(tokio::join!(delete(), delete())).into_iter().collect();
    done.sort_by_key(Result::is_err);
    assert!(done[0].is_ok() && why(done.remove(1)).contains("network web not found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sandbox_that_is_no_more_has_left_on_a_network_goes_with_a_forced_disconnect() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    controller.create_endpoint("web".into(), name("box"), NewEndpoint::default()).await.expect("an endpoint");
    let refused = controller.disconnect("web".into(), "box".into(), false).await.expect_err("there is no such sandbox");
    assert_eq!(refused.kind, RefusalKind::NotFound);
    controller.disconnect("web".into(), "box".into(), true).await.expect("forced");
    assert!(controller.endpoints(None).expect("endpoints").is_empty());
    sandbox(&controller, "box", &["web"]).await.expect("its name is free");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_whose_sandbox_has_no_record_any_more_goes_at_the_start_which_says_so() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    let id = sandbox(&controller, "box", &["web"]).await.expect("a sandbox");
    controller.stop().await;
    let lost = Operation::Delete { key: format!("/lanloom/sandboxes/{id}") };
    house.ground.store.txn(Txn::of([lost])).await.expect("written");
    let (controller, started) = house.start_on(Arc::new(house.ground.kernel.clone()), false).await;
    let said = "endpoint box of a sandbox that is no more was removed".to_owned();
    assert!(started.notes.contains(&said), "{:?}", started.notes);
    assert!(controller.endpoints(None).expect("endpoints").is_empty() && !is_unfinished(&controller));
    assert_eq!(leases(&controller), leases_by_objects(&controller));
    controller.delete_network("web".into()).await.expect("nothing is on it any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_only_a_configuration_is_a_record_of_the_driver_null_and_makes_nothing() {
    let house = House::new().await;
    let controller = house.start().await;
    let before = house.ground.kernel.list_links(&lanloom_drivers::kernel::Netns::Daemon).await.expect("links");
    let plan = NewNetwork { config_only: true, ..with_subnet("10.6.0.0/24") };
    controller.create_network(name("plan"), plan).await.expect("a configuration");
    for controller in [controller.clone(), house.start().await] {
        let view = controller.network("plan").expect("it is listed");
        let network = &view.network;
        assert_eq!((network.spec.driver.as_str(), view.scope, network.state), ("null", "local", NetworkState::Ready));
        assert!(controller.fabric().switch(&name("plan")).is_err() && leases(&controller).is_empty());
        controller.stop().await;
    }
    let after = house.ground.kernel.list_links(&lanloom_drivers::kernel::Netns::Daemon).await.expect("links");
    assert_eq!(after, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_gives_options_and_families_and_leaves_the_network_its_own_labels_and_whether_it_is_internal() {
    let house = House::new().await;
    let controller = house.start().await;
    let words = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    let plan = NewNetwork {
        config_only: true,
        ipv6: true,
        options: words("com.docker.network.driver.mtu", "1400"),
        ipam_options: words("com.docker.network.ipam.serial", "true"),
        ..super::changes::dual("10.6.0.0/24", "fd00:6::/64")
    };
    controller.create_network(name("plan"), plan.clone()).await.expect("a configuration");
    let own =
        NewNetwork { config_from: Some(name("plan")), internal: true, labels: words("tier", "front"), ..NewNetwork::default() };
    controller.create_network(name("web"), own).await.expect("a network");
    let made = controller.network("web").expect("the network").network;
    assert_eq!((made.spec.options, made.spec.ipam_options), (plan.options, plan.ipam_options));
    assert_eq!((made.v4.len(), made.v6.len(), made.spec.internal), (1, 1, true));
    assert_eq!((made.spec.driver.as_str(), made.spec.labels), ("bridge", words("tier", "front")));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_disconnected_is_on_the_network_by_none_of_its_endpoints() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    sandbox(&controller, "box", &["web"]).await.expect("a sandbox");
    controller.create_endpoint("web".into(), name("aaa"), NewEndpoint::default()).await.expect("an endpoint");
    controller.join_endpoint("aaa".into(), "box".into()).await.expect("joined");
    sandbox(&controller, "other", &["web"]).await.expect("a sandbox");
    controller.disconnect("web".into(), "box".into(), false).await.expect("disconnected");
    let left: Vec<_> =
        controller.endpoints(None).expect("endpoints").into_iter().map(|one| one.endpoint.name.to_string()).collect();
    assert_eq!(left, ["other"]);
}
