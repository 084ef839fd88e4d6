//! Whether what the switch says agrees with what the hosts did: pure comparisons.

use super::outcome::Seen;
use super::words;
use crate::api::types::{Counters, FdbEntry, PortCounters};
use lanloom_switch_core::DropReason;
use std::collections::BTreeMap;

/// A host, as the switch should know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) host: &'static str,
    pub(super) mac: String,
    pub(super) port: String,
}

/// What an interface of the kernel's has sent and received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) tx_frames: u64,
    pub(super) tx_bytes: u64,
    pub(super) rx_frames: u64,
    pub(super) rx_bytes: u64,
}

impl Traffic {
    /// What was added since `before`.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            tx_frames: self.tx_frames.wrapping_sub(before.tx_frames),
            tx_bytes: self.tx_bytes.wrapping_sub(before.tx_bytes),
            rx_frames: self.rx_frames.wrapping_sub(before.rx_frames),
            rx_bytes: self.rx_bytes.wrapping_sub(before.rx_bytes),
        }
    }
}

/// Whether the filtering database has every host on its port, and nothing else.
pub(super) fn fdb(entries: &[FdbEntry], hosts: &[Known]) -> Seen {
    let found: BTreeMap<_, _> = entries.iter().map(|entry| (entry.mac.as_str(), entry.port.as_str())).collect();
    let wrong = hosts.iter().filter_map(|Known { host, mac, port }| match found.get(mac.as_str()) {
        Some(at) if at == port => None,
        Some(at) => Some(format!("{host} ({mac}) is on {port}, and the switch has it on {at}")),
        None => Some(format!("the switch does not know {host} ({mac}) on {port}")),
    });
    let strange = entries.iter().filter(|entry| hosts.iter().all(|host| host.mac != entry.mac));
    let strange = strange.map(|entry| format!("the switch has {} on {}, which is no host here", entry.mac, entry.port));
    let wrong: Vec<_> = wrong.chain(strange).collect();
    if !wrong.is_empty() {
        return Err(wrong.join("; "));
    }
    let places: Vec<_> = hosts.iter().map(|host| format!("{} on {}", host.host, host.port)).collect();
    Ok(format!("{} addresses learned: {}", hosts.len(), words::list(&places)))
}

/// Whether every port keeps the accounting law: each received frame ended exactly once.
///
/// # Errors
/// The ports that do not.
pub(super) fn law(counters: &Counters) -> Result<(), String> {
    let broken = counters.ports.iter().filter_map(|port| {
        let (rx, ended) = (port.rx.frames, port.forwarded + port.consumed + rx_dropped(port));
        (rx != ended).then(|| format!("{} received {rx} frames, and {ended} ended", port.port))
    });
    let broken: Vec<_> = broken.collect();
    if broken.is_empty() { Ok(()) } else { Err(broken.join("; ")) }
}

/// Whether nothing was dropped but what a full queue, or a flood without anybody to hear it, excuses.
///
/// # Errors
/// What was dropped else.
pub(super) fn drops(counters: &Counters) -> Result<(), String> {
    let excused = [DropReason::QueueFull, DropReason::RxOverrun, DropReason::NoDestination].map(DropReason::name);
    let strange = counters.ports.iter().flat_map(|port| port.drops.iter().map(move |(reason, frames)| (port, reason, frames)));
    let strange: Vec<_> = strange
        .filter(|(_, reason, frames)| **frames > 0 && !excused.contains(&reason.as_str()))
        .map(|(port, reason, frames)| format!("{} dropped {frames} frames: {reason}", port.port))
        .collect();
    if strange.is_empty() { Ok(()) } else { Err(strange.join("; ")) }
}

/// Whether a port counted what its host's interface sent and received, frame by frame and byte by byte. Frames that the kernel
/// lost between the two (`rx_overrun`) were sent and never received: then bytes cannot be compared.
///
/// # Errors
/// How they differ.
pub(super) fn traffic(port: &PortCounters, host: &str, interface: Traffic) -> Result<(), String> {
    let lost = port.drops.get(DropReason::RxOverrun.name()).copied().unwrap_or(0);
    let sent_all = port.rx.frames == interface.tx_frames && port.rx.bytes == interface.tx_bytes;
    if !sent_all && (lost == 0 || port.rx.frames + lost < interface.tx_frames) {
        let (frames, bytes) = (interface.tx_frames, interface.tx_bytes);
        return Err(format!(
            "{host} sent {frames} frames of {bytes} bytes, and {} received {} of {}",
            port.port, port.rx.frames, port.rx.bytes
        ));
    }
    if (port.tx.frames, port.tx.bytes) != (interface.rx_frames, interface.rx_bytes) {
        let (frames, bytes) = (interface.rx_frames, interface.rx_bytes);
        return Err(format!(
            "{host} received {frames} frames of {bytes} bytes, and {} sent {} of {}",
            port.port, port.tx.frames, port.tx.bytes
        ));
    }
    Ok(())
}

/// What a port counted since `before`.
pub(super) fn since(port: &PortCounters, before: &PortCounters) -> PortCounters {
    let mut change = port.clone();
    change.rx.frames -= before.rx.frames.min(change.rx.frames);
    change.rx.bytes -= before.rx.bytes.min(change.rx.bytes);
    change.tx.frames -= before.tx.frames.min(change.tx.frames);
    change.tx.bytes -= before.tx.bytes.min(change.tx.bytes);
    for (reason, frames) in &mut change.drops {
        *frames -= before.drops.get(reason).copied().unwrap_or(0).min(*frames);
    }
    change
}

/// Received frames that were dropped: egress reasons end a copy, and `rx_overrun` was never received.
fn rx_dropped(port: &PortCounters) -> u64 {
    let ends_a_frame = |reason: &str| {
        let known = DropReason::ALL.into_iter().find(|known| known.name() == reason);
        known.is_none_or(|known| !known.is_egress() && known != DropReason::RxOverrun)
    };
    port.drops.iter().filter(|(reason, _)| ends_a_frame(reason)).map(|(_, frames)| frames).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::Flow;

    fn entry(mac: &str, port: &str) -> FdbEntry {
        FdbEntry { mac: mac.to_owned(), port: port.to_owned(), dst: None, vid: 0, is_static: false, sticky: false, age_secs: 0 }
    }

    fn known(host: &'static str, mac: &str, port: &str) -> Known {
        Known { host, mac: mac.to_owned(), port: port.to_owned() }
    }

    fn port(rx: u64, forwarded: u64, drops: &[(&str, u64)]) -> PortCounters {
        PortCounters {
            port: "p1".to_owned(),
            rx: Flow { frames: rx, bytes: rx * 100, ..Flow::default() },
            tx: Flow { frames: 5, bytes: 500, ..Flow::default() },
            forwarded,
            drops: drops.iter().map(|(reason, frames)| ((*reason).to_owned(), *frames)).collect(),
            ..PortCounters::default()
        }
    }

    fn counters(ports: &[PortCounters]) -> Counters {
        Counters { ports: ports.to_vec(), ..Counters::default() }
    }

    #[test]
    fn a_host_elsewhere_unknown_or_uninvited_is_named() {
        let hosts = [known("blue", "02::1", "p1"), known("green", "02::2", "p2")];
        let good = [entry("02::1", "p1"), entry("02::2", "p2")];
        assert_eq!(fdb(&good, &hosts), Ok("2 addresses learned: blue on p1 and green on p2".to_owned()));
        let wrong = fdb(&[entry("02::1", "p2"), entry("02::9", "p1")], &hosts).expect_err("wrong");
        for part in
            ["blue (02::1) is on p1, and the switch has it on p2", "does not know green", "02::9 on p1, which is no host"]
        {
            assert!(wrong.contains(part), "{wrong}");
        }
    }

    #[test]
    fn the_law_counts_ingress_drops_alone() {
        let good = port(10, 7, &[("source_invalid", 3), ("queue_full", 50), ("rx_overrun", 9)]);
        assert_eq!(law(&counters(std::slice::from_ref(&good))), Ok(()));
        let broken = law(&counters(&[good, port(10, 7, &[])])).expect_err("three frames ended nowhere");
        assert_eq!(broken, "p1 received 10 frames, and 7 ended");
    }

    #[test]
    fn only_a_full_queue_or_nobody_there_excuses_a_drop() {
        assert_eq!(drops(&counters(&[port(0, 0, &[("queue_full", 5), ("no_destination", 1), ("isolated", 0)])])), Ok(()));
        let strange = drops(&counters(&[port(0, 0, &[("isolated", 5)])])).expect_err("not excused");
        assert_eq!(strange, "p1 dropped 5 frames: isolated");
    }

    #[test]
    fn a_frame_or_byte_too_few_is_noticed_in_either_direction() {
        let sent = Traffic { tx_frames: 10, tx_bytes: 1000, rx_frames: 5, rx_bytes: 500 };
        assert_eq!(traffic(&port(10, 10, &[]), "blue", sent), Ok(()));
        for wrong in [
            Traffic { tx_frames: 11, ..sent },
            Traffic { tx_bytes: 1001, ..sent },
            Traffic { rx_frames: 4, ..sent },
            Traffic { rx_bytes: 499, ..sent },
        ] {
            assert!(traffic(&port(10, 10, &[]), "blue", wrong).is_err(), "{wrong:?}");
        }
        let overrun = Traffic { tx_frames: 12, tx_bytes: 1200, ..sent };
        assert_eq!(traffic(&port(10, 10, &[("rx_overrun", 2)]), "blue", overrun), Ok(()));
        assert!(traffic(&port(10, 10, &[("rx_overrun", 1)]), "blue", overrun).is_err(), "one is not accounted for");
    }
}
