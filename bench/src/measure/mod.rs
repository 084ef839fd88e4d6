//! The figures, a file for each kind, and the steps of a round.

pub(crate) mod capture;
pub(crate) mod frames;
pub(crate) mod idle;
pub(crate) mod nested;
pub(crate) mod no_loss;
pub(crate) mod ping;
pub(crate) mod queues;
pub(crate) mod tcp;

use crate::fault::Result;
use crate::figure::Figure;
use crate::lan::Lan;
use crate::peers::Peer;
use crate::results::Settings;
use frames::{Load, WireSize};
use std::time::Duration;

/// Something that is done with every peer that is up, and yields one figure or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Tcp1,
    Tcp4,
    TcpNested,
    LargestFrame,
    Frames64,
    NoLoss64,
    NoLoss1518,
    Ping,
    Capture,
    Idle,
}

/// Samples of figures.
pub(crate) type Samples = Vec<(Figure, f64)>;

impl Step {
    /// In the order of a round: the idle switch is watched last, when all that follows load has had its chance to show.
    pub(crate) const ALL: [Self; 10] = [
        Self::Tcp1,
        Self::Tcp4,
        Self::TcpNested,
        Self::LargestFrame,
        Self::Frames64,
        Self::NoLoss64,
        Self::NoLoss1518,
        Self::Ping,
        Self::Capture,
        Self::Idle,
    ];

    /// Its name while it runs.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Tcp1 => "TCP, 1 stream",
            Self::Tcp4 => "TCP, 4 streams",
            Self::TcpNested => "TCP through a VXLAN",
            Self::LargestFrame => "largest frame",
            Self::Frames64 => "64-byte frames, unlimited",
            Self::NoLoss64 => "64-byte frames, no loss",
            Self::NoLoss1518 => "1518-byte frames, no loss",
            Self::Ping => "ping",
            Self::Capture => "TCP while capturing",
            Self::Idle => "idle",
        }
    }

    /// About how long it takes, in seconds.
    pub(crate) fn estimate(self, settings: &Settings) -> f64 {
        match self {
            Self::Tcp1 | Self::Tcp4 | Self::TcpNested | Self::Capture => settings.secs as f64 + 0.6,
            Self::LargestFrame => 0.5,
            Self::Frames64 => settings.secs as f64 + 0.3,
            Self::NoLoss64 | Self::NoLoss1518 => 10.0 * (settings.trial_millis as f64 / 1000.0 + 0.3),
            Self::Ping => f64::from(settings.echoes) * 0.0012,
            Self::Idle => settings.idle_secs as f64 + 1.0,
        }
    }

    /// Whether it makes sense with a peer.
    pub(crate) fn applies_to(self, peer: &dyn Peer) -> bool {
        match self {
            Self::Capture => peer.captures(),
            Self::Idle => !peer.forwards_in_kernel(),
            Self::Tcp1
            | Self::Tcp4
            | Self::TcpNested
            | Self::LargestFrame
            | Self::Frames64
            | Self::NoLoss64
            | Self::NoLoss1518
            | Self::Ping => true,
        }
    }

    /// Does it.
    ///
    /// # Errors
    /// If nothing was measured.
    pub(crate) fn run(self, peer: &dyn Peer, lan: &Lan, settings: &Settings) -> Result<Samples> {
        let trial = Duration::from_millis(settings.trial_millis);
        let kilo = |rate: f64| rate / 1000.0;
        Ok(match self {
            Self::Tcp1 => {
                let run = tcp::throughput(lan, 1, settings.secs)?;
                vec![(Figure::Tcp1, run.gbit_per_sec), (Figure::Tcp1Retransmits, run.retransmits)]
            }
            Self::Tcp4 => {
                let run = tcp::throughput(lan, 4, settings.secs)?;
                vec![(Figure::Tcp4, run.gbit_per_sec), (Figure::Tcp4Retransmits, run.retransmits)]
            }
            Self::TcpNested => vec![(Figure::TcpNested, nested::throughput(lan, settings.secs)?.gbit_per_sec)],
            Self::LargestFrame => vec![(Figure::LargestFrame, tcp::largest_frame(lan)? as f64)],
            Self::Frames64 => {
                let run = frames::trial(lan, WireSize(64), Load::Unlimited, Duration::from_secs(settings.secs))?;
                vec![(Figure::Frames64, kilo(run.delivered_rate())), (Figure::Frames64Offered, kilo(run.offered_rate()))]
            }
            Self::NoLoss64 => vec![(Figure::NoLoss64, kilo(no_loss::rate(lan, WireSize(64), trial)?))],
            Self::NoLoss1518 => vec![(Figure::NoLoss1518, kilo(no_loss::rate(lan, WireSize(1518), trial)?))],
            Self::Ping => {
                let times = ping::round_trip(lan, settings.echoes)?;
                vec![(Figure::PingP50, times.p50), (Figure::PingP99, times.p99)]
            }
            Self::Capture => {
                let run = capture::throughput(peer, lan, settings.secs)?;
                vec![(Figure::TcpCapturing, run.gbit_per_sec), (Figure::CaptureWritten, run.file_bytes_per_tcp_byte)]
            }
            Self::Idle => {
                let idle = idle::watch(lan, Duration::from_secs(settings.idle_secs))?;
                vec![(Figure::IdleCpu, idle.cpu_percent), (Figure::IdleWakeups, idle.wakeups_per_sec)]
            }
        })
    }
}
