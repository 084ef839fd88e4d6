//! A house of its own for a real daemon: network and mount namespaces in which it is the host, with `/run/netns` and `/etc/netns`
//! empty, gone when dropped. Nothing of the machine's own namespaces is touched.

use serde_json::Value;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// For what must happen at some time: ten times what it takes, and more.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct House {
    pub(crate) folder: TempDir,
    /// Ends, and the namespaces with it, when its standard input closes: also when this process is killed.
    holder: Child,
    daemon: Option<Child>,
}

impl House {
    /// One without a daemon yet, or `None` where there are no rights for it. Fails instead where nothing may be skipped.
    pub(crate) fn new() -> Option<Self> {
        if !nix::unistd::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "this needs root, and with CI set nothing is skipped");
            println!("skipped: a daemon with ports needs root");
            return None;
        }
        let script = "for folder in /run/netns /etc/netns; do mkdir -p $folder && mount -t tmpfs none $folder || exit; done; \
                      ip link set lo up && echo ready && exec cat";
        let mut holder = Command::new("unshare")
            .args(["--net", "--mount", "--propagation", "private", "sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare runs");
        let mut line = String::new();
        let said = BufReader::new(holder.stdout.take().expect("piped")).read_line(&mut line);
        assert!(said.is_ok() && line == "ready\n", "the namespaces could not be made");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("changed");
        Some(Self { folder, holder, daemon: None })
    }

    /// One with a daemon that keeps its state in the house.
    pub(crate) fn with_daemon() -> Option<Self> {
        let mut house = Self::new()?;
        house.start_daemon(&["--state-dir", "STATE"]);
        Some(house)
    }

    /// The process that its namespaces are known by.
    #[allow(dead_code, reason = "the tests of several houses use it")]
    pub(crate) fn holder(&self) -> u32 {
        self.holder.id()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command inside, `STATE` and `SOCKET` among its words standing for their paths.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, words: &[S]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.holder.id())).args(["--net", "--mount", "--"]);
        for word in words {
            match word.as_ref().to_str() {
                Some("STATE") => command.arg(self.path("state")),
                Some("SOCKET") => command.arg(self.path("lanloom.sock")),
                _ => command.arg(word),
            };
        }
        command.env("LANLOOM_SOCKET", self.path("lanloom.sock")).env_remove("NOTIFY_SOCKET").env_remove("LANLOOM_LOG");
        command
    }

    /// Starts the daemon, and waits until it answers and has seen to all sandboxes that it found.
    pub(crate) fn start_daemon(&mut self, arguments: &[&str]) {
        self.start_patiently(arguments, PATIENCE);
        self.wait_for("what it found to be taken up", || self.is_taken_up());
    }

    /// Starts the daemon, and waits until it answers, as long as that may take.
    pub(crate) fn start_patiently(&mut self, arguments: &[&str], patience: Duration) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("log")).expect("a log");
        let words = [&[env!("CARGO_BIN_EXE_lanloom"), "daemon"], arguments].concat();
        let mut command = self.command(&words);
        command.env("NOTIFY_SOCKET", self.path("notify")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.daemon = Some(command.spawn().expect("the daemon runs"));
        self.wait_within(patience, "the daemon to answer", || self.lanloom("switch ls").status.success());
    }

    /// Whether the daemon has seen to all sandboxes that it found.
    pub(crate) fn is_taken_up(&self) -> bool {
        !self.says("sandbox ls --json").contains("still being taken up")
    }

    /// Takes care of a daemon that was started otherwise.
    pub(crate) fn keep(&mut self, daemon: Child) {
        self.daemon = Some(daemon);
    }

    /// Sends the daemon a signal.
    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        let daemon = self.daemon.as_ref().expect("it runs").id();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(daemon.try_into().expect("a pid")), signal).expect("it runs");
    }

    /// Waits for the daemon's end, and says its status.
    pub(crate) fn daemon_status(&mut self) -> Option<i32> {
        let mut daemon = self.daemon.take().expect("it runs");
        let start = Instant::now();
        loop {
            if let Some(status) = daemon.try_wait().expect("a child of ours") {
                return status.code();
            }
            if start.elapsed() > PATIENCE {
                let _ = daemon.kill();
                let _ = daemon.wait();
                panic!("the daemon does not end; its log:\n{}", self.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Runs the program with these words.
    pub(crate) fn lanloom(&self, words: &str) -> Output {
        let words: Vec<&str> = [env!("CARGO_BIN_EXE_lanloom")].into_iter().chain(words.split(' ')).collect();
        self.command(&words).output().expect("it runs")
    }

    /// What it printed. Fails if it failed.
    pub(crate) fn says(&self, words: &str) -> String {
        let output = self.lanloom(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "lanloom {words}: {said}\nthe daemon's log:\n{}", self.log());
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The same as JSON.
    pub(crate) fn json(&self, words: &str) -> Value {
        let said = self.says(&format!("{words} --json"));
        serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    }

    /// The error line of a command that is refused.
    pub(crate) fn refused(&self, words: &str) -> String {
        let output = self.lanloom(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "lanloom {words}: {said}");
        assert_eq!(said.lines().count(), 1, "lanloom {words}: {said}");
        said
    }

    /// Runs any other command inside; its output. Fails if it failed.
    pub(crate) fn sh(&self, words: &str) -> String {
        let output = self.command(&words.split(' ').collect::<Vec<_>>()).output().expect("it runs");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{words}: {out}{err}\nthe daemon's log:\n{}", self.log());
        out.into_owned()
    }

    /// Runs `work` in a namespace of the house, in a thread of its own. What it opens belongs to that.
    #[allow(dead_code, reason = "the tests of captures use it")]
    pub(crate) fn inside<T: Send>(&self, netns: &str, work: impl FnOnce() -> T + Send) -> T {
        let path = format!("/proc/{}/root/run/netns/{netns}", self.holder.id());
        let namespace = std::fs::File::open(path).expect("the namespace");
        std::thread::scope(|scope| {
            let inside = scope.spawn(move || {
                nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWNET).expect("root");
                work()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Makes a namespace with an interface of a port of `switch` in it, and gives that an address.
    pub(crate) fn host(&self, switch: &str, name: &str, kind: &str, address: &str) {
        self.sh(&format!("ip netns add {name}"));
        self.says(&format!("port add {switch} {kind}://eth0?netns={name} --name {name}"));
        self.sh(&format!("ip -n {name} address add {address} dev eth0"));
    }

    /// Pings until it is answered: the first frames may find the interfaces still on their way up.
    pub(crate) fn ping(&self, from: &str, to: &str) {
        self.sh(&format!("ip netns exec {from} ping -n -c 1 -w 20 {to}"));
    }

    /// Fails if that does not come true.
    pub(crate) fn wait_for(&self, what: &str, holds: impl FnMut() -> bool) {
        self.wait_within(PATIENCE, what, holds);
    }

    /// The same with a patience of its own.
    pub(crate) fn wait_within(&self, patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < patience, "waited in vain for {what}; the daemon's log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Names of the interfaces of the house itself, and of its namespaces.
    pub(crate) fn interfaces(&self) -> Vec<String> {
        let links: Value = serde_json::from_str(&self.sh("ip -json link")).expect("JSON");
        let name = |link: &Value| link["ifname"].as_str().unwrap_or_default().to_owned();
        links.as_array().expect("a list").iter().map(name).collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for child in self.daemon.iter_mut().chain([&mut self.holder]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether a tool is there. In CI it must be.
pub(crate) fn has(tool: &str) -> bool {
    let there = Command::new(tool).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    assert!(there || std::env::var_os("CI").is_none(), "{tool} is not there, and with CI set nothing is skipped");
    if !there {
        println!("skipped: {tool} is not there");
    }
    there
}

/// Files in a folder, by name.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect();
    names.sort();
    names
}
