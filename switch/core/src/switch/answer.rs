//! What the switch sends back to the port that a frame came from.

use super::Switch;
use crate::neighbour::Reply;
use crate::port::PortId;
use crate::time::Instant;
use crate::too_big::{self, TooBig};
use crate::verdict::Generated;

/// An answer that is decided on and not yet made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer<'a> {
    /// To a packet that does not fit into a tunnel.
    TooBig(TooBig<'a>),
    /// To a question for an address that the switch knows.
    Reply(Reply),
}

impl Answer<'_> {
    pub(crate) fn what(&self) -> Generated {
        match self {
            Self::TooBig(answer) => answer.what(),
            Self::Reply(reply) => reply.what(),
        }
    }
}

impl Switch {
    /// Makes an answer and has it sent on `port`, which is there.
    pub(super) fn answer(&mut self, now: Instant, port: PortId, answer: &Answer<'_>) {
        // The port was there a moment ago.
        let _ = match answer {
            Answer::TooBig(too_big) => {
                self.port_mut(port).into_iter().for_each(|port| port.answers.take(too_big::LIMIT, now, 1));
                self.generate(port, too_big.what(), |out| too_big.write(out))
            }
            Answer::Reply(reply) => self.generate(port, reply.what(), |out| reply.write(out)),
        };
    }
}
