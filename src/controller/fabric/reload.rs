//! How what runs follows the configuration file.

use super::fdb::FdbPick;
use super::finding::Finding;
use super::refusal::Attempt;
use super::registry::Origin;
use super::start::Started;
use super::wiring::Wire;
use super::{Inner, Refusal};
use crate::config::{self, Change, Config};
use crate::names::Name;
use crate::url::PortUrl;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Inner {
    pub(super) async fn reload(&self, config: &Config) -> Started {
        let mut started = self.follow(config, Started::default()).await;
        if self.daemon != config.daemon {
            started.notes.push("[daemon] differs from what runs; it takes effect when the daemon is started again".to_owned());
        }
        started.notes.iter().for_each(|note| tracing::warn!("{note}"));
        started
    }

    /// Brings what the file made to what it says. What hangs on a change that failed fails too, and is not told again.
    pub(super) async fn follow(&self, config: &Config, mut started: Started) -> Started {
        let mut refused: BTreeSet<Name> = BTreeSet::new();
        for change in config::diff(&self.config(|origin| origin == Origin::Config), config) {
            let told = change.to_string();
            if change.switch_created_before().is_some_and(|switch| refused.contains(switch)) {
                continue;
            }
            let switch = change.creates().cloned();
            match self.follow_one(change, &mut started.notes).await {
                Ok(()) => started.changes.push(told),
                Err(refusal) => {
                    started.notes.push(refusal.to_string());
                    refused.extend(switch);
                }
            }
        }
        started
    }

    async fn follow_one(&self, change: Change, notes: &mut Vec<String>) -> Result<(), Refusal> {
        match change {
            Change::DeleteSwitch(switch) => self.delete_switch(&switch, Origin::Config).await,
            Change::DeletePort { switch, port } => self.delete_port(&switch, &port, Origin::Config).await,
            Change::DeleteFdb { switch, entry } => self.delete_fdb(&switch, FdbPick::of(&entry), Origin::Config).await,
            Change::CreateSwitch { switch, settings } => self.create_switch(&switch, settings, Origin::Config).await,
            Change::SetSwitch { switch, settings } => self.set_switch(&switch, |old| *old = settings).await,
            Change::SetPort { switch, port, settings } => self.set_port(&switch, &port, |old| *old = settings).await,
            Change::AddFdb { switch, entry } => self.add_fdb(&switch, entry, Origin::Config).await,
            Change::AddPort { switch, port } => {
                let attempt = Attempt::new("add port", format!("{switch}/{} ({})", port.name, port.url));
                let entry = self.entry(&attempt, &switch)?;
                if entry.ports.contains_key(&port.name) {
                    return Err(attempt.conflict("a command made a port of that name", "delete that one, or rename this one"));
                }
                self.free_place(&attempt, &port.url)?;
                let wire =
                    Wire { switch: &switch, port: &port.name, url: &port.url, origin: Origin::Config, mtu: None, record: None };
                self.clear_place(&attempt, wire).await?;
                // A TAP that is there already and of which there is no record is somebody's. A veth is told by its other end.
                let made = match port.url {
                    PortUrl::Tap(_) => self.is_claimed(&attempt, wire).await?,
                    PortUrl::Veth(_) => true,
                    PortUrl::Iface(_) | PortUrl::Vxlan(_) | PortUrl::Memory(_) => false,
                };
                let order = self.next_order();
                let (entry, origin) = (Arc::clone(&entry), Origin::Config);
                let found = Finding { entry, spec: port, origin, made, order, segment: 0 };
                notes.extend(self.find_port(&attempt, found, None).await);
                Ok(())
            }
        }
    }
}
