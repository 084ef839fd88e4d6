//! What leads from one configuration to another: a reload touches only what changed.

use super::Config;
use super::spec::{FdbSpec, PortSettings, PortSpec, SwitchSettings, SwitchSpec};
use crate::names::Name;
use std::fmt;

/// One step. In the order given, each finds what it needs: what goes goes first, what comes comes after its switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A switch goes, with its ports and entries.
    DeleteSwitch(Name),
    /// A port goes, with its entries.
    DeletePort {
        /// Its switch.
        switch: Name,
        /// Its name.
        port: Name,
    },
    /// An entry goes.
    DeleteFdb {
        /// Its switch.
        switch: Name,
        /// What it was.
        entry: FdbSpec,
    },
    /// A switch comes, without ports.
    CreateSwitch {
        /// Its name.
        switch: Name,
        /// Its settings.
        settings: SwitchSettings,
    },
    /// A switch is set.
    SetSwitch {
        /// Its name.
        switch: Name,
        /// Its new settings.
        settings: SwitchSettings,
    },
    /// A port comes.
    AddPort {
        /// Its switch.
        switch: Name,
        /// What it is to be.
        port: PortSpec,
    },
    /// A port is set; its link stays as it is.
    SetPort {
        /// Its switch.
        switch: Name,
        /// Its name.
        port: Name,
        /// Its new settings.
        settings: PortSettings,
    },
    /// An entry comes.
    AddFdb {
        /// Its switch.
        switch: Name,
        /// What it is to be.
        entry: FdbSpec,
    },
}

/// The changes that lead from `old` to `new`. A port whose URL changed, and a switch whose `fdb_limit` changed, goes and comes
/// anew. What `[daemon]` says takes effect at the next start, and so is no change here.
pub fn diff(old: &Config, new: &Config) -> Vec<Change> {
    let mut steps = Steps::default();
    for switch in &old.switches {
        match new.switches.iter().find(|other| other.name == switch.name && !must_go(switch, other)) {
            Some(new) => steps.switch(switch, new),
            None => steps.delete.push(Change::DeleteSwitch(switch.name.clone())),
        }
    }
    for switch in &new.switches {
        if !old.switches.iter().any(|other| other.name == switch.name && !must_go(other, switch)) {
            steps.create(switch);
        }
    }
    let Steps { delete, change } = steps;
    delete.into_iter().chain(change).collect()
}

fn must_go(old: &SwitchSpec, new: &SwitchSpec) -> bool {
    old.settings.fdb_limit != new.settings.fdb_limit
}

#[derive(Default)]
struct Steps {
    delete: Vec<Change>,
    change: Vec<Change>,
}

impl Steps {
    fn create(&mut self, new: &SwitchSpec) {
        let switch = new.name.clone();
        self.change.push(Change::CreateSwitch { switch: switch.clone(), settings: new.settings.clone() });
        self.switch(&SwitchSpec { ports: Vec::new(), fdb: Vec::new(), ..new.clone() }, new);
    }

    fn switch(&mut self, old: &SwitchSpec, new: &SwitchSpec) {
        let switch = || new.name.clone();
        if old.settings != new.settings {
            self.change.push(Change::SetSwitch { switch: switch(), settings: new.settings.clone() });
        }
        let stays = |port: &PortSpec| new.ports.iter().any(|other| other.name == port.name && other.url == port.url);
        for port in old.ports.iter().filter(|port| !stays(port)) {
            self.delete.push(Change::DeletePort { switch: switch(), port: port.name.clone() });
        }
        for port in &new.ports {
            match old.ports.iter().find(|other| other.name == port.name && other.url == port.url) {
                None => self.change.push(Change::AddPort { switch: switch(), port: port.clone() }),
                Some(other) if other.settings != port.settings => {
                    let (port, settings) = (port.name.clone(), port.settings.clone());
                    self.change.push(Change::SetPort { switch: switch(), port, settings });
                }
                Some(_) => {}
            }
        }
        let port_stays = |entry: &FdbSpec| old.ports.iter().any(|port| port.name == entry.port && stays(port));
        for entry in old.fdb.iter().filter(|entry| !new.fdb.contains(entry) && port_stays(entry)) {
            self.delete.push(Change::DeleteFdb { switch: switch(), entry: entry.clone() });
        }
        for entry in new.fdb.iter().filter(|entry| !(old.fdb.contains(entry) && port_stays(entry))) {
            self.change.push(Change::AddFdb { switch: switch(), entry: entry.clone() });
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DeleteSwitch(switch) => write!(out, "switch {switch} deleted"),
            Self::DeletePort { switch, port } => write!(out, "port {port} of {switch} deleted"),
            Self::DeleteFdb { switch, entry } => write!(out, "entry {} of {switch} deleted", Entry(entry)),
            Self::CreateSwitch { switch, .. } => write!(out, "switch {switch} created"),
            Self::SetSwitch { switch, .. } => write!(out, "switch {switch} set"),
            Self::AddPort { switch, port } => write!(out, "port {} of {switch} added: {}", port.name, port.url),
            Self::SetPort { switch, port, .. } => write!(out, "port {port} of {switch} set"),
            Self::AddFdb { switch, entry } => write!(out, "entry {} of {switch} added on {}", Entry(entry), entry.port),
        }
    }
}

/// An entry's address, and where it leads if that is said.
struct Entry<'a>(&'a FdbSpec);

impl fmt::Display for Entry<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0.mac)?;
        self.0.dst.map_or(Ok(()), |dst| write!(out, " dst {dst}"))
    }
}

impl Change {
    /// The switch that it makes.
    pub fn creates(&self) -> Option<&Name> {
        if let Self::CreateSwitch { switch, .. } = self { Some(switch) } else { None }
    }

    /// The switch that must be there for it.
    pub fn switch_created_before(&self) -> Option<&Name> {
        match self {
            Self::DeleteSwitch(_) | Self::CreateSwitch { .. } => None,
            Self::DeletePort { switch, .. }
            | Self::DeleteFdb { switch, .. }
            | Self::SetSwitch { switch, .. }
            | Self::AddPort { switch, .. }
            | Self::SetPort { switch, .. }
            | Self::AddFdb { switch, .. } => Some(switch),
        }
    }
}
