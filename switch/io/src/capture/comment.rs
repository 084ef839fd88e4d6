//! A verdict in words.

use super::record::{Origin, PortNames, Record};
use lanloom_switch_core::{DropReason, EgressFate, Fate, FloodKind, Learned, PortId};
use std::fmt;

/// Ports that are named one by one before the rest is counted.
const NAMED: usize = 16;

/// What became of a frame and why, like `p1 → p3 · learned 02:00:00:00:00:0a on p1`.
#[derive(Clone, Copy, Debug)]
pub struct Comment<'a> {
    record: &'a Record<'a>,
    names: &'a PortNames,
    brief: bool,
}

impl<'a> Comment<'a> {
    /// The words for `record`, by the ports' `names`.
    pub fn new(record: &'a Record<'a>, names: &'a PortNames) -> Self {
        Self { record, names, brief: false }
    }

    /// The same without what was learned and without the size of a super-frame.
    pub fn brief(record: &'a Record<'a>, names: &'a PortNames) -> Self {
        Self { record, names, brief: true }
    }
}

impl fmt::Display for Comment<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.names.name(self.record.port);
        let fate = match self.record.origin {
            Origin::Received { fate, .. } => fate,
            Origin::Generated(what) => {
                write!(out, "generated: {what} → {at}")?;
                return self.record.drop_reason().map_or(Ok(()), |reason| write!(out, " dropped: {reason}"));
            }
        };
        match (fate, self.record.copies) {
            (Fate::Dropped(reason), _) => write!(out, "{at} dropped: {reason}")?,
            (Fate::Consumed(why), _) => write!(out, "{at} consumed: {}", why.name())?,
            (Fate::Forwarded, [(to, EgressFate::Dropped(reason))]) => {
                write!(out, "{at} → {} dropped: {reason}", self.names.name(*to))?;
                return write!(out, "{}", Notes(self));
            }
            (Fate::Forwarded, _) => write!(out, "{at} → {}", self.targets())?,
            (Fate::Flooded(kind), _) => write!(out, "{at} → flood {} ({})", self.targets(), flood_name(kind))?,
        }
        write!(out, "{}{}", DroppedCopies(self), Notes(self))
    }
}

impl<'a> Comment<'a> {
    /// Every port that a copy was for, sent or not.
    fn targets(&self) -> impl fmt::Display + use<'a> {
        Ports { names: self.names, ports: self.record.copies }
    }

    /// From where to where, like `p1 → p2 p3`; a frame that the switch took or made has only one end.
    pub(super) fn ports(&self) -> String {
        let at = self.names.name(self.record.port);
        match self.record.origin {
            Origin::Generated(_) => format!("→ {at}"),
            Origin::Received { fate: Fate::Consumed(_), .. } => format!("{at} →"),
            Origin::Received { .. } if self.record.copies.is_empty() => format!("{at} ✗"),
            Origin::Received { .. } => format!("{at} → {}", self.targets()),
        }
    }

    /// How it ended, without the ports of its copies unless they dropped it.
    pub(super) fn ending(&self) -> String {
        let fate = match self.record.origin {
            Origin::Received { fate, .. } => fate,
            Origin::Generated(what) => return format!("generated: {what}{}", DroppedCopies(self)),
        };
        let end = match fate {
            Fate::Forwarded => "forwarded".to_owned(),
            Fate::Flooded(kind) => format!("flooded ({})", flood_name(kind)),
            Fate::Consumed(why) => format!("consumed: {}", why.name()),
            Fate::Dropped(reason) => format!("dropped: {reason}"),
        };
        format!("{end}{}{}", DroppedCopies(self), Notes(self))
    }
}

/// Names of ports, parted by spaces.
struct Ports<'a> {
    names: &'a PortNames,
    ports: &'a [(PortId, EgressFate)],
}

impl fmt::Display for Ports<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (port, _)) in self.ports.iter().take(NAMED).enumerate() {
            write!(out, "{}{}", if at > 0 { " " } else { "" }, self.names.name(*port))?;
        }
        match self.ports.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => write!(out, " and {more} more"),
        }
    }
}

/// Copies that ended on their egress port, by reason, each with a `·` in front.
struct DroppedCopies<'a>(&'a Comment<'a>);

impl fmt::Display for DroppedCopies<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comment { record, names, .. } = self.0;
        let dropped_for = |reason: DropReason| {
            let copies = record.copies.iter().filter(move |(_, fate)| *fate == EgressFate::Dropped(reason));
            copies.copied().collect::<Vec<_>>()
        };
        for reason in DropReason::ALL {
            let ports = dropped_for(reason);
            if !ports.is_empty() {
                write!(out, " · {} dropped: {reason}", Ports { names, ports: &ports })?;
            }
        }
        Ok(())
    }
}

/// What was learned, what was sent back, and what kind of frame it was, each with a `·` in front.
struct Notes<'a>(&'a Comment<'a>);

impl fmt::Display for Notes<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comment { record, names, brief } = self.0;
        let Origin::Received { fate, learned, answer } = record.origin else { return Ok(()) };
        if *brief {
            return Ok(());
        }
        let (source, here) = (record.source(), names.name(record.port));
        match learned {
            Learned::Nothing | Learned::Refreshed => {}
            Learned::New => write!(out, " · learned {source} on {here}")?,
            Learned::Moved(from) => write!(out, " · {source} moved {} → {here}", names.name(from))?,
            Learned::Held(holder) => write!(out, " · {source} stays on {}, where it is set", names.name(holder))?,
            Learned::Full => write!(out, " · {source} not learned: table full")?,
        }
        if let Some(answer) = answer {
            write!(out, " · answer: {answer}")?;
        }
        // What a header says that lies is not what the frame would have been on the wire.
        let lies = matches!(fate, Fate::Dropped(DropReason::Malformed));
        match record.vnet.gso.filter(|_| !lies) {
            Some(gso) => write!(out, " · GSO {}×{}", record.segments, gso.size),
            None => Ok(()),
        }
    }
}

fn flood_name(kind: FloodKind) -> &'static str {
    match kind {
        FloodKind::Broadcast => "broadcast",
        FloodKind::Multicast => "multicast",
        FloodKind::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::PortLabel;
    use crate::vnet::{Gso, GsoKind, VnetHeader};
    use lanloom_switch_core::{Consumed, Generated};

    const P1: PortId = PortId::new(1, 0);
    const P2: PortId = PortId::new(2, 0);
    const P3: PortId = PortId::new(3, 0);
    const SENT: EgressFate = EgressFate::Sent;

    fn said(fate: Fate, copies: &[(PortId, EgressFate)], learned: Learned) -> String {
        said_of(Origin::Received { fate, learned, answer: None }, copies)
    }

    fn said_of(origin: Origin, copies: &[(PortId, EgressFate)]) -> String {
        let mut names = PortNames::default();
        for (port, name) in [(P1, "p1"), (P2, "p2"), (P3, "p3")] {
            names.set(&PortLabel { port, name: name.into(), description: String::new() });
        }
        let bytes = [[0xff; 6], [2, 0, 0, 0, 0, 0x0a]].concat();
        let vnet = VnetHeader::default();
        let record = Record {
            time: 0,
            id: 0,
            port: P1,
            bytes: &bytes,
            original_len: 60,
            vnet,
            segments: 1,
            origin,
            copies,
            lost_before: 0,
        };
        Comment::new(&record, &names).to_string()
    }

    #[test]
    fn a_verdict_reads_as_a_person_would_say_it() {
        let forwarded = |fate, learned| said(Fate::Forwarded, &[(P3, fate)], learned);
        assert_eq!(forwarded(SENT, Learned::Refreshed), "p1 → p3");
        assert_eq!(forwarded(SENT, Learned::New), "p1 → p3 · learned 02:00:00:00:00:0a on p1");
        let too_long = EgressFate::Dropped(DropReason::MtuExceeded);
        assert_eq!(forwarded(too_long, Learned::Nothing), "p1 → p3 dropped: mtu_exceeded");
        assert_eq!(said(Fate::Dropped(DropReason::Isolated), &[], Learned::Refreshed), "p1 dropped: isolated");
        let unknown = Fate::Flooded(FloodKind::Unknown);
        let moved = said(unknown, &[(P2, SENT), (P3, SENT)], Learned::Moved(P2));
        assert_eq!(moved, "p1 → flood p2 p3 (unknown) · 02:00:00:00:00:0a moved p2 → p1");
        let full = EgressFate::Dropped(DropReason::QueueFull);
        let partly = said(Fate::Flooded(FloodKind::Broadcast), &[(P2, SENT), (P3, full)], Learned::Refreshed);
        assert_eq!(partly, "p1 → flood p2 p3 (broadcast) · p3 dropped: queue_full");
    }

    #[test]
    fn what_the_switch_took_and_what_it_made_say_so() {
        let (learned, fate) = (Learned::Refreshed, Fate::Consumed(Consumed::Answered));
        let asked = said_of(Origin::Received { fate, learned, answer: Some(Generated::ArpReply) }, &[]);
        assert_eq!(asked, "p1 consumed: answered · answer: arp reply");
        let too_long = [(P3, EgressFate::Dropped(DropReason::MtuExceeded))];
        let answer = Some(Generated::PacketTooBig);
        let long = said_of(Origin::Received { fate: Fate::Forwarded, learned, answer }, &too_long);
        assert_eq!(long, "p1 → p3 dropped: mtu_exceeded · answer: packet too big");
        let made = |fate| said_of(Origin::Generated(Generated::NeighbourAdvertisement), &[(P1, fate)]);
        assert_eq!(made(SENT), "generated: neighbour advertisement → p1");
        let full = made(EgressFate::Dropped(DropReason::QueueFull));
        assert_eq!(full, "generated: neighbour advertisement → p1 dropped: queue_full");
    }

    #[test]
    fn a_flood_to_many_ports_stays_one_short_line() {
        let copies: Vec<_> = (0..500).map(|index| (PortId::new(index, 0), SENT)).collect();
        let line = said(Fate::Flooded(FloodKind::Multicast), &copies, Learned::Refreshed);
        assert!(line.ends_with("port15 and 484 more (multicast)") && line.len() < 200, "{line}");
    }

    #[test]
    fn a_super_frame_says_into_how_many_it_would_be_cut() {
        let gso = Some(Gso { kind: GsoKind::Tcp4, size: 1448, ecn: false });
        let vnet = VnetHeader { gso, ..VnetHeader::default() };
        let received = |fate| Origin::Received { fate, learned: Learned::Refreshed, answer: None };
        let copies = &[(P3, SENT)][..];
        let record = Record {
            time: 0,
            id: 0,
            port: P1,
            bytes: &[],
            original_len: 65226,
            vnet,
            segments: 45,
            origin: received(Fate::Forwarded),
            copies,
            lost_before: 0,
        };
        assert_eq!(Comment::new(&record, &PortNames::default()).to_string(), "port1 → port3 · GSO 45×1448");
        let lying = Record { origin: received(Fate::Dropped(DropReason::Malformed)), segments: 1, copies: &[], ..record };
        assert_eq!(Comment::new(&lying, &PortNames::default()).to_string(), "port1 dropped: malformed");
    }
}
