//! What a network knows of who is behind its ports, for frames that somebody asks about.

use super::Controller;
use super::fabric::PortView;
use super::model::{Endpoint, Network, Pool};
use crate::names::Name;
use crate::url::PortUrl;
use lanloom_drivers::bridge::GATEWAY;
use lanloom_switch_core::MacAddr;
use lanloom_switch_core::build::Known;
use std::net::IpAddr;
use std::sync::Arc;

/// Who is on a network, seen from one of its ports; nobody on a switch that is no network's.
struct Behind {
    network: Option<Arc<Network>>,
    endpoints: Vec<Arc<Endpoint>>,
    gateway: Option<MacAddr>,
    port: Name,
}

impl Controller {
    /// What is known of who would send a frame to that port of a switch, and of whom they could send it to.
    pub fn behind(&self, switch: &Name, port: &Name) -> impl Known + use<> {
        let book = &self.inner.book;
        let network = book.networks().into_iter().find(|network| network.name == *switch);
        let endpoints = network.as_ref().map(|network| book.endpoints_on(&network.id)).unwrap_or_default();
        let ports = network.as_ref().and_then(|_| self.fabric().ports(switch).ok()).unwrap_or_default();
        let gateway = ports.iter().find(|port| port.spec.name.as_str() == GATEWAY).and_then(mac_of);
        Behind { network, endpoints, gateway, port: port.clone() }
    }
}

fn mac_of(port: &PortView) -> Option<MacAddr> {
    match &port.spec.url {
        PortUrl::Tap(tap) => tap.mac,
        PortUrl::Veth(veth) => veth.mac,
        PortUrl::Iface(_) | PortUrl::Vxlan(_) | PortUrl::Memory(_) => None,
    }
}

impl Behind {
    fn endpoint(&self) -> Option<&Arc<Endpoint>> {
        self.endpoints.iter().find(|endpoint| endpoint.name == self.port)
    }

    fn is_gateway(&self) -> bool {
        self.gateway.is_some() && self.port.as_str() == GATEWAY
    }

    fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.network.iter().flat_map(|network| network.pools())
    }

    /// Who has an address on the network itself.
    fn owner(&self, ip: IpAddr) -> Option<MacAddr> {
        let has = |endpoint: &&Arc<Endpoint>| endpoint.addresses.iter().any(|address| address.addr() == ip);
        let endpoint = self.endpoints.iter().find(has).and_then(|endpoint| endpoint.mac).map(|mac| mac.0);
        endpoint.or_else(|| self.gateway.filter(|_| self.pools().any(|pool| pool.gateway == Some(ip))))
    }

    /// Where its endpoint sends what is on no subnet of the network.
    fn router(&self, v4: bool) -> Option<IpAddr> {
        let joint = self.endpoint()?.state.joint()?;
        if v4 { joint.gateway_v4.map(IpAddr::V4) } else { joint.gateway_v6.map(IpAddr::V6) }
    }
}

impl Known for Behind {
    fn sender(&self) -> Option<MacAddr> {
        let endpoint = self.endpoint().and_then(|endpoint| endpoint.mac).map(|mac| mac.0);
        endpoint.or_else(|| self.gateway.filter(|_| self.is_gateway()))
    }

    fn sender_address(&self, v6: bool) -> Option<IpAddr> {
        let mut own = self.endpoint().into_iter().flat_map(|endpoint| &endpoint.addresses).map(|address| address.addr());
        let mut gateways = self.pools().filter(|_| self.is_gateway()).filter_map(|pool| pool.gateway);
        own.find(|ip| ip.is_ipv6() == v6).or_else(|| gateways.find(|ip| ip.is_ipv6() == v6))
    }

    fn neighbour(&self, ip: IpAddr) -> Option<MacAddr> {
        let is_near = self.pools().any(|pool| pool.subnet.contains(&ip));
        self.owner(if is_near { ip } else { self.router(ip.is_ipv4())? })
    }
}
