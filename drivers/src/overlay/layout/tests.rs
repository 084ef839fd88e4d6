use super::*;
use crate::switched::Layout as _;

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn spec(name: &str, v4: &[&str], v6: &[&str], options: &[(&str, &str)]) -> NetworkSpec {
    let pool = |text: &&str| PoolData { pool: text.parse().expect("a subnet"), gateway: None, auxiliary: [].into() };
    let (v4, v6) = (v4.iter().map(pool).collect(), v6.iter().map(pool).collect());
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    NetworkSpec { id: format!("{:0<64}", name.len()), name: name.to_owned(), options, v4, v6, ..NetworkSpec::default() }
}

fn planned(spec: &NetworkSpec, place: Option<(&str, u32)>) -> Result<Layout, String> {
    let options = NetworkOptions::parse("create network", spec).expect("they can be");
    let peers = options.peers.clone();
    let place = place.map(|(local, carries)| Place { local: ip(local), carries });
    Layout::of(spec, options, peers, place).map_err(Fault::line)
}

fn layout(spec: &NetworkSpec, place: Option<(&str, u32)>) -> Layout {
    planned(spec, place).expect("it can be")
}

fn endpoint(addresses: &[&str]) -> EndpointSpec {
    let addresses = addresses.iter().map(|text| text.parse().expect("an address")).collect();
    EndpointSpec { addresses, ..EndpointSpec::default() }
}

const PEER: (&str, &str) = ("lanloom.peers", "192.0.2.2");
const HERE: Option<(&str, u32)> = Some(("192.0.2.1", 1500));

#[test]
fn the_mtu_inside_is_what_the_underlay_leaves() {
    let mtu = |v6: &[&str], options: &[(&str, &str)], place| {
        planned(&spec("web", &["10.9.0.0/24"], v6, options), place).map(|layout| layout.mtu)
    };
    assert_eq!(mtu(&[], &[PEER], HERE), Ok(1450));
    assert_eq!(mtu(&[], &[("lanloom.peers", "2001:db8::2")], Some(("2001:db8::1", 1500))), Ok(1430), "70 over IPv6");
    assert_eq!(mtu(&[], &[PEER], Some(("192.0.2.1", 9000))), Ok(8950));
    assert_eq!(mtu(&[], &[PEER, (MTU, "1400")], HERE), Ok(1350), "the option says what the underlay is to carry");
    assert_eq!(mtu(&[], &[PEER], None), Ok(1450), "Ethernet's while nothing is known");
    let said = mtu(&[], &[PEER, (MTU, "1501")], HERE).expect_err("more than it carries");
    assert!(said.contains("is 1501 bytes, and the underlay carries 1500"), "{said}");
    let said = mtu(&["fd09::/64"], &[PEER], Some(("192.0.2.1", 1300))).expect_err("IPv6 needs more");
    assert!(said.contains("1300 bytes of the underlay leave 1250 inside, and IPv6 needs 1280"), "{said}");
    assert_eq!(mtu(&[], &[PEER], Some(("192.0.2.1", 1300))), Ok(1250), "IPv4 does not");
}

#[test]
fn there_is_a_tunnel_for_each_subnet_with_a_segment_of_its_own() {
    let two = layout(&spec("web", &["10.9.0.0/24", "10.9.1.0/24"], &["fd09::/64"], &[PEER, (VNIS, "7,8")]), HERE);
    let tunnels = two.tunnels();
    let shown: Vec<_> = tunnels.iter().map(|it| (it.name.as_str(), it.path.vni, it.path.segment)).collect();
    assert_eq!(shown, [("_vxlan-7", 7, 0), ("_vxlan-8", 8, 1)]);
    assert!(tunnels.iter().all(|it| it.path.local == ip("192.0.2.1") && it.path.peers == [ip("192.0.2.2")]));
    assert_eq!(two.segment(&endpoint(&["10.9.0.5/24", "fd09::5/64"])), 0);
    assert_eq!(two.segment(&endpoint(&["10.9.1.5/24", "fd09::6/64"])), 1, "with its address of IPv4");
    assert_eq!(two.segment(&endpoint(&[])), 0);
    assert_eq!(layout(&two.spec, None).tunnels(), [], "none without a place in the underlay");
}

#[test]
fn a_tunnel_has_no_address_of_its_own_and_follows_the_underlay_unless_told() {
    let tunnel = |options: &[(&str, &str)]| layout(&spec("web", &["10.9.0.0/24"], &[], options), HERE).tunnels().remove(0);
    let plain = tunnel(&[PEER]);
    assert_eq!((plain.guard.role, plain.guard.mode, plain.guard.trusted), (Role::Endpoint, GuardMode::Leased, false));
    assert_eq!((plain.guard.mac, plain.guard.addresses.len(), plain.path.mtu), (None, 0, None));
    let strict = tunnel(&[PEER, ("lanloom.guard", "strict"), (MTU, "1400")]);
    assert_eq!((strict.guard.mode, strict.path.mtu), (GuardMode::Leased, Some(1350)), "others' addresses are nobody's here");
    assert_eq!(tunnel(&[PEER, ("lanloom.guard", "off")]).guard.mode, GuardMode::Off);
}

#[test]
fn networks_that_cannot_be_together_say_why() {
    let one = layout(&spec("web", &["10.9.0.0/24"], &[], &[PEER, (VNIS, "7")]), HERE);
    let why = |other: &NetworkSpec| layout(other, HERE).conflict(&one).map(Fault::line).unwrap_or_default();
    assert_eq!(why(&spec("shop", &["10.8.0.0/24"], &[], &[PEER])), "");
    assert!(why(&spec("web", &["10.8.0.0/24"], &[], &[PEER])).contains("same name"));
    assert!(why(&spec("shop", &["10.9.0.0/16"], &[], &[PEER])).contains("overlapping subnets"));
    let said = why(&spec("shop", &["10.8.0.0/24"], &[], &[PEER, (VNIS, "7")]));
    assert!(said.contains("conflicts with network web: it has the VXLAN identifier 7 of 10.9.0.0/24"), "{said}");
    assert!(said.contains("vxlanid_list"), "{said}");
    let twice = planned(&spec("shop", &["10.8.0.0/24", "10.8.1.0/24"], &[], &[PEER, (VNIS, "7,7")]), HERE);
    assert!(twice.expect_err("one tunnel for both").contains("two of its subnets have the VXLAN identifier 7"));
}

#[test]
fn peers_and_subnets_may_be_added_and_little_else_changed() {
    let old = layout(&spec("web", &["10.9.0.0/24"], &[], &[PEER]), HERE);
    let follow = |spec: &NetworkSpec, place| {
        layout(spec, place).follow("update network", &old).map(|layout| layout.mtu).map_err(|error| error.to_string())
    };
    let more = ("lanloom.peers", "192.0.2.2,192.0.2.3");
    assert_eq!(follow(&spec("web", &["10.9.0.0/24", "10.9.1.0/24"], &[], &[more]), HERE), Ok(1450));
    assert_eq!(follow(&spec("web", &["10.9.0.0/24"], &[], &[more]), Some(("192.0.2.1", 9000))), Ok(1450), "as it was");
    let said = follow(&spec("web", &["10.9.0.0/24"], &[], &[more]), Some(("192.0.2.1", 1400))).expect_err("too small");
    assert!(said.contains("take 1500 bytes of the underlay, and to these peers it carries 1400"), "{said}");
    for (options, place, why) in [
        ([PEER, (MTU, "1400")], HERE, "the MTU cannot be changed"),
        ([PEER, ("lanloom.port", "8472")], HERE, "the UDP port cannot be changed"),
        ([PEER, (VNIS, "7")], HERE, "the identifier of a subnet that is there cannot be changed"),
        ([PEER, (VNIS, "0")], Some(("192.0.2.9", 1500)), "this host's address in the underlay cannot be changed"),
    ] {
        let said = follow(&spec("web", &["10.9.0.0/24"], &[], &options), place).expect_err("that stays");
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn what_was_left_to_it_is_shown_and_what_it_does_without_is_told() {
    let found = layout(&spec("web", &["10.9.0.0/24", "10.9.1.0/24"], &[], &[PEER, (VNIS, "7,8,9")]), HERE);
    let shown: std::collections::BTreeMap<_, _> = found.found().into_iter().collect();
    assert_eq!((shown[VNIS].as_str(), shown[LOCAL].as_str(), shown[PORT].as_str()), ("7,8", "192.0.2.1", "4789"));
    assert_eq!(shown[MTU], "1500", "of the underlay, as it is asked for");
    assert_eq!(found.notes(), [format!("{VNIS} names more than there are subnets: 9 unused")]);
    let mut with_gateway = spec("web", &["10.9.0.0/24"], &[], &[PEER]);
    with_gateway.v4[0].gateway = "10.9.0.254/24".parse().ok();
    let nobody = "nobody is given the gateway's address, 10.9.0.254: an overlay has none";
    assert_eq!(layout(&with_gateway, HERE).notes(), [nobody]);
    let alone = layout(&spec("web", &["10.9.0.0/24"], &[], &[]), HERE).notes();
    assert!(alone.len() == 1 && alone[0].contains("it has no peers yet"), "{alone:?}");
}
