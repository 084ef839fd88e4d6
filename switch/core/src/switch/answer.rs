//! What the switch sends back to the port that a frame came from. Few frames have an answer, so what decides on one stands apart from
//! what every frame goes through.

use super::ports::Port;
use super::{Suppression, Switch};
use crate::frame::Frame;
use crate::neighbour::Reply;
use crate::port::PortId;
use crate::time::Instant;
use crate::too_big::{self, Silence, TooBig};
use crate::verdict::{EgressFate, FloodKind, Generated, Verdict};

impl Switch {
    /// What a frame with this verdict is answered.
    pub(crate) fn answer_to(&self, now: Instant, from: &Port, frame: &Frame<'_>, verdict: &Verdict) -> Option<Generated> {
        if verdict.is_consumed() {
            return self.reply(now, from, frame).map(|reply| reply.what());
        }
        self.too_big(now, from, frame, &verdict.copies)?.ok().map(|too_big| too_big.what())
    }

    /// Answers a question. Comes before the frame that asks teaches anything.
    #[cold]
    pub(super) fn answer_question(&mut self, now: Instant, port: PortId, frame: &Frame<'_>) {
        let reply = self.port(port).ok().and_then(|from| self.reply(now, from, frame));
        if let Some(reply) = reply {
            self.verdict.answer = Some(reply.what());
            // The port was there a line ago.
            let _ = self.generate(port, reply.what(), |out| reply.write(out));
        }
    }

    /// Answers a packet that does not fit into a tunnel.
    #[cold]
    pub(super) fn answer_too_big(&mut self, now: Instant, port: PortId, frame: &Frame<'_>) {
        let answer = self.port(port).ok().and_then(|from| self.too_big(now, from, frame, &self.verdict.copies));
        if let Some(Ok(too_big)) = answer {
            self.port_mut(port).into_iter().for_each(|from| from.answers.take(too_big::LIMIT, now, 1));
            self.verdict.answer = Some(too_big.what());
            // The port was there a line ago.
            let _ = self.generate(port, too_big.what(), |out| too_big.write(out));
        }
    }

    fn reply(&self, now: Instant, from: &Port, frame: &Frame<'_>) -> Option<Reply> {
        match self.suppression(now, from, frame, FloodKind::of(frame.destination()))? {
            Suppression::Answered { reply, .. } => Some(reply),
            Suppression::Local { .. } => None,
        }
    }

    /// What the sender of a frame is answered that does not fit into a tunnel that it is for, or why nothing; `None` if it fits. Of
    /// several tunnels the smallest says what fits.
    pub(crate) fn too_big<'a>(
        &self,
        now: Instant,
        from: &Port,
        frame: &Frame<'a>,
        copies: &[(PortId, EgressFate)],
    ) -> Option<Result<TooBig<'a>, Silence>> {
        let exceeded = copies.iter().filter(|(_, fate)| *fate != EgressFate::Sent).filter_map(|(to, _)| self.port(*to).ok());
        let mtu = exceeded.filter(|to| to.config.tunnel).map(|to| to.config.mtu).min()?;
        if !from.answers.allows(too_big::LIMIT, now) {
            return Some(Err(Silence::Limit));
        }
        Some(TooBig::new(frame, mtu))
    }
}
