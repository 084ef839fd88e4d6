//! How much an answer may say.

use super::*;

/// A zone where `many` has `count` addresses.
fn many(count: u16) -> Zone {
    let mut zone = Zone::new();
    for index in 0..count {
        let [high, low] = index.to_be_bytes();
        zone.set("web", &format!("e{index}"), names(&["many"], &[&format!("10.7.{high}.{low}")], &[]));
    }
    zone
}

fn ask(count: u16, edns: Option<u16>, transport: Transport) -> Answer {
    let query = query_in("many", Rtype::A, Class::IN, edns);
    answer_to(&many(count), &on(&["web"]), &query, transport, 1)
}

#[test]
fn an_answer_by_udp_fits_what_the_client_takes_or_is_cut_with_what_fits() {
    // A header of 12 bytes, a question of 10, 16 for each address, 11 for OPT.
    let cases = [
        (None, 30, 30, false),
        (None, 31, 30, true),
        (Some(512), 29, 29, false),
        (Some(512), 30, 29, true),
        (Some(100), 30, 29, true),
        (Some(1232), 74, 74, false),
        (Some(1232), 75, 74, true),
        (Some(4096), 253, 253, false),
        (Some(65_535), 300, 253, true),
    ];
    for (edns, count, fit, cut) in cases {
        let answer = ask(count, edns, Transport::Udp);
        assert_eq!((answer.records.len(), answer.message().header().tc()), (fit, cut), "{edns:?} {count}");
        let room = edns.map_or(512, |size| size.clamp(512, 4096));
        assert!(answer.bytes.len() <= room.into(), "{} bytes for {edns:?}", answer.bytes.len());
    }
}

#[test]
fn an_answer_by_tcp_is_whole() {
    for edns in [None, Some(512)] {
        let answer = ask(1000, edns, Transport::Tcp);
        assert_eq!((answer.records.len(), answer.message().header().tc()), (1000, false));
    }
}

#[test]
fn what_not_even_tcp_can_carry_is_cut() {
    let answer = ask(5000, None, Transport::Tcp);
    assert!(answer.message().header().tc() && answer.bytes.len() <= 65_535);
    assert!(answer.records.len() > 4000);
}

#[test]
fn addresses_of_targets_that_do_not_fit_are_left_out_without_a_word() {
    let mut zone = Zone::new();
    let addresses: Vec<String> = (0..40).map(|last| format!("10.7.0.{last}")).collect();
    let mut host = names(&["host"], &addresses.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    host.services = vec![("http".to_owned(), 80, Proto::Tcp)];
    zone.set("web", "e1", host);
    let answer = answer_to(&zone, &on(&["web"]), &query("_http._tcp.host", Rtype::SRV), Transport::Udp, 1);
    assert_eq!((answer.records.len(), answer.message().header().tc()), (1, false));
    assert!(answer.additional.len() < 40 && answer.bytes.len() <= 512);
}

#[test]
fn who_says_nothing_of_edns_hears_nothing_of_it() {
    assert!(ask(1, None, Transport::Udp).message().opt().is_none());
    let answer = ask(1, Some(1232), Transport::Udp);
    let opt = answer.message().opt().expect("an OPT record");
    assert_eq!((opt.udp_payload_size(), opt.version()), (UDP_MAX, 0));
}

#[test]
fn a_version_of_edns_that_is_not_known_is_refused_with_the_one_that_is() {
    let mut bytes = query_in("many", Rtype::A, Class::IN, Some(1232));
    let version = bytes.len() - 5;
    bytes[version] = 1;
    let answer = answer_to(&many(1), &on(&["web"]), &bytes, Transport::Udp, 1);
    let message = answer.message();
    assert_eq!(message.opt_rcode(), domain::base::iana::OptRcode::BADVERS);
    assert_eq!(message.opt().expect("an OPT record").version(), 0);
    assert!(answer.records.is_empty());
}

#[test]
fn the_wish_for_signatures_is_repeated() {
    for wish in [false, true] {
        let mut bytes = query_in("many", Rtype::A, Class::IN, Some(1232));
        let flags = bytes.len() - 4;
        bytes[flags] = if wish { 0x80 } else { 0 };
        let answer = answer_to(&many(1), &on(&["web"]), &bytes, Transport::Udp, 1);
        assert_eq!(answer.message().opt().expect("an OPT record").dnssec_ok(), wish);
    }
}

#[test]
fn more_than_one_opt_record_is_an_error() {
    let mut bytes = query_in("many", Rtype::A, Class::IN, Some(1232));
    let opt = bytes[bytes.len() - 11..].to_vec();
    bytes.extend_from_slice(&opt);
    bytes[11] = 2;
    let answer = answer_to(&many(1), &on(&["web"]), &bytes, Transport::Udp, 1);
    assert_eq!(answer.rcode, Rcode::FORMERR);
}
