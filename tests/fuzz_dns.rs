//! Fuzzing of DNS: whatever bytes a sandbox sends, and whatever an upstream answers. Nothing panics, every answer fits and can be
//! read, and no name of ours goes to others.
//!
//! Runs for `LANLOOM_FUZZ_SECS` seconds (2 if unset), and prints how often.

use bolero::{TypeGenerator, check};
use domain::base::iana::{Class, Rtype};
use domain::base::{Message, MessageBuilder, Name};
use domain::rdata::AllRecordData;
use lanloom::dns::resolve::{Forward, From, Judgement, Query, Reply, Transport, Upstream, View, resolve};
use lanloom::dns::zone::{Names, Proto, Zone};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const NAMES: [&str; 14] = [
    "db",
    "many",
    "DB.web",
    "none.web",
    "none.WEB",
    "secret.vault",
    "example.com",
    "printer",
    ".",
    "2.0.1.10.in-addr.arpa",
    "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa",
    "_sql._tcp.db",
    "_sql._tcp.many.web",
    "a.b.c.d.e.f.g",
];

const TYPES: [Rtype; 9] =
    [Rtype::A, Rtype::AAAA, Rtype::PTR, Rtype::SRV, Rtype::MX, Rtype::ANY, Rtype::AXFR, Rtype::OPT, Rtype::from_int(65_280)];

/// What a sandbox sends, and what comes back if it goes to others.
#[derive(Debug, TypeGenerator)]
struct Case {
    sent: Sent,
    edits: [Option<Edit>; 3],
    tcp: bool,
    seed: u64,
    back: Vec<Edit>,
}

#[derive(Debug, TypeGenerator)]
enum Sent {
    Query { name: u8, rtype: u8, edns: Option<u16> },
    Bytes(Vec<u8>),
}

/// What happens to a message on its way.
#[derive(Debug, TypeGenerator)]
enum Edit {
    Set(u8, u8),
    Cut(u8),
    Append(Vec<u8>),
    Double,
}

impl Sent {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            Self::Query { name, rtype, edns } => {
                let name = Name::<Vec<u8>>::from_str(NAMES[usize::from(*name) % NAMES.len()]).expect("a name");
                let mut message = MessageBuilder::new_vec().question();
                message.push((name, TYPES[usize::from(*rtype) % TYPES.len()], Class::IN)).expect("room");
                let mut message = message.additional();
                if let Some(size) = edns {
                    let sized = message.opt(|opt| {
                        opt.set_udp_payload_size(*size);
                        Ok(())
                    });
                    sized.expect("room");
                }
                message.finish()
            }
        }
    }
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Set(at, to) => {
                if let Some(byte) = bytes.get_mut(usize::from(*at)) {
                    *byte = *to;
                }
            }
            Self::Cut(at) => bytes.truncate((*at).into()),
            Self::Append(more) => bytes.extend_from_slice(more),
            Self::Double => bytes.extend_from_within(..),
        }
    }
}

fn zone() -> Zone {
    let names = |name: &str| Names { names: vec![name.to_owned(), "many".to_owned()], ..Names::default() };
    let mut zone = Zone::new();
    let db = Names {
        v4: (0..=255).map(|last| [10, 1, 0, last].into()).collect(),
        v6: vec!["fd00:1::2".parse().expect("an address")],
        services: (0..60).map(|port| ("sql".to_owned(), port, Proto::Tcp)).collect(),
        ..names("db")
    };
    zone.set("web", "e1", db);
    zone.set("web", "e2", Names { v4: vec![[10, 1, 1, 1].into()], ..names(&"x".repeat(70)) });
    zone.set("vault", "e3", names("secret"));
    zone
}

fn view() -> View {
    let upstream = Upstream { address: "192.0.2.53:53".parse().expect("an address"), from: From::Host };
    View { networks: vec!["web".to_owned()], forward: Forward::To(vec![upstream]), ..View::default() }
}

#[test]
fn fuzz_dns() {
    let secs = std::env::var("LANLOOM_FUZZ_SECS").ok().map_or(2, |text| text.parse().expect("a number of seconds"));
    let [executions, answered, forwarded] = [const { AtomicU64::new(0) }; 3];
    let (zone, view) = (zone(), view());
    check!().with_type::<Case>().with_test_time(Duration::from_secs(secs)).for_each(|case| {
        executions.fetch_add(1, Ordering::Relaxed);
        let mut query = case.sent.bytes();
        case.edits.iter().flatten().for_each(|edit| edit.apply(&mut query));
        let transport = if case.tcp { Transport::Tcp } else { Transport::Udp };
        match resolve(&zone, &view, &query, transport, case.seed) {
            Reply::Answer(answer) => {
                answered.fetch_add(1, Ordering::Relaxed);
                check_answer(&query, transport, &answer);
            }
            Reply::Forward { upstreams, query: forward } => {
                forwarded.fetch_add(1, Ordering::Relaxed);
                assert_eq!(upstreams.len(), 1);
                check_forward(&query, transport, &forward, &case.back);
            }
            Reply::Drop(_) => assert!(query.len() < 2 || query[2] & 0x80 != 0, "{query:x?}"),
        }
    });
    let [executions, answered, forwarded] = [executions, answered, forwarded].map(AtomicU64::into_inner);
    println!("dns: {executions} executions ({answered} answered, {forwarded} forwarded) in {secs} s");
    assert!(answered > 0 && forwarded > 0, "both ways were taken");
}

/// The most bytes of an answer.
fn most(query: &[u8], transport: Transport) -> usize {
    match transport {
        Transport::Tcp => 65_535,
        // Without a record after the question there is no EDNS.
        Transport::Udp if query.get(10..12).is_none_or(|count| count == [0, 0]) => 512,
        Transport::Udp => 4096,
    }
}

fn check_answer(query: &[u8], transport: Transport, answer: &[u8]) {
    assert!(answer.len() <= most(query, transport), "{} bytes for {query:x?}", answer.len());
    assert_eq!(answer[..2], query[..2], "the id");
    let message = Message::from_octets(answer).expect("a header");
    assert!(message.header().qr());
    assert!(message.question().all(|question| question.is_ok()), "{answer:x?}");
    for section in [message.answer(), message.authority(), message.additional()] {
        let mut records = section.expect("a section").limit_to::<AllRecordData<_, _>>();
        assert!(records.all(|record| record.is_ok()), "{answer:x?}");
    }
}

fn check_forward(query: &[u8], transport: Transport, forward: &Query, back: &[Edit]) {
    let sent = forward.to_send(0x4321);
    let message = Message::from_octets(&sent[..]).expect("a header");
    let name = message.sole_question().expect("one question").qname().to_string().to_ascii_lowercase();
    let ours = ["db", "many"].contains(&name.as_str()) || name.ends_with(".web") || name == "secret.vault";
    assert!(!ours, "{name} leaves");
    check_answer(query, transport, &forward.failed());
    check_answer(query, transport, &forward.refused());

    let mut answer = sent;
    answer[2] |= 0x80;
    back.iter().for_each(|edit| edit.apply(&mut answer));
    let judgement = forward.judge(0x4321, &answer);
    let client = forward.to_client(answer.clone());
    assert!(client.len() <= most(query, transport), "{} bytes for {query:x?}", client.len());
    assert_eq!(client[..2], query[..2], "the id");
    if judgement != Judgement::Foreign {
        let questions = Message::from_octets(&client[..]).expect("a header").question().filter(Result::is_ok).count();
        assert!(questions <= 1);
    }
}
