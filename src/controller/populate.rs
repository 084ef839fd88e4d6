//! What is set inside a sandbox: addresses, settings and routes of an interface (`osl/interface_linux.go`), and the way out.

use super::gateway::{self, Candidate, Choice, Way};
use super::model::{Endpoint, EndpointState, Id, Joint, Sandbox};
use super::refusal::Attempt;
use super::{Inner, Refusal};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use lanloom_drivers::driver::External;
use lanloom_drivers::kernel::{IfName, KernelError, Netns, Plan, Route, SysctlKey, Why};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::Arc;

/// Which endpoint gives a sandbox its way out, over IPv4 and over IPv6.
pub(super) type WaysOut = [Option<Id>; 2];

/// Settings of an endpoint's interface.
const SYSCTLS: &str = "com.docker.network.endpoint.sysctls";

const WAYS: [Way; 2] = [Way::V4, Way::V6];

impl Inner {
    /// Where a sandbox's namespace is.
    pub(super) fn netns_of(&self, sandbox: &Sandbox) -> Netns {
        self.netns_path(sandbox).map_or(Netns::Daemon, Netns::At)
    }

    /// The same as a path; none for the daemon's own.
    pub(super) fn netns_path(&self, sandbox: &Sandbox) -> Option<PathBuf> {
        sandbox.path(self.kernel.netns_dir())
    }

    /// Gives an interface that has come its addresses and routes.
    pub(super) async fn populate(
        &self,
        attempt: &Attempt,
        sandbox: &Sandbox,
        endpoint: &Endpoint,
        joint: &Joint,
    ) -> Result<(), Refusal> {
        let Some(ifname) = &joint.ifname else { return Ok(()) };
        let plan = plan(ifname, endpoint, joint, &sandbox.spec.sysctls, self.has_ipv6().await)
            .map_err(|error| attempt.kernel(error))?;
        self.kernel.configure(&self.netns_of(sandbox), &plan).await.map_err(|error| attempt.kernel(error))
    }

    /// The same for one that may have them already: after a restart only what is missing is set. Answers its routes that were there.
    pub(super) async fn populate_again(
        &self,
        attempt: &Attempt,
        sandbox: &Sandbox,
        endpoint: &Endpoint,
        joint: &Joint,
    ) -> Result<Vec<Route>, Refusal> {
        let Some(ifname) = &joint.ifname else { return Ok(Vec::new()) };
        self.check_not_stale(attempt, sandbox)?;
        let netns = self.netns_of(sandbox);
        let joint = &self.with_routes_of_now(attempt, endpoint, joint).await?;
        let has_ipv6 = self.has_ipv6().await;
        let asked = &sandbox.spec.sysctls;
        let mut plan = plan(ifname, endpoint, joint, asked, has_ipv6).map_err(|error| attempt.kernel(error))?;
        let seen = self.kernel.look_inside(&netns, plan.name()).await.map_err(|error| attempt.kernel(error))?;
        // An interface that was down in between has lost its IPv6 addresses and its routes, and no IPv4 address.
        plan.addresses.retain(|address| !seen.addresses.contains(address));
        // Where there are too many routes to look at, it was not down: ours are taken to be among them.
        plan.routes.retain(|route| !seen.routes.contains(route) && (seen.all_routes || !seen.link.up));
        if seen.link.up && plan.addresses.is_empty() && plan.routes.is_empty() {
            return Ok(seen.routes);
        }
        tracing::warn!(sandbox = %sandbox.name, interface = %ifname, "it was not as it should be, and is set again");
        self.kernel.configure(&netns, &plan).await.map_err(|error| attempt.kernel(error))?;
        // What goes by a gateway may have gone with the address, and be what is missing.
        Ok(seen.routes.into_iter().filter(|route| seen.link.up && route.via.is_none()).collect())
    }

    /// The endpoints of a sandbox, in the order of choice.
    pub(super) fn candidates(&self, sandbox: &Id) -> Vec<Candidate> {
        let mut all: Vec<Candidate> =
            self.book.joined_to(sandbox).iter().filter_map(|endpoint| self.candidate(endpoint)).collect();
        gateway::order(&mut all);
        all
    }

    fn candidate(&self, endpoint: &Arc<Endpoint>) -> Option<Candidate> {
        let network = self.book.network(&endpoint.network)?;
        let joint = endpoint.state.joint()?;
        let goes_all = |v4: bool| joint.routes.iter().any(|(to, _)| to.prefix_len() == 0 && to.addr().is_ipv4() == v4);
        Some(Candidate {
            key: endpoint.id.to_string(),
            network: network.name.to_string(),
            priority: endpoint.spec.priority,
            internal: network.spec.internal,
            v4: joint.gateway_v4.is_some() || goes_all(true),
            v6: joint.gateway_v6.is_some() || goes_all(false),
        })
    }

    /// Which endpoint is to give the way out, and why.
    pub(super) fn choices(&self, sandbox: &Id) -> [Option<Choice>; 2] {
        let candidates = self.candidates(sandbox);
        WAYS.map(|way| gateway::choose(&candidates, way))
    }

    /// The routes of the ways out that an endpoint gives its sandbox.
    pub(super) fn ways_by(&self, sandbox: &Sandbox, endpoint: &Id) -> Vec<Route> {
        let present = self.ways.get(&sandbox.id).map(|ways| ways.clone()).unwrap_or_default();
        let given = WAYS.into_iter().zip(&present).filter(|(_, by)| by.as_ref() == Some(endpoint));
        given.filter_map(|(way, _)| self.route_out(endpoint, way)).collect()
    }

    /// What is to be set of an endpoint's interface, but for settings that its sandbox was given.
    pub(super) async fn planned(&self, ifname: &str, endpoint: &Endpoint, joint: &Joint) -> Result<Plan, KernelError> {
        plan(ifname, endpoint, joint, &[], self.has_ipv6().await)
    }

    /// Of the ways out that were set, those whose routes are not there any more are to be set again.
    pub(super) fn doubt_ways_out(&self, sandbox: &Sandbox, routes: &[Route]) {
        let present = self.ways.get(&sandbox.id).map(|ways| ways.clone()).unwrap_or_default();
        for (at, way) in WAYS.into_iter().enumerate() {
            let route = present[at].as_ref().and_then(|endpoint| self.route_out(endpoint, way));
            if route.is_some_and(|route| !routes.contains(&route)) {
                self.note_way(sandbox, at, None);
            }
        }
    }

    /// Has the way out lead where it is to lead now: the old one is revoked and its route taken away, the new one set.
    pub(super) async fn choose_ways_out(&self, attempt: &Attempt, sandbox: &Sandbox) -> Result<(), Refusal> {
        self.choose_ways_out_among(attempt, sandbox, &[]).await
    }

    /// The same where it is known that the sandbox has these routes.
    pub(super) async fn choose_ways_out_among(
        &self,
        attempt: &Attempt,
        sandbox: &Sandbox,
        known: &[Route],
    ) -> Result<(), Refusal> {
        if self.is_stale(sandbox) {
            return Ok(());
        }
        let wanted: WaysOut = self.choices(&sandbox.id).map(|choice| choice.and_then(|choice| Id::try_from(choice.key).ok()));
        let present = self.ways.get(&sandbox.id).map(|ways| ways.clone()).unwrap_or_default();
        for (at, way) in WAYS.into_iter().enumerate() {
            if wanted[at] == present[at] {
                continue;
            }
            // Each step is noted, so that a failure between two leaves what the next try can go on from.
            if let Some(old) = &present[at] {
                self.take_way(attempt, sandbox, old, way).await?;
                self.note_way(sandbox, at, None);
            }
            if let Some(new) = &wanted[at] {
                self.give_way(attempt, sandbox, (new, way), known).await?;
                self.note_way(sandbox, at, Some(new.clone()));
            }
        }
        let named = |ways: &WaysOut| -> Vec<Id> {
            let mut ids: Vec<Id> = ways.iter().flatten().cloned().collect();
            ids.dedup();
            ids
        };
        for old in named(&present).iter().filter(|old| !named(&wanted).contains(old)) {
            self.revoke(old).await;
        }
        for new in named(&wanted).iter().filter(|new| !named(&present).contains(new)) {
            let Some(endpoint) = self.book.endpoint(new) else { continue };
            // A driver that is not there cannot be told.
            let Ok((network, driver)) = self.driver_of(attempt, &endpoint) else { continue };
            let external = External { options: endpoint.spec.options.clone() };
            if let Err(error) = driver.program_external(network.id.as_str(), new.as_str(), &external).await {
                self.forget_way(sandbox, new);
                return Err(error.into());
            }
        }
        Ok(())
    }

    fn note_way(&self, sandbox: &Sandbox, at: usize, by: Option<Id>) {
        self.ways.entry(sandbox.id.clone()).or_default()[at] = by;
    }

    /// An endpoint is the way out no more; answers whether it was.
    fn forget_way(&self, sandbox: &Sandbox, endpoint: &Id) -> bool {
        self.ways.get_mut(&sandbox.id).is_some_and(|mut ways| {
            let was = ways.iter().flatten().any(|way| way == endpoint);
            ways.iter_mut().filter(|way| way.as_ref() == Some(endpoint)).for_each(|way| *way = None);
            was
        })
    }

    /// A line for each way out that is not where it is to be.
    pub(super) fn ways_astray(&self, sandbox: &Id) -> Vec<String> {
        let present = self.ways.get(sandbox).map(|ways| ways.clone()).unwrap_or_default();
        let wanted = self.choices(sandbox);
        let astray = wanted.iter().zip(&present).zip(["IPv4", "IPv6"]).filter_map(|((wanted, present), family)| {
            let key = wanted.as_ref().map(|choice| choice.key.as_str());
            let is_right = key == present.as_ref().map(Id::as_str);
            (!is_right).then(|| format!("its way out over {family} could not be set; restarting the daemon tries again"))
        });
        astray.collect()
    }

    /// An endpoint that is leaving is the way out no more; its routes go with its interface.
    pub(super) async fn lose_way_out(&self, sandbox: &Sandbox, endpoint: &Endpoint) {
        if self.forget_way(sandbox, &endpoint.id) {
            self.revoke(&endpoint.id).await;
        }
    }

    async fn revoke(&self, endpoint: &Id) {
        let Some(endpoint) = self.book.endpoint(endpoint) else { return };
        let attempt = Attempt::new("close the way out of", &endpoint.name);
        let Ok((network, driver)) = self.driver_of(&attempt, &endpoint) else { return };
        if let Err(error) = driver.revoke_external(network.id.as_str(), endpoint.id.as_str()).await {
            tracing::warn!("{error}");
        }
    }

    async fn give_way(
        &self,
        attempt: &Attempt,
        sandbox: &Sandbox,
        (endpoint, way): (&Id, Way),
        known: &[Route],
    ) -> Result<(), Refusal> {
        let Some(route) = self.route_out(endpoint, way).filter(|route| !known.contains(route)) else { return Ok(()) };
        match self.kernel.create_route(&self.netns_of(sandbox), &route).await {
            Err(error) if *error.why() == Why::Exists => self.displace(attempt, sandbox, &route).await,
            done => done.map_err(|error| attempt.kernel(error)),
        }
    }

    /// There is a default route already: the same one, kept over a restart; one by another endpoint, which a crash left; or
    /// somebody's.
    async fn displace(&self, attempt: &Attempt, sandbox: &Sandbox, route: &Route) -> Result<(), Refusal> {
        let netns = self.netns_of(sandbox);
        let known = self.kernel.list_routes(&netns).await.map_err(|error| attempt.kernel(error))?;
        let present: Vec<Route> = known.into_iter().filter(|known| known.to == route.to).collect();
        if present.iter().any(|known| (known.via, &known.dev) == (route.via, &route.dev)) {
            return Ok(());
        }
        let endpoints = self.book.endpoints_in(&sandbox.id);
        let is_ours = |known: &Route| {
            let named = |endpoint: &Arc<Endpoint>| endpoint.state.joint()?.ifname.clone();
            endpoints.iter().filter_map(named).any(|ifname| ifname == known.dev.as_str())
        };
        if let Some(theirs) = present.iter().find(|known| !is_ours(known)) {
            let why = format!("sandbox {} has a default route of its own by {}", sandbox.name, theirs.dev);
            return Err(attempt.conflict(why, "delete that route, or connect an internal network"));
        }
        for known in &present {
            self.kernel.delete_route(&netns, known).await.map_err(|error| attempt.kernel(error))?;
        }
        self.kernel.create_route(&netns, route).await.map_err(|error| attempt.kernel(error))
    }

    async fn take_way(&self, attempt: &Attempt, sandbox: &Sandbox, endpoint: &Id, way: Way) -> Result<(), Refusal> {
        let Some(route) = self.route_out(endpoint, way) else { return Ok(()) };
        match self.kernel.delete_route(&self.netns_of(sandbox), &route).await {
            Err(error) if matches!(error.why(), Why::NoSuchRoute | Why::NoSuchLink | Why::NoSuchNetns(_)) => Ok(()),
            done => done.map_err(|error| attempt.kernel(error)),
        }
    }

    /// The default route by an endpoint, if it is one that we set.
    fn route_out(&self, endpoint: &Id, way: Way) -> Option<Route> {
        let endpoint = self.book.endpoint(endpoint)?;
        let EndpointState::Joined(joint) = &endpoint.state else { return None };
        let via: IpAddr = match way {
            Way::V4 => joint.gateway_v4?.into(),
            Way::V6 => joint.gateway_v6?.into(),
        };
        let dev = IfName::new(joint.ifname.as_ref()?).ok()?;
        Some(Route { to: everything(way), via: Some(via), dev, on_link: false })
    }
}

fn everything(way: Way) -> IpNet {
    match way {
        Way::V4 => IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)),
        Way::V6 => IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)),
    }
}

/// Settings that an endpoint's option asks for: `net.ipv4.conf.IFNAME.log_martians=1,…`, the word for whatever its interface is
/// called.
fn asked_settings(endpoint: &Endpoint) -> impl Iterator<Item = (String, String)> {
    let asked = endpoint.spec.options.get(SYSCTLS).map(String::as_str).unwrap_or_default();
    let pair = |text: &str| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        (key.trim().to_owned(), value.trim().to_owned())
    };
    asked.split(',').filter(|text| !text.trim().is_empty()).map(pair).collect::<Vec<_>>().into_iter()
}

/// All that is set of an endpoint's interface, in one step. IPv6 is off where the endpoint has none; advertisements of routers are
/// never followed; and no address is asked for first, since IPAM knows that nobody has it, and who answers all the same means harm.
/// A kernel without IPv6 has none of these settings. Of what its sandbox was given (`asked`), what is of this interface is set too; the
/// endpoint's own settings come after it.
fn plan(
    ifname: &str,
    endpoint: &Endpoint,
    joint: &Joint,
    asked: &[(String, String)],
    has_ipv6: bool,
) -> Result<Plan, KernelError> {
    let name = IfName::new(ifname)?;
    let has_v6 = endpoint.addresses.iter().copied().chain(endpoint.link_local()).any(|net| net.addr().is_ipv6());
    let settings = [("accept_ra", "0"), ("accept_dad", "0"), ("disable_ipv6", if has_v6 { "0" } else { "1" })];
    let mut sysctls = Vec::new();
    for (key, value) in settings.into_iter().filter(|_| has_ipv6) {
        sysctls.push((SysctlKey::new(&format!("net/ipv6/conf/{ifname}/{key}"))?, value.to_owned()));
    }
    for (key, value) in asked {
        let key = SysctlKey::new(key)?;
        if key.interface() == Some(ifname) {
            sysctls.push((key, value.clone()));
        }
    }
    for (key, value) in asked_settings(endpoint) {
        sysctls.push((SysctlKey::new(&key.replace("IFNAME", ifname))?, value));
    }
    let routes = joint.routes.iter().map(|(to, via)| Route { to: *to, via: *via, dev: name.clone(), on_link: false }).collect();
    Ok(Plan {
        mtu: joint.mtu,
        sysctls,
        addresses: endpoint.addresses.iter().copied().chain(endpoint.link_local()).collect(),
        up: true,
        routes,
        ..Plan::new(name)
    })
}
