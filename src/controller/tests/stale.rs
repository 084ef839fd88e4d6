//! A start never fails because of what it finds.

use super::changes::{change, furnished};
use super::house::{House, name, sandbox, with_subnet};
use super::picture::{is_unfinished, leases, leases_by_objects, picture, same};
use crate::controller::model::NewEndpoint;
use crate::store::{Operation, Store, Txn};
use lanloom_drivers::kernel::{Kernel, Netns};
use lanloom_switch_io::engine::PortState;
use std::sync::Arc;
use std::sync::atomic::Ordering;

async fn write(house: &House, operation: Operation) {
    house.ground.store.txn(Txn::of([operation])).await.expect("written");
}

/// The record of a network, endpoint or sandbox by its name, and its key.
async fn record(house: &House, kind: &str, named: &str) -> (String, String) {
    let pairs = house.ground.store.range(&format!("/lanloom/{kind}/")).await.expect("records").pairs;
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).expect("text");
    let found = pairs.iter().find(|pair| text(&pair.value).contains(&format!("\"name\":\"{named}\"")));
    found.map(|pair| (pair.key.clone(), text(&pair.value))).expect("its record")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_is_left_with_all_that_stands_on_it_and_the_rest_goes_on() {
    for (kind, named) in
        [("networks", "idle"), ("networks", "back"), ("endpoints", "t1"), ("endpoints", "spare"), ("sandboxes", "tied")]
    {
        let house = House::new().await;
        let kernel = || Arc::new(house.ground.kernel.clone()) as Arc<dyn Kernel>;
        let controller = furnished(&house, kernel()).await;
        let before = picture(&house, &controller).await;
        controller.stop().await;
        let (key, value) = record(&house, kind, named).await;
        write(&house, Operation::Put { key: key.clone(), value: "not JSON".into() }).await;
        let (controller, started) = house.start_on(kernel(), false).await;
        assert!(started.notes.iter().any(|note| note.contains(&key)), "{named}: {:?}", started.notes);
        controller.create_network(name("next"), with_subnet("10.5.0.0/24")).await.expect("what can be read works");
        sandbox(&controller, "more", &["next", "web"]).await.expect("a sandbox");
        controller.delete_sandbox("more".into(), false).await.expect("deleted");
        controller.delete_network("next".into()).await.expect("deleted");
        controller.stop().await;
        write(&house, Operation::Put { key, value: value.into() }).await;
        let (controller, _) = house.start_on(kernel(), false).await;
        same(named, &before, &picture(&house, &controller).await).expect("as it was");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_on_a_record_that_cannot_be_read_carries_nothing_for_nobody_knows_what_it_is_held_to() {
    for (kind, named, silent) in [("networks", "back", vec!["_gateway", "t1"]), ("endpoints", "t1", vec!["t1"])] {
        let house = House::new().await;
        let kernel = || Arc::new(house.ground.kernel.clone()) as Arc<dyn Kernel>;
        let controller = furnished(&house, kernel()).await;
        controller.stop().await;
        let (key, _) = record(&house, kind, named).await;
        write(&house, Operation::Put { key, value: "not JSON".into() }).await;
        let (controller, started) = house.start_on(kernel(), false).await;
        let ports = controller.fabric().ports(&name("back")).expect("its ports");
        let down = ports.iter().filter(|port| port.state != PortState::Up);
        assert_eq!(down.map(|port| port.spec.name.as_str()).collect::<Vec<_>>(), silent, "{named}");
        let told = |note: &&String| note.contains("back") && note.contains("carries nothing");
        assert_eq!(started.notes.iter().filter(told).count(), 1, "{:?}", started.notes);
        let web = controller.fabric().ports(&name("web")).expect("its ports");
        assert!(web.len() > 2 && web.iter().all(|port| port.state == PortState::Up), "others carry frames");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_of_a_driver_that_is_not_there_is_shown_with_a_note_and_hinders_nobody() {
    let house = House::new().await;
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    controller.stop().await;
    let (key, value) = record(&house, "networks", "web").await;
    write(&house, Operation::Put { key, value: value.replace("\"driver\":\"bridge\"", "\"driver\":\"wormhole\"").into() })
        .await;
    let (controller, _) = house.start_on(Arc::new(house.ground.kernel.clone()), false).await;
    let notes = controller.network("web").expect("the network").notes;
    assert!(notes.iter().any(|note| note.contains("unknown driver \"wormhole\"")), "{notes:?}");
    controller.create_network(name("next"), with_subnet("10.8.0.0/24")).await.expect("a network");
    sandbox(&controller, "box", &["next"]).await.expect("a sandbox");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_without_its_network_is_forgotten_and_the_start_says_so_once() {
    let house = House::new().await;
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    controller.create_endpoint("web".into(), name("lone"), NewEndpoint::default()).await.expect("an endpoint");
    controller.stop().await;
    let (key, _) = record(&house, "networks", "web").await;
    write(&house, Operation::Delete { key }).await;
    let (controller, started) = house.start_on(Arc::new(house.ground.kernel.clone()), false).await;
    assert!(
        started.notes.contains(&"endpoint lone of a network that is no more was removed".to_owned()),
        "{:?}",
        started.notes
    );
    assert!(controller.endpoints(None).expect("endpoints").is_empty());
    assert_eq!(leases(&controller), leases_by_objects(&controller));
    controller.stop().await;
    house.start().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_somebody_deleted_is_made_again_with_all_that_was_in_it() {
    let house = House::new().await;
    let kernel = || Arc::new(house.ground.kernel.clone()) as Arc<dyn Kernel>;
    let controller = furnished(&house, kernel()).await;
    let before = picture(&house, &controller).await;
    controller.stop().await;
    house.ground.kernel.delete_netns(&Netns::At("/fake/netns/tied".into())).await.expect("deleted");
    let (controller, _) = house.start_on(kernel(), false).await;
    same("made again", &before, &picture(&house, &controller).await).expect("as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_whose_adopted_namespace_is_gone_goes_with_its_endpoints() {
    let house = House::new().await;
    let kernel = || Arc::new(house.ground.kernel.clone()) as Arc<dyn Kernel>;
    let controller = furnished(&house, kernel()).await;
    change(&controller, "adopt sandbox").await.expect("adopted");
    controller.stop().await;
    house.ground.kernel.delete_netns(&Netns::At("/fake/netns/a".into())).await.expect("deleted");
    let (controller, started) = house.start_on(kernel(), false).await;
    let gone = "sandbox fresh was removed: its namespace is gone".to_owned();
    assert!(started.notes.contains(&gone), "{:?}", started.notes);
    assert!(controller.sandbox("fresh").is_err() && controller.one_endpoint("web/fresh").is_err());
    assert!(!is_unfinished(&controller));
    assert_eq!(leases(&controller), leases_by_objects(&controller));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_be_read_is_not_written_over() {
    let house = House::new().await;
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    controller.stop().await;
    let before = house.ground.records().await;
    house.ground.store.is_blind.store(true, Ordering::SeqCst);
    let (controller, started) = house.start_on(Arc::new(house.ground.kernel.clone()), false).await;
    assert!(!started.notes.is_empty());
    controller.stop().await;
    house.ground.store.is_blind.store(false, Ordering::SeqCst);
    assert_eq!(house.ground.records().await, before);
    assert_eq!(house.start().await.networks().len(), 4, "three that are always there, and web");
}
