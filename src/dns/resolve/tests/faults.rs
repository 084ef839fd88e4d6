//! What is no proper question.

use super::*;
use domain::base::iana::Opcode;

fn reply(bytes: &[u8]) -> Reply {
    resolve(&zone(), &on(&["web"]), bytes, Transport::Udp, 1)
}

fn rcode(bytes: &[u8]) -> Rcode {
    let answer = answer_to(&zone(), &on(&["web"]), bytes, Transport::Udp, 1);
    assert!(answer.records.is_empty());
    answer.rcode
}

#[test]
fn answers_are_never_answered() {
    let mut bytes = query("db", Rtype::A);
    bytes[2] |= 0x80;
    assert_eq!(reply(&bytes), Reply::Drop(Ignored::Response));
    assert_eq!(reply(&bytes[..3]), Reply::Drop(Ignored::Response));
}

#[test]
fn without_an_id_nothing_can_be_said_and_with_one_the_fault_is() {
    assert_eq!(reply(&[]), Reply::Drop(Ignored::TooShort));
    assert_eq!(reply(&[0x12]), Reply::Drop(Ignored::TooShort));
    let whole = query("db", Rtype::A);
    for len in 2..whole.len() {
        let Reply::Answer(bytes) = reply(&whole[..len]) else { panic!("{len} bytes have no answer") };
        let message = Message::from_octets(&bytes[..]).unwrap();
        assert_eq!((message.header().id(), message.header().rcode()), (ID, Rcode::FORMERR), "{len} bytes");
        assert_eq!((bytes.len(), message.header_counts().qdcount()), (12, 0), "{len} bytes");
    }
}

#[test]
fn other_opcodes_are_not_implemented() {
    for opcode in [Opcode::IQUERY, Opcode::STATUS, Opcode::NOTIFY, Opcode::UPDATE, Opcode::from_int(15)] {
        let mut bytes = query("db", Rtype::A);
        bytes[2] = bytes[2] & 0x87 | opcode.to_int() << 3;
        let answer = answer_to(&zone(), &on(&["web"]), &bytes, Transport::Udp, 1);
        assert_eq!(answer.rcode, Rcode::NOTIMP, "{opcode}");
        assert_eq!(answer.message().header().opcode(), opcode);
    }
}

#[test]
fn exactly_one_question_is_answered() {
    for questions in [0, 2, 0xff] {
        let mut bytes = query("db", Rtype::A);
        bytes[5] = questions;
        bytes.extend_from_slice(&query("db", Rtype::A)[12..]);
        assert_eq!(rcode(&bytes), Rcode::FORMERR, "{questions} questions");
    }
}

#[test]
fn records_where_a_query_has_none_are_an_error() {
    for (place, most) in [(7, 0), (9, 0), (11, 4)] {
        let mut bytes = query("db", Rtype::A);
        bytes[place] = most + 1;
        for _ in 0..=most {
            bytes.extend_from_slice(&[0, 0, 16, 0, 1, 0, 0, 0, 0, 0, 0]);
        }
        assert_eq!(rcode(&bytes), Rcode::FORMERR, "count at {place}");
    }
}

#[test]
fn a_record_that_ends_too_soon_is_an_error() {
    let whole = query_in("db", Rtype::A, Class::IN, Some(1232));
    for missing in 1..=11 {
        assert_eq!(rcode(&whole[..whole.len() - missing]), Rcode::FORMERR, "{missing} bytes are missing");
    }
}

#[test]
fn names_that_point_anywhere_are_an_error() {
    for pointer in [[0xc0, 12], [0xc0, 0], [0xc0, 14], [0xff, 0xff], [0x80, 0], [0x40, 0]] {
        let mut bytes = query("db", Rtype::A);
        bytes.splice(12..16, pointer);
        assert_eq!(rcode(&bytes), Rcode::FORMERR, "{pointer:x?}");
    }
}

#[test]
fn a_name_that_is_too_long_is_an_error() {
    let mut bytes = query(".", Rtype::A);
    let labels = b"\x01x".repeat(128);
    bytes.splice(12..12, labels);
    assert_eq!(rcode(&bytes), Rcode::FORMERR);
}

#[test]
fn other_classes_are_refused() {
    for class in [Class::CH, Class::HS, Class::ANY, Class::NONE] {
        assert_eq!(rcode(&query_in("db", Rtype::A, class, None)), Rcode::REFUSED, "{class}");
        assert_eq!(rcode(&query_in("version.bind", Rtype::TXT, class, None)), Rcode::REFUSED, "{class}");
    }
}

#[test]
fn transfers_are_refused_whatever_they_are_of() {
    for rtype in [Rtype::AXFR, Rtype::IXFR] {
        for name in ["web", "db", "example.com"] {
            assert_eq!(rcode(&query(name, rtype)), Rcode::REFUSED, "{name} {rtype}");
        }
    }
}

#[test]
fn the_wish_for_recursion_is_repeated() {
    for wish in [false, true] {
        let mut bytes = query("db", Rtype::A);
        bytes[2] = wish.into();
        let answer = answer_to(&zone(), &on(&["web"]), &bytes, Transport::Udp, 1);
        assert_eq!(answer.message().header().rd(), wish);
        assert_eq!(answer.records, ["A 10.1.0.2"]);
    }
}
