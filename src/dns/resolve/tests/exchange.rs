//! What goes to others, and what comes back.

use super::*;

fn forwarded(bytes: &[u8], transport: Transport) -> Query {
    match resolve(&zone(), &on(&["web"]), bytes, transport, 1) {
        Reply::Forward { query, .. } => query,
        other => panic!("{other:?}"),
    }
}

/// An answer to what was sent, with `padding` bytes of a TXT record.
fn answered(sent: &[u8], rcode: Rcode, padding: u16) -> Vec<u8> {
    let sent = Message::from_octets(sent).unwrap();
    let mut message = MessageBuilder::new_vec().start_answer(&sent, rcode).unwrap();
    let data = domain::base::rdata::UnknownRecordData::from_octets(Rtype::TXT, vec![b'x'; padding.into()]).unwrap();
    let owner = sent.sole_question().unwrap().into_qname().to_vec();
    message.push((owner, Class::IN, domain::base::Ttl::from_secs(5), data)).unwrap();
    message.finish()
}

#[test]
fn what_is_sent_is_the_query_under_another_id_with_all_that_belongs_to_it_and_nothing_more() {
    let whole = query_in("Example.COM", Rtype::HTTPS, Class::IN, Some(1400));
    let with_more = [&whole[..], b"garbage"].concat();
    let sent = forwarded(&with_more, Transport::Udp).to_send(0xabcd);
    assert_eq!(sent[..2], [0xab, 0xcd]);
    assert_eq!(sent[2..], whole[2..]);
}

#[test]
fn only_an_answer_to_the_same_question_under_the_same_id_counts() {
    let query_sent = forwarded(&query("example.com", Rtype::A), Transport::Udp);
    let sent = query_sent.to_send(7);
    let good = answered(&sent, Rcode::NOERROR, 1);
    assert_eq!(query_sent.judge(7, &good), Judgement::Final);
    assert_eq!(query_sent.judge(8, &good), Judgement::Foreign);
    assert_eq!(query_sent.judge(7, &sent), Judgement::Foreign);
    for other in [query("example.org", Rtype::A), query("example.com", Rtype::AAAA), query("b.example.com", Rtype::A)] {
        let mut other = answered(&other, Rcode::NOERROR, 1);
        other[..2].copy_from_slice(&[0, 7]);
        assert_eq!(query_sent.judge(7, &other), Judgement::Foreign);
    }
    for len in 0..sent.len() {
        assert_eq!(query_sent.judge(7, &good[..len]), Judgement::Foreign, "{len} bytes");
    }
}

#[test]
fn a_server_may_spell_the_name_in_another_case_and_the_client_sees_its_own() {
    let query_sent = forwarded(&query("eXample.com", Rtype::A), Transport::Udp);
    let mut answer = answered(&query_sent.to_send(7), Rcode::NOERROR, 1);
    answer[12..29].make_ascii_lowercase();
    assert_eq!(query_sent.judge(7, &answer), Judgement::Final);
    let client = query_sent.to_client(answer);
    let message = Message::from_octets(&client[..]).unwrap();
    assert_eq!((message.header().id(), message.sole_question().unwrap().qname().to_string()), (ID, "eXample.com".to_owned()));
}

#[test]
fn servers_that_fail_or_refuse_give_way_and_all_other_answers_are_final() {
    let query_sent = forwarded(&query("example.com", Rtype::A), Transport::Udp);
    let judge = |rcode| query_sent.judge(7, &answered(&query_sent.to_send(7), rcode, 1));
    assert_eq!(judge(Rcode::SERVFAIL), Judgement::Next(Setback::Failed));
    assert_eq!(judge(Rcode::REFUSED), Judgement::Next(Setback::Refused));
    for rcode in [Rcode::NOERROR, Rcode::NXDOMAIN, Rcode::FORMERR, Rcode::NOTIMP, Rcode::NOTAUTH] {
        assert_eq!(judge(rcode), Judgement::Final, "{rcode}");
    }
}

#[test]
fn an_error_may_come_without_the_question() {
    let query_sent = forwarded(&query("example.com", Rtype::A), Transport::Udp);
    let bare = |rcode: Rcode| [0, 7, 0x81, 0x80 | rcode.to_int(), 0, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(query_sent.judge(7, &bare(Rcode::SERVFAIL)), Judgement::Next(Setback::Failed));
    assert_eq!(query_sent.judge(7, &bare(Rcode::FORMERR)), Judgement::Final);
    assert_eq!(query_sent.judge(7, &bare(Rcode::NOERROR)), Judgement::Foreign);
    assert_eq!(query_sent.judge(7, &bare(Rcode::NXDOMAIN)), Judgement::Foreign);
    let client = query_sent.to_client(bare(Rcode::FORMERR).to_vec());
    assert_eq!((&client[..2], client.len()), (&ID.to_be_bytes()[..], 12));
}

#[test]
fn a_cut_answer_is_known_as_such() {
    let query_sent = forwarded(&query("example.com", Rtype::A), Transport::Tcp);
    let mut answer = answered(&query_sent.to_send(7), Rcode::NOERROR, 1);
    answer[2] |= 0x02;
    assert_eq!(query_sent.judge(7, &answer), Judgement::Truncated);
}

#[test]
fn an_answer_that_is_more_than_the_client_takes_is_cut_and_by_tcp_it_is_not() {
    let cases = [
        (None, 400, Transport::Udp, true),
        (None, 600, Transport::Udp, false),
        (Some(1232), 600, Transport::Udp, true),
        (Some(65_535), 4096, Transport::Udp, false),
        (None, 60_000, Transport::Tcp, true),
    ];
    for (edns, padding, transport, whole) in cases {
        let query_sent = forwarded(&query_in("example.com", Rtype::TXT, Class::IN, edns), transport);
        let answer = answered(&query_sent.to_send(7), Rcode::NOERROR, padding);
        let client = query_sent.to_client(answer.clone());
        let message = Message::from_octets(&client[..]).unwrap();
        assert_eq!(message.header().tc(), !whole, "{edns:?} {padding}");
        assert_eq!(client[2..] == answer[2..], whole);
        assert_eq!(message.sole_question().unwrap().qname().to_string(), "example.com");
        assert_eq!(message.header_counts().ancount(), u16::from(whole));
    }
}

#[test]
fn what_cannot_be_asked_is_answered_with_failure_or_refusal() {
    let query_sent = forwarded(&query_in("example.com", Rtype::A, Class::IN, Some(1232)), Transport::Udp);
    for (bytes, rcode) in [(query_sent.failed(), Rcode::SERVFAIL), (query_sent.refused(), Rcode::REFUSED)] {
        let answer = read(bytes);
        assert_eq!(answer.rcode, rcode);
        assert!(answer.message().opt().is_some());
        assert_eq!(answer.message().sole_question().unwrap().qname().to_string(), "example.com");
    }
}
