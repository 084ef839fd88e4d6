//! The pure half of a decision (7.7): where a frame goes, and why not elsewhere.

use super::ports::Port;
use super::{NoSuchPort, Suppression, Switch};
use crate::fdb::{Plan, Share};
use crate::frame::Frame;
use crate::port::{PortId, Vid};
use crate::time::Instant;
use crate::verdict::{Consumed, DropReason, EgressFate, Fate, FloodKind};

/// Why a flood leaves a port out. None of these is a drop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LeftOut {
    Ingress,
    Down,
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

impl Switch {
    /// The pure half of [`Switch::handle_frame`]: fate, copies, and what would be learned.
    pub(crate) fn judge(
        &self,
        now: Instant,
        port: PortId,
        frame: &Frame<'_>,
        copies: &mut Vec<(PortId, EgressFate)>,
    ) -> Result<(Fate, Option<Plan>), NoSuchPort> {
        let from = self.port(port)?;
        if !from.is_up() {
            return Ok((Fate::Dropped(DropReason::PortDown), None));
        }
        let (source, destination) = (frame.source(), frame.destination());
        if !source.is_valid_source() {
            return Ok((Fate::Dropped(DropReason::SourceInvalid), None));
        }
        if let Some(refusal) = self.refusal(from, frame) {
            return Ok((Fate::Dropped(refusal.reason()), None));
        }
        let share = Share { limit: from.config.fdb_limit, drops: from.config.fdb_limit_drops };
        let plan = from.config.learning.then(|| self.fdb.plan(Vid::NONE, source, port, share, now));
        let fate = if plan == Some(Plan::Refused) {
            Fate::Dropped(DropReason::FdbPortLimit)
        } else if destination.is_group() {
            self.flood(now, from, frame, FloodKind::of(destination), copies)
        } else {
            match self.whereabouts(now, port, frame, plan.is_some_and(|plan| plan.outcome().is_here())) {
                Some(to) => self.forward(from, to, frame, copies),
                None => self.flood(now, from, frame, FloodKind::Unknown, copies),
            }
        };
        Ok((fate, plan))
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
        let apart = (from.config.isolated && to.config.isolated) || are_tunnels(from, to);
        if apart || to.keeps_out(frame).is_some() {
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
    ) -> Fate {
        let reserved = filtered_address(frame);
        if reserved.is_some_and(|digit| !is_open(from, digit)) {
            return Fate::Dropped(DropReason::ReservedAddress);
        }
        let only_here = match self.suppression(now, from, frame, kind) {
            Some(Suppression::Answered { .. }) => return Fate::Consumed(Consumed::Answered),
            Some(Suppression::Local { .. }) => true,
            None => false,
        };
        let mut setting = None;
        for to in self.ports() {
            match left_out(from, to, kind, reserved, frame) {
                None => copies.push((to.id, egress_fate(to, frame))),
                Some(why) => setting = setting.max(Some(why)),
            }
        }
        if only_here {
            copies.retain(|(to, _)| !self.port(*to).is_ok_and(Port::suppresses));
        }
        if copies.is_empty() {
            return Fate::Dropped(match setting {
                Some(LeftOut::FloodOff) => DropReason::FloodOff,
                Some(LeftOut::Isolated | LeftOut::Tunnels | LeftOut::Segment | LeftOut::Foreign) => DropReason::Isolated,
                Some(LeftOut::Reserved) => DropReason::ReservedAddress,
                Some(LeftOut::Down | LeftOut::Ingress) | None => DropReason::NoDestination,
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
    } else if from.config.isolated && to.config.isolated {
        Some(LeftOut::Isolated)
    } else if to.config.tunnel && (from.config.tunnel || to.config.segment != from.config.segment) {
        Some(if from.config.tunnel { LeftOut::Tunnels } else { LeftOut::Segment })
    } else if to.keeps_out(frame).is_some() {
        Some(LeftOut::Foreign)
    } else if !takes {
        Some(LeftOut::FloodOff)
    } else {
        None
    }
}

/// Whether two ports are tunnels, whose peers hear each other without us.
pub(crate) fn are_tunnels(from: &Port, to: &Port) -> bool {
    from.config.tunnel && to.config.tunnel
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
