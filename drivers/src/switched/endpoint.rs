//! Endpoints: names and addresses until they are joined, then ports of the network's switch.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::options::{ENDPOINT_MAC, EndpointOptions, Fault};
use super::registry::{Endpoint, Network, Seat};
use super::{Layout, Switched, endpoint_guard, mac};
use crate::driver::{
    DriverError, DriverErrorKind, EndpointMade, EndpointSpec, GuardMode, Interface, Join, Joined, PortGuard, PortKind,
    StaticRoute, SwitchPort,
};

impl<L: Layout> Switched<L> {
    /// Makes an endpoint.
    pub(crate) fn make_endpoint(&self, network: &str, spec: &EndpointSpec) -> Result<EndpointMade, DriverError> {
        let what = "create endpoint";
        let known = self.registry.network(what, network)?;
        let options = EndpointOptions::parse(what, &spec.name, &spec.options)?;
        if let Some(purpose) = known.layout.own_port(&spec.name) {
            let fault = Fault::new(format!("that is the name of the port that leads to {purpose}"), "choose another name");
            return Err(fault.at(what, &spec.name));
        }
        let mac = spec.mac.or(options.mac).unwrap_or_else(|| mac::suited(&spec.addresses, &spec.id));
        if !mac.is_valid_source() {
            let fault = Fault::new(format!("{mac} is a group's address or zero"), "give an address of a station");
            return Err(fault.at(what, &spec.name));
        }
        if let Some(owner) = known.layout.own_mac(mac) {
            let why = format!("{owner} has the hardware address {mac}");
            return Err(DriverError::new(DriverErrorKind::Conflict, what, &spec.name, why, "give another one"));
        }
        let endpoint = Endpoint { spec: spec.clone(), options, mac, seat: tokio::sync::Mutex::default() };
        self.registry.add_endpoint(what, network, endpoint)?;
        Ok(EndpointMade { mac: Some(mac) })
    }

    /// Makes the endpoint's port, with its interface in the sandbox.
    pub(crate) async fn plug(&self, network: &str, id: &str, join: &Join) -> Result<Joined, DriverError> {
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
            Seat::Doubtful => self.fabric.delete_port(&network.layout.spec().name, &endpoint.spec.name).await?,
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
    async fn seat(&self, network: &Network<L>, endpoint: &Endpoint, seat: &mut Seat, join: &Join) -> Result<(), DriverError> {
        *seat = Seat::Doubtful;
        self.clear_abandoned(network, Some(&endpoint.spec.name)).await?;
        let added = self.fabric.add_port(&network.layout.spec().name, &port(network, endpoint, join)).await;
        *seat = if added.is_ok() { Seat::Taken(join.clone()) } else { Seat::Free };
        added
    }

    /// Deletes ports that forgotten endpoints left behind: the one of that name, or all.
    pub(crate) async fn clear_abandoned(&self, network: &Network<L>, name: Option<&str>) -> Result<(), DriverError> {
        let spec = network.layout.spec();
        for port in self.registry.abandoned(&spec.id).iter().filter(|port| name.is_none_or(|name| name == *port)) {
            self.fabric.delete_port(&spec.name, port).await?;
            self.registry.found_gone(&spec.id, port);
        }
        Ok(())
    }

    /// Takes the endpoint's port away.
    pub(crate) async fn unplug(&self, network: &str, id: &str) -> Result<(), DriverError> {
        let Ok((network, endpoint)) = self.registry.endpoint("leave endpoint", network, id) else { return Ok(()) };
        let mut seat = endpoint.seat.lock().await;
        self.free(&network, &endpoint, &mut seat).await
    }

    async fn free(&self, network: &Network<L>, endpoint: &Endpoint, seat: &mut Seat) -> Result<(), DriverError> {
        if *seat == Seat::Free {
            return Ok(());
        }
        self.fabric.delete_port(&network.layout.spec().name, &endpoint.spec.name).await?;
        *seat = Seat::Free;
        Ok(())
    }

    /// Deletes an endpoint, wherever it is.
    pub(crate) async fn remove_endpoint(&self, network: &str, id: &str) -> Result<(), DriverError> {
        let Ok((known, endpoint)) = self.registry.endpoint("delete endpoint", network, id) else { return Ok(()) };
        let mut seat = endpoint.seat.lock().await;
        self.free(&known, &endpoint, &mut seat).await?;
        self.registry.forget_endpoint(network, id);
        Ok(())
    }

    /// Brings an endpoint's port to what its network's layout says.
    pub(crate) async fn set_seat(&self, network: &Network<L>, endpoint: &Endpoint) -> Result<(), DriverError> {
        let seat = endpoint.seat.lock().await;
        match &*seat {
            Seat::Free | Seat::Doubtful => Ok(()),
            Seat::Taken(join) => {
                let port = port(network, endpoint, join);
                self.fabric.set_port(&network.layout.spec().name, &port.name, port.isolated, &port.guard).await
            }
        }
    }

    /// Takes up an endpoint of an earlier start.
    pub(crate) async fn restore_endpoint(
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

    /// The routes that an endpoint's sandbox is to have as its network is now.
    pub(crate) fn routes(&self, network: &str, id: &str) -> Option<Vec<StaticRoute>> {
        let (network, endpoint) = self.registry.endpoint("look for the routes of", network, id).ok()?;
        Some(network.layout.routes(&endpoint.spec))
    }

    /// What there is to say about an endpoint, and how its network looks.
    pub(crate) async fn describe(&self, network: &str, id: &str) -> Result<(BTreeMap<String, String>, Arc<L>), DriverError> {
        let (network, endpoint) = self.registry.endpoint("look at endpoint", network, id)?;
        let (mode, trusted) = network.guard(&endpoint);
        let mut words = BTreeMap::from([
            (ENDPOINT_MAC.to_owned(), endpoint.mac.to_string()),
            ("lanloom.endpoint".to_owned(), kind_word(endpoint.options.kind).to_owned()),
            ("lanloom.guard".to_owned(), mode_word(mode).to_owned()),
            ("lanloom.trusted".to_owned(), trusted.to_string()),
            ("lanloom.switch".to_owned(), network.layout.spec().name.clone()),
        ]);
        if let Seat::Taken(join) = &*endpoint.seat.lock().await {
            words.insert("lanloom.port".to_owned(), endpoint.spec.name.clone());
            words.insert("lanloom.interface".to_owned(), join.ifname.clone());
        }
        Ok((words, network.layout))
    }
}

/// The endpoint's port.
fn port<L: Layout>(network: &Network<L>, endpoint: &Endpoint, join: &Join) -> SwitchPort {
    let (layout, mac) = (&network.layout, Some(endpoint.mac));
    SwitchPort {
        name: endpoint.spec.name.clone(),
        kind: endpoint.options.kind,
        ifname: join.ifname.clone(),
        netns: join.netns.clone(),
        mtu: layout.mtu(),
        mac,
        isolated: layout.isolated(),
        segment: layout.segment(&endpoint.spec),
        guard: endpoint_guard(&endpoint.spec, mac, network.guard(endpoint)),
    }
}

/// What the ports of endpoints are held to, before their network is restored: as the options say, and to the strictest where these
/// cannot be read, their own or, if `usual` is none, their network's.
pub(crate) fn endpoint_guards(usual: Option<(GuardMode, bool)>, endpoints: &[EndpointSpec]) -> Vec<(String, PortGuard)> {
    let usual = usual.unwrap_or((GuardMode::Strict, false));
    let guarded = |spec: &EndpointSpec| {
        let options = EndpointOptions::parse("guard endpoint", &spec.name, &spec.options);
        let own = options.map_or(usual, |own| own.guard_or(usual));
        (spec.name.clone(), endpoint_guard(spec, spec.mac, own))
    };
    endpoints.iter().map(guarded).collect()
}

/// What there is to set in the sandbox.
fn joined<L: Layout>(network: &Network<L>, endpoint: &Endpoint) -> Joined {
    let layout = &network.layout;
    let (gateway_v4, gateway_v6) = layout.ways_out(&endpoint.spec);
    let routes = layout.routes(&endpoint.spec);
    Joined { interface: Interface::Placed, mtu: layout.mtu(), gateway_v4, gateway_v6, routes }
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
