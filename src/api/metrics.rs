//! Metrics in Prometheus' text format 0.0.4. Labels are switch, port, reason and engine: never an address, of which an attacker
//! could make as many as he likes.

use crate::api::types::{Counters, EngineInfo, PortCounters};
use std::fmt::Write as _;

/// What is measured at one moment.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Every switch.
    pub switches: Vec<Counters>,
    /// Every engine thread.
    pub engines: Vec<EngineInfo>,
}

/// The format's content type.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The metrics as text.
pub fn text(measured: &Measured) -> String {
    let mut page = Page(String::new());
    page.family(
        "lanloom_build_info",
        "gauge",
        "The version that runs.",
        [(labels(&[("version", env!("CARGO_PKG_VERSION"))]), 1)],
    );
    for (name, help, value) in PORT {
        page.family(name, "counter", help, ports(measured).map(|(labels, port)| (labels, value(port))));
    }
    page.family("lanloom_port_drops_total", "counter", "Frames and copies dropped, by reason.", drops(measured));
    for (name, kind, help, value) in SWITCH {
        let samples = measured.switches.iter().map(|switch| (labels(&[("switch", &switch.switch)]), value(switch)));
        page.family(name, kind, help, samples);
    }
    let wakeups = measured.engines.iter().map(|engine| (labels(&[("engine", &engine.engine.to_string())]), engine.wakeups));
    page.family("lanloom_engine_wakeups_total", "counter", "How often an engine thread woke up.", wakeups);
    page.0
}

fn ports(measured: &Measured) -> impl Iterator<Item = (String, &PortCounters)> {
    measured
        .switches
        .iter()
        .flat_map(|switch| switch.ports.iter().map(|port| (labels(&[("switch", &switch.switch), ("port", &port.port)]), port)))
}

fn drops(measured: &Measured) -> impl Iterator<Item = (String, u64)> {
    measured.switches.iter().flat_map(|switch| {
        switch.ports.iter().flat_map(|port| {
            let at = |reason| labels(&[("switch", &switch.switch), ("port", &port.port), ("reason", reason)]);
            port.drops.iter().map(move |(reason, frames)| (at(reason), *frames))
        })
    })
}

struct Page(String);

impl Page {
    /// One metric with its samples; nothing at all if there are none.
    fn family(&mut self, name: &str, kind: &str, help: &str, samples: impl IntoIterator<Item = (String, u64)>) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(self.0, "{name}{labels} {value}");
        }
    }
}

fn labels(labels: &[(&str, &str)]) -> String {
    let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    let all: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    format!("{{{}}}", all.join(","))
}

type Of<T> = fn(&T) -> u64;

const PORT: [(&str, &str, Of<PortCounters>); 11] = [
    ("lanloom_port_rx_frames_total", "Frames received, super-frames counting as one.", |port| port.rx.frames),
    ("lanloom_port_rx_bytes_total", "Bytes received, from the destination address on.", |port| port.rx.bytes),
    ("lanloom_port_rx_gso_frames_total", "Super-frames received.", |port| port.rx.gso_frames),
    ("lanloom_port_rx_gso_segments_total", "Wire frames that received super-frames stood for.", |port| port.rx.gso_segments),
    ("lanloom_port_tx_frames_total", "Frames sent, super-frames counting as one.", |port| port.tx.frames),
    ("lanloom_port_tx_bytes_total", "Bytes sent, from the destination address on.", |port| port.tx.bytes),
    ("lanloom_port_tx_gso_frames_total", "Super-frames sent.", |port| port.tx.gso_frames),
    ("lanloom_port_tx_gso_segments_total", "Wire frames that sent super-frames stood for.", |port| port.tx.gso_segments),
    ("lanloom_port_forwarded_total", "Received frames that were sent on to one port or more.", |port| port.forwarded),
    ("lanloom_port_consumed_total", "Received frames that were for the switch itself.", |port| port.consumed),
    ("lanloom_port_generated_total", "Frames that the switch made and sent.", |port| port.generated),
];

const SWITCH: [(&str, &str, &str, Of<Counters>); 3] = [
    ("lanloom_fdb_entries", "gauge", "Addresses known now.", |switch| switch.fdb_entries),
    ("lanloom_fdb_moves_total", "counter", "Addresses heard on another port than before.", |switch| switch.fdb_moves),
    ("lanloom_fdb_evictions_total", "counter", "Addresses that lost their place in a full table.", |switch| {
        switch.fdb_evictions
    }),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{HashMap, HashSet};

    fn measured() -> Measured {
        let port = |name: &str| PortCounters {
            port: name.into(),
            forwarded: 5,
            drops: [("storm".to_owned(), 2), ("isolated".to_owned(), 1)].into(),
            ..PortCounters::default()
        };
        let switch = |name: &str| Counters { switch: name.into(), ports: vec![port("p1"), port("p2")], ..Counters::default() };
        let engine = EngineInfo { engine: 0, wakeups: 7, ..EngineInfo::default() };
        Measured { switches: vec![switch("s1"), switch("s2")], engines: vec![engine] }
    }

    fn is_name(text: &str) -> bool {
        !text.is_empty()
            && !text.starts_with(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    }

    /// The rules of the format (and of `promtool check metrics`) that apply to counters and gauges.
    #[test]
    fn the_page_keeps_the_rules_of_the_format() {
        let page = text(&measured());
        assert!(page.ends_with('\n'));
        let (mut kinds, mut helped, mut series, mut last) = (HashMap::new(), HashSet::new(), HashSet::new(), String::new());
        for line in page.lines() {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words[..] {
                ["#", "HELP", name, help] => {
                    assert!(is_name(name) && help.ends_with('.') && helped.insert(name.to_owned()), "{line}")
                }
                ["#", "TYPE", name, kind] => {
                    assert!(helped.contains(name) && kinds.insert(name.to_owned(), kind).is_none(), "{line}");
                    assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                    name.clone_into(&mut last);
                }
                [sample, value] => {
                    let (name, labels) = sample.split_once('{').expect(line);
                    assert_eq!(name, last, "samples stand together under their type");
                    let labels = labels.strip_suffix('}').expect(line);
                    for label in labels.split(',') {
                        let (name, quoted) = label.split_once('=').expect(line);
                        assert!(
                            is_name(name) && quoted.len() > 2 && quoted.starts_with('"') && quoted.ends_with('"'),
                            "{line}"
                        );
                    }
                    assert!(value.parse::<f64>().is_ok() && series.insert(sample.to_owned()), "{line}");
                }
                _ => panic!("{line}"),
            }
        }
        assert!(series.contains(r#"lanloom_port_drops_total{switch="s2",port="p1",reason="storm"}"#), "{page}");
        assert!(page.contains("lanloom_engine_wakeups_total{engine=\"0\"} 7\n"), "{page}");
    }

    #[test]
    fn a_label_s_value_cannot_end_its_quotes() {
        assert_eq!(labels(&[("a", "x\"y\\z\n")]), r#"{a="x\"y\\z\n"}"#);
    }
}
