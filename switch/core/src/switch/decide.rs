//! The pure half of a decision (7.7): where a frame goes, and why not elsewhere.

use super::ports::Port;
use super::{Answer, NoSuchPort, Suppression, Switch};
use crate::fdb::{Plan, Share};
use crate::frame::Frame;
use crate::port::{PortId, Vid};
use crate::time::Instant;
use crate::too_big::{self, Silence, TooBig};
use crate::verdict::{Consumed, DropReason, EgressFate, Fate, FloodKind};

/// Why a flood leaves a port out. None of these is a drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LeftOut {
    Ingress,
    Down,
    /// A tunnel, and what is asked for is not behind it.
    Suppressed,
    Reserved,
    Isolated,
    /// Both are tunnels, whose peers hear each other without us.
    Tunnels,
    /// A tunnel that is for another segment.
    Segment,
    /// A gateway that lets nothing of other networks through.
    Foreign,
    FloodOff,
}

/// What the pure half of a decision says, beside the copies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Judgement<'a> {
    pub(crate) fate: Fate,
    /// What would be learned.
    pub(crate) plan: Option<Plan>,
    /// What would be sent back.
    pub(crate) answer: Option<Answer<'a>>,
}

impl Judgement<'_> {
    fn dropped(reason: DropReason) -> Self {
        Self { fate: Fate::Dropped(reason), plan: None, answer: None }
    }
}

impl Switch {
    /// The pure half of [`Switch::handle_frame`].
    pub(crate) fn judge<'a>(
        &self,
        now: Instant,
        port: PortId,
        frame: &Frame<'a>,
        copies: &mut Vec<(PortId, EgressFate)>,
    ) -> Result<Judgement<'a>, NoSuchPort> {
        let from = self.port(port)?;
        if !from.is_up() {
            return Ok(Judgement::dropped(DropReason::PortDown));
        }
        let (source, destination) = (frame.source(), frame.destination());
        if !source.is_valid_source() {
            return Ok(Judgement::dropped(DropReason::SourceInvalid));
        }
        if let Some(refusal) = self.refusal(from, frame) {
            return Ok(Judgement::dropped(refusal.reason()));
        }
        let share = Share { limit: from.config.fdb_limit, drops: from.config.fdb_limit_drops };
        let plan = from.config.learning.then(|| self.fdb.plan(Vid::NONE, source, port, share, now));
        let (fate, reply) = if plan == Some(Plan::Refused) {
            (Fate::Dropped(DropReason::FdbPortLimit), None)
        } else if destination.is_group() {
            let kind = if destination.is_broadcast() { FloodKind::Broadcast } else { FloodKind::Multicast };
            self.flood(now, from, frame, kind, copies)
        } else {
            match self.whereabouts(now, port, frame, plan.is_some_and(|plan| plan.outcome().is_here())) {
                Some(to) => (self.forward(from, to, frame, copies), None),
                None => self.flood(now, from, frame, FloodKind::Unknown, copies),
            }
        };
        let too_big = || self.too_big(now, from, frame, copies).and_then(Result::ok).map(Answer::TooBig);
        Ok(Judgement { fate, plan, answer: reply.or_else(too_big) })
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

    /// The port that leads to an individual destination. The frame's own source, `learned` from it just now, is on `port`
    /// although the database does not say so yet.
    pub(crate) fn whereabouts(&self, now: Instant, port: PortId, frame: &Frame<'_>, learned: bool) -> Option<PortId> {
        if learned && frame.destination() == frame.source() {
            return Some(port);
        }
        self.fdb.lookup(Vid::NONE, frame.destination(), now)
    }

    fn forward(&self, from: &Port, to: PortId, frame: &Frame<'_>, copies: &mut Vec<(PortId, EgressFate)>) -> Fate {
        if to == from.id {
            return Fate::Dropped(DropReason::SamePort);
        }
        let Ok(to) = self.port(to) else { return Fate::Dropped(DropReason::PortDown) };
        if !to.is_up() {
            return Fate::Dropped(DropReason::PortDown);
        }
        if kept_apart(from, to).is_some() || to.keeps_out(frame).is_some() {
            return Fate::Dropped(DropReason::Isolated);
        }
        copies.push((to.id, egress_fate(to, frame)));
        Fate::Forwarded
    }

    fn flood(
        &self,
        now: Instant,
        from: &Port,
        frame: &Frame<'_>,
        kind: FloodKind,
        copies: &mut Vec<(PortId, EgressFate)>,
    ) -> (Fate, Option<Answer<'static>>) {
        match self.suppression(now, from, frame, kind) {
            Some(Suppression::Answered { reply, .. }) => (Fate::Consumed(Consumed::Answered), Some(Answer::Reply(reply))),
            Some(Suppression::Local { .. }) => (self.flood_to(now, from, frame, kind, true, copies), None),
            None => (self.flood_to(now, from, frame, kind, false, copies), None),
        }
    }

    /// Floods a frame, `only_here` without the tunnels that suppress.
    fn flood_to(
        &self,
        now: Instant,
        from: &Port,
        frame: &Frame<'_>,
        kind: FloodKind,
        only_here: bool,
        copies: &mut Vec<(PortId, EgressFate)>,
    ) -> Fate {
        let reserved = filtered_address(frame);
        if reserved.is_some_and(|digit| !is_open(from, digit)) {
            return Fate::Dropped(DropReason::ReservedAddress);
        }
        let mut setting = None;
        for to in self.ports() {
            let suppressed = || (only_here && to.suppresses()).then_some(LeftOut::Suppressed);
            match left_out(from, to, kind, reserved, frame).or_else(suppressed) {
                None => copies.push((to.id, egress_fate(to, frame))),
                Some(why) => setting = setting.max(Some(why)),
            }
        }
        if copies.is_empty() {
            return Fate::Dropped(match setting {
                Some(LeftOut::FloodOff) => DropReason::FloodOff,
                Some(LeftOut::Isolated | LeftOut::Tunnels | LeftOut::Segment | LeftOut::Foreign) => DropReason::Isolated,
                Some(LeftOut::Reserved) => DropReason::ReservedAddress,
                Some(LeftOut::Down | LeftOut::Ingress | LeftOut::Suppressed) | None => DropReason::NoDestination,
            });
        }
        if from.config.storm.is_some_and(|limit| !from.storm.allows(limit, now)) {
            copies.clear();
            return Fate::Dropped(DropReason::Storm);
        }
        Fate::Flooded(kind)
    }
}

/// Why a flood from one port leaves another out, if it does.
pub(crate) fn left_out(from: &Port, to: &Port, kind: FloodKind, reserved: Option<u8>, frame: &Frame<'_>) -> Option<LeftOut> {
    let takes = match kind {
        FloodKind::Broadcast => to.config.bcast_flood,
        FloodKind::Multicast => to.config.mcast_flood,
        FloodKind::Unknown => to.config.flood,
    };
    if to.id == from.id {
        Some(LeftOut::Ingress)
    } else if !to.is_up() {
        Some(LeftOut::Down)
    } else if reserved.is_some_and(|digit| !is_open(to, digit)) {
        Some(LeftOut::Reserved)
    } else if let Some(why) = kept_apart(from, to) {
        Some(why)
    } else if to.config.tunnel && to.config.segment != from.config.segment {
        Some(LeftOut::Segment)
    } else if to.keeps_out(frame).is_some() {
        Some(LeftOut::Foreign)
    } else if !takes {
        Some(LeftOut::FloodOff)
    } else {
        None
    }
}

/// Why nothing at all goes from one port to another, if so.
pub(crate) fn kept_apart(from: &Port, to: &Port) -> Option<LeftOut> {
    if from.config.isolated && to.config.isolated {
        Some(LeftOut::Isolated)
    } else if from.config.tunnel && to.config.tunnel {
        Some(LeftOut::Tunnels)
    } else {
        None
    }
}

/// The last digit of a destination that is filtered unless a port is opened for it: 01-80-C2-00-00-01…0F. The first of the
/// sixteen passes as long as this switch runs no spanning tree, so that neighbours that run one see their loops.
pub(crate) fn filtered_address(frame: &Frame<'_>) -> Option<u8> {
    frame.destination().reserved().filter(|digit| *digit != 0)
}

fn is_open(port: &Port, digit: u8) -> bool {
    port.config.reserved_open & (1 << digit) != 0
}

fn egress_fate(to: &Port, frame: &Frame<'_>) -> EgressFate {
    if frame.wire_payload() > to.config.mtu { EgressFate::Dropped(DropReason::MtuExceeded) } else { EgressFate::Sent }
}
