//! Names of endpoints and their addresses.

use super::*;

#[test]
fn every_name_of_an_endpoint_has_its_addresses_of_the_family_that_is_asked_for() {
    for name in ["db", "0123456789ab", "db-host"] {
        assert_eq!(ask(&["web"], name, Rtype::A), found(&["A 10.1.0.2"]), "{name}");
        assert_eq!(ask(&["web"], name, Rtype::AAAA), found(&["AAAA fd00:1::2"]), "{name}");
    }
}

#[test]
fn names_of_endpoints_are_the_same_in_any_case_and_the_answer_spells_them_as_the_question_did() {
    let answer = answer_to(&zone(), &on(&["web"]), &query("dB.web", Rtype::A), Transport::Udp, 1);
    assert_eq!(answer.records, ["A 10.1.0.2"]);
    let message = answer.message();
    assert_eq!(message.sole_question().unwrap().qname().to_string(), "dB.web");
    assert_eq!(message.answer().unwrap().next().unwrap().unwrap().owner().to_string(), "dB.web");
}

#[test]
fn the_name_of_a_network_is_another_in_another_case_and_is_not_asked_elsewhere() {
    assert_eq!(ask(&["web"], "db.web", Rtype::A), found(&["A 10.1.0.2"]));
    assert_eq!(ask(&["web"], "db.Web", Rtype::A), MISSING);
}

#[test]
fn only_networks_that_the_sandbox_is_on_answer() {
    assert_eq!(ask(&["web"], "db.lab", Rtype::A), MISSING);
    assert_eq!(ask(&["lab"], "db.lab", Rtype::A), found(&["A 10.2.0.2"]));
    assert_eq!(ask(&["web"], "secret", Rtype::A), MISSING);
}

#[test]
fn the_first_network_with_records_wins_even_if_it_has_none_of_the_family() {
    assert_eq!(ask(&["web", "lab"], "db", Rtype::A), found(&["A 10.1.0.2"]));
    assert_eq!(ask(&["lab", "web"], "db", Rtype::A), found(&["A 10.2.0.2"]));
    assert_eq!(ask(&["lab", "web"], "db", Rtype::AAAA), EMPTY);
    assert_eq!(ask(&["lab", "web"], "db.web", Rtype::AAAA), found(&["AAAA fd00:1::2"]));
}

#[test]
fn a_network_where_the_name_has_no_address_gives_way_to_one_where_it_has() {
    let mut zone = zone();
    zone.set("bare", "e9", names(&["db"], &[], &[]));
    let ask = |networks: &[&str]| answer_to(&zone, &on(networks), &query("db", Rtype::A), Transport::Udp, 1);
    assert_eq!(ask(&["bare", "lab"]).records, ["A 10.2.0.2"]);
    let alone = ask(&["bare"]);
    assert_eq!((alone.rcode, alone.records), EMPTY);
}

#[test]
fn an_alias_that_endpoints_share_has_the_addresses_of_all() {
    assert_eq!(ask(&["web"], "store", Rtype::A), found(&["A 10.1.0.2", "A 10.1.0.3"]));
    assert_eq!(ask(&["web"], "store.web", Rtype::AAAA), found(&["AAAA fd00:1::2"]));
}

#[test]
fn addresses_come_in_an_order_that_changes_with_the_seed_and_each_once() {
    let mut zone = zone();
    for last in 10..20 {
        zone.set("web", &format!("m{last}"), names(&["many"], &[&format!("10.1.0.{last}"), "10.1.0.10"], &[]));
    }
    let order = |seed| answer_to(&zone, &on(&["web"]), &query("many", Rtype::A), Transport::Udp, seed).records;
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
    let mut all = order(3);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 10);
}

#[test]
fn dots_in_names_of_endpoints_and_networks_are_tried_every_way() {
    let mut zone = zone();
    zone.set("east.lab", "e8", names(&["db"], &["10.8.0.2"], &[]));
    let view = on(&["lab", "east.lab"]);
    let ask = |name: &str| answer_to(&zone, &view, &query(name, Rtype::A), Transport::Udp, 1).records;
    assert_eq!(ask("tool.one"), ["A 10.2.0.2"]);
    assert_eq!(ask("tool.one.lab"), ["A 10.2.0.2"]);
    assert_eq!(ask("db.east.lab"), ["A 10.8.0.2"]);
}

#[test]
fn a_known_name_has_nothing_of_any_other_type_and_is_not_asked_elsewhere() {
    for rtype in [Rtype::MX, Rtype::TXT, Rtype::ANY, Rtype::NS, Rtype::SRV, Rtype::PTR, Rtype::CNAME, Rtype::from_int(65_280)] {
        assert_eq!(ask(&["web"], "db", rtype), EMPTY, "{rtype}");
        assert_eq!(ask(&["web"], "db.web", rtype), EMPTY, "{rtype}");
    }
    assert_eq!(ask(&["web"], "app", Rtype::AAAA), EMPTY);
}

#[test]
fn links_win_over_names_and_are_known_to_their_owner_alone() {
    let mut view = on(&["web"]);
    view.links = vec![("DB".to_owned(), vec!["10.9.0.9".parse().unwrap()])];
    let ask = |rtype| answer_to(&zone(), &view, &query("db", rtype), Transport::Udp, 1);
    assert_eq!(ask(Rtype::A).records, ["A 10.9.0.9"]);
    assert_eq!((ask(Rtype::AAAA).rcode, ask(Rtype::AAAA).records), EMPTY);
    assert_eq!(answer_to(&zone(), &view, &query("db.web", Rtype::A), Transport::Udp, 1).records, ["A 10.1.0.2"]);
}

#[test]
fn a_dot_inside_a_label_separates_nothing() {
    // One label of six bytes: "db.web".
    let mut bytes = query("sixsix", Rtype::A);
    bytes[13..19].copy_from_slice(b"db.web");
    assert!(matches!(resolve(&zone(), &on(&["web"]), &bytes, Transport::Udp, 1), Reply::Forward { .. }));
}
