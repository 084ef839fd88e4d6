//! A room: network, mount and process namespaces of our own, in which programs run that want a whole machine. What they start,
//! mount and leave about is gone with the room, also when the benchmark is killed: its first process ends with us, and the kernel
//! ends all others with that one.

use crate::fault::Result;
use crate::lan::ScratchDir;
use crate::process::Process;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

/// Namespaces with a process that keeps them.
pub(crate) struct Room {
    /// `unshare`: in the room by its network and mounts; its child is the first process of the room.
    keeper: Process,
    dir: ScratchDir,
}

impl Room {
    /// An empty room: loopback is up, `/run` is empty, and `/etc` is a copy that can be written into.
    ///
    /// # Errors
    /// If the kernel refuses a namespace or a mount.
    pub(crate) fn open(name: &str) -> Result<Self> {
        let dir = ScratchDir::new(name)?;
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]);
        command.args(["sh", "-ec", FURNISH, "sh"]).arg(dir.path());
        let mut keeper = Process::start(&format!("{name}-room"), &mut command, dir.path())?;
        keeper.wait_until("the namespaces", LIMIT, |printed| printed.contains("ready"))?;
        Ok(Self { keeper, dir })
    }

    /// A directory that both sides see, for sockets, state and logs.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A command that will run in here. Its process is a child of the one that is started.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        for (kind, file) in [("net", "net"), ("mount", "mnt"), ("pid", "pid_for_children")] {
            command.arg(format!("--{kind}=/proc/{}/ns/{file}", self.keeper.pid()));
        }
        command.arg("--").arg(program);
        command
    }

    /// Where from outside a file of the room is seen, also one that is only mounted in here. `path` is absolute and without links.
    pub(crate) fn seen_from_outside(&self, path: &Path) -> PathBuf {
        let inside = path.strip_prefix("/").unwrap_or(path);
        PathBuf::from(format!("/proc/{}/root", self.keeper.pid())).join(inside)
    }
}

impl Drop for Room {
    /// Ends the room's first process. The keeper ends after it, and it after everything else in the room.
    fn drop(&mut self) {
        if let Some(first) = child_of(self.keeper.pid()) {
            // If it ended meanwhile there is nothing to end.
            let _ = kill(first, Signal::SIGKILL);
        }
    }
}

/// The process that a process started.
pub(crate) fn child_of(parent: u32) -> Option<Pid> {
    let ids = std::fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let mut ids = ids.filter(|id| parent_of(*id) == Some(parent));
    ids.next().map(Pid::from_raw)
}

/// proc_pid_stat(5): after the name, which ends at the last parenthesis, come the state and the parent.
fn parent_of(id: i32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// The file systems that show a network or processes are those of the room; control groups stay the machine's.
const FURNISH: &str = r#"
mkdir "$1/cgroup" "$1/etc"
mount --rbind /sys/fs/cgroup "$1/cgroup"
mount -t sysfs sysfs /sys
mount --rbind "$1/cgroup" /sys/fs/cgroup
umount --lazy "$1/cgroup"
mount -t proc proc /proc
mount -t tmpfs tmpfs "$1/etc"
cp -a /etc/. "$1/etc"
rm -rf "$1/etc/docker" "$1/etc/netns"
mount --move "$1/etc" /etc
mount -t tmpfs tmpfs /run
ip link set lo up
echo ready
exec sleep infinity
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::run;

    #[test]
    fn what_runs_in_a_room_ends_with_it_and_sees_nothing_outside() {
        if !nix::unistd::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "this needs root, and with CI set nothing is skipped");
            println!("skipped: this needs root");
            return;
        }
        let room = Room::open("room-test").unwrap();
        let started = Process::start("sleep", room.command("sleep").arg("1000"), room.dir()).unwrap();
        crate::stop::wait_until("the child", LIMIT, || Ok(child_of(started.pid()).is_some())).unwrap();
        let inside = PathBuf::from(format!("/proc/{}", child_of(started.pid()).unwrap()));
        let links = run(room.command("ip").args(["-o", "link"]), LIMIT).unwrap();
        assert!(links.lines().count() == 1 && links.contains("lo:"), "{links}");
        let dir = room.dir().to_owned();
        assert!(inside.exists() && dir.exists());
        drop(room);
        assert!(!inside.exists() && !dir.exists());
    }
}
