//! What switches and ports are told to do: each change has its turn.

use super::refusal::Attempt;
use super::{Fabric, FdbPick, NewPort, Origin, Refusal, Removed, Started, ports};
use crate::config::{Config, FdbSpec, PortSettings, SwitchSettings};
use crate::names::Name;
use crate::url::VxlanUrl;
use lanloom_switch_core::{Guard, Prefixes};
use lanloom_switch_io::link::memory::MemoryEnd;
use std::net::IpAddr;
use std::sync::Arc;

impl Fabric {
    /// Makes a switch.
    ///
    /// # Errors
    /// If there is one of that name, or a setting is out of range.
    pub async fn create_switch(&self, name: Name, settings: SwitchSettings) -> Result<(), Refusal> {
        self.create_switch_for(name, settings, Origin::Command).await
    }

    /// The same for whoever wants it.
    pub(in crate::controller) async fn create_switch_for(
        &self,
        name: Name,
        settings: SwitchSettings,
        by: Origin,
    ) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.create_switch(&name, settings, by).await }).await
    }

    /// Sets a switch.
    ///
    /// # Errors
    /// If there is none of that name, or a setting is out of range or cannot be changed.
    pub async fn set_switch(
        &self,
        name: Name,
        change: impl FnOnce(&mut SwitchSettings) + Send + 'static,
    ) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.set_switch(&name, change).await }).await
    }

    /// Deletes a switch with its ports, and the interfaces that were made for them. If some cannot be deleted, these ports and
    /// the switch stay, and the refusal names them.
    ///
    /// # Errors
    /// If there is none of that name, or the configuration file made it or one of its ports.
    pub async fn delete_switch(&self, name: Name) -> Result<(), Refusal> {
        self.delete_switch_for(name, Origin::Command).await
    }

    /// The same for whoever made it.
    pub(in crate::controller) async fn delete_switch_for(&self, name: Name, by: Origin) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.delete_switch(&name, by).await }).await
    }

    /// Adds a port, and makes its interface. Answers its name.
    ///
    /// # Errors
    /// If its name or its interface is taken, its namespace is not there, or the kernel refuses.
    pub async fn add_port(&self, switch: Name, port: NewPort) -> Result<Name, Refusal> {
        self.add_port_for(switch, port, Origin::Command, None).await
    }

    /// The same for whoever wants it, guarded from its first frame on.
    pub(in crate::controller) async fn add_port_for(
        &self,
        switch: Name,
        port: NewPort,
        by: Origin,
        guard: Option<Arc<Guard>>,
    ) -> Result<Name, Refusal> {
        self.change(move |inner| async move { inner.add_port(&switch, port, by, guard).await }).await
    }

    /// Adds a port that is plugged into an end in this process. It is in no store.
    ///
    /// # Errors
    /// If its name is taken.
    pub async fn add_memory_port(&self, switch: Name, port: Name, end: MemoryEnd) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.add_memory_port(&switch, &port, end) }).await
    }

    /// Sets a port.
    ///
    /// # Errors
    /// If there is none, or a setting is out of range.
    pub async fn set_port(
        &self,
        switch: Name,
        port: Name,
        change: impl FnOnce(&mut PortSettings) + Send + 'static,
    ) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.set_port(&switch, &port, change).await }).await
    }

    /// Changes with whom a tunnel exchanges frames.
    pub(in crate::controller) async fn set_peers(&self, switch: Name, port: Name, peers: Vec<IpAddr>) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.set_peers(&switch, &port, peers).await }).await
    }

    /// Where a tunnel leads, and which segment of its switch it is; none if there is none.
    pub(in crate::controller) fn tunnel(&self, switch: &Name, port: &Name) -> Option<(VxlanUrl, u16)> {
        self.inner.tunnel(switch, port)
    }

    /// Deletes a port, and the interface if it was made for it.
    ///
    /// # Errors
    /// If there is none, the configuration file made it, or the kernel refuses; it stays then.
    pub async fn delete_port(&self, switch: Name, port: Name) -> Result<(), Refusal> {
        self.delete_port_for(switch, port, Origin::Command).await
    }

    /// The same for whoever made it.
    pub(in crate::controller) async fn delete_port_for(&self, switch: Name, port: Name, by: Origin) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.delete_port(&switch, &port, by).await }).await
    }

    /// The namespace of a port is gone, and its path leads to another's: a TAP there is not ours, and stays when the port goes.
    pub(in crate::controller) async fn disown(&self, switch: Name, port: Name) -> Result<(), Refusal> {
        self.change(move |inner| async move {
            inner.disown(&switch, &port);
            Ok(())
        })
        .await
    }

    /// Changes what a port's frames are held to.
    pub(in crate::controller) fn set_guard(&self, switch: &Name, port: &Name, guard: Arc<Guard>) -> Result<(), Refusal> {
        let attempt = Attempt::new("guard port", format!("{switch}/{port}"));
        let entry = self.inner.entry(&attempt, switch)?;
        let id = entry.port(port).ok_or_else(|| ports::no_port(&attempt, switch))?.id;
        entry.handle.set_guard(id, Some(guard)).map_err(|error| attempt.port(error))
    }

    /// Tells a switch's guarded ports where other networks live; a switch that is not there need not know.
    pub(in crate::controller) fn set_foreign(&self, switch: &Name, foreign: &Arc<Prefixes>) {
        let Some(entry) = self.inner.switches.get(switch).map(|entry| Arc::clone(entry.value())) else { return };
        // Its thread may have ended, and its ports with it.
        let _ = entry.handle.set_foreign(Arc::clone(foreign));
    }

    /// Sets an entry of the filtering database by hand, and of a tunnel if it leads to another end of one. The zero address has floods
    /// sent to that end too.
    ///
    /// # Errors
    /// If there is no such port, it is no tunnel although an end is named, the address is no station's, or the database is full.
    pub async fn add_fdb(&self, switch: Name, entry: FdbSpec) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.add_fdb(&switch, entry, Origin::Command).await }).await
    }

    /// Deletes an entry, learned or set.
    ///
    /// # Errors
    /// If there is none, or the configuration file set it.
    pub async fn delete_fdb(&self, switch: Name, pick: FdbPick) -> Result<(), Refusal> {
        self.change(move |inner| async move { inner.delete_fdb(&switch, pick, Origin::Command).await }).await
    }

    /// Forgets what was learned, on one port or on all. Answers how many entries that were.
    ///
    /// # Errors
    /// If there is no such switch or port.
    pub async fn flush_fdb(&self, switch: Name, port: Option<Name>) -> Result<usize, Refusal> {
        self.change(move |inner| async move { inner.flush_fdb(&switch, port.as_ref()) }).await
    }

    /// Brings what the configuration file made to what it says now, touching only what changed. Answers a line for each change,
    /// and one for each that could not be made.
    pub async fn reload(&self, config: Config) -> Started {
        let done = self.change(move |inner| async move { Ok(inner.reload(&config).await) }).await;
        done.unwrap_or_else(|refusal| Started { changes: Vec::new(), notes: vec![refusal.to_string()] })
    }

    /// Leaves: ports let go of their interfaces, which stay where the kernel can hold them; if the daemon is ephemeral, all that
    /// it made is removed.
    pub async fn stop(&self) -> Removed {
        let done = self.change(move |inner| async move { Ok(inner.stop().await) }).await;
        done.unwrap_or_else(Removed::failed)
    }

    /// Removes everything of ours from this host: switches, ports, interfaces, the plumbing namespace and the records.
    pub async fn reset(&self) -> Removed {
        let done = self.change(move |inner| async move { Ok(inner.reset().await) }).await;
        done.unwrap_or_else(Removed::failed)
    }
}
