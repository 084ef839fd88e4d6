//! Routes in sandboxes that follow from their networks' subnets, when these become more.

use super::model::{Endpoint, EndpointState, Joint, Network};
use super::refusal::Attempt;
use super::{Inner, Refusal};
use lanloom_drivers::kernel::{IfName, Route, Why};

/// What is said not to have been done.
const SETTING: &str = "set the routes of endpoint";

impl Inner {
    /// Gives the sandboxes on a network the routes to subnets that it was given. Where that fails the sandbox says so until it is done
    /// with the next one, or by a start: the network has its subnet all the same.
    pub(super) async fn reroute(&self, network: &Network) {
        for endpoint in self.book.endpoints_on(&network.id) {
            let EndpointState::Joined(joint) = &endpoint.state else { continue };
            let owed = self.take_routes_note(network, &endpoint, joint);
            let attempt = Attempt::new(SETTING, format!("{}/{}", network.name, endpoint.name));
            if let Err(refusal) = self.route_anew(&attempt, &endpoint, joint, owed).await {
                tracing::warn!("{refusal}");
                self.note(&joint.sandbox, refusal.to_string());
            }
        }
    }

    /// Says no longer that an endpoint's routes could not be set. Answers whether that was said.
    pub(super) fn take_routes_note(&self, network: &Network, endpoint: &Endpoint, joint: &Joint) -> bool {
        let Some(mut notes) = self.notes.get_mut(&joint.sandbox) else { return false };
        let (before, lead) = (notes.len(), format!("cannot {SETTING} {}/{}: ", network.name, endpoint.name));
        notes.retain(|note| !note.starts_with(&lead));
        notes.len() < before
    }

    /// Sets the routes that are new; all, where some are owed from before.
    async fn route_anew(&self, attempt: &Attempt, endpoint: &Endpoint, joint: &Joint, owed: bool) -> Result<(), Refusal> {
        let now = self.with_routes_of_now(attempt, endpoint, joint).await?;
        let (Some(ifname), Some(sandbox)) = (&now.ifname, self.book.sandbox(&now.sandbox)) else { return Ok(()) };
        self.check_not_stale(attempt, &sandbox)?;
        let dev = IfName::new(ifname).map_err(|error| attempt.kernel(error))?;
        for (to, via) in now.routes.iter().filter(|route| owed || !joint.routes.contains(route)) {
            let route = Route { to: *to, via: *via, dev: dev.clone(), on_link: false };
            match self.kernel.create_route(&self.netns_of(&sandbox), &route).await {
                Err(error) if *error.why() != Why::Exists => return Err(attempt.kernel(error)),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Where an endpoint and its sandbox meet, with the routes that its driver names now. If they are others than before, this is
    /// recorded.
    pub(super) async fn with_routes_of_now(
        &self,
        attempt: &Attempt,
        endpoint: &Endpoint,
        joint: &Joint,
    ) -> Result<Joint, Refusal> {
        let Ok((network, driver)) = self.driver_of(attempt, endpoint) else { return Ok(joint.clone()) };
        let Some(named) = driver.routes(network.id.as_str(), endpoint.id.as_str()) else { return Ok(joint.clone()) };
        let now = Joint { routes: named.into_iter().map(|route| (route.to, route.via)).collect(), ..joint.clone() };
        if now != *joint {
            let endpoint = Endpoint { state: EndpointState::Joined(now.clone()), ..endpoint.clone() };
            self.save(attempt, &endpoint).await?;
            self.book.put_endpoint(endpoint);
        }
        Ok(now)
    }
}
