//! Frames from words: what is said is in them, what is assumed is told, what is wrong is named.

use etherparse::{PacketHeaders, SlicedPacket, TransportHeader};
use lanloom_switch_core::build::{BuildError, build};
use lanloom_switch_core::describe::describe;
use lanloom_switch_core::{Frame, MacAddr};
use proptest::prelude::*;

fn bytes(text: &str) -> Vec<u8> {
    build(text).unwrap_or_else(|error| panic!("{text}: {error}")).bytes
}

fn line(text: &str) -> String {
    describe(&bytes(text)).to_string()
}

fn error(text: &str) -> String {
    build(text).expect_err(text).to_string()
}

#[test]
fn what_was_said_reads_back() {
    assert_eq!(line("arp src=10.0.0.1 dst=10.0.0.2"), "arp who-has 10.0.0.2 tell 10.0.0.1");
    let reply = "arp op=reply src=02:00:00:00:00:0a src=10.0.0.1 dst=02:00:00:00:00:0b dst=10.0.0.2";
    assert_eq!(line(reply), "arp reply 10.0.0.1 is-at 02:00:00:00:00:0a");
    assert_eq!(
        line("icmp src=10.0.0.1 dst=10.0.0.2 id=7 seq=3 len=56"),
        "icmp 10.0.0.1 > 10.0.0.2 echo request id 7 seq 3 len 56"
    );
    assert_eq!(line("icmp src=fe80::1 dst=fe80::2 op=reply"), "icmp6 fe80::1 > fe80::2 echo reply id 1 seq 1 len 0");
    let segment = "tcp src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=443 flags=pa seq=7 ack=9 len=1448 vlan=5";
    assert_eq!(line(segment), "vlan 5 tcp 10.0.0.1:1000 > 10.0.0.2:443 [P.] seq 7 ack 9 len 1448");
    assert_eq!(
        line("udp dst=2001:db8::9 dport=2000 vlan=100 vlan=5 len=9"),
        "vlan 100 vlan 5 udp [2001:db8::1]:40000 > [2001:db8::9]:2000 len 9"
    );
    let raw = "eth smac=02:00:00:00:00:0a dmac=02:00:00:00:00:0b type=88b5";
    assert_eq!(line(raw), "02:00:00:00:00:0a > 02:00:00:00:00:0b 0x88b5 46 B");
}

#[test]
fn hexadecimal_is_taken_as_it_is_however_it_is_parted() {
    let expected = [0xff, 0xff, 0x02, 0x0a];
    for text in ["ffff020a", "0xffff020a", "ff ff 02 0a", "ff:ff:02:0a", " FF-ff-02-0A "] {
        assert_eq!(bytes(text), expected, "{text}");
    }
}

#[test]
fn addresses_nobody_said_are_always_the_same_and_told() {
    let built = build("icmp src=10.0.0.1 dst=10.0.0.2").expect("enough said");
    assert_eq!(built.assumed, ["smac=02:00:0a:00:00:01", "dmac=02:00:0a:00:00:02"]);
    let frame = Frame::new(&built.bytes).expect("a frame");
    assert_eq!(frame.source(), MacAddr([2, 0, 10, 0, 0, 1]));
    assert_eq!(build("tcp").expect("enough said").assumed.len(), 4);
    let destination = |text| Frame::new(&bytes(text)).expect("a frame").destination();
    assert_eq!(destination("arp src=10.0.0.1 dst=10.0.0.2"), MacAddr::BROADCAST);
    assert_eq!(destination("udp dst=255.255.255.255"), MacAddr::BROADCAST);
    assert_eq!(destination("udp dst=224.0.0.251"), MacAddr([1, 0, 0x5e, 0, 0, 0xfb]));
    assert_eq!(destination("udp dst=ff02::fb"), MacAddr([0x33, 0x33, 0, 0, 0, 0xfb]));
}

#[test]
fn what_is_wrong_is_named_and_what_is_right_is_said() {
    assert!(error("").starts_with("no frame given: write one like `icmp"));
    assert!(error("ping src=10.0.0.1").starts_with("a frame cannot start with \"ping\": write arp, icmp,"));
    assert_eq!(error("arp ttl=3"), "cannot use \"ttl=3\": write key=value, with one of the keys src dst smac dmac vlan op");
    assert!(error("arp who-has").starts_with("cannot use \"who-has\": write key=value"));
    assert_eq!(error("tcp dport=70000"), "dport=70000 cannot be: write a port number from 0 to 65535");
    assert_eq!(error("icmp seq=65536"), "seq=65536 cannot be: write a number from 0 to 65535");
    assert_eq!(error("tcp vlan=4095"), "vlan=4095 cannot be: write a VLAN id from 0 to 4094");
    assert!(error("tcp src=10.0.0").starts_with("src=10.0.0 cannot be: write a MAC address like"));
    assert_eq!(error("tcp smac=10.0.0.1"), "smac=10.0.0.1 cannot be: write a MAC address");
    assert_eq!(error("tcp src=10.0.0.1 src=10.0.0.2"), "src is given twice: leave one");
    assert_eq!(error("eth src=02:00:00:00:00:0a type=88b5"), "dst is missing: write dst= and a MAC address");
    assert!(error("abc").starts_with("3 hexadecimal digits are half a byte too many"));
    assert!(error("ab cg").starts_with("'g' is no hexadecimal digit"));
    assert_eq!(build("tcp src=10.0.0.1 dst=fe80::1"), Err(BuildError::MixedFamilies));
    assert_eq!(build("arp dst=fe80::1"), Err(BuildError::MixedFamilies));
    assert!(matches!(build("udp len=65500"), Err(BuildError::TooLong { .. })));
    assert!(matches!(build("udp len=99999999999"), Err(BuildError::TooLong { .. })));
}

proptest! {
    #[test]
    fn checksums_are_right_for_every_kind_family_and_length(kind in "icmp|tcp|udp", six: bool, len in 0_usize..3000, tags in 0_usize..3) {
        let (src, dst) = if six { ("fe80::1", "fe80::2") } else { ("10.0.0.1", "10.0.0.2") };
        let text = format!("{kind} src={src} dst={dst} len={len}{}", " vlan=7".repeat(tags));
        let built = bytes(&text);
        prop_assert_eq!(&built, &bytes(&text));
        let slices = SlicedPacket::from_ethernet(&built).expect("whole headers");
        let headers = PacketHeaders::from_ethernet_slice(&built).expect("whole headers");
        let net = headers.net.expect("an IP header");
        if let Some(ip) = slices.net.as_ref().and_then(|net| net.ipv4_ref()) {
            prop_assert_eq!(ip.header().header_checksum(), ip.header().to_header().calc_header_checksum());
        }
        let transport = headers.transport.expect("a transport header");
        let mut again = transport.clone();
        match net {
            etherparse::NetHeaders::Ipv4(ip, _) => again.update_checksum_ipv4(&ip, headers.payload.slice()).expect("short enough"),
            etherparse::NetHeaders::Ipv6(ip, _) => again.update_checksum_ipv6(&ip, headers.payload.slice()).expect("short enough"),
            etherparse::NetHeaders::Arp(_) => prop_assert!(false, "no ARP was asked for"),
        }
        prop_assert_eq!(&again, &transport);
        prop_assert!(!matches!(transport, TransportHeader::Igmp(_)));
    }

    #[test]
    fn no_text_panics(text in prop_oneof!["\\PC{0,60}", "(arp|icmp|tcp|udp|eth)( (src|dst|smac|dmac|vlan|len|ttl|op|flags|seq|type)=[0-9a-f:.x]{0,20}){0,6}"]) {
        if let Ok(built) = build(&text) {
            prop_assert!(built.bytes.len() <= 65_536);
        }
    }
}
