//! Addresses and routes as plain values.

use std::net::IpAddr;

use ipnet::IpNet;
use nix::errno::Errno;

use super::super::error::{KernelError, Why};
use super::super::link::{Route, WayTo, link_local};
use super::super::name::IfName;
use super::world::{Link, Place, World};

impl World {
    pub(super) fn create_address(&mut self, place: &Place, name: &IfName, address: IpNet) -> Result<(), KernelError> {
        let what = "creating an address";
        if self.without_ipv6 && address.addr().is_ipv6() {
            let on = format!("{address} on {name} in {place}");
            return Err(KernelError::new(what, on, Why::Os(Errno::EOPNOTSUPP)));
        }
        let link = self.link(what, place, name)?;
        if link.addresses.contains(&address) {
            return Err(KernelError::new(what, format!("{address} on {name} in {place}"), Why::Exists));
        }
        let up = link.up;
        link.addresses.push(address);
        link.addresses.sort();
        let route = subnet_route(address, name).filter(|_| up);
        self.space(what, place)?.routes.extend(route);
        Ok(())
    }

    pub(super) fn delete_address(&mut self, place: &Place, name: &IfName, address: IpNet) -> Result<(), KernelError> {
        let what = "deleting an address";
        let addresses = &mut self.link(what, place, name)?.addresses;
        let Some(at) = addresses.iter().position(|one| *one == address) else {
            return Err(KernelError::new(what, format!("{address} on {name} in {place}"), Why::NoSuchAddress));
        };
        addresses.remove(at);
        self.space(what, place)?.routes.retain(|route| route.dev != *name || route.to != address.trunc());
        Ok(())
    }

    pub(super) fn addresses(&mut self, place: &Place, name: &IfName) -> Result<Vec<IpNet>, KernelError> {
        Ok(self.every_address(place, name)?.into_iter().filter(|address| !link_local(address)).collect())
    }

    /// With those of the link alone.
    pub(super) fn every_address(&mut self, place: &Place, name: &IfName) -> Result<Vec<IpNet>, KernelError> {
        Ok(self.link("listing addresses", place, name)?.addresses.clone())
    }

    pub(super) fn all_addresses(&mut self, place: &Place) -> Result<Vec<(IfName, IpNet)>, KernelError> {
        let links = self.space("listing addresses", place)?.links();
        let of = |link: &Link| {
            link.addresses
                .iter()
                .filter(|address| !link_local(address))
                .map(|address| (link.name.clone(), *address))
                .collect::<Vec<_>>()
        };
        let mut all: Vec<_> = links.flat_map(of).collect();
        all.sort();
        Ok(all)
    }

    pub(super) fn create_route(&mut self, place: &Place, route: &Route) -> Result<(), KernelError> {
        let what = "creating a route";
        let failed = |why| KernelError::new(what, format!("{} dev {} in {place}", route.to, route.dev), why);
        if !self.link(what, place, &route.dev)?.up {
            return Err(failed(Why::Os(Errno::ENETDOWN)));
        }
        if route.via.is_some_and(|via| via.is_ipv4() != route.to.addr().is_ipv4()) {
            return Err(failed(Why::InvalidValue("the gateway is of another family than the destination".to_owned())));
        }
        let routes = &mut self.space(what, place)?.routes;
        let reaches = |via| routes.iter().any(|known| known.dev == route.dev && known.via.is_none() && known.to.contains(&via));
        if route.via.is_some_and(|via| !route.on_link && !reaches(via)) {
            let errno = if route.to.addr().is_ipv4() { Errno::ENETUNREACH } else { Errno::EHOSTUNREACH };
            return Err(failed(Why::Os(errno)));
        }
        let route = Route { to: route.to.trunc(), ..route.clone() };
        if routes.iter().any(|known| known.to == route.to) {
            return Err(failed(Why::Exists));
        }
        routes.push(route);
        Ok(())
    }

    pub(super) fn delete_route(&mut self, place: &Place, route: &Route) -> Result<(), KernelError> {
        let what = "deleting a route";
        self.link(what, place, &route.dev)?;
        let routes = &mut self.space(what, place)?.routes;
        let same = |known: &Route| known.to == route.to.trunc() && known.dev == route.dev && known.via == route.via;
        let Some(at) = routes.iter().position(same) else {
            return Err(KernelError::new(what, format!("{} dev {} in {place}", route.to, route.dev), Why::NoSuchRoute));
        };
        routes.remove(at);
        Ok(())
    }

    pub(super) fn routes(&mut self, place: &Place) -> Result<Vec<Route>, KernelError> {
        let mut routes = self.space("listing routes", place)?.routes.clone();
        routes.sort_by_key(|route| route.to);
        Ok(routes)
    }
}

impl World {
    /// By the longest prefix, where a host's own address is one of its own.
    pub(super) fn way_to(&mut self, place: &Place, from: Option<IpAddr>, to: IpAddr) -> Result<WayTo, KernelError> {
        let what = "looking for a route";
        let failed = |why| Err(KernelError::new(what, format!("{to} in {place}"), why));
        let space = self.space(what, place)?;
        let own =
            space.links().filter(|link| link.up).flat_map(|link| link.addresses.iter().map(move |address| (link, address)));
        let own: Vec<_> = own.map(|(link, address)| (link.name.clone(), *address)).collect();
        let routes = space.routes.iter().filter(|route| route.to.contains(&to));
        let best = routes.max_by_key(|route| route.to.prefix_len()).map(|route| (route.dev.clone(), route.via));
        let itself = own.iter().find(|(_, address)| address.addr() == to).map(|(name, _)| (name.clone(), None));
        let Some((dev, via)) = itself.or(best) else { return failed(Why::NoSuchRoute) };
        let same: Vec<_> = own.iter().filter(|(_, address)| address.addr().is_ipv4() == to.is_ipv4()).collect();
        let on_dev = || same.iter().filter(|(name, _)| *name == dev);
        let near = on_dev().find(|(_, address)| address.contains(&via.unwrap_or(to))).or_else(|| on_dev().next());
        let source = match from {
            Some(from) => same.iter().map(|(_, address)| address.addr()).find(|address| *address == from),
            None => near.map(|(_, address)| address.addr()),
        };
        let Some(source) = source else { return failed(Why::NoSuchAddress) };
        Ok(WayTo { source, mtu: self.get(place, &dev)?.mtu })
    }
}

/// The route that an address brings, if it is listed: an IPv4 one of a single host brings none, and those of the link alone are left out.
pub(super) fn subnet_route(address: IpNet, name: &IfName) -> Option<Route> {
    let to = address.trunc();
    (!link_local(&to) && (to.addr().is_ipv6() || to.prefix_len() < to.max_prefix_len())).then(|| Route {
        to,
        via: None,
        dev: name.clone(),
        on_link: false,
    })
}
