//! One question from one sandbox: answered from the zone, to be asked elsewhere, or ignored.
//!
//! It is pure: bytes and a seed in, a [`Reply`] out. It is *not* the server: whom the sandbox may ask comes in as a [`View`], and what
//! is to be forwarded goes out as a [`Query`], which says what to send and what an answer to it is.
//!
//! | asked for | answer |
//! |---|---|
//! | a link of the sandbox, a name on one of its networks, `<name>.<network>` | its addresses of that family, else empty |
//! | `_port._proto.<name>` | SRV, with the addresses of the targets |
//! | the reverse name of an address on one of its networks | PTR to `<name>.<network>.` |
//! | any other type of a known name | empty: it is ours, and nobody else can know more |
//! | another name under one of its networks, or a name on a network of others | NXDOMAIN |
//! | a single label that nobody has, if the user gave `ndots` | empty, so that libc goes on with the search list |
//! | anything else | forwarded, or NXDOMAIN if the sandbox has no way out |
//!
//! "Empty" is NOERROR without records. RFC 1035 is the format, RFC 6891 is EDNS, RFC 2782 is SRV.

mod answer;
mod arpa;
mod exchange;
mod find;
mod question;
mod shuffle;

#[cfg(test)]
mod tests;

pub use exchange::{Judgement, Query, Setback};

use super::zone::Zone;
use domain::base::iana::Rcode;
use find::Found;
use question::{Fault, Question};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What a sandbox may ask, and whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The names of its networks, in the order in which gateways are chosen: the first one with records answers.
    pub networks: Vec<String>,
    /// Names that only this sandbox has for others; they win over all other names. In any case, as names are.
    pub links: Vec<(String, Vec<IpAddr>)>,
    /// Where questions about other names go.
    pub forward: Forward,
    /// Whether the user gave the sandbox an `ndots` other than 0: single labels that nobody has are then not forwarded.
    pub ndots_given: bool,
}

/// Where questions about other names go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Forward {
    /// Nowhere: the sandbox has only internal networks, and no servers of its own.
    #[default]
    Never,
    /// To the first [`UPSTREAMS_MAX`] of these that can be asked, one after the other.
    To(Vec<Upstream>),
}

/// A server that may know what we do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Upstream {
    /// Where it listens, by UDP and TCP.
    pub address: SocketAddr,
    /// From where it is reached.
    pub from: From,
}

/// The network namespace from which a server is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum From {
    /// The host's: servers of the host's own configuration, those on its loopback included.
    Host,
    /// The sandbox's own: servers that the user gave for it.
    Sandbox,
}

/// What carries a question and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams, limited in size.
    Udp,
    /// A stream of messages.
    Tcp,
}

/// What becomes of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Send this back.
    Answer(Vec<u8>),
    /// Ask others: each for at most some seconds, and the next one after a [`Setback`].
    Forward {
        /// Whom, in this order; never empty.
        upstreams: Vec<Upstream>,
        /// What, and what to make of the answer.
        query: Query,
    },
    /// Say nothing.
    Drop(Ignored),
}

/// Why nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// It is too short for an id, so that nobody could tell what an answer belongs to.
    TooShort,
    /// It is itself an answer: to answer it could go on for ever between two servers.
    Response,
}

/// The most upstreams that are asked about one question.
pub const UPSTREAMS_MAX: usize = 3;

/// How long our answers hold, in seconds.
pub const TTL_SECS: u32 = 600;

/// The most bytes that an answer by UDP has, whatever the client would take, and what we say that we take ourselves.
pub const UDP_MAX: u16 = 4096;

/// The most bytes that an answer by UDP has for a client that says nothing (RFC 1035 §4.2.1), and the least that it may say.
pub const UDP_MIN: u16 = 512;

/// Where our servers listen inside the sandboxes: asked as an upstream, it would be ourselves or nobody.
pub const OWN_ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);

/// Answers `query`, which came by `transport`. Every `seed` shuffles answers another way.
///
/// Bounded work: one question and at most four records after it are read.
pub fn resolve(zone: &Zone, view: &View, query: &[u8], transport: Transport, seed: u64) -> Reply {
    let question = match Question::read(query) {
        Ok(question) => question,
        Err(Fault::Ignore(why)) => return Reply::Drop(why),
        Err(Fault::Header(rcode)) => return Reply::Answer(answer::header_only(query, rcode)),
        Err(Fault::Refuse(question, rcode)) => return Reply::Answer(answer::empty(&question, rcode, transport)),
    };
    match find::find(zone, view, &question.name) {
        Found::Records(records) => Reply::Answer(answer::records(&question, records, transport, seed)),
        Found::Missing => Reply::Answer(answer::empty(&question, Rcode::NXDOMAIN.into(), transport)),
        Found::Elsewhere => elsewhere(view, &question, transport),
    }
}

/// A name that is not ours: what is left is to ask others, if the sandbox may.
fn elsewhere(view: &View, question: &Question<'_>, transport: Transport) -> Reply {
    let empty = |rcode: Rcode| Reply::Answer(answer::empty(question, rcode.into(), transport));
    match &view.forward {
        Forward::Never => empty(Rcode::NXDOMAIN),
        Forward::To(_) if view.ndots_given && question.name.is_single() => empty(Rcode::NOERROR),
        Forward::To(upstreams) => {
            let usable = upstreams.iter().filter(|upstream| can_be_asked(upstream.address)).take(UPSTREAMS_MAX);
            let upstreams: Vec<_> = usable.copied().collect();
            if upstreams.is_empty() {
                return empty(Rcode::SERVFAIL);
            }
            Reply::Forward { upstreams, query: Query::new(question, transport) }
        }
    }
}

fn can_be_asked(address: SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    !(ip == OWN_ADDRESS || ip.is_unspecified() || ip.is_multicast() || address.port() == 0)
}
