//! Sandboxes: namespaces made, adopted and the host's, and what is refused around them.

use super::house::{House, name, sandbox, why, with_subnet};
use crate::controller::model::{NewEndpoint, NewSandbox, SandboxPlace};
use crate::controller::{Controller, RefusalKind};
use lanloom_drivers::kernel::{Kernel, Netns, SysctlKey};

fn at(path: &str) -> NewSandbox {
    NewSandbox { place: SandboxPlace::At(path.into()), ..NewSandbox::default() }
}

async fn furnished(house: &House) -> Controller {
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    controller
}

async fn create(controller: &Controller, named: &str, new: NewSandbox, on: &[&str]) -> Result<(), crate::controller::Refusal> {
    let on = on.iter().map(|network| ((*network).to_owned(), NewEndpoint::default())).collect();
    controller.create_sandbox(name(named), new, on).await.map(drop)
}

async fn namespaces(house: &House) -> Vec<String> {
    house.ground.kernel.list_netns().await.expect("namespaces")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_forwards_nothing_follows_no_advertisement_and_has_ipv6_only_where_it_is_given() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    let sysctls = vec![("net.ipv4.tcp_keepalive_time".to_owned(), "77".to_owned())];
    create(&controller, "box", NewSandbox { sysctls, ..NewSandbox::default() }, &["web"]).await.expect("a sandbox");
    let netns = Netns::At("/fake/netns/box".into());
    for (key, value) in [
        ("net/ipv4/ip_forward", "0"),
        ("net/ipv6/conf/all/forwarding", "0"),
        ("net/ipv6/conf/default/accept_ra", "0"),
        ("net/ipv6/conf/eth0/accept_ra", "0"),
        ("net/ipv6/conf/eth0/disable_ipv6", "1"),
        ("net/ipv4/tcp_keepalive_time", "77"),
    ] {
        let key = SysctlKey::new(key).expect("a setting");
        assert_eq!(house.ground.kernel.sysctl(&netns, &key).await.expect("a value"), value, "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_of_an_interface_is_set_when_that_comes() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    let of_eth0 = |value: &str| vec![("net.ipv4.conf.eth0.log_martians".to_owned(), value.to_owned())];
    let netns = Netns::At("/fake/netns/box".into());
    let key = SysctlKey::new("net.ipv4.conf.eth0.log_martians").expect("a setting");
    let shown = async || house.ground.kernel.sysctl(&netns, &key).await.ok();
    create(&controller, "box", NewSandbox { sysctls: of_eth0("1"), ..NewSandbox::default() }, &["web"])
        .await
        .expect("a sandbox");
    assert_eq!(shown().await.as_deref(), Some("1"));
    controller.delete_sandbox("box".into(), true).await.expect("deleted");
    create(&controller, "box", NewSandbox { sysctls: of_eth0("1"), ..NewSandbox::default() }, &[]).await.expect("a sandbox");
    assert_eq!(shown().await, None, "it has no interface yet");
    controller.connect("web".into(), "box".into(), NewEndpoint::default()).await.expect("connected");
    assert_eq!(shown().await.as_deref(), Some("1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_is_there_is_not_taken_for_a_sandboxs_own_and_not_deleted() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    let refusal = create(&controller, "a", NewSandbox::default(), &["web"]).await.expect_err("it is somebody's");
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    assert!(refusal.why.contains("there is a network namespace at /fake/netns/a already"), "{refusal}");
    assert_eq!(namespaces(&house).await, ["a", "b"]);
    assert!(controller.sandboxes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_namespace_stays_as_it_was_when_its_sandbox_goes() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    let netns = Netns::At("/fake/netns/a".into());
    create(&controller, "box", at("/fake/netns/a"), &["web"]).await.expect("adopted");
    assert!(house.ground.kernel.dns_redirect(&netns).is_some());
    let second = create(&controller, "other", at("/fake/netns/a"), &[]).await.expect_err("it has one");
    assert!(second.why.contains("sandbox box has the namespace /fake/netns/a"), "{second}");
    let missing = create(&controller, "other", at("/proc/1/no"), &[]).await.expect_err("there is none");
    assert_eq!(missing.kind, RefusalKind::NotFound);
    assert!(missing.why.contains("there is no network namespace at /proc/1/no"), "{missing}");
    controller.delete_sandbox("box".into(), false).await.expect("deleted");
    assert_eq!(namespaces(&house).await, ["a", "b"]);
    assert_eq!(house.ground.kernel.list_links(&netns).await.expect("links").len(), 1, "only lo");
    assert_eq!(house.ground.kernel.list_routes(&netns).await.expect("routes"), vec![]);
    assert_eq!(house.ground.kernel.dns_redirect(&netns), None, "its name server is gone, and so is the way there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_in_the_hosts_namespace_joins_the_network_host_and_no_other_with_addresses() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    let host = || NewSandbox { place: SandboxPlace::Host, ..NewSandbox::default() };
    create(&controller, "mine", host(), &["host"]).await.expect("a sandbox");
    let shown = controller.sandbox("mine").expect("the sandbox");
    assert_eq!((shown.netns, shown.files, shown.dns.as_str()), (None, None, "none"));
    assert_eq!(shown.endpoints[0].endpoint.addresses, vec![]);
    let web = why(controller.connect("web".into(), "mine".into(), NewEndpoint::default()).await);
    assert!(web.contains("is in the host's namespace"), "{web}");
    sandbox(&controller, "box", &[]).await.expect("a sandbox");
    let other = why(controller.connect("host".into(), "box".into(), NewEndpoint::default()).await);
    assert!(other.contains("is the host's own, and sandbox box has a namespace"), "{other}");
    let sysctls = vec![("net.ipv4.ip_forward".to_owned(), "1".to_owned())];
    let settings = create(&controller, "set", NewSandbox { sysctls, ..host() }, &[]).await.expect_err("the host's");
    assert!(settings.why.contains("would be the host's"), "{settings}");
    controller.delete_sandbox("mine".into(), false).await.expect("deleted");
    assert!(controller.endpoints(None).expect("endpoints").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_of_which_one_network_cannot_be_had_is_not_made_at_all() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    assert!(why(sandbox(&controller, "box", &["web", "nowhere"]).await).contains("network nowhere not found"));
    let twice = why(sandbox(&controller, "box", &["web", "web"]).await);
    assert!(twice.contains("endpoint with name box already exists in network web"), "{twice}");
    assert!(why(sandbox(&controller, "box", &["web", "host"]).await).contains("is the host's own"));
    assert!(controller.sandboxes().is_empty() && controller.endpoints(None).expect("endpoints").is_empty());
    assert_eq!(namespaces(&house).await, ["a", "b"]);
    sandbox(&controller, "box", &["web"]).await.expect("a sandbox");
    let again = why(sandbox(&controller, "box", &[]).await);
    assert!(again.contains("sandbox box already exists"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_in_one_sandbox_at_most_and_a_sandbox_on_a_network_once() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    for named in ["one", "two"] {
        sandbox(&controller, named, &[]).await.expect("a sandbox");
    }
    controller.create_endpoint("web".into(), name("e1"), NewEndpoint::default()).await.expect("an endpoint");
    controller.join_endpoint("e1".into(), "one".into()).await.expect("joined");
    for named in ["one", "two"] {
        let again = controller.join_endpoint("e1".into(), named.into()).await.expect_err("it is joined");
        assert!(again.why.contains("a container has already joined the endpoint"), "{again}");
    }
    let twice = why(controller.connect("web".into(), "one".into(), NewEndpoint::default()).await);
    assert!(twice.contains("already exists in network web"), "{twice}");
    let not = why(controller.disconnect("web".into(), "two".into(), false).await);
    assert!(not.contains("sandbox two is not connected to network web"), "{not}");
    assert!(why(controller.join_endpoint("e1".into(), "three".into()).await).contains("sandbox three not found"));
    assert!(why(controller.disconnect("web".into(), "three".into(), false).await).contains("sandbox three not found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_endpoints_leave_with_their_sandbox() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    for network in ["n1", "n2"] {
        controller.create_network(name(network), Default::default()).await.expect("a network");
    }
    sandbox(&controller, "box", &["web", "n1", "n2"]).await.expect("a sandbox");
    controller.delete_sandbox("box".into(), false).await.expect("deleted");
    assert!(controller.endpoints(None).expect("endpoints").is_empty());
    for network in ["web", "n1", "n2"] {
        controller.delete_network(network.into()).await.expect("nothing is on it any more");
    }
    assert_eq!(namespaces(&house).await, ["a", "b"]);
}
