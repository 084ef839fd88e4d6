//! What holds for every super-frame, and for every frame that only pretends to be one. Checksums are held against etherparse.

mod offload_frames;

use etherparse::{NetSlice, SlicedPacket, TransportSlice};
use lanloom_switch_io::offload::{Cutter, MAX_UDP_SEGMENTS, MIN_TCP_SIZE, Shape, check, finish};
use lanloom_switch_io::vnet::VnetHeader;
use offload_frames::{Recipe, segments};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

/// Super-frames that Linux could make, up to 64 KiB.
fn recipes() -> impl Strategy<Value = Recipe> {
    let tags = prop_oneof![
        Just(vec![]),
        any::<u8>().prop_map(|vid| vec![[0x81, 0, 0x20, vid]]),
        any::<u8>().prop_map(|vid| vec![[0x88, 0xa8, 0, 9], [0x81, 0, 0, vid]]),
    ];
    let kind = (any::<bool>(), any::<bool>(), tags, 0usize..=10, 0usize..=10);
    let fields = (any::<u8>(), any::<bool>(), any::<bool>(), any::<u16>(), any::<u32>(), any::<u8>());
    let lengths = prop_oneof![(0usize..2000, 1u16..300), (0usize..60_000, 500u16..), (63_000usize..=65_200, 1000u16..1500)];
    (kind, fields, lengths).prop_map(|(kind, fields, (payload, size))| {
        let (ipv6, udp, tags, ip_options, tcp_options) = kind;
        let (tcp_flags, ecn, dont_fragment, id, sequence, seed) = fields;
        let least = if udp { payload.div_ceil(MAX_UDP_SEGMENTS).max(1) as u16 } else { MIN_TCP_SIZE };
        let payload = payload.min(65_200 - 16 * ip_options);
        let size = size.max(least);
        Recipe { ipv6, udp, tags, ip_options, tcp_options, tcp_flags, ecn, dont_fragment, id, sequence, payload, size, seed }
    })
}

/// The payload of a frame whose checksums and lengths are all right, as etherparse sees it.
fn sound_payload(bytes: &[u8]) -> &[u8] {
    let packet = SlicedPacket::from_ethernet(bytes).expect("etherparse reads it");
    let (v4, v6) = match &packet.net {
        Some(NetSlice::Ipv4(ip)) => {
            let header = ip.header().to_header();
            assert_eq!(header.header_checksum, header.calc_header_checksum(), "IPv4 header checksum");
            assert_eq!(usize::from(header.total_len), bytes.len() - network_start(&packet), "total length");
            (Some((header.source, header.destination)), None)
        }
        Some(NetSlice::Ipv6(ip)) => {
            let header = ip.header().to_header();
            assert_eq!(usize::from(header.payload_length), bytes.len() - network_start(&packet) - 40, "payload length");
            (None, Some((header.source, header.destination)))
        }
        other => panic!("neither IPv4 nor IPv6 but {other:?}"),
    };
    match &packet.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            let (header, payload) = (tcp.to_header(), tcp.payload());
            let expected = match (v4, v6) {
                (Some((source, destination)), _) => header.calc_checksum_ipv4_raw(source, destination, payload),
                (_, Some((source, destination))) => header.calc_checksum_ipv6_raw(source, destination, payload),
                _ => unreachable!("one of both"),
            };
            // The two zeros of ones' complement mean the same.
            assert_eq!(header.checksum % 0xffff, expected.expect("short enough") % 0xffff, "TCP checksum");
            payload
        }
        Some(TransportSlice::Udp(udp)) => {
            let (header, payload) = (udp.to_header(), udp.payload());
            let expected = match (v4, v6) {
                (Some((source, destination)), _) => header.calc_checksum_ipv4_raw(source, destination, payload),
                (_, Some((source, destination))) => header.calc_checksum_ipv6_raw(source, destination, payload),
                _ => unreachable!("one of both"),
            };
            assert_eq!(header.checksum, expected.expect("short enough"), "UDP checksum");
            assert_ne!(header.checksum, 0, "0 would mean none");
            assert_eq!(usize::from(header.length), 8 + payload.len(), "UDP length");
            payload
        }
        other => panic!("neither TCP nor UDP but {other:?}"),
    }
}

fn network_start(packet: &SlicedPacket<'_>) -> usize {
    14 + 4 * packet.vlan_ids().len()
}

/// Whatever `check` let through can be cut, into as many frames as it said, none longer than it said.
fn cutting_keeps_what_check_promised(bytes: &[u8], vnet: &VnetHeader) -> Result<(), TestCaseError> {
    let shape = check(bytes, vnet);
    if vnet.gso.is_none() {
        let mut copy = bytes.to_vec();
        finish(&mut copy, vnet.checksum);
        return Ok(());
    }
    let cutter = Cutter::new(bytes, vnet);
    prop_assert_eq!(cutter.as_ref().map(Cutter::shape).map_err(|reason| *reason), shape);
    let (Ok(mut cutter), Ok(Shape { segments, wire_len })) = (cutter, shape) else { return Ok(()) };
    let mut out = vec![0; wire_len as usize];
    let lengths: Vec<usize> = std::iter::from_fn(|| cutter.next_into(&mut out)).collect();
    prop_assert_eq!(lengths.len(), segments as usize);
    prop_assert_eq!(lengths.iter().max().copied(), Some(wire_len as usize));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..ProptestConfig::default()
    })]

    #[test]
    fn segments_put_together_give_the_payload_back_and_all_their_checksums_are_right(recipe in recipes()) {
        let (bytes, vnet) = recipe.build();
        let headers = recipe.headers_len();
        let wire_len = headers + recipe.payload.min(usize::from(recipe.size));
        let count = recipe.payload.div_ceil(usize::from(recipe.size)).max(1);
        prop_assert_eq!(check(&bytes, &vnet), Ok(Shape { segments: count as u32, wire_len: wire_len as u32 }));
        let cut = segments(&bytes, &vnet);
        prop_assert_eq!(cut.len(), count);
        let whole: Vec<u8> = cut.iter().flat_map(|segment| sound_payload(segment)).copied().collect();
        prop_assert_eq!(whole, &bytes[headers..]);
    }

    #[test]
    fn tcp_counts_on_and_flags_stay_where_they_belong(recipe in recipes()) {
        let recipe = Recipe { udp: false, size: recipe.size.max(MIN_TCP_SIZE), ..recipe };
        let (bytes, vnet) = recipe.build();
        let cut = segments(&bytes, &vnet);
        let mut sequence = recipe.sequence;
        for (at, segment) in cut.iter().enumerate() {
            let (first, last) = (at == 0, at + 1 == cut.len());
            let packet = SlicedPacket::from_ethernet(segment).expect("etherparse reads it");
            let Some(TransportSlice::Tcp(tcp)) = packet.transport else { panic!("TCP stays TCP") };
            prop_assert_eq!(tcp.sequence_number(), sequence);
            sequence = sequence.wrapping_add(tcp.payload().len() as u32);
            let cleared = if last { 0 } else { 0x09 } | if first { 0 } else { 0x80 };
            prop_assert_eq!(tcp.slice()[13], recipe.tcp_flags & !cleared);
            if let Some(NetSlice::Ipv4(ip)) = packet.net {
                prop_assert_eq!(ip.header().identification(), recipe.id.wrapping_add(at as u16));
            }
        }
    }

    #[test]
    fn a_finished_checksum_is_right_for_plain_frames_and_whole_super_frames(recipe in recipes()) {
        let (mut bytes, vnet) = recipe.build();
        let plain = check(&bytes, &VnetHeader { gso: None, ..vnet });
        prop_assert_eq!(plain, Ok(Shape { segments: 1, wire_len: bytes.len() as u32 }));
        finish(&mut bytes, vnet.checksum);
        let headers = recipe.headers_len();
        prop_assert_eq!(sound_payload(&bytes), &bytes[headers..]);
    }

    #[test]
    fn no_bytes_and_no_header_make_it_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200), header in any::<[u8; 12]>(),
    ) {
        if let Ok(vnet) = VnetHeader::parse(&header) {
            cutting_keeps_what_check_promised(&bytes, &vnet)?;
        }
    }

    #[test]
    fn a_super_frame_with_a_few_bytes_changed_is_refused_or_cut_as_promised(
        recipe in recipes(), changes in prop::collection::vec((0usize..140, any::<u8>()), 1..4), len in prop::option::of(0usize..200),
    ) {
        let (mut bytes, vnet) = recipe.build();
        let mut header = vnet.emit();
        for (at, value) in changes {
            // One in seven changes hits the virtio-net header.
            let target = if at < 20 { header.get_mut(at) } else { bytes.get_mut(at - 20) };
            if let Some(byte) = target {
                *byte = value;
            }
        }
        bytes.truncate(len.unwrap_or(usize::MAX));
        if let Ok(vnet) = VnetHeader::parse(&header) {
            cutting_keeps_what_check_promised(&bytes, &vnet)?;
        }
    }
}
