//! Routes in sandboxes that follow from their networks' subnets, when these become more.

use super::model::{Endpoint, EndpointState, Joint, Network};
use super::refusal::Attempt;
use super::{Inner, Refusal};
use lanloom_drivers::kernel::{IfName, Route, Why};

impl Inner {
    /// Gives the sandboxes on a network the routes to subnets that it was given. Where that fails the sandbox says so, and the next
    /// start tries again: the network has its subnet all the same.
    pub(super) async fn reroute(&self, network: &Network) {
        for endpoint in self.book.endpoints_on(&network.id) {
            let EndpointState::Joined(joint) = &endpoint.state else { continue };
            let attempt = Attempt::new("set the routes of endpoint", format!("{}/{}", network.name, endpoint.name));
            if let Err(refusal) = self.route_anew(&attempt, &endpoint, joint).await {
                tracing::warn!("{refusal}");
                self.notes.entry(joint.sandbox.clone()).or_default().push(refusal.to_string());
            }
        }
    }

    async fn route_anew(&self, attempt: &Attempt, endpoint: &Endpoint, joint: &Joint) -> Result<(), Refusal> {
        let now = self.with_routes_of_now(attempt, endpoint, joint).await?;
        let (Some(ifname), Some(sandbox)) = (&now.ifname, self.book.sandbox(&now.sandbox)) else { return Ok(()) };
        self.check_not_stale(attempt, &sandbox)?;
        let dev = IfName::new(ifname).map_err(|error| attempt.kernel(error))?;
        for (to, via) in now.routes.iter().filter(|route| !joint.routes.contains(route)) {
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
