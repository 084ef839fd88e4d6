//! Endpoints in sandboxes: join and leave (`endpoint.go` sbJoin, sbLeave), and `connect` and `disconnect`, which make and delete
//! the endpoint as well.

use super::driver::join_of;
use super::model::{Endpoint, EndpointState, Id, Joint, Network, NewEndpoint, Sandbox, SandboxPlace, SandboxState};
use super::refusal::Attempt;
use super::{EventKind, Inner, Refusal};
use lanloom_drivers::driver::{Interface, Joined};
use lanloom_drivers::kernel::IfName;
use std::sync::Arc;

/// What the names of interfaces in a sandbox begin with.
const PREFIX: &str = "eth";
/// The same, as a network's option may say it.
const IFACE_PREFIX: &str = "com.docker.network.container_iface_prefix";
/// The whole name, as an endpoint's option may say it.
const IFNAME: &str = "com.docker.network.endpoint.ifname";

impl Inner {
    pub(super) async fn connect(&self, network: &str, sandbox: &str, new: NewEndpoint) -> Result<Id, Refusal> {
        let attempt = Attempt::new("connect", format!("{sandbox} to network {network}"));
        let sandbox = self.ready_sandbox(&attempt, sandbox)?;
        let on = self.find_network(&attempt, network)?;
        for endpoint in self.book.endpoints_in(&sandbox.id).iter().filter(|endpoint| endpoint.network == on.id) {
            if let EndpointState::Leaving(_) = endpoint.state {
                // What an earlier change left half done is finished first.
                self.leave(&attempt, endpoint, false).await?;
                continue;
            }
            let why = format!("endpoint with name {} already exists in network {}", sandbox.name, on.name);
            return Err(attempt.conflict(why, "it is connected already; see `lanloom sandbox inspect`"));
        }
        let done = self.attach(&attempt, on.name.as_str(), &sandbox, new).await;
        if done.is_err() {
            self.doze_off(&attempt, &on.id).await;
        }
        done
    }

    /// Makes an endpoint of the sandbox's name and joins it; both or nothing.
    pub(super) async fn attach(
        &self,
        attempt: &Attempt,
        network: &str,
        sandbox: &Sandbox,
        new: NewEndpoint,
    ) -> Result<Id, Refusal> {
        let id = self.create_endpoint(network, sandbox.name.clone(), new, true).await?;
        let Some(endpoint) = self.book.endpoint(&id) else {
            return Err(attempt.failed("the endpoint is gone again", "try again"));
        };
        match self.join(attempt, &endpoint, sandbox).await {
            Ok(()) => Ok(id),
            Err(refusal) => Err(refusal.and(self.unmake_endpoint(attempt, &endpoint, false).await)),
        }
    }

    pub(super) async fn disconnect(&self, network: &str, sandbox: &str, force: bool) -> Result<(), Refusal> {
        let attempt = Attempt::new("disconnect", format!("{sandbox} from network {network}"));
        let on = self.find_network(&attempt, network)?;
        let endpoints = self.book.endpoints_on(&on.id);
        let is_its = |endpoint: &Endpoint, of: &Id| endpoint.state.joint().is_some_and(|joint| joint.sandbox == *of);
        let found: Vec<_> = match self.find_sandbox(&attempt, sandbox) {
            Ok(sandbox) => endpoints.into_iter().filter(|one| is_its(one, &sandbox.id)).collect(),
            // What is left of a sandbox that is no more.
            Err(_) if force => endpoints.into_iter().filter(|endpoint| endpoint.name.as_str() == sandbox).collect(),
            Err(refusal) => return Err(refusal),
        };
        if found.is_empty() {
            let hint = format!("see `lanloom network inspect {}`", on.name);
            return Err(attempt.not_found(format!("sandbox {sandbox} is not connected to network {}", on.name), hint));
        }
        // More than one if others were made and joined by themselves.
        for endpoint in found {
            self.leave(&attempt, &endpoint, force).await?;
        }
        self.doze_off(&attempt, &on.id).await;
        Ok(())
    }

    pub(super) async fn join_endpoint(&self, endpoint: &str, sandbox: &str) -> Result<(), Refusal> {
        let attempt = Attempt::new("join", format!("endpoint {endpoint} to {sandbox}"));
        let endpoint = self.find_endpoint(&attempt, endpoint)?;
        let sandbox = self.ready_sandbox(&attempt, sandbox)?;
        self.join(&attempt, &endpoint, &sandbox).await
    }

    pub(super) async fn leave_endpoint(&self, endpoint: &str, force: bool) -> Result<(), Refusal> {
        let attempt = Attempt::new("leave with", format!("endpoint {endpoint}"));
        let endpoint = self.find_endpoint(&attempt, endpoint)?;
        if endpoint.state.joint().is_none() {
            return Err(attempt.conflict("cannot leave endpoint with no attached sandbox", "see `lanloom endpoint ls`"));
        }
        self.leave(&attempt, &endpoint, force).await?;
        self.doze_off(&attempt, &endpoint.network).await;
        Ok(())
    }

    /// Joins a free endpoint to a sandbox. What fails leaves it free.
    pub(super) async fn join(&self, attempt: &Attempt, endpoint: &Endpoint, sandbox: &Sandbox) -> Result<(), Refusal> {
        self.may_join(attempt, endpoint, sandbox)?;
        let (network, driver) = self.driver_of(attempt, endpoint)?;
        let ifname = self.ifname(attempt, &network, endpoint, sandbox).await?;
        let joint = Joint { sandbox: sandbox.id.clone(), ifname: Some(ifname.clone()), ..unjoined(sandbox.id.clone()) };
        self.note_endpoint(attempt, endpoint, EndpointState::Joining(joint.clone())).await?;
        let netns = self.netns_path(sandbox);
        let joined = driver.join(network.id.as_str(), endpoint.id.as_str(), &join_of(netns, &ifname)).await;
        let done = match joined {
            Ok(joined) => self.settle_in(attempt, endpoint, sandbox, with(joint.clone(), &joined), &joined).await,
            Err(error) => Err(error.into()),
        };
        if let Err(refusal) = done {
            return Err(self.undo_join(attempt, endpoint, sandbox, joint, refusal).await);
        }
        self.tell(EventKind::EndpointJoined {
            network: network.name.to_string(),
            endpoint: endpoint.name.to_string(),
            sandbox: sandbox.name.to_string(),
        });
        Ok(())
    }

    /// What is set in the sandbox once its interface is there, up to the record that says so.
    async fn settle_in(
        &self,
        attempt: &Attempt,
        endpoint: &Endpoint,
        sandbox: &Sandbox,
        joint: Joint,
        joined: &Joined,
    ) -> Result<(), Refusal> {
        if joined.interface != Interface::None {
            self.populate(attempt, sandbox, endpoint, &joint).await?;
        }
        self.note_endpoint(attempt, endpoint, EndpointState::Joined(joint)).await?;
        self.choose_ways_out(attempt, sandbox).await?;
        self.name_endpoint(endpoint, sandbox);
        self.write_files(sandbox);
        Ok(())
    }

    /// Undoes a join that failed, and answers why it did, with what could not be undone. What its driver cannot take away stays as one
    /// that is being joined: leaving, or the next start, goes on.
    async fn undo_join(
        &self,
        attempt: &Attempt,
        endpoint: &Endpoint,
        sandbox: &Sandbox,
        joint: Joint,
        refusal: Refusal,
    ) -> Refusal {
        let joining = Endpoint { state: EndpointState::Joining(joint), ..endpoint.clone() };
        self.book.put_endpoint(joining.clone());
        self.unname_endpoint(endpoint);
        self.lose_way_out(sandbox, endpoint).await;
        let left = match self.network_of(attempt, endpoint) {
            Ok(network) => self.take_out(&network, endpoint).await,
            Err(refusal) => Err(refusal),
        };
        let noted = match &left {
            Ok(()) => self.free_again(attempt, endpoint).await,
            Err(_) => self.save(attempt, &joining).await,
        };
        let settled = self.choose_ways_out(attempt, sandbox).await;
        self.write_files(sandbox);
        refusal.and(left).and(noted).and(settled)
    }

    /// It is as it was before it was to be joined: one that `connect` made has no record then.
    async fn free_again(&self, attempt: &Attempt, endpoint: &Endpoint) -> Result<(), Refusal> {
        let free = Endpoint { state: EndpointState::Free, ..endpoint.clone() };
        let saved = if free.by_connect { self.erase(attempt, &free).await } else { self.save(attempt, &free).await };
        self.unname_endpoint(endpoint);
        self.book.put_endpoint(free);
        saved
    }

    fn may_join(&self, attempt: &Attempt, endpoint: &Endpoint, sandbox: &Sandbox) -> Result<(), Refusal> {
        let (network, driver) = self.driver_of(attempt, endpoint)?;
        match &endpoint.state {
            EndpointState::Free => {}
            EndpointState::Joining(joint) | EndpointState::Joined(joint) | EndpointState::Leaving(joint) => {
                let who = self.book.sandbox(&joint.sandbox).map(|sandbox| format!(": sandbox {}", sandbox.name));
                let why = format!("a container has already joined the endpoint{}", who.unwrap_or_default());
                return Err(attempt.conflict(why, "have it leave first"));
            }
            EndpointState::Creating | EndpointState::Deleting => {
                let why = format!("the endpoint is {}", endpoint.state.name());
                return Err(attempt.conflict(why, "delete it, and make another"));
            }
        }
        self.may_be_private(attempt, &network, sandbox)?;
        let is_host = sandbox.spec.place == SandboxPlace::Host;
        let (wants_host, name) = (driver.name() == "host", &network.name);
        match (wants_host, is_host) {
            (true, false) => {
                let why = format!("network {name} is the host's own, and sandbox {} has a namespace", sandbox.name);
                Err(attempt.conflict(why, "make the sandbox with `--netns host`"))
            }
            (false, true) if driver.wants_addresses() => {
                let why =
                    format!("sandbox {} is in the host's namespace, which cannot be connected to a network", sandbox.name);
                Err(attempt.conflict(why, "make a sandbox with a namespace of its own"))
            }
            (true, true) | (false, _) => Ok(()),
        }
    }

    /// Who is on `none` is on no other network, as Docker has it.
    fn may_be_private(&self, attempt: &Attempt, network: &Network, sandbox: &Sandbox) -> Result<(), Refusal> {
        let others = self.book.joined_to(&sandbox.id).into_iter().filter_map(|one| self.book.network(&one.network));
        let is_private = |network: &Network| network.spec.driver == "null";
        let Some(other) = others.into_iter().find(|other| is_private(other) || is_private(network)) else { return Ok(()) };
        let why = "container cannot be connected to multiple networks with one of the networks in private (none) mode";
        Err(attempt.conflict(
            why,
            format!("it is on {0}: `lanloom network disconnect {0} {1}` first, or leave one out", other.name, sandbox.name),
        ))
    }

    /// The name that the interface is to have in the sandbox: the one asked for, or else the first that no interface there has:
    /// `eth0`, `eth1`, …
    async fn ifname(
        &self,
        attempt: &Attempt,
        network: &Network,
        endpoint: &Endpoint,
        sandbox: &Sandbox,
    ) -> Result<String, Refusal> {
        let links = self.kernel.list_links(&self.netns_of(sandbox)).await.map_err(|error| attempt.kernel(error))?;
        let joints = self.book.endpoints_in(&sandbox.id);
        let is_taken = |name: &String| {
            let ours = joints.iter().filter_map(|endpoint| endpoint.state.joint()?.ifname.as_ref());
            links.iter().map(|link| &link.name).chain(ours).any(|taken| taken == name)
        };
        if let Some(asked) = endpoint.spec.options.get(IFNAME) {
            IfName::new(asked).map_err(|error| attempt.kernel(error))?;
            let why = format!("there is an interface {asked} in the sandbox already");
            return if is_taken(asked) { Err(attempt.conflict(why, "choose another name")) } else { Ok(asked.clone()) };
        }
        let prefix = network.spec.options.get(IFACE_PREFIX).map_or(PREFIX, String::as_str);
        let free = (0..u32::MAX).map(|number| format!("{prefix}{number}")).find(|name| !is_taken(name));
        let free = free.filter(|name| IfName::new(name).is_ok());
        free.ok_or_else(|| attempt.failed("no name of an interface is left", "disconnect another network first"))
    }

    /// Takes an endpoint out of its sandbox and deletes it. If its driver cannot, it stays as one that is leaving, unless it is to go
    /// all the same.
    pub(super) async fn leave(&self, attempt: &Attempt, endpoint: &Endpoint, force: bool) -> Result<(), Refusal> {
        let Some(joint) = endpoint.state.joint().cloned() else {
            return self.unmake_endpoint(attempt, endpoint, force).await;
        };
        let network = self.network_of(attempt, endpoint)?;
        let leaving = Endpoint { state: EndpointState::Leaving(joint.clone()), ..endpoint.clone() };
        if leaving != *endpoint {
            self.save(attempt, &leaving).await?;
            self.book.put_endpoint(leaving.clone());
        }
        self.unname_endpoint(endpoint);
        self.take_routes_note(&network, endpoint, &joint);
        let sandbox = self.book.sandbox(&joint.sandbox);
        if let Some(sandbox) = &sandbox {
            self.lose_way_out(sandbox, endpoint).await;
        }
        let left = match self.take_out(&network, endpoint).await {
            Err(refusal) if force => {
                tracing::warn!("{refusal}");
                Ok(())
            }
            left => left,
        };
        // The others go on without it, whatever becomes of it.
        if let Some(sandbox) = &sandbox {
            if let Err(refusal) = self.choose_ways_out(attempt, sandbox).await {
                tracing::warn!("{refusal}");
            }
            self.write_files(sandbox);
        }
        left?;
        self.unmake_endpoint(attempt, &leaving, force).await
    }

    /// Undoes a join that a crash left half done.
    pub(super) async fn unjoin(&self, attempt: &Attempt, endpoint: &Endpoint) -> Result<(), Refusal> {
        let network = self.network_of(attempt, endpoint)?;
        self.take_out(&network, endpoint).await?;
        self.free_again(attempt, endpoint).await
    }

    async fn note_endpoint(&self, attempt: &Attempt, endpoint: &Endpoint, state: EndpointState) -> Result<(), Refusal> {
        let endpoint = Endpoint { state, ..endpoint.clone() };
        self.save(attempt, &endpoint).await?;
        self.book.put_endpoint(endpoint);
        Ok(())
    }

    /// A sandbox that is there, and not on its way in or out.
    pub(super) fn ready_sandbox(&self, attempt: &Attempt, text: &str) -> Result<Arc<Sandbox>, Refusal> {
        let sandbox = self.find_sandbox(attempt, text)?;
        match sandbox.state {
            SandboxState::Ready => self.check_not_stale(attempt, &sandbox).map(|()| sandbox),
            SandboxState::Creating | SandboxState::Deleting => {
                let why = format!("sandbox {} is {}", sandbox.name, sandbox.state.name());
                Err(attempt.conflict(why, format!("delete it with `lanloom sandbox delete {}`", sandbox.name)))
            }
        }
    }
}

fn unjoined(sandbox: Id) -> Joint {
    Joint { sandbox, ifname: None, gateway_v4: None, gateway_v6: None, routes: Vec::new(), mtu: None }
}

/// What the driver said, put where it is kept.
fn with(joint: Joint, joined: &Joined) -> Joint {
    let ifname = joint.ifname.filter(|_| joined.interface != Interface::None);
    Joint {
        sandbox: joint.sandbox,
        ifname,
        gateway_v4: joined.gateway_v4,
        gateway_v6: joined.gateway_v6,
        routes: joined.routes.iter().map(|route| (route.to, route.via)).collect(),
        mtu: joined.mtu,
    }
}
