//! The report: Markdown for people and JSON for programs, from the same results.

use crate::fault::Result;
use crate::figure::Figure;
use crate::pages;
use crate::results::{PeerResults, Results, Summary};
use crate::targets::{Judgement, Limit, TAP, TARGETS, Target, VETH};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Writes `compare-DATE.md` and `compare-DATE.json` into a directory, which is made if it is not there.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn write(results: &Results, dir: &Path) -> Result<[PathBuf; 2]> {
    pages::write(dir, &format!("compare-{}", results.machine.date), &markdown(results), &to_json(results, &TARGETS))
}

/// The samples, their medians, and the judgements.
pub(crate) fn to_json(results: &Results, targets: &[Target]) -> Value {
    let summary = |peer: &PeerResults| -> serde_json::Map<String, Value> {
        let figures = Figure::ALL.into_iter().filter_map(|figure| Some((figure, peer.summary(figure)?)));
        figures.map(|(figure, summary)| (figure.key().to_owned(), json!(summary))).collect()
    };
    let summaries: serde_json::Map<String, Value> =
        results.peers.iter().map(|peer| (peer.name.to_owned(), Value::Object(summary(peer)))).collect();
    json!({
        "machine": results.machine,
        "settings": results.settings,
        "summaries": summaries,
        "targets": judgements(results, targets),
        "peers": results.peers,
    })
}

/// The tables.
pub(crate) fn markdown(results: &Results) -> String {
    let parts = [
        heading(results),
        targets(results, &TARGETS),
        table(results, "TCP", &TCP, TCP_NOTE),
        table(results, "Frames", &FRAMES, &format!("{FRAMES_NOTE}\n{}", queues(results))),
        table(results, "Round trip", &[Figure::PingP50, Figure::PingP99], "An echo each millisecond, one at a time.\n"),
        table(results, "Idle", &[Figure::IdleCpu, Figure::IdleWakeups], IDLE_NOTE),
        table(results, "While capturing", &[Figure::Tcp1, Figure::TcpCapturing, Figure::CaptureWritten], CAPTURE_NOTE),
        ratios(results, &COMPARED),
        setup(results),
        faults(results),
    ];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn judgements(results: &Results, targets: &[Target]) -> Vec<Judgement> {
    targets.iter().map(|target| target.judge(results)).collect()
}

fn heading(results: &Results) -> String {
    format!(
        "# Lanloom beside other switches, {}\n\n\
         Two hosts (network namespaces) on one machine, joined by one switch after the other: {}. Sender, receiver and switch share its \
         cores. {}",
        results.machine.date,
        names(results),
        circumstances(results),
    )
}

/// The peers that were visited.
pub(crate) fn names(results: &Results) -> String {
    results.peers.iter().map(|peer| peer.name).collect::<Vec<_>>().join(", ")
}

/// What figures are, and the machine that they were taken on.
pub(crate) fn circumstances(results: &Results) -> String {
    let (machine, settings) = (&results.machine, &results.settings);
    format!(
        "Figures are medians of {} (in brackets: least – most), taken in rounds that visit every peer in turn; {} s for each \
         figure of throughput.\n\n\
         - machine: {}, {} cores, {} GiB; Linux {}, {}\n- load before the first figure: {}\n- commit: {}\n",
        counted(settings.rounds, "round"),
        settings.secs,
        machine.cpu,
        machine.cores,
        machine.memory_gib,
        machine.kernel,
        machine.distribution,
        machine.load,
        machine.commit,
    )
}

/// What was to be reached, and whether it was.
pub(crate) fn targets(results: &Results, targets: &[Target]) -> String {
    let mut text = "## Targets\n\n| ours | figure | target | measured | |\n|---|---|---|---|---|\n".to_owned();
    for (Target { figure, limit, .. }, judged) in targets.iter().zip(judgements(results, targets)) {
        let measured = match (judged.measured, limit) {
            (None, _) => "–".to_owned(),
            (Some(value), Limit::AtLeast(_) | Limit::AtMost(_)) => figure.show(value),
            (Some(ratio), Limit::TimesPeer(..) | Limit::TimesOwn(..)) => format!("{ratio:.2} ×"),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {measured} | {} |",
            judged.ours,
            figure.title(),
            judged.target,
            judged.outcome.words()
        );
    }
    text
}

/// Peers down, figures across; peers that have none of them are left out, and so is a table of nothing.
pub(crate) fn table(results: &Results, title: &str, figures: &[Figure], note: &str) -> String {
    let own = figures.last().copied();
    let rows: Vec<&PeerResults> =
        results.peers.iter().filter(|peer| own.is_some_and(|own| peer.summary(own).is_some())).collect();
    if rows.is_empty() {
        return String::new();
    }
    let head = |figure: &Figure| {
        if figure.unit().is_empty() { figure.title().to_owned() } else { format!("{}, {}", figure.title(), figure.unit()) }
    };
    let mut text = format!("## {title}\n\n| switch | {} |\n|---|", figures.iter().map(head).collect::<Vec<_>>().join(" | "));
    text.push_str(&"---|".repeat(figures.len()));
    text.push('\n');
    for peer in rows {
        let cells =
            figures.iter().map(|&figure| peer.summary(figure).map_or_else(|| "–".to_owned(), |summary| cell(figure, summary)));
        let _ = writeln!(text, "| {} | {} |", peer.name, cells.collect::<Vec<_>>().join(" | "));
    }
    text + "\n" + note
}

fn cell(figure: Figure, summary: Summary) -> String {
    let show = |value| figure.show(value);
    if summary.min == summary.max {
        return show(summary.median);
    }
    format!("{} ({} – {})", show(summary.median), show(summary.min), show(summary.max))
}

/// The queues that frames wait in, by peer.
pub(crate) fn queues(results: &Results) -> String {
    let lines = results.peers.iter().filter(|peer| !peer.queues.is_empty());
    lines.fold(String::new(), |mut text, peer| {
        let _ = writeln!(text, "- {}: {}", peer.name, peer.queues.join("; "));
        text
    })
}

/// Ours by theirs, for some figures.
pub(crate) fn ratios(results: &Results, figures: &[Figure]) -> String {
    let ours: Vec<_> = [TAP, VETH].into_iter().filter_map(|name| results.peer(name)).collect();
    let others: Vec<_> = results.peers.iter().filter(|peer| peer.name != TAP && peer.name != VETH).collect();
    if ours.is_empty() || others.is_empty() {
        return String::new();
    }
    let names: Vec<_> = others.iter().map(|peer| format!("× {}", peer.name)).collect();
    let mut text = format!(
        "## Ratios\n\nOurs by theirs, of medians; for ping, less is better.\n\n| ours | figure | {} |\n|---|---|",
        names.join(" | ")
    );
    text.push_str(&"---|".repeat(others.len()));
    text.push('\n');
    for (peer, &figure) in ours.iter().flat_map(|peer| figures.iter().map(move |figure| (peer, figure))) {
        let Some(mine) = peer.median(figure) else { continue };
        let ratio = |other: &&PeerResults| other.median(figure).filter(|&theirs| theirs > 0.0).map(|theirs| mine / theirs);
        let cells: Vec<_> =
            others.iter().map(|other| ratio(other).map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"))).collect();
        let _ = writeln!(text, "| {} | {} | {} |", peer.name, figure.title(), cells.join(" | "));
    }
    text
}

/// How each peer was set up.
pub(crate) fn setup(results: &Results) -> String {
    let mut text = "## How each was set up\n\n".to_owned();
    for peer in &results.peers {
        let _ = writeln!(text, "- **{}** ({}): {}.", peer.name, peer.version, peer.setup);
    }
    text
}

/// What was not measured, and why.
pub(crate) fn faults(results: &Results) -> String {
    let all: Vec<_> = results.peers.iter().flat_map(|peer| peer.faults.iter().map(move |fault| (peer.name, fault))).collect();
    if all.is_empty() {
        return String::new();
    }
    all.iter().fold("## What was not measured\n\n".to_owned(), |mut text, (peer, fault)| {
        let _ = writeln!(text, "- {peer}: {fault}");
        text
    })
}

fn counted(number: u32, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

const TCP: [Figure; 6] =
    [Figure::Tcp1, Figure::Tcp1Retransmits, Figure::Tcp4, Figure::Tcp4Retransmits, Figure::TcpNested, Figure::LargestFrame];
const TCP_NOTE: &str = "\
Throughput is what the receiver got, by iperf3. The largest frame is the largest that the receiving interface got, in a run of its own:
1514 bytes if every frame was cut to the wire's size, more if super-frames passed whole. The VXLAN is one that the two hosts' kernels make
over the switch: its super-frames are cut before they come out of a host.
";

const FRAMES: [Figure; 4] = [Figure::Frames64, Figure::Frames64Offered, Figure::NoLoss64, Figure::NoLoss1518];
const FRAMES_NOTE: &str = "\
UDP frames from one generator (AF_PACKET, sendmmsg, no queueing discipline), 60 and 1514 bytes in memory, where no check sequence is.
The target speaks first, so none is flooded. Counted are the generator's frames alone, by a socket filter on the receiving interface.
No loss is RFC 2544's search with trials of a fraction of a second; it ranks queues as much as speed, so here they are:
";

const IDLE_NOTE: &str = "All threads of all programs of the switch; the kernel's bridge has none.\n";
const CAPTURE_NOTE: &str = "\
Every frame whole into a file in memory. Less than 1 byte in the file for each byte that TCP moved means that the capture let frames go
rather than hold the switch up.
";

/// What is compared with every peer.
const COMPARED: [Figure; 8] = [
    Figure::Tcp1,
    Figure::Tcp4,
    Figure::TcpNested,
    Figure::Frames64,
    Figure::NoLoss64,
    Figure::NoLoss1518,
    Figure::PingP50,
    Figure::PingP99,
];

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::results::Settings;

    /// Some machine.
    pub(crate) fn machine() -> Machine {
        let word = || "w".to_owned();
        Machine {
            date: "2026-01-02".to_owned(),
            commit: word(),
            cpu: word(),
            cores: 2,
            memory_gib: 1,
            kernel: word(),
            distribution: word(),
            load: word(),
        }
    }

    /// Results with these samples and nothing else.
    pub(crate) fn results_of(samples: &[(&'static str, Figure, &[f64])]) -> Results {
        let mut peers: Vec<PeerResults> = Vec::new();
        for &(name, figure, values) in samples {
            if !peers.iter().any(|peer| peer.name == name) {
                let (version, queues) = ("1".to_owned(), vec!["a queue".to_owned()]);
                peers.push(PeerResults {
                    name,
                    setup: "as it comes",
                    version,
                    queues,
                    samples: Default::default(),
                    faults: Vec::new(),
                });
            }
            let peer = peers.iter_mut().find(|peer| peer.name == name).unwrap();
            peer.samples.insert(figure, values.to_vec());
        }
        Results {
            machine: machine(),
            settings: Settings { rounds: 5, secs: 3, trial_millis: 500, echoes: 1, idle_secs: 1 },
            peers,
        }
    }

    #[test]
    fn the_report_shows_medians_with_their_range_and_judges_in_words() {
        let text = markdown(&results_of(&[
            ("linux-bridge", Figure::Tcp1, &[16.0, 17.0, 18.0]),
            ("linux-bridge", Figure::LargestFrame, &[65226.0]),
            (TAP, Figure::Tcp1, &[11.0, 12.0, 13.0]),
            (TAP, Figure::LargestFrame, &[65226.0]),
        ]));
        assert!(text.contains("| lanloom-tap | 12.00 (11.00 – 13.00) | – | – | – | – | 65226 |"), "{text}");
        assert!(text.contains("| lanloom-tap | TCP 1 stream | ≥ 0.7 × linux-bridge | 0.71 × | reached |"), "{text}");
        assert!(text.contains("| lanloom-tap | TCP 1 stream | ≥ 6 × vde | – | not measured |"), "{text}");
        assert!(text.contains("| lanloom-tap | TCP 1 stream | 0.71 |"), "{text}");
        assert!(!text.contains("## Idle"), "{text}");
    }

    #[test]
    fn what_failed_is_in_the_report() {
        let mut results = results_of(&[("vde", Figure::Tcp1, &[1.0])]);
        results.peers[0].add_fault("ping: no answer".to_owned());
        results.peers[0].add_fault("ping: no answer".to_owned());
        assert_eq!(markdown(&results).matches("- vde: ping: no answer").count(), 1);
    }

    #[test]
    fn the_files_are_named_by_the_date_and_the_json_has_every_sample() {
        let dir = crate::lan::ScratchDir::new("report-test").unwrap();
        let [md, json] = write(&results_of(&[("vde", Figure::Tcp1, &[1.0, 3.0])]), dir.path()).unwrap();
        assert!(md.ends_with("compare-2026-01-02.md") && json.ends_with("compare-2026-01-02.json"));
        let value: Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
        assert_eq!(value["peers"][0]["samples"]["tcp_1_stream_gbit_per_sec"], json!([1.0, 3.0]));
        assert_eq!(value["summaries"]["vde"]["tcp_1_stream_gbit_per_sec"]["median"], 2.0);
        assert_eq!(value["targets"][0]["outcome"], "not_measured");
    }
}
