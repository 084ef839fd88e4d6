//! What `--break` does: one thing is broken for real, and the check that looks at it has to see that by itself.

use super::cast::{INTERFACE, Kind, Role};
use super::hosts::Body;
use super::stage::{PATIENCE, Stage};
use super::stop;
use crate::api::types::{PortChange, PortState};
use crate::cli::demo::Subject;
use lanloom_drivers::kernel::{IfName, Kernel, Netns};
use std::fs;
use std::time::Duration;

/// How long a ping is tried that is not to be answered.
const IN_VAIN: Duration = Duration::from_secs(1);

/// What is to be broken, if anything.
#[derive(Clone, Copy, Debug)]
pub(super) struct Faults(pub(super) Option<Subject>);

impl Faults {
    /// Whether what this check looks at is to be broken.
    pub(super) fn has(self, subject: Subject) -> bool {
        self.0 == Some(subject)
    }

    /// The check whose address this host is not to have: the second host's.
    pub(super) fn lacks(self, role: &Role) -> Option<Subject> {
        self.0.filter(|subject| role.number == 2 && matches!(subject, Subject::Ping4 | Subject::Ping6))
    }

    /// Breaks what has just been plugged in.
    pub(super) fn after_plug(self, stage: &mut Stage, role: &Role) -> Result<(), String> {
        if self.has(Subject::Fdb) && role.number == 1 {
            stage.board.set_port(&role.port(), &PortChange { learning: Some(false), ..PortChange::default() })?;
            stage.board.flush_fdb(&role.port())?;
        }
        match role.kind {
            Kind::Tap if self.has(Subject::Tap) => set_down(stage, role),
            Kind::Veth if self.has(Subject::Veth) => delete_interface(stage, role),
            Kind::InProcess if self.has(Subject::InProcess) => switch_off(stage, role),
            Kind::Tap | Kind::Veth | Kind::InProcess => Ok(()),
        }
    }

    /// Puts right what was broken for the filtering database: later checks stand on it.
    pub(super) fn after_fdb(self, stage: &Stage) -> Result<(), String> {
        if self.has(Subject::Fdb)
            && let Some(host) = stage.hosts.iter().find(|host| host.role.number == 1)
        {
            stage.board.set_port(&host.role.port(), &PortChange { learning: Some(true), ..PortChange::default() })?;
        }
        Ok(())
    }
}

/// The daemon's socket goes.
pub(super) fn daemon(stage: &Stage) -> Result<(), String> {
    let socket = stage.socket();
    fs::remove_file(&socket).map_err(|error| format!("removing {}: {error}", socket.display()))
}

/// A port goes down.
pub(super) fn set_down(stage: &Stage, role: &Role) -> Result<(), String> {
    stage.board.set_port(&role.port(), &PortChange { up: Some(false), ..PortChange::default() }).map(drop)
}

/// Two hosts are kept from each other, and one asks the other all the same: its frames are dropped.
pub(super) fn counters(stage: &Stage) -> Result<(), String> {
    let [.., asked, asking] = &stage.hosts[..] else { return Err("there are no two hosts".to_owned()) };
    for host in [asked, asking] {
        stage.board.set_port(&host.role.port(), &PortChange { isolated: Some(true), ..PortChange::default() })?;
    }
    // That nobody answers is the point.
    let _ = asking.ping(asked.role.v4().into(), IN_VAIN);
    Ok(())
}

/// The interface behind a port is deleted; the port notices by itself.
fn delete_interface(stage: &Stage, role: &Role) -> Result<(), String> {
    let path = role.netns(&stage.netns_dir).ok_or("it has no namespace")?;
    let interface = IfName::new(INTERFACE).map_err(|error| error.to_string())?;
    let deleted = stage.board.wait(stage.kernel.delete_link(&Netns::At(path), &interface));
    deleted.map_err(|error| error.to_string())?;
    wait_until_down(stage, role);
    Ok(())
}

/// A host in this process ends, and with it its end of the link.
fn switch_off(stage: &mut Stage, role: &Role) -> Result<(), String> {
    let host = stage.hosts.iter_mut().find(|host| host.role == *role).ok_or("it is not there")?;
    host.body = Body::InProcess(None);
    wait_until_down(stage, role);
    Ok(())
}

/// The port notices by itself; if it does not, the check will say so.
fn wait_until_down(stage: &Stage, role: &Role) {
    stop::wait_for(PATIENCE, || stage.board.port(&role.port()).ok().filter(|port| port.state == PortState::Down));
}
