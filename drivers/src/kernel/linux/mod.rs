//! The real kernel, by rtnetlink, mounts and ioctls.
//!
//! Each operation is one thread: it enters the namespace, does all of its steps there, undoes them if one fails, and ends.

mod address;
mod announce;
mod configure;
mod deleting;
mod ethtool;
mod firewall;
mod forward;
mod generation;
mod inside;
mod link;
mod neighbours;
mod netns;
mod nft;
mod plumbing;
mod probe;
mod probe_sys;
mod redirect;
mod ruleset;
mod sockets;
mod sysctl;
mod tool;
mod way;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use ipnet::IpNet;

use self::inside::{Opened as OpenedNetns, Session, in_thread};
use self::nft::Nft;
use self::tool::Programs;
use super::forward::check as check_forward;
use super::{
    Bystanders, Capability, Faults, Firewall, Forwarding, Gate, IfName, Kernel, KernelError, LinkChange, LinkInfo, Listening,
    Netns, NetnsName, Obstacle, Occupant, Opened, Others, Plan, Route, Seen, SysctlKey, TableName, TapMove, Veth, VethSpec,
    WayTo,
};

/// The Linux kernel that this process runs on. [`Netns::Daemon`] is the namespace of this process's main thread.
#[derive(Clone, Debug)]
pub struct LinuxKernel {
    netns_dir: PathBuf,
    faults: Arc<Faults>,
    host: Netns,
    programs: Programs,
}

impl LinuxKernel {
    /// With the files of named namespaces in that directory; `ip netns` looks in `/run/netns`. It is made when it is needed.
    pub fn new(netns_dir: impl Into<PathBuf>) -> Self {
        Self::with_faults(netns_dir, Arc::new(Faults::none()))
    }

    /// One whose single steps fail as `faults` decide: what undoes them is tried for real. Undoing never is made to fail.
    pub fn with_faults(netns_dir: impl Into<PathBuf>, faults: Arc<Faults>) -> Self {
        Self { netns_dir: netns_dir.into(), faults, host: Netns::Daemon, programs: Programs::default() }
    }

    /// With another namespace for the host's, as far as the firewall, its obstacles and the limits of neighbours are concerned.
    #[must_use]
    pub fn with_host(self, host: Netns) -> Self {
        Self { host, ..self }
    }

    /// Looking for `nft` and `iptables` in these directories only, not in PATH and the administrator's.
    #[must_use]
    pub fn with_programs(self, dirs: Vec<PathBuf>) -> Self {
        Self { programs: Programs::In(dirs), ..self }
    }

    /// Runs work with a netlink session in a namespace.
    async fn inside<T, W>(&self, what: &'static str, netns: &Netns, work: W) -> Result<T, KernelError>
    where
        T: Send + 'static,
        W: FnOnce(&Session) -> Result<T, KernelError> + Send + 'static,
    {
        let netns = netns.clone();
        in_thread(what, move || work(&Session::enter(&OpenedNetns::open(&netns)?)?)).await
    }

    /// Runs work with `nft` in the host's namespace.
    async fn on_host<T, W>(&self, what: &'static str, work: W) -> Result<T, KernelError>
    where
        T: Send + 'static,
        W: FnOnce(&Nft, &Programs) -> Result<T, KernelError> + Send + 'static,
    {
        let programs = self.programs.clone();
        self.with_nft(what, &self.host, move |nft| work(nft, &programs)).await
    }

    /// Runs work with `nft` in a namespace.
    async fn with_nft<T, W>(&self, what: &'static str, netns: &Netns, work: W) -> Result<T, KernelError>
    where
        T: Send + 'static,
        W: FnOnce(&Nft) -> Result<T, KernelError> + Send + 'static,
    {
        let (netns, programs) = (netns.clone(), self.programs.clone());
        in_thread(what, move || {
            let nft = Nft::find(&programs)?;
            OpenedNetns::open(&netns)?.enter()?;
            work(&nft)
        })
        .await
    }
}

#[async_trait]
impl Kernel for LinuxKernel {
    fn netns_dir(&self) -> &Path {
        &self.netns_dir
    }

    async fn create_netns(&self, name: &NetnsName) -> Result<Netns, KernelError> {
        let (this, name) = (self.clone(), name.clone());
        in_thread("creating a network namespace", move || netns::create(&this.netns_dir, &name, &this.faults)).await
    }

    async fn delete_netns(&self, netns: &Netns) -> Result<Vec<Occupant>, KernelError> {
        let netns = netns.clone();
        in_thread("deleting a network namespace", move || netns::delete(&netns)).await
    }

    async fn netns_exists(&self, netns: &Netns) -> Result<bool, KernelError> {
        let netns = netns.clone();
        in_thread("looking at a network namespace", move || netns::exists(&netns)).await
    }

    async fn list_netns(&self) -> Result<Vec<String>, KernelError> {
        let dir = self.netns_dir.clone();
        in_thread("listing network namespaces", move || netns::list(&dir)).await
    }

    async fn open_plumbing(&self, at: Option<&Path>) -> Result<Netns, KernelError> {
        let (at, faults) = (at.map(Path::to_owned), Arc::clone(&self.faults));
        in_thread("making the plumbing namespace", move || plumbing::open(at.as_deref(), &faults)).await
    }

    async fn create_veth(&self, spec: &VethSpec) -> Result<Veth, KernelError> {
        let (spec, faults) = (spec.clone(), Arc::clone(&self.faults));
        in_thread("creating a veth", move || link::create_veth(&spec, &faults)).await
    }

    async fn move_tap(&self, tap: &TapMove) -> Result<LinkInfo, KernelError> {
        let (tap, faults) = (tap.clone(), Arc::clone(&self.faults));
        in_thread("moving a TAP", move || link::move_tap(&tap, &faults)).await
    }

    async fn set_link(&self, netns: &Netns, name: &IfName, change: &LinkChange) -> Result<LinkInfo, KernelError> {
        let (name, change) = (name.clone(), change.clone());
        self.inside("changing an interface", netns, move |session| link::set(session, &name, &change)).await
    }

    async fn delete_link(&self, netns: &Netns, name: &IfName) -> Result<(), KernelError> {
        let name = name.clone();
        self.inside("deleting an interface", netns, move |session| deleting::delete(session, &name)).await
    }

    async fn link(&self, netns: &Netns, name: &IfName) -> Result<LinkInfo, KernelError> {
        let name = name.clone();
        self.inside("looking at an interface", netns, move |session| link::get(session, &name)).await
    }

    async fn list_links(&self, netns: &Netns) -> Result<Vec<LinkInfo>, KernelError> {
        self.inside("listing interfaces", netns, link::list).await
    }

    async fn foreign_offloads(&self, netns: &Netns, name: &IfName) -> Result<Vec<String>, KernelError> {
        let (netns, name) = (netns.clone(), name.clone());
        in_thread("reading an interface's offloads", move || {
            OpenedNetns::open(&netns)?.enter()?;
            Ok(ethtool::Features::of(&name, &netns)?.foreign())
        })
        .await
    }

    async fn create_address(&self, netns: &Netns, name: &IfName, address: IpNet) -> Result<(), KernelError> {
        let name = name.clone();
        self.inside("creating an address", netns, move |session| address::create(session, &name, address)).await
    }

    async fn delete_address(&self, netns: &Netns, name: &IfName, address: IpNet) -> Result<(), KernelError> {
        let name = name.clone();
        self.inside("deleting an address", netns, move |session| address::delete(session, &name, address)).await
    }

    async fn list_addresses(&self, netns: &Netns, name: &IfName) -> Result<Vec<IpNet>, KernelError> {
        let name = name.clone();
        self.inside("listing addresses", netns, move |session| address::list(session, &name)).await
    }

    async fn list_addresses_all(&self, netns: &Netns) -> Result<Vec<(IfName, IpNet)>, KernelError> {
        self.inside("listing addresses", netns, address::list_all).await
    }

    async fn configure(&self, netns: &Netns, plan: &Plan) -> Result<(), KernelError> {
        let (netns, plan, faults) = (netns.clone(), plan.clone(), Arc::clone(&self.faults));
        in_thread("setting an interface up as planned", move || configure::configure(&netns, &plan, &faults)).await
    }

    async fn set_sysctl(&self, netns: &Netns, sysctls: &[(SysctlKey, String)]) -> Result<(), KernelError> {
        let (netns, sysctls, faults) = (netns.clone(), sysctls.to_vec(), Arc::clone(&self.faults));
        in_thread("changing a setting", move || sysctl::set(&netns, &sysctls, &faults)).await
    }

    async fn sysctl(&self, netns: &Netns, key: &SysctlKey) -> Result<String, KernelError> {
        let (netns, key) = (netns.clone(), key.clone());
        in_thread("reading a setting", move || sysctl::get(&netns, &key)).await
    }

    async fn listen(&self, netns: &Netns, udp: SocketAddr, tcp: SocketAddr) -> Result<Listening, KernelError> {
        let netns = netns.clone();
        in_thread("listening in a network namespace", move || sockets::listen(&netns, udp, tcp)).await
    }

    async fn open_udp(&self, netns: &Netns, local: SocketAddr) -> Result<UdpSocket, KernelError> {
        let netns = netns.clone();
        in_thread("opening a socket in a network namespace", move || sockets::open_udp(&netns, local)).await
    }

    async fn open_tcp(&self, netns: &Netns, to: SocketAddr) -> Result<TcpStream, KernelError> {
        let netns = netns.clone();
        in_thread("connecting from a network namespace", move || sockets::open_tcp(&netns, to)).await
    }

    async fn create_route(&self, netns: &Netns, route: &Route) -> Result<(), KernelError> {
        let route = route.clone();
        self.inside("creating a route", netns, move |session| address::create_route(session, &route)).await
    }

    async fn delete_route(&self, netns: &Netns, route: &Route) -> Result<(), KernelError> {
        let route = route.clone();
        self.inside("deleting a route", netns, move |session| address::delete_route(session, &route)).await
    }

    async fn list_routes(&self, netns: &Netns) -> Result<Vec<Route>, KernelError> {
        self.inside("listing routes", netns, address::list_routes).await
    }

    async fn raise_neighbour_limits(&self, at_least: [u32; 3]) -> Result<Vec<String>, KernelError> {
        let (host, faults) = (self.host.clone(), Arc::clone(&self.faults));
        in_thread("raising the limits of neighbours", move || {
            OpenedNetns::open(&host)?.enter()?;
            neighbours::raise(at_least, &faults)
        })
        .await
    }

    async fn way_to(&self, netns: &Netns, from: Option<IpAddr>, to: IpAddr) -> Result<WayTo, KernelError> {
        let (what, netns, faults) = ("looking for a route", netns.clone(), Arc::clone(&self.faults));
        in_thread(what, move || {
            faults.pass(what, to)?;
            way::way_to(&netns, from, to)
        })
        .await
    }

    async fn look_inside(&self, netns: &Netns, name: &IfName) -> Result<Seen, KernelError> {
        let (netns, name) = (netns.clone(), name.clone());
        let look = move || {
            let session = Session::enter_strictly(&OpenedNetns::open(&netns)?)?;
            let (link, addresses) = (link::get(&session, &name)?, address::list_every(&session, &name)?);
            let (routes, all_routes) = address::list_routes_by(&session, &name, link.index)?;
            Ok(Seen { link, addresses, routes, all_routes })
        };
        in_thread("looking at an interface", look).await
    }

    async fn set_firewall(&self, firewall: &Firewall) -> Result<(), KernelError> {
        firewall.check()?;
        let firewall = firewall.clone();
        self.on_host("setting the firewall", move |nft, _| firewall::set(nft, &firewall)).await
    }

    async fn extend_firewall(&self, loaded: &Firewall, firewall: &Firewall) -> Result<(), KernelError> {
        firewall.check()?;
        let (loaded, firewall) = (loaded.clone(), firewall.clone());
        self.on_host("extending the firewall", move |nft, _| firewall::extend(nft, &loaded, &firewall)).await
    }

    async fn delete_firewall(&self, table: &TableName) -> Result<(), KernelError> {
        let table = table.clone();
        self.on_host("deleting a table of the firewall", move |nft, _| firewall::delete(nft, &table)).await
    }

    async fn firewall_intact(&self, firewall: &Firewall) -> Result<bool, KernelError> {
        let firewall = firewall.clone();
        self.on_host("looking at the firewall", move |nft, _| firewall::is_intact(nft, &firewall)).await
    }

    async fn bystanders(&self, table: &TableName) -> Result<Bystanders, KernelError> {
        let table = table.clone();
        self.on_host("looking at who was there before", move |nft, _| firewall::bystanders(nft, &table)).await
    }

    async fn gateways(&self, prefix: &str) -> Result<BTreeMap<TableName, BTreeSet<IfName>>, KernelError> {
        let prefix = prefix.to_owned();
        self.on_host("looking for networks of all daemons", move |nft, _| firewall::gateways(nft, &prefix)).await
    }

    async fn forwarding(&self) -> Result<Forwarding, KernelError> {
        let host = self.host.clone();
        in_thread("looking at how the host forwards", move || {
            OpenedNetns::open(&host)?.enter()?;
            generation::look()
        })
        .await
    }

    async fn others(&self) -> Result<Others, KernelError> {
        self.on_host("looking at what the host forwards", forward::others).await
    }

    async fn open_forward(&self, obstacles: &[Obstacle], gates: &[Gate], comment: &str) -> Result<Vec<Opened>, KernelError> {
        check_forward(gates, comment)?;
        let (obstacles, gates, comment) = (obstacles.to_vec(), gates.to_vec(), comment.to_owned());
        let work = move |nft: &Nft, programs: &Programs| forward::open(nft, programs, &obstacles, &gates, &comment);
        self.on_host("having the host forward", work).await
    }

    async fn close_forward(&self, comment: &str) -> Result<(), KernelError> {
        check_forward(&[], comment)?;
        let comment = comment.to_owned();
        let work = move |nft: &Nft, programs: &Programs| forward::close(nft, programs, &comment);
        self.on_host("having the host forward no more", work).await
    }

    async fn redirect_dns(&self, netns: &Netns, to: SocketAddr, tcp: u16) -> Result<Option<u32>, KernelError> {
        self.with_nft("redirecting DNS", netns, move |nft| redirect::set(nft, to, tcp)).await
    }

    async fn dns_redirect_stands(&self, netns: &Netns, change: u32) -> Result<bool, KernelError> {
        let netns = netns.clone();
        in_thread("looking at a redirection of DNS", move || {
            OpenedNetns::open(&netns)?.enter()?;
            redirect::stands(change)
        })
        .await
    }

    async fn delete_dns_redirect(&self, netns: &Netns) -> Result<(), KernelError> {
        self.with_nft("ending a redirection of DNS", netns, redirect::delete).await
    }

    async fn capabilities(&self) -> Vec<Capability> {
        // Only a thread that cannot be made has no answer.
        let programs = self.programs.clone();
        in_thread("looking at what the kernel offers", move || Ok(probe::capabilities(&programs))).await.unwrap_or_default()
    }
}

/// Sets `lo` up in the calling thread's namespace.
pub(super) fn set_lo_up() -> Result<(), KernelError> {
    let up = LinkChange { up: Some(true), ..LinkChange::default() };
    link::set(&Session::connect(Netns::Daemon)?, &IfName::new("lo")?, &up).map(drop)
}
