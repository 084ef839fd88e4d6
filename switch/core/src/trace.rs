//! A verdict in steps that a person can read, asked for without sending anything.

use crate::fdb::Plan;
use crate::frame::Frame;
use crate::port::{PortId, Vid};
use crate::switch::{LeftOut, NoSuchPort, Port, Suppression, Switch, are_tunnels, filtered_address, left_out};
use crate::time::Instant;
use crate::verdict::{DropReason, EgressFate, Fate, FloodKind, Learned, Verdict};

/// What would become of a frame, and the steps that lead there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// What [`Switch::handle_frame`] would say.
    pub verdict: Verdict,
    /// How it would get there, one sentence a step.
    pub steps: Vec<String>,
}

impl Switch {
    /// What would become of a frame received on `port` now. Changes nothing; `name` says what a person calls a port.
    ///
    /// # Errors
    /// If there is no such port.
    pub fn trace(
        &self,
        now: Instant,
        port: PortId,
        frame: &Frame<'_>,
        name: &dyn Fn(PortId) -> String,
    ) -> Result<Trace, NoSuchPort> {
        let mut copies = Vec::new();
        let (fate, plan) = self.judge(now, port, frame, &mut copies)?;
        let mut verdict = Verdict { fate, copies, learned: plan.map_or(Learned::Nothing, Plan::outcome), answer: None };
        verdict.answer = self.answer_to(now, self.port(port)?, frame, &verdict);
        let steps = Teller { switch: self, now, port, frame, name, verdict: &verdict }.steps()?;
        Ok(Trace { verdict, steps })
    }
}

impl Plan {
    /// What [`crate::Fdb`] answers when the plan is carried out.
    pub(crate) fn outcome(self) -> Learned {
        match self {
            Self::Refresh(_) => Learned::Refreshed,
            Self::Move { from, .. } => Learned::Moved(from),
            Self::Insert { .. } => Learned::New,
            Self::Held(port) => Learned::Held(port),
            Self::Full => Learned::Full,
            Self::Refused => Learned::Nothing,
        }
    }
}

/// Puts the steps into words.
struct Teller<'a> {
    switch: &'a Switch,
    now: Instant,
    port: PortId,
    frame: &'a Frame<'a>,
    name: &'a dyn Fn(PortId) -> String,
    verdict: &'a Verdict,
}

impl Teller<'_> {
    fn steps(&self) -> Result<Vec<String>, NoSuchPort> {
        let from = self.switch.port(self.port)?;
        let mut steps = vec![self.received(from.config.up, from.link_up)];
        if from.is_up() {
            self.decided(from, &mut steps)?;
        }
        steps.push(self.end());
        Ok(steps)
    }

    fn decided(&self, from: &Port, steps: &mut Vec<String>) -> Result<(), NoSuchPort> {
        let refusal = self.switch.refusal(from, self.frame);
        if let (true, Some(guard)) = (self.frame.source().is_valid_source(), &from.config.guard) {
            let answer = refusal.map_or_else(|| "passes".to_owned(), |refusal| refusal.words(self.name));
            steps.push(format!("guard of {} ({guard}): {answer}", self.name(self.port)));
            if refusal.is_some() {
                return Ok(());
            }
        }
        steps.push(self.source(from.config.learning));
        if self.frame.source().is_valid_source() && !self.is(DropReason::FdbPortLimit) {
            steps.push(self.destination());
            if let Some(answered) = self.answered(from) {
                steps.push(answered);
                return Ok(());
            }
            steps.extend(self.kept_out());
            self.flooded_ports(steps)?;
            steps.extend(self.too_big(from));
        }
        Ok(())
    }

    fn received(&self, up: bool, link_up: bool) -> String {
        let state = match (up, link_up) {
            (true, true) => "up",
            (false, _) => "set down",
            (true, false) => "down: its link carries nothing",
        };
        let size = match self.frame.segments() {
            1 => format!("{} bytes", self.frame.whole_len()),
            segments => format!("{} bytes, {segments} frames on the wire", self.frame.whole_len()),
        };
        format!("received on {} ({state}): {size}", self.name(self.port))
    }

    fn source(&self, learning: bool) -> String {
        let source = self.frame.source();
        if !source.is_valid_source() {
            return format!("source {source} is no station's address");
        }
        if !learning {
            return format!("source {source}: {} does not learn", self.name(self.port));
        }
        let outcome = match self.verdict.learned {
            Learned::Nothing => "one address more than the port may hold".to_owned(),
            Learned::New => format!("new, learned on {}", self.name(self.port)),
            Learned::Refreshed => format!("known on {}, refreshed", self.name(self.port)),
            Learned::Moved(from) => format!("moves from {} to {}", self.name(from), self.name(self.port)),
            Learned::Held(holder) => format!("stays on {}, where it is set", self.name(holder)),
            Learned::Full => "not learned: no place in the filtering database".to_owned(),
        };
        format!("source {source}: {outcome}")
    }

    fn destination(&self) -> String {
        let destination = self.frame.destination();
        if destination.is_broadcast() {
            return "destination is broadcast: flood".to_owned();
        }
        if let Some(digit) = destination.reserved() {
            let rule = if digit == 0 { "passes, as no spanning tree runs here" } else { "passes only opened ports" };
            return format!("destination {destination} is reserved (802.1D Table 7-10): {rule}");
        }
        if destination.is_group() {
            return format!("destination {destination} is a group: flood");
        }
        if destination == self.frame.source() && self.verdict.learned.is_here() {
            return format!("destination {destination} is the source itself, on {}", self.name(self.port));
        }
        match self.switch.fdb.entry(Vid::NONE, destination, self.now) {
            Some(entry) if entry.is_static => format!("destination {destination} is set on {}", self.name(entry.port)),
            Some(entry) => {
                format!("destination {destination} is on {}, last seen {} s ago", self.name(entry.port), entry.age_secs)
            }
            None => format!("destination {destination} is unknown: flood"),
        }
    }

    fn flooded_ports(&self, steps: &mut Vec<String>) -> Result<(), NoSuchPort> {
        let Some(kind) = self.flood_kind() else { return Ok(()) };
        let from = self.switch.port(self.port)?;
        let (reserved, local) = (filtered_address(self.frame), self.local(from));
        for to in self.switch.ports() {
            let why = match left_out(from, to, kind, reserved, self.frame) {
                None => match &local {
                    Some(why) if to.suppresses() => why.clone(),
                    Some(_) | None => continue,
                },
                Some(LeftOut::Ingress) => continue,
                Some(LeftOut::Down) => "down".to_owned(),
                Some(LeftOut::Reserved) => "not opened for this address".to_owned(),
                Some(LeftOut::Isolated) => "both ports are isolated".to_owned(),
                Some(LeftOut::Tunnels) => "both ports are tunnels".to_owned(),
                Some(LeftOut::Segment) => {
                    let (own, other) = (to.config.segment, from.config.segment);
                    format!("a tunnel for segment {own}, and {} is of segment {other}", self.name(from.id))
                }
                Some(LeftOut::Foreign) => to.keeps_out(self.frame).map(|refusal| refusal.words(self.name)).unwrap_or_default(),
                Some(LeftOut::FloodOff) => "its flood switch is off".to_owned(),
            };
            steps.push(format!("{} is left out: {why}", self.name(to.id)));
        }
        Ok(())
    }

    /// What becomes of a question that would go into a suppressing tunnel.
    fn suppression(&self, from: &Port) -> Option<Suppression> {
        self.switch.suppression(self.now, from, self.frame, self.flood_kind()?)
    }

    /// How the switch knows what the frame asks for, if it does.
    fn answered(&self, from: &Port) -> Option<String> {
        let Suppression::Answered { reply, heard } = self.suppression(from)? else { return None };
        let known = match heard {
            Some((tunnel, age)) => format!("behind {}, heard {age} s ago", self.name(tunnel)),
            None => "set by hand".to_owned(),
        };
        let (target, name) = (reply.asks.target, self.name(self.port));
        Some(format!("{target} is at {} ({known}): answered to {name}: {}", reply.mac, reply.what()))
    }

    /// Whose port here has the address that the frame asks for.
    fn local(&self, from: &Port) -> Option<String> {
        let Suppression::Local { address, owner } = self.suppression(from)? else { return None };
        Some(format!("{address} is an address of {}", self.name(owner)))
    }

    /// Why the one port that leads to the destination does not take the frame, if it and the ingress port are tunnels or it is a
    /// gateway's.
    fn kept_out(&self) -> Option<String> {
        if self.frame.destination().is_group() || !self.is(DropReason::Isolated) {
            return None;
        }
        let to = self.switch.whereabouts(self.now, self.port, self.frame, self.verdict.learned.is_here())?;
        let (from, at) = (self.switch.port(self.port).ok()?, self.switch.port(to).ok()?);
        if are_tunnels(from, at) {
            return Some(format!("{} and {} are both tunnels", self.name(self.port), self.name(to)));
        }
        let refusal = at.keeps_out(self.frame)?;
        Some(format!("guard of {} (gateway): {}", self.name(to), refusal.words(self.name)))
    }

    /// What the sender hears of a tunnel that the frame does not fit into.
    fn too_big(&self, from: &Port) -> Option<String> {
        let answer = self.switch.too_big(self.now, from, self.frame, &self.verdict.copies)?;
        let (name, len) = (self.name(self.port), self.frame.wire_payload());
        Some(match answer {
            Ok(answer) => {
                format!("{len} bytes do not fit the tunnel: answered to {name}: {}, MTU {}", answer.what(), answer.mtu())
            }
            Err(why) => format!("{len} bytes do not fit the tunnel: not answered ({})", why.words()),
        })
    }

    fn flood_kind(&self) -> Option<FloodKind> {
        let destination = self.frame.destination();
        if destination.is_broadcast() {
            Some(FloodKind::Broadcast)
        } else if destination.is_group() {
            Some(FloodKind::Multicast)
        } else {
            let at = self.switch.whereabouts(self.now, self.port, self.frame, self.verdict.learned.is_here());
            at.is_none().then_some(FloodKind::Unknown)
        }
    }

    fn end(&self) -> String {
        match self.verdict.fate {
            Fate::Dropped(reason) => return format!("dropped: {reason} ({})", reason.meaning()),
            Fate::Consumed(why) => return format!("consumed: {} ({})", why.name(), why.meaning()),
            Fate::Forwarded | Fate::Flooded(_) => {}
        }
        let copies = self.verdict.copies.iter().map(|(to, fate)| match fate {
            EgressFate::Sent => self.name(*to),
            EgressFate::Dropped(reason) => format!("{} dropped: {reason}", self.name(*to)),
        });
        format!("sent to {}", copies.collect::<Vec<_>>().join(", "))
    }

    fn is(&self, reason: DropReason) -> bool {
        self.verdict.fate == Fate::Dropped(reason)
    }

    fn name(&self, port: PortId) -> String {
        (self.name)(port)
    }
}
