//! Runs of `lanloom demo` in a folder of their own, and what they leave.

#![allow(dead_code, reason = "each test binary uses its own part of this module")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Liveness only: a demo of 16 MiB takes a second or two, one with a ping in vain ten more.
const PATIENCE: Duration = Duration::from_secs(180);

/// A copy of the program, and folders that every user may use: home of one test.
pub(crate) struct Place {
    folder: TempDir,
}

/// A demo that has ended.
pub(crate) struct Ended {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// What it left in `/run/netns` and in its temporary folder, and of mounts.
    pub(crate) left: Vec<String>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = Self { folder };
        fs::set_permissions(place.folder.path(), Permissions::from_mode(0o755)).expect("our own folder");
        for name in ["current", "tmp"] {
            fs::create_dir(place.path(name)).expect("our own folder");
            fs::set_permissions(place.path(name), Permissions::from_mode(0o777)).expect("our own folder");
        }
        // Where the program was built may be closed to other users. A second name for it costs less than a copy.
        let built = Path::new(env!("CARGO_BIN_EXE_lanloom"));
        fs::hard_link(built, place.program()).or_else(|_| fs::copy(built, place.program()).map(drop)).expect("copied");
        place.wait_until_free();
        place
    }

    /// A process that another test forked while the copy was being written may still hold it open for writing, until it becomes
    /// another program; up to then nobody can run the copy. Once it has run, none can.
    fn wait_until_free(&self) {
        let begin = Instant::now();
        loop {
            match Command::new(self.program()).arg("--version").stdout(Stdio::null()).status() {
                Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && begin.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                run => return assert!(run.expect("it runs").success()),
            }
        }
    }

    /// `current`, where demos run, `tmp`, their temporary folder, or another name in the same place.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn program(&self) -> PathBuf {
        self.path("lanloom")
    }

    /// `demo` with arguments, as whoever runs the test.
    pub(crate) fn demo(&self, arguments: &[&str]) -> Command {
        self.within(&[], arguments)
    }

    /// `demo` with arguments, started by a command that replaces itself by what its last arguments say.
    pub(crate) fn within(&self, starter: &[&str], arguments: &[&str]) -> Command {
        let program = self.program().display().to_string();
        let words: Vec<&str> =
            starter.iter().copied().chain([program.as_str(), "demo"]).chain(arguments.iter().copied()).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(self.path("current")).env("TMPDIR", self.path("tmp")).env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, mut command: Command) -> Ended {
        let child = command.spawn().expect("the command starts");
        let pid = child.id();
        let Output { status, stdout, stderr } = wait(child);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Ended { status: status.code(), stdout: text(stdout), stderr: text(stderr), left: self.left_by(pid) }
    }

    /// What a demo of that process left.
    pub(crate) fn left_by(&self, pid: u32) -> Vec<String> {
        let names = |folder: &Path| {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.path().display().to_string()).collect::<Vec<_>>()
        };
        let ours = format!("lanloom-demo-{pid}-");
        let namespaces = names(Path::new("/run/netns")).into_iter().filter(|name| name.contains(&ours));
        // A capture that found no other place is meant to stay.
        let files = names(&self.path("tmp")).into_iter().filter(|name| !name.ends_with(".pcapng"));
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("the kernel shows mounts");
        let folder = format!("/lanloom-demo-{pid}/");
        let mounts = mounts.lines().filter(|line| line.contains(&folder)).map(|line| format!("mount {line}"));
        namespaces.chain(files).chain(mounts).collect()
    }
}

impl Ended {
    /// The JSON that it printed.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// The names of the checks that ended so.
    pub(crate) fn names(&self, status: &str) -> Vec<String> {
        let json = self.json();
        let checks = json["checks"].as_array().unwrap_or_else(|| panic!("no checks: {self}"));
        let such = checks.iter().filter(|check| check["status"] == status);
        such.filter_map(|check| check["name"].as_str().map(str::to_owned)).collect()
    }

    /// What a check says.
    pub(crate) fn detail(&self, name: &str) -> String {
        let json = self.json();
        let check = json["checks"].as_array().and_then(|checks| checks.iter().find(|check| check["name"] == name));
        check.and_then(|check| check["detail"].as_str()).unwrap_or_else(|| panic!("no check {name}: {self}")).to_owned()
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "status {:?}\n{}\n{}\nleft: {:?}", self.status, self.stdout, self.stderr, self.left)
    }
}

/// A demo under way, read line by line.
pub(crate) struct Running {
    child: Child,
    lines: BufReader<ChildStdout>,
    seen: String,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::null()).spawn().expect("the command starts");
        let lines = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, lines, seen: String::new() }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads up to the first line that holds `text`, and answers it.
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        loop {
            let mut line = String::new();
            let length = self.lines.read_line(&mut line).expect("text");
            assert!(length > 0, "it ended before a line with {text:?}:\n{}", self.seen);
            self.seen.push_str(&line);
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Ends it as Ctrl-C would; answers its status and the rest of what it printed.
    pub(crate) fn interrupt(mut self) -> (ExitStatus, String) {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGINT).expect("our own child");
        let mut rest = String::new();
        std::io::Read::read_to_string(&mut self.lines, &mut rest).expect("text");
        (wait(self.child).status, rest)
    }

    /// Ends it as nothing can that it could notice.
    pub(crate) fn kill(self) -> ExitStatus {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGKILL).expect("our own child");
        self.ignore()
    }

    /// Reads no more of what it prints, and waits for its end.
    pub(crate) fn ignore(self) -> ExitStatus {
        drop(self.lines);
        wait(self.child).status
    }
}

/// The child's end; it is killed if that does not come.
fn wait(child: Child) -> Output {
    let pid = Pid::from_raw(child.id() as i32);
    let (ended, hears) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let begin = Instant::now();
        if hears.recv_timeout(PATIENCE).is_err() && begin.elapsed() >= PATIENCE {
            // It may have ended this very moment.
            let _ = kill(pid, Signal::SIGKILL);
        }
    });
    let output = child.wait_with_output().expect("our own child");
    drop(ended);
    watch.join().expect("the watch does not panic");
    output
}

/// The processes that are children of that one.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("the kernel shows processes").flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.filter(|pid| stat(*pid).is_some_and(|(_, of)| of == parent)).collect()
}

/// Whether a process runs: one that has ended may still be there until somebody has heard of it.
pub(crate) fn is_running(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != "Z")
}

/// A process' state and parent, the first words after its name in brackets (`proc_pid_stat(5)`).
fn stat(pid: u32) -> Option<(String, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut words = text.rsplit_once(')')?.1.split_whitespace();
    Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
}

/// Waits until that is so.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether this is run by root, as a test needs that makes other users' demos. In CI it must be.
pub(crate) fn root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    assert!(root || std::env::var_os("CI").is_none(), "this needs root, and with CI set nothing is skipped");
    if !root {
        println!("skipped: this needs root");
    }
    root
}

/// All checks, in order.
pub(crate) const CHECKS: [&str; 21] = [
    "daemon",
    "tap",
    "veth",
    "in-process",
    "ping4",
    "ping6",
    "fdb",
    "transfer",
    "counters",
    "trace",
    "capture",
    "networks",
    "names",
    "reach",
    "isolation",
    "relay",
    "page",
    "overlay",
    "underlay",
    "doctor",
    "cleanup",
];

/// Those of networks.
pub(crate) const NETWORKS: &[&str] = CHECKS.split_at(11).1.split_at(6).0;

/// Those of the overlay.
pub(crate) const OVERLAY: &[&str] = CHECKS.split_at(17).1.split_at(3).0;
