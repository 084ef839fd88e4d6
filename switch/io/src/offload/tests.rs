//! Handmade frames, one by one. What holds for all frames is in `tests/offload_properties.rs`, what Linux makes of the same
//! super-frames in `tests/offload_kernel.rs`.

use super::*;
use crate::buffer::{Batch, FRAME_MAX};
use crate::vnet::Gso;
use lanloom_switch_core::DropReason;

const TAG: [u8; 4] = [0x81, 0, 0, 7];

/// A TCP/IPv4 super-frame with `payload` bytes, FIN, PSH, ACK and CWR set, id 0xffff, and sequence number 0xffff_fff0.
fn tcp4(payload: usize) -> (Vec<u8>, VnetHeader) {
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    bytes.extend([0x45, 0]);
    bytes.extend((40 + payload as u16).to_be_bytes());
    bytes.extend([0xff, 0xff, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend([0x12, 0x34, 0, 80, 0xff, 0xff, 0xff, 0xf0, 0, 0, 0, 1, 0x50, 0x99, 1, 0]);
    // 10.0.0.1, 10.0.0.2 and TCP, then the length.
    let pseudo = 0x0a00 + 1 + 0x0a00 + 2 + 6 + 20 + payload as u32;
    bytes.extend(((pseudo & 0xffff) as u16 + (pseudo >> 16) as u16).to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend((0..payload).map(|at| at as u8));
    let gso = Gso { kind: GsoKind::Tcp4, size: 100, ecn: true };
    (bytes, VnetHeader { checksum: Checksum::Partial { start: 34, offset: 16 }, gso: Some(gso), header_len: 54 })
}

/// A UDP/IPv6 super-frame with a hop-by-hop header in front of UDP.
fn udp6(payload: u16) -> (Vec<u8>, VnetHeader) {
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd, 0x60, 0, 0, 0];
    bytes.extend((16 + payload).to_be_bytes());
    bytes.extend([0, 64]);
    bytes.extend([0; 30]);
    bytes.extend([0, 1]);
    bytes.extend([17, 0, 1, 4, 0, 0, 0, 0, 0, 53, 0, 53]);
    bytes.extend((8 + payload).to_be_bytes());
    bytes.extend((1 + 17 + 8 + payload).to_be_bytes());
    bytes.extend(vec![9; usize::from(payload)]);
    let gso = Gso { kind: GsoKind::Udp, size: 100, ecn: false };
    (bytes, VnetHeader { checksum: Checksum::Partial { start: 62, offset: 6 }, gso: Some(gso), header_len: 0 })
}

fn segments(bytes: &[u8], vnet: &VnetHeader) -> Vec<Vec<u8>> {
    let mut cutter = Cutter::new(bytes, vnet).expect("a sound super-frame");
    let mut out = vec![0; FRAME_MAX];
    std::iter::from_fn(|| cutter.next_into(&mut out).map(|len| out[..len].to_vec())).collect()
}

fn at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_be_bytes([bytes[offset], bytes[offset + 1]])
}

/// What `check` says after `change` to a sound super-frame.
fn checked(frame: (Vec<u8>, VnetHeader), change: impl FnOnce(&mut Vec<u8>, &mut VnetHeader)) -> Result<Shape, DropReason> {
    let (mut bytes, mut vnet) = frame;
    change(&mut bytes, &mut vnet);
    let shape = check(&bytes, &vnet);
    assert_eq!(Cutter::new(&bytes, &vnet).map(|cutter| cutter.shape()), shape, "check and Cutter agree");
    shape
}

fn sized(size: u16) -> impl FnOnce(&mut Vec<u8>, &mut VnetHeader) {
    move |_, vnet| vnet.gso.as_mut().expect("a super-frame").size = size
}

const LIE: Result<Shape, DropReason> = Err(DropReason::Malformed);

#[test]
fn a_plain_frame_is_as_long_as_it_is_and_thirteen_bytes_are_none() {
    assert_eq!(check(&[0; 60], &VnetHeader::default()), Ok(Shape { segments: 1, wire_len: 60 }));
    assert_eq!(check(&[0; 13], &VnetHeader::default()), LIE);
}

#[test]
fn a_partial_checksum_lies_inside_the_frame_and_behind_its_tags() {
    let partial = |start, offset| VnetHeader { checksum: Checksum::Partial { start, offset }, ..VnetHeader::default() };
    // Of an EtherType for experiments (IEEE 802, 9.2.4): nobody knows where its checksum is.
    let mut bytes = [0; 60];
    bytes[12..14].copy_from_slice(&[0x88, 0xb5]);
    assert!(check(&bytes, &partial(14, 0)).is_ok());
    assert!(check(&bytes, &partial(50, 8)).is_ok());
    for (start, offset) in [(13, 20), (0, 0), (50, 9), (60, 0), (0xffff, 0xffff), (14, 45)] {
        assert_eq!(check(&bytes, &partial(start, offset)), LIE, "{start}+{offset}");
    }
    bytes[12..18].copy_from_slice(&[&TAG[..], &[0x88, 0xb5]].concat());
    assert_eq!(check(&bytes, &partial(14, 0)), LIE, "it would change the VLAN");
    assert!(check(&bytes, &partial(18, 0)).is_ok());
}

/// Frames with a length where others have their EtherType: a BPDU (IEEE 802.1D, 9.2), the same behind a tag, an ARP packet by SNAP
/// (IEEE 802, 9.5), and one with the longest length that is no type.
fn by_llc() -> [(&'static str, Vec<u8>); 4] {
    let frame = |head: &[u8]| [&[1, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 0, 1], head, &[0; 60]].concat();
    [
        ("a BPDU", frame(&[0, 38, 0x42, 0x42, 3])),
        ("a BPDU behind a tag", frame(&[&TAG[..], &[0, 38, 0x42, 0x42, 3]].concat())),
        ("ARP by SNAP", frame(&[0, 36, 0xaa, 0xaa, 3, 0, 0, 0, 8, 6])),
        ("what has no type yet", frame(&[5, 0xff])),
    ]
}

#[test]
fn a_partial_checksum_is_in_no_field_that_a_guard_looks_at() {
    let checked = |bytes: &[u8], start: u16, offset: u16| {
        check(bytes, &VnetHeader { checksum: Checksum::Partial { start, offset }, ..VnetHeader::default() })
    };
    let arp = [&[0xff; 6][..], &[2, 0, 0, 0, 0, 1, 8, 6], &[0; 46]].concat();
    for start in 14..50 {
        assert_eq!(checked(&arp, start, 0), LIE, "byte {start} of an ARP packet");
    }
    for (start, offset) in (12..59).flat_map(|start| (0..4).map(move |offset| (start, offset))) {
        for (what, frame) in by_llc() {
            assert_eq!(checked(&frame, start, offset), LIE, "{start}+{offset} of {what}");
        }
    }
    let (tcp, _) = tcp4(100);
    let (udp, _) = udp6(100);
    // IPv4 in 14..34, TCP in 34..54; IPv6 in 14..54, an extension header in 54..62, UDP in 62..70.
    for (bytes, l4, own, inside) in [(&tcp, 34, 16, 54), (&udp, 62, 6, 70)] {
        assert!(checked(bytes, l4, own).is_ok() && checked(bytes, inside, 0).is_ok(), "its own, and a tunnel's");
        let shifted = (14..inside).flat_map(|start| (0..20).map(move |offset| (start, offset)));
        for (start, offset) in shifted.filter(|at| *at != (l4, own)) {
            assert_eq!(checked(bytes, start, offset), LIE, "{start}+{offset}");
        }
    }
    // The same as ICMP and ICMPv6: their own, and nothing further inside, where the addresses of neighbours are.
    let (mut icmp, mut icmpv6) = (tcp.clone(), udp.clone());
    (icmp[23], icmpv6[54]) = (1, 58);
    for (bytes, l4) in [(&icmp, 34), (&icmpv6, 62)] {
        assert!(checked(bytes, l4, 2).is_ok());
        for (start, offset) in [(l4, 8), (l4 + 8, 0), (l4 + 2, 0), (l4 - 2, 4)] {
            assert_eq!(checked(bytes, start, offset), LIE, "{start}+{offset}");
        }
    }
    let (mut first, mut first_of_v6) = (tcp, udp);
    first[20] |= 0x20;
    first_of_v6[20] = 44;
    assert_eq!(checked(&first, 34, 16), LIE, "of a fragment");
    assert_eq!(checked(&first_of_v6, 62, 6), LIE, "of a fragment");
}

#[test]
fn a_super_frame_has_as_many_segments_as_its_payload_fills() {
    for (payload, segments, wire_len) in [(250, 3, 154), (200, 2, 154), (99, 1, 153), (0, 1, 54)] {
        let (bytes, vnet) = tcp4(payload);
        assert_eq!(check(&bytes, &vnet), Ok(Shape { segments, wire_len }), "{payload}");
    }
    let (bytes, vnet) = udp6(201);
    assert_eq!(check(&bytes, &vnet), Ok(Shape { segments: 3, wire_len: 170 }));
}

#[test]
fn tags_in_front_are_seen_and_repeated() {
    for tags in [1, 2] {
        let (mut bytes, vnet) = tcp4(150);
        for _ in 0..tags {
            bytes.splice(12..12, TAG);
        }
        let vnet = vnet.shifted(4 * tags);
        let cut = segments(&bytes, &vnet);
        let tag_len = 4 * tags as usize;
        assert_eq!(cut.iter().map(Vec::len).collect::<Vec<_>>(), [154 + tag_len, 104 + tag_len]);
        assert!(cut.iter().all(|segment| segment[..14 + tag_len] == bytes[..14 + tag_len]));
    }
}

#[test]
fn a_kind_that_is_not_that_of_the_outer_packet_is_a_lie() {
    for kind in [GsoKind::Tcp6, GsoKind::Udp] {
        assert_eq!(checked(tcp4(250), |_, vnet| vnet.gso.as_mut().expect("a super-frame").kind = kind), LIE, "{kind:?}");
    }
    assert_eq!(checked(udp6(250), |_, vnet| vnet.gso.as_mut().expect("a super-frame").kind = GsoKind::Tcp6), LIE);
    assert_eq!(checked(tcp4(250), |bytes, _| bytes[12] = 9), LIE, "not IP");
    assert_eq!(checked(tcp4(250), |bytes, _| bytes[23] = 4), LIE, "a tunnel");
    assert_eq!(checked(tcp4(250), |bytes, _| bytes[14] = 0x65), LIE, "not version 4");
}

#[test]
fn a_partial_checksum_elsewhere_than_in_the_layer_that_is_cut_is_a_lie() {
    for (start, offset) in [(34, 6), (33, 17), (14, 36), (0xffff, 16)] {
        assert_eq!(checked(tcp4(250), |_, vnet| vnet.checksum = Checksum::Partial { start, offset }), LIE);
    }
    assert_eq!(checked(udp6(250), |_, vnet| vnet.checksum = Checksum::Valid), LIE, "Linux refuses it too");
}

#[test]
fn lengths_that_are_not_the_frames_are_lies_but_zero_is_how_linux_writes_too_long() {
    assert_eq!(checked(tcp4(250), |bytes, _| bytes.push(0)), LIE);
    assert_eq!(checked(tcp4(250), |bytes, _| bytes[17] ^= 1), LIE);
    assert!(checked(tcp4(250), |bytes, _| bytes[16..18].fill(0)).is_ok());
    assert_eq!(checked(udp6(250), |bytes, _| bytes[19] ^= 1), LIE);
    assert!(checked(udp6(250), |bytes, _| bytes[18..20].fill(0)).is_ok());
    assert_eq!(checked(udp6(250), |bytes, _| bytes[67] ^= 1), LIE, "UDP's own length");
}

#[test]
fn fragments_and_headers_cut_short_are_no_super_frames() {
    assert_eq!(checked(tcp4(250), |bytes, _| bytes[20] = 0x20), LIE, "more fragments");
    assert_eq!(checked(tcp4(250), |bytes, _| bytes[21] = 1), LIE, "a later fragment");
    assert_eq!(checked(udp6(250), |bytes, _| bytes[20] = 44), LIE, "a fragment header");
    assert_eq!(checked(tcp4(250), |bytes, _| bytes[14] = 0x44), LIE, "IPv4 header of 16 bytes");
    assert_eq!(checked(tcp4(250), |bytes, _| bytes[46] = 0x40), LIE, "TCP header of 16 bytes");
    assert_eq!(checked(tcp4(1), |bytes, _| bytes[46] = 0x60), LIE, "options behind the end");
    for (bytes, vnet) in [tcp4(0), udp6(0)] {
        for len in 0..bytes.len() {
            assert_eq!(check(&bytes[..len], &vnet), LIE, "{len} bytes");
        }
    }
}

#[test]
fn sizes_that_linux_never_makes_are_refused() {
    assert_eq!(checked(tcp4(250), sized(0)), LIE);
    assert_eq!(checked(tcp4(60_000), sized(7)), LIE);
    assert_eq!(checked(tcp4(60_000), sized(8)), Ok(Shape { segments: 7_500, wire_len: 62 }));
    assert_eq!(checked(tcp4(60_000), sized(0xffff)), Ok(Shape { segments: 1, wire_len: 60_054 }));
    assert_eq!(checked(udp6(128), sized(1)), Ok(Shape { segments: 128, wire_len: 71 }));
    assert_eq!(checked(udp6(129), sized(1)), LIE);
    assert_eq!(checked(udp6(0), sized(0)), LIE);
}

#[test]
fn extension_headers_may_not_fill_the_frame() {
    let (mut bytes, vnet) = udp6(4000);
    bytes[55] = 255;
    assert_eq!(check(&bytes, &vnet), LIE);
}

#[test]
fn a_segment_longer_than_a_slot_is_refused() {
    let (mut bytes, mut vnet) = tcp4(65_482);
    sized(0xffff)(&mut bytes, &mut vnet);
    assert!(check(&bytes, &vnet).is_ok());
    bytes.splice(12..12, TAG);
    assert_eq!(check(&bytes, &vnet.shifted(4)), Err(DropReason::Oversize));
}

#[test]
fn tcp_segments_count_on_and_keep_each_flag_where_it_belongs() {
    let (bytes, vnet) = tcp4(250);
    let cut = segments(&bytes, &vnet);
    assert_eq!(cut.iter().map(|segment| at(segment, 16)).collect::<Vec<_>>(), [140, 140, 90], "total length");
    assert_eq!(cut.iter().map(|segment| at(segment, 18)).collect::<Vec<_>>(), [0xffff, 0, 1], "identification");
    assert_eq!(cut.iter().map(|segment| at(segment, 40)).collect::<Vec<_>>(), [0xfff0, 0x54, 0xb8], "sequence number");
    assert_eq!(cut.iter().map(|segment| segment[47]).collect::<Vec<_>>(), [0x90, 0x10, 0x19], "flags");
    assert_eq!(cut.iter().flat_map(|segment| &segment[54..]).collect::<Vec<_>>(), bytes[54..].iter().collect::<Vec<_>>());
}

#[test]
fn udp_datagrams_have_their_own_lengths_and_repeat_extension_headers() {
    let (bytes, vnet) = udp6(201);
    let cut = segments(&bytes, &vnet);
    assert_eq!(cut.iter().map(|segment| at(segment, 18)).collect::<Vec<_>>(), [116, 116, 17], "payload length");
    assert_eq!(cut.iter().map(|segment| at(segment, 66)).collect::<Vec<_>>(), [108, 108, 9], "UDP length");
    assert!(cut.iter().all(|segment| segment[20..62] == bytes[20..62]));
}

#[test]
fn tcp_without_a_partial_checksum_is_summed_anew() {
    let (mut bytes, mut vnet) = tcp4(250);
    let cut = segments(&bytes, &vnet);
    vnet.checksum = Checksum::Valid;
    bytes[50..52].fill(0xee);
    assert_eq!(segments(&bytes, &vnet), cut);
}

#[test]
fn a_full_batch_is_filled_again_where_it_stopped() {
    let (bytes, vnet) = tcp4(950);
    let mut cutter = Cutter::new(&bytes, &vnet).expect("a sound super-frame");
    let mut batch = Batch::new(4);
    let mut all = Vec::new();
    for filled in [4, 4, 2, 0] {
        batch.clear();
        assert_eq!((cutter.fill(&mut batch), batch.len()), (filled, filled));
        assert!((0..filled).all(|slot| batch.descriptor(slot).vnet == VnetHeader::default()), "nothing is left to do");
        all.extend((0..filled).map(|slot| batch.bytes(slot).to_vec()));
    }
    assert!(cutter.is_done());
    assert_eq!(all, segments(&bytes, &vnet));
}

#[test]
fn a_segment_that_does_not_fit_is_still_to_come() {
    let (bytes, vnet) = tcp4(150);
    let mut cutter = Cutter::new(&bytes, &vnet).expect("a sound super-frame");
    assert_eq!(cutter.next_into(&mut [0; 153]), None);
    assert_eq!(cutter.next_into(&mut [0; 154]), Some(154));
}

#[test]
fn finishing_sums_from_the_start_on_and_never_writes_zero() {
    let mut odd = [9, 9, 0, 0, 2, 3, 4];
    finish(&mut odd, Checksum::Partial { start: 2, offset: 0 });
    assert_eq!(odd, [9, 9, !6, !3, 2, 3, 4], "0x0203 + 0x0400");
    let mut zero = [0xff, 0xff, 0, 0];
    finish(&mut zero, Checksum::Partial { start: 0, offset: 2 });
    assert_eq!(zero, [0xff; 4]);
}

#[test]
fn finishing_leaves_alone_what_is_not_partial_or_not_inside() {
    for checksum in [
        Checksum::Complete,
        Checksum::Valid,
        Checksum::Partial { start: 5, offset: 0 },
        Checksum::Partial { start: 2, offset: 1 },
        Checksum::Partial { start: 0, offset: 0xffff },
    ] {
        let mut bytes = [1, 2, 3, 4];
        finish(&mut bytes, checksum);
        assert_eq!(bytes, [1, 2, 3, 4], "{checksum:?}");
    }
}

#[test]
fn a_link_gets_what_it_takes_and_the_rest_is_done_for_it() {
    let (_, tcp) = tcp4(250);
    let partial = VnetHeader { gso: None, ..tcp };
    let valid = VnetHeader { checksum: Checksum::Valid, ..tcp };
    let (_, udp) = udp6(250);
    let no_uso = Offloads { uso: false, ..Offloads::ALL };
    let only_checksum = Offloads { checksum: true, ..Offloads::NONE };
    for (vnet, offloads, expected) in [
        (VnetHeader::default(), Offloads::NONE, Need::Nothing),
        (partial, Offloads::NONE, Need::Finish),
        (partial, only_checksum, Need::Nothing),
        (tcp, Offloads::NONE, Need::Cut),
        (tcp, only_checksum, Need::Cut),
        (tcp, Offloads { checksum: false, ..Offloads::ALL }, Need::Cut),
        (tcp, no_uso, Need::Nothing),
        (udp, no_uso, Need::Cut),
        (udp, Offloads::ALL, Need::Nothing),
        (valid, Offloads { checksum: false, ..Offloads::ALL }, Need::Cut),
        (valid, Offloads::NONE, Need::Cut),
        (valid, Offloads::ALL, Need::Unfinish),
    ] {
        assert_eq!(need(&vnet, offloads), expected, "{vnet:?} to {offloads:?}");
    }
}
