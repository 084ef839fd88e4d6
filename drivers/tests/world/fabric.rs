//! Switches that really forward: TAPs on an engine of the data plane.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use lanloom_drivers::driver::{DriverError, DriverErrorKind, Fabric, PortGuard, SwitchPort, Tunnel, TunnelPath};
use lanloom_drivers::kernel::{IfName, Kernel, Netns, TapMove};
use lanloom_switch_core::{Guard, PortConfig, PortId, SwitchConfig};
use lanloom_switch_io::engine::{EngineConfig, Engines, SwitchHandle};
use lanloom_switch_io::link::tap::Tap;
use lanloom_switch_io::plug::{Plug, Source, SourceKind};

type Ports = BTreeMap<String, PortId>;

/// The switches.
pub(crate) struct EngineFabric {
    kernel: Arc<dyn Kernel>,
    engines: Engines,
    switches: Mutex<BTreeMap<String, (SwitchHandle, Ports)>>,
}

impl EngineFabric {
    pub(crate) fn new(kernel: Arc<dyn Kernel>) -> Self {
        let engines = Engines::start(EngineConfig { threads: 1, ..EngineConfig::default() }).expect("an engine");
        Self { kernel, engines, switches: Mutex::default() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, (SwitchHandle, Ports)>) -> T) -> T {
        act(&mut self.switches.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn config(isolated: bool, guard: &PortGuard) -> PortConfig {
    let guard = guard.clone();
    let guard = Guard {
        role: guard.role,
        mode: guard.mode,
        trusted: guard.trusted,
        mac: guard.mac,
        addresses: guard.addresses,
        ..Guard::default()
    };
    PortConfig { isolated, guard: Some(Arc::new(guard)), ..PortConfig::default() }
}

fn failed(what: &str, on: &str, why: impl ToString) -> DriverError {
    DriverError::new(DriverErrorKind::Failed, what, on, why.to_string(), "look at the test")
}

#[async_trait]
impl Fabric for EngineFabric {
    async fn create_switch(&self, switch: &str) -> Result<(), DriverError> {
        let handle = self.engines.create_switch(switch, SwitchConfig::default());
        let handle = handle.map_err(|error| failed("create switch", switch, error))?;
        self.with(|switches| switches.insert(switch.to_owned(), (handle, Ports::new())));
        Ok(())
    }

    async fn delete_switch(&self, switch: &str) -> Result<(), DriverError> {
        self.with(|switches| switches.remove(switch));
        Ok(())
    }

    async fn add_port(&self, switch: &str, port: &SwitchPort) -> Result<(), DriverError> {
        let what = "add port";
        let refused = |error| DriverError::kernel(what, &port.name, &error);
        let from = IfName::new("llpassing").map_err(refused)?;
        let tap = Tap::open(from.as_str(), false).map_err(|error| failed(what, &port.name, error))?;
        let netns = port.netns.clone().map_or(Netns::Daemon, Netns::At);
        let name = IfName::new(&port.ifname).map_err(refused)?;
        let (mtu, mac) = (port.mtu.unwrap_or(1500), port.mac);
        self.kernel
            .move_tap(&TapMove { home: Netns::Daemon, from, netns, name, mtu, mac, tx_queue_len: None })
            .await
            .map_err(refused)?;
        let kind = SourceKind::Tap { offload: true, persist: false };
        let source = Source { ifname: port.ifname.clone(), netns: port.netns.clone(), kind, label: None };
        let plug = Plug::Interface(source, Some(Box::new(tap)));
        self.with(|switches| {
            let (handle, ports) = switches.get_mut(switch).ok_or_else(|| failed(what, switch, "no such switch"))?;
            let added = handle.add_port(&port.name, &port.ifname, plug, config(port.isolated, &port.guard));
            ports.insert(port.name.clone(), added.map_err(|error| failed(what, &port.name, error))?);
            Ok(())
        })
    }

    async fn add_tunnel(&self, _switch: &str, tunnel: &Tunnel) -> Result<(), DriverError> {
        Err(failed("add tunnel", &tunnel.name, "these switches have none"))
    }

    async fn set_tunnel_peers(&self, _switch: &str, port: &str, _peers: &[IpAddr]) -> Result<(), DriverError> {
        Err(failed("set peers of tunnel", port, "these switches have none"))
    }

    async fn tunnel(&self, _switch: &str, _port: &str) -> Option<TunnelPath> {
        None
    }

    async fn set_port(&self, switch: &str, port: &str, isolated: bool, guard: &PortGuard) -> Result<(), DriverError> {
        self.with(|switches| {
            let found = switches.get(switch).and_then(|(handle, ports)| Some((handle, *ports.get(port)?)));
            let (handle, id) = found.ok_or_else(|| failed("set port", port, "no such port"))?;
            handle.set_port(id, config(isolated, guard)).map_err(|error| failed("set port", port, error))
        })
    }

    async fn delete_port(&self, switch: &str, port: &str) -> Result<(), DriverError> {
        self.with(|switches| {
            let Some((handle, ports)) = switches.get_mut(switch) else { return Ok(()) };
            let Some(id) = ports.remove(port) else { return Ok(()) };
            handle.delete_port(id).map(drop).map_err(|error| failed("delete port", port, error))
        })
    }

    async fn ports(&self, switch: &str) -> Option<Vec<String>> {
        self.with(|switches| switches.get(switch).map(|(_, ports)| ports.keys().cloned().collect()))
    }
}
