//! What others see of a prober.

use std::time::Duration;

/// How a peer is, as far as probes and its own frames tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerHealth {
    /// How long ago anything came from it, probe or not; `None` if nothing ever did.
    pub last_heard: Option<Duration>,
    /// Whether it answers probes.
    pub answers: Answers,
    /// How long answers take; `None` before the first.
    pub round_trip: Option<RoundTrip>,
    /// How many of the last asks were lost. Those of a tried size do not count: that they are lost is how a size is found.
    pub loss: Loss,
    /// The largest payload of a frame that reaches it, as the MTU of a tunnel counts: without inner Ethernet header.
    pub path_mtu: PathMtu,
    /// Whether a check ([`Prober::check`](super::Prober::check)) is under way.
    pub checking: bool,
}

/// Whether a peer answers probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// It never did: not one of ours, or not there.
    Never,
    /// It does.
    Yes,
    /// It did, and the last [`GONE_AFTER`](super::pace::GONE_AFTER) asks or more were lost.
    NoLonger,
}

/// From ask to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoundTrip {
    /// The last one.
    pub last: Duration,
    /// Smoothed as by RFC 6298 2.3: an eighth of each new one.
    pub smoothed: Duration,
}

/// Asks that were settled by an answer or by waiting in vain: the last 64 of them, which is 5 minutes or more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// How many were lost.
    pub lost: u32,
    /// Of how many.
    pub asked: u32,
}

/// What size of payload reaches a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathMtu {
    /// Nothing of more than the smallest size was answered or lost yet.
    Unknown,
    /// This passes, and nothing larger was lost: as a rule the tunnel's own MTU, above which nothing is tried.
    AtLeast(u32),
    /// The first passes and the second does not; what is between them is being tried.
    Between(u32, u32),
    /// This passes, and one byte more does not.
    Is(u32),
}

/// What a prober sent and what it was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProbeCounters {
    /// Asks sent, those of a tried size included.
    pub asked: u64,
    /// Answers that were taken.
    pub answered: u64,
    /// Asks of peers that were answered.
    pub answers: u64,
    /// Asks of peers that were not, because they were too many.
    pub unanswered: u64,
    /// Frames with our magic that were no probe.
    pub malformed: u64,
    /// Asks that name another VNI than ours.
    pub other_vni: u64,
    /// Answers to what was not asked, was answered already, or counts as lost.
    pub unasked: u64,
    /// Probes from who is no peer.
    pub strangers: u64,
}
