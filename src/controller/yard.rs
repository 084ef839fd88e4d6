//! The switches as drivers see them: what they make there belongs to networks.

use super::fabric::{Fabric, NewPort, Origin};
use super::refusal::Attempt;
use super::{Refusal, RefusalKind};
use crate::config::{PortSettings, SwitchSettings};
use crate::names::{IfName, Name, NetnsRef};
use crate::url::{PortUrl, TapUrl, VethUrl, VxlanUrl};
use async_trait::async_trait;
use lanloom_drivers::driver::{self, DriverError, PortGuard, PortKind, SwitchPort, Tunnel, TunnelPath};
use lanloom_switch_core::vxlan::Vni;
use lanloom_switch_core::{Guard, Prefixes};
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// What drivers act on: the switches, which are there only once these have been found again.
#[derive(Debug, Default)]
pub(super) struct Yard {
    fabric: OnceLock<Fabric>,
    /// The pools of all networks, with the switch of each.
    pools: RwLock<Vec<(String, Vec<ipnet::IpNet>)>>,
}

impl Yard {
    pub(super) fn open(&self, fabric: Fabric) {
        // It is opened once.
        let _ = self.fabric.set(fabric);
    }

    /// Takes note of where each network lives, and keeps every switch's guarded ports from all others.
    pub(super) fn spread(&self, pools: Vec<(String, Vec<ipnet::IpNet>)>) {
        *self.pools.write().unwrap_or_else(PoisonError::into_inner) = pools.clone();
        let Some(fabric) = self.fabric.get() else { return };
        for (switch, _) in &pools {
            if let Ok(name) = switch.parse() {
                fabric.set_foreign(&name, &self.foreign_to(switch));
            }
        }
    }

    /// The pools of all networks but that of a switch.
    fn foreign_to(&self, switch: &str) -> Arc<Prefixes> {
        let pools = self.pools.read().unwrap_or_else(PoisonError::into_inner);
        let others = pools.iter().filter(|(other, _)| other != switch).flat_map(|(_, pools)| pools);
        Arc::new(Prefixes::new(others.map(|pool| (pool.network(), pool.prefix_len()))))
    }

    /// A port's guard, as the switch is told it.
    pub(super) fn guard(&self, switch: &str, guard: &PortGuard) -> Arc<Guard> {
        Arc::new(Guard {
            role: guard.role,
            mode: guard.mode,
            trusted: guard.trusted,
            mac: guard.mac,
            addresses: guard.addresses.clone(),
            foreign: self.foreign_to(switch),
            inside: guard.inside.as_deref().map(prefixes),
            apart: guard.apart.as_deref().map(prefixes),
        })
    }

    async fn add(&self, switch: &str, new: NewPort, guard: &PortGuard) -> Result<(), DriverError> {
        let guard = self.guard(switch, guard);
        self.fabric()?.add_port_for(name("add port to", switch)?, new, Origin::Network, Some(guard)).await?;
        Ok(())
    }

    fn fabric(&self) -> Result<&Fabric, DriverError> {
        self.fabric.get().ok_or_else(|| {
            let attempt = Attempt::new("reach", "the switches");
            attempt.refuse(RefusalKind::Unavailable, "the daemon is starting", "try again").into()
        })
    }
}

#[async_trait]
impl driver::Fabric for Yard {
    async fn create_switch(&self, switch: &str) -> Result<(), DriverError> {
        let name = name("create switch", switch)?;
        Ok(self.fabric()?.create_switch_for(name, SwitchSettings::default(), Origin::Network).await?)
    }

    async fn delete_switch(&self, switch: &str) -> Result<(), DriverError> {
        let name = name("delete switch", switch)?;
        absent_is_fine(self.fabric()?.delete_switch_for(name, Origin::Network).await)
    }

    async fn add_port(&self, switch: &str, port: &SwitchPort) -> Result<(), DriverError> {
        let attempt = Attempt::new("add port", format!("{switch}/{}", port.name));
        let url = url_of(&attempt, port)?;
        let settings = PortSettings { isolated: port.isolated, ..PortSettings::default() };
        let new = NewPort { name: Some(name("add port", &port.name)?), url, settings, segment: port.segment };
        self.add(switch, new, &port.guard).await
    }

    async fn add_tunnel(&self, switch: &str, tunnel: &Tunnel) -> Result<(), DriverError> {
        let attempt = Attempt::new("add tunnel", format!("{switch}/{}", tunnel.name));
        let url = PortUrl::Vxlan(tunnel_url(&attempt, &tunnel.path)?);
        let (settings, segment) = (PortSettings::default(), tunnel.path.segment);
        let new = NewPort { name: Some(name("add tunnel", &tunnel.name)?), url, settings, segment };
        self.add(switch, new, &tunnel.guard).await
    }

    async fn set_tunnel_peers(&self, switch: &str, port: &str, peers: &[IpAddr]) -> Result<(), DriverError> {
        let what = "set the peers of tunnel";
        Ok(self.fabric()?.set_peers(name(what, switch)?, name(what, port)?, peers.to_vec()).await?)
    }

    async fn tunnel(&self, switch: &str, port: &str) -> Option<TunnelPath> {
        let (url, segment) = self.fabric.get()?.tunnel(&switch.parse().ok()?, &port.parse().ok()?)?;
        let VxlanUrl { vni, local, port, remotes: peers, mtu, .. } = url;
        Some(TunnelPath { vni: vni.get(), local, port, peers, segment, mtu })
    }

    async fn set_port(&self, switch: &str, port: &str, isolated: bool, guard: &PortGuard) -> Result<(), DriverError> {
        let (of, one) = (name("set port", switch)?, name("set port", port)?);
        let fabric = self.fabric()?;
        fabric.set_port(of.clone(), one.clone(), move |settings| settings.isolated = isolated).await?;
        Ok(fabric.set_guard(&of, &one, self.guard(switch, guard))?)
    }

    async fn delete_port(&self, switch: &str, port: &str) -> Result<(), DriverError> {
        let (of, one) = (name("delete port", switch)?, name("delete port", port)?);
        absent_is_fine(self.fabric()?.delete_port_for(of, one, Origin::Network).await)
    }

    async fn ports(&self, switch: &str) -> Option<Vec<String>> {
        let ports = self.fabric.get()?.ports(&switch.parse().ok()?).ok()?;
        Some(ports.into_iter().map(|port| port.spec.name.to_string()).collect())
    }
}

fn prefixes(pools: &[ipnet::IpNet]) -> Arc<Prefixes> {
    Arc::new(Prefixes::new(pools.iter().map(|pool| (pool.network(), pool.prefix_len()))))
}

fn absent_is_fine(done: Result<(), Refusal>) -> Result<(), DriverError> {
    match done {
        Err(refusal) if refusal.kind == RefusalKind::NotFound => Ok(()),
        done => Ok(done?),
    }
}

fn name(what: &'static str, text: &str) -> Result<Name, DriverError> {
    let refused = |error: crate::names::NameError| {
        let (why, hint) = (error.to_string(), "choose another name");
        DriverError::from(Attempt::new(what, text).invalid(why, hint))
    };
    text.parse().map_err(refused)
}

fn url_of(attempt: &Attempt, port: &SwitchPort) -> Result<PortUrl, DriverError> {
    let refused = |error: crate::names::NameError| DriverError::from(attempt.invalid(error, "choose another name"));
    let ifname: IfName = port.ifname.parse().map_err(refused)?;
    let netns = |path: &Path| path.display().to_string().parse::<NetnsRef>().map_err(refused);
    let place = port.netns.as_deref().map(netns).transpose()?;
    let (mtu, mac) = (port.mtu, port.mac);
    match (port.kind, place) {
        (PortKind::Tap, netns) => Ok(PortUrl::Tap(TapUrl { ifname, netns, offload: true, persist: true, mtu, mac })),
        (PortKind::Veth, Some(netns)) => Ok(PortUrl::Veth(VethUrl { ifname, netns, mtu, mac })),
        (PortKind::Veth, None) => {
            let why = "a veth has to lead into another namespace than the daemon's";
            Err(attempt.invalid(why, "give the endpoint a TAP, or the sandbox a namespace").into())
        }
    }
}

fn tunnel_url(attempt: &Attempt, path: &TunnelPath) -> Result<VxlanUrl, DriverError> {
    let vni = Vni::new(path.vni).ok_or_else(|| attempt.invalid("a VNI has 24 bits", "give a smaller one"))?;
    Ok(VxlanUrl { remotes: path.peers.clone(), port: path.port, mtu: path.mtu, ..VxlanUrl::new(vni, path.local) })
}
