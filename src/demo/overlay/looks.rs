//! How the checks of the overlay look: from inside the sandboxes, and at both captures.

use super::super::line::Line;
use super::super::outcome::Seen;
use super::super::recording::Recording;
use super::super::stage::{PATIENCE, Stage};
use super::super::transfer::Transfer;
use super::super::{stop, words};
use super::compare::{Pair, Way, compare};
use super::{NETWORK, Side, UNDERLAY, VNI};
use std::fs::File;

/// The most that is sent over the overlay.
const MOST: u64 = 16 << 20;

/// Whether the sandboxes answer each other, and what one sends the other arrives.
pub(super) fn overlay(stage: &Stage, size: u64) -> Seen {
    let [here, there] = stage.overlay.sides()?;
    let mut times = Vec::new();
    for (from, to) in [(here.sandbox, there.sandbox), (there.sandbox, here.sandbox)] {
        for address in to.addresses() {
            let asked = from.ping(address, PATIENCE);
            times.push(asked.map_err(|why| format!("{} → {}: {why}", from.name, to.name))?);
        }
    }
    let size = size.min(MOST);
    let (from, to) = (&here.sandbox.netns, &there.sandbox.netns);
    let took = Transfer { from, to, address: there.sandbox.v4, size, flip: None }.run(|_| ())?;
    let named = |side: Side<'_>| format!("{} on {}", side.sandbox.name, side.host.plan.name);
    let (ways, quickest) = (times.len(), words::time(times.iter().min().copied().unwrap_or_default()));
    let (amount, rate) = (words::bytes(size), words::rate(size, took));
    Ok(format!(
        "{} ⇄ {}, over IPv4 and IPv6: all {ways} ways answered, the quickest in {quickest}; {amount} over TCP: {rate}, every byte as \
         sent",
        named(here),
        named(there)
    ))
}

/// Whether what the overlay's capture has of a ping is in the underlay's: which frame in which datagram.
pub(super) fn underlay(stage: &Stage) -> Result<(String, Vec<Pair>), String> {
    let [here, there] = stage.overlay.sides()?;
    let record = |line: &Line, switch: &str, name: &str| {
        let path = stage.folder.join(name);
        let file = File::create(&path).map_err(|error| format!("making {}: {error}", path.display()))?;
        line.record(switch, None, file, &path)
    };
    let inside = record(here.host.line(), NETWORK, "overlay.pcapng")?;
    let between = record(stage.board.line(), UNDERLAY, "underlay.pcapng")?;
    let compared = ping_and_compare([here, there], &inside, &between);
    inside.end();
    between.end();
    let pairs = compared?;
    let (from, to) = (here.host.plan.address, there.host.plan.address);
    let seen = format!(
        "all {} frames of a ping over IPv4 and IPv6 passed between {from} and {to} in VXLAN {VNI}, byte for byte",
        pairs.len()
    );
    Ok((seen, pairs))
}

fn ping_and_compare([here, there]: [Side<'_>; 2], inside: &Recording, between: &Recording) -> Result<Vec<Pair>, String> {
    for address in there.sandbox.addresses() {
        here.sandbox.ping(address, PATIENCE)?;
    }
    let way = Way { asking: here.host.plan.address, asked: there.host.plan.address, vni: VNI };
    let mut last = Err("stopped".to_owned());
    let found = stop::wait_for(PATIENCE, || {
        last = frames(inside).and_then(|inside| compare(&inside, &frames(between)?, &way));
        last.clone().ok()
    });
    found.map_or(last, Ok)
}

fn frames(recording: &Recording) -> Result<Vec<Vec<u8>>, String> {
    recording.frames()?.map(|frame| frame.map(|frame| frame.bytes)).collect()
}
