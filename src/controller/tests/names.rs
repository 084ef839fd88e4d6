//! Names: what a sandbox may ask of its server, and what its files say, as networks come and go.

use super::house::{House, name, sandbox, with_subnet};
use crate::controller::Controller;
use crate::controller::model::{NewEndpoint, NewNetwork, NewSandbox};
use std::net::UdpSocket;
use std::time::Duration;

async fn furnished(house: &House) -> Controller {
    let controller = house.start().await;
    for (named, subnet) in [("web", "10.9.0.0/24"), ("back", "10.8.0.0/24")] {
        controller.create_network(name(named), with_subnet(subnet)).await.expect("a network");
    }
    controller
}

/// What a sandbox's name server answers when it is asked for a name's IPv4 addresses (RFC 1035 §4).
pub(super) fn answer(house: &House, asking: &str, named: &str) -> Vec<u8> {
    let netns = lanloom_drivers::kernel::Netns::At(format!("/fake/netns/{asking}").into());
    let server = house.ground.kernel.listening(&netns).pop().expect("a name server").real_udp;
    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in named.split('.') {
        query.push(u8::try_from(label.len()).expect("a short label"));
        query.extend(label.as_bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("set");
    socket.send_to(&query, server).expect("sent");
    let mut answer = vec![0; 1500];
    let length = socket.recv(&mut answer).expect("an answer in time");
    answer.truncate(length);
    answer
}

/// The addresses in it, sorted; none if it has none, or refuses.
pub(super) fn asked(house: &House, asking: &str, named: &str) -> Vec<String> {
    let answer = answer(house, asking, named);
    let (length, count) = (answer.len(), usize::from(u16::from_be_bytes([answer[6], answer[7]])));
    let mut found: Vec<String> = (1..=count)
        .map(|back| &answer[length - 16 * back..length])
        .map(|record| format!("{}.{}.{}.{}", record[12], record[13], record[14], record[15]))
        .collect();
    found.sort();
    found
}

fn hosts(controller: &Controller, named: &str) -> Vec<String> {
    let folder = controller.sandbox(named).expect("the sandbox").files.expect("files");
    let text = std::fs::read_to_string(folder.join("hosts")).expect("text");
    text.lines().filter(|line| line.starts_with("10.")).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_come_and_go_with_connections_and_are_known_on_their_own_network_only() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    for (named, on) in [("one", vec!["web"]), ("two", vec!["web"]), ("far", vec!["back"])] {
        sandbox(&controller, named, &on).await.expect("a sandbox");
    }
    assert_eq!(asked(&house, "one", "two"), ["10.9.0.3"]);
    assert_eq!(asked(&house, "far", "two"), Vec::<String>::new());
    assert_eq!(hosts(&controller, "two"), ["10.9.0.3\ttwo"]);
    controller.connect("back".into(), "two".into(), NewEndpoint::default()).await.expect("connected");
    assert_eq!(asked(&house, "far", "two"), ["10.8.0.3"]);
    assert_eq!(hosts(&controller, "two"), ["10.9.0.3\ttwo", "10.8.0.3\ttwo"]);
    controller.disconnect("web".into(), "two".into(), false).await.expect("disconnected");
    assert_eq!(asked(&house, "one", "two"), Vec::<String>::new());
    assert_eq!(hosts(&controller, "two"), ["10.8.0.3\ttwo"]);
    controller.delete_sandbox("two".into(), false).await.expect("deleted");
    assert_eq!(asked(&house, "far", "two"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_is_known_by_its_aliases_its_host_name_and_its_short_id_too_and_still_is_after_a_restart() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    sandbox(&controller, "one", &["web"]).await.expect("a sandbox");
    let new = NewSandbox { hostname: Some("db-host".into()), ..NewSandbox::default() };
    let aliased = NewEndpoint { aliases: vec!["db".into(), "store".into()], ..NewEndpoint::default() };
    let id = controller.create_sandbox(name("two"), new, vec![("web".into(), aliased)]).await.expect("a sandbox");
    let shown = controller.one_endpoint("web/two").expect("its endpoint").dns_names;
    assert_eq!(shown, ["two", "db", "store", id.short(), "db-host"]);
    for restarts in [false, true] {
        let controller = if restarts { house.start().await } else { controller.clone() };
        for known in &shown {
            assert_eq!(asked(&house, "one", known), ["10.9.0.3"], "{known}, after a restart: {restarts}");
        }
        assert_eq!(asked(&house, "one", "DB"), ["10.9.0.3"]);
        controller.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_a_name_of_one_sandbox_alone_and_follows_the_other_as_it_comes_and_goes() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    let linked = NewEndpoint { links: vec![("two".into(), "store".into())], ..NewEndpoint::default() };
    controller.create_sandbox(name("one"), NewSandbox::default(), vec![("web".into(), linked)]).await.expect("a sandbox");
    sandbox(&controller, "other", &["web"]).await.expect("a sandbox");
    assert_eq!(asked(&house, "one", "store"), Vec::<String>::new());
    sandbox(&controller, "two", &["web"]).await.expect("a sandbox");
    assert_eq!(asked(&house, "one", "store"), ["10.9.0.4"]);
    assert_eq!(asked(&house, "other", "store"), Vec::<String>::new());
    controller.disconnect("web".into(), "two".into(), false).await.expect("disconnected");
    assert_eq!(asked(&house, "one", "store"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_share_an_alias_are_both_answered() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    for named in ["one", "two"] {
        let aliased = NewEndpoint { aliases: vec!["all".into()], ..NewEndpoint::default() };
        controller.create_sandbox(name(named), NewSandbox::default(), vec![("web".into(), aliased)]).await.expect("a sandbox");
    }
    assert_eq!(asked(&house, "one", "all"), ["10.9.0.2", "10.9.0.3"]);
    controller.delete_sandbox("two".into(), true).await.expect("deleted");
    assert_eq!(asked(&house, "one", "all"), ["10.9.0.2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_edit_of_a_file_stays_and_a_deleted_sandbox_leaves_no_file() {
    let house = House::new().await;
    let controller = furnished(&house).await;
    sandbox(&controller, "one", &["web"]).await.expect("a sandbox");
    let folder = controller.sandbox("one").expect("the sandbox").files.expect("files");
    let resolv = std::fs::read_to_string(folder.join("resolv.conf")).expect("text");
    assert!(resolv.contains("nameserver 127.0.0.11"), "{resolv}");
    std::fs::write(folder.join("resolv.conf"), "nameserver 192.0.2.1\n").expect("written");
    controller.connect("back".into(), "one".into(), NewEndpoint::default()).await.expect("connected");
    let kept = std::fs::read_to_string(folder.join("resolv.conf")).expect("text");
    assert_eq!(kept, "nameserver 192.0.2.1\n");
    controller.delete_sandbox("one".into(), false).await.expect("deleted");
    assert!(!folder.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_without_nft_has_its_name_server_on_port_53_itself_and_inspect_says_so() {
    let house = House::new().await;
    house.ground.kernel.set_nft(false);
    let (controller, _) = house.start_on(std::sync::Arc::new(house.ground.kernel.clone()), false).await;
    controller.create_network(name("web"), NewNetwork::default()).await.expect("a network without egress");
    sandbox(&controller, "one", &["web"]).await.expect("a sandbox");
    let shown = controller.sandbox("one").expect("the sandbox");
    assert_eq!(shown.dns, "127.0.0.11:53, directly");
    assert!(shown.notes.iter().any(|note| note.contains("nftables")), "{:?}", shown.notes);
    assert!(!controller.network("web").expect("the network").notes.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn that_nothing_leaves_the_host_is_said_of_network_and_sandbox_as_long_as_it_is_so() {
    let mut house = House::new().await;
    house.look_every = Duration::from_millis(5);
    house.ground.kernel.set_nft(false);
    let (controller, _) = house.start_on(std::sync::Arc::new(house.ground.kernel.clone()), false).await;
    controller.create_network(name("web"), NewNetwork::default()).await.expect("a network without egress");
    controller.create_network(name("in"), NewNetwork { internal: true, ..NewNetwork::default() }).await.expect("a network");
    sandbox(&controller, "one", &["web"]).await.expect("a sandbox");
    sandbox(&controller, "two", &["in"]).await.expect("a sandbox");
    let said = |notes: Vec<String>| notes.iter().filter(|note| note.starts_with("there is no way out of the host")).count();
    let of_network = |named: &str| said(controller.network(named).expect("the network").notes);
    let of_sandbox = |named: &str| said(controller.sandbox(named).expect("the sandbox").notes);
    assert_eq!([of_network("web"), of_network("in"), of_sandbox("one"), of_sandbox("two")], [1, 0, 1, 0]);
    house.ground.kernel.set_nft(true);
    let begin = std::time::Instant::now();
    while of_network("web") + of_sandbox("one") > 0 {
        assert!(begin.elapsed() < Duration::from_secs(60), "nobody noticed");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    house.ground.kernel.set_nft(false);
    controller.create_network(name("later"), NewNetwork::default()).await.expect("a network without egress");
    assert_eq!([of_network("web"), of_network("later"), of_sandbox("one")], [1, 1, 1]);
}
