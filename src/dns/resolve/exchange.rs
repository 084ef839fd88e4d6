//! A question that goes to others: what to send, whether what comes back is an answer to it, and what to give to the client.

use super::answer;
use super::question::{HEADER, Question};
use super::{Transport, UDP_MAX};
use domain::base::iana::{Opcode, Rcode};
use domain::base::{Header, HeaderCounts};

/// A question on its way to others. EDNS and whatever else follows the question goes along as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    bytes: Vec<u8>,
    /// Where the question ends.
    end: usize,
    room: usize,
    transport: Transport,
    /// What the client gets if nobody answers.
    servfail: Vec<u8>,
}

/// What a message from an upstream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// No answer to this question: somebody guesses, or it is late. Go on waiting.
    Foreign,
    /// The server cannot or will not: ask the next one.
    Next(Setback),
    /// It was cut. By TCP there is more.
    Truncated,
    /// The answer, whatever it says: NXDOMAIN as well.
    Final,
}

/// Why the next server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setback {
    /// SERVFAIL: it tried and could not.
    Failed,
    /// REFUSED: it does not want to.
    Refused,
}

impl Query {
    pub(super) fn new(question: &Question<'_>, transport: Transport) -> Self {
        Self {
            bytes: question.message.to_vec(),
            end: question.end(),
            room: question.room(transport),
            transport,
            servfail: answer::empty(question, Rcode::SERVFAIL.into(), transport),
        }
    }

    /// What carried it here.
    pub fn transport(&self) -> Transport {
        self.transport
    }

    /// The message for an upstream, under an id of ours that nobody can guess (RFC 5452 §4.3).
    pub fn to_send(&self, id: u16) -> Vec<u8> {
        let mut message = self.bytes.clone();
        Header::for_message_slice_mut(&mut message).set_id(id);
        message
    }

    /// What `message` is, which came back from where the query was sent under `id`. As servers may, it may have the name in another
    /// case, or no question if it is an error.
    pub fn judge(&self, id: u16, message: &[u8]) -> Judgement {
        if message.len() < HEADER {
            return Judgement::Foreign;
        }
        let (header, counts) = (Header::for_message_slice(message), HeaderCounts::for_message_slice(message));
        let same_question = match counts.qdcount() {
            0 => matches!(header.rcode(), Rcode::FORMERR | Rcode::SERVFAIL | Rcode::NOTIMP | Rcode::REFUSED),
            1 => self.has_question(message),
            _ => false,
        };
        if !(header.qr() && header.id() == id && header.opcode() == Opcode::QUERY && same_question) {
            return Judgement::Foreign;
        }
        match header.rcode() {
            Rcode::SERVFAIL => Judgement::Next(Setback::Failed),
            Rcode::REFUSED => Judgement::Next(Setback::Refused),
            _ if header.tc() => Judgement::Truncated,
            _ => Judgement::Final,
        }
    }

    /// Names have lengths below 64 and no pointers here, so that letters alone change with case.
    fn has_question(&self, message: &[u8]) -> bool {
        let (ours, theirs) = (&self.bytes[HEADER..self.end], message.get(HEADER..self.end));
        let split = ours.len() - 4;
        theirs.is_some_and(|theirs| ours[..split].eq_ignore_ascii_case(&theirs[..split]) && ours[split..] == theirs[split..])
    }

    /// What the client gets for an upstream's answer that was judged to be one: under its own id and spelling, and by UDP no more
    /// than it takes.
    pub fn to_client(&self, mut message: Vec<u8>) -> Vec<u8> {
        if message.len() < HEADER {
            return self.failed();
        }
        let questions = HeaderCounts::for_message_slice(&message).qdcount();
        let question = message.get_mut(HEADER..self.end).filter(|_| questions == 1);
        let end = if question.is_some() { self.end } else { HEADER };
        if let Some(question) = question {
            question.copy_from_slice(&self.bytes[HEADER..self.end]);
        }
        Header::for_message_slice_mut(&mut message).set_id(Header::for_message_slice(&self.bytes).id());
        if message.len() > self.room {
            cut(&mut message, end);
        }
        message
    }

    /// What the client gets if nobody answered: SERVFAIL.
    pub fn failed(&self) -> Vec<u8> {
        self.servfail.clone()
    }

    /// What the client gets if too much is asked at once: REFUSED.
    pub fn refused(&self) -> Vec<u8> {
        let mut answer = self.servfail.clone();
        Header::for_message_slice_mut(&mut answer).set_rcode(Rcode::REFUSED);
        answer
    }

    /// Bytes that an upstream's datagram may have. What is longer counts as cut.
    pub fn datagram_max(&self) -> usize {
        UDP_MAX.into()
    }
}

/// Leaves the header and, if it goes on to `end`, the question: with TC set and without records.
fn cut(message: &mut Vec<u8>, end: usize) {
    message.truncate(end);
    Header::for_message_slice_mut(message).set_tc(true);
    let mut counts = HeaderCounts::new();
    counts.set_qdcount((end > HEADER).into());
    message[4..HEADER].copy_from_slice(counts.as_slice());
}
