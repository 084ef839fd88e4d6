//! What an earlier start made and nobody wants any more: a crash left it, or it was taken out of the file.

use super::find::is_orphan;
use super::reconcile::Found;
use super::records::{MadeRecord, Records};
use super::refusal::Attempt;
use super::registry::Origin;
use super::wiring::Wire;
use super::{Inner, Refusal};
use crate::config::Config;
use crate::names::Name;
use crate::url::PortUrl;
use lanloom_drivers::kernel::Netns;

/// Whether there is still to be a port for an interface that we made. Without a file, what was made for one may be again.
fn is_wanted(records: &Records, file: Option<&Config>, (switch, port): (&Name, &Name), record: &MadeRecord) -> bool {
    let in_file = file.and_then(|file| file.switches.iter().find(|other| other.name == *switch));
    let of_file = in_file.and_then(|switch| switch.ports.iter().find(|other| other.name == *port));
    if let Some(spec) = of_file {
        return record.is_of(&spec.url);
    }
    if record.file {
        return file.is_none();
    }
    let has_other =
        records.ports.iter().any(|(of, name, port_record)| of == switch && name == port && !record.is_of(&port_record.url));
    records.has_port(switch, port) && !has_other && (in_file.is_some() || !is_orphan(records, switch, file.is_some()))
}

impl Inner {
    /// Deletes the interfaces that an earlier start made for ports that are wanted no more: a crash left them, or they were taken
    /// out of the file. Only what has a record that says so is certainly ours.
    pub(super) async fn sweep(&self, records: &Records, file: Option<&Config>, notes: &mut Vec<String>) {
        for (switch, port, record) in &records.made {
            if is_wanted(records, file, (switch, port), record) {
                continue;
            }
            match self.remove_made(switch, port, record).await {
                Ok(()) => tracing::info!(url = %record.url, %switch, %port, "what was made for a port that is no more is gone"),
                Err(refusal) => notes.push(refusal.to_string()),
            }
        }
    }

    /// Deletes an interface that was made for a port that is not there, unless it is somebody else's by now, and its record.
    pub(super) async fn remove_made(&self, switch: &Name, port: &Name, record: &MadeRecord) -> Result<(), Refusal> {
        let attempt = Attempt::new("remove the interface of", format!("{switch}/{port} ({})", record.url));
        let origin = if record.file { Origin::Config } else { Origin::Command };
        let wire = Wire { switch, port, url: &record.url, origin, mtu: None, record: None };
        let is_used = self.free_place(&attempt, &record.url).is_err();
        match (&record.url, self.look(&record.url).await) {
            (PortUrl::Tap(_), _) if is_used => {}
            (PortUrl::Tap(_), (Found::Tap { attached: true }, _)) => {
                let hint = "stop that process, or delete the interface with `ip link delete`";
                return Err(attempt.conflict("another process has it open", hint));
            }
            (PortUrl::Tap(_), (Found::Unknown(why), _)) => return Err(attempt.failed(why, "start the daemon again")),
            (PortUrl::Tap(_), (_, number)) => self.unwire(&attempt, wire, number).await?,
            (PortUrl::Veth(_), _) if self.has_plumbing(&attempt).await? => self.unwire(&attempt, wire, None).await?,
            (PortUrl::Veth(_) | PortUrl::Iface(_) | PortUrl::Vxlan(_) | PortUrl::Memory(_), _) => {}
        }
        self.disclaim(&attempt, wire).await
    }

    /// Whether there is a plumbing namespace: it is not made to look into it.
    async fn has_plumbing(&self, attempt: &Attempt) -> Result<bool, Refusal> {
        let Some(path) = &self.plumbing_path else { return Ok(false) };
        self.kernel.netns_exists(&Netns::At(path.clone())).await.map_err(|error| attempt.kernel(error))
    }
}
