//! What somebody changed inside a sandbox behind our back. Interfaces, addresses and routes that are missing are told and not set
//! again: whoever is at home there may mean it, and the next start sets them. What leads to the name server is ours alone, and is
//! made again at once.

use super::model::{Endpoint, EndpointState, Joint, Redirect, Sandbox, SandboxState};
use super::refusal::Attempt;
use super::{EventKind, Inner, Refusal};
use crate::etc::sources::EMBEDDED;
use ipnet::IpNet;
use lanloom_drivers::kernel::{Netns, Route, Seen, Why};
use std::net::IpAddr;

impl Inner {
    /// Looks at a sandbox, and tells what is not as it was made if that is new.
    pub(super) async fn look_at(&self, sandbox: &Sandbox) {
        if sandbox.state != SandboxState::Ready || sandbox.is_stale() || self.upkeep.waits(&sandbox.id) {
            return;
        }
        if let Err(refusal) = self.redirect_again(sandbox).await {
            tracing::warn!("{refusal}");
        }
        let damage = self.damage_of(sandbox).await;
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

    /// A line for each thing that is missing. What cannot be looked at is not told: that its namespace is gone is heard otherwise.
    async fn damage_of(&self, sandbox: &Sandbox) -> Vec<String> {
        let (netns, mut damage) = (self.netns_of(sandbox), Vec::new());
        for endpoint in self.book.joined_to(&sandbox.id) {
            if let EndpointState::Joined(joint) = &endpoint.state {
                damage.extend(self.damage_by(&netns, sandbox, &endpoint, joint).await);
            }
        }
        damage
    }

    async fn damage_by(&self, netns: &Netns, sandbox: &Sandbox, endpoint: &Endpoint, joint: &Joint) -> Vec<String> {
        let Some(ifname) = &joint.ifname else { return Vec::new() };
        let Ok(plan) = self.planned(ifname, endpoint, joint).await else { return Vec::new() };
        let seen = match self.kernel.look_inside(netns, plan.name()).await {
            Ok(seen) => seen,
            Err(error) if *error.why() == Why::NoSuchLink => return vec![format!("its interface {ifname} is gone")],
            Err(_) => return Vec::new(),
        };
        let ways = self.ways_by(sandbox, &endpoint.id);
        missing(&seen, &plan.addresses, plan.routes.iter().chain(&ways), ifname)
    }

    /// Makes the redirection of DNS again if somebody changed the rules of the namespace, and records what it is known by then.
    async fn redirect_again(&self, sandbox: &Sandbox) -> Result<(), Refusal> {
        let attempt = Attempt::new("redirect DNS again in sandbox", &sandbox.name);
        let Some(redirect) = sandbox.redirect.filter(|_| self.servers.has(&sandbox.id)) else { return Ok(()) };
        let netns = self.netns_of(sandbox);
        match self.kernel.dns_redirect_stands(&netns, redirect.change).await {
            Ok(false) => {}
            // One that is gone has no rules to put right.
            Err(error) if !matches!(error.why(), Why::NoSuchNetns(_)) => return Err(attempt.kernel(error)),
            Ok(true) | Err(_) => return Ok(()),
        }
        let made = self.kernel.redirect_dns(&netns, (EMBEDDED, redirect.udp).into(), redirect.tcp).await;
        let change = made.map_err(|error| attempt.kernel(error))?;
        tracing::info!(sandbox = %sandbox.name, "its rules were changed by somebody, and lead to its name server again");
        let redirect = change.map(|change| Redirect { change, ..redirect });
        let sandbox = Sandbox { redirect, ..sandbox.clone() };
        self.save(&attempt, &sandbox).await?;
        self.book.put_sandbox(sandbox);
        Ok(())
    }
}

/// What an interface lacks, a line each. One that is down has no routes, which need not be told then.
fn missing<'a>(seen: &Seen, addresses: &[IpNet], routes: impl Iterator<Item = &'a Route>, ifname: &str) -> Vec<String> {
    if !seen.link.up {
        return vec![format!("its interface {ifname} is down")];
    }
    let is_shown = |address: &&IpNet| !matches!(address.addr(), IpAddr::V6(address) if address.is_unicast_link_local());
    let addresses = addresses.iter().filter(is_shown).filter(|address| !seen.addresses.contains(address));
    let routes = routes.filter(|route| !seen.routes.contains(route)).map(|route| match route.via {
        Some(via) => format!("its route to {} by {via} is gone", route.to),
        None => format!("its route to {} by {ifname} is gone", route.to),
    });
    addresses.map(|address| format!("its address {address} on {ifname} is gone")).chain(routes).collect()
}
