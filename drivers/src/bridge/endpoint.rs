//! Endpoints: names and addresses until they are joined, then ports of the network's switch.

use std::collections::BTreeMap;
use std::sync::Arc;

use ipnet::IpNet;
use lanloom_switch_core::MacAddr;

use super::layout::Layout;
use super::options::{ENDPOINT_MAC, EndpointOptions, Fault};
use super::registry::{Endpoint, Network, Seat};
use super::{Bridge, GATEWAY, mac};
use crate::driver::{
    DriverError, DriverErrorKind, EndpointMade, EndpointSpec, GuardMode, Interface, Join, Joined, NetworkSpec, PortGuard,
    PortKind, Role, SwitchPort,
};

impl Bridge {
    /// Makes an endpoint.
    pub(super) fn make_endpoint(&self, network: &str, spec: &EndpointSpec) -> Result<EndpointMade, DriverError> {
        let what = "create endpoint";
        let known = self.registry.network(what, network)?;
        let options = EndpointOptions::parse(what, &spec.name, &spec.options)?;
        if spec.name == GATEWAY {
            let fault = Fault::new("that is the name of the port that leads to the host", "choose another name");
            return Err(fault.at(what, &spec.name));
        }
        let mac = spec.mac.or(options.mac).unwrap_or_else(|| mac::suited(&spec.addresses, &spec.id));
        if !mac.is_valid_source() {
            let fault = Fault::new(format!("{mac} is a group's address or zero"), "give an address of a station");
            return Err(fault.at(what, &spec.name));
        }
        if known.layout.has_gateway() && known.layout.gateway_port().mac == Some(mac) {
            let why = format!("the gateway has the hardware address {mac}");
            return Err(DriverError::new(DriverErrorKind::Conflict, what, &spec.name, why, "give another one"));
        }
        let endpoint = Endpoint { spec: spec.clone(), options, mac, seat: tokio::sync::Mutex::default() };
        self.registry.add_endpoint(what, network, endpoint)?;
        Ok(EndpointMade { mac: Some(mac) })
    }

    /// Makes the endpoint's port, with its interface in the sandbox.
    pub(super) async fn plug(&self, network: &str, id: &str, join: &Join) -> Result<Joined, DriverError> {
        let what = "join endpoint";
        let (_, endpoint) = self.registry.endpoint(what, network, id)?;
        let mut seat = endpoint.seat.lock().await;
        // While this waited, the endpoint may have been deleted, or its network changed.
        let (network, now) = self.registry.endpoint(what, network, id)?;
        if !Arc::ptr_eq(&now, &endpoint) {
            return Err(DriverError::no_endpoint(what, id));
        }
        match &*seat {
            Seat::Free => {}
            Seat::Doubtful => self.fabric.delete_port(&network.layout.spec.name, &endpoint.spec.name).await?,
            Seat::Taken(_) => {
                let why = "a container has already joined the endpoint";
                let hint = "let it leave first";
                return Err(DriverError::new(DriverErrorKind::Conflict, what, &endpoint.spec.name, why, hint));
            }
        }
        self.seat(&network, &endpoint, &mut seat, join).await?;
        Ok(joined(&network, &endpoint))
    }

    /// Adds the port; a failed try leaves none.
    async fn seat(&self, network: &Network, endpoint: &Endpoint, seat: &mut Seat, join: &Join) -> Result<(), DriverError> {
        *seat = Seat::Doubtful;
        self.clear_abandoned(network, Some(&endpoint.spec.name)).await?;
        let added = self.fabric.add_port(&network.layout.spec.name, &port(network, endpoint, join)).await;
        *seat = if added.is_ok() { Seat::Taken(join.clone()) } else { Seat::Free };
        added
    }

    /// Deletes ports that forgotten endpoints left behind: the one of that name, or all.
    pub(super) async fn clear_abandoned(&self, network: &Network, name: Option<&str>) -> Result<(), DriverError> {
        let spec = &network.layout.spec;
        for port in self.registry.abandoned(&spec.id).iter().filter(|port| name.is_none_or(|name| name == *port)) {
            self.fabric.delete_port(&spec.name, port).await?;
            self.registry.found_gone(&spec.id, port);
        }
        Ok(())
    }

    /// Takes the endpoint's port away.
    pub(super) async fn unplug(&self, network: &str, id: &str) -> Result<(), DriverError> {
        let Ok((network, endpoint)) = self.registry.endpoint("leave endpoint", network, id) else { return Ok(()) };
        let mut seat = endpoint.seat.lock().await;
        self.free(&network, &endpoint, &mut seat).await
    }

    async fn free(&self, network: &Network, endpoint: &Endpoint, seat: &mut Seat) -> Result<(), DriverError> {
        if *seat == Seat::Free {
            return Ok(());
        }
        self.fabric.delete_port(&network.layout.spec.name, &endpoint.spec.name).await?;
        *seat = Seat::Free;
        Ok(())
    }

    /// Deletes an endpoint, wherever it is.
    pub(super) async fn remove_endpoint(&self, network: &str, id: &str) -> Result<(), DriverError> {
        let Ok((known, endpoint)) = self.registry.endpoint("delete endpoint", network, id) else { return Ok(()) };
        let mut seat = endpoint.seat.lock().await;
        self.free(&known, &endpoint, &mut seat).await?;
        self.registry.forget_endpoint(network, id);
        Ok(())
    }

    /// Brings an endpoint's port to what its network's layout says.
    pub(super) async fn set_seat(&self, network: &Network, endpoint: &Endpoint) -> Result<(), DriverError> {
        let seat = endpoint.seat.lock().await;
        match &*seat {
            Seat::Free | Seat::Doubtful => Ok(()),
            Seat::Taken(join) => {
                let port = port(network, endpoint, join);
                self.fabric.set_port(&network.layout.spec.name, &port.name, port.isolated, &port.guard).await
            }
        }
    }

    /// Takes up an endpoint of an earlier start.
    pub(super) async fn restore_endpoint(
        &self,
        network: &str,
        spec: &EndpointSpec,
        join: Option<&Join>,
        ports: &[String],
    ) -> Result<(), DriverError> {
        self.make_endpoint(network, spec)?;
        let (network, endpoint) = self.registry.endpoint("restore endpoint", network, &spec.id)?;
        let mut seat = endpoint.seat.lock().await;
        match (join, ports.contains(&spec.name)) {
            (Some(join), false) => self.seat(&network, &endpoint, &mut seat, join).await,
            (Some(join), true) => {
                *seat = Seat::Taken(join.clone());
                drop(seat);
                self.set_seat(&network, &endpoint).await
            }
            (None, true) => {
                *seat = Seat::Doubtful;
                self.free(&network, &endpoint, &mut seat).await
            }
            (None, false) => Ok(()),
        }
    }

    /// What there is to say about an endpoint.
    pub(super) async fn describe(&self, network: &str, id: &str) -> Result<BTreeMap<String, String>, DriverError> {
        let (network, endpoint) = self.registry.endpoint("look at endpoint", network, id)?;
        let (mode, trusted) = network.guard(&endpoint);
        let mut words = BTreeMap::from([
            (ENDPOINT_MAC.to_owned(), endpoint.mac.to_string()),
            ("lanloom.endpoint".to_owned(), kind_word(endpoint.options.kind).to_owned()),
            ("lanloom.guard".to_owned(), mode_word(mode).to_owned()),
            ("lanloom.trusted".to_owned(), trusted.to_string()),
            ("lanloom.switch".to_owned(), network.layout.spec.name.clone()),
        ]);
        words.insert("lanloom.egress".to_owned(), self.egress_word(&network).await);
        if let Seat::Taken(join) = &*endpoint.seat.lock().await {
            words.insert("lanloom.port".to_owned(), endpoint.spec.name.clone());
            words.insert("lanloom.interface".to_owned(), join.ifname.clone());
        }
        Ok(words)
    }
}

impl Bridge {
    /// How a network reaches the world outside.
    async fn egress_word(&self, network: &Network) -> String {
        if network.layout.spec.internal {
            return "off: the network is internal".to_owned();
        }
        if let Some(why) = self.egress.closed() {
            return format!("off: {why}");
        }
        let places: Vec<_> = self
            .egress
            .opened()
            .await
            .iter()
            .map(|at| format!(", by {} of table {} {}", at.chain, at.family, at.table))
            .collect();
        format!("on{}", places.concat())
    }
}

/// The endpoint's port.
fn port(network: &Network, endpoint: &Endpoint, join: &Join) -> SwitchPort {
    let options = &network.layout.options;
    let mac = Some(endpoint.mac);
    SwitchPort {
        name: endpoint.spec.name.clone(),
        kind: endpoint.options.kind,
        ifname: join.ifname.clone(),
        netns: join.netns.clone(),
        mtu: options.mtu,
        mac,
        isolated: !options.icc,
        segment: 0,
        guard: guard(&endpoint.spec, mac, network.guard(endpoint)),
    }
}

/// What an endpoint's port is held to.
fn guard(spec: &EndpointSpec, mac: Option<MacAddr>, (mode, trusted): (GuardMode, bool)) -> PortGuard {
    let addresses = spec.addresses.iter().map(IpNet::addr).collect();
    PortGuard { role: Role::Endpoint, mode, trusted, mac, addresses, inside: None, apart: None }
}

/// What the ports of a network are held to, before it is restored: as the options say, and to the strictest where these cannot be
/// read.
pub(super) fn guards(network: &NetworkSpec, endpoints: &[EndpointSpec]) -> Vec<(String, PortGuard)> {
    let layout = Layout::of("guard network", network).ok();
    let gateway = layout.as_ref().filter(|layout| layout.has_gateway()).map(Layout::gateway_port);
    let guarded = |spec: &EndpointSpec| {
        let options = EndpointOptions::parse("guard endpoint", &spec.name, &spec.options).ok();
        let own = options.as_ref().map(|own| (own.guard, own.trusted)).unwrap_or_default();
        let usual = layout.as_ref().map_or((GuardMode::Strict, false), |layout| (layout.options.guard, layout.options.trusted));
        (spec.name.clone(), guard(spec, spec.mac, (own.0.unwrap_or(usual.0), own.1.unwrap_or(usual.1))))
    };
    gateway.map(|port| (port.name, port.guard)).into_iter().chain(endpoints.iter().map(guarded)).collect()
}

/// What there is to set in the sandbox.
fn joined(network: &Network, endpoint: &Endpoint) -> Joined {
    let layout = &network.layout;
    let (gateway_v4, gateway_v6) = layout.ways_out(&endpoint.spec);
    let routes = layout.routes(&endpoint.spec);
    Joined { interface: Interface::Placed, mtu: layout.options.mtu, gateway_v4, gateway_v6, routes }
}

const fn kind_word(kind: PortKind) -> &'static str {
    match kind {
        PortKind::Tap => "tap",
        PortKind::Veth => "veth",
    }
}

const fn mode_word(mode: GuardMode) -> &'static str {
    match mode {
        GuardMode::Strict => "strict",
        GuardMode::Leased => "leased",
        GuardMode::Off => "off",
    }
}
