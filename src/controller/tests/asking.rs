//! What sandboxes are answered by their name servers, and what their networks and options have to do with it.

use super::house::{House, name, sandbox, with_subnet};
use super::names::answer;
use crate::controller::Controller;
use crate::controller::model::{NewEndpoint, NewNetwork, NewSandbox};
use crate::dns::server::Limits;
use std::time::Duration;

/// Answers' codes (RFC 1035 §4.1.1). Nobody can be asked in these houses, so that what would be forwarded fails.
const NOERROR: u8 = 0;
const FORWARDED: u8 = 2;
const NXDOMAIN: u8 = 3;

/// The code of the answer that a sandbox gets for a name's IPv4 addresses, and how many there are.
fn asked(house: &House, sandbox: &str, named: &str) -> (u8, u16) {
    let answer = answer(house, sandbox, named);
    (answer[3] & 0x0f, u16::from_be_bytes([answer[6], answer[7]]))
}

/// A controller of a host that names nobody to ask.
async fn alone(house: &House) -> Controller {
    let controller = house.start().await;
    std::fs::write(house.place("resolv.conf"), "").expect("written");
    controller
}

#[tokio::test(flavor = "multi_thread")]
async fn single_labels_that_nobody_has_stay_here_if_a_number_of_dots_was_asked_for_and_leave_otherwise() {
    let house = House::new().await;
    let controller = alone(&house).await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    for (named, option, expected) in [
        ("plain", None, (FORWARDED, 0)),
        ("zero", Some("ndots:0"), (FORWARDED, 0)),
        ("one", Some("ndots:1"), (NOERROR, 0)),
        ("other", Some("rotate"), (FORWARDED, 0)),
    ] {
        let dns_options = option.map(str::to_owned).into_iter().collect();
        let new = NewSandbox { dns_options, ..NewSandbox::default() };
        controller.create_sandbox(name(named), new, vec![("web".into(), NewEndpoint::default())]).await.expect("a sandbox");
        assert_eq!(asked(&house, named, "printer"), expected, "{option:?}");
        assert_eq!(asked(&house, named, "printer.example"), (FORWARDED, 0), "{option:?}: two labels");
        assert_eq!(asked(&house, named, "plain"), (NOERROR, 1), "{option:?}: ours");
    }
    std::fs::write(house.place("resolv.conf"), "options ndots:2\n").expect("written");
    sandbox(&controller, "hosts", &["web"]).await.expect("a sandbox");
    let folder = controller.sandbox("hosts").expect("the sandbox").files.expect("files");
    assert!(std::fs::read_to_string(folder.join("resolv.conf")).expect("text").contains("ndots:2"));
    assert_eq!(asked(&house, "hosts", "printer"), (FORWARDED, 0), "what the host wants is not what was asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_on_internal_networks_only_is_told_that_other_names_do_not_exist() {
    let house = House::new().await;
    let controller = alone(&house).await;
    let inner = NewNetwork { internal: true, ..with_subnet("10.8.0.0/24") };
    controller.create_network(name("inner"), inner).await.expect("a network");
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    sandbox(&controller, "box", &["inner"]).await.expect("a sandbox");
    assert_eq!(asked(&house, "box", "example.com"), (NXDOMAIN, 0));
    controller.connect("web".into(), "box".into(), NewEndpoint::default()).await.expect("connected");
    assert_eq!(asked(&house, "box", "example.com"), (FORWARDED, 0));
    controller.disconnect("web".into(), "box".into(), false).await.expect("disconnected");
    assert_eq!(asked(&house, "box", "example.com"), (NXDOMAIN, 0));
    assert_eq!(asked(&house, "box", "box"), (NOERROR, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_networks_with_the_same_name_that_one_answers_which_comes_first_as_a_way_out() {
    let house = House::new().await;
    let controller = alone(&house).await;
    let six = NewNetwork { ipv4: false, ipv6: true, ..with_subnet("fd00:6::/64") };
    controller.create_network(name("four"), with_subnet("10.4.0.0/24")).await.expect("a network");
    controller.create_network(name("six"), six).await.expect("a network");
    for network in ["four", "six"] {
        let twin = NewEndpoint { aliases: vec!["twin".to_owned()], ..NewEndpoint::default() };
        let on = vec![(network.to_owned(), twin)];
        controller.create_sandbox(name(&format!("on-{network}")), NewSandbox::default(), on).await.expect("a sandbox");
    }
    sandbox(&controller, "box", &["four", "six"]).await.expect("a sandbox");
    let order = || -> Vec<String> {
        let view = controller.sandbox("box").expect("the sandbox");
        view.endpoints.iter().map(|endpoint| endpoint.network.to_string()).collect()
    };
    assert_eq!(order(), ["six", "four"], "IPv6 before IPv4");
    assert_eq!(asked(&house, "box", "twin"), (NOERROR, 0), "it has none of that family, and nobody else is asked");
    assert_eq!(asked(&house, "box", "twin.four"), (NOERROR, 1));
    controller.disconnect("four".into(), "box".into(), false).await.expect("disconnected");
    let first = NewEndpoint { priority: 1, ..NewEndpoint::default() };
    controller.connect("four".into(), "box".into(), first).await.expect("connected");
    assert_eq!((order(), asked(&house, "box", "twin")), (vec!["four".into(), "six".into()], (NOERROR, 1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_network_bridge_names_are_known_as_on_any_other() {
    let house = House::new().await;
    let controller = alone(&house).await;
    for named in ["one", "two"] {
        sandbox(&controller, named, &["bridge"]).await.expect("a sandbox");
    }
    for known in ["two", "two.bridge"] {
        assert_eq!(asked(&house, "one", known), (NOERROR, 1), "{known}");
    }
}

#[test]
fn a_name_server_waits_as_long_and_asks_as_much_at_once_as_libnetworks() {
    let limits = Limits::default();
    assert_eq!((limits.upstream, limits.forwards), (Duration::from_secs(4), 1024));
}
