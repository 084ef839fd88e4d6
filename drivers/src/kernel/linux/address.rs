//! Addresses and routes by rtnetlink.

use std::collections::HashMap;
use std::net::IpAddr;

use futures_util::{StreamExt, TryStreamExt};
use ipnet::IpNet;
use nix::net::if_::if_indextoname;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteType};

use super::super::error::{KernelError, Why};
use super::super::link::{Route, link_local};
use super::super::name::IfName;
use super::inside::Session;
use super::link;

/// Routes of one family that are read of one interface: who is at home in a sandbox may have set any number.
pub(super) const ROUTES_MAX: usize = 4_096;

/// Gives an interface an address, usable at once.
pub(super) fn create(session: &Session, name: &IfName, address: IpNet) -> Result<(), KernelError> {
    let index = link::get(session, name)?.index;
    session.ask("creating an address", &format!("{address} on {name}"), |handle| {
        let mut request = handle.address().add(index, address.addr(), address.prefix_len());
        if address.addr().is_ipv6() {
            request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
        }
        request.execute()
    })
}

/// Takes an address away.
pub(super) fn delete(session: &Session, name: &IfName, address: IpNet) -> Result<(), KernelError> {
    let (what, on) = ("deleting an address", format!("{address} on {name}"));
    let found = messages(session, name)?.into_iter().find(|message| read(message) == Some(address));
    let message = found.ok_or_else(|| KernelError::new(what, on.clone(), Why::NoSuchAddress))?;
    session.ask(what, &on, |handle| handle.address().del(message).execute())
}

/// An interface's addresses, without the link-local ones of IPv6.
pub(super) fn list(session: &Session, name: &IfName) -> Result<Vec<IpNet>, KernelError> {
    Ok(list_every(session, name)?.into_iter().filter(|address| !link_local(address)).collect())
}

/// An interface's addresses, with those that the kernel gave it.
pub(super) fn list_every(session: &Session, name: &IfName) -> Result<Vec<IpNet>, KernelError> {
    let mut addresses: Vec<_> = messages(session, name)?.iter().filter_map(read).collect();
    addresses.sort();
    Ok(addresses)
}

/// The addresses of all interfaces, by interface, without the link-local ones of IPv6.
pub(super) fn list_all(session: &Session) -> Result<Vec<(IfName, IpNet)>, KernelError> {
    let all: Vec<AddressMessage> =
        session.ask("listing addresses", "all", |handle| handle.address().get().execute().try_collect())?;
    let mut names = Names::default();
    let named = |message: &AddressMessage| Some((names.of(message.header.index)?, read(message)?));
    let mut addresses: Vec<_> = all.iter().filter_map(named).filter(|(_, address)| !link_local(address)).collect();
    addresses.sort();
    Ok(addresses)
}

/// Takes all addresses away from all interfaces.
pub(super) fn flush(session: &Session) -> Result<(), KernelError> {
    let (what, on) = ("taking addresses away", "all interfaces");
    let all: Vec<AddressMessage> = session.ask(what, on, |handle| handle.address().get().execute().try_collect())?;
    for message in all {
        match session.ask(what, on, |handle| handle.address().del(message).execute()) {
            // A secondary address goes with the one that it was second to.
            Err(error) if error.why() == &Why::NoSuchAddress => {}
            done => done?,
        }
    }
    Ok(())
}

fn messages(session: &Session, name: &IfName) -> Result<Vec<AddressMessage>, KernelError> {
    let index = link::get(session, name)?.index;
    let mut all: Vec<AddressMessage> =
        session.ask("listing addresses", name.as_str(), |handle| handle.address().get().execute().try_collect())?;
    all.retain(|message| message.header.index == index);
    Ok(all)
}

/// The address of a message: the local one (which alone is ours on a point-to-point link), or the only one.
fn read(message: &AddressMessage) -> Option<IpNet> {
    let local = message.attributes.iter().find_map(|a| if let AddressAttribute::Local(ip) = a { Some(*ip) } else { None });
    let only = message.attributes.iter().find_map(|a| if let AddressAttribute::Address(ip) = a { Some(*ip) } else { None });
    IpNet::new(local.or(only)?, message.header.prefix_len).ok()
}

/// Adds a route to the main table.
pub(super) fn create_route(session: &Session, route: &Route) -> Result<(), KernelError> {
    let message = route_message(session, "creating a route", route)?;
    session.ask("creating a route", &describe(route), |handle| handle.route().add(message).execute())
}

/// Takes a route from the main table.
pub(super) fn delete_route(session: &Session, route: &Route) -> Result<(), KernelError> {
    let message = route_message(session, "deleting a route", route)?;
    session.ask("deleting a route", &describe(route), |handle| handle.route().del(message).execute())
}

/// The routes of the main table to somewhere, of both families, without those to link-local addresses.
pub(super) fn list_routes(session: &Session) -> Result<Vec<Route>, KernelError> {
    let mut names = Names::default();
    let mut routes = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut request = RouteMessage::default();
        request.header.address_family = family;
        let messages: Vec<RouteMessage> =
            session.ask("listing routes", "all", |handle| handle.route().get(request).execute().try_collect())?;
        // Without IPv6 the kernel answers with the routes of all families that it has.
        let asked = messages.iter().filter(|message| message.header.address_family == family);
        routes.extend(asked.filter_map(|message| read_route(message, &mut names)));
    }
    routes.sort_by_key(|route| route.to);
    Ok(routes)
}

/// The same of one interface only, and whether these are all: of each family at most [`ROUTES_MAX`] are read. A kernel from 4.20 on
/// sends no others if the session is strict; else the routes of all interfaces and tables come, and count as well.
pub(super) fn list_routes_by(session: &Session, name: &IfName, index: u32) -> Result<(Vec<Route>, bool), KernelError> {
    let (mut names, mut routes, mut all) = (Names::default(), Vec::new(), true);
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut request = RouteMessage::default();
        (request.header.address_family, request.header.table) = (family, RouteHeader::RT_TABLE_MAIN);
        request.attributes.push(RouteAttribute::Oif(index));
        let messages: Vec<RouteMessage> = session.ask("listing routes", name.as_str(), |handle| {
            // One more than are wanted tells that there are more.
            handle.route().get(request).execute().take(ROUTES_MAX + 1).try_collect()
        })?;
        all = messages.len() <= ROUTES_MAX;
        let asked = messages.iter().filter(|message| message.header.address_family == family);
        routes.extend(asked.filter_map(|message| read_route(message, &mut names)).filter(|route| route.dev == *name));
        if !all {
            // The kernel is not done with its answer, and takes no other such question from this session.
            break;
        }
    }
    routes.sort_by_key(|route| route.to);
    Ok((routes, all))
}

/// A route that can be said as a [`Route`]; multipath, multicast and the other tables' cannot.
fn read_route(message: &RouteMessage, names: &mut Names) -> Option<Route> {
    let header = &message.header;
    if header.table != RouteHeader::RT_TABLE_MAIN || header.kind != RouteType::Unicast {
        return None;
    }
    let (mut to, mut via, mut dev) = (None, None, None);
    #[expect(clippy::wildcard_enum_match_arm, reason = "a route has thirty more properties")]
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => to = ip(address),
            RouteAttribute::Gateway(address) => via = ip(address),
            RouteAttribute::Oif(index) => dev = names.of(*index),
            _ => {}
        }
    }
    let any = if header.address_family == AddressFamily::Inet { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
    let to = IpNet::new(to.unwrap_or(any), header.destination_prefix_length).ok()?;
    let on_link = header.flags.contains(RouteFlags::Onlink);
    (!link_local(&to)).then_some(Route { to, via, dev: dev?, on_link })
}

/// The names of the interfaces of the thread's namespace, each asked for once: listing all of them would take longer, for a
/// host with networks has many.
#[derive(Default)]
struct Names(HashMap<u32, Option<IfName>>);

impl Names {
    fn of(&mut self, index: u32) -> Option<IfName> {
        let ask = || IfName::new(if_indextoname(index).ok()?.to_str().ok()?).ok();
        self.0.entry(index).or_insert_with(ask).clone()
    }
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some(IpAddr::V4(*address)),
        RouteAddress::Inet6(address) => Some(IpAddr::V6(*address)),
        RouteAddress::Mpls(_) | RouteAddress::Other(_) | _ => None,
    }
}

fn route_message(session: &Session, what: &'static str, route: &Route) -> Result<RouteMessage, KernelError> {
    let index = link::get(session, &route.dev)?.index;
    let to = route.to.trunc();
    let builder = RouteMessageBuilder::<IpAddr>::new().output_interface(index);
    let builder = builder.destination_prefix(to.addr(), to.prefix_len());
    let built = match route.via {
        Some(via) => builder.and_then(|builder| builder.gateway(via)),
        None => builder,
    };
    let refused = |rule: String| KernelError::new(what, describe(route), Why::InvalidValue(rule));
    let mut message = built.map(RouteMessageBuilder::build).map_err(|error| refused(error.to_string()))?;
    if route.on_link {
        message.header.flags |= RouteFlags::Onlink;
    }
    Ok(message)
}

fn describe(route: &Route) -> String {
    match route.via {
        Some(via) => format!("{} via {via} dev {}", route.to, route.dev),
        None => format!("{} dev {}", route.to, route.dev),
    }
}
