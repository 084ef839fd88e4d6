//! What a network is to look like: everything that follows from what was asked for and what the underlay is. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lanloom_switch_core::MacAddr;
use lanloom_switch_core::vxlan::{OVERHEAD_V4, OVERHEAD_V6};

use super::options::{LOCAL, NetworkOptions, PEERS, PORT, VNIS};
use super::vni::{Segment, segments};
use crate::driver::{DriverError, EndpointSpec, GuardMode, NetworkSpec, PoolData, PortGuard, Role, Tunnel, TunnelPath};
use crate::switched::options::{Fault, MTU, MTU_MIN_V6};
use crate::switched::{self, overlaps};

/// What the names of tunnels' ports begin with, before the identifier; no endpoint may have one.
const TUNNEL: &str = "_vxlan-";

/// The largest packets of an underlay that nothing is known of, in bytes: Ethernet's.
const MTU_USUAL: u32 = 1500;

/// The least MTU of an interface, and the largest of a TAP, in bytes.
const INSIDE_MIN: u32 = 68;
const INSIDE_MAX: u32 = 65_521;

/// A network, with what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// What was asked for.
    pub(super) spec: NetworkSpec,
    /// Its options.
    pub(super) options: NetworkOptions,
    /// The other hosts.
    pub(super) peers: Vec<IpAddr>,
    /// Its subnets' identifiers.
    pub(super) segments: Vec<Segment>,
    /// This host's place in the underlay; none while it has none.
    pub(super) place: Option<Place>,
    /// MTU of endpoints' interfaces, in bytes.
    pub(super) mtu: u32,
}

/// A host's place in the underlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its address.
    pub(super) local: IpAddr,
    /// The largest packets that reach all its peers, in bytes.
    pub(super) carries: u32,
}

impl Layout {
    /// Puts together what was asked for, who the peers are, and where this host is.
    pub(super) fn of(
        spec: &NetworkSpec,
        options: NetworkOptions,
        peers: Vec<IpAddr>,
        place: Option<Place>,
    ) -> Result<Self, Fault> {
        let segments = segments(spec, &options.vnis);
        let is_twice = |at: usize| segments[..at].iter().any(|before| before.vni == segments[at].vni);
        if let Some(at) = (0..segments.len()).find(|at| is_twice(*at)) {
            let why = format!("two of its subnets have the VXLAN identifier {}", segments[at].vni);
            return Err(Fault::new(why, format!("give them different ones, on every host, by {VNIS}")));
        }
        let is_v4 = place.map(|place| place.local).or(options.local).or(peers.first().copied()).is_none_or(|one| one.is_ipv4());
        let mtu = mtu_inside(spec, &options, place, is_v4)?;
        Ok(Self { spec: spec.clone(), options, peers, segments, place, mtu })
    }

    /// Its tunnels; none while it has no place in the underlay.
    pub(super) fn tunnels(&self) -> Vec<Tunnel> {
        let tunnel = |(at, segment): (usize, &Segment)| {
            let path = TunnelPath {
                vni: segment.vni,
                local: self.place?.local,
                port: self.options.port,
                peers: self.peers.clone(),
                segment: number(at),
                // What nobody asked for follows the underlay.
                mtu: self.options.mtu.map(|_| self.mtu),
            };
            Some(Tunnel { name: tunnel_name(segment.vni), path, guard: self.tunnel_guard() })
        };
        self.segments.iter().enumerate().filter_map(tunnel).collect()
    }

    /// What the ports of its tunnels are held to, by name.
    pub(super) fn tunnel_guards(&self) -> Vec<(String, PortGuard)> {
        self.segments.iter().map(|segment| (tunnel_name(segment.vni), self.tunnel_guard())).collect()
    }

    /// Whoever is behind a tunnel has no address of an endpoint here.
    fn tunnel_guard(&self) -> PortGuard {
        let (mode, trusted) = (self.options.guard, self.options.trusted);
        // That a guest uses addresses that are nobody's is for its own host to forbid.
        let mode = if mode == GuardMode::Strict { GuardMode::Leased } else { mode };
        PortGuard { role: Role::Endpoint, mode, trusted, mac: None, addresses: Vec::new(), inside: None, apart: None }
    }

    /// The segment that an endpoint is in, and its number: the first for one without an address of any.
    pub(super) fn segment_of(&self, endpoint: &EndpointSpec) -> (u16, Segment) {
        let is_its = |segment: &Segment| {
            segment.subnet.is_some_and(|subnet| endpoint.addresses.iter().any(|address| subnet.contains(&address.addr())))
        };
        let at = self.segments.iter().position(is_its).unwrap_or_default();
        (number(at), self.segments[at])
    }

    /// What was left to be found, by option.
    pub(super) fn found(&self) -> Vec<(&'static str, String)> {
        let vnis: Vec<String> = self.segments.iter().map(|segment| segment.vni.to_string()).collect();
        let place = self.place.into_iter();
        let place = place.flat_map(|place| [(LOCAL, place.local.to_string()), (MTU, self.base(place).to_string())]);
        [(VNIS, vnis.join(",")), (PORT, self.options.port.to_string())].into_iter().chain(place).collect()
    }

    /// The largest packets of the underlay that it makes.
    fn base(&self, place: Place) -> u32 {
        self.mtu + overhead(place.local.is_ipv4())
    }

    /// What it does without.
    pub(super) fn notes(&self) -> Vec<String> {
        let over: Vec<_> = self.options.vnis.iter().skip(self.segments.len()).map(u32::to_string).collect();
        let unused =
            (!over.is_empty()).then(|| format!("{VNIS} names more than there are subnets: {} unused", over.join(", ")));
        let alone = self.peers.is_empty().then(|| {
            let name = &self.spec.name;
            format!("it has no peers yet: name them with `lanloom network update {name} --opt {PEERS}=…`")
        });
        let gateways = switched::Layout::pools(self).filter_map(|pool| pool.gateway);
        let gateways: Vec<_> = gateways.map(|gateway| gateway.addr().to_string()).collect();
        let nobody = (!gateways.is_empty())
            .then(|| format!("nobody is given the gateway's address, {}: an overlay has none", gateways.join(", ")));
        unused.into_iter().chain(alone).chain(nobody).collect()
    }
}

/// What is left of the underlay's packets, in bytes, if that is enough.
fn mtu_inside(spec: &NetworkSpec, options: &NetworkOptions, place: Option<Place>, is_v4: bool) -> Result<u32, Fault> {
    let overhead = overhead(is_v4);
    if let (Some(asked), Some(Place { carries, .. })) = (options.mtu, place.filter(|place| options.mtu > Some(place.carries))) {
        let why = format!("{MTU} is {asked} bytes, and the underlay carries {carries}");
        return Err(Fault::new(why, format!("leave it out, or give at most {carries}, of which {overhead} are VXLAN's")));
    }
    let base = options.mtu.or(place.map(|place| place.carries)).unwrap_or(MTU_USUAL);
    let inside = base.saturating_sub(overhead).min(INSIDE_MAX);
    let (least, whose) = if spec.v6.is_empty() { (INSIDE_MIN, "an interface") } else { (MTU_MIN_V6, "IPv6") };
    if inside < least {
        let why = format!("{base} bytes of the underlay leave {inside} inside, and {whose} needs {least}");
        return Err(Fault::new(why, format!("have the underlay carry at least {} bytes", least + overhead)));
    }
    Ok(inside)
}

const fn overhead(is_v4: bool) -> u32 {
    if is_v4 { OVERHEAD_V4 } else { OVERHEAD_V6 }
}

fn tunnel_name(vni: u32) -> String {
    format!("{TUNNEL}{vni}")
}

/// Networks have far fewer subnets than there are numbers.
fn number(at: usize) -> u16 {
    u16::try_from(at).unwrap_or(u16::MAX)
}

impl switched::Layout for Layout {
    type Made = Made;

    fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    fn conflict(&self, other: &Self) -> Option<Fault> {
        let with = |why: String| format!("conflicts with network {}: {why}", other.spec.name);
        if self.spec.name == other.spec.name {
            return Some(Fault::new(with("networks have same name".to_owned()), "choose another name"));
        }
        let both = |pools: fn(&NetworkSpec) -> &Vec<PoolData>| {
            pools(&self.spec).iter().any(|one| pools(&other.spec).iter().any(|two| overlaps(&one.pool, &two.pool)))
        };
        if both(|spec| &spec.v4) || both(|spec| &spec.v6) {
            return Some(Fault::new(with("networks have overlapping subnets".to_owned()), "choose another subnet"));
        }
        let shared = other.segments.iter().find(|theirs| self.segments.iter().any(|mine| mine.vni == theirs.vni))?;
        let of = shared.subnet.map(|subnet| format!(" of {subnet}")).unwrap_or_default();
        let why = with(format!("it has the VXLAN identifier {}{of} already", shared.vni));
        Some(Fault::new(why, format!("give this one another on every host, by {VNIS}")))
    }

    fn guard(&self) -> (GuardMode, bool) {
        (self.options.guard, self.options.trusted)
    }

    fn mtu(&self) -> Option<u32> {
        Some(self.mtu)
    }

    fn isolated(&self) -> bool {
        false
    }

    fn segment(&self, endpoint: &EndpointSpec) -> u16 {
        self.segment_of(endpoint).0
    }

    fn own_port(&self, name: &str) -> Option<&'static str> {
        own_port(name)
    }

    fn own_mac(&self, _mac: MacAddr) -> Option<&'static str> {
        None
    }

    /// Endpoints keep the MTU that they have: who is new has to carry it.
    fn follow(self, what: &str, old: &Self) -> Result<Self, DriverError> {
        check_change(old, &self).map_err(|fault| fault.at(what, &old.spec.name))?;
        let mtu = if old.place.is_some() { old.mtu } else { self.mtu };
        Ok(Self { mtu, ..self })
    }

    fn ways_out(&self, _endpoint: &EndpointSpec) -> (Option<Ipv4Addr>, Option<Ipv6Addr>) {
        (None, None)
    }
}

/// Where a port leads that is no endpoint's.
pub(super) fn own_port(name: &str) -> Option<&'static str> {
    name.starts_with(TUNNEL).then_some("other hosts")
}

/// What of a network there is, or may be, beside its switch and its endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Made {
    /// Whether all its tunnels are as its layout says.
    pub(super) tunnels: bool,
    /// Why not, if that was tried.
    pub(super) trouble: Option<String>,
}

fn check_change(old: &Layout, new: &Layout) -> Result<(), Fault> {
    let moved = |old: Place| new.place.is_some_and(|new| new.local != old.local);
    let fixed = [
        ("its name", old.spec.name == new.spec.name),
        ("the MTU", old.options.mtu == new.options.mtu),
        ("the UDP port", old.options.port == new.options.port),
        ("this host's address in the underlay", !old.place.is_some_and(moved)),
        ("the identifier of a subnet that is there", old.segments.iter().all(|one| new.segments.contains(one))),
        ("a pool that is there", switched::Layout::pools(old).all(|pool| switched::Layout::pools(new).any(|it| it == pool))),
    ];
    if let Some((which, _)) = fixed.into_iter().find(|(_, stays)| !stays) {
        let hint = "make a new network; peers and subnets can be added, and guard and trusted changed";
        return Err(Fault::new(format!("{which} cannot be changed"), hint));
    }
    let (Some(before), Some(after)) = (old.place, new.place) else { return Ok(()) };
    let (needs, carries) = (old.base(before), after.carries);
    if needs <= carries {
        return Ok(());
    }
    let why = format!("its endpoints' packets take {needs} bytes of the underlay, and to these peers it carries {carries}");
    Err(Fault::new(why, format!("have the path carry {needs}, or make a new network with {MTU}={carries}")))
}

#[cfg(test)]
mod tests;
