//! Docker Engine: containerd and dockerd in a room, with containers of busybox that sleep.

use crate::fault::{Result, Tried};
use crate::leftovers;
use crate::networks::echo::Echo;
use crate::networks::http::Body;
use crate::networks::room::Room;
use crate::networks::side::{Api, Daemon, GUEST, HOME, RESIDENT, Side, VISITED};
use crate::process::{Process, run};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The programs and the Debian package of each.
pub(crate) const PROGRAMS: [(&str, &str); 5] = [
    ("dockerd", "docker.io"),
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("iptables", "iptables"),
    ("busybox", "busybox-static"),
];

pub(crate) const NAME: &str = "docker";

const LIMIT: Duration = Duration::from_secs(60);

const SETUP: &str = "containerd and dockerd with --bridge none --storage-driver vfs in namespaces of their own, networks and iptables as \
     they come; a container is `busybox sleep`";

/// What is to be gone after the room: the groups that Docker made, which stand in the machine's own hierarchies.
pub(crate) struct Groups(String);

impl Drop for Groups {
    fn drop(&mut self) {
        leftovers::delete_cgroups(&self.0);
    }
}

/// Docker with everything that it needs, and the groups that are removed once that is dropped.
///
/// # Errors
/// If something of it does not start.
pub(crate) fn start() -> Result<(Side, Groups)> {
    let groups = Groups(leftovers::name("docker"));
    let room = Room::open(NAME)?;
    let (containerd, dockerd) = (containerd(&room)?, room.dir().join("docker.sock"));
    let mut command = room.command("dockerd");
    command.args(["--containerd", CONTAINERD, "--bridge", "none", "--storage-driver", "vfs", "--pidfile", "/run/docker.pid"]);
    command.arg("--data-root").arg(room.dir().join("data")).arg("--exec-root").arg(room.dir().join("exec"));
    command.args(["--cgroup-parent", &format!("/{}", groups.0), "--host", &format!("unix://{}", dockerd.display())]);
    let mut program = Process::start("dockerd", &mut command, room.dir())?;
    program.wait_until("the socket", LIMIT, |printed| printed.contains("API listen on"))?;
    let mut daemon = Daemon { programs: vec![program, containerd], room };
    let api = Api { socket: dockerd, base: "/v1.41", create: "/networks/create" };
    let image = api.ask("POST", "/images/create?fromSrc=-", &Body::Tar(&image(daemon.room.dir())?))?;
    let image = image["status"].as_str().unwrap_or_default();
    for network in [HOME, VISITED] {
        api.create(network)?;
    }
    for (container, network) in [(GUEST, HOME), (RESIDENT, VISITED)] {
        run_container(&api, image, container, network)?;
    }
    daemon.check_alive()?;
    let guest = api.ask("GET", &format!("/containers/{GUEST}/json"), &Body::Nothing)?;
    let echo = Echo::open(&daemon.room.seen_from_outside(namespace(&guest)?))?;
    let resident = api.address(VISITED, RESIDENT)?;
    let version = version(&api.ask("GET", "/version", &Body::Nothing)?);
    Ok((Side { name: NAME, setup: SETUP, version, api, echo, resident, daemon }, groups))
}

/// Where containerd listens, in the room.
const CONTAINERD: &str = "/run/containerd.sock";

fn containerd(room: &Room) -> Result<Process> {
    let config = room.dir().join("containerd.toml");
    let text = format!(
        "version = 2\nroot = {:?}\nstate = \"/run/containerd\"\n\
         disabled_plugins = [\"io.containerd.grpc.v1.cri\", \"io.containerd.internal.v1.opt\"]\n[grpc]\naddress = {CONTAINERD:?}\n",
        room.dir().join("containerd"),
    );
    std::fs::write(&config, text).tried(|| format!("writing {}", config.display()))?;
    let mut containerd = Process::start("containerd", room.command("containerd").arg("--config").arg(&config), room.dir())?;
    containerd.wait_until("readiness", LIMIT, |printed| printed.contains("successfully booted"))?;
    Ok(containerd)
}

/// A tar file of busybox alone.
fn image(dir: &Path) -> Result<Vec<u8>> {
    let file = dir.join("image.tar");
    run(Command::new("tar").args(["-C", "/", "-cf"]).arg(&file).arg("bin/busybox"), LIMIT)?;
    std::fs::read(&file).tried(|| format!("reading {}", file.display()))
}

fn run_container(api: &Api, image: &str, name: &str, network: &str) -> Result<()> {
    let command = ["/bin/busybox", "sleep", "1000000"];
    let body = json!({"Image": image, "Cmd": command, "HostConfig": {"NetworkMode": network}});
    api.ask("POST", &format!("/containers/create?name={name}"), &Body::Json(body))?;
    api.ask("POST", &format!("/containers/{name}/start"), &Body::Nothing).map(drop)
}

/// Where the room has a container's network namespace.
fn namespace(container: &Value) -> Result<&Path> {
    let key = container["NetworkSettings"]["SandboxKey"].as_str().map(Path::new);
    key.ok_or("it has no sandbox").tried(|| "looking for a container's namespace")
}

fn version(answer: &Value) -> String {
    let of = |component: &Value| Some(format!("{} {}", component["Name"].as_str()?, component["Version"].as_str()?));
    let all = answer["Components"].as_array().into_iter().flatten().filter_map(of);
    all.collect::<Vec<_>>().join(", ")
}
