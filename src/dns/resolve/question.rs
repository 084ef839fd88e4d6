//! What is asked: a checked view of a message.

use super::{Ignored, Transport, UDP_MAX, UDP_MIN};
use domain::base::iana::{Class, Opcode, OptRcode, Rcode, Rtype};
use domain::base::name::ToLabelIter;
use domain::base::{Message, ParsedName};

/// Bytes of a header (RFC 1035 §4.1.1).
pub(super) const HEADER: usize = 12;

/// The most records that may follow a question: one for EDNS, one for a signature, and room for what may yet come.
const RECORDS_MAX: u16 = 4;

/// One question of class IN, well formed.
#[derive(Clone, Debug)]
pub(super) struct Question<'q> {
    /// The message, without what may follow its last record.
    pub(super) message: &'q [u8],
    /// As the wire has it.
    pub(super) asked: Asked<'q>,
    /// Its name as text.
    pub(super) name: QName,
    /// What the client says of EDNS, if it does.
    pub(super) edns: Option<Edns>,
}

/// The question as the wire has it.
pub(super) type Asked<'q> = domain::base::Question<ParsedName<&'q [u8]>>;

/// The name that is asked for: labels joined by dots, without the last one. A byte of a label that is not printable ASCII, or a dot
/// or backslash, is written `\DDD`, which no name of ours has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QName {
    text: String,
    labels: usize,
}

/// What an OPT record says (RFC 6891 §6.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edns {
    /// The largest datagram that the client takes, in bytes.
    size: u16,
    version: u8,
    /// Whether it wants signatures.
    pub(super) dnssec_ok: bool,
}

/// Why a message is not such a question.
#[derive(Clone, Debug)]
pub(super) enum Fault<'q> {
    /// Say nothing.
    Ignore(Ignored),
    /// Answer with a header and no more, for the rest cannot be read.
    Header(Rcode),
    /// Answer the question with a refusal.
    Refuse(Box<Question<'q>>, OptRcode),
}

impl<'q> Question<'q> {
    /// Reads `bytes` as far as there is something to know.
    pub(super) fn read(bytes: &'q [u8]) -> Result<Self, Fault<'q>> {
        if bytes.len() < 2 {
            return Err(Fault::Ignore(Ignored::TooShort));
        }
        if bytes.get(2).is_some_and(|flags| flags & 0x80 != 0) {
            return Err(Fault::Ignore(Ignored::Response));
        }
        let malformed = Fault::Header(Rcode::FORMERR);
        let Ok(message) = Message::from_slice(bytes) else { return Err(malformed) };
        if message.header().opcode() != Opcode::QUERY {
            return Err(Fault::Header(Rcode::NOTIMP));
        }
        match Self::parse(message) {
            Some(question) => question.allowed(),
            None => Err(malformed),
        }
    }

    fn parse(message: &'q Message<[u8]>) -> Option<Self> {
        let counts = message.header_counts();
        let alone = counts.qdcount() == 1 && counts.ancount() == 0 && counts.nscount() == 0;
        if !alone || counts.arcount() > RECORDS_MAX {
            return None;
        }
        let asked = message.question().next()?.ok()?;
        // Nothing stands before it that a pointer could mean.
        if asked.qname().is_compressed() {
            return None;
        }
        let mut edns = None;
        let mut records = message.additional().ok()?;
        for record in records.by_ref() {
            let record = record.ok()?;
            if record.rtype() == Rtype::OPT {
                let ttl = record.ttl().as_secs();
                let (version, dnssec_ok) = (ttl.to_be_bytes()[1], ttl & 0x8000 != 0);
                let first = edns.replace(Edns { size: record.class().to_int(), version, dnssec_ok }).is_none();
                // RFC 6891 §6.1.1: more than one is an error.
                if !first {
                    return None;
                }
            }
        }
        let message = message.as_slice().get(..records.pos())?;
        Some(Self { message, name: QName::new(asked.qname()), asked, edns })
    }

    /// Whether such a question is answered at all.
    fn allowed(self) -> Result<Self, Fault<'q>> {
        if self.edns.is_some_and(|edns| edns.version != 0) {
            return Err(Fault::Refuse(Box::new(self), OptRcode::BADVERS));
        }
        let transfer = matches!(self.asked.qtype(), Rtype::AXFR | Rtype::IXFR);
        if transfer || self.asked.qclass() != Class::IN {
            return Err(Fault::Refuse(Box::new(self), Rcode::REFUSED.into()));
        }
        Ok(self)
    }

    /// The most bytes that an answer may have.
    pub(super) fn room(&self, transport: Transport) -> usize {
        match transport {
            Transport::Udp => self.edns.map_or(UDP_MIN, |edns| edns.size.clamp(UDP_MIN, UDP_MAX)).into(),
            Transport::Tcp => u16::MAX.into(),
        }
    }

    /// Where the question ends in the message: its name is not compressed, and type and class follow it.
    pub(super) fn end(&self) -> usize {
        HEADER + usize::from(self.asked.qname().compose_len()) + 4
    }
}

impl QName {
    fn new(name: &ParsedName<&[u8]>) -> Self {
        let mut text = String::new();
        let mut labels = 0;
        for label in name.iter().filter(|label| !label.is_root()) {
            if labels > 0 {
                text.push('.');
            }
            labels += 1;
            for byte in label.as_slice() {
                match char::from(*byte) {
                    plain if plain.is_ascii_graphic() && !matches!(plain, '.' | '\\') => text.push(plain),
                    _ => text.push_str(&format!("\\{byte:03}")),
                }
            }
        }
        Self { text, labels }
    }

    /// As text.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it has one label, and so could be the name of a neighbour.
    pub(super) fn is_single(&self) -> bool {
        self.labels == 1
    }
}
