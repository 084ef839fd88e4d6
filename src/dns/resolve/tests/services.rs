//! Services: `_port._proto.<name>`.

use super::*;

#[test]
fn a_service_has_its_port_and_target_with_the_type_srv_and_the_targets_addresses_after_it() {
    let answer = answer_to(&zone(), &on(&["web"]), &query("_sql._tcp.db", Rtype::SRV), Transport::Udp, 1);
    assert_eq!((answer.rcode, answer.records), found(&["SRV 0 0 5432 db.web"]));
    assert_eq!(answer.additional, ["db.web A 10.1.0.2", "db.web AAAA fd00:1::2"]);
}

#[test]
fn a_service_is_found_under_every_name_of_its_endpoint_in_any_case() {
    for name in ["_SQL._TCP.DB", "_sql._tcp.db.web", "_sql._tcp.store", "_sql._tcp.0123456789ab"] {
        assert_eq!(ask(&["web"], name, Rtype::SRV), found(&["SRV 0 0 5432 db.web"]), "{name}");
    }
    assert_eq!(ask(&["web"], "_gossip._udp.db", Rtype::SRV), found(&["SRV 0 0 7946 db.web"]));
}

#[test]
fn a_service_that_a_known_name_does_not_offer_does_not_exist_and_is_not_asked_elsewhere() {
    for name in ["_sql._udp.db", "_http._tcp.db", "_sql._tcp.app", "_http._tcp.none.web", "_sql._tcp.secret.vault"] {
        assert_eq!(ask(&["web"], name, Rtype::SRV), MISSING, "{name}");
    }
}

#[test]
fn other_types_of_a_service_are_empty() {
    assert_eq!(ask(&["web"], "_sql._tcp.db", Rtype::A), EMPTY);
    assert_eq!(ask(&["web"], "_sql._tcp.db", Rtype::TXT), EMPTY);
}

#[test]
fn services_of_names_that_are_not_ours_are_asked_elsewhere() {
    for name in ["_sip._tcp.example.com", "_sql._tcp", "_sql._tcp.elsewhere", "sql._tcp.db", "_sql._quic.db"] {
        assert!(forwards(&zone(), &on(&["web"]), name, Rtype::SRV), "{name}");
    }
}

#[test]
fn all_endpoints_that_share_a_name_offer_the_service() {
    let mut zone = zone();
    for last in 2..5u16 {
        let mut member = names(&[&format!("m{last}"), "pool"], &[&format!("10.5.0.{last}")], &[]);
        member.services = vec![("http".to_owned(), 8000 + last, Proto::Tcp)];
        zone.set("web", &format!("p{last}"), member);
    }
    let mut answer = answer_to(&zone, &on(&["web"]), &query("_http._tcp.pool", Rtype::SRV), Transport::Udp, 1);
    answer.records.sort_unstable();
    assert_eq!(answer.records, ["SRV 0 0 8002 m2.web", "SRV 0 0 8003 m3.web", "SRV 0 0 8004 m4.web"]);
    assert_eq!(answer.additional.len(), 3);
}

#[test]
fn an_endpoint_that_offers_a_service_on_many_ports_has_its_addresses_once() {
    let mut zone = zone();
    let mut many = names(&["many"], &["10.6.0.2"], &[]);
    many.services = [80, 8080, 8081].map(|port| ("http".to_owned(), port, Proto::Tcp)).to_vec();
    zone.set("web", "s1", many);
    let mut answer = answer_to(&zone, &on(&["web"]), &query("_http._tcp.many", Rtype::SRV), Transport::Udp, 1);
    answer.records.sort_unstable();
    assert_eq!(answer.records, ["SRV 0 0 80 many.web", "SRV 0 0 8080 many.web", "SRV 0 0 8081 many.web"]);
    assert_eq!(answer.additional, ["many.web A 10.6.0.2"]);
}
