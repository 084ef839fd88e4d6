//! Names in sandboxes: the zone that all name servers answer from, the server of each sandbox, and its `hosts` and `resolv.conf`.

use super::model::{Endpoint, EndpointState, Id, Sandbox, SandboxPlace};
use super::refusal::Attempt;
use super::{Inner, Refusal};
use crate::dns::resolve::{Forward, From, Reply, Transport, Upstream, View, resolve};
use crate::dns::server::{Authority, Dialer, Dialling, Limits, Server};
use crate::dns::zone::{Names, Zone};
use crate::etc::hosts::{ExtraHost, HostLine, own_names, text};
use crate::etc::resolv::{Resolv, SYSTEMD};
use crate::etc::sources::{EMBEDDED, Sources, Wanted};
use crate::etc::{Outcome, SandboxFiles};
use lanloom_drivers::kernel::{Kernel, KernelError, Listening, Netns, Why};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::net::{TcpStream, UdpSocket};

/// The port of name servers.
const DNS: u16 = 53;

/// The name servers of all sandboxes.
#[derive(Debug, Default)]
pub(super) struct NameServers {
    running: Mutex<HashMap<Id, Running>>,
}

#[derive(Debug)]
pub(super) struct Running {
    server: Server,
    /// The sandbox's name, and its namespace.
    sandbox: String,
    netns: PathBuf,
    view: Arc<RwLock<View>>,
    /// Where it listens, in words.
    place: String,
}

/// What one sandbox may know.
struct Librarian {
    zone: Arc<RwLock<Zone>>,
    view: Arc<RwLock<View>>,
}

/// Asks upstreams of the host from here, and the sandbox's own from inside.
struct Outgoing {
    kernel: Arc<dyn Kernel>,
    netns: Netns,
}

impl NameServers {
    fn running(&self) -> MutexGuard<'_, HashMap<Id, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out the servers whose namespaces are gone, with their sandboxes' names.
    pub(super) fn take_gone(&self) -> Vec<(String, Running)> {
        let mut all = self.running();
        let gone = all.extract_if(|_, running| !running.netns.exists());
        gone.map(|(_, running)| (running.sandbox.clone(), running)).collect()
    }

    /// Where a sandbox's server listens, in words.
    pub(super) fn shown(&self, sandbox: &Id) -> String {
        self.running().get(sandbox).map_or_else(|| "none".to_owned(), |running| running.place.clone())
    }
}

impl Running {
    pub(super) async fn stop(self) {
        self.server.stop().await;
    }
}

impl Authority for Librarian {
    fn resolve(&self, query: &[u8], transport: Transport, seed: u64) -> Reply {
        let zone = self.zone.read().unwrap_or_else(PoisonError::into_inner);
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        resolve(&zone, &view, query, transport, seed)
    }
}

impl Dialer for Outgoing {
    fn udp(&self, from: From, to: SocketAddr) -> Dialling<'_, UdpSocket> {
        Box::pin(async move {
            let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
            let netns = match from {
                From::Host => Netns::Daemon,
                From::Sandbox => self.netns.clone(),
            };
            let socket = self.kernel.open_udp(&netns, (any, 0).into()).await.map_err(io::Error::other)?;
            let socket = UdpSocket::from_std(socket)?;
            socket.connect(to).await?;
            Ok(socket)
        })
    }

    fn tcp(&self, from: From, to: SocketAddr) -> Dialling<'_, TcpStream> {
        Box::pin(async move {
            match from {
                From::Host => TcpStream::connect(to).await,
                From::Sandbox => {
                    let stream = self.kernel.open_tcp(&self.netns, to).await.map_err(io::Error::other)?;
                    TcpStream::from_std(stream)
                }
            }
        })
    }
}

impl Inner {
    /// The names by which an endpoint is known on its network, the sandbox's own first.
    pub(super) fn dns_names(&self, endpoint: &Endpoint, sandbox: &Sandbox) -> Vec<String> {
        let mut names = vec![sandbox.name.to_string(), endpoint.name.to_string()];
        names.extend(endpoint.spec.aliases.iter().cloned());
        names.push(sandbox.id.short().to_owned());
        names.extend(sandbox.spec.hostname.clone());
        let mut seen: Vec<String> = Vec::new();
        for name in names {
            if !seen.iter().any(|other| other.eq_ignore_ascii_case(&name)) {
                seen.push(name);
            }
        }
        seen
    }

    /// From now on the endpoint answers to its names.
    pub(super) fn name_endpoint(&self, endpoint: &Endpoint, sandbox: &Sandbox) {
        let Some(network) = self.book.network(&endpoint.network) else { return };
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for address in &endpoint.addresses {
            match address.addr() {
                IpAddr::V4(address) => v4.push(address),
                IpAddr::V6(address) => v6.push(address),
            }
        }
        let names = Names { names: self.dns_names(endpoint, sandbox), v4, v6, services: Vec::new() };
        self.zone().set(network.name.as_str(), endpoint.id.as_str(), names);
        self.tell_links(&network.id);
    }

    /// From now on it does not.
    pub(super) fn unname_endpoint(&self, endpoint: &Endpoint) {
        let Some(network) = self.book.network(&endpoint.network) else { return };
        self.zone().remove(network.name.as_str(), endpoint.id.as_str());
        self.tell_links(&network.id);
    }

    /// Who has a name of its own for another on that network looks again where that is.
    fn tell_links(&self, network: &Id) {
        for endpoint in self.book.endpoints_on(network).iter().filter(|endpoint| !endpoint.spec.links.is_empty()) {
            if let Some(sandbox) = endpoint.state.joint().and_then(|joint| self.book.sandbox(&joint.sandbox)) {
                self.look_anew(&sandbox);
            }
        }
    }

    /// What a sandbox may ask follows its networks.
    fn look_anew(&self, sandbox: &Sandbox) {
        let view = self.view(sandbox);
        if let Some(running) = self.servers.running().get(&sandbox.id) {
            *running.view.write().unwrap_or_else(PoisonError::into_inner) = view;
        }
    }

    fn view(&self, sandbox: &Sandbox) -> View {
        let candidates = self.candidates(&sandbox.id);
        let has_way_out = candidates.iter().any(|it| !it.internal && (it.v4 || it.v6));
        let upstream = |address: &IpAddr, from| Upstream { address: (*address, DNS).into(), from };
        let forward = if !sandbox.spec.dns.is_empty() {
            Forward::To(sandbox.spec.dns.iter().map(|address| upstream(address, From::Sandbox)).collect())
        } else if has_way_out {
            let host = self.host_resolv();
            Forward::To(host.nameservers.iter().map(|server| upstream(&server.address, From::Host)).collect())
        } else {
            Forward::Never
        };
        let given = Resolv { options: sandbox.spec.dns_options.clone(), ..Resolv::default() };
        View {
            networks: candidates.into_iter().map(|candidate| candidate.network).collect(),
            links: self.links(sandbox),
            forward,
            // Without any, or with none, a name is asked as it is first.
            ndots_given: given.ndots().is_some_and(|dots| dots > 0),
        }
    }

    /// Names that only this sandbox has for others.
    fn links(&self, sandbox: &Sandbox) -> Vec<(String, Vec<IpAddr>)> {
        let mut links = Vec::new();
        for endpoint in self.book.joined_to(&sandbox.id) {
            for (target, alias) in &endpoint.spec.links {
                let on = self.book.endpoints_on(&endpoint.network);
                let is_it = |other: &&Arc<Endpoint>| {
                    let EndpointState::Joined(joint) = &other.state else { return false };
                    self.book.sandbox(&joint.sandbox).is_some_and(|it| it.name.as_str() == target)
                };
                let addresses = on.iter().find(is_it).map(|other| other.addresses.iter().map(ipnet::IpNet::addr).collect());
                links.push((alias.clone(), addresses.unwrap_or_default()));
            }
        }
        links
    }

    pub(super) fn host_resolv(&self) -> Resolv {
        let main = std::fs::read_to_string(&self.networking.resolv_conf).unwrap_or_default();
        Resolv::of_host(&main, std::fs::read_to_string(SYSTEMD).ok().as_deref())
    }

    fn resolv(&self, sandbox: &Sandbox) -> Resolv {
        let spec = &sandbox.spec;
        let (nameservers, search, options) = (spec.dns.clone(), spec.dns_search.clone(), spec.dns_options.clone());
        let wanted = Wanted { nameservers, search, options };
        let (daemon, host) = (Wanted::default(), self.host_resolv());
        Sources { sandbox: &wanted, daemon: &daemon, host: &host }.embedded()
    }

    /// Starts the name server of a sandbox, unless it is the host's.
    pub(super) async fn start_names(&self, attempt: &Attempt, sandbox: &Sandbox) -> Result<(), Refusal> {
        let Some(netns_path) = self.netns_path(sandbox) else { return Ok(()) };
        let netns = Netns::At(netns_path.clone());
        let (listening, place, note) = self.listen(&netns).await.map_err(|error| attempt.kernel(error))?;
        let view = Arc::new(RwLock::new(self.view(sandbox)));
        let authority = Arc::new(Librarian { zone: Arc::clone(&self.zone), view: Arc::clone(&view) });
        let dialer = Arc::new(Outgoing { kernel: Arc::clone(&self.kernel), netns });
        let server = Server::start(listening.udp, listening.tcp, authority, dialer, Limits::default());
        let server = server
            .map_err(|error| attempt.failed(format!("starting its name server: {error}"), "raise the limit of open files"))?;
        let path = netns_path.clone();
        let running = Running { server, sandbox: sandbox.name.to_string(), netns: netns_path, view, place };
        self.servers.running().insert(sandbox.id.clone(), running);
        if let Err(error) = self.vanishing.watch(&path) {
            tracing::warn!(sandbox = %sandbox.name, %error, "it will not be heard if its namespace goes");
        }
        if let Some(note) = note {
            self.notes.entry(sandbox.id.clone()).or_default().push(note);
        }
        Ok(())
    }

    /// Sockets on ports that nobody chose, so that port 53 inside stays the sandbox's own, and a rule that leads there; directly on
    /// 53 where there can be no rule.
    async fn listen(&self, netns: &Netns) -> Result<(Listening, String, Option<String>), KernelError> {
        let any = SocketAddr::from((EMBEDDED, 0));
        let listening = self.kernel.listen(netns, any, any).await?;
        let (udp, tcp) = (port_of(listening.udp.local_addr()), port_of(listening.tcp.local_addr()));
        match self.kernel.redirect_dns(netns, (EMBEDDED, udp).into(), tcp).await {
            Ok(()) => Ok((listening, format!("{EMBEDDED}:{DNS}, redirected to ports {udp} (UDP) and {tcp} (TCP)"), None)),
            Err(error) if matches!(error.why(), Why::MissingTool { .. } | Why::Unsupported) => {
                drop(listening);
                let direct = SocketAddr::from((EMBEDDED, DNS));
                let listening = self.kernel.listen(netns, direct, direct).await?;
                let note = format!("its own port {DNS} on {EMBEDDED} is taken by the name server: {error}");
                Ok((listening, format!("{EMBEDDED}:{DNS}, directly"), Some(note)))
            }
            Err(error) => Err(error),
        }
    }

    /// Stops it, and waits until its sockets no longer hold the namespace.
    pub(super) async fn stop_names(&self, sandbox: &Sandbox) {
        let running = self.servers.running().remove(&sandbox.id);
        if let Some(running) = running {
            running.stop().await;
        }
    }

    /// Takes the way to the name server out of a namespace that stays when its sandbox goes.
    pub(super) async fn close_redirect(&self, sandbox: &Sandbox) -> Result<(), KernelError> {
        if !matches!(sandbox.spec.place, SandboxPlace::At(_)) {
            return Ok(());
        }
        match self.kernel.delete_dns_redirect(&self.netns_of(sandbox)).await {
            Err(error) if matches!(error.why(), Why::NoSuchNetns(_) | Why::MissingTool { .. } | Why::Unsupported) => Ok(()),
            done => done,
        }
    }

    /// Where the files of a sandbox are; the host's own has none.
    pub(super) fn files_of(&self, sandbox: &Sandbox) -> Option<SandboxFiles> {
        if sandbox.spec.place == SandboxPlace::Host {
            return None;
        }
        let dir = self.networking.files.join(sandbox.name.as_str());
        Some(SandboxFiles::new(dir, self.networking.copies.join(sandbox.id.as_str())))
    }

    /// Brings the files of a sandbox, and what it may ask, to what its endpoints are. That a file could not be written keeps nothing
    /// else from being done.
    pub(super) fn write_files(&self, sandbox: &Sandbox) {
        self.look_anew(sandbox);
        let Some(files) = self.files_of(sandbox) else { return };
        let written = files.write_hosts(&self.hosts(sandbox)).and_then(|hosts| {
            let resolv = files.write_resolv(&self.resolv(sandbox).to_string())?;
            Ok((hosts, resolv))
        });
        match written {
            Ok((Outcome::Written, Outcome::Written)) => {}
            Ok(_) => tracing::info!(sandbox = %sandbox.name, "files that were edited by hand are left so"),
            Err(error) => {
                tracing::warn!(sandbox = %sandbox.name, "{error}");
                let mut notes = self.notes.entry(sandbox.id.clone()).or_default();
                let note = error.to_string();
                if !notes.contains(&note) {
                    notes.push(note);
                }
            }
        }
    }

    fn hosts(&self, sandbox: &Sandbox) -> String {
        let hostname = sandbox.spec.hostname.as_deref().unwrap_or(sandbox.name.as_str());
        let names = own_names(hostname, sandbox.spec.domainname.as_deref().unwrap_or_default());
        let mut joined = self.book.joined_to(&sandbox.id);
        // As they came, the lowest interface first: the same after every restart.
        joined.sort_by_key(|endpoint| {
            let ifname = endpoint.state.joint().and_then(|joint| joint.ifname.clone()).unwrap_or_default();
            (ifname.len(), ifname)
        });
        let addresses = joined.iter().flat_map(|endpoint| &endpoint.addresses);
        let own: Vec<HostLine> = addresses.map(|net| HostLine { address: net.addr(), names: names.clone() }).collect();
        let gateways: Vec<IpAddr> = joined.iter().flat_map(|endpoint| gateways(endpoint)).collect();
        let lines = |(name, target): &(String, String)| {
            let extra: Option<ExtraHost> = format!("{name}:{target}").parse().ok();
            extra.map(|extra| extra.lines(&gateways)).unwrap_or_default()
        };
        let extra: Vec<HostLine> = sandbox.spec.extra_hosts.iter().flat_map(lines).collect();
        text(&extra, &own)
    }

    pub(super) fn delete_files(&self, sandbox: &Sandbox) -> Result<(), String> {
        self.files_of(sandbox).map_or(Ok(()), |files| files.delete().map_err(|error| error.to_string()))
    }
}

fn gateways(endpoint: &Endpoint) -> Vec<IpAddr> {
    let EndpointState::Joined(joint) = &endpoint.state else { return Vec::new() };
    joint.gateway_v4.map(IpAddr::V4).into_iter().chain(joint.gateway_v6.map(IpAddr::V6)).collect()
}

fn port_of(address: io::Result<SocketAddr>) -> u16 {
    address.map_or(0, |address| address.port())
}
