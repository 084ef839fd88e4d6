//! The switches and ports there are, read by many while the controller writes.

use super::coming::Coming;
use crate::config::{FdbKey, FdbSpec, PortSpec, SwitchSettings, SwitchSpec};
use crate::names::Name;
use crate::url::PortUrl;
use dashmap::DashMap;
use lanloom_switch_core::{MacAddr, PortConfig, PortId};
use lanloom_switch_io::engine::{PortState, PortStatus, SwitchHandle, SwitchStatus, VtepStatus};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Events that may be on their way.
pub(super) const EVENTS: usize = 1024;

/// Who made a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A command: it is in the store.
    Command,
    /// The configuration file, which alone can delete it.
    Config,
    /// A network, with which it goes: it is in the store.
    Network,
}

impl Origin {
    /// Its name, which stays.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Config => "config",
            Self::Network => "network",
        }
    }

    /// Whether what it made is in the store.
    pub(super) const fn is_recorded(self) -> bool {
        match self {
            Self::Command | Self::Network => true,
            Self::Config => false,
        }
    }
}

/// A switch. Its parts are behind locks of their own, held only to copy.
#[derive(Debug)]
pub(super) struct SwitchEntry {
    pub(super) name: Name,
    pub(super) origin: Origin,
    pub(super) handle: SwitchHandle,
    settings: Mutex<SwitchSettings>,
    pub(super) ports: DashMap<Name, PortEntry>,
    /// The ports deleted last: more than there can be events of on their way.
    gone: Mutex<VecDeque<Name>>,
    pub(super) coming: Coming,
    pub(super) fdb: DashMap<FdbKey, (FdbSpec, Origin)>,
}

/// A port.
#[derive(Clone, Debug)]
pub(super) struct PortEntry {
    pub(super) id: PortId,
    pub(super) origin: Origin,
    pub(super) spec: PortSpec,
    /// Whether we made the interface, and so delete it with the port.
    pub(super) made: bool,
    /// The number of the interface that was there under the URL's name when the link was plugged in. What is there under another
    /// number, or while the port never had its interface, is somebody else's.
    pub(super) number: Option<u32>,
    /// Its place in the order in which ports were made.
    pub(super) order: u64,
    /// Which of its switch's tunnels takes its floods, or which it is.
    pub(super) segment: u16,
    /// Whether it is being deleted, and its end nothing to tell of.
    pub(super) leaving: bool,
}

/// A switch, as shown.
#[derive(Clone, Debug)]
pub struct SwitchView {
    /// Its name.
    pub name: Name,
    /// Who made it.
    pub origin: Origin,
    /// What was set of it.
    pub settings: SwitchSettings,
    /// What it is and has done.
    pub status: SwitchStatus,
}

/// A port, as shown.
#[derive(Clone, Debug)]
pub struct PortView {
    /// Its name, what is plugged in, and what was set of it.
    pub spec: PortSpec,
    /// Who made it.
    pub origin: Origin,
    /// Whether it carries frames.
    pub state: PortState,
    /// Largest payload in bytes, by setting and by interface.
    pub mtu: u32,
    /// What its link takes uncut and unfinished, and what else is worth saying.
    pub features: Vec<&'static str>,
    /// How it is as the end of a VXLAN network, if it is one; of ports that are listed together this is left out.
    pub tunnel: Option<Box<VtepStatus>>,
}

/// A port that is a tunnel, as shown.
#[derive(Clone, Debug)]
pub struct TunnelView {
    /// Its name.
    pub name: Name,
    /// Whether it carries frames.
    pub state: PortState,
    /// Largest payload in bytes, by setting and by what is under it.
    pub mtu: u32,
    /// How its end is.
    pub status: VtepStatus,
}

/// An address that a switch knows, as shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FdbView {
    /// The address.
    pub mac: MacAddr,
    /// Its VLAN, 0 on a switch that does not look at tags.
    pub vid: u16,
    /// The name of the port that leads to it.
    pub port: String,
    /// Which other end of that port's tunnel leads to it, if it is one. An entry of the zero address has floods sent there.
    pub dst: Option<IpAddr>,
    /// Whether it was set by hand, never ages and never moves.
    pub is_static: bool,
    /// Whether it ages, but never moves to another port.
    pub sticky: bool,
    /// Whole seconds since it was last heard.
    pub age_secs: u32,
}

impl SwitchEntry {
    pub(super) fn new(name: Name, origin: Origin, handle: SwitchHandle, settings: SwitchSettings) -> Self {
        let settings = Mutex::new(settings);
        let (ports, fdb, gone, coming) = (DashMap::new(), DashMap::new(), Mutex::default(), Coming::default());
        Self { name, origin, handle, settings, ports, gone, coming, fdb }
    }

    pub(super) fn settings(&self) -> SwitchSettings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn note_settings(&self, settings: SwitchSettings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    /// A copy, so that no lock is held.
    pub(super) fn port(&self, name: &Name) -> Option<PortEntry> {
        self.ports.get(name).map(|port| port.value().clone())
    }

    /// Copies: the file's in its order, then the commands' in the order made.
    pub(super) fn ports_in_order(&self) -> Vec<PortEntry> {
        let mut ports: Vec<PortEntry> = self.ports.iter().map(|port| port.value().clone()).collect();
        ports.sort_by_key(|port| (port.origin == Origin::Command, port.order, port.id.index()));
        ports
    }

    /// A port of that name is about to be made: what is told of it from now on is not of one that was deleted.
    pub(super) fn comes(&self, name: &Name) {
        self.gone().retain(|gone| gone != name);
        self.coming.begin(name);
    }

    /// A port is deleted, or was not made after all.
    pub(super) fn goes(&self, name: &Name) {
        let mut gone = self.gone();
        if gone.len() == EVENTS {
            gone.pop_front();
        }
        gone.push_back(name.clone());
        self.ports.remove(name);
        self.coming.give_up(name);
    }

    /// Whether the end of a port's link is worth telling: not of one that is being deleted, or was just now.
    pub(super) fn stays(&self, port: &str) -> bool {
        let Ok(name) = port.parse::<Name>() else { return true };
        self.port(&name).map_or_else(|| !self.gone().contains(&name), |port| !port.leaving)
    }

    fn gone(&self) -> MutexGuard<'_, VecDeque<Name>> {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn free_port_name(&self) -> Option<Name> {
        (1..=65_536).filter_map(|number| format!("p{number}").parse().ok()).find(|name| !self.ports.contains_key(name))
    }

    /// The switch as a configuration would have it. Ports in memory belong to this process and are left out.
    pub(super) fn spec(&self, of: impl Fn(Origin) -> bool) -> SwitchSpec {
        let kept = |port: &PortEntry| of(port.origin) && !matches!(port.spec.url, PortUrl::Memory(_));
        let ports: Vec<PortSpec> = self.ports_in_order().into_iter().filter(kept).map(|port| port.spec).collect();
        let entries = self.fdb.iter().filter(|entry| of(entry.value().1)).map(|entry| entry.value().0.clone());
        let mut fdb: Vec<FdbSpec> = entries.filter(|entry| ports.iter().any(|port| port.name == entry.port)).collect();
        fdb.sort_by_key(FdbSpec::key);
        SwitchSpec { name: self.name.clone(), settings: self.settings(), ports, fdb }
    }
}

/// What a switch is told of a port, by its settings, its URL and where its floods go.
pub(super) fn config_of(spec: &PortSpec, segment: u16) -> PortConfig {
    match &spec.url {
        PortUrl::Vxlan(vxlan) => {
            PortConfig { tunnel: true, segment, suppress: vxlan.suppress, ..spec.settings.config(vxlan.mtu) }
        }
        PortUrl::Tap(_) | PortUrl::Veth(_) | PortUrl::Iface(_) | PortUrl::Memory(_) => {
            PortConfig { segment, ..spec.settings.config(None) }
        }
    }
}

impl PortEntry {
    /// What its switch is told of it.
    pub(super) fn config(&self) -> PortConfig {
        config_of(&self.spec, self.segment)
    }

    pub(super) fn view(self, status: PortStatus) -> PortView {
        let mut features = status.features;
        if matches!(self.spec.url, PortUrl::Iface(_)) {
            features.push("host-shares");
        }
        let (state, mtu) = (status.state, status.mtu);
        PortView { spec: self.spec, origin: self.origin, state, mtu, features, tunnel: None }
    }
}
