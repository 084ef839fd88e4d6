//! What a sandbox is given of what its networks, endpoints and itself were made with: names, addresses, routes, lines of files.

use super::changes::dual;
use super::house::{House, name, sandbox, why, with_subnet};
use super::upkeep::until;
use crate::controller::Controller;
use crate::controller::model::{NewEndpoint, NewNetwork, NewSandbox, PoolAsked, Words};
use lanloom_drivers::kernel::{IfName, Kernel, Netns, SysctlKey};

fn words(key: &str, value: &str) -> Words {
    [(key.to_owned(), value.to_owned())].into()
}

fn place(sandbox: &str) -> Netns {
    Netns::At(format!("/fake/netns/{sandbox}").into())
}

/// The names of a sandbox's interfaces.
async fn interfaces(house: &House, sandbox: &str) -> Vec<String> {
    let links = house.ground.kernel.list_links(&place(sandbox)).await.expect("links");
    links.into_iter().map(|link| link.name).collect()
}

/// Its routes: where to, and the next hop.
async fn routes(house: &House, sandbox: &str) -> Vec<String> {
    let routes = house.ground.kernel.list_routes(&place(sandbox)).await.expect("routes");
    let via = |via: Option<std::net::IpAddr>| via.map_or("the link".to_owned(), |via| via.to_string());
    routes.into_iter().map(|route| format!("{} by {}", route.to, via(route.via))).collect()
}

async fn setting(house: &House, netns: &Netns, key: &str) -> String {
    let key = SysctlKey::new(key).expect("a setting");
    house.ground.kernel.sysctl(netns, &key).await.expect("a value")
}

async fn connect(controller: &Controller, network: &str, new: NewEndpoint) -> Result<(), crate::controller::Refusal> {
    controller.connect(network.into(), "box".into(), new).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interface_is_called_as_its_endpoint_says_or_begins_as_its_network_says() {
    let house = House::new().await;
    let controller = house.start().await;
    let options = words("com.docker.network.container_iface_prefix", "lan");
    controller.create_network(name("web"), NewNetwork { options, ..with_subnet("10.9.0.0/24") }).await.expect("a network");
    for (named, subnet) in [("back", "10.8.0.0/24"), ("third", "10.7.0.0/24")] {
        controller.create_network(name(named), with_subnet(subnet)).await.expect("a network");
    }
    sandbox(&controller, "box", &["web"]).await.expect("a sandbox");
    let called =
        |text: &str| NewEndpoint { options: words("com.docker.network.endpoint.ifname", text), ..NewEndpoint::default() };
    connect(&controller, "back", called("wan7")).await.expect("connected");
    assert_eq!(interfaces(&house, "box").await, ["lo", "lan0", "wan7"]);
    for (taken, said) in [("wan7", "there is an interface wan7 in the sandbox already"), ("a/b", "a/b")] {
        let refused = why(connect(&controller, "third", called(taken)).await);
        assert!(refused.contains(said), "{refused}");
    }
    assert_eq!(interfaces(&house, "box").await.len(), 3, "what was refused leaves nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_of_the_link_alone_are_set_beside_the_others_and_no_others_are_taken_for_them() {
    let house = House::new().await;
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    sandbox(&controller, "box", &[]).await.expect("a sandbox");
    let beside = |texts: &[&str]| {
        let link_local = texts.iter().map(|text| text.parse().expect("an address")).collect();
        NewEndpoint { link_local, ..NewEndpoint::default() }
    };
    for wrong in ["10.9.0.7", "fd00::7"] {
        let refused = why(connect(&controller, "web", beside(&[wrong])).await);
        assert!(refused.contains(&format!("invalid link local IP address: {wrong}")), "{refused}");
    }
    connect(&controller, "web", beside(&["169.254.7.7", "fe80::7"])).await.expect("connected");
    let eth0 = IfName::new("eth0").expect("a name");
    let set = house.ground.kernel.look_inside(&place("box"), &eth0).await.expect("seen").addresses;
    let texts: Vec<String> = set.iter().map(ToString::to_string).collect();
    assert_eq!(texts, ["10.9.0.2/24", "169.254.7.7/16", "fe80::7/64"]);
    assert_eq!(setting(&house, &place("box"), "net/ipv6/conf/eth0/disable_ipv6").await, "0", "it has an address of IPv6");
    controller.stop().await;
    let controller = house.start().await;
    until("it is taken up again", || !controller.inner.upkeep.waits(&controller.sandbox("box").expect("it").sandbox.id)).await;
    assert_eq!(controller.sandbox("box").expect("the sandbox").notes, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_subnets_of_a_network_are_on_the_link_and_its_own_gateway_leads_everywhere_else() {
    let house = House::new().await;
    let controller = house.start().await;
    let pools = ["10.9.0.0/30", "10.8.0.0/24"].map(|subnet| with_subnet(subnet).pools.remove(0)).to_vec();
    controller.create_network(name("web"), NewNetwork { pools, ..NewNetwork::default() }).await.expect("a network");
    for named in ["first", "second"] {
        sandbox(&controller, named, &["web"]).await.expect("a sandbox");
    }
    assert_eq!(routes(&house, "first").await, ["0.0.0.0/0 by 10.9.0.1", "10.8.0.0/24 by the link", "10.9.0.0/30 by the link"]);
    assert_eq!(routes(&house, "second").await, ["0.0.0.0/0 by 10.8.0.1", "10.8.0.0/24 by the link", "10.9.0.0/30 by the link"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auxiliary_address_of_the_right_name_leads_everywhere_in_place_of_the_hosts() {
    let house = House::new().await;
    let controller = house.start().await;
    let mut new = dual("10.9.0.0/24", "fd00:9::/64");
    for (at, (named, address)) in [("DefaultGatewayIPv4", "10.9.0.99"), ("DefaultGatewayIPv6", "fd00:9::99")].iter().enumerate()
    {
        let auxiliary = [((*named).to_owned(), address.parse().expect("an address"))].into();
        new.pools[at] = PoolAsked { auxiliary, ..new.pools[at].clone() };
    }
    controller.create_network(name("web"), new).await.expect("a network");
    sandbox(&controller, "box", &["web"]).await.expect("a sandbox");
    let ways = routes(&house, "box").await;
    for way in ["0.0.0.0/0 by 10.9.0.99", "::/0 by fd00:9::99"] {
        assert!(ways.contains(&way.to_owned()), "{ways:?}");
    }
    let gateways: Vec<_> = controller.network("web").expect("it").network.pools().filter_map(|pool| pool.gateway).collect();
    assert_eq!(gateways.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.9.0.1", "fd00:9::1"], "the host's own");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_network_none_a_sandbox_has_lo_and_nothing_else() {
    let house = House::new().await;
    let controller = house.start().await;
    sandbox(&controller, "box", &["none"]).await.expect("a sandbox");
    assert_eq!((interfaces(&house, "box").await, routes(&house, "box").await), (vec!["lo".to_owned()], vec![]));
    let shown = controller.sandbox("box").expect("the sandbox");
    assert_eq!(shown.gateway, [None, None]);
    let endpoint = &shown.endpoints[0].endpoint;
    assert_eq!((endpoint.addresses.len(), endpoint.mac), (0, None));
    assert!(endpoint.state.joint().is_some_and(|joint| joint.ifname.is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_on_none_is_on_no_other_network_whichever_comes_first() {
    let house = House::new().await;
    let controller = house.start().await;
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    let words = "container cannot be connected to multiple networks with one of the networks in private (none) mode";
    for networks in [["none", "web"], ["web", "none"]] {
        let both = why(sandbox(&controller, "box", &networks).await);
        assert!(both.contains(words), "{both}");
        assert!(controller.sandboxes().is_empty() && controller.endpoints(None).expect("endpoints").is_empty());
        sandbox(&controller, "box", &networks[..1]).await.expect("a sandbox");
        let later = why(controller.connect(networks[1].into(), "box".into(), NewEndpoint::default()).await);
        assert!(later.contains(words), "{later}");
        assert_eq!(controller.sandbox("box").expect("the sandbox").endpoints.len(), 1);
        controller.delete_sandbox("box".into(), false).await.expect("deleted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_network_raises_the_limits_of_the_neighbour_table_and_none_lowers_them() {
    let house = House::new().await;
    let controller = house.start().await;
    async fn limits(house: &House, family: &str) -> [String; 3] {
        let key = |number: u8| format!("net/{family}/neigh/default/gc_thresh{number}");
        let read = async |number| setting(house, &Netns::Daemon, &key(number)).await;
        [read(1).await, read(2).await, read(3).await]
    }
    assert_eq!(limits(&house, "ipv4").await, ["128", "512", "1024"], "no network, nothing changed");
    let high = (SysctlKey::new("net/ipv4/neigh/default/gc_thresh2").expect("a setting"), "90000".to_owned());
    house.ground.kernel.set_sysctl(&Netns::Daemon, &[high]).await.expect("set");
    controller.create_network(name("web"), with_subnet("10.9.0.0/24")).await.expect("a network");
    assert_eq!(limits(&house, "ipv4").await, ["8192", "90000", "65536"]);
    assert_eq!(limits(&house, "ipv6").await, ["8192", "49152", "65536"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_has_the_whole_name_and_the_short_one_and_the_host_by_its_gateways() {
    let house = House::new().await;
    let controller = house.start().await;
    controller.create_network(name("web"), dual("10.9.0.0/24", "fd00:9::/64")).await.expect("a network");
    let new = NewSandbox {
        hostname: Some("db".to_owned()),
        domainname: Some("corp.test".to_owned()),
        extra_hosts: vec![("gate".to_owned(), "host-gateway".to_owned()), ("far".to_owned(), "198.51.100.9".to_owned())],
        ..NewSandbox::default()
    };
    controller.create_sandbox(name("box"), new, vec![("web".into(), NewEndpoint::default())]).await.expect("a sandbox");
    let folder = controller.sandbox("box").expect("the sandbox").files.expect("files");
    let text = std::fs::read_to_string(folder.join("hosts")).expect("text");
    let behind: Vec<&str> = text.lines().skip_while(|line| !line.ends_with("\tgate")).collect();
    let own = ["10.9.0.2\tdb.corp.test db", "fd00:9::2\tdb.corp.test db"];
    assert_eq!(behind, [&["10.9.0.1\tgate", "fd00:9::1\tgate", "198.51.100.9\tfar"][..], &own].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_of_the_drivers_that_there_are_reach_as_far_as_this_host() {
    let house = House::new().await;
    let controller = house.start().await;
    let scopes: Vec<_> = controller.networks().iter().map(|view| (view.network.name.to_string(), view.scope)).collect();
    assert_eq!(scopes, ["bridge", "host", "none"].map(|network| (network.to_owned(), "local")));
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_that_a_sandbox_is_connected_to_at_once_have_an_interface_each() {
    let house = House::new().await;
    let controller = house.start().await;
    let networks: Vec<String> = (0..6).map(|number| format!("n{number}")).collect();
    for (number, network) in networks.iter().enumerate() {
        controller.create_network(name(network), with_subnet(&format!("10.9.{number}.0/24"))).await.expect("a network");
    }
    sandbox(&controller, "box", &[]).await.expect("a sandbox");
    for _ in 0..20 {
        let connect = |network: &String| {
            let (controller, network) = (controller.clone(), network.clone());
            tokio::spawn(async move { connect(&controller, &network, NewEndpoint::default()).await })
        };
        for connected in networks.iter().map(connect).collect::<Vec<_>>() {
            connected.await.expect("no panic").expect("connected");
        }
        let mut names = interfaces(&house, "box").await;
        names.sort();
        assert_eq!(names, ["eth0", "eth1", "eth2", "eth3", "eth4", "eth5", "lo"]);
        for network in &networks {
            controller.disconnect(network.clone(), "box".into(), false).await.expect("disconnected");
        }
    }
}
