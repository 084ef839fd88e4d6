//! The doctors of both hosts, asked while the one is cut off.

use super::super::outcome::Seen;
use super::super::stage::{PATIENCE, Stage};
use super::super::{stop, words};
use super::faults::set_up;
use super::{NETWORK, Side};
use crate::api::client::Call;
use crate::api::types::{Diagnosis, Finding};
use std::thread;

/// Whether the doctors name what is wrong when a host is cut off, and all is as before when it is back; `stays` has it not come back
/// while that is looked at.
pub(super) fn look(stage: &Stage, stays: bool) -> Seen {
    let sides @ [here, there] = stage.overlay.sides()?;
    let (west, east) = (here.host.plan, there.host.plan);
    // Before the hosts have heard of each other, nobody could say that one of them is gone.
    wait_for_answers(sides)?;
    set_up(stage, there.host, false)?;
    let [far, near] = ask_both(sides);
    set_up(stage, there.host, !stays)?;
    let back = come_back(sides);
    if stays {
        set_up(stage, there.host, true)?;
    }
    let near = named(&near?, east.name, |finding| finding.fault == "underlay_down")?;
    let far = named(&far?, west.name, |finding| finding.place.contains(&east.address.to_string()))?;
    back.map_err(|why| format!("{} was to be back, and {why}", east.name))?;
    Ok(format!("{} cut off: its doctor says {near}, and that of {} {far}; back again, both are answered", east.name, west.name))
}

/// Waits until the one sandbox reaches the other again, and the doctors see that too.
fn come_back(sides: [Side<'_>; 2]) -> Result<(), String> {
    let [here, there] = sides.map(|side| side.sandbox);
    here.ping(there.v4.into(), PATIENCE).map_err(|why| format!("{} → {}: {why}", here.name, there.name))?;
    wait_for_answers(sides)
}

/// Waits until each host's probes are answered by the other.
fn wait_for_answers(sides: [Side<'_>; 2]) -> Result<(), String> {
    let mut last = Err("stopped".to_owned());
    let answered = stop::wait_for(PATIENCE, || {
        last = sides.into_iter().zip(ask_both(sides)).try_for_each(|(side, found)| match found?.peers.as_slice() {
            [peer] if peer.answers == "yes" => Ok(()),
            _ => Err(format!("{} gets no answer to its probes", side.host.plan.name)),
        });
        last.is_ok().then_some(Ok(()))
    });
    answered.unwrap_or(last)
}

/// What each doctor says of the network, both asked at once: they may wait for answers that do not come.
fn ask_both(sides: [Side<'_>; 2]) -> [Result<Diagnosis, String>; 2] {
    let call = || Call::get("diagnose network", NETWORK, &["v1", "networks", NETWORK, "doctor"]);
    thread::scope(|scope| {
        let asked = sides.map(|side| scope.spawn(move || side.host.line().ask(call())));
        asked.map(|thread| thread.join().unwrap_or_else(|_| Err("its thread panicked".to_owned())))
    })
}

/// The finding that is looked for: what kind it is, and where.
fn named(found: &Diagnosis, host: &str, is_it: impl Fn(&Finding) -> bool) -> Seen {
    let line = |finding: &Finding| format!("{}: {}", finding.fault, finding.place);
    let others: Vec<_> = found.findings.iter().map(line).collect();
    match found.findings.iter().find(|finding| is_it(finding)) {
        Some(finding) => Ok(line(finding)),
        None if others.is_empty() => Err(format!("the doctor on {host} finds nothing wrong")),
        None => Err(format!("the doctor on {host} says only {}", words::list(&others))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doctor_that_says_nothing_or_something_else_has_not_named_it() {
        let finding =
            |fault: &str, place: &str| Finding { fault: fault.to_owned(), place: place.to_owned(), ..Finding::default() };
        let found = |findings: &[Finding]| Diagnosis { findings: findings.to_vec(), ..Diagnosis::default() };
        let is_it = |finding: &Finding| finding.fault == "underlay_down";
        let down = finding("underlay_down", "interface eth0");
        let other = finding("peer_lossy", "peer 192.0.2.1 of VNI 42");
        let both = found(&[other.clone(), down]);
        assert_eq!(named(&both, "east", is_it), Ok("underlay_down: interface eth0".to_owned()));
        assert_eq!(named(&found(&[]), "east", is_it), Err("the doctor on east finds nothing wrong".to_owned()));
        let only = named(&found(&[other]), "east", is_it);
        assert_eq!(only, Err("the doctor on east says only peer_lossy: peer 192.0.2.1 of VNI 42".to_owned()));
    }
}
