//! Switches in memory, with real interfaces where the kernel is real: for the tests of whatever acts on a [`Fabric`].
//!
//! It forwards nothing. Its interfaces are made by the kernel that it is given, so that what a driver or a controller sets on them is
//! there to be looked at.

use std::any::Any;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use lanloom_switch_io::link::tap::Tap;
use tokio::sync::Mutex;

use super::{DriverError, DriverErrorKind, Fabric, PortGuard, PortKind, SwitchPort, Tunnel, TunnelPath};
use crate::kernel::{FakeKernel, Faults, IfName, Kernel, KernelError, Netns, TapMove, VethSpec, Why};

/// The MTU of a port that does not say.
const MTU: u32 = 1500;

/// Switches in memory.
pub struct FakeFabric {
    kernel: Arc<dyn Kernel>,
    /// Where TAPs are made, if that is in memory.
    memory: Option<FakeKernel>,
    faults: Faults,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    switches: BTreeMap<String, BTreeMap<String, Plugged>>,
    /// Where the other ends of veths are.
    plumbing: Option<Netns>,
    /// The number of the last interface made.
    last: u32,
}

/// A port.
enum Plugged {
    /// With an interface, and what keeps that there.
    Interface { port: SwitchPort, by_hand: bool, _held: Option<Box<dyn Any + Send + Sync>> },
    /// Without one.
    Tunnel(Tunnel),
}

impl FakeFabric {
    /// Switches whose interfaces are in memory too.
    pub fn in_memory(kernel: FakeKernel) -> Self {
        Self { memory: Some(kernel.clone()), ..Self::real(Arc::new(kernel)) }
    }

    /// Switches whose interfaces are real: for a process whose own namespace is made for it.
    pub fn real(kernel: Arc<dyn Kernel>) -> Self {
        Self { kernel, memory: None, faults: Faults::none(), state: Mutex::default() }
    }

    /// The same, of whose calls some fail.
    #[must_use]
    pub fn with_faults(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// What decides which calls fail.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The names of all switches.
    pub async fn switches(&self) -> Vec<String> {
        self.state.lock().await.switches.keys().cloned().collect()
    }

    /// A port as it is now.
    pub async fn port(&self, switch: &str, port: &str) -> Option<SwitchPort> {
        match self.state.lock().await.switches.get(switch)?.get(port)? {
            Plugged::Interface { port, .. } => Some(port.clone()),
            Plugged::Tunnel(_) => None,
        }
    }

    /// A tunnel as it is now, with its guard.
    pub async fn whole_tunnel(&self, switch: &str, port: &str) -> Option<Tunnel> {
        match self.state.lock().await.switches.get(switch)?.get(port)? {
            Plugged::Interface { .. } => None,
            Plugged::Tunnel(tunnel) => Some(tunnel.clone()),
        }
    }

    /// Adds a port as a command does: its switch cannot be deleted then.
    ///
    /// # Errors
    /// As [`Fabric::add_port`].
    pub async fn add_port_by_hand(&self, switch: &str, port: &SwitchPort) -> Result<(), DriverError> {
        self.add(switch, port, true).await
    }

    /// Takes a port and its interface away behind everybody's back, as a reboot does.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub async fn lose_port(&self, switch: &str, port: &str) -> Result<(), KernelError> {
        let mut state = self.state.lock().await;
        match state.switches.get_mut(switch).and_then(|ports| ports.remove(port)) {
            Some(Plugged::Interface { port, .. }) => self.delete_interface(&port).await,
            Some(Plugged::Tunnel(_)) | None => Ok(()),
        }
    }

    async fn add(&self, switch: &str, port: &SwitchPort, by_hand: bool) -> Result<(), DriverError> {
        let what = "add port";
        let mut state = self.state.lock().await;
        let ports = state.switches.get(switch).ok_or_else(|| no_switch(what, switch))?;
        if ports.contains_key(&port.name) {
            return Err(taken(what, format!("{switch}/{}", port.name)));
        }
        state.last += 1;
        let made = match port.kind {
            PortKind::Tap => self.make_tap(port, state.last).await,
            PortKind::Veth => self.make_veth(port, &mut state).await.map(|()| None),
        };
        let held = made.map_err(|error| DriverError::kernel(what, format!("{switch}/{}", port.name), &error))?;
        let plugged = Plugged::Interface { port: port.clone(), by_hand, _held: held };
        state.switches.entry(switch.to_owned()).or_default().insert(port.name.clone(), plugged);
        Ok(())
    }

    async fn make_tap(&self, port: &SwitchPort, number: u32) -> Result<Option<Box<dyn Any + Send + Sync>>, KernelError> {
        let from = IfName::new(&format!("llfab{number}"))?;
        let held: Option<Box<dyn Any + Send + Sync>> = match &self.memory {
            Some(memory) => memory.create_tap(&Netns::Daemon, &from).map(|()| None)?,
            None => Some(Box::new(
                Tap::open(from.as_str(), false)
                    .map_err(|error| KernelError::new("creating a TAP", from.as_str(), Why::Other(error.to_string())))?,
            )),
        };
        let name = IfName::new(&port.ifname)?;
        let tap = TapMove {
            home: Netns::Daemon,
            from: from.clone(),
            netns: place(port),
            name,
            mtu: port.mtu.unwrap_or(MTU),
            mac: port.mac,
            tx_queue_len: None,
        };
        match self.kernel.move_tap(&tap).await {
            Ok(_) => Ok(held),
            // It is back where it was.
            Err(error) => Err(error.and(self.kernel.delete_link(&Netns::Daemon, &from).await.err())),
        }
    }

    async fn make_veth(&self, port: &SwitchPort, state: &mut State) -> Result<(), KernelError> {
        let peer_netns = match &state.plumbing {
            Some(plumbing) => plumbing.clone(),
            None => self.kernel.open_plumbing(None).await?,
        };
        state.plumbing = Some(peer_netns.clone());
        let spec = VethSpec {
            netns: place(port),
            name: IfName::new(&port.ifname)?,
            peer_netns,
            peer_name: IfName::new(&format!("llfab{}", state.last))?,
            mtu: port.mtu.unwrap_or(MTU),
            mac: port.mac,
            tx_queue_len: None,
        };
        self.kernel.create_veth(&spec).await.map(drop)
    }

    /// Deletes a port's interface, if that is still there.
    async fn delete_interface(&self, port: &SwitchPort) -> Result<(), KernelError> {
        match self.kernel.delete_link(&place(port), &IfName::new(&port.ifname)?).await {
            Err(error) if matches!(error.why(), Why::NoSuchLink | Why::NoSuchNetns(_)) => Ok(()),
            done => done,
        }
    }

    fn pass(&self, what: &'static str, on: &str) -> Result<(), DriverError> {
        self.faults.pass(what, on).map_err(|error| DriverError::kernel(what, on, &error))
    }
}

#[async_trait]
impl Fabric for FakeFabric {
    async fn create_switch(&self, switch: &str) -> Result<(), DriverError> {
        let what = "create switch";
        self.pass(what, switch)?;
        let mut state = self.state.lock().await;
        if state.switches.contains_key(switch) {
            return Err(taken(what, switch.to_owned()));
        }
        state.switches.insert(switch.to_owned(), BTreeMap::new());
        Ok(())
    }

    async fn delete_switch(&self, switch: &str) -> Result<(), DriverError> {
        let what = "delete switch";
        self.pass(what, switch)?;
        let mut state = self.state.lock().await;
        let Some(ports) = state.switches.get(switch) else { return Ok(()) };
        if let Some(port) = interfaces(ports).find_map(|(port, by_hand)| by_hand.then_some(port)) {
            let why = format!("it has the port {}", port.name);
            return Err(DriverError::new(DriverErrorKind::Conflict, what, switch, why, "delete that first"));
        }
        for (port, _) in interfaces(ports) {
            let deleted = self.delete_interface(port).await;
            deleted.map_err(|error| DriverError::kernel(what, switch, &error))?;
        }
        state.switches.remove(switch);
        Ok(())
    }

    async fn add_port(&self, switch: &str, port: &SwitchPort) -> Result<(), DriverError> {
        self.pass("add port", &port.name)?;
        self.add(switch, port, false).await
    }

    async fn add_tunnel(&self, switch: &str, tunnel: &Tunnel) -> Result<(), DriverError> {
        let what = "add tunnel";
        self.pass(what, &tunnel.name)?;
        let mut state = self.state.lock().await;
        let key = |path: &TunnelPath| (path.vni, path.local, path.port);
        let same = |plugged: &Plugged| matches!(plugged, Plugged::Tunnel(other) if key(&other.path) == key(&tunnel.path));
        let is_taken = state.switches.values().flat_map(BTreeMap::values).any(same);
        let ports = state.switches.get_mut(switch).ok_or_else(|| no_switch(what, switch))?;
        if is_taken || ports.contains_key(&tunnel.name) {
            return Err(taken(what, format!("{switch}/{}", tunnel.name)));
        }
        ports.insert(tunnel.name.clone(), Plugged::Tunnel(tunnel.clone()));
        Ok(())
    }

    async fn set_tunnel_peers(&self, switch: &str, port: &str, peers: &[IpAddr]) -> Result<(), DriverError> {
        let what = "set peers of tunnel";
        self.pass(what, port)?;
        let mut state = self.state.lock().await;
        match state.switches.get_mut(switch).and_then(|ports| ports.get_mut(port)) {
            Some(Plugged::Tunnel(tunnel)) => tunnel.path.peers = peers.to_vec(),
            Some(Plugged::Interface { .. }) | None => return Err(no_port(what, switch, port)),
        }
        Ok(())
    }

    async fn tunnel(&self, switch: &str, port: &str) -> Option<TunnelPath> {
        self.whole_tunnel(switch, port).await.map(|tunnel| tunnel.path)
    }

    async fn set_port(&self, switch: &str, port: &str, isolated: bool, guard: &PortGuard) -> Result<(), DriverError> {
        let what = "set port";
        self.pass(what, port)?;
        let mut state = self.state.lock().await;
        let plugged = state.switches.get_mut(switch).and_then(|ports| ports.get_mut(port));
        match plugged.ok_or_else(|| no_port(what, switch, port))? {
            Plugged::Interface { port, .. } => (port.isolated, port.guard) = (isolated, guard.clone()),
            Plugged::Tunnel(tunnel) => tunnel.guard = guard.clone(),
        }
        Ok(())
    }

    async fn delete_port(&self, switch: &str, port: &str) -> Result<(), DriverError> {
        let what = "delete port";
        self.pass(what, port)?;
        let mut state = self.state.lock().await;
        let Some(ports) = state.switches.get_mut(switch) else { return Ok(()) };
        let Some(plugged) = ports.get(port) else { return Ok(()) };
        if let Plugged::Interface { port, .. } = plugged {
            self.delete_interface(port).await.map_err(|error| DriverError::kernel(what, &port.name, &error))?;
        }
        ports.remove(port);
        Ok(())
    }

    async fn ports(&self, switch: &str) -> Option<Vec<String>> {
        self.state.lock().await.switches.get(switch).map(|ports| ports.keys().cloned().collect())
    }
}

fn place(port: &SwitchPort) -> Netns {
    port.netns.clone().map_or(Netns::Daemon, Netns::At)
}

/// The ports that have an interface, and whether a command plugged each in.
fn interfaces(ports: &BTreeMap<String, Plugged>) -> impl Iterator<Item = (&SwitchPort, bool)> {
    ports.values().filter_map(|plugged| match plugged {
        Plugged::Interface { port, by_hand, .. } => Some((port, *by_hand)),
        Plugged::Tunnel(_) => None,
    })
}

fn no_port(what: &str, switch: &str, port: &str) -> DriverError {
    let on = format!("{switch}/{port}");
    DriverError::new(DriverErrorKind::NotFound, what, on, "there is no such port", "add it first")
}

fn no_switch(what: &str, switch: &str) -> DriverError {
    DriverError::new(DriverErrorKind::NotFound, what, switch, "there is no such switch", "create it first")
}

fn taken(what: &str, on: String) -> DriverError {
    DriverError::new(DriverErrorKind::Conflict, what, on, "there is one of that name already", "choose another name")
}
