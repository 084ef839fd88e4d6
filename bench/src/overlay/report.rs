//! The report on tunnels: what is to be reached, and the page.

use super::{linux, ovs};
use crate::fault::Result;
use crate::figure::Figure;
use crate::pages;
use crate::report::{circumstances, faults, names, queues, ratios, setup, table, targets, to_json};
use crate::results::Results;
use crate::targets::{TAP, Target, times};
use std::path::{Path, PathBuf};

/// Set before the tunnel was written, by a throw-away end of one thread: 9.5 Gbit/s and 220 thousand UDP datagrams of 64 bytes a
/// second, where Linux moved 14 Gbit/s and 300 thousand. A port as it comes by default is what they are asked of.
const TARGETS: [Target; 6] = [
    times(TAP, Figure::Tcp1, 0.7, linux::NAME),
    times(TAP, Figure::Frames64, 0.8, linux::NAME),
    times(TAP, Figure::Tcp1, 3.0, ovs::PLAIN),
    times(TAP, Figure::Tcp1, 3.0, ovs::TSO),
    times(TAP, Figure::Frames64, 3.0, ovs::PLAIN),
    times(TAP, Figure::Frames64, 3.0, ovs::TSO),
];

/// Writes `overlay-DATE.md` and `overlay-DATE.json` into a directory, which is made if it is not there.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn write(results: &Results, dir: &Path) -> Result<[PathBuf; 2]> {
    let stem = format!("overlay-{}", results.machine.date);
    pages::write(dir, &stem, &markdown(results), &to_json(results, &TARGETS))
}

fn markdown(results: &Results) -> String {
    let parts = [
        heading(results),
        targets(results, &TARGETS),
        table(results, "TCP", &TCP, TCP_NOTE),
        table(results, "Frames", &FRAMES, &format!("{FRAMES_NOTE}\n{}", queues(results))),
        table(results, "Round trip", &[Figure::PingP50, Figure::PingP99], "An echo each millisecond, one at a time.\n"),
        ratios(results, &COMPARED),
        setup(results),
        faults(results),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn heading(results: &Results) -> String {
    format!(
        "# Tunnels of Lanloom beside others', {}\n\n\
         Two hosts, each behind a machine of its own, and a veth pair between the machines; all four are network namespaces on one \
         computer and share its cores. The machines carry one network between them in VXLAN over IPv4, with 1450 bytes inside, made by \
         one peer after the other: {}. {}",
        results.machine.date,
        names(results),
        circumstances(results),
    )
}

const TCP: [Figure; 5] = [Figure::Tcp1, Figure::Tcp1Retransmits, Figure::Tcp4, Figure::Tcp4Retransmits, Figure::LargestFrame];
const TCP_NOTE: &str = "\
Throughput is what the receiver got, by iperf3. The largest frame is the largest that the receiving host's interface got, in a run of its own:
1464 bytes if every frame came as it was on the underlay, more if they were merged again, or if the underlay was passed by super-frames.
";

const FRAMES: [Figure; 3] = [Figure::Frames64, Figure::Frames64Offered, Figure::NoLoss64];
const FRAMES_NOTE: &str = "\
UDP frames of one flow from one generator (AF_PACKET, sendmmsg, no queueing discipline), 60 bytes in memory, where no check sequence is.
The target speaks first, so none is flooded. Counted are the generator's frames alone, by a socket filter on the receiving interface.
No loss is RFC 2544's search with trials of a fraction of a second; it ranks queues as much as speed. Those of the first machine and host,
besides the sockets of the underlay:
";

/// What is compared with every peer.
const COMPARED: [Figure; 6] =
    [Figure::Tcp1, Figure::Tcp4, Figure::Frames64, Figure::NoLoss64, Figure::PingP50, Figure::PingP99];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::results_of;

    #[test]
    fn every_target_is_judged_by_a_ratio_in_words() {
        let text = markdown(&results_of(&[
            (linux::NAME, Figure::Tcp1, &[14.0]),
            (ovs::PLAIN, Figure::Tcp1, &[2.0]),
            (TAP, Figure::Tcp1, &[7.0]),
            (TAP, Figure::LargestFrame, &[65226.0]),
        ]));
        assert!(text.contains("| lanloom-tap | TCP 1 stream | ≥ 0.7 × linux-vxlan | 0.50 × | **missed** |"), "{text}");
        assert!(text.contains("| lanloom-tap | TCP 1 stream | ≥ 3 × ovs | 3.50 × | reached |"), "{text}");
        assert!(text.contains("| lanloom-tap | 64 B delivered | ≥ 3 × ovs-tso | – | not measured |"), "{text}");
    }

    #[test]
    fn the_files_are_named_by_the_date() {
        let dir = crate::lan::ScratchDir::new("overlay-report-test").unwrap();
        let [md, json] = write(&results_of(&[(ovs::PLAIN, Figure::Tcp1, &[1.0])]), dir.path()).unwrap();
        assert!(md.ends_with("overlay-2026-01-02.md") && json.ends_with("overlay-2026-01-02.json"));
    }
}
