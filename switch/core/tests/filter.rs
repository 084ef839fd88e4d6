//! What a capture filter takes, and what is no filter.

use lanloom_switch_core::build::build;
use lanloom_switch_core::filter::{Filter, FilterError};
use proptest::prelude::*;

/// One frame of each sort.
const FRAMES: [(&str, &str); 8] = [
    ("arp", "arp src=10.0.0.1 dst=10.0.0.2"),
    ("ping", "icmp src=10.0.0.1 dst=10.1.0.2"),
    ("ping6", "icmp src=fe80::1 dst=fe80::2"),
    ("http", "tcp src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80 len=1000"),
    ("dns", "udp src=10.0.0.2 dst=10.0.0.53 sport=1000 dport=53"),
    ("tagged", "udp src=10.0.0.1 dst=10.0.0.2 sport=7 dport=80 vlan=100 vlan=5"),
    ("mdns", "udp src=fe80::1 dst=ff02::fb sport=5353 dport=5353"),
    ("raw", "eth src=02:00:00:00:00:0a dst=02:00:00:00:00:0b type=0x88b5"),
];

/// The names of the frames that a filter takes.
fn taken(filter: &str) -> String {
    let filter: Filter = filter.parse().unwrap_or_else(|error| panic!("{filter}: {error}"));
    let takes = |text| {
        let bytes = build(text).expect("a frame").bytes;
        filter.matches(&bytes, bytes.len())
    };
    FRAMES.iter().filter(|(_, text)| takes(text)).map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_word_takes_what_it_says() {
    for (filter, expected) in [
        ("", "arp ping ping6 http dns tagged mdns raw"),
        ("arp", "arp"),
        ("ip", "ping http dns tagged"),
        ("ip6", "ping6 mdns"),
        ("icmp", "ping"),
        ("icmp6", "ping6"),
        ("tcp", "http"),
        ("udp", "dns tagged mdns"),
        ("vlan", "tagged"),
        ("vlan 5", "tagged"),
        ("vlan 6", ""),
        ("broadcast", "arp"),
        ("multicast", "arp mdns"),
        ("host 10.0.0.1", "arp ping http tagged"),
        ("10.0.0.1", "arp ping http tagged"),
        ("src host 10.0.0.2", "dns"),
        ("dst 10.0.0.2", "arp http tagged"),
        ("net 10.1.0.0/16", "ping"),
        ("src net fe80::/64", "ping6 mdns"),
        ("net 0.0.0.0/0", "arp ping http dns tagged"),
        ("port 1000", "http dns"),
        ("dst port 80", "http tagged"),
        ("tcp port 80", "http"),
        ("udp src port 1000", "dns"),
        ("ether host 02:00:00:00:00:0a", "raw"),
        ("ether dst 02:00:00:00:00:0b", "raw"),
        ("ether src host 02:00:00:00:00:0b", ""),
        ("ether proto 0x88b5", "raw"),
        ("greater 1000", "http"),
        ("less 59", "arp ping dns tagged"),
    ] {
        assert_eq!(taken(filter), expected, "{filter}");
    }
}

#[test]
fn words_are_joined_as_tcpdump_joins_them() {
    assert_eq!(taken("arp or icmp and host 10.1.0.2"), "ping", "both bind alike, from left to right");
    assert_eq!(taken("arp or (icmp and host 10.1.0.2)"), "arp ping");
    assert_eq!(taken("not udp and not tcp and ip"), "ping");
    assert_eq!(taken("!(arp||ip)&&!ip6"), "raw");
    assert_eq!(taken("not not arp"), "arp");
}

#[test]
fn an_address_or_number_alone_is_what_the_one_before_it_was() {
    assert_eq!(taken("src 10.0.0.53 or 10.0.0.2"), "dns", "two sources");
    assert_eq!(taken("dst host 10.0.0.53 or 10.1.0.2"), "ping dns");
    assert_eq!(taken("tcp port 1000 or 80"), "http", "not the tagged one of UDP");
    assert_eq!(taken("udp dst port 53 or 5353"), "dns mdns");
    assert_eq!(taken("src net 10.1.0.0/16 or fe80::/64"), "ping6 mdns");
    assert_eq!(taken("ether src 02:00:00:00:00:0b or 02:00:00:00:00:0a"), "raw");
    assert_eq!(taken("src 10.0.0.1 and (10.0.0.2 or 10.0.0.1) or 10.0.0.2"), "arp ping http dns tagged");
    assert_eq!(taken("src 10.0.0.2 or not 10.0.0.1 and ip"), "dns");
    assert_eq!(taken("src 10.0.0.2 or arp or 10.1.0.2"), "arp ping dns", "a word in between: a host");
    let error = |text: &str| text.parse::<Filter>().expect_err(text).to_string();
    assert_eq!(error("port 80 or 10.0.0.1"), "the filter cannot have \"10.0.0.1\" there: write a port number from 0 to 65535");
    assert_eq!(error("host 10.0.0.1 or 80"), "the filter cannot have \"80\" there: write an IP address");
}

#[test]
fn a_cut_frame_is_judged_by_what_is_left_and_by_its_length() {
    let bytes = build("tcp src=10.0.0.1 dst=10.0.0.2 dport=80 len=1000").expect("a frame").bytes;
    let holds = |filter: &str, kept| filter.parse::<Filter>().expect("a filter").matches(&bytes[..kept], bytes.len());
    assert!(holds("tcp port 80 and greater 1000", 40));
    assert!(holds("host 10.0.0.2 and not port 80", 34));
    assert!(!holds("ip", 10));
}

#[test]
fn what_is_no_filter_is_refused_with_what_would_be_one() {
    let error = |text: &str| text.parse::<Filter>().expect_err(text).to_string();
    assert!(error("http").starts_with("the filter cannot have \"http\" there: write arp, ip, ip6, icmp,"));
    assert_eq!(error("arp icmp"), "the filter cannot have \"icmp\" there: write and, or, or the end");
    assert_eq!(error("port 70000"), "the filter cannot have \"70000\" there: write a port number from 0 to 65535");
    assert_eq!(error("net 10.0.0.0/33"), "the filter cannot have \"10.0.0.0/33\" there: write a network like 10.1.0.0/16");
    assert_eq!(error("vlan 5000"), "the filter cannot have \"5000\" there: write a VLAN id from 0 to 4095");
    assert_eq!(error("host"), "the filter ends too early: write an IP address");
    assert_eq!(error("(arp"), "the filter ends too early: write )");
    assert!(error("arp and").starts_with("the filter ends too early: write arp"));
    assert_eq!("! ".repeat(300).parse::<Filter>(), Err(FilterError::TooLong { words: 300 }));
}

proptest! {
    #[test]
    fn no_text_and_no_frame_panics(
        text in prop_oneof!["\\PC{0,40}", "((not |\\(|\\) |)(arp|tcp|src|dst|host|net|port|vlan|and|or|ether|10.0.0.1|fe80::/10|80) ){0,12}"],
        bytes in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        if let Ok(filter) = text.parse::<Filter>() {
            let both = format!("not ({text})").parse::<Filter>();
            let taken = filter.matches(&bytes, bytes.len());
            if let (Ok(not), false) = (both, text.trim().is_empty()) {
                prop_assert_ne!(taken, not.matches(&bytes, bytes.len()), "{}", text);
            }
        }
    }
}
