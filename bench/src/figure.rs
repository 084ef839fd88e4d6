//! The figures of the comparison: what is measured, its name and its unit.

use serde::{Serialize, Serializer};

/// One measured quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    /// TCP, one stream, at the receiver.
    Tcp1,
    /// Segments sent again in that run.
    Tcp1Retransmits,
    /// TCP, four streams, at the receiver.
    Tcp4,
    /// Segments sent again in that run.
    Tcp4Retransmits,
    /// TCP, one stream, inside a VXLAN that the hosts' kernels make.
    TcpNested,
    /// The largest frame that the receiving interface got during a TCP run.
    LargestFrame,
    /// 64-byte frames delivered at unlimited offered load.
    Frames64,
    /// What was offered meanwhile.
    Frames64Offered,
    /// The highest rate of 64-byte frames without loss.
    NoLoss64,
    /// The highest rate of 1518-byte frames without loss.
    NoLoss1518,
    /// The median round trip.
    PingP50,
    /// The round trip that one in a hundred exceeds.
    PingP99,
    /// What the switch's programs take of a core when nobody sends.
    IdleCpu,
    /// How often they wake up meanwhile.
    IdleWakeups,
    /// TCP, one stream, while everything is captured into a file.
    TcpCapturing,
    /// Bytes in that file for each byte that TCP delivered.
    CaptureWritten,
}

impl Figure {
    pub(crate) const ALL: [Self; 16] = [
        Self::Tcp1,
        Self::Tcp1Retransmits,
        Self::Tcp4,
        Self::Tcp4Retransmits,
        Self::TcpNested,
        Self::LargestFrame,
        Self::Frames64,
        Self::Frames64Offered,
        Self::NoLoss64,
        Self::NoLoss1518,
        Self::PingP50,
        Self::PingP99,
        Self::IdleCpu,
        Self::IdleWakeups,
        Self::TcpCapturing,
        Self::CaptureWritten,
    ];

    /// Its name in JSON, with its unit at the end.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Tcp1 => "tcp_1_stream_gbit_per_sec",
            Self::Tcp1Retransmits => "tcp_1_stream_retransmits",
            Self::Tcp4 => "tcp_4_streams_gbit_per_sec",
            Self::Tcp4Retransmits => "tcp_4_streams_retransmits",
            Self::TcpNested => "tcp_1_stream_nested_gbit_per_sec",
            Self::LargestFrame => "largest_frame_bytes",
            Self::Frames64 => "frames_64_delivered_kpps",
            Self::Frames64Offered => "frames_64_offered_kpps",
            Self::NoLoss64 => "no_loss_64_kpps",
            Self::NoLoss1518 => "no_loss_1518_kpps",
            Self::PingP50 => "ping_p50_us",
            Self::PingP99 => "ping_p99_us",
            Self::IdleCpu => "idle_cpu_percent",
            Self::IdleWakeups => "idle_wakeups_per_sec",
            Self::TcpCapturing => "tcp_1_stream_capturing_gbit_per_sec",
            Self::CaptureWritten => "capture_bytes_per_tcp_byte",
        }
    }

    /// Its name in the report.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Tcp1 => "TCP 1 stream",
            Self::Tcp4 => "TCP 4 streams",
            Self::Tcp1Retransmits | Self::Tcp4Retransmits => "retransmits",
            Self::TcpNested => "TCP 1 stream, in a VXLAN",
            Self::LargestFrame => "largest frame",
            Self::Frames64 => "64 B delivered",
            Self::Frames64Offered => "64 B offered",
            Self::NoLoss64 => "64 B no loss",
            Self::NoLoss1518 => "1518 B no loss",
            Self::PingP50 => "ping p50",
            Self::PingP99 => "ping p99",
            Self::IdleCpu => "idle CPU",
            Self::IdleWakeups => "idle wake-ups",
            Self::TcpCapturing => "TCP 1 stream, capturing",
            Self::CaptureWritten => "in the file per TCP byte",
        }
    }

    /// Its unit in the report; empty for a mere number.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Tcp1 | Self::Tcp4 | Self::TcpNested | Self::TcpCapturing => "Gbit/s",
            Self::Tcp1Retransmits | Self::Tcp4Retransmits => "",
            Self::LargestFrame => "B",
            Self::Frames64 | Self::Frames64Offered | Self::NoLoss64 | Self::NoLoss1518 => "kpps",
            Self::PingP50 | Self::PingP99 => "µs",
            Self::IdleCpu => "% of a core",
            Self::IdleWakeups => "/s",
            Self::CaptureWritten => "B",
        }
    }

    /// A value of it, as precise as it is worth.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Tcp1 | Self::Tcp4 | Self::TcpNested | Self::TcpCapturing | Self::CaptureWritten => format!("{value:.2}"),
            Self::IdleCpu | Self::IdleWakeups | Self::NoLoss1518 | Self::NoLoss64 => format!("{value:.1}"),
            Self::Tcp1Retransmits | Self::Tcp4Retransmits | Self::LargestFrame => format!("{value:.0}"),
            Self::Frames64 | Self::Frames64Offered | Self::PingP50 | Self::PingP99 => format!("{value:.0}"),
        }
    }
}

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_figures_have_the_same_key() {
        assert_eq!(Figure::ALL.map(Figure::key).into_iter().collect::<BTreeSet<_>>().len(), Figure::ALL.len());
    }
}
