//! What Lanloom wants to reach beside the others, and whether it did.
//!
//! The numbers were set before the switch was written, on a machine of two cores, beside the same peers: by bare forwarding
//! loops of one thread that learn nothing and count nothing. With the virtio-net header passed through, one over two TAPs moved
//! 10.5 Gbit/s sleeping and 13.4 busy polling (a Linux bridge 16.7, OVS with TSO 12.2, VDE 1.4) and 1.1 million 64-byte frames a
//! second (OVS 0.48, VDE 0.25); one over veths and AF_PACKET 10.4 Gbit/s and 0.67 million. A real switch is to keep what such a loop has.

use crate::figure::Figure;
use crate::results::Results;
use serde::Serialize;

/// One thing to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) ours: &'static str,
    pub(crate) figure: Figure,
    pub(crate) limit: Limit,
}

/// What a median is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    /// At least so many times the same figure of another peer.
    TimesPeer(f64, &'static str),
    /// At least so many times another figure of ours, from the same rounds.
    TimesOwn(f64, Figure),
    /// At least this.
    AtLeast(f64),
    /// At most this, as shown to one decimal.
    AtMost(f64),
}

/// All of them.
pub(crate) const TARGETS: [Target; 20] = [
    times(TAP, Figure::Tcp1, 0.7, "linux-bridge"),
    times(TAP, Figure::Tcp1, 1.0, "ovs-tso"),
    times(TAP, Figure::Tcp1, 6.0, "vde"),
    times(TAP, Figure::Frames64, 1.8, "ovs-tso"),
    times(TAP, Figure::Frames64, 1.8, "ovs"),
    times(TAP, Figure::Frames64, 3.5, "vde"),
    times(VETH, Figure::Tcp1, 0.6, "linux-bridge"),
    times(VETH, Figure::Tcp1, 0.85, "ovs-tso"),
    times(VETH, Figure::Tcp1, 6.0, "vde"),
    times(VETH, Figure::Frames64, 1.4, "ovs-tso"),
    times(VETH, Figure::Frames64, 1.4, "ovs"),
    times(VETH, Figure::Frames64, 2.7, "vde"),
    // A tunnel inside a sandbox: its super-frames are ones that a virtio-net header cannot describe.
    Target { ours: TAP, figure: Figure::TcpNested, limit: Limit::AtLeast(1.0) },
    Target { ours: VETH, figure: Figure::TcpNested, limit: Limit::AtLeast(1.0) },
    // A capture copies every frame once more and a file system takes it: a fifth is what that may cost.
    Target { ours: TAP, figure: Figure::TcpCapturing, limit: Limit::TimesOwn(0.8, Figure::Tcp1) },
    Target { ours: VETH, figure: Figure::TcpCapturing, limit: Limit::TimesOwn(0.8, Figure::Tcp1) },
    Target { ours: TAP, figure: Figure::IdleCpu, limit: Limit::AtMost(0.0) },
    Target { ours: VETH, figure: Figure::IdleCpu, limit: Limit::AtMost(0.0) },
    // A run with the offloads off by accident would still give figures. TCP does not make every super-frame equally large.
    times(TAP, Figure::LargestFrame, 0.9, "linux-bridge"),
    times(VETH, Figure::LargestFrame, 0.9, "linux-bridge"),
];

/// The names of our two peers.
pub(crate) const TAP: &str = "lanloom-tap";
pub(crate) const VETH: &str = "lanloom-veth";

/// At least so many times the same figure of another peer.
pub(crate) const fn times(ours: &'static str, figure: Figure, factor: f64, peer: &'static str) -> Target {
    Target { ours, figure, limit: Limit::TimesPeer(factor, peer) }
}

/// How a target came out.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Judgement {
    pub(crate) ours: &'static str,
    pub(crate) figure: Figure,
    /// The target, in words.
    pub(crate) target: String,
    /// The ratio, or for an upper limit the value. `None` if either side was not measured.
    pub(crate) measured: Option<f64>,
    pub(crate) outcome: Outcome,
}

/// The answer to whether a target was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Reached,
    Missed,
    NotMeasured,
}

impl Outcome {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Missed => "**missed**",
            Self::NotMeasured => "not measured",
        }
    }
}

impl Target {
    /// Holds the medians against the target.
    pub(crate) fn judge(&self, results: &Results) -> Judgement {
        let mine = |figure| results.peer(self.ours)?.median(figure);
        let ratio = |other: Option<f64>| Some(mine(self.figure)? / other.filter(|&other| other > 0.0)?);
        let (target, measured, reached) = match self.limit {
            Limit::TimesPeer(factor, peer) => {
                let measured = ratio(results.peer(peer).and_then(|peer| peer.median(self.figure)));
                (format!("≥ {factor} × {peer}"), measured, measured.is_some_and(|ratio| ratio >= factor))
            }
            Limit::TimesOwn(factor, figure) => {
                let measured = ratio(mine(figure));
                (format!("≥ {factor} × its {}", figure.title()), measured, measured.is_some_and(|ratio| ratio >= factor))
            }
            Limit::AtLeast(least) => {
                let measured = mine(self.figure);
                (format!("≥ {least:.1} {}", self.figure.unit()), measured, measured.is_some_and(|value| value >= least))
            }
            Limit::AtMost(most) => {
                let measured = mine(self.figure);
                (format!("{most:.1} {}", self.figure.unit()), measured, measured.is_some_and(|value| value < most + 0.05))
            }
        };
        let outcome = match measured {
            None => Outcome::NotMeasured,
            Some(_) if reached => Outcome::Reached,
            Some(_) => Outcome::Missed,
        };
        Judgement { ours: self.ours, figure: self.figure, target, measured, outcome }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::results_of;

    #[test]
    fn a_ratio_of_medians_decides() {
        let target = times(TAP, Figure::Tcp1, 0.7, "linux-bridge");
        let judged = |mine: &[f64]| {
            target.judge(&results_of(&[("linux-bridge", Figure::Tcp1, &[10.0, 99.0, 1.0]), (TAP, Figure::Tcp1, mine)]))
        };
        assert_eq!(judged(&[7.0]).outcome, Outcome::Reached);
        assert_eq!(judged(&[6.9]).outcome, Outcome::Missed);
        assert_eq!(judged(&[]).outcome, Outcome::NotMeasured);
    }

    #[test]
    fn capturing_is_held_against_our_own_throughput() {
        let target = Target { ours: TAP, figure: Figure::TcpCapturing, limit: Limit::TimesOwn(0.8, Figure::Tcp1) };
        let results = results_of(&[(TAP, Figure::Tcp1, &[10.0]), (TAP, Figure::TcpCapturing, &[7.9])]);
        assert_eq!(target.judge(&results).outcome, Outcome::Missed);
    }

    #[test]
    fn idle_is_zero_if_one_decimal_shows_zero() {
        let target = Target { ours: TAP, figure: Figure::IdleCpu, limit: Limit::AtMost(0.0) };
        let judged = |value| target.judge(&results_of(&[(TAP, Figure::IdleCpu, &[value])])).outcome;
        assert_eq!(judged(0.049), Outcome::Reached);
        assert_eq!(judged(0.051), Outcome::Missed);
    }
}
