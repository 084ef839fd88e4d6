//! Where this host is in the underlay, as its kernel says.

use std::net::IpAddr;

use super::Overlay;
use super::layout::{Layout, Place};
use super::options::{LOCAL, NetworkOptions, PEERS};
use crate::driver::{DriverError, DriverErrorKind, NetworkSpec};
use crate::kernel::{KernelError, Netns, Why};
use crate::switched::options::Fault;

impl Overlay {
    /// What a network is to look like. `before` is this host's address in the underlay, if the network has had one.
    pub(super) async fn plan(&self, what: &str, spec: &NetworkSpec, before: Option<IpAddr>) -> Result<Layout, DriverError> {
        let options = NetworkOptions::parse(what, spec)?;
        let peers = self.peers.peers_of(spec).await?;
        let place = self.place(what, spec, &options, &peers, before).await?;
        Layout::of(spec, options, peers, Some(place)).map_err(|fault| fault.at(what, &spec.name))
    }

    /// The same of a network that was there before: it has no place in the underlay if this host has none now, or if the underlay
    /// does not carry what it needs.
    pub(super) async fn plan_again(&self, spec: &NetworkSpec) -> Result<Layout, DriverError> {
        let what = "restore network";
        let options = NetworkOptions::parse(what, spec)?;
        let peers = self.peers.peers_of(spec).await?;
        let place = self.place(what, spec, &options, &peers, None).await.ok();
        let layout = Layout::of(spec, options.clone(), peers.clone(), place);
        layout.or_else(|_| Layout::of(spec, options, peers, None)).map_err(|fault| fault.at(what, &spec.name))
    }

    async fn place(
        &self,
        what: &str,
        spec: &NetworkSpec,
        options: &NetworkOptions,
        peers: &[IpAddr],
        before: Option<IpAddr>,
    ) -> Result<Place, DriverError> {
        let refuse = |why: String, hint: &str| Fault::new(why, hint).at(what, &spec.name);
        let own = self.kernel.list_addresses_all(&Netns::Daemon).await;
        let own = own.map_err(|error| DriverError::kernel(what, &spec.name, &error))?;
        let holder = |address: IpAddr| own.iter().find(|(_, net)| net.addr() == address).map(|(name, _)| name);
        if let Some((peer, name)) = peers.iter().find_map(|peer| Some((peer, holder(*peer)?))) {
            return Err(refuse(format!("the peer {peer} is this host itself, by {name}"), "name the other hosts only"));
        }
        let local = match options.local.or(before).or_else(|| self.usual_local()) {
            Some(local) => local,
            None => {
                let Some(first) = peers.first() else {
                    let why = "it has no peers, and nothing else says which address of this host is to be used".to_owned();
                    return Err(refuse(why, &format!("give {PEERS}, or {LOCAL}, or start the daemon with --underlay")));
                };
                self.way(what, spec, None, *first).await?.0
            }
        };
        let Some(interface) = holder(local) else {
            return Err(refuse(format!("this host does not have the address {local}"), "`ip address` shows what it has"));
        };
        if let Some(peer) = peers.iter().find(|peer| peer.is_ipv4() != local.is_ipv4()) {
            let why = format!("this host's address in the underlay, {local}, and the peer {peer} are of different families");
            return Err(refuse(why, &format!("give {LOCAL} an address of the peers' family")));
        }
        let mut ways = Vec::new();
        for peer in peers {
            ways.push(self.way(what, spec, Some(local), *peer).await?.1);
        }
        let carries = match ways.into_iter().min() {
            Some(least) => least,
            // Until it has peers, what its own interface carries.
            None => {
                self.kernel
                    .link(&Netns::Daemon, interface)
                    .await
                    .map_err(|error| DriverError::kernel(what, &spec.name, &error))?
                    .mtu
            }
        };
        Ok(Place { local, carries })
    }

    /// The source address to a peer, and the largest packets that go there, in bytes.
    async fn way(
        &self,
        what: &str,
        spec: &NetworkSpec,
        from: Option<IpAddr>,
        peer: IpAddr,
    ) -> Result<(IpAddr, u32), DriverError> {
        match self.kernel.way_to(&Netns::Daemon, from, peer).await {
            Ok(way) => Ok((way.source, way.mtu)),
            Err(error) => Err(no_way(what, spec, peer, &error)),
        }
    }
}

fn no_way(what: &str, spec: &NetworkSpec, peer: IpAddr, error: &KernelError) -> DriverError {
    match error.why() {
        Why::NoSuchRoute => {
            let (why, hint) = (format!("no route leads to the peer {peer}"), "`ip route` shows what there is");
            DriverError::new(DriverErrorKind::Invalid, what, &spec.name, why, hint)
        }
        _ => DriverError::kernel(what, &spec.name, error),
    }
}
