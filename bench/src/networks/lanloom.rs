//! Our own: a daemon in a room, with sandboxes whose endpoints are TAPs, as they come.

use crate::fault::{Fault, Result};
use crate::machine::first_line;
use crate::networks::echo::Echo;
use crate::networks::http::Body;
use crate::networks::room::Room;
use crate::networks::side::{Api, Daemon, GUEST, HOME, RESIDENT, Side, VISITED};
use crate::process::Process;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The programs that it calls and the Debian package of each.
pub(crate) const PROGRAMS: [(&str, &str); 1] = [("nft", "nftables")];

pub(crate) const NAME: &str = "lanloom";

const LIMIT: Duration = Duration::from_secs(60);

const SETUP: &str = "lanloom daemon in namespaces of its own, its state on the same disk as Docker's, networks with masquerade by nft and \
     endpoints on TAPs as they come, each made in its container's namespace, so that none is moved; one that goes is waited for until nobody sees it, not until the \
     kernel has freed it; a container is a sandbox";

/// A daemon with everything that it needs.
///
/// # Errors
/// If something of it does not start.
pub(crate) fn start(program: &Path) -> Result<Side> {
    let room = Room::open(NAME)?;
    let api = api(&room);
    let mut daemon = Daemon { programs: vec![start_daemon(program, &room)?], room };
    for network in [HOME, VISITED] {
        api.create(network)?;
    }
    for (sandbox, network) in [(GUEST, HOME), (RESIDENT, VISITED)] {
        create_sandbox(&api, sandbox, network)?;
    }
    daemon.check_alive()?;
    let echo = Echo::open(&namespace(&api, &daemon.room, GUEST)?)?;
    let resident = api.address(VISITED, RESIDENT)?;
    let version = first_line(Command::new(program).arg("--version"));
    Ok(Side { name: NAME, setup: SETUP, version, api, echo, resident, daemon })
}

/// The API of the daemon in a room.
pub(crate) fn api(room: &Room) -> Api {
    Api { socket: room.dir().join("lanloom.sock"), base: "/v1", create: "/networks" }
}

/// Starts a daemon and waits until it answers.
///
/// # Errors
/// If it does not.
pub(crate) fn start_daemon(program: &Path, room: &Room) -> Result<Process> {
    let api = api(room);
    let mut daemon = spawn_daemon(program, room)?;
    daemon.wait_until("an answer", LIMIT, |_| api.ask("GET", "/info", &Body::Nothing).is_ok())?;
    Ok(daemon)
}

/// Starts a daemon on the state that the room has, and does not wait.
///
/// # Errors
/// If it cannot be started.
pub(crate) fn spawn_daemon(program: &Path, room: &Room) -> Result<Process> {
    let mut command = room.command(program);
    command.env("LANLOOM_SOCKET", room.dir().join("lanloom.sock")).arg("daemon");
    command.arg("--state-dir").arg(room.dir().join("state")).arg("--netns-dir").arg(room.dir().join("netns"));
    Process::start(NAME, &mut command, room.dir())
}

/// # Errors
/// If it is refused.
pub(crate) fn create_sandbox(api: &Api, name: &str, network: &str) -> Result<()> {
    let body = json!({"name": name, "networks": [{"network": network}]});
    api.ask("POST", "/sandboxes", &Body::Json(body)).map(drop)
}

/// Where from outside a sandbox's network namespace is.
///
/// # Errors
/// If there is no such sandbox, or it has none.
pub(crate) fn namespace(api: &Api, room: &Room, sandbox: &str) -> Result<PathBuf> {
    let answer = api.ask("GET", &format!("/sandboxes/{sandbox}"), &Body::Nothing)?;
    let path = answer["netns"].as_str().map(|path| room.seen_from_outside(Path::new(path)));
    path.ok_or_else(|| Fault::on(format!("looking for the namespace of {sandbox}"), format!("not in {answer}")))
}
