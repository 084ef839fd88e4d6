//! What there is of ours on this machine: taken before and after, so that the difference is what was left.

use super::cast;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long sockets of this process may take to close; tens of milliseconds are usual for those of links.
const SETTLES: Duration = Duration::from_secs(2);

/// Ours, by kind. Everything but what is open in this process carries this process's number in its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Census {
    interfaces: Vec<String>,
    namespaces: Vec<String>,
    mounts: Vec<String>,
    files: Vec<String>,
    tables: Vec<String>,
    sockets: Vec<String>,
    processes: Vec<String>,
}

impl Census {
    /// Looks, with namespaces in `netns` and other files of ours in `folder`.
    pub(super) fn take(netns: &Path, folder: &Path) -> Self {
        let prefix = cast::prefix();
        let ours = |name: &String| name.starts_with(&prefix);
        Self {
            interfaces: interfaces(),
            namespaces: names(netns).into_iter().filter(ours).collect(),
            mounts: mounts(&prefix, folder),
            files: folder.exists().then(|| folder.display().to_string()).into_iter().collect(),
            tables: tables(),
            sockets: sockets(),
            processes: processes(),
        }
    }

    /// Looks again when all is over. Links are closed by threads of their own, and threads end after those that they served: what
    /// is still open in this process is given a moment.
    pub(super) fn take_settled(netns: &Path, folder: &Path, before: &Self) -> Self {
        let end = Instant::now() + SETTLES;
        loop {
            let now = Self::take(netns, folder);
            if now.sockets.iter().all(|socket| before.sockets.contains(socket)) || Instant::now() >= end {
                return now;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// What is in this one and was not in `before`: a line for each kind.
    pub(super) fn left_since(&self, before: &Self) -> Vec<String> {
        let kinds = [
            ("interface", &self.interfaces, &before.interfaces),
            ("namespace", &self.namespaces, &before.namespaces),
            ("mount", &self.mounts, &before.mounts),
            ("file", &self.files, &before.files),
            ("table", &self.tables, &before.tables),
            ("socket", &self.sockets, &before.sockets),
            ("process", &self.processes, &before.processes),
        ];
        let left = kinds.into_iter().flat_map(|(kind, now, before)| {
            now.iter().filter(|name| !before.contains(name)).map(move |name| format!("{kind} {name}"))
        });
        left.collect()
    }
}

impl fmt::Display for Census {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: usize, kind: &str| format!("{count} {kind}{}", if count == 1 { "" } else { "s" });
        let kinds = [
            plural(self.interfaces.len(), "interface"),
            plural(self.namespaces.len(), "namespace"),
            plural(self.mounts.len(), "mount"),
            plural(self.files.len(), "file"),
            plural(self.tables.len(), "table"),
            plural(self.sockets.len(), "socket"),
            format!("{} process{}", self.processes.len(), if self.processes.len() == 1 { "" } else { "es" }),
        ];
        out.write_str(&kinds.join(", "))
    }
}

/// Of this process's own network.
fn interfaces() -> Vec<String> {
    let text = fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(name, _)| name.trim().to_owned()).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Mount points (the fifth word of a line) that are of ours.
fn mounts(prefix: &str, folder: &Path) -> Vec<String> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = text.lines().filter_map(|line| line.split(' ').nth(4)).map(PathBuf::from);
    let ours = |point: &PathBuf| {
        point.starts_with(folder)
            || point.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix))
    };
    points.filter(ours).map(|point| point.display().to_string()).collect()
}

/// Of the firewall in this process's own network; none where there is no program to ask.
fn tables() -> Vec<String> {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let listed = Command::new("nft").args(["list", "tables"]).env("PATH", path).stdin(Stdio::null()).output();
    let text = listed.map(|listed| String::from_utf8_lossy(&listed.stdout).into_owned()).unwrap_or_default();
    text.lines().filter_map(|line| line.strip_prefix("table ")).map(str::to_owned).collect()
}

/// Sockets that this process has open, by number.
fn sockets() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let targets = entries.filter_map(|entry| fs::read_link(entry.path()).ok()?.into_os_string().into_string().ok());
    targets.filter(|target| target.starts_with("socket:")).collect()
}

/// Children of this process, by number and name. The parent's number is the second word after the name, which is in brackets
/// (`proc_pid_stat(5)`).
fn processes() -> Vec<String> {
    let parent = std::process::id().to_string();
    let of = |pid: &String| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (name, rest) = stat.rsplit_once(')')?;
        (rest.split_whitespace().nth(1)? == parent).then(|| format!("{name})"))
    };
    names(Path::new("/proc")).iter().filter(|name| name.parse::<u32>().is_ok()).filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_not_there_before_is_left() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let before = Census { interfaces: list(&["lo", "tap7"]), ..Census::default() };
        let after = Census { interfaces: list(&["lo", "tap8"]), namespaces: list(&["a"]), ..before.clone() };
        assert_eq!(before.left_since(&before), Vec::<String>::new());
        assert_eq!(after.left_since(&before), ["interface tap8", "namespace a"]);
        assert_eq!(before.to_string(), "2 interfaces, 0 namespaces, 0 mounts, 0 files, 0 tables, 0 sockets, 0 processes");
    }

    #[test]
    fn a_child_that_runs_is_seen_and_none_that_has_ended() {
        let mut child = Command::new("sleep").arg("60").spawn().expect("it starts");
        let is_seen = || processes().iter().any(|process| process.starts_with(&format!("{} (", child.id())));
        let seen = is_seen();
        child.kill().and_then(|()| child.wait()).expect("it ends");
        let is_left = processes().iter().any(|process| process.starts_with(&format!("{} (", child.id())));
        assert!(seen && !is_left, "{seen} {is_left}");
    }

    #[test]
    fn a_socket_that_is_open_is_seen_and_one_that_closes_in_a_moment_is_waited_for() {
        let before = Census::take(Path::new("/nonexistent"), Path::new("/nonexistent"));
        let pair = std::os::unix::net::UnixStream::pair().expect("two sockets");
        let during = Census::take(Path::new("/nonexistent"), Path::new("/nonexistent"));
        assert!(during.left_since(&before).len() >= 2, "{during}");
        let closing = thread::spawn(move || {
            thread::sleep(SETTLES / 20);
            drop(pair);
        });
        let is_left = |census: &Census| {
            during.sockets.iter().any(|socket| !before.sockets.contains(socket) && census.sockets.contains(socket))
        };
        let after = Census::take_settled(Path::new("/nonexistent"), Path::new("/nonexistent"), &before);
        closing.join().expect("it closed them");
        assert!(!is_left(&after), "{after}");
    }
}
