//! Joins interfaces by a switch until it is interrupted, and then shows what it has seen.
//!
//! ```text
//! ip netns add a; ip netns add b
//! cargo run --release -p lanloom-switch-io --example join -- tap:va@/run/netns/a tap:vb@/run/netns/b
//! ```
//! `tap:NAME`, `plain:NAME` (a TAP without offloads) or `packet:NAME` (an interface that exists), each with `@PATH` of its
//! network namespace if it is not this one.

use lanloom_switch_core::{PortConfig, SwitchConfig};
use lanloom_switch_io::engine::{EngineConfig, Engines};
use lanloom_switch_io::plug::{Plug, Source, SourceKind};
use nix::sys::signal::{SigSet, Signal};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let mut stop = SigSet::empty();
    stop.add(Signal::SIGINT);
    stop.add(Signal::SIGTERM);
    stop.thread_block()?;
    let engines = Engines::start(EngineConfig { threads: 1, ..EngineConfig::default() })?;
    let switch = engines.create_switch("join", SwitchConfig::default())?;
    for (number, word) in std::env::args().skip(1).enumerate() {
        let source = source(&word).ok_or_else(|| format!("{word}: write tap:NAME, plain:NAME or packet:NAME, with @PATH"))?;
        let name = format!("p{}", number + 1);
        switch.add_port(&name, &word, Plug::Interface(source, None), PortConfig::default())?;
    }
    stop.wait()?;
    for (_, name, counters) in switch.counters()? {
        println!("{name}: {counters:?}");
    }
    println!("{:?}", engines.stats());
    Ok(())
}

fn source(word: &str) -> Option<Source> {
    let (kind, rest) = word.split_once(':')?;
    let (ifname, netns) = rest.split_once('@').map_or((rest, None), |(name, path)| (name, Some(path)));
    let kind = match kind {
        "tap" => SourceKind::Tap { offload: true, persist: false },
        "plain" => SourceKind::Tap { offload: false, persist: false },
        "packet" => SourceKind::Packet,
        _ => return None,
    };
    Some(Source { ifname: ifname.to_owned(), netns: netns.map(Into::into), kind, label: None })
}
