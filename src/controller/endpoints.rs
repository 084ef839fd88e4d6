//! Making and deleting endpoints (`network.go` CreateEndpoint, `endpoint.go` Delete): a name and addresses on a network, without
//! an interface yet.

use super::book::{self, Unfound};
use super::driver::endpoint_spec_of;
use super::model::{Endpoint, EndpointState, Id, MacText, Network, NewEndpoint};
use super::refusal::Attempt;
use super::{EventKind, Inner, Refusal};
use crate::names::Name;
use std::net::IpAddr;
use std::sync::Arc;

impl Inner {
    /// The endpoint that a text means: an id, `network/name`, a name that no other has, or the beginning of one id only.
    pub(super) fn find_endpoint(&self, attempt: &Attempt, text: &str) -> Result<Arc<Endpoint>, Refusal> {
        let (among, name) = match text.split_once('/') {
            Some((network, name)) => (self.book.endpoints_on(&self.find_network(attempt, network)?.id), name),
            None => (self.book.endpoints(), text),
        };
        book::find(&among, name).map_err(|unfound| match unfound {
            Unfound::Nothing => attempt.not_found(format!("endpoint {text} not found"), "see `lanloom endpoint ls`"),
            Unfound::Several(count) => attempt
                .invalid(format!("endpoint {text} is ambiguous: it may be one of {count}"), "write NETWORK/NAME, or the id"),
        })
    }

    pub(super) async fn create_endpoint(
        &self,
        network: &str,
        name: Name,
        new: NewEndpoint,
        by_connect: bool,
    ) -> Result<Id, Refusal> {
        let attempt = Attempt::new("create endpoint", format!("{network}/{name}"));
        let network = self.find_network(&attempt, network)?;
        let made = self.create_endpoint_on(&attempt, &network, name, new, by_connect).await;
        if made.is_err() {
            self.doze_off(&attempt, &network.id).await;
        }
        made
    }

    async fn create_endpoint_on(
        &self,
        attempt: &Attempt,
        network: &Arc<Network>,
        name: Name,
        new: NewEndpoint,
        by_connect: bool,
    ) -> Result<Id, Refusal> {
        if network.spec.config_only {
            let why = "cannot create endpoint on configuration-only network";
            return Err(attempt.invalid(why, "make a network of it with `lanloom network create --config-from`"));
        }
        let network = self.awake(attempt, Arc::clone(network)).await?;
        self.clear_name(attempt, &network, &name).await?;
        self.check_mac(attempt, &network, new.mac)?;
        self.check_link_local(attempt, &new.link_local)?;
        self.check_ipv6(attempt, new.link_local.iter().any(IpAddr::is_ipv6)).await?;
        let (id, state) = (Id::random(), EndpointState::Creating);
        let mac = new.mac;
        let mut endpoint =
            Endpoint { id, name, network: network.id.clone(), state, by_connect, mac, addresses: Vec::new(), spec: new };
        endpoint.addresses = self.lease_addresses(attempt, &network, &endpoint)?;
        self.make_endpoint(attempt, &network, endpoint).await
    }

    async fn make_endpoint(&self, attempt: &Attempt, network: &Network, endpoint: Endpoint) -> Result<Id, Refusal> {
        let driver = self.driver(attempt, &network.spec.driver)?;
        // One that `connect` makes is recorded when it is joined: until then there is nothing of it but this.
        let noted = if endpoint.by_connect { Ok(()) } else { self.save(attempt, &endpoint).await };
        if let Err(refusal) = noted {
            self.release_addresses(network, &endpoint.id, &endpoint.addresses);
            return Err(refusal);
        }
        self.book.put_endpoint(endpoint.clone());
        let made = driver.create_endpoint(network.id.as_str(), &endpoint_spec_of(&endpoint)).await.map_err(Refusal::from);
        let finished = match made {
            Ok(made) => {
                let mac = made.mac.map(MacText).or(endpoint.mac);
                let endpoint = Endpoint { state: EndpointState::Free, mac, ..endpoint.clone() };
                let saved = if endpoint.by_connect { Ok(()) } else { self.save(attempt, &endpoint).await };
                saved.map(|()| self.book.put_endpoint(endpoint))
            }
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = finished {
            return Err(refusal.and(self.undo_endpoint(attempt, network, &endpoint).await));
        }
        self.tell(EventKind::EndpointCreated {
            network: network.name.to_string(),
            endpoint: endpoint.name.to_string(),
            id: endpoint.id.to_string(),
        });
        Ok(endpoint.id)
    }

    /// Undoes an endpoint that could not be made. Until all of it is undone it stays as one that is being made: deleting it, making
    /// it again, or the next start, goes on.
    async fn undo_endpoint(&self, attempt: &Attempt, network: &Network, endpoint: &Endpoint) -> Result<(), Refusal> {
        let driver = self.driver(attempt, &network.spec.driver)?;
        driver.delete_endpoint(network.id.as_str(), endpoint.id.as_str()).await?;
        if !endpoint.by_connect {
            self.erase(attempt, endpoint).await?;
        }
        self.book.remove_endpoint(&endpoint.id);
        self.release_addresses(network, &endpoint.id, &endpoint.addresses);
        Ok(())
    }

    /// Whatever has that name on a network is to be gone: what an earlier change left half done is finished, all else refuses.
    async fn clear_name(&self, attempt: &Attempt, network: &Network, name: &Name) -> Result<(), Refusal> {
        let Some(holder) = self.book.endpoints_on(&network.id).into_iter().find(|endpoint| endpoint.name == *name) else {
            return Ok(());
        };
        match holder.state {
            EndpointState::Creating | EndpointState::Leaving(_) | EndpointState::Deleting => {
                self.leave(attempt, &holder, false).await
            }
            // Of a connection that could not be undone.
            EndpointState::Free if holder.by_connect => self.leave(attempt, &holder, false).await,
            EndpointState::Free | EndpointState::Joining(_) | EndpointState::Joined(_) => {
                let why = format!("endpoint with name {name} already exists in network {}", network.name);
                Err(attempt.conflict(why, "choose another name, or delete that one"))
            }
        }
    }

    /// Addresses of the link alone are from 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291).
    fn check_link_local(&self, attempt: &Attempt, addresses: &[IpAddr]) -> Result<(), Refusal> {
        let is_one = |address: &IpAddr| match address {
            IpAddr::V4(v4) => v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unicast_link_local(),
        };
        match addresses.iter().find(|address| !is_one(address)) {
            Some(other) => {
                let why = format!("invalid link local IP address: {other}");
                Err(attempt.invalid(why, "give one of 169.254.0.0/16 or fe80::/10"))
            }
            None => Ok(()),
        }
    }

    /// Two endpoints of a network cannot have one hardware address: their frames would go astray.
    fn check_mac(&self, attempt: &Attempt, network: &Network, mac: Option<MacText>) -> Result<(), Refusal> {
        let Some(mac) = mac else { return Ok(()) };
        if !mac.0.is_valid_source() {
            let why = format!("{} is no address of a station: it is a group's or zero", mac.0);
            return Err(attempt.invalid(why, "give one whose first byte is even"));
        }
        let holder = self.book.endpoints_on(&network.id).into_iter().find(|endpoint| endpoint.mac == Some(mac));
        match holder {
            None => Ok(()),
            Some(holder) => {
                let why = format!("endpoint {} of network {} has the address {}", holder.name, network.name, mac.0);
                Err(attempt.conflict(why, "choose another"))
            }
        }
    }

    pub(super) async fn delete_endpoint(&self, text: &str, force: bool) -> Result<(), Refusal> {
        let attempt = Attempt::new("delete endpoint", text);
        let endpoint = self.find_endpoint(&attempt, text)?;
        let done = match &endpoint.state {
            EndpointState::Joined(_) | EndpointState::Joining(_) | EndpointState::Leaving(_) if force => {
                self.leave(&attempt, &endpoint, true).await
            }
            EndpointState::Joined(_) | EndpointState::Joining(_) | EndpointState::Leaving(_) => {
                let why = format!("endpoint with name {} id {} has active containers", endpoint.name, endpoint.id.short());
                Err(attempt.conflict(why, "have it leave first, or give --force"))
            }
            EndpointState::Creating | EndpointState::Free | EndpointState::Deleting => {
                self.unmake_endpoint(&attempt, &endpoint, force).await
            }
        };
        self.doze_off(&attempt, &endpoint.network).await;
        done
    }

    /// Deletes an endpoint that is in no sandbox any more, and releases its addresses. If its driver cannot, it stays as one that is being
    /// deleted, unless it is to go all the same.
    pub(super) async fn unmake_endpoint(&self, attempt: &Attempt, endpoint: &Endpoint, force: bool) -> Result<(), Refusal> {
        let network = self.network_of(attempt, endpoint)?;
        if !matches!(endpoint.state, EndpointState::Leaving(_) | EndpointState::Deleting) {
            let deleting = Endpoint { state: EndpointState::Deleting, ..endpoint.clone() };
            self.save(attempt, &deleting).await?;
            self.book.put_endpoint(deleting);
        }
        match self.take_away(&network, endpoint).await {
            Err(refusal) if force => {
                tracing::warn!("{refusal}");
                self.forget(&network, endpoint);
            }
            done => done?,
        }
        self.erase(attempt, endpoint).await?;
        self.release_addresses(&network, &endpoint.id, &endpoint.addresses);
        self.book.remove_endpoint(&endpoint.id);
        if let EndpointState::Leaving(joint) = &endpoint.state {
            let sandbox = self.book.sandbox(&joint.sandbox);
            self.tell(EventKind::EndpointLeft {
                network: network.name.to_string(),
                endpoint: endpoint.name.to_string(),
                sandbox: sandbox.map_or_else(|| joint.sandbox.to_string(), |sandbox| sandbox.name.to_string()),
            });
        }
        self.tell(EventKind::EndpointDeleted {
            network: network.name.to_string(),
            endpoint: endpoint.name.to_string(),
            id: endpoint.id.to_string(),
        });
        Ok(())
    }
}
