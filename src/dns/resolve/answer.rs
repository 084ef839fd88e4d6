//! Writing answers of our own, into the room that there is.

use super::find::{Addresses, Records, Service};
use super::question::{HEADER, Question};
use super::shuffle::shuffle;
use super::{TTL_SECS, Transport, UDP_MAX};
use domain::base::iana::{Class, OptRcode, Rcode, Rtype};
use domain::base::message_builder::{AdditionalBuilder, AnswerBuilder, PushError};
use domain::base::name::NameBuilder;
use domain::base::rdata::ComposeRecordData;
use domain::base::{Header, MessageBuilder, Name, StaticCompressor, Ttl};
use domain::rdata::{A, Aaaa, Ptr, Srv};

/// What messages are written into: names that were written before become pointers.
type Target = StaticCompressor<Vec<u8>>;

/// Bytes of an OPT record without options.
const OPT: usize = 11;

/// An answer without records.
pub(super) fn empty(question: &Question<'_>, rcode: OptRcode, transport: Transport) -> Vec<u8> {
    Writing::start(question, rcode, transport).finish(|_| Ok(()))
}

/// What `records` has for the question, in the order that `seed` makes: all of it, or as much as fits with TC set (RFC 2181 §9).
pub(super) fn records(question: &Question<'_>, records: Records, transport: Transport, seed: u64) -> Vec<u8> {
    let mut writing = Writing::start(question, Rcode::NOERROR.into(), transport);
    match (question.asked.qtype(), records) {
        (Rtype::A, Records::Addresses(Addresses { mut v4, .. })) => {
            shuffle(&mut v4, seed);
            writing.push_all(v4.into_iter().map(A::new));
        }
        (Rtype::AAAA, Records::Addresses(Addresses { mut v6, .. })) => {
            shuffle(&mut v6, seed);
            writing.push_all(v6.into_iter().map(Aaaa::new));
        }
        (Rtype::PTR, Records::Pointers(names)) => {
            writing.push_all(names.iter().filter_map(|name| encoded(name)).map(Ptr::new));
        }
        (Rtype::SRV, Records::Services(services)) => return services_answer(writing, services, seed),
        (_, Records::Addresses(_) | Records::Pointers(_) | Records::Services(_)) => {}
    }
    writing.finish(|_| Ok(()))
}

/// The targets in the answer, their addresses after it, as far as they fit: they are a courtesy (RFC 2782), so no TC for them.
fn services_answer(mut writing: Writing<'_, '_>, services: Vec<Service>, seed: u64) -> Vec<u8> {
    let targets: Vec<_> = services.into_iter().filter_map(|service| Some((encoded(&service.target)?, service))).collect();
    let offers = targets.iter().flat_map(|(target, service)| service.ports.iter().map(move |port| (target, *port)));
    let mut offers: Vec<_> = offers.collect();
    shuffle(&mut offers, seed);
    writing.push_all(offers.into_iter().map(|(target, port)| Srv::new(0, 0, port, target)));
    writing.finish(|message| {
        targets.iter().try_for_each(|(target, service)| {
            let Addresses { v4, v6 } = &service.addresses;
            v4.iter().try_for_each(|address| message.push((target, Class::IN, ttl(), A::new(*address))))?;
            v6.iter().try_for_each(|address| message.push((target, Class::IN, ttl(), Aaaa::new(*address))))
        })
    })
}

/// A header and nothing else: for a message of at least two bytes, of which the rest may be missing or may not be read.
pub(super) fn header_only(query: &[u8], rcode: Rcode) -> Vec<u8> {
    let mut padded = [0; HEADER];
    let len = query.len().min(HEADER);
    padded[..len].copy_from_slice(&query[..len]);
    let asked = *Header::for_message_slice(&padded);
    let mut answer = vec![0; HEADER];
    set_header(Header::for_message_slice_mut(&mut answer), asked, rcode);
    answer
}

fn set_header(header: &mut Header, asked: Header, rcode: Rcode) {
    header.set_id(asked.id());
    header.set_qr(true);
    header.set_opcode(asked.opcode());
    header.set_rd(asked.rd());
    header.set_ra(true);
    header.set_cd(asked.cd());
    header.set_rcode(rcode);
}

fn ttl() -> Ttl {
    Ttl::from_secs(TTL_SECS)
}

/// A name for the wire; `None` if it has an empty or too long label, or is too long (RFC 1035 §2.3.4): nobody could ask for it either.
fn encoded(name: &str) -> Option<Name<Vec<u8>>> {
    let mut builder = NameBuilder::new_vec();
    for label in name.split('.') {
        if label.is_empty() {
            return None;
        }
        builder.append_label(label.as_bytes()).ok()?;
    }
    builder.into_name().ok()
}

/// A message under way: what is still to come finds room, or the message says that it was cut.
struct Writing<'a, 'q> {
    question: &'a Question<'q>,
    message: AnswerBuilder<Target>,
    rcode: OptRcode,
    room: usize,
    truncated: bool,
}

impl<'a, 'q> Writing<'a, 'q> {
    fn start(question: &'a Question<'q>, rcode: OptRcode, transport: Transport) -> Self {
        let room = question.room(transport);
        let Ok(mut message) = MessageBuilder::from_target(StaticCompressor::new(Vec::with_capacity(512)));
        message.set_push_limit(room - question.edns.map_or(0, |_| OPT));
        set_header(message.header_mut(), *Header::for_message_slice(question.message), rcode.rcode());
        let mut message = message.question();
        let truncated = message.push(question.asked).is_err();
        Self { question, message: message.answer(), rcode, room, truncated }
    }

    /// Adds records under the name that was asked for, until there is no more room.
    fn push_all<D: ComposeRecordData>(&mut self, mut data: impl Iterator<Item = D>) {
        let owner = self.question.asked.qname();
        let pushed = data.try_for_each(|data| self.message.push((owner, Class::IN, ttl(), data)));
        self.truncated |= pushed.is_err();
    }

    /// Adds OPT, if the client knows it (RFC 6891 §7), and what `more` has to say, as far as there is room.
    fn finish(self, more: impl FnOnce(&mut AdditionalBuilder<Target>) -> Result<(), PushError>) -> Vec<u8> {
        let mut message = self.message.additional();
        message.header_mut().set_tc(self.truncated);
        message.set_push_limit(self.room);
        if let Some(edns) = self.question.edns {
            // Its room was kept free.
            let opt = message.opt(|opt| {
                opt.set_udp_payload_size(UDP_MAX);
                opt.set_rcode(self.rcode);
                opt.set_dnssec_ok(edns.dnssec_ok);
                Ok(())
            });
            debug_assert!(opt.is_ok(), "no room for OPT");
        }
        // What does not fit is not missed.
        let _fits = more(&mut message);
        message.finish().into_target()
    }
}
