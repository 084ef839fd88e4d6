//! Names that are not ours, and names of ours that must not leave.

use super::*;

fn rcode_of(view: &View, name: &str, rtype: Rtype) -> Rcode {
    let answer = answer_to(&zone(), view, &query(name, rtype), Transport::Udp, 1);
    assert!(answer.records.is_empty());
    answer.rcode
}

#[test]
fn names_that_nobody_here_has_are_forwarded_with_any_type() {
    for rtype in [Rtype::A, Rtype::MX, Rtype::TXT, Rtype::HTTPS, Rtype::from_int(65_280), Rtype::ANY] {
        assert!(forwards(&zone(), &on(&["web"]), "example.com", rtype), "{rtype}");
        assert!(forwards(&zone(), &on(&["web"]), "printer", rtype), "{rtype}");
    }
    assert!(forwards(&zone(), &on(&["web"]), ".", Rtype::NS));
}

#[test]
fn names_of_ours_never_leave() {
    for name in ["none.web", "none.WEB", "a.b.web", "SECRET.vault", "secret.Vault", "secret", "Secret", "_sql._tcp.none.web"] {
        for rtype in [Rtype::A, Rtype::AAAA, Rtype::TXT, Rtype::ANY] {
            assert_eq!(rcode_of(&on(&["web"]), name, rtype), Rcode::NXDOMAIN, "{name} {rtype}");
        }
    }
}

#[test]
fn what_a_network_of_others_does_not_have_may_be_a_name_of_the_world() {
    assert!(forwards(&zone(), &on(&["web"]), "none.vault", Rtype::A));
    assert!(forwards(&zone(), &on(&["web"]), "web", Rtype::A));
    assert!(forwards(&zone(), &on(&["web"]), "cobweb", Rtype::A));
}

#[test]
fn a_sandbox_without_a_way_out_is_told_that_other_names_do_not_exist() {
    let view = View { forward: Forward::Never, ..on(&["web"]) };
    for name in ["example.com", "printer", "9.9.9.9.in-addr.arpa", "secret.vault", "_sip._tcp.example.com"] {
        assert_eq!(rcode_of(&view, name, Rtype::A), Rcode::NXDOMAIN, "{name}");
    }
    let known = answer_to(&zone(), &view, &query("db", Rtype::A), Transport::Udp, 1);
    assert_eq!(known.records, ["A 10.1.0.2"]);
}

#[test]
fn single_labels_are_not_forwarded_if_ndots_was_given() {
    let view = View { ndots_given: true, ..on(&["web"]) };
    for rtype in [Rtype::A, Rtype::AAAA, Rtype::TXT] {
        assert_eq!(rcode_of(&view, "printer", rtype), Rcode::NOERROR, "{rtype}");
    }
    assert!(forwards(&zone(), &view, "example.com", Rtype::A));
    assert!(forwards(&zone(), &view, ".", Rtype::NS));
    assert!(forwards(&zone(), &View { ndots_given: false, ..view }, "printer", Rtype::A));
}

#[test]
fn at_most_three_upstreams_are_asked_and_never_ourselves() {
    let ours = ["127.0.0.11:53", "[::ffff:127.0.0.11]:53", "0.0.0.0:53", "[::]:53", "192.0.2.1:0", "224.0.0.251:5353"];
    let others = ["192.0.2.1:53", "127.0.0.53:53", "[2001:db8::1]:53", "192.0.2.4:53"];
    let all = ours.iter().chain(&others).map(|address| upstream(address)).collect();
    let view = View { forward: Forward::To(all), ..on(&["web"]) };
    let Reply::Forward { upstreams, .. } = resolve(&zone(), &view, &query("example.com", Rtype::A), Transport::Udp, 1) else {
        panic!("not forwarded");
    };
    assert_eq!(upstreams, others[..3].iter().map(|address| upstream(address)).collect::<Vec<_>>());
}

#[test]
fn without_an_upstream_that_can_be_asked_the_server_has_failed() {
    for upstreams in [vec![], vec![upstream("127.0.0.11:53")]] {
        let view = View { forward: Forward::To(upstreams), ..on(&["web"]) };
        assert_eq!(rcode_of(&view, "example.com", Rtype::A), Rcode::SERVFAIL);
    }
}

#[test]
fn the_root_is_nobodys_name() {
    let mut zone = zone();
    zone.set("web", "e9", names(&["nameless", ""], &["10.1.0.9"], &[]));
    let view = View { links: vec![(String::new(), vec!["10.1.0.9".parse().unwrap()])], ..on(&["web"]) };
    assert!(forwards(&zone, &view, ".", Rtype::A));
}
