//! What the line about a frame says, and that any bytes get one.

use etherparse::{ArpEthIpv4Packet, ArpOperation, Icmpv6Type, PacketBuilder, TcpHeader, icmpv6::NeighborAdvertisementHeader};
use etherparse::{PacketBuilderStep, UdpHeader};
use lanloom_switch_core::describe::describe;
use proptest::prelude::*;

const A: [u8; 6] = [2, 0, 0, 0, 0, 0x0a];
const B: [u8; 6] = [2, 0, 0, 0, 0, 0x0b];
const A4: [u8; 4] = [10, 0, 0, 1];
const B4: [u8; 4] = [10, 0, 0, 2];

fn v6(last: u8) -> [u8; 16] {
    let mut address = [0; 16];
    (address[0], address[1], address[15]) = (0xfe, 0x80, last);
    address
}

fn ethernet(destination: [u8; 6], kind: u16, payload: &[u8]) -> Vec<u8> {
    [&destination[..], &A, &kind.to_be_bytes(), payload].concat()
}

fn udp(ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    written(PacketBuilder::ethernet2(A, B).ipv4(A4, B4, 64).udp(ports.0, ports.1), payload)
}

fn written(step: PacketBuilderStep<UdpHeader>, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    step.write(&mut bytes, payload).expect("a vector takes it");
    bytes
}

fn tcp(header: TcpHeader, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2(A, B).ipv4(A4, B4, 64).tcp_header(header).write(&mut bytes, payload).expect("a vector takes it");
    bytes
}

fn icmp6(kind: Icmpv6Type, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2(A, B).ipv6(v6(1), v6(2), 255).icmpv6(kind).write(&mut bytes, payload).expect("a vector takes it");
    bytes
}

fn line(bytes: &[u8]) -> String {
    describe(bytes).to_string()
}

#[test]
fn arp_is_said_as_tcpdump_does() {
    let arp = |operation, sender_ipv4, target_ipv4| {
        let packet = ArpEthIpv4Packet { operation, sender_mac: A, sender_ipv4, target_mac: [0; 6], target_ipv4 };
        line(&ethernet([0xff; 6], 0x0806, &packet.to_bytes()))
    };
    assert_eq!(arp(ArpOperation::REQUEST, A4, B4), "arp who-has 10.0.0.2 tell 10.0.0.1");
    assert_eq!(arp(ArpOperation::REPLY, A4, B4), "arp reply 10.0.0.1 is-at 02:00:00:00:00:0a");
    assert_eq!(arp(ArpOperation::REQUEST, A4, A4), "arp announce 10.0.0.1");
    assert_eq!(line(&ethernet([0xff; 6], 0x0806, &[0, 1, 8, 0, 6, 4])), "arp from 02:00:00:00:00:0a (truncated)");
}

#[test]
fn pings_show_their_id_number_and_length() {
    let mut ping = Vec::new();
    let step = PacketBuilder::ethernet2(A, B).ipv4(A4, B4, 64).icmpv4_echo_request(7, 3);
    step.write(&mut ping, &[0; 56]).expect("a vector takes it");
    assert_eq!(line(&ping), "icmp 10.0.0.1 > 10.0.0.2 echo request id 7 seq 3 len 56");
    let reply = Icmpv6Type::EchoReply(etherparse::IcmpEchoHeader { id: 7, seq: 3 });
    assert_eq!(line(&icmp6(reply, &[0; 56])), "icmp6 fe80::1 > fe80::2 echo reply id 7 seq 3 len 56");
}

#[test]
fn neighbour_discovery_shows_whom_it_is_about() {
    let solicitation = icmp6(Icmpv6Type::NeighborSolicitation, &v6(9));
    assert_eq!(line(&solicitation), "icmp6 fe80::1 > fe80::2 neighbor solicitation who-has fe80::9");
    let flags = NeighborAdvertisementHeader { router: false, solicited: true, r#override: true };
    let advertisement = icmp6(Icmpv6Type::NeighborAdvertisement(flags), &v6(9));
    assert_eq!(line(&advertisement), "icmp6 fe80::1 > fe80::2 neighbor advertisement fe80::9");
    let router = Icmpv6Type::Unknown { type_u8: 134, code_u8: 0, bytes5to8: [64, 0, 0x07, 0x08] };
    assert_eq!(line(&icmp6(router, &[0; 8])), "icmp6 fe80::1 > fe80::2 router advertisement lifetime 1800 s");
}

#[test]
fn tcp_shows_flags_numbers_and_payload_length() {
    let mut header = TcpHeader::new(40000, 80, 7, 1024);
    header.syn = true;
    assert_eq!(line(&tcp(header.clone(), &[])), "tcp 10.0.0.1:40000 > 10.0.0.2:80 [S] seq 7 len 0");
    (header.ack, header.acknowledgment_number) = (true, 9);
    assert_eq!(line(&tcp(header.clone(), &[])), "tcp 10.0.0.1:40000 > 10.0.0.2:80 [S.] seq 7 ack 9 len 0");
    (header.syn, header.psh) = (false, true);
    assert_eq!(line(&tcp(header, &[0; 1448])), "tcp 10.0.0.1:40000 > 10.0.0.2:80 [P.] seq 7 ack 9 len 1448");
}

#[test]
fn udp_is_known_by_its_ports() {
    assert_eq!(line(&udp((1000, 2000), b"hello")), "udp 10.0.0.1:1000 > 10.0.0.2:2000 len 5");
    let query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03web\x03lan\0\0\x1c\0\x01";
    assert_eq!(line(&udp((1000, 53), query)), "dns 10.0.0.1:1000 > 10.0.0.2:53 query web.lan AAAA");
    let mut discover = [0; 245];
    discover[28..34].copy_from_slice(&A);
    discover[236..243].copy_from_slice(&[99, 130, 83, 99, 53, 1, 1]);
    let expected = "dhcp 10.0.0.1:68 > 10.0.0.2:67 discover client 02:00:00:00:00:0a";
    assert_eq!(line(&udp((68, 67), &discover)), expected);
}

#[test]
fn a_name_from_the_wire_cannot_command_a_terminal() {
    let query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x05\x1b[31m\0\0\x01\0\x01";
    assert_eq!(line(&udp((1000, 53), query)), "dns 10.0.0.1:1000 > 10.0.0.2:53 query ?[31m A");
}

#[test]
fn vxlan_shows_what_it_carries_and_a_tunnel_in_a_tunnel_is_not_opened() {
    let tunnel = |inner: &[u8]| udp((50000, 4789), &[&[8, 0, 0, 0, 0, 0, 42, 0], inner].concat());
    let inner = udp((1000, 2000), b"hello");
    let once = "vxlan 10.0.0.1 > 10.0.0.2 vni 42";
    assert_eq!(line(&tunnel(&inner)), format!("{once} (udp 10.0.0.1:1000 > 10.0.0.2:2000 len 5)"));
    assert_eq!(line(&tunnel(&tunnel(&inner))), format!("{once} ({once})"));
}

#[test]
fn bridges_talk_is_known_by_destination_and_type() {
    let lldp = ethernet([1, 0x80, 0xc2, 0, 0, 0x0e], 0x88cc, b"\x02\x07\x04\x02\0\0\0\0\x0a\x0a\x05leaf1\0\0");
    assert_eq!(line(&lldp), "lldp from 02:00:00:00:00:0a (leaf1)");
    assert_eq!(line(&ethernet([1, 0x80, 0xc2, 0, 0, 2], 0x8809, &[1, 1, 1, 20])), "lacp from 02:00:00:00:00:0a");
    let mut bpdu = [0; 38];
    bpdu[..3].copy_from_slice(&[0x42, 0x42, 0x03]);
    bpdu[5..6].copy_from_slice(&[2]);
    bpdu[6] = 2;
    bpdu[8..10].copy_from_slice(&[0x80, 0]);
    bpdu[10..16].copy_from_slice(&B);
    bpdu[19] = 4;
    let stp = ethernet([1, 0x80, 0xc2, 0, 0, 0], 38, &bpdu);
    assert_eq!(line(&stp), "rstp from 02:00:00:00:00:0a root 8000.02:00:00:00:00:0b cost 4");
}

#[test]
fn tags_come_first() {
    let mut tagged = udp((1000, 2000), b"hello");
    tagged.splice(12..12, [0x88, 0xa8, 0, 100, 0x81, 0x00, 0x60, 5]);
    assert_eq!(line(&tagged), "vlan 100 vlan 5 udp 10.0.0.1:1000 > 10.0.0.2:2000 len 5");
}

#[test]
fn what_is_unknown_shows_its_type_and_length() {
    assert_eq!(line(&ethernet(B, 0x88b5, &[0; 46])), "02:00:00:00:00:0a > 02:00:00:00:00:0b 0x88b5 46 B");
    let cut = ethernet(B, 0x88b5, &[0; 46]);
    assert_eq!(describe(&cut[..20]).cut_from(60).to_string(), "02:00:00:00:00:0a > 02:00:00:00:00:0b 0x88b5 46 B");
    assert_eq!(line(&[0; 13]), "truncated Ethernet frame, 13 B");
}

#[test]
fn a_fragment_is_not_taken_for_a_datagram() {
    let mut fragment = udp((1000, 2000), &[0; 32]);
    fragment[20..22].copy_from_slice(&[0x20, 0x10]);
    assert_eq!(line(&fragment), "udp 10.0.0.1 > 10.0.0.2 fragment, 40 B");
}

#[test]
fn whatever_was_left_out_by_the_capture_is_nobodys_fault() {
    let frames = [
        (udp((1000, 2000), &[0; 100]), "ip from 02:00:00:00:00:0a, 128 B"),
        (ethernet([0xff; 6], 0x0806, &[0; 46]), "arp from 02:00:00:00:00:0a"),
        (ethernet(B, 0x8100, &[0; 46]), "02:00:00:00:00:0a > 02:00:00:00:00:0b"),
    ];
    for (bytes, expected) in frames {
        assert_eq!(describe(&bytes[..14]).cut_from(bytes.len()).to_string(), expected);
        for kept in 0..bytes.len() {
            let said = describe(&bytes[..kept]).cut_from(bytes.len()).to_string();
            assert!(!said.contains("truncated") && !said.contains("malformed"), "{kept} of {}: {said}", bytes.len());
        }
    }
    assert_eq!(describe(&[0; 8]).cut_from(60).to_string(), "Ethernet frame, 60 B, of which 8 were kept");
}

#[test]
fn a_frame_cut_by_the_capture_is_not_called_truncated_but_one_cut_on_the_wire_is() {
    let whole = tcp(TcpHeader::new(40000, 80, 7, 1024), &[0; 1000]);
    let said = "tcp 10.0.0.1:40000 > 10.0.0.2:80 [none] seq 7 len 1000";
    assert_eq!(describe(&whole[..64]).cut_from(whole.len()).to_string(), said);
    assert_eq!(line(&whole[..64]), format!("{said} (truncated)"));
    assert_eq!(describe(&whole[..40]).cut_from(whole.len()).to_string(), "tcp 10.0.0.1:40000 > 10.0.0.2:80, 1020 B");
}

fn likely() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop_oneof![
        Just(0x0800),
        Just(0x86dd),
        Just(0x0806),
        Just(0x8100),
        Just(0x88e5),
        Just(0x88cc),
        Just(0x8809),
        any::<u16>()
    ];
    let samples = prop_oneof![
        Just(udp((1, 53), &[0; 40])),
        Just(udp((68, 67), &[0; 300])),
        Just(udp((1, 4789), &[8; 90])),
        Just(icmp6(Icmpv6Type::NeighborSolicitation, &v6(9))),
        (kinds, proptest::collection::vec(any::<u8>(), 0..120)).prop_map(|(kind, payload)| ethernet(B, kind, &payload)),
    ];
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8);
    (samples, changes, any::<prop::sample::Index>()).prop_map(|(mut bytes, changes, end)| {
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(end.index(bytes.len() + 1));
        bytes
    })
}

proptest! {
    #[test]
    fn any_bytes_get_one_line_of_plain_text(bytes in prop_oneof![likely(), proptest::collection::vec(any::<u8>(), 0..200)], longer in 0_usize..3000) {
        for said in [line(&bytes), describe(&bytes).cut_from(longer).to_string()] {
            prop_assert!(!said.is_empty() && said.chars().count() < 500, "{said}");
            prop_assert!(!said.chars().any(char::is_control), "{said:?}");
        }
    }
}
