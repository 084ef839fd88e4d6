//! Networks of a driver that this daemon does not have, as one of another version recorded them.

use super::house::{House, name, sandbox, why, with_subnet};
use super::picture::{is_unfinished, leases, leases_by_objects};
use crate::controller::Controller;
use crate::controller::model::{NetworkChange, NewEndpoint};
use crate::store::{Operation, Store, Txn};
use lanloom_drivers::kernel::{Kernel, Netns};
use lanloom_switch_core::{DropReason, Fate};
use lanloom_switch_io::engine::Asked;
use std::sync::Arc;

/// A house with a network `web` of the driver `wormhole`, an endpoint `e1` there, and sandboxes `one` and `two` on it and on `next`.
async fn furnished() -> (House, Controller, Vec<String>) {
    let house = House::new().await;
    let controller = house.start().await;
    for (network, subnet) in [("web", "10.9.0.0/24"), ("next", "10.8.0.0/24")] {
        controller.create_network(name(network), with_subnet(subnet)).await.expect("a network");
    }
    for named in ["one", "two"] {
        sandbox(&controller, named, &["web", "next"]).await.expect("a sandbox");
    }
    controller.create_endpoint("web".into(), name("e1"), NewEndpoint::default()).await.expect("an endpoint");
    controller.stop().await;
    for pair in house.ground.store.range("/lanloom/networks/").await.expect("records").pairs {
        let text = String::from_utf8(pair.value.to_vec()).expect("text");
        if text.contains("\"name\":\"web\"") {
            let value = text.replace("\"driver\":\"bridge\"", "\"driver\":\"wormhole\"").into();
            house.ground.store.txn(Txn::of([Operation::Put { key: pair.key, value }])).await.expect("written");
        }
    }
    let (controller, started) = house.start_on(Arc::new(house.ground.kernel.clone()), false).await;
    (house, controller, started.notes)
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_shown_as_what_it_is_and_nothing_can_be_made_on_it() {
    let (_house, controller, notes) = furnished().await;
    assert!(notes.iter().any(|note| note.contains("unknown driver \"wormhole\"")), "{notes:?}");
    let shown = controller.network("web").expect("the network");
    assert_eq!((shown.network.spec.driver.as_str(), shown.endpoints.len()), ("wormhole", 3));
    assert!(shown.notes.iter().any(|note| note.contains("unknown driver \"wormhole\"")), "{:?}", shown.notes);
    let refused = why(controller.create_endpoint("web".into(), name("e2"), NewEndpoint::default()).await);
    assert!(refused.contains("unknown driver \"wormhole\"; there are: bridge, host, null"), "{refused}");
    let refused = why(controller.join_endpoint("web/e1".into(), "one".into()).await);
    assert!(refused.contains("unknown driver"), "{refused}");
    controller.endpoint("web/e1").await.expect("it is shown");
    let label_add = [("old".to_owned(), "yes".to_owned())].into();
    controller.update_network("web".into(), NetworkChange { label_add, ..Default::default() }).await.expect("a label");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_there_is_of_it_can_be_deleted_and_its_ports_and_switch_go_too() {
    let (house, controller, _) = furnished().await;
    let netns = Netns::At("/fake/netns/one".into());
    assert_eq!(house.ground.kernel.list_links(&netns).await.expect("links").len(), 3, "lo, and one for each network");
    controller.disconnect("web".into(), "one".into(), false).await.expect("disconnected");
    assert_eq!(house.ground.kernel.list_links(&netns).await.expect("links").len(), 2);
    let gateway = controller.sandbox("one").expect("the sandbox").gateway[0].clone();
    assert_eq!(gateway.expect("a way out").0.as_str(), "next");
    controller.delete_sandbox("two".into(), false).await.expect("deleted");
    controller.delete_endpoint("web/e1".into(), false).await.expect("deleted");
    controller.delete_network("web".into()).await.expect("deleted");
    assert!(controller.fabric().switch(&name("web")).is_err());
    assert!(!is_unfinished(&controller));
    assert_eq!(leases(&controller), leases_by_objects(&controller));
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("its name and subnet are free");
    controller.connect("web".into(), "one".into(), NewEndpoint::default()).await.expect("connected");
    controller.stop().await;
    house.start().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_ports_are_guarded_as_those_of_a_bridge() {
    let (_house, controller, _) = furnished().await;
    // A BPDU (IEEE 802.1D, 9.2): LLC 42-42-03.
    let bpdu = [&[1, 0x80, 0xc2, 0, 0, 0], &[2, 0, 0, 0, 0, 1], [0, 38, 0x42, 0x42, 3].as_slice(), &[0; 43]].concat();
    for switch in ["next", "web"] {
        let (trace, _) = controller.fabric().trace(&name(switch), &name("one"), Asked::new(bpdu.clone())).expect("a trace");
        assert_eq!(trace.verdict.fate, Fate::Dropped(DropReason::BpduGuard), "{switch}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn its_sandboxes_work_on_and_come_to_other_networks() {
    let (_house, controller, _) = furnished().await;
    assert_eq!(controller.sandbox("one").expect("the sandbox").notes, Vec::<String>::new());
    controller.create_network(name("more"), with_subnet("10.7.0.0/24")).await.expect("a network");
    let first = NewEndpoint { priority: 7, ..NewEndpoint::default() };
    controller.connect("more".into(), "one".into(), first).await.expect("connected");
    let gateway = controller.sandbox("one").expect("the sandbox").gateway[0].clone();
    assert_eq!(gateway.expect("a way out").0.as_str(), "more");
}
