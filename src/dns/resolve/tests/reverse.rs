//! Names of addresses.

use super::*;

#[test]
fn an_address_has_the_first_name_of_its_endpoint_on_the_network() {
    assert_eq!(ask(&["web"], "2.0.1.10.in-addr.arpa", Rtype::PTR), found(&["PTR db.web."]));
    let v6 = "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa";
    assert_eq!(ask(&["web"], v6, Rtype::PTR), found(&["PTR db.web."]));
}

#[test]
fn forward_and_reverse_make_a_round_trip() {
    let (_, records) = ask(&["lab", "web"], "3.0.1.10.in-addr.arpa", Rtype::PTR);
    let name = records[0].strip_prefix("PTR ").unwrap();
    assert_eq!(ask(&["lab", "web"], name, Rtype::A), found(&["A 10.1.0.3"]));
}

#[test]
fn an_address_of_a_network_that_the_sandbox_is_not_on_has_no_name_and_is_not_asked_elsewhere() {
    assert_eq!(ask(&["lab"], "2.0.1.10.in-addr.arpa", Rtype::PTR), MISSING);
    assert!(forwards(&zone(), &on(&["lab"]), "9.9.9.9.in-addr.arpa", Rtype::PTR));
    assert!(forwards(&zone(), &on(&["lab"]), "10.in-addr.arpa", Rtype::PTR));
}

#[test]
fn other_types_of_a_known_address_are_empty() {
    assert_eq!(ask(&["web"], "2.0.1.10.in-addr.arpa", Rtype::ANY), EMPTY);
    assert_eq!(ask(&["web"], "2.0.1.10.in-addr.arpa", Rtype::A), EMPTY);
}

#[test]
fn a_name_that_no_message_can_carry_is_left_out() {
    let mut zone = zone();
    zone.set("web", "e7", names(&[&"x".repeat(64)], &["10.1.0.7"], &[]));
    let answer = answer_to(&zone, &on(&["web"]), &query("7.0.1.10.in-addr.arpa", Rtype::PTR), Transport::Udp, 1);
    assert_eq!((answer.rcode, answer.records), EMPTY);
}
