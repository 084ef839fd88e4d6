//! How networks, endpoints and sandboxes look from outside.

use super::Inner;
use super::driver::spec_of;
use super::model::{Endpoint, Id, Network, NetworkState, Sandbox};
use super::refusal::Attempt;
use super::upkeep::Waits;
use super::view::{EndpointView, NetworkView, SandboxView};
use lanloom_drivers::bridge::GATEWAY;
use lanloom_drivers::driver::{NO_WAY_OUT, Scope};
use lanloom_switch_io::engine::PortState;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

impl Inner {
    pub(super) fn network_view(&self, network: &Arc<Network>) -> NetworkView {
        let driver = self.drivers.iter().find(|driver| driver.name() == network.spec.driver);
        let endpoints = self.book.endpoints_on(&network.id);
        let mut shown = Network::clone(network);
        shown.spec.options.extend(driver.map(|driver| driver.chosen(network.id.as_str())).unwrap_or_default());
        NetworkView {
            network: shown,
            scope: driver.map_or(Scope::Local, |driver| driver.scope()).name(),
            endpoints: endpoints.iter().filter_map(|endpoint| self.endpoint_view(endpoint)).collect(),
            notes: self.notes_on(network),
        }
    }

    /// What was said of a network when it was made, and what is so now.
    fn notes_on(&self, network: &Network) -> Vec<String> {
        let said = self.notes_of(&network.id).into_iter().filter(|note| !note.starts_with(NO_WAY_OUT));
        let driver = self.drivers.iter().find(|driver| driver.name() == network.spec.driver);
        let now = driver.map(|driver| driver.notes(network.id.as_str())).unwrap_or_default();
        said.chain(now).chain(self.way_out_note(network)).chain(self.gateway_note(network)).collect()
    }

    /// That nothing leaves the host by a network from which it should.
    fn way_out_note(&self, network: &Network) -> Option<String> {
        let is_shut_in = network.spec.internal || network.spec.config_only || network.state != NetworkState::Ready;
        let driver = self.drivers.iter().find(|driver| driver.name() == network.spec.driver).filter(|_| !is_shut_in)?;
        driver.no_way_out().map(|why| format!("{NO_WAY_OUT}: {why}"))
    }

    /// The same of the networks by which a sandbox is to reach the world.
    fn ways_closed(&self, sandbox: &Id) -> Option<String> {
        let ways = self.ways.get(sandbox).map(|ways| ways.clone()).unwrap_or_default();
        let mut endpoints = ways.into_iter().flatten().filter_map(|id| self.book.endpoint(&id));
        endpoints.find_map(|endpoint| self.way_out_note(&*self.book.network(&endpoint.network)?))
    }

    /// That the interface by which a network reaches the host is not there, or not up.
    fn gateway_note(&self, network: &Network) -> Option<String> {
        let ports = self.fabric.ports(&network.name).ok().filter(|_| network.state == NetworkState::Ready)?;
        let gateway = ports.into_iter().find(|port| port.spec.name.as_str() == GATEWAY)?;
        let PortState::Down { reason } = gateway.state else { return None };
        Some(format!("its gateway's interface carries nothing: {reason}; a restart of the daemon makes it again"))
    }

    pub(super) fn endpoint_view(&self, endpoint: &Arc<Endpoint>) -> Option<EndpointView> {
        let network = self.book.network(&endpoint.network)?;
        let sandbox = endpoint.state.joint().and_then(|joint| self.book.sandbox(&joint.sandbox));
        let ways = endpoint.state.joint().and_then(|joint| self.ways.get(&joint.sandbox).map(|ways| ways.clone()));
        let [v4, v6] = ways.unwrap_or_default().map(|way| way.as_ref() == Some(&endpoint.id));
        let dns_names = sandbox.as_ref().map(|sandbox| self.dns_names(endpoint, sandbox)).unwrap_or_default();
        Some(EndpointView {
            endpoint: Endpoint::clone(endpoint),
            network: network.name.clone(),
            sandbox: sandbox.map(|sandbox| (sandbox.id.clone(), sandbox.name.clone())),
            is_gateway: (v4, v6),
            dns_names,
            info: self.info(&network, endpoint),
        })
    }

    /// What there is to say of an endpoint beside its record.
    fn info(&self, network: &Network, endpoint: &Endpoint) -> BTreeMap<String, String> {
        let mut info = BTreeMap::new();
        let has_switch =
            self.fabric.switch(&network.name).is_ok() && endpoint.state.joint().is_some_and(|joint| joint.ifname.is_some());
        if has_switch {
            info.insert("port".to_owned(), format!("{}/{}", spec_of(network).name, endpoint.name));
        }
        info
    }

    /// What its driver says of it; nothing if it does not know it, or not yet.
    pub(super) async fn driver_info(&self, attempt: &Attempt, endpoint: &Endpoint) -> BTreeMap<String, String> {
        let Ok((network, driver)) = self.driver_of(attempt, endpoint) else { return BTreeMap::new() };
        driver.info(network.id.as_str(), endpoint.id.as_str()).await.unwrap_or_default()
    }

    pub(super) fn sandbox_view(&self, sandbox: &Arc<Sandbox>) -> SandboxView {
        let order: Vec<String> = self.candidates(&sandbox.id).into_iter().map(|candidate| candidate.key).collect();
        let place = |endpoint: &Arc<Endpoint>| order.iter().position(|key| key == endpoint.id.as_str()).unwrap_or(usize::MAX);
        let mut endpoints = self.book.endpoints_in(&sandbox.id);
        endpoints.sort_by_key(place);
        let name =
            |key: &str| self.book.endpoint(&Id::try_from(key.to_owned()).ok()?).and_then(|it| self.book.network(&it.network));
        let gateway = self.choices(&sandbox.id).map(|choice| {
            let choice = choice?;
            Some((name(&choice.key)?.name.clone(), choice.why))
        });
        let lost = self.lost_note(sandbox);
        SandboxView {
            sandbox: Sandbox::clone(sandbox),
            is_stale: self.is_stale(sandbox),
            is_lost: lost.is_some(),
            netns: self.netns_path(sandbox),
            files: self.files_of(sandbox).map(|files| files.dir().to_owned()),
            endpoints: endpoints.iter().filter_map(|endpoint| self.endpoint_view(endpoint)).collect(),
            gateway,
            dns: self.names_shown(sandbox),
            notes: self
                .notes_of(&sandbox.id)
                .into_iter()
                .chain(self.still_to_do(sandbox))
                .chain(self.stale_note(sandbox))
                .chain(lost)
                .chain(self.ways_closed(&sandbox.id))
                .collect(),
        }
    }

    /// What is still to be done inside a sandbox, a line each.
    fn still_to_do(&self, sandbox: &Sandbox) -> Vec<String> {
        match self.upkeep.of(&sandbox.id, Instant::now()) {
            None => self.ways_astray(&sandbox.id).into_iter().chain(self.damage_shown(&sandbox.id)).collect(),
            Some(Waits::First) => vec!["it is still being taken up after the daemon's start".to_owned()],
            Some(Waits::Again(why, within)) => vec![format!("{why}; it is tried again in {} s", within.as_secs() + 1)],
        }
    }

    fn damage_shown(&self, sandbox: &Id) -> Vec<String> {
        let damage = self.damage.get(sandbox).map(|damage| damage.clone()).unwrap_or_default();
        damage.into_iter().map(|what| format!("{what}; restarting the daemon sets it again")).collect()
    }

    fn notes_of(&self, id: &Id) -> Vec<String> {
        self.notes.get(id).map(|notes| notes.clone()).unwrap_or_default()
    }
}
