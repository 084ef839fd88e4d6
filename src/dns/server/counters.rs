//! What a server has done, in numbers.

use crate::dns::resolve::{Reply, Transport};
use std::sync::atomic::{AtomicU64, Ordering};

/// Turns the list of counters into atomics that count and numbers that are read.
macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident)*) => {
        /// What a server has done since it was started.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        #[derive(Debug, Default)]
        pub(super) struct Counters {
            $(pub(super) $name: AtomicU64,)*
        }

        impl Counters {
            pub(super) fn read(&self) -> Counts {
                Counts { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }
    };
}

counters! {
    /// Messages that came in by UDP.
    udp_queries
    /// Messages that came in by TCP.
    tcp_queries
    /// Queries that were answered without asking others.
    answered
    /// Queries that went to upstreams and came back with an answer.
    forwarded
    /// Queries that no upstream answered: the client got SERVFAIL.
    failed
    /// Queries above the limit of those under way at once: the client got REFUSED.
    refused
    /// Messages that were no well-formed query: the client got FORMERR, its connection was closed, or nothing could be said.
    malformed
    /// Messages that were answers, or came from the server itself or from a server's port: nothing was said.
    reflected
    /// Messages from upstreams that answered no query of ours: forged, or too late.
    foreign
    /// TCP connections that were taken.
    connections
    /// TCP connections that were closed, or not taken, because there were too many.
    crowded_out
    /// Errors of our own sockets.
    socket_errors
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a query and what is decided about it.
    pub(super) fn query(&self, transport: Transport, reply: &Reply) {
        use crate::dns::resolve::Ignored;
        Self::add(match transport {
            Transport::Udp => &self.udp_queries,
            Transport::Tcp => &self.tcp_queries,
        });
        match reply {
            Reply::Answer(message) if is_formerr(message) => Self::add(&self.malformed),
            Reply::Answer(_) => Self::add(&self.answered),
            // Counted by what comes of it.
            Reply::Forward { .. } => {}
            Reply::Drop(Ignored::TooShort) => Self::add(&self.malformed),
            Reply::Drop(Ignored::Response) => Self::add(&self.reflected),
        }
    }
}

/// RFC 1035 §4.1.1: the lower four bits of the fourth byte are 1.
fn is_formerr(message: &[u8]) -> bool {
    message.get(3).is_some_and(|byte| byte & 0x0f == 1)
}
