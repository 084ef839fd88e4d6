//! A kernel without IPv6.

use super::house::{House, name, sandbox, with_subnet};
use super::picture::picture;
use crate::controller::RefusalKind;
use crate::controller::model::{NewEndpoint, NewNetwork};
use lanloom_drivers::kernel::{Kernel, Netns, SysctlKey};

#[tokio::test(flavor = "multi_thread")]
async fn without_ipv6_sandboxes_on_networks_of_ipv4_come_work_and_are_found_again() {
    let house = House::new().await;
    house.ground.kernel.set_ipv6(false);
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    sandbox(&controller, "box", &["web", "bridge"]).await.expect("a sandbox");
    let netns = Netns::At("/fake/netns/box".into());
    let forwards = SysctlKey::new("net/ipv4/ip_forward").expect("a setting");
    assert_eq!(house.ground.kernel.sysctl(&netns, &forwards).await.expect("a value"), "0");
    let before = picture(&house, &controller).await;
    controller.stop().await;
    let controller = house.start().await;
    assert_eq!(picture(&house, &controller).await, before);
    assert_eq!(controller.sandbox("box").expect("the sandbox").notes, Vec::<String>::new());
    controller.delete_sandbox("box".into(), false).await.expect("deleted");
    controller.delete_network("web".into()).await.expect("deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ipv6_what_wants_it_is_refused_by_a_sentence_that_says_so_and_leaves_no_trace() {
    let house = House::new().await;
    house.ground.kernel.set_ipv6(false);
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    let before = picture(&house, &controller).await;
    let dual = NewNetwork { ipv6: true, ..NewNetwork::default() };
    let refused = controller.create_network(name("six"), dual.clone()).await.expect_err("there is no IPv6");
    assert_eq!((refused.kind, refused.why.as_str()), (RefusalKind::Failed, "this kernel has no IPv6"));
    assert!(refused.hint.contains("ipv6.disable=1"), "{refused}");
    let link_local = NewEndpoint { link_local: vec!["fe80::7".parse().expect("an address")], ..NewEndpoint::default() };
    let refused = controller.create_endpoint("web".into(), name("e1"), link_local).await.expect_err("there is no IPv6");
    assert_eq!(refused.why, "this kernel has no IPv6");
    assert_eq!(picture(&house, &controller).await, before);
    house.ground.kernel.set_ipv6(true);
    controller.create_network(name("six"), dual).await.expect("it was loaded");
}
