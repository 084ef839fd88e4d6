//! What somebody changed inside a sandbox behind our back. Interfaces, addresses and routes that are missing are told and not set
//! again: whoever is at home there may mean it, and the next start sets them. What leads to the name server is ours alone, and is
//! made again at once.

use super::model::{Endpoint, EndpointState, Id, Redirect, Sandbox, SandboxPlace, SandboxState};
use super::refusal::Attempt;
use super::{EventKind, Inner, Refusal};
use crate::etc::sources::EMBEDDED;
use lanloom_drivers::kernel::{Plan, Route, Seen, Why};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a sandbox is to have, as of one moment between two changes.
struct Wanted {
    sandbox: Arc<Sandbox>,
    endpoints: Vec<Arc<Endpoint>>,
    interfaces: Vec<Interface>,
}

/// An interface that it is to have.
struct Interface {
    plan: Plan,
    ways: Vec<Route>,
}

impl Wanted {
    /// Whether nothing was changed in between.
    fn is_still(&self, then: &Self) -> bool {
        let are_same = |(a, b): (&Arc<Endpoint>, &Arc<Endpoint>)| Arc::ptr_eq(a, b);
        let ways = |wanted: &Self| -> Vec<Vec<Route>> { wanted.interfaces.iter().map(|one| one.ways.clone()).collect() };
        Arc::ptr_eq(&self.sandbox, &then.sandbox)
            && self.endpoints.len() == then.endpoints.len()
            && self.endpoints.iter().zip(&then.endpoints).all(are_same)
            && ways(self) == ways(then)
    }
}

impl Inner {
    /// Looks at a sandbox, and tells what is not as it was made if that is new. Who is at home there decides how long that takes: no
    /// change waits for it. What changed meanwhile is looked at another time. Answers how long looking took.
    pub(super) async fn look_at(&self, id: &Id) -> Duration {
        let Some(before) = self.wanted(id).await else { return Duration::ZERO };
        let begin = Instant::now();
        let damage = self.damage_of(&before).await;
        let took = begin.elapsed();
        if self.wanted(id).await.is_some_and(|now| before.is_still(&now)) {
            self.tell_damage(&before.sandbox, damage);
        }
        took
    }

    fn tell_damage(&self, sandbox: &Sandbox, damage: Vec<String>) {
        let known = self.damage.get(&sandbox.id).map(|known| known.clone()).unwrap_or_default();
        for what in damage.iter().filter(|what| !known.contains(what)) {
            tracing::warn!(sandbox = %sandbox.name, "{what}");
            self.tell(EventKind::SandboxDamaged { sandbox: sandbox.name.to_string(), what: what.clone() });
        }
        match damage.is_empty() {
            true => drop(self.damage.remove(&sandbox.id)),
            false => drop(self.damage.insert(sandbox.id.clone(), damage)),
        }
    }

    /// Looks whether a sandbox's namespace is there and the one that it had, and notes it. If not, nothing of ours keeps that one
    /// alive from then on.
    pub(super) async fn is_lost_now(&self, id: &Id) -> bool {
        let Some(sandbox) = self.book.sandbox(id).filter(|sandbox| self.is_ours(sandbox)) else { return false };
        let Some(path) = self.netns_path(&sandbox) else { return false };
        let is_lost = self.is_stale(&sandbox) || !self.has_namespace(&path).await;
        if !is_lost {
            // It had been unmounted, and is there again: what was in it may have gone, and its name server has.
            if self.lost.remove(id).is_some() {
                self.upkeep.put(id, Instant::now());
            }
            return false;
        }
        self.lost.insert(id.clone(), ());
        self.damage.remove(id);
        // There is nothing to put right until it is there again.
        self.upkeep.take_out(id);
        if let Some(running) = self.servers.take(id) {
            running.end().await;
            self.tell(EventKind::SandboxLost { sandbox: sandbox.name.to_string() });
        }
        true
    }

    /// What there is to say of a sandbox whose namespace is gone.
    pub(super) fn lost_note(&self, sandbox: &Sandbox) -> Option<String> {
        if !self.lost.contains_key(&sandbox.id) || self.is_stale(sandbox) {
            return None;
        }
        let restart = match sandbox.spec.place {
            SandboxPlace::Own | SandboxPlace::Host => "a restart of the daemon makes it anew",
            SandboxPlace::At(_) => "a restart of the daemon deletes it too",
        };
        Some(format!("its namespace is gone: delete it with `lanloom sandbox delete {}`; {restart}", sandbox.name))
    }

    /// What a sandbox is to have, when the change whose turn it is has ended; none while it is not known to be as it should be.
    async fn wanted(&self, id: &Id) -> Option<Wanted> {
        let _turn = self.writer.lock().await;
        let sandbox = self.book.sandbox(id).filter(|sandbox| self.is_right(sandbox))?;
        let (endpoints, mut interfaces) = (self.book.joined_to(id), Vec::new());
        for endpoint in &endpoints {
            let EndpointState::Joined(joint) = &endpoint.state else { continue };
            let Some(ifname) = &joint.ifname else { continue };
            let Ok(plan) = self.planned(ifname, endpoint, joint).await else { continue };
            interfaces.push(Interface { plan, ways: self.ways_by(&sandbox, &endpoint.id) });
        }
        Some(Wanted { sandbox, endpoints, interfaces })
    }

    /// Whether a sandbox is there, and not on its way out.
    pub(super) fn is_ours(&self, sandbox: &Sandbox) -> bool {
        !self.upkeep.has_ended() && sandbox.state == SandboxState::Ready
    }

    /// Whether a sandbox is ours to look at still, and was as it should be when it was last seen to.
    fn is_right(&self, sandbox: &Sandbox) -> bool {
        self.is_ours(sandbox) && !self.is_stale(sandbox) && !self.upkeep.waits(&sandbox.id)
    }

    /// A line for each thing that is missing. What cannot be looked at is not told: that its namespace is gone is heard otherwise.
    async fn damage_of(&self, wanted: &Wanted) -> Vec<String> {
        let (netns, mut damage) = (self.netns_of(&wanted.sandbox), Vec::new());
        for Interface { plan, ways } in &wanted.interfaces {
            match self.kernel.look_inside(&netns, plan.name()).await {
                Ok(seen) => damage.extend(missing(&seen, plan, ways)),
                Err(error) if *error.why() == Why::NoSuchLink => damage.push(format!("its interface {} is gone", plan.name())),
                Err(_) => {}
            }
        }
        damage
    }

    /// Makes the redirection of DNS again if somebody changed the rules of the namespace. Only making it takes its turn among the
    /// changes; answers how long that took as well.
    pub(super) async fn redirect_again(&self, id: &Id) -> (Duration, Result<(), Refusal>) {
        let Some((sandbox, _)) = self.redirected(id) else { return (Duration::ZERO, Ok(())) };
        let attempt = Attempt::new("redirect DNS again in sandbox", &sandbox.name);
        match self.leads(&attempt, &sandbox).await {
            Ok(true) => return (Duration::ZERO, Ok(())),
            Err(refusal) => return (Duration::ZERO, Err(refusal)),
            Ok(false) => {}
        }
        let _turn = self.writer.lock().await;
        let begin = Instant::now();
        let done = self.redirect_now(&attempt, id).await;
        (begin.elapsed(), done)
    }

    /// The same in its turn, with a record of what the redirection is known by then.
    async fn redirect_now(&self, attempt: &Attempt, id: &Id) -> Result<(), Refusal> {
        // It may be another by now.
        let Some((sandbox, redirect)) = self.redirected(id) else { return Ok(()) };
        if self.leads(attempt, &sandbox).await? {
            return Ok(());
        }
        let made = self.kernel.redirect_dns(&self.netns_of(&sandbox), (EMBEDDED, redirect.udp).into(), redirect.tcp).await;
        let change = made.map_err(|error| attempt.kernel(error))?;
        tracing::info!(sandbox = %sandbox.name, "its rules were changed by somebody, and lead to its name server again");
        // If somebody changed something at the same time, the old number has it looked at again.
        let redirect = Redirect { change: change.unwrap_or(redirect.change), ..redirect };
        let sandbox = Sandbox { redirect: Some(redirect), ..Sandbox::clone(&sandbox) };
        self.save(attempt, &sandbox).await?;
        self.book.put_sandbox(sandbox);
        Ok(())
    }

    /// A sandbox that is as it should be and has a redirection that is known, with that.
    fn redirected(&self, id: &Id) -> Option<(Arc<Sandbox>, Redirect)> {
        let sandbox = self.book.sandbox(id).filter(|sandbox| self.is_right(sandbox) && self.servers.has(id))?;
        let redirect = sandbox.redirect?;
        Some((sandbox, redirect))
    }

    /// Whether the redirection that is known leads to the server still. A namespace that is gone has no rules to put right.
    async fn leads(&self, attempt: &Attempt, sandbox: &Sandbox) -> Result<bool, Refusal> {
        let Some(redirect) = sandbox.redirect else { return Ok(true) };
        match self.kernel.dns_redirect_stands(&self.netns_of(sandbox), redirect.change).await {
            Err(error) if matches!(error.why(), Why::NoSuchNetns(_)) => Ok(true),
            stands => stands.map_err(|error| attempt.kernel(error)),
        }
    }
}

/// What an interface lacks, a line each. One that is down has no routes, which need not be told then; nor is it told of a route among
/// more than can be looked at.
fn missing(seen: &Seen, plan: &Plan, ways: &[Route]) -> Vec<String> {
    let ifname = plan.name();
    if !seen.link.up {
        return vec![format!("its interface {ifname} is down")];
    }
    let addresses = plan.addresses.iter().filter(|address| !seen.addresses.contains(address));
    let routes = plan.routes.iter().chain(ways).filter(|route| seen.all_routes && !seen.routes.contains(route));
    let routes = routes.map(|route| match route.via {
        Some(via) => format!("its route to {} by {via} is gone", route.to),
        None => format!("its route to {} by {ifname} is gone", route.to),
    });
    addresses.map(|address| format!("its address {address} on {ifname} is gone")).chain(routes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanloom_drivers::kernel::{IfName, LinkInfo, LinkKind};

    #[test]
    fn a_route_is_not_told_to_be_gone_where_there_are_too_many_to_look_at() {
        let dev = IfName::new("eth0").expect("a name");
        let default = |via: &str| {
            let (to, via) = ("0.0.0.0/0".parse().expect("a prefix"), via.parse().ok());
            Route { to, via, dev: dev.clone(), on_link: false }
        };
        let plan = Plan { addresses: vec!["10.9.0.2/24".parse().expect("an address")], ..Plan::new(dev.clone()) };
        let (name, kind) = (dev.to_string(), LinkKind::Veth);
        let link =
            LinkInfo { index: 2, name, mac: None, mtu: 1500, up: true, carrier: true, kind, tx_queue_len: 1000, pair: None };
        let seen = |all_routes| Seen { link: link.clone(), addresses: vec![], routes: vec![default("10.9.0.9")], all_routes };
        let address = "its address 10.9.0.2/24 on eth0 is gone".to_owned();
        let route = "its route to 0.0.0.0/0 by 10.9.0.1 is gone".to_owned();
        let ways = [default("10.9.0.1")];
        assert_eq!(missing(&seen(true), &plan, &ways), [address.clone(), route]);
        assert_eq!(missing(&seen(false), &plan, &ways), [address]);
    }
}
