//! Networks: what is refused and in which words, what drivers are told, what configurations and the predefined ones do.

use super::changes::dual;
use super::house::{House, name, sandbox, why, with_subnet};
use crate::config::SwitchSettings;
use crate::controller::model::{NetworkChange, NetworkState, NewEndpoint, NewNetwork, NewSandbox, Words};
use crate::controller::{Controller, RefusalKind};
use lanloom_drivers::kernel::{Kernel, Netns};

async fn created(controller: &Controller, named: &str, new: NewNetwork) {
    controller.create_network(name(named), new).await.expect("a network");
}

fn words(key: &str, value: &str) -> Words {
    [(key.to_owned(), value.to_owned())].into()
}

async fn refused(controller: &Controller, new: NewNetwork) -> String {
    why(controller.create_network(name("no"), new).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_found_in_libnetworks_words() {
    let house = House::new().await;
    let controller = house.start().await;
    let missing = controller.network("web").expect_err("no network");
    assert_eq!((missing.kind, missing.why.as_str()), (RefusalKind::NotFound, "network web not found"));
    assert!(why(controller.delete_network("web".into()).await).contains("network web not found"));
    assert!(why(controller.one_endpoint("e1")).contains("endpoint e1 not found"));
    assert!(why(controller.sandbox("box")).contains("sandbox box not found"));
    let driver = NewNetwork { driver: "wormhole".into(), ..NewNetwork::default() };
    assert!(refused(&controller, driver).await.contains("unknown driver \"wormhole\""));
    let ipam = NewNetwork { ipam_driver: "dhcp".into(), ..NewNetwork::default() };
    assert!(refused(&controller, ipam).await.contains("unknown IPAM driver \"dhcp\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_is_found_by_its_id_its_name_and_the_beginning_of_one_id_only() {
    let house = House::new().await;
    let controller = house.start().await;
    for named in (0..17).map(|number| format!("n{number}")) {
        created(&controller, &named, NewNetwork { config_only: true, ..NewNetwork::default() }).await;
    }
    let id = controller.network("n3").expect("by name").network.id.to_string();
    for text in [id.as_str(), &id[..20], "n3"] {
        assert_eq!(controller.network(text).expect("found").network.name.as_str(), "n3");
    }
    // Of twenty ids two begin with the same of sixteen digits.
    let ids: Vec<String> = controller.networks().iter().map(|view| view.network.id.to_string()).collect();
    let digit = |id: &String| id[..1].to_owned();
    let twice = ids.iter().map(digit).find(|first| ids.iter().filter(|id| digit(id) == *first).count() > 1);
    let ambiguous = controller.network(&twice.expect("two that begin alike")).expect_err("which of them");
    assert!(ambiguous.kind == RefusalKind::Invalid && ambiguous.why.contains("is ambiguous"), "{ambiguous}");
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_that_are_always_there_cannot_be_made_again_or_deleted_and_keep_their_ids() {
    let house = House::new().await;
    let controller = house.start().await;
    let ids = |controller: &Controller| -> Vec<String> {
        ["bridge", "host", "none"].map(|one| controller.network(one).expect("always there").network.id.to_string()).into()
    };
    let before = ids(&controller);
    for predefined in ["bridge", "host", "none"] {
        let deleted = controller.delete_network(predefined.into()).await.expect_err("always there");
        assert_eq!(deleted.kind, RefusalKind::Conflict);
        assert!(deleted.why.contains("cannot be deleted"), "{deleted}");
        let again = why(controller.create_network(name(predefined), NewNetwork::default()).await);
        assert!(again.contains("operation is not permitted on predefined"), "{again}");
    }
    for driver in ["host", "null"] {
        let second = refused(&controller, NewNetwork { driver: driver.into(), ..NewNetwork::default() }).await;
        assert!(second.contains(&format!("only one instance of \"{driver}\" network is allowed")), "{second}");
    }
    controller.stop().await;
    let controller = house.start().await;
    assert_eq!(ids(&controller), before, "after a restart");
    sandbox(&controller, "box", &["bridge"]).await.expect("a sandbox");
    assert_eq!(controller.reset().await.left, Vec::<String>::new());
    assert_eq!(ids(&controller), before, "after a reset");
    let controller = house.start().await;
    assert_eq!(ids(&controller), before, "after a reset and a restart");
    assert_eq!(controller.networks().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_bridge_sleeps_until_somebody_uses_it_and_again_if_that_fails() {
    let house = House::new().await;
    let controller = house.start().await;
    let state = || controller.network("bridge").expect("always there").network.state;
    assert_eq!(state(), NetworkState::Dormant);
    assert!(controller.fabric().switch(&name("bridge")).is_err());
    controller.create_sandbox(name("box"), NewSandbox::default(), vec![]).await.expect("a sandbox");
    let far = NewEndpoint { v4: Some("203.0.113.9".parse().expect("an address")), ..NewEndpoint::default() };
    assert!(why(controller.connect("bridge".into(), "box".into(), far).await).contains("out of range"));
    assert_eq!(state(), NetworkState::Dormant, "it was not used after all");
    assert!(controller.fabric().switch(&name("bridge")).is_err());
    controller.connect("bridge".into(), "box".into(), NewEndpoint::default()).await.expect("connected");
    assert_eq!(state(), NetworkState::Ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_bridge_sleeps_again_when_its_last_endpoint_is_gone_however_it_went() {
    let house = House::new().await;
    let controller = house.start().await;
    let links = async || house.ground.kernel.list_links(&Netns::Daemon).await.expect("links").len();
    let state = || controller.network("bridge").expect("always there").network.state;
    let before = links().await;
    for way in ["delete", "disconnect", "leave", "endpoint"] {
        sandbox(&controller, "box", &["bridge"]).await.expect("a sandbox");
        sandbox(&controller, "other", &["bridge"]).await.expect("a sandbox");
        controller.delete_sandbox("other".into(), false).await.expect("deleted");
        assert_eq!(state(), NetworkState::Ready, "{way}: one is left");
        match way {
            "disconnect" => controller.disconnect("bridge".into(), "box".into(), false).await.expect("disconnected"),
            "leave" => controller.leave_endpoint("bridge/box".into(), false).await.expect("left"),
            "endpoint" => controller.delete_endpoint("bridge/box".into(), true).await.expect("deleted"),
            _ => controller.delete_sandbox("box".into(), false).await.expect("deleted"),
        }
        assert_eq!((state(), links().await), (NetworkState::Dormant, before), "{way}");
        assert!(controller.fabric().switch(&name("bridge")).is_err(), "{way}");
        if way != "delete" {
            controller.delete_sandbox("box".into(), false).await.expect("deleted");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_is_taken_over_kept_while_in_use_and_is_no_network_itself() {
    let house = House::new().await;
    let controller = house.start().await;
    let labels = words("tier", "front");
    created(&controller, "plan", NewNetwork { config_only: true, labels, ..with_subnet("10.6.0.0/24") }).await;
    let from = |plan: &str| NewNetwork { config_from: Some(name(plan)), ..NewNetwork::default() };
    created(&controller, "web", from("plan")).await;
    let web = controller.network("web").expect("the network").network;
    assert_eq!(web.v4[0].subnet, "10.6.0.0/24".parse().expect("a subnet"));
    assert_eq!(web.spec.labels, words("tier", "front"));
    assert!(why(controller.delete_network("plan".into()).await).contains("configuration network \"plan\" is in use"));
    let on_plan = why(controller.create_endpoint("plan".into(), name("e1"), NewEndpoint::default()).await);
    assert!(on_plan.contains("cannot create endpoint on configuration-only network"), "{on_plan}");
    assert!(sandbox(&controller, "box", &["plan"]).await.is_err() && controller.sandboxes().is_empty());
    assert!(refused(&controller, from("nowhere")).await.contains("configuration network \"nowhere\" does not exist"));
    assert!(refused(&controller, from("web")).await.contains("is not a configuration network"));
    let both = NewNetwork { config_only: true, ..from("plan") };
    assert!(refused(&controller, both).await.contains("cannot depend on another configuration network"));
    let own = NewNetwork { pools: with_subnet("10.5.0.0/24").pools, ..from("plan") };
    assert!(refused(&controller, own).await.contains("user-specified configurations are not supported"));
    controller.delete_network("web".into()).await.expect("deleted");
    controller.delete_network("plan".into()).await.expect("nobody needs it any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_holds_no_pool_and_what_is_added_to_it_is_for_the_networks_made_of_it() {
    let house = House::new().await;
    let controller = house.start().await;
    created(&controller, "plan", NewNetwork { config_only: true, ..with_subnet("10.6.0.0/24") }).await;
    let subnet_add = vec!["10.5.0.0/24".parse().expect("a subnet")];
    controller.update_network("plan".into(), NetworkChange { subnet_add, ..NetworkChange::default() }).await.expect("changed");
    created(&controller, "web", NewNetwork { config_from: Some(name("plan")), ..NewNetwork::default() }).await;
    let subnets: Vec<String> =
        controller.network("web").expect("the network").network.pools().map(|pool| pool.subnet.to_string()).collect();
    assert_eq!(subnets, ["10.6.0.0/24", "10.5.0.0/24"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn subnets_are_refused_that_overlap_or_are_of_a_family_that_the_network_lacks() {
    let house = House::new().await;
    let controller = house.start().await;
    created(&controller, "web", with_subnet("10.9.0.0/16")).await;
    let overlap = refused(&controller, with_subnet("10.9.8.0/24")).await;
    assert!(overlap.contains("Pool overlaps with other one on this address space"), "{overlap}");
    assert!(
        refused(&controller, with_subnet("fd00::/64")).await.contains("a subnet of IPv6 was given for a network without it")
    );
    let nothing = NewNetwork { ipam_driver: "null".into(), ..with_subnet("10.1.0.0/24") };
    assert!(refused(&controller, nothing).await.contains("null ipam driver"));
    assert_eq!(controller.networks().len(), 4, "three that are always there, and web");
    created(&controller, "next", with_subnet("10.8.0.0/24")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_has_the_families_that_it_was_made_with() {
    let house = House::new().await;
    let controller = house.start().await;
    created(&controller, "four", with_subnet("10.9.0.0/24")).await;
    created(&controller, "six", NewNetwork { ipv4: false, ipv6: true, ..with_subnet("fd00:6::/64") }).await;
    created(&controller, "both", dual("10.8.0.0/24", "fd00:8::/64")).await;
    sandbox(&controller, "box", &["four", "six", "both"]).await.expect("a sandbox");
    let addresses = |network: &str| -> Vec<String> {
        let endpoint = controller.one_endpoint(&format!("{network}/box")).expect("its endpoint").endpoint;
        endpoint.addresses.iter().map(ToString::to_string).collect()
    };
    assert_eq!(addresses("four"), ["10.9.0.2/24"]);
    assert_eq!(addresses("six"), ["fd00:6::2/64"]);
    assert_eq!(addresses("both"), ["10.8.0.2/24", "fd00:8::2/64"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn options_and_labels_are_kept_as_given_and_the_driver_refuses_its_own_that_it_does_not_know() {
    let house = House::new().await;
    let controller = house.start().await;
    let (options, labels) = (words("com.example.anything", "=odd, value="), words("a.b", ""));
    created(&controller, "web", NewNetwork { options: options.clone(), labels: labels.clone(), ..NewNetwork::default() }).await;
    let shown = controller.network("web").expect("the network").network.spec;
    assert_eq!((shown.options, shown.labels), (options, labels));
    let own = NewNetwork { options: words("lanloom.no-such", "1"), ..NewNetwork::default() };
    assert!(refused(&controller, own).await.contains("lanloom.no-such"));
    let mtu = NewNetwork { options: words("com.docker.network.driver.mtu", "wide"), ..NewNetwork::default() };
    assert!(refused(&controller, mtu).await.contains("mtu"));
    assert!(controller.network("no").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_labels_subnets_and_options_or_nothing() {
    let house = House::new().await;
    let controller = house.start().await;
    created(&controller, "web", with_subnet("10.9.0.0/30")).await;
    let update = |change: NetworkChange| controller.update_network("web".into(), change);
    let subnet_add = vec!["10.4.0.0/24".parse().expect("a subnet")];
    let label_add = words("tier", "front");
    update(NetworkChange { label_add, subnet_add, ..NetworkChange::default() }).await.expect("changed");
    let gateway = controller.network("web").expect("the network").network;
    assert_eq!(gateway.v4.len(), 2);
    for (number, named) in ["a1", "a2"].into_iter().enumerate() {
        sandbox(&controller, named, &["web"]).await.expect("a sandbox");
        let address = controller.sandbox(named).expect("the sandbox").endpoints[0].endpoint.addresses[0].to_string();
        assert_eq!(address, ["10.9.0.2/30", "10.4.0.2/24"][number], "the first subnet has one address");
    }
    let before = controller.network("web").expect("the network").network;
    let taken = vec!["10.3.0.0/24".parse().expect("a subnet"), "10.4.0.0/25".parse().expect("a subnet")];
    assert!(why(update(NetworkChange { subnet_add: taken, ..NetworkChange::default() }).await).contains("Pool overlaps"));
    let six = vec!["fd00::/64".parse().expect("a subnet")];
    assert!(why(update(NetworkChange { subnet_add: six, ..NetworkChange::default() }).await).contains("family"));
    let unknown = NetworkChange { label_rm: vec!["nobody".into()], ..NetworkChange::default() };
    assert!(why(update(unknown).await).contains("no label nobody"));
    let mtu = NetworkChange { options: words("lanloom.no-such", "1"), ..NetworkChange::default() };
    assert!(update(mtu).await.is_err());
    assert_eq!(controller.network("web").expect("the network").network, before);
    created(&controller, "free", with_subnet("10.3.0.0/24")).await;
    update(NetworkChange { label_rm: vec!["tier".into()], ..NetworkChange::default() }).await.expect("changed");
    assert!(controller.network("web").expect("the network").network.spec.labels.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn subnets_given_to_the_sleeping_bridge_are_its_own_when_it_wakes() {
    let house = House::new().await;
    let controller = house.start().await;
    let subnet_add = vec!["10.4.0.0/24".parse().expect("a subnet")];
    let change = NetworkChange { subnet_add, ..NetworkChange::default() };
    controller.update_network("bridge".into(), change).await.expect("changed");
    sandbox(&controller, "box", &["bridge"]).await.expect("a sandbox");
    let address = controller.sandbox("box").expect("the sandbox").endpoints[0].endpoint.addresses[0].to_string();
    assert_eq!(address, "10.4.0.2/24");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_without_addresses_is_given_no_subnet() {
    let house = House::new().await;
    let controller = house.start().await;
    for network in ["host", "none"] {
        let before = controller.network(network).expect("the network").network;
        let subnet_add = vec!["10.99.0.0/24".parse().expect("a subnet")];
        let change = NetworkChange { subnet_add, label_add: words("a", "b"), ..NetworkChange::default() };
        let refusal = controller.update_network(network.into(), change).await.expect_err("it has no addresses");
        assert_eq!(refusal.kind, RefusalKind::Invalid);
        assert!(refusal.why.contains("have no subnets"), "{refusal}");
        assert_eq!(controller.network(network).expect("the network").network, before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_stays_while_any_endpoint_is_on_it_and_says_which() {
    let house = House::new().await;
    let controller = house.start().await;
    created(&controller, "web", with_subnet("10.9.0.0/24")).await;
    let id = controller.network("web").expect("the network").network.id;
    controller.create_endpoint("web".into(), name("e1"), NewEndpoint::default()).await.expect("an endpoint");
    let refusal = controller.delete_network("web".into()).await.expect_err("it has an endpoint");
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    assert_eq!(refusal.why, format!("network web id {} has active endpoints: e1", id.short()));
    controller.delete_endpoint("e1".into(), false).await.expect("deleted");
    controller.delete_network("web".into()).await.expect("deleted");
    created(&controller, "again", with_subnet("10.9.0.0/24")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_on_an_internal_network_has_no_way_out_and_its_queries_stay_here() {
    let house = House::new().await;
    let controller = house.start().await;
    created(&controller, "inner", NewNetwork { internal: true, ..with_subnet("10.9.0.0/24") }).await;
    sandbox(&controller, "box", &["inner"]).await.expect("a sandbox");
    let shown = controller.sandbox("box").expect("the sandbox");
    assert_eq!(shown.gateway, [None, None]);
    let routes = house.ground.kernel.list_routes(&Netns::At("/fake/netns/box".into())).await.expect("routes");
    assert!(routes.iter().all(|route| route.to.prefix_len() > 0), "{routes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_the_way_of_its_switch_or_gateway_is_told_of_the_network() {
    let house = House::new().await;
    let controller = house.start().await;
    controller.fabric().create_switch(name("sw1"), SwitchSettings::default()).await.expect("a switch");
    let said = why(controller.create_network(name("sw1"), with_subnet("10.9.0.0/24")).await);
    assert!(said.starts_with("cannot create network sw1: a command made a switch of that name"), "{said}");
    house.ground.somebodys_veth(&Netns::Daemon, "up0").await;
    let options = [("com.docker.network.bridge.name".to_owned(), "up0".to_owned())].into();
    let said = why(controller.create_network(name("x"), NewNetwork { options, ..with_subnet("10.9.0.0/24") }).await);
    assert!(said.starts_with("cannot create network x: ") && said.contains("up0"), "{said}");
    assert!(!said.contains("iface://"), "{said}");
}
