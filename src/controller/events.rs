//! What happened, as it happens.

use lanloom_switch_core::MacAddr;
use lanloom_switch_io::engine::{EngineEvent, EventKind as Engine};
use std::time::SystemTime;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub time: SystemTime,
    /// What.
    pub kind: EventKind,
}

macro_rules! events {
    ($($variant:ident $name:literal $doc:literal { $($field:ident: $type:ty,)* })*) => {
        /// What happened.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum EventKind { $(#[doc = $doc] $variant { $(#[doc = concat!("`", stringify!($field), "`")] $field: $type,)* },)* }

        impl EventKind {
            /// Its name, which stays.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant { .. } => $name,)* }
            }

            /// What it is about, by name.
            pub fn fields(&self) -> Vec<(&'static str, String)> {
                match self { $(Self::$variant { $($field,)* } => vec![$((stringify!($field), $field.to_string()),)*],)* }
            }
        }
    };
}

events! {
    SwitchCreated "switch.created" "A switch was made." { switch: String, }
    SwitchSet "switch.set" "A switch was set." { switch: String, }
    SwitchDeleted "switch.deleted" "A switch was deleted." { switch: String, }
    PortAdded "port.added" "A port was made." { switch: String, port: String, url: String, }
    PortSet "port.set" "A port was set." { switch: String, port: String, }
    PortDeleted "port.deleted" "A port was deleted." { switch: String, port: String, }
    PortUp "port.up" "A port carries frames." { switch: String, port: String, }
    PortDown "port.down" "A port carries no frames." { switch: String, port: String, reason: String, }
    FdbAdded "fdb.added" "An entry was set by hand." { switch: String, mac: MacAddr, port: String, }
    FdbDeleted "fdb.deleted" "An entry was deleted by hand." { switch: String, mac: MacAddr, }
    FdbFlushed "fdb.flushed" "Learned entries were forgotten by hand." { switch: String, entries: usize, }
    FdbMoved "fdb.moved" "An address went from one port to another." { switch: String, mac: MacAddr, from: String, to: String, }
    NetworkCreated "network.created" "A network was made." { network: String, id: String, }
    NetworkUpdated "network.updated" "A network was changed." { network: String, }
    NetworkDeleted "network.deleted" "A network was deleted." { network: String, id: String, }
    EndpointCreated "endpoint.created" "An endpoint was made." { network: String, endpoint: String, id: String, }
    EndpointJoined "endpoint.joined" "An endpoint came into a sandbox." { network: String, endpoint: String, sandbox: String, }
    EndpointLeft "endpoint.left" "An endpoint left its sandbox." { network: String, endpoint: String, sandbox: String, }
    EndpointDeleted "endpoint.deleted" "An endpoint was deleted." { network: String, endpoint: String, id: String, }
    SandboxCreated "sandbox.created" "A sandbox was made." { sandbox: String, id: String, }
    SandboxLost "sandbox.lost" "The namespace of a sandbox is gone, by somebody else's doing." { sandbox: String, }
    SandboxDamaged "sandbox.damaged" "Something that was set inside a sandbox is gone, by somebody else's doing." { sandbox: String, what: String, }
    SandboxDeleted "sandbox.deleted" "A sandbox was deleted." { sandbox: String, id: String, }
    Storm "storm" "A port began to lose floods to its limit." { switch: String, port: String, }
}

impl From<EngineEvent> for EventKind {
    fn from(event: EngineEvent) -> Self {
        let switch = event.switch;
        match event.kind {
            Engine::AddressMoved { mac, from, to } => Self::FdbMoved { switch, mac, from, to },
            Engine::Storm { port } => Self::Storm { switch, port },
            Engine::PortUp { port } => Self::PortUp { switch, port },
            Engine::PortDown { port, reason } => Self::PortDown { switch, port, reason },
        }
    }
}

impl From<EventKind> for Event {
    fn from(kind: EventKind) -> Self {
        Self { time: SystemTime::now(), kind }
    }
}
