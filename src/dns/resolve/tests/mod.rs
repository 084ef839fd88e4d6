//! What is answered, row by row.

mod edns;
mod elsewhere;
mod exchange;
mod faults;
mod names;
mod reverse;
mod services;

use super::*;
use crate::dns::question;
use crate::dns::zone::{Names, Proto};
use domain::base::iana::{Class, Rtype};
use domain::base::{Message, MessageBuilder, ToName};
use domain::rdata::AllRecordData;

/// The id of all queries here.
const ID: u16 = 0x1234;

/// A query with RD for `name` as it is written.
fn query(name: &str, rtype: Rtype) -> Vec<u8> {
    query_in(name, rtype, Class::IN, None)
}

/// A query that says how much it takes.
fn query_in(name: &str, rtype: Rtype, class: Class, edns: Option<u16>) -> Vec<u8> {
    question::query(ID, name, rtype, class, edns)
}

fn names(names: &[&str], v4: &[&str], v6: &[&str]) -> Names {
    Names {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        v4: v4.iter().map(|address| address.parse().unwrap()).collect(),
        v6: v6.iter().map(|address| address.parse().unwrap()).collect(),
        services: Vec::new(),
    }
}

/// `db` and `app` on `web`, `db` on `lab`, `secret` on `vault`.
fn zone() -> Zone {
    let mut zone = Zone::new();
    let mut db = names(&["db", "store", "0123456789ab", "db-host"], &["10.1.0.2"], &["fd00:1::2"]);
    db.services = vec![("sql".to_owned(), 5432, Proto::Tcp), ("gossip".to_owned(), 7946, Proto::Udp)];
    zone.set("web", "e1", db);
    zone.set("web", "e2", names(&["app", "store"], &["10.1.0.3"], &[]));
    zone.set("lab", "e3", names(&["db", "tool.one"], &["10.2.0.2"], &[]));
    zone.set("vault", "e4", names(&["secret"], &["10.3.0.2"], &[]));
    zone
}

fn upstream(address: &str) -> Upstream {
    Upstream { address: address.parse().unwrap(), from: From::Host }
}

/// A sandbox on these networks, with one upstream.
fn on(networks: &[&str]) -> View {
    View {
        networks: networks.iter().map(|network| (*network).to_owned()).collect(),
        forward: Forward::To(vec![upstream("192.0.2.53:53")]),
        ..View::default()
    }
}

/// An answer, read.
#[derive(Debug)]
struct Answer {
    bytes: Vec<u8>,
    rcode: Rcode,
    /// `TYPE DATA` of each record of the answer section.
    records: Vec<String>,
    /// The same, with the name before it, of those after it, without OPT.
    additional: Vec<String>,
}

impl Answer {
    fn message(&self) -> Message<&[u8]> {
        Message::from_octets(&self.bytes[..]).unwrap()
    }
}

fn read(bytes: Vec<u8>) -> Answer {
    let message = Message::from_octets(&bytes[..]).unwrap();
    let header = message.header();
    assert!(header.qr() && header.ra() && !header.aa() && !header.ad(), "{header:?}");
    assert_eq!(header.id(), ID);
    let all = |section: domain::base::message::RecordSection<'_, &[u8]>, named: bool| -> Vec<String> {
        let records =
            section.limit_to::<AllRecordData<_, _>>().map(Result::unwrap).filter(|record| record.rtype() != Rtype::OPT);
        let shown = records.map(|record| {
            assert_eq!((record.class(), record.ttl().as_secs()), (Class::IN, TTL_SECS));
            let name = if named { format!("{} ", record.owner()) } else { String::new() };
            format!("{name}{} {}", record.rtype(), record.data())
        });
        shown.collect()
    };
    let records = all(message.answer().unwrap(), false);
    let additional = all(message.additional().unwrap(), true);
    Answer { rcode: header.rcode(), records, additional, bytes }
}

fn answer_to(zone: &Zone, view: &View, query: &[u8], transport: Transport, seed: u64) -> Answer {
    match resolve(zone, view, query, transport, seed) {
        Reply::Answer(bytes) => read(bytes),
        other => panic!("{other:?}"),
    }
}

/// What a sandbox on `networks` gets: the rcode and the records, in their own order.
fn ask(networks: &[&str], name: &str, rtype: Rtype) -> (Rcode, Vec<String>) {
    let mut answer = answer_to(&zone(), &on(networks), &query(name, rtype), Transport::Udp, 1);
    answer.records.sort_unstable();
    (answer.rcode, answer.records)
}

fn forwards(zone: &Zone, view: &View, name: &str, rtype: Rtype) -> bool {
    matches!(resolve(zone, view, &query(name, rtype), Transport::Udp, 1), Reply::Forward { .. })
}

const EMPTY: (Rcode, Vec<String>) = (Rcode::NOERROR, Vec::new());
const MISSING: (Rcode, Vec<String>) = (Rcode::NXDOMAIN, Vec::new());

fn found(records: &[&str]) -> (Rcode, Vec<String>) {
    (Rcode::NOERROR, records.iter().map(|record| (*record).to_owned()).collect())
}
