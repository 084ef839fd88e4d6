//! Namespaces and interfaces as plain values.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use lanloom_switch_core::MacAddr;
use nix::errno::Errno;

use super::super::error::{KernelError, Why};
use super::super::firewall::{Firewall, TableName};
use super::super::forward::{Gate, Others};
use super::super::link::{LinkChange, LinkInfo, LinkKind, Route, TAP_MTU_MAX, TapMove, VethSpec};
use super::super::name::IfName;
use super::super::sysctl::SysctlKey;
use super::address::subnet_route;
use super::sockets::ListeningAt;

/// The kernel's `DEFAULT_TX_QUEUE_LEN`.
const QUEUE: u32 = 1000;
/// What a veth has on when it is made, as `lo` and a TAP have not.
const FOREIGN: &str = "tx-udp_tnl-segmentation";

/// Which namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    Daemon,
    At(PathBuf),
    Held(u64),
}

/// All there is.
#[derive(Clone)]
pub(super) struct World {
    places: BTreeMap<Place, Space>,
    numbers: u64,
    pub(super) without_nft: bool,
    /// Whether a table of `iptables` before nftables can be read, if there is one.
    pub(super) table_of_old: Option<bool>,
    pub(super) without_ipv6: bool,
    pub(super) firewalls: BTreeMap<TableName, Firewall>,
    /// The number of the rules' generation.
    pub(super) generation: u32,
    pub(super) others: Others,
    /// By comment.
    pub(super) opened: BTreeMap<String, Vec<Gate>>,
}

/// One namespace.
#[derive(Clone, Default)]
pub(super) struct Space {
    links: BTreeMap<u32, Link>,
    /// The last number given: none is given twice.
    last: u32,
    pub(super) routes: Vec<Route>,
    pub(super) settings: BTreeMap<SysctlKey, String>,
    pub(super) listening: Vec<ListeningAt>,
    pub(super) dns_redirect: Option<(SocketAddr, u16)>,
    /// How often anybody has changed its rules.
    pub(super) changes_of_rules: u32,
}

/// One interface.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) name: IfName,
    mtu: u32,
    mac: MacAddr,
    pub(super) up: bool,
    kind: LinkKind,
    tx_queue_len: u32,
    foreign_offloads: bool,
    pub(super) addresses: Vec<IpNet>,
    /// The same number is in both ends of a veth.
    pair: Option<u64>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            places: BTreeMap::from([(Place::Daemon, Space::new(true))]),
            numbers: 0,
            without_nft: false,
            table_of_old: None,
            without_ipv6: false,
            firewalls: BTreeMap::new(),
            generation: 1,
            others: Others::default(),
            opened: BTreeMap::new(),
        }
    }
}

impl Space {
    /// A namespace with nothing but `lo`.
    fn new(up: bool) -> Self {
        let mut space = Self::default();
        if let Ok(name) = IfName::new("lo") {
            space.insert(Link { mtu: 65_536, up, ..Link::new(name, LinkKind::Loopback, MacAddr::ZERO) });
        }
        space
    }

    fn insert(&mut self, link: Link) {
        self.begin(&link.name);
        self.last += 1;
        self.links.insert(self.last, link);
    }

    pub(super) fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    fn number(&self, name: &IfName) -> Option<u32> {
        self.links.iter().find(|(_, link)| link.name == *name).map(|(number, _)| *number)
    }

    /// Takes away what belonged to the interface.
    fn take(&mut self, name: &IfName) -> Option<Link> {
        let link = self.links.remove(&self.number(name)?)?;
        self.routes.retain(|route| route.dev != *name);
        self.settings.retain(|key, _| key.interface() != Some(name.as_str()));
        Some(link)
    }
}

impl Link {
    fn new(name: IfName, kind: LinkKind, mac: MacAddr) -> Self {
        let (mtu, up, tx_queue_len, foreign_offloads) = (1500, false, QUEUE, false);
        Self { name, mtu, mac, up, kind, tx_queue_len, foreign_offloads, addresses: Vec::new(), pair: None }
    }
}

impl World {
    /// A number that was not given before.
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// A local individual address that was not given before.
    fn mac(&mut self) -> MacAddr {
        MacAddr::from_bits(0x02_00_00_00_00_00 + self.number())
    }

    pub(super) fn create(&mut self, place: Place, lo_up: bool) -> Result<(), KernelError> {
        if self.exists(&place) {
            return Err(KernelError::new("creating a network namespace", place.to_string(), Why::Exists));
        }
        self.places.insert(place, Space::new(lo_up));
        Ok(())
    }

    /// Removes a namespace with all that is in it, and whatever is paired with that.
    pub(super) fn remove(&mut self, place: &Place) -> bool {
        let Some(space) = self.places.remove(place) else { return false };
        space.links.into_values().filter_map(|link| link.pair).for_each(|pair| self.remove_pair(pair));
        true
    }

    pub(super) fn exists(&self, place: &Place) -> bool {
        self.places.contains_key(place)
    }

    pub(super) fn names(&self, dir: &Path) -> Vec<String> {
        let name = |place: &Place| match place {
            Place::At(path) => Some(path.strip_prefix(dir).ok()?.to_str()?.to_owned()),
            Place::Daemon | Place::Held(_) => None,
        };
        self.places.keys().filter_map(name).collect()
    }

    pub(super) fn create_tap(&mut self, place: &Place, name: &IfName) -> Result<(), KernelError> {
        self.refuse_taken("creating a TAP", place, name)?;
        let mac = self.mac();
        self.space("creating a TAP", place)?.insert(Link::new(name.clone(), LinkKind::Tun, mac));
        Ok(())
    }

    pub(super) fn create_veth(&mut self, spec: &VethSpec, at: (&Place, &Place)) -> Result<(), KernelError> {
        let what = "creating a veth";
        self.refuse_taken(what, at.0, &spec.name)?;
        self.refuse_taken(what, at.1, &spec.peer_name)?;
        let pair = Some(self.number());
        for (place, name, mac, foreign_offloads) in [(at.0, &spec.name, spec.mac, false), (at.1, &spec.peer_name, None, true)] {
            let mac = mac.unwrap_or_else(|| self.mac());
            let tx_queue_len = spec.tx_queue_len.unwrap_or(QUEUE);
            let link = Link::new(name.clone(), LinkKind::Veth, mac);
            self.space(what, place)?.insert(Link { mtu: spec.mtu, up: true, tx_queue_len, foreign_offloads, pair, ..link });
        }
        Ok(())
    }

    pub(super) fn move_tap(&mut self, tap: &TapMove, home: &Place, target: &Place) -> Result<(), KernelError> {
        let what = "moving a TAP";
        let TapMove { mtu, mac, tx_queue_len, .. } = *tap;
        if target == home {
            let change = LinkChange { up: Some(true), mtu: Some(mtu), mac, name: Some(tap.name.clone()), tx_queue_len };
            return self.set(home, &tap.from, &change);
        }
        self.refuse_taken(what, target, &tap.name)?;
        let taken = self.space(what, home)?.take(&tap.from);
        let mut link = taken.ok_or_else(|| no_link(what, home, &tap.from))?;
        link.addresses.clear();
        link.name = tap.name.clone();
        link.mtu = mtu;
        link.mac = mac.unwrap_or(link.mac);
        link.tx_queue_len = tx_queue_len.unwrap_or(link.tx_queue_len);
        link.up = true;
        self.space(what, target)?.insert(link);
        Ok(())
    }

    pub(super) fn set(&mut self, place: &Place, name: &IfName, change: &LinkChange) -> Result<(), KernelError> {
        let what = "changing an interface";
        if let Some(new) = change.name.as_ref().filter(|new| *new != name) {
            self.link(what, place, name)?;
            self.refuse_taken(what, place, new)?;
        }
        let link = self.link(what, place, name)?;
        if link.kind == LinkKind::Tun && change.mtu.is_some_and(|mtu| mtu > TAP_MTU_MAX) {
            return Err(KernelError::new(what, format!("{name} in {place}"), Why::Os(Errno::EINVAL)));
        }
        link.mtu = change.mtu.unwrap_or(link.mtu);
        link.mac = change.mac.unwrap_or(link.mac);
        link.tx_queue_len = change.tx_queue_len.unwrap_or(link.tx_queue_len);
        if let Some(new) = &change.name {
            link.name = new.clone();
            let space = self.space(what, place)?;
            space.routes.iter_mut().filter(|route| route.dev == *name).for_each(|route| route.dev = new.clone());
            space.rename_settings(name, new);
        }
        let name = change.name.as_ref().unwrap_or(name);
        match change.up {
            Some(up) if up != self.link(what, place, name)?.up => self.turn(place, name, up),
            _ => Ok(()),
        }
    }

    /// Going down takes the routes and the IPv6 addresses; coming up brings back the routes to the subnets.
    fn turn(&mut self, place: &Place, name: &IfName, up: bool) -> Result<(), KernelError> {
        let what = "changing an interface";
        let link = self.link(what, place, name)?;
        link.up = up;
        link.addresses.retain(|address| up || address.addr().is_ipv4());
        let subnets: Vec<_> = link.addresses.iter().filter_map(|address| subnet_route(*address, name)).collect();
        let routes = &mut self.space(what, place)?.routes;
        routes.retain(|route| route.dev != *name);
        routes.extend(subnets.into_iter().filter(|_| up));
        Ok(())
    }

    pub(super) fn delete(&mut self, place: &Place, name: &IfName) -> Result<(), KernelError> {
        let what = "deleting an interface";
        let gone = self.space(what, place)?.take(name).ok_or_else(|| no_link(what, place, name))?;
        gone.pair.into_iter().for_each(|pair| self.remove_pair(pair));
        Ok(())
    }

    fn remove_pair(&mut self, pair: u64) {
        for space in self.places.values_mut() {
            let names: Vec<_> =
                space.links.values().filter(|link| link.pair == Some(pair)).map(|link| link.name.clone()).collect();
            names.iter().for_each(|name| drop(space.take(name)));
        }
    }

    pub(super) fn get(&mut self, place: &Place, name: &IfName) -> Result<LinkInfo, KernelError> {
        let links = self.list(place)?;
        let found = links.into_iter().find(|link| link.name == name.as_str());
        found.ok_or_else(|| no_link("looking at an interface", place, name))
    }

    pub(super) fn list(&mut self, place: &Place) -> Result<Vec<LinkInfo>, KernelError> {
        let up: Vec<u64> = self.links().filter(|link| link.up).filter_map(|link| link.pair).collect();
        let both_up = |pair| up.iter().filter(|one| **one == pair).count() == 2;
        let ends: Vec<(Place, u32, u64)> = self.ends();
        let other = |number: u32, pair: u64| {
            let is_other = |end: &&(Place, u32, u64)| end.2 == pair && (&end.0, end.1) != (place, number);
            ends.iter().find(is_other).map(|end| end.1)
        };
        let links = &self.space("listing interfaces", place)?.links;
        let show = |(number, link): (&u32, &Link)| LinkInfo {
            name: link.name.to_string(),
            index: *number,
            mtu: link.mtu,
            mac: Some(link.mac),
            up: link.up,
            carrier: link.pair.map_or(link.up && link.kind == LinkKind::Loopback, both_up),
            kind: link.kind.clone(),
            tx_queue_len: link.tx_queue_len,
            pair: link.pair.and_then(|pair| other(*number, pair)),
        };
        Ok(links.iter().map(show).collect())
    }

    /// All ends of veths: where, under which number, and of which pair.
    fn ends(&self) -> Vec<(Place, u32, u64)> {
        let of = |(place, space): (&Place, &Space)| {
            let end = |(number, link): (&u32, &Link)| Some((place.clone(), *number, link.pair?));
            space.links.iter().filter_map(end).collect::<Vec<_>>()
        };
        self.places.iter().flat_map(of).collect()
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        self.places.values().flat_map(|space| space.links.values())
    }

    pub(super) fn foreign_offloads(&mut self, place: &Place, name: &IfName) -> Result<Vec<String>, KernelError> {
        let link = self.link("reading an interface's offloads", place, name)?;
        Ok(link.foreign_offloads.then(|| FOREIGN.to_owned()).into_iter().collect())
    }

    fn refuse_taken(&mut self, what: &'static str, place: &Place, name: &IfName) -> Result<(), KernelError> {
        match self.space(what, place)?.number(name) {
            Some(_) => Err(KernelError::new(what, format!("{name} in {place}"), Why::Exists)),
            None => Ok(()),
        }
    }

    pub(super) fn link(&mut self, what: &'static str, place: &Place, name: &IfName) -> Result<&mut Link, KernelError> {
        let links = &mut self.space(what, place)?.links;
        links.values_mut().find(|link| link.name == *name).ok_or_else(|| no_link(what, place, name))
    }

    pub(super) fn space(&mut self, what: &'static str, place: &Place) -> Result<&mut Space, KernelError> {
        let path = || match place {
            Place::At(path) => path.clone(),
            Place::Daemon | Place::Held(_) => PathBuf::from(place.to_string()),
        };
        self.places.get_mut(place).ok_or_else(|| KernelError::new(what, place.to_string(), Why::NoSuchNetns(path())))
    }
}

fn no_link(what: &'static str, place: &Place, name: &IfName) -> KernelError {
    KernelError::new(what, format!("{name} in {place}"), Why::NoSuchLink)
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Daemon => out.write_str("the daemon's namespace"),
            Self::At(path) => write!(out, "{}", path.display()),
            Self::Held(id) => write!(out, "namespace {id}"),
        }
    }
}
