//! What `--break` does to networks: one thing is broken for real.

use super::super::board::Board;
use super::super::stage::{PATIENCE, Stage};
use super::super::stop;
use super::{BACK, FRONT, NETWORKS, Networks};
use crate::api::types::{PortChange, PortState};
use crate::controller::model::{NetworkChange, NewEndpoint};
use lanloom_drivers::kernel::{IfName, Kernel, Netns, SysctlKey};
use std::fs;

/// A fault that is put right when it has been looked at.
#[derive(Clone, Copy)]
pub(super) struct Fault {
    pub(super) apply: fn(&Stage) -> Result<(), String>,
    pub(super) undo: fn(&Stage) -> Result<(), String>,
}

/// The port of one sandbox is down.
pub(super) const REACH: Fault =
    Fault { apply: |stage| set_port(&stage.board, BACK, "db", false), undo: |stage| set_port(&stage.board, BACK, "db", true) };

/// One sandbox is on the other's network as well.
pub(super) const ISOLATION: Fault = Fault { apply: connect, undo: disconnect };

/// The host's port is down.
pub(super) const PAGE: Fault = Fault {
    apply: |stage| set_port(&stage.board, FRONT, GATEWAY, false),
    undo: |stage| set_port(&stage.board, FRONT, GATEWAY, true),
};

/// The name of the port by which the host takes part in a network.
const GATEWAY: &str = lanloom_drivers::bridge::GATEWAY;

/// A sandbox loses an interface; its port notices by itself.
pub(super) fn networks(stage: &Stage) -> Result<(), String> {
    let db = stage.networks.sandbox("db")?;
    let interface = &db.on(BACK).ok_or("it is on no network")?.interface;
    let interface = IfName::new(interface).map_err(|error| error.to_string())?;
    let netns = Netns::At(db.place.netns.clone());
    stage.board.wait(stage.kernel.delete_link(&netns, &interface)).map_err(|error| error.to_string())?;
    // If it does not notice, the check will say so.
    stop::wait_for(PATIENCE, || stage.board.port_of(BACK, "db").ok().filter(|port| port.state == PortState::Down));
    Ok(())
}

/// A sandbox asks for names where nobody answers.
pub(super) fn names(networks: &Networks) -> Result<(), String> {
    let file = networks.sandbox("app")?.place.files.as_ref().ok_or("it has no files")?.join("resolv.conf");
    fs::write(&file, "nameserver 127.0.0.1\n").map_err(|error| format!("writing {}: {error}", file.display()))
}

/// The sandbox on both networks forwards, and nobody is held to an address of its own.
pub(super) fn relay(stage: &Stage) -> Result<(), String> {
    let app = Netns::At(stage.networks.sandbox("app")?.place.netns.clone());
    let forward = SysctlKey::new("net/ipv4/ip_forward").map_err(|error| error.to_string())?;
    let set = stage.board.wait(stage.kernel.set_sysctl(&app, &[(forward, "1".to_owned())]));
    set.map_err(|error| error.to_string())?;
    for (network, _) in NETWORKS {
        let options = [("lanloom.guard".to_owned(), "off".to_owned())].into();
        let change = NetworkChange { options, ..NetworkChange::default() };
        let updated = stage.board.wait(stage.board.controller().update_network(network.to_owned(), change));
        updated.map_err(|refusal| refusal.to_string())?;
    }
    Ok(())
}

fn connect(stage: &Stage) -> Result<(), String> {
    let controller = stage.board.controller();
    let connected = stage.board.wait(controller.connect(BACK.to_owned(), "web".to_owned(), NewEndpoint::default()));
    connected.map(drop).map_err(|refusal| refusal.to_string())
}

fn disconnect(stage: &Stage) -> Result<(), String> {
    let disconnected = stage.board.wait(stage.board.controller().disconnect(BACK.to_owned(), "web".to_owned(), false));
    disconnected.map_err(|refusal| refusal.to_string())
}

fn set_port(board: &Board, network: &str, port: &str, up: bool) -> Result<(), String> {
    board.set_port_of(network, port, &PortChange { up: Some(up), ..PortChange::default() }).map(drop)
}
