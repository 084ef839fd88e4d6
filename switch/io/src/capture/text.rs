//! A capture to read along: one line per frame.

use super::comment::Comment;
use super::record::{Origin, PortNames, Record};
use lanloom_switch_core::describe::describe;
use lanloom_switch_core::{Fate, PortId};

/// Characters that a column may take before its longer lines stand out of it.
const PORTS_MAX: usize = 20;
const SUMMARY_MAX: usize = 72;

/// Makes lines of time, ports, summary and verdict, each column as wide as it has needed to be so far.
#[derive(Debug)]
pub struct Lines {
    coloured: bool,
    ports: usize,
    summary: usize,
}

impl Lines {
    /// With `coloured`, verdicts carry ANSI colours: for a terminal.
    pub fn new(coloured: bool) -> Self {
        Self { coloured, ports: 8, summary: 40 }
    }

    /// The line for `record`, without its end. The time is that of the day, UTC.
    pub fn line(&mut self, record: &Record<'_>, names: &PortNames) -> String {
        let comment = Comment::new(record, names);
        let (ports, verdict) = (comment.ports(), comment.ending());
        let summary = describe(record.bytes).cut_from(record.original_len as usize).to_string();
        let lost = match record.lost_before {
            0 => String::new(),
            lost => format!(" · {lost} before it not captured"),
        };
        let (ports, summary) = (padded(ports, &mut self.ports, PORTS_MAX), padded(summary, &mut self.summary, SUMMARY_MAX));
        let verdict = self.paint(record, &verdict);
        format!("{}  {ports}  {summary}  {verdict}{lost}", time_of_day(record.time))
    }

    /// The line, without its end, that closes a capture which lost frames of a port behind the last one that it has.
    pub fn lost(&self, port: PortId, frames: u64, names: &PortNames) -> String {
        format!("{frames} from {} at the end not captured", names.name(port))
    }

    /// Red for what was dropped, yellow for a flood, green for a forwarded frame, blue for what the switch took or made itself.
    fn paint(&self, record: &Record<'_>, verdict: &str) -> String {
        if !self.coloured {
            return verdict.to_owned();
        }
        let colour = match record.origin {
            _ if record.drop_reason().is_some() => 31,
            Origin::Generated(_) => 34,
            Origin::Received { fate, .. } => match fate {
                Fate::Dropped(_) => 31,
                Fate::Flooded(_) => 33,
                Fate::Forwarded => 32,
                Fate::Consumed(_) => 34,
            },
        };
        format!("\x1b[{colour}m{verdict}\x1b[0m")
    }
}

fn padded(text: String, width: &mut usize, most: usize) -> String {
    *width = text.chars().count().min(most).max(*width);
    format!("{text:<width$}", width = *width)
}

/// Hours to microseconds of `nanos` since 1970.
fn time_of_day(nanos: u64) -> String {
    let (secs, micros) = (nanos / 1_000_000_000 % 86_400, nanos / 1000 % 1_000_000);
    format!("{:02}:{:02}:{:02}.{micros:06}", secs / 3600, secs / 60 % 60, secs % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vnet::VnetHeader;
    use lanloom_switch_core::{Consumed, DropReason, EgressFate, Fate, FloodKind, Generated, Learned};

    fn record<'a>(bytes: &'a [u8], origin: Origin, copies: &'a [(PortId, EgressFate)]) -> Record<'a> {
        Record {
            time: 1_700_000_000_123_456_789,
            id: 1,
            port: PortId::new(1, 0),
            bytes,
            original_len: bytes.len() as u32,
            vnet: VnetHeader::default(),
            segments: 1,
            origin,
            copies,
            lost_before: 0,
        }
    }

    #[test]
    fn lines_are_aligned_and_plain_unless_colours_are_asked_for() {
        let bytes = [&[2; 12][..], &[0x88, 0xb5], &[0; 46]].concat();
        let sent = [(PortId::new(2, 0), EgressFate::Sent), (PortId::new(3, 0), EgressFate::Sent)];
        let names = PortNames::default();
        let received = |fate| Origin::Received { fate, learned: Learned::Refreshed, answer: None };
        let flooded = received(Fate::Flooded(FloodKind::Unknown));
        let dropped = received(Fate::Dropped(DropReason::Isolated));
        let mut lines = Lines::new(false);
        let first = lines.line(&record(&bytes, flooded, &sent), &names);
        let expected =
            "22:13:20.123456  port1 → port2 port3  02:02:02:02:02:02 > 02:02:02:02:02:02 0x88b5 46 B  flooded (unknown)";
        assert_eq!(first, expected);
        let second = lines.line(&record(&bytes, dropped, &[]), &names);
        assert_eq!(
            second,
            "22:13:20.123456  port1 ✗              02:02:02:02:02:02 > 02:02:02:02:02:02 0x88b5 46 B  dropped: isolated"
        );
        assert!(Lines::new(true).line(&record(&bytes, dropped, &[]), &names).ends_with("\x1b[31mdropped: isolated\x1b[0m"));
        let (consumed, made) = (received(Fate::Consumed(Consumed::Probe)), Origin::Generated(Generated::ArpReply));
        let taken = lines.line(&record(&bytes, consumed, &[]), &names);
        assert!(taken.contains("  port1 →              ") && taken.ends_with("  consumed: probe"), "{taken}");
        let sent = lines.line(&record(&bytes, made, &sent[..1]), &names);
        assert!(sent.contains("  → port1              ") && sent.ends_with("  generated: arp reply"), "{sent}");
    }
}
