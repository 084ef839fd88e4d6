//! What the switch sends back to the port that a frame came from.

use super::Switch;
use crate::port::PortId;
use crate::time::Instant;
use crate::too_big::{self, TooBig};
use crate::verdict::Generated;

/// An answer that is decided on and not yet made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer<'a> {
    /// To a packet that does not fit into a tunnel.
    TooBig(TooBig<'a>),
}

impl Answer<'_> {
    pub(crate) fn what(&self) -> Generated {
        match self {
            Self::TooBig(answer) => answer.what(),
        }
    }
}

impl Switch {
    /// Makes an answer and has it sent on `port`, which is there.
    pub(super) fn answer(&mut self, now: Instant, port: PortId, answer: &Answer<'_>) {
        match answer {
            Answer::TooBig(too_big) => {
                if let Ok(port) = self.port_mut(port) {
                    port.answers.take(too_big::LIMIT, now, 1);
                }
                // The port was there a line ago.
                let _ = self.generate(port, too_big.what(), |out| too_big.write(out));
            }
        }
    }
}
