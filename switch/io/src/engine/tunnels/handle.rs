//! How others speak to a tunnel port.

use super::Stray;
use crate::clock;
use crate::engine::SwitchHandle;
use crate::engine::runtime::SwitchRuntime;
use crate::engine::status::PortError;
use crate::link::LinkError;
use crate::link::vxlan::Vxlan;
use crate::underlay::{Place, Trouble};
use lanloom_switch_core::vxlan::probe::PeerHealth;
use lanloom_switch_core::vxlan::{HandError, Peer, UnknownSender, VtepConfig, VtepEntry};
use lanloom_switch_core::{FdbError, MacAddr, NoSuchPort, PortConfig, PortId};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;

/// How a tunnel end is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VtepStatus {
    /// What it was made with, peers as they are now.
    pub config: VtepConfig,
    /// Bytes of payload that its underlay carries for it; `None` as long as that is not known.
    pub mtu: Option<u32>,
    /// Its peers, the group among them; none as long as it waits to be opened.
    pub peers: Vec<Peer>,
    /// How many addresses peers lead to.
    pub addresses: usize,
    /// How it works here: source ports, and what the kernel does for it or not.
    pub features: Vec<String>,
    /// How its peers are, as probes show it: of those that were named, or that floods are sent to.
    pub health: Vec<(IpAddr, PeerHealth)>,
    /// Who sent datagrams of this network and is no peer, the latest of them.
    pub unknown: Vec<UnknownSender>,
    /// What the kernel said last when it did not send, for this tunnel or another of the same address and UDP port.
    pub trouble: Option<Trouble>,
    /// What came to its address and UDP port for networks that are not here.
    pub strays: Vec<Stray>,
    /// Datagrams that came to its address and UDP port, for it or other tunnels there, and were lost in the kernel's queue, which was
    /// full. They are `rx_overrun` of the tunnel that has been there longest.
    pub lost: u64,
}

impl SwitchRuntime {
    /// The tunnels of one port or of all, as far as they are open.
    pub(in crate::engine) fn tunnels(&mut self, port: Option<PortId>) -> impl Iterator<Item = &mut Vxlan> {
        let ports = self.ports.iter_mut().flatten().filter(move |one| port.is_none_or(|port| port == one.id));
        ports.filter_map(|port| port.link.as_mut()?.tunnel())
    }
}

impl SwitchHandle {
    /// Adds a tunnel port; [`SwitchHandle::add_port`] comes here.
    pub(in crate::engine) fn add_tunnel(
        &self,
        names: (&str, &str),
        config: VtepConfig,
        port: PortConfig,
        waits: bool,
    ) -> Result<PortId, PortError> {
        let (name, description) = (names.0.to_owned(), names.1.to_owned());
        let id = self.ask(move |runtime| runtime.add_port(&name, &description, port))?.ok_or(PortError::Full)?;
        // Nobody outside is to know it: whoever does can forge answers to probes, and crowd tables.
        let seed = RandomState::new().build_hasher().finish();
        let added = self.keeper().add(self.tenant(id), config, seed, waits);
        if let Err(error) = added {
            self.ask(move |runtime| runtime.delete_port(id).map(drop))??;
            return Err(PortError::Link(LinkError::Io(error)));
        }
        Ok(id)
    }

    /// Adds a tunnel port that waits, down and with the reason, as long as it cannot be opened: its address is not there yet, or
    /// somebody has the UDP port.
    ///
    /// # Errors
    /// If the switch is gone or full.
    pub fn add_waiting_tunnel(
        &self,
        name: &str,
        description: &str,
        vtep: VtepConfig,
        config: PortConfig,
    ) -> Result<PortId, PortError> {
        self.add_tunnel((name, description), vtep, config, true)
    }

    /// How a tunnel end is.
    ///
    /// # Errors
    /// [`PortError::NoSuchPort`] if there is no such port, or it is no tunnel.
    pub fn vtep(&self, id: PortId) -> Result<VtepStatus, PortError> {
        let (config, mtu) = self.keeper().config(&self.tenant(id)).ok_or(PortError::NoSuchPort)?;
        let place = Place { address: config.local, port: config.port, ifname: None };
        let (strays, lost) = (self.keeper().book.strays(&place), self.keeper().book.losses(&place));
        let told = self.ask(move |runtime| {
            let tunnel = runtime.port_mut(id).ok()?.link.as_mut()?.tunnel()?;
            let (vtep, now) = (tunnel.vtep(), clock::now());
            let peers: Vec<Peer> = vtep.peers().cloned().collect();
            let health = peers.iter().filter_map(|peer| Some((peer.address, vtep.health(now, peer.id)?))).collect();
            let unknown = vtep.unknown_senders().collect();
            Some((peers, health, unknown, vtep.len(), tunnel.underlay().features(), tunnel.underlay().trouble()))
        })?;
        let (peers, health, unknown, addresses, features, trouble) = told.unwrap_or_default();
        Ok(VtepStatus { config, mtu, peers, health, unknown, addresses, features, trouble, strays, lost })
    }

    /// Which peers lead to which addresses, and, with the zero address, where floods go.
    ///
    /// # Errors
    /// [`PortError::NoSuchPort`] if there is no such port, or it is no tunnel.
    pub fn vtep_fdb(&self, id: PortId) -> Result<Vec<VtepEntry>, PortError> {
        self.keeper().config(&self.tenant(id)).ok_or(PortError::NoSuchPort)?;
        let entries = self.with_tunnel(id, |tunnel| tunnel.vtep().entries(clock::now()))?;
        Ok(entries.unwrap_or_default())
    }

    /// Sets which peer leads to an address, or, for the zero address, has floods sent to it. Of a tunnel that waits to be opened it
    /// is kept until then.
    ///
    /// # Errors
    /// [`PortError::NoSuchPort`] if there is no such port, or it is no tunnel; inside, why not.
    pub fn set_vtep_fdb(&self, id: PortId, mac: MacAddr, dst: IpAddr) -> Result<Result<(), HandError>, PortError> {
        let tenant = self.tenant(id);
        let (config, _) = self.keeper().config(&tenant).ok_or(PortError::NoSuchPort)?;
        // A named peer's line of the flood list is kept with the peer.
        let is_peers = mac == MacAddr::ZERO && config.peers.contains(&dst);
        let set = self.with_tunnel(id, move |tunnel| tunnel.vtep_mut().set_entry(clock::now(), mac, dst))?;
        let answer = set.unwrap_or(Ok(()));
        if answer.is_ok() && !is_peers {
            self.keeper().set_entry(&tenant, (mac, dst), true);
        }
        Ok(answer)
    }

    /// Removes an entry, or, for the zero address, a line of the flood list; that peer's, if one is named.
    ///
    /// # Errors
    /// [`PortError::NoSuchPort`] if there is no such port, or it is no tunnel; inside, if there is no such entry.
    pub fn delete_vtep_fdb(&self, id: PortId, mac: MacAddr, dst: Option<IpAddr>) -> Result<Result<(), HandError>, PortError> {
        let tenant = self.tenant(id);
        self.keeper().config(&tenant).ok_or(PortError::NoSuchPort)?;
        let deleted = self.with_tunnel(id, move |tunnel| tunnel.vtep_mut().delete_entry(clock::now(), mac, dst))?;
        let (dst, answer) = match deleted {
            Some(Ok(entry)) => (Some(entry.dst), Ok(())),
            Some(Err(error)) => (dst, Err(error)),
            None => (dst, Err(HandError::Fdb(FdbError::NoSuchEntry))),
        };
        let Some(dst) = dst else { return Ok(answer) };
        let (was_kept, is_open) = self.keeper().set_entry(&tenant, (mac, dst), false);
        Ok(if was_kept && !is_open { Ok(()) } else { answer })
    }

    /// Changes the peers that are named: floods go to those, and only what they send is taken.
    ///
    /// # Errors
    /// [`PortError::NoSuchPort`] if there is no such port, or it is no tunnel.
    pub fn set_vtep_peers(&self, id: PortId, peers: &[IpAddr]) -> Result<(), PortError> {
        let tenant = self.tenant(id);
        self.keeper().config(&tenant).ok_or(PortError::NoSuchPort)?;
        self.keeper().set_peers(&tenant, peers);
        let peers = peers.to_vec();
        self.with_tunnel(id, move |tunnel| tunnel.vtep_mut().set_peers(&peers))?;
        Ok(())
    }

    /// Has the peers of a tunnel probed at once, for who wants to know how they are now: it is known when none of
    /// [`VtepStatus::health`] is `checking` any more, or not at all while the port is down.
    ///
    /// # Errors
    /// [`PortError::NoSuchPort`] if there is no such port, or it is no tunnel.
    pub fn check_vtep_peers(&self, id: PortId) -> Result<(), PortError> {
        self.with_tunnel(id, |tunnel| tunnel.vtep_mut().check_peers(clock::now()))?;
        Ok(())
    }

    /// `None` if nothing is plugged in yet.
    fn with_tunnel<T: Send + 'static>(
        &self,
        id: PortId,
        question: impl FnOnce(&mut Vxlan) -> T + Send + 'static,
    ) -> Result<Option<T>, PortError> {
        let answer = self.ask(move |runtime| {
            let port = runtime.port_mut(id)?;
            Ok::<_, NoSuchPort>(port.link.as_mut().and_then(|link| link.tunnel()).map(question))
        });
        Ok(answer??)
    }
}
