use super::*;
use crate::driver::DriverErrorKind;

fn all(options: &[(&str, &str)]) -> BTreeMap<String, String> {
    options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn parsed(options: &[(&str, &str)]) -> Result<NetworkOptions, DriverError> {
    let spec = NetworkSpec { name: "net".to_owned(), options: all(options), ..NetworkSpec::default() };
    NetworkOptions::parse("create network", &spec)
}

fn refused(options: &[(&str, &str)]) -> String {
    let error = parsed(options).expect_err("they cannot be");
    assert_eq!(error.kind, DriverErrorKind::Invalid);
    error.to_string()
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().expect("an address")).collect()
}

#[test]
fn without_options_it_has_no_peers_and_vxlan_s_own_port() {
    let options = parsed(&[]).expect("they can be");
    assert_eq!((options.port, options.mtu, options.local), (4789, None, None));
    assert!(options.peers.is_empty() && options.vnis.is_empty());
    assert_eq!((options.guard, options.trusted), (GuardMode::Leased, false));
}

#[test]
fn each_option_is_read() {
    let options = parsed(&[
        (PEERS, "192.0.2.2, 192.0.2.3"),
        (LOCAL, "192.0.2.1"),
        (PORT, "8472"),
        (VNIS, "5000,0, 16777215"),
        (MTU, "9000"),
        (GUARD, "strict"),
        (TRUSTED, "true"),
    ])
    .expect("they can be");
    assert_eq!(options.peers, addresses(&["192.0.2.2", "192.0.2.3"]));
    assert_eq!((options.local, options.port), (addresses(&["192.0.2.1"]).first().copied(), 8472));
    assert_eq!((options.vnis, options.mtu), (vec![5000, 0, 16_777_215], Some(9000)));
    assert_eq!((options.guard, options.trusted), (GuardMode::Strict, true));
    let v6 = parsed(&[(PEERS, "2001:db8::2,2001:db8::3"), (LOCAL, "2001:db8::1")]).expect("an underlay of IPv6");
    assert_eq!(v6.peers, addresses(&["2001:db8::2", "2001:db8::3"]));
    assert!(parsed(&[(PEERS, "")]).expect("none yet").peers.is_empty());
}

#[test]
fn encrypted_is_refused_whatever_it_says() {
    for value in ["", "true", "false", "0"] {
        let said = refused(&[("encrypted", value), (PEERS, "192.0.2.2")]);
        assert!(said.contains("no clear-text network is made in its name"), "{said}");
    }
}

#[test]
fn what_is_no_list_of_hosts_is_refused_with_its_reason() {
    for (value, why) in [
        ("192.0.2.2,192.0.2.2", "192.0.2.2 is there twice"),
        ("192.0.2.2,2001:db8::2", "192.0.2.2 and 2001:db8::2 are of different families"),
        ("239.1.1.1", "that is a group of hosts"),
        ("ff02::1", "that is a group of hosts"),
        ("0.0.0.0", "that is no single host"),
        ("255.255.255.255", "that is no single host"),
        ("fe80::1", "an address of a link alone does not say of which"),
        ("192.0.2.0/24", "invalid address"),
        ("host-b", "invalid address"),
    ] {
        let said = refused(&[(PEERS, value)]);
        assert!(said.contains(why) && said.contains(PEERS), "{said}");
    }
    let said = refused(&[(PEERS, "192.0.2.2"), (LOCAL, "2001:db8::1")]);
    assert!(said.contains("lanloom.local 2001:db8::1 and the peer 192.0.2.2 are of different families"), "{said}");
}

#[test]
fn identifiers_are_24_bits_and_ports_16() {
    for value in ["16777216", "-1", "", "7,", "x"] {
        assert!(refused(&[(VNIS, value)]).contains("invalid vxlan id value"));
    }
    for value in ["0", "65536", "vxlan"] {
        assert!(refused(&[(PORT, value)]).contains("it is no UDP port"));
    }
}

#[test]
fn what_is_ours_and_unknown_is_refused_and_what_is_others_is_carried() {
    for key in ["lanloom.peer", "com.docker.network.driver.overlay.vxlanid_lst"] {
        let said = refused(&[(key, "1")]);
        assert!(said.contains(&format!("unknown option {key};")) && said.contains("did you mean"), "{said}");
        DOCUMENTED.iter().for_each(|known| assert!(said.contains(known), "{said}"));
    }
    parsed(&[("dsr", ""), ("com.docker.network.bridge.enable_icc", "x"), ("com.example.colour", "blue")]).expect("carried");
}

#[test]
fn the_configuration_file_may_say_what_does_not_belong_to_one_network() {
    let usual = Usual::parse(&all(&[(UNDERLAY, "192.0.2.1"), (PORT, "8472"), (MTU, "1400")])).expect("it can be");
    assert_eq!(usual.underlay, addresses(&["192.0.2.1"]).first().copied());
    assert_eq!(usual.options, all(&[(PORT, "8472"), (MTU, "1400")]), "the rest is for networks");
    for (key, value, why) in [
        (PEERS, "192.0.2.2", "lanloom.peers is for one network"),
        (LOCAL, "192.0.2.2", "lanloom.local is for one network"),
        (UNDERLAY, "eth0", "invalid address"),
        (PORT, "0", "it is no UDP port"),
        ("underlei", "192.0.2.1", "did you mean underlay?"),
    ] {
        let error = Usual::parse(&all(&[(key, value)])).expect_err("it cannot be").to_string();
        assert!(error.contains(why), "{error}");
    }
}
