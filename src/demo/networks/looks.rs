//! How the checks of networks look: from inside the sandboxes, and at what the switches counted.

use super::super::inside::inside;
use super::super::outcome::Seen;
use super::super::ping::ping;
use super::super::stage::{PATIENCE, Stage};
use super::super::verify::since;
use super::super::{stop, words};
use super::page;
use super::{BACK, Endpoint, FRONT, HOST, Networks, Sandbox};
use crate::api::types::{PortCounters, PortState};
use crate::exec::ping::{Family, PingArgs, ping as ping_by_name};
use crate::exec::{self, Warning};
use ipnet::IpNet;
use lanloom_drivers::kernel::{IfName, Kernel, Netns, Route};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, ToSocketAddrs};
use std::thread;
use std::time::Duration;

/// How long an answer is waited for that is not to come. Whether it came too late the switch's counters show.
const IN_VAIN: Duration = Duration::from_millis(250);

/// Marks the pings that are not to be answered.
const PING: u16 = 9;

/// Whether each sandbox has the interfaces and addresses that the controller says, and its ports are up.
pub(super) fn networks(stage: &Stage) -> Seen {
    let seen: Vec<_> = stage.networks.sandboxes.iter().map(|sandbox| sandbox_on(stage, sandbox)).collect::<Result<_, _>>()?;
    Ok(format!("{}; each address and port as it should be", words::list(&seen)))
}

fn sandbox_on(stage: &Stage, sandbox: &Sandbox) -> Seen {
    let netns = Netns::At(sandbox.place.netns.clone());
    for endpoint @ Endpoint { network, interface, .. } in &sandbox.endpoints {
        let is_up = || stage.board.port_of(network, sandbox.name).ok().filter(|port| port.state == PortState::Up);
        if stop::wait_for(PATIENCE, is_up).is_none() {
            let port = stage.board.port_of(network, sandbox.name)?;
            return Err(format!("{} on {network} is down: {}", sandbox.name, port.reason));
        }
        let name = IfName::new(interface).map_err(|error| error.to_string())?;
        let has = stage.board.wait(stage.kernel.list_addresses(&netns, &name)).map_err(|error| error.to_string())?;
        let has: Vec<_> = has.iter().map(IpNet::addr).collect();
        if let Some(missing) = endpoint.addresses().into_iter().find(|address| !has.contains(address)) {
            return Err(format!("{} has no address {missing} on {interface}", sandbox.name));
        }
    }
    match &sandbox.endpoints[..] {
        [only] => Ok(format!("{} on {}", sandbox.name, only.network)),
        _ => Ok(format!("{} on both", sandbox.name)),
    }
}

/// Whether each sandbox finds those that it meets under their names, and no others.
pub(super) fn names(networks: &Networks) -> Seen {
    let sandboxes = &networks.sandboxes;
    let pairs: Vec<_> = pairs(sandboxes).collect();
    let found = at_once(&pairs, |(from, to)| look_up(from, to.name));
    let mut known = Vec::new();
    for ((from, to), found) in pairs.into_iter().zip(found) {
        match (found, from.meets(to)) {
            (Ok(found), Some((_, there))) if found == there.addresses().into() => known.push((from.name, to.name)),
            (Ok(found), _) => {
                let found: Vec<_> = found.iter().map(ToString::to_string).collect();
                return Err(format!("{} finds {} at {}", from.name, to.name, words::list(&found)));
            }
            (Err(_), None) => {}
            (Err(why), Some(_)) => return Err(format!("{} does not find {}: {why}", from.name, to.name)),
        }
    }
    let knows = |sandbox: &Sandbox| {
        let of: Vec<_> = known.iter().filter(|(from, _)| *from == sandbox.name).map(|(_, to)| *to).collect();
        format!("{} knows {}", sandbox.name, words::list(&of))
    };
    let knows: Vec<_> = sandboxes.iter().map(knows).collect();
    let dns = sandboxes.first().map_or("", |sandbox| sandbox.dns.as_str());
    // On which ports it really listens matters only where nothing leads there.
    let place = if dns.ends_with("directly") { dns } else { dns.split(", ").next().unwrap_or(dns) };
    Ok(format!("{}, and no others; asked at {place}", knows.join(", ")))
}

/// The addresses of a name, by the files and the name server of a sandbox, as any program in it would find them.
fn look_up(from: &Sandbox, name: &str) -> Result<BTreeSet<IpAddr>, String> {
    let mut warnings = Vec::new();
    let found = exec::inside(
        &from.place,
        |warning: &Warning| warnings.push(warning.to_string()),
        || {
            let found = (name, 0).to_socket_addrs().map_err(|error| error.to_string())?;
            Ok::<_, String>(found.map(|address| address.ip()).collect())
        },
    );
    let found = found.map_err(|error| error.to_string())?;
    found.map_err(|why| [vec![why], warnings].concat().join("; "))
}

/// Whether sandboxes that share a network answer each other by name.
pub(super) fn reach(networks: &Networks) -> Seen {
    let sandboxes = &networks.sandboxes;
    let ways = pairs(sandboxes).filter(|(from, to)| from.meets(to).is_some());
    let ways: Vec<_> = ways.flat_map(|(from, to)| [(from, to, Family::V4), (from, to, Family::V6)]).collect();
    let times = at_once(&ways, |(from, to, family)| {
        ask_by_name(from, to.name, *family).map_err(|why| format!("{} → {}: {why}", from.name, to.name))
    });
    let times = times.into_iter().collect::<Result<Vec<_>, _>>()?;
    let quickest = times.iter().min().copied().unwrap_or_default();
    let chain: Vec<_> = sandboxes.iter().map(|sandbox| sandbox.name).collect();
    let (ways, quickest) = (times.len(), words::time(quickest));
    Ok(format!("{} by name, over IPv4 and IPv6: all {ways} ways answered, the quickest in {quickest}", chain.join(" ⇄ ")))
}

/// Everyone with everyone else.
fn pairs(sandboxes: &[Sandbox]) -> impl Iterator<Item = (&Sandbox, &Sandbox)> {
    let all = sandboxes.iter().flat_map(move |from| sandboxes.iter().map(move |to| (from, to)));
    all.filter(|(from, to)| from.name != to.name)
}

/// Asks until there is an answer: how long that took.
fn ask_by_name(from: &Sandbox, name: &str, family: Family) -> Result<Duration, String> {
    let args = PingArgs { family: Some(family), count: 1, ..PingArgs::new(name) };
    let mut last = Err("stopped".to_owned());
    let answered = stop::wait_for(PATIENCE, || {
        last = match ping_by_name(&from.place, &args, |_| {}, |_| {}) {
            Ok(summary) => match summary.times() {
                Some(times) => Ok(times.min),
                None => Err(format!("no answer from {}", summary.address())),
            },
            Err(error) => Err(error.to_string()),
        };
        last.clone().ok()
    });
    answered.map_or(last, Ok)
}

/// Whether the sandboxes that share no network get no answer from each other, and what the switches say about it.
pub(super) fn isolation(stage: &Stage) -> Seen {
    let (web, db) = (stage.networks.sandbox("web")?, stage.networks.sandbox("db")?);
    let mut reasons = BTreeMap::new();
    for ((from, at), (to, there)) in [((web, FRONT), (db, BACK)), ((db, BACK), (web, FRONT))] {
        for address in endpoint(to, there)?.addresses() {
            refused(stage, (from, at), (to, address), &mut reasons)?;
        }
    }
    Ok(format!("web and db get no answer from each other, over IPv4 and IPv6; their switches dropped {}", dropped(&reasons)))
}

/// The same when they send to each other by way of the sandbox that is on both networks.
pub(super) fn relay(stage: &Stage) -> Seen {
    let (web, app, db) = (stage.networks.sandbox("web")?, stage.networks.sandbox("app")?, stage.networks.sandbox("db")?);
    let (front, back) = (stage.networks.network(FRONT)?, stage.networks.network(BACK)?);
    let way = |from: &Sandbox, at: &str, to: IpNet| {
        let dev = IfName::new(&endpoint(from, at)?.interface).map_err(|error| error.to_string())?;
        let via = Some(endpoint(app, at)?.v4.into());
        Ok::<_, String>((Netns::At(from.place.netns.clone()), Route { to, via, dev, on_link: false }))
    };
    let ways = [way(web, FRONT, back.subnet)?, way(db, BACK, front.subnet)?];
    for (netns, route) in &ways {
        stage.board.wait(stage.kernel.create_route(netns, route)).map_err(|error| error.to_string())?;
    }
    let mut reasons = BTreeMap::new();
    let there = endpoint(db, BACK)?.v4.into();
    let seen = refused(stage, (web, FRONT), (db, there), &mut reasons);
    for (netns, route) in &ways {
        stage.board.wait(stage.kernel.delete_route(netns, route)).map_err(|error| error.to_string())?;
    }
    seen.map(|()| format!("web gets no answer from db by way of app either; its switch dropped {}", dropped(&reasons)))
}

/// Pings in vain, and counts what the switch dropped of it.
fn refused(
    stage: &Stage,
    (from, at): (&Sandbox, &str),
    (to, address): (&Sandbox, IpAddr),
    reasons: &mut BTreeMap<String, u64>,
) -> Result<(), String> {
    let before = port(stage, at, from.name)?;
    if let Ok(time) = inside(&from.place.netns, || ping(address, PING, IN_VAIN)) {
        return Err(format!("{} answers {} at {address} after {}", to.name, from.name, words::time(time)));
    }
    let drops = stop::wait_for(PATIENCE, || {
        let drops = since(&port(stage, at, from.name).ok()?, &before).drops;
        let drops: Vec<_> = drops.into_iter().filter(|(_, frames)| *frames > 0).collect();
        (!drops.is_empty()).then_some(drops)
    });
    let silent = || format!("{} gets no answer from {address}, but switch {at} dropped none of its frames", from.name);
    for (reason, frames) in drops.ok_or_else(silent)? {
        *reasons.entry(reason).or_default() += frames;
    }
    Ok(())
}

/// `4 frames: isolated`.
fn dropped(reasons: &BTreeMap<String, u64>) -> String {
    let parts: Vec<_> = reasons.iter().map(|(reason, frames)| format!("{frames} as {reason}")).collect();
    let frames = reasons.values().sum::<u64>();
    match reasons.keys().next() {
        Some(reason) if reasons.len() == 1 => format!("{frames} frame{}: {reason}", if frames == 1 { "" } else { "s" }),
        _ => format!("{frames} frames, {}", words::list(&parts)),
    }
}

/// Whether a sandbox gets a page that the host serves, as it was sent, and by its name.
pub(super) fn page(networks: &Networks) -> Seen {
    let web = networks.sandbox("web")?;
    let (gateway, asks) = (networks.network(FRONT)?.gateway, endpoint(web, FRONT)?.v4);
    let bytes = page::fetch(&web.place, HOST, gateway, asks)?;
    Ok(format!("web fetched http://{HOST}/ from {gateway}: {bytes} bytes, as served to {asks}"))
}

fn endpoint<'a>(sandbox: &'a Sandbox, network: &str) -> Result<&'a Endpoint, String> {
    sandbox.on(network).ok_or_else(|| format!("{} is not on {network}", sandbox.name))
}

fn port(stage: &Stage, network: &str, name: &str) -> Result<PortCounters, String> {
    let counters = stage.board.counters_of(network)?;
    counters
        .ports
        .into_iter()
        .find(|port| port.port == name)
        .ok_or_else(|| format!("the counters of {network} lack port {name}"))
}

/// Does it with all of them, each in a thread of its own.
fn at_once<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> Result<R, String> + Sync) -> Vec<Result<R, String>> {
    thread::scope(|scope| {
        let threads: Vec<_> = items.iter().map(|item| scope.spawn(|| work(item))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err("its thread panicked".to_owned()))).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dropped_is_said_with_its_reasons() {
        let reasons =
            |list: &[(&str, u64)]| dropped(&list.iter().map(|(reason, frames)| ((*reason).to_owned(), *frames)).collect());
        assert_eq!(reasons(&[("isolated", 1)]), "1 frame: isolated");
        assert_eq!(reasons(&[("isolated", 3)]), "3 frames: isolated");
        assert_eq!(reasons(&[("isolated", 3), ("no_destination", 1)]), "4 frames, 3 as isolated and 1 as no_destination");
    }
}
