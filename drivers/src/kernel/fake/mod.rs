//! A kernel in memory: the same answers as Linux's for what drivers ask, without rights and without waiting.
//!
//! It carries no frame. What it holds ([`world`]) is behind one lock, so that each operation happens wholly or not at all.

mod address;
mod firewall;
mod settings;
mod sockets;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_trait::async_trait;
use ipnet::IpNet;

pub use self::sockets::ListeningAt;
use self::world::{Place, World};
use super::error::{KernelError, Why};
use super::forward::check as check_forward;
use super::link::check_way;
use super::netns::{HeldNetns, Keeper};
use super::sockets::loopback_server;
use super::{
    Bystanders, Capability, CapabilityKind, Firewall, Forwarding, Gate, IfName, Kernel, LinkChange, LinkInfo, Listening, Netns,
    NetnsName, Obstacle, Occupant, Opened, Others, Plan, Route, Seen, SysctlKey, TableName, TapMove, Veth, VethSpec, WayTo,
};

/// A kernel in memory. Clones are the same kernel.
#[derive(Clone)]
pub struct FakeKernel {
    netns_dir: PathBuf,
    world: Arc<Mutex<World>>,
}

impl FakeKernel {
    /// A kernel whose only namespace is the daemon's, with `lo` in it. The directory is but a name.
    pub fn new(netns_dir: impl Into<PathBuf>) -> Self {
        Self { netns_dir: netns_dir.into(), world: Arc::default() }
    }

    /// Makes a TAP in a namespace, as an ioctl does on Linux: down, with a random local address.
    ///
    /// # Errors
    /// [`Why::Exists`], [`Why::NoSuchNetns`].
    pub fn create_tap(&self, netns: &Netns, name: &IfName) -> Result<(), KernelError> {
        self.world().create_tap(&self.at(netns), name)
    }

    /// The sockets that [`Kernel::listen`] opened in a namespace: what was asked for, and the host's where it really listens.
    pub fn listening(&self, netns: &Netns) -> Vec<ListeningAt> {
        self.world().listening(&self.at(netns))
    }

    /// Installs the program `nft`, or takes it away; it is there at first.
    pub fn set_nft(&self, installed: bool) {
        self.world().without_nft = !installed;
    }

    /// Has the kernel speak IPv6, as it does at first, or not, as one that was started with `ipv6.disable=1`.
    pub fn set_ipv6(&self, speaks: bool) {
        self.world().without_ipv6 = !speaks;
    }

    /// What is loaded under a table's name.
    pub fn firewall(&self, table: &TableName) -> Option<Firewall> {
        self.world().firewalls.get(table).cloned()
    }

    /// Has others drop what the host forwards.
    pub fn set_obstacles(&self, obstacles: Vec<Obstacle>) {
        self.world().set_others(|others| others.obstacles = obstacles);
    }

    /// Has others keep these bridges apart.
    pub fn set_bridges(&self, bridges: &[IfName]) {
        self.world().set_others(|others| others.bridges = bridges.iter().cloned().collect());
    }

    /// Has a table `filter` of `iptables` before nftables be there, changes of which move no number; `readable` by a program that is
    /// installed.
    pub fn set_table_of_old(&self, readable: bool) {
        self.world().table_of_old = Some(readable);
    }

    /// The gateways whose packets the obstacles accept by rules with this comment.
    pub fn opened(&self, comment: &str) -> Vec<Gate> {
        self.world().opened.get(comment).cloned().unwrap_or_default()
    }

    /// Where a namespace's port 53 is redirected to: the UDP address, and the TCP port.
    pub fn dns_redirect(&self, netns: &Netns) -> Option<(SocketAddr, u16)> {
        self.world().dns_redirect(&self.at(netns))
    }

    /// Does what somebody else's `nft flush ruleset` does on the host.
    pub fn flush_ruleset(&self) {
        self.world().flush_ruleset();
    }

    /// Does what somebody else's `nft flush ruleset` does in a namespace.
    pub fn flush_ruleset_in(&self, netns: &Netns) {
        self.world().flush_rules_in(&self.at(netns));
    }

    /// A lock that a panic elsewhere poisoned holds a whole world all the same.
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at(&self, netns: &Netns) -> Place {
        match netns {
            Netns::Daemon => Place::Daemon,
            Netns::At(path) => Place::At(path.clone()),
            Netns::Held(held) => Place::Held(held.id()),
        }
    }
}

/// Keeps a namespace without a path, and takes it away when it goes.
struct InMemory {
    id: u64,
    world: Weak<Mutex<World>>,
}

impl Keeper for InMemory {
    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/fake/{}", self.id))
    }

    fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for InMemory {
    fn drop(&mut self) {
        if let Some(world) = self.world.upgrade() {
            world.lock().unwrap_or_else(PoisonError::into_inner).remove(&Place::Held(self.id));
        }
    }
}

#[async_trait]
impl Kernel for FakeKernel {
    fn netns_dir(&self) -> &Path {
        &self.netns_dir
    }

    async fn create_netns(&self, name: &NetnsName) -> Result<Netns, KernelError> {
        let path = self.netns_dir.join(name.as_str());
        self.world().create(Place::At(path.clone()), true)?;
        Ok(Netns::At(path))
    }

    async fn delete_netns(&self, netns: &Netns) -> Result<Vec<Occupant>, KernelError> {
        let what = "deleting a network namespace";
        let Netns::At(path) = netns else {
            let rule = "it has no file to delete; it goes with the last process and holder".to_owned();
            return Err(KernelError::new(what, netns.to_string(), Why::InvalidValue(rule)));
        };
        if !self.world().remove(&self.at(netns)) {
            return Err(KernelError::new(what, netns.to_string(), Why::NoSuchNetns(path.clone())));
        }
        Ok(Vec::new())
    }

    async fn netns_exists(&self, netns: &Netns) -> Result<bool, KernelError> {
        Ok(self.world().exists(&self.at(netns)))
    }

    async fn list_netns(&self) -> Result<Vec<String>, KernelError> {
        Ok(self.world().names(&self.netns_dir))
    }

    async fn open_plumbing(&self, at: Option<&Path>) -> Result<Netns, KernelError> {
        let mut world = self.world();
        let Some(path) = at else {
            let id = world.number();
            world.create(Place::Held(id), false)?;
            return Ok(Netns::Held(HeldNetns::new(InMemory { id, world: Arc::downgrade(&self.world) })));
        };
        let place = Place::At(path.to_owned());
        if !world.exists(&place) {
            world.create(place, false)?;
        }
        Ok(Netns::At(path.to_owned()))
    }

    async fn create_veth(&self, spec: &VethSpec) -> Result<Veth, KernelError> {
        spec.check()?;
        let (guest, peer) = (self.at(&spec.netns), self.at(&spec.peer_netns));
        let mut world = self.world();
        world.create_veth(spec, (&guest, &peer))?;
        Ok(Veth { guest: world.get(&guest, &spec.name)?, peer: world.get(&peer, &spec.peer_name)? })
    }

    async fn move_tap(&self, tap: &TapMove) -> Result<LinkInfo, KernelError> {
        tap.check()?;
        let (home, target) = (self.at(&tap.home), self.at(&tap.netns));
        let mut world = self.world();
        world.move_tap(tap, &home, &target)?;
        world.get(&target, &tap.name)
    }

    async fn set_link(&self, netns: &Netns, name: &IfName, change: &LinkChange) -> Result<LinkInfo, KernelError> {
        change.check(name)?;
        let place = self.at(netns);
        let mut world = self.world();
        world.set(&place, name, change)?;
        world.get(&place, change.name.as_ref().unwrap_or(name))
    }

    async fn delete_link(&self, netns: &Netns, name: &IfName) -> Result<(), KernelError> {
        self.world().delete(&self.at(netns), name)
    }

    async fn link(&self, netns: &Netns, name: &IfName) -> Result<LinkInfo, KernelError> {
        self.world().get(&self.at(netns), name)
    }

    async fn list_links(&self, netns: &Netns) -> Result<Vec<LinkInfo>, KernelError> {
        self.world().list(&self.at(netns))
    }

    async fn foreign_offloads(&self, netns: &Netns, name: &IfName) -> Result<Vec<String>, KernelError> {
        self.world().foreign_offloads(&self.at(netns), name)
    }

    async fn create_address(&self, netns: &Netns, name: &IfName, address: IpNet) -> Result<(), KernelError> {
        self.world().create_address(&self.at(netns), name, address)
    }

    async fn delete_address(&self, netns: &Netns, name: &IfName, address: IpNet) -> Result<(), KernelError> {
        self.world().delete_address(&self.at(netns), name, address)
    }

    async fn list_addresses(&self, netns: &Netns, name: &IfName) -> Result<Vec<IpNet>, KernelError> {
        self.world().addresses(&self.at(netns), name)
    }

    async fn way_to(&self, netns: &Netns, from: Option<IpAddr>, to: IpAddr) -> Result<WayTo, KernelError> {
        check_way(from, to)?;
        self.world().way_to(&self.at(netns), from, to)
    }

    async fn look_inside(&self, netns: &Netns, name: &IfName) -> Result<Seen, KernelError> {
        let (link, at) = (self.link(netns, name).await?, self.at(netns));
        let addresses = self.world().every_address(&at, name)?;
        let routes = self.world().routes(&at)?.into_iter().filter(|route| route.dev == *name).collect();
        Ok(Seen { link, addresses, routes, all_routes: true })
    }

    async fn list_addresses_all(&self, netns: &Netns) -> Result<Vec<(IfName, IpNet)>, KernelError> {
        self.world().all_addresses(&self.at(netns))
    }

    async fn configure(&self, netns: &Netns, plan: &Plan) -> Result<(), KernelError> {
        self.world().configure(&self.at(netns), plan)
    }

    async fn set_sysctl(&self, netns: &Netns, sysctls: &[(SysctlKey, String)]) -> Result<(), KernelError> {
        self.world().set_sysctl(&self.at(netns), sysctls)
    }

    async fn sysctl(&self, netns: &Netns, key: &SysctlKey) -> Result<String, KernelError> {
        self.world().sysctl(&self.at(netns), key)
    }

    async fn listen(&self, netns: &Netns, udp: SocketAddr, tcp: SocketAddr) -> Result<Listening, KernelError> {
        self.world().listen(&self.at(netns), udp, tcp)
    }

    async fn open_udp(&self, netns: &Netns, local: SocketAddr) -> Result<UdpSocket, KernelError> {
        self.world().open_udp(&self.at(netns), local)
    }

    async fn open_tcp(&self, netns: &Netns, to: SocketAddr) -> Result<TcpStream, KernelError> {
        self.world().open_tcp(&self.at(netns), to)
    }

    async fn create_route(&self, netns: &Netns, route: &Route) -> Result<(), KernelError> {
        self.world().create_route(&self.at(netns), route)
    }

    async fn delete_route(&self, netns: &Netns, route: &Route) -> Result<(), KernelError> {
        self.world().delete_route(&self.at(netns), route)
    }

    async fn list_routes(&self, netns: &Netns) -> Result<Vec<Route>, KernelError> {
        self.world().routes(&self.at(netns))
    }

    async fn raise_neighbour_limits(&self, at_least: [u32; 3]) -> Result<Vec<String>, KernelError> {
        self.world().raise_neighbour_limits(at_least)
    }

    async fn set_firewall(&self, firewall: &Firewall) -> Result<(), KernelError> {
        firewall.check()?;
        self.world().set_firewall(firewall)
    }

    async fn extend_firewall(&self, loaded: &Firewall, firewall: &Firewall) -> Result<(), KernelError> {
        firewall.check()?;
        self.world().extend_firewall(loaded, firewall)
    }

    async fn delete_firewall(&self, table: &TableName) -> Result<(), KernelError> {
        self.world().delete_firewall(table)
    }

    async fn firewall_intact(&self, firewall: &Firewall) -> Result<bool, KernelError> {
        self.world().firewall_intact(firewall)
    }

    async fn bystanders(&self, table: &TableName) -> Result<Bystanders, KernelError> {
        self.world().bystanders(table)
    }

    async fn gateways(&self, prefix: &str) -> Result<BTreeMap<TableName, BTreeSet<IfName>>, KernelError> {
        self.world().gateways(prefix)
    }

    async fn forwarding(&self) -> Result<Forwarding, KernelError> {
        self.world().forwarding()
    }

    async fn others(&self) -> Result<Others, KernelError> {
        self.world().others()
    }

    async fn open_forward(&self, obstacles: &[Obstacle], gates: &[Gate], comment: &str) -> Result<Vec<Opened>, KernelError> {
        check_forward(gates, comment)?;
        self.world().open_forward(obstacles, gates, comment)
    }

    async fn close_forward(&self, comment: &str) -> Result<(), KernelError> {
        check_forward(&[], comment)?;
        self.world().close_forward(comment)
    }

    async fn redirect_dns(&self, netns: &Netns, to: SocketAddr, tcp: u16) -> Result<Option<u32>, KernelError> {
        loopback_server("redirecting DNS", to, tcp)?;
        self.world().redirect_dns(&self.at(netns), Some((to, tcp)))
    }

    async fn dns_redirect_stands(&self, netns: &Netns, change: u32) -> Result<bool, KernelError> {
        self.world().dns_redirect_stands(&self.at(netns), change)
    }

    async fn delete_dns_redirect(&self, netns: &Netns) -> Result<(), KernelError> {
        self.world().redirect_dns(&self.at(netns), None).map(drop)
    }

    async fn capabilities(&self) -> Vec<Capability> {
        let world = self.world();
        Capability::all(|kind| if kind == CapabilityKind::Nft { world.nft_capability() } else { Ok(()) })
    }
}
