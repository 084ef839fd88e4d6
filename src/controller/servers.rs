//! The name server of each sandbox: where it listens, and whom it asks.

use super::identity::identity;
use super::model::{Id, Identity, Redirect, Sandbox, SandboxPlace};
use super::refusal::Attempt;
use super::upkeep::Waits;
use super::{Inner, Refusal};
use crate::dns::resolve::{From, Reply, Transport, View, resolve};
use crate::dns::server::{Authority, Dialer, Dialling, Limits, Server};
use crate::dns::zone::Zone;
use crate::etc::sources::EMBEDDED;
use lanloom_drivers::kernel::{Kernel, KernelError, Listening, Netns, Why};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;
use tokio::net::{TcpStream, UdpSocket};

/// The port of name servers.
pub(super) const DNS: u16 = 53;

/// The name servers that run.
#[derive(Debug, Default)]
pub(super) struct NameServers {
    running: Mutex<HashMap<Id, Running>>,
}

#[derive(Debug)]
pub(super) struct Running {
    server: Server,
    /// The sandbox's name, where its namespace is, and what tells that one from others.
    sandbox: String,
    netns: PathBuf,
    identity: Option<Identity>,
    view: Arc<RwLock<View>>,
    /// Where it listens, in words.
    place: String,
}

/// Sockets of a server, and what leads to them.
struct Ears {
    listening: Listening,
    redirect: Option<Redirect>,
    /// Where that is, in words.
    place: String,
    /// What is not as it should be.
    note: Option<String>,
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
        let gone = all.extract_if(|_, running| !running.is_in_place());
        gone.map(|(_, running)| (running.sandbox.clone(), running)).collect()
    }

    /// Takes out a sandbox's, if it has one.
    pub(super) fn take(&self, sandbox: &Id) -> Option<Running> {
        self.running().remove(sandbox)
    }

    /// Whether a sandbox has one.
    pub(super) fn has(&self, sandbox: &Id) -> bool {
        self.running().contains_key(sandbox)
    }

    /// From now on a sandbox may ask that.
    pub(super) fn show(&self, sandbox: &Id, view: View) {
        if let Some(running) = self.running().get(sandbox) {
            *running.view.write().unwrap_or_else(PoisonError::into_inner) = view;
        }
    }
}

impl Running {
    /// Whether its sandbox's path leads to the namespace still in which it was started. The file alone says nothing: it stays where
    /// somebody unmounted the namespace, and may lead to another one by now.
    fn is_in_place(&self) -> bool {
        let is_same = |now: &Identity| self.identity.as_ref().is_none_or(|then| then.is_same(now));
        identity(&self.netns).as_ref().is_some_and(is_same)
    }

    pub(super) async fn stop(self) {
        self.server.stop().await;
    }

    /// The same where the namespace that it was in is gone, which is said.
    pub(super) async fn end(self) {
        let sandbox = self.sandbox.clone();
        self.stop().await;
        tracing::warn!(%sandbox, "its namespace is gone; what is left of it goes with `lanloom sandbox delete`");
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
    /// Starts the name server of a sandbox, unless it is the host's. Answers what leads to it, for the sandbox's record.
    pub(super) async fn start_names(&self, attempt: &Attempt, sandbox: &Sandbox) -> Result<Option<Redirect>, Refusal> {
        let Some(netns_path) = self.netns_path(sandbox) else { return Ok(None) };
        let (netns, identity) = (Netns::At(netns_path.clone()), identity(&netns_path));
        let ears = self.listen(&netns, sandbox.redirect).await.map_err(|error| attempt.kernel(error))?;
        let view = Arc::new(RwLock::new(self.view(sandbox)));
        let authority = Arc::new(Librarian { zone: Arc::clone(&self.zone), view: Arc::clone(&view) });
        let dialer = Arc::new(Outgoing { kernel: Arc::clone(&self.kernel), netns });
        let server = Server::start(ears.listening.udp, ears.listening.tcp, authority, dialer, Limits::default());
        let server = server
            .map_err(|error| attempt.failed(format!("starting its name server: {error}"), "raise the limit of open files"))?;
        let (path, named) = (netns_path.clone(), sandbox.name.to_string());
        let running = Running { server, sandbox: named, netns: netns_path, identity, view, place: ears.place };
        self.servers.running().insert(sandbox.id.clone(), running);
        if let Err(error) = self.vanishing.watch(&path) {
            tracing::warn!(sandbox = %sandbox.name, %error, "it will not be heard if its namespace goes");
        }
        if let Some(note) = ears.note {
            self.note(&sandbox.id, note);
        }
        Ok(ears.redirect)
    }

    /// Sockets on ports that nobody chose, so that port 53 inside stays the sandbox's own, and a rule that leads there; directly on
    /// 53 where there can be no rule. What an earlier start had is taken again as far as it is still there.
    async fn listen(&self, netns: &Netns, before: Option<Redirect>) -> Result<Ears, KernelError> {
        let listening = self.listen_redirected(netns, before).await?;
        let (udp, tcp) = (port_of(listening.udp.local_addr()), port_of(listening.tcp.local_addr()));
        let place = format!("{EMBEDDED}:{DNS}, redirected to ports {udp} (UDP) and {tcp} (TCP)");
        let same = before.filter(|before| (before.udp, before.tcp) == (udp, tcp));
        if let Some(redirect) = same
            && self.kernel.dns_redirect_stands(netns, redirect.change).await.unwrap_or(false)
        {
            return Ok(Ears { listening, redirect: Some(redirect), place, note: None });
        }
        match self.kernel.redirect_dns(netns, (EMBEDDED, udp).into(), tcp).await {
            Ok(change) => {
                // No change has the number 0: where somebody made one at the same time, it is looked at again.
                let redirect = Redirect { udp, tcp, change: change.unwrap_or(0) };
                Ok(Ears { listening, redirect: Some(redirect), place, note: None })
            }
            Err(error) if matches!(error.why(), Why::MissingTool { .. } | Why::Unsupported) => {
                drop(listening);
                let direct = SocketAddr::from((EMBEDDED, DNS));
                let listening = self.kernel.listen(netns, direct, direct).await?;
                let note = format!("its own port {DNS} on {EMBEDDED} is taken by the name server: {error}");
                Ok(Ears { listening, redirect: None, place: format!("{EMBEDDED}:{DNS}, directly"), note: Some(note) })
            }
            Err(error) => Err(error),
        }
    }

    /// On the ports of before; somebody in the sandbox may have one of them by now.
    async fn listen_redirected(&self, netns: &Netns, before: Option<Redirect>) -> Result<Listening, KernelError> {
        if let Some(before) = before {
            let [udp, tcp] = [before.udp, before.tcp].map(|port| SocketAddr::from((EMBEDDED, port)));
            if let Ok(listening) = self.kernel.listen(netns, udp, tcp).await {
                return Ok(listening);
            }
        }
        let any = SocketAddr::from((EMBEDDED, 0));
        self.kernel.listen(netns, any, any).await
    }

    /// Stops it, and waits until its sockets no longer hold the namespace.
    pub(super) async fn stop_names(&self, sandbox: &Sandbox) {
        self.upkeep.take_out(&sandbox.id);
        if let Some(running) = self.servers.take(&sandbox.id) {
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

    /// Where a sandbox's server listens, or how far it has come, in words.
    pub(super) fn names_shown(&self, sandbox: &Sandbox) -> String {
        if let Some(running) = self.servers.running().get(&sandbox.id) {
            return running.place.clone();
        }
        match self.upkeep.of(&sandbox.id, Instant::now()) {
            _ if sandbox.spec.place == SandboxPlace::Host => "none".to_owned(),
            None => "none".to_owned(),
            Some(Waits::First) => "starting".to_owned(),
            Some(Waits::Again(..)) => "not started; see the notes".to_owned(),
        }
    }
}

fn port_of(address: io::Result<SocketAddr>) -> u16 {
    address.map_or(0, |address| address.port())
}
