//! Commands and work in a sandbox, by the process of whoever asks: what is seen inside, what comes back, what is left outside.
//!
//! Needs root and `ip` (iproute2).

mod exec;
mod lab;

use exec::{bare, entering, entering_after, output_of, stderr, with_empty, with_files};
use lab::sandbox::{NETNS_DIR, may_make_namespaces};
use lab::{Sandbox, until};
use lanloom::etc::{Outcome, SandboxFiles};
use lanloom::exec::{ExecError, Place, inside};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::{Mode, umask};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// A folder of files with these names and texts.
fn files(texts: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in texts {
        fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

/// The next line that a command prints.
fn line_of(child: &mut Child) -> String {
    let mut line = String::new();
    let stdout = child.stdout.as_mut().expect("a pipe");
    BufReader::with_capacity(1, stdout).read_line(&mut line).expect("text");
    line
}

#[test]
fn a_command_sees_the_sandbox_s_files_and_the_host_keeps_its_own() {
    if !may_make_namespaces() {
        return;
    }
    let sandbox = Sandbox::new();
    let folder = files(&[("resolv.conf", "nameserver 192.0.2.1\n"), ("hosts", "192.0.2.7\tdb\n")]);
    let state = || [text("/etc/resolv.conf"), text("/etc/hosts"), mounts_below(&["/etc", "/sys"])];
    let before = state();
    let place = with_files(&sandbox, folder.path());
    assert_eq!(output_of(&place, &["cat", "/etc/resolv.conf", "/etc/hosts"]), "nameserver 192.0.2.1\n192.0.2.7\tdb\n");
    assert_eq!(state(), before);
    let without = Place { files: Some(folder.path().join("none")), ..place };
    assert_eq!(output_of(&without, &["cat", "/etc/hosts"]), before[1], "a sandbox without files has the host's");
}

fn text(file: &str) -> String {
    fs::read_to_string(file).expect("a file")
}

/// What is mounted there in the test's own process; elsewhere, other tests make mounts.
fn mounts_below(folders: &[&str]) -> String {
    let mounts = text("/proc/self/mounts");
    let below = |line: &&str| line.split(' ').nth(1).is_some_and(|at| folders.iter().any(|folder| at.starts_with(folder)));
    mounts.lines().filter(below).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_command_sees_the_sandbox_s_interfaces_by_netlink_and_in_sys() {
    if !may_make_namespaces() {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.ip("link add only0 type veth peer name only1");
    let place = bare(&sandbox);
    let shown = output_of(&place, &["ls", "/sys/class/net"]);
    for interface in ["lo", "only0", "only1"] {
        assert!(shown.lines().any(|line| line == interface), "{shown}");
    }
    assert_eq!(shown, sorted_names(&output_of(&place, &["ip", "-br", "link"])));
    assert!(!Path::new("/sys/class/net/only0").exists());
}

/// Entering the namespace that one is in already, as that of a sandbox which is the host's.
#[test]
fn where_sys_shows_the_right_namespace_already_nothing_is_said() {
    if !may_make_namespaces() {
        return;
    }
    let place = Place { netns: "/proc/self/ns/net".into(), files: None };
    let output = entering(&place, &["ls", "/sys/class/net"]).output().expect("a process");
    assert!(output.status.success() && output.stdout == output_of(&place, &["ls", "/sys/class/net"]).as_bytes());
    assert_eq!(stderr(&output), "");
}

fn sorted_names(table: &str) -> String {
    let first = |line: &str| line.split(['@', ' ']).next().map(str::to_owned);
    let mut names: Vec<String> = table.lines().filter_map(first).collect();
    names.sort();
    names.iter().map(|name| format!("{name}\n")).collect()
}

#[test]
fn the_exit_status_is_the_command_s_own() {
    if !may_make_namespaces() {
        return;
    }
    let sandbox = Sandbox::new();
    let status = |command: &[&str]| entering(&bare(&sandbox), command).status().expect("a process");
    assert_eq!(status(&["true"]).code(), Some(0));
    assert_eq!(status(&["sh", "-c", "exit 42"]).code(), Some(42));
    assert_eq!(status(&["sh", "-c", "kill -KILL $$"]).signal(), Some(Signal::SIGKILL as i32));
}

#[test]
fn what_cannot_run_has_the_status_that_env_gives_it_and_a_line() {
    if !may_make_namespaces() {
        return;
    }
    let sandbox = Sandbox::new();
    let folder = files(&[("plain", "no program")]);
    let plain = folder.path().join("plain");
    let nowhere = Place { netns: "/run/netns/lanloom-is-not-there".into(), files: None };
    let stale = Place { netns: plain.clone(), files: None };
    let here = bare(&sandbox);
    let cases: [(&Place, &[&str], i32, &str); 5] = [
        (&here, &["lanloom-is-not-there"], 127, "not found"),
        (&here, &[plain.to_str().expect("text")], 126, "Permission denied"),
        (&here, &[], 2, "give a command"),
        (&nowhere, &["true"], 1, "lanloom sandbox ls"),
        (&stale, &["true"], 1, "no network namespace"),
    ];
    for (place, command, status, said) in cases {
        let output = entering(place, command).output().expect("a process");
        assert_eq!(output.status.code(), Some(status), "{command:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(said) && stderr(&output).lines().count() == 1, "{command:?}: {}", stderr(&output));
    }
}

#[test]
fn without_rights_a_line_says_which_are_needed() {
    if !may_make_namespaces() {
        return;
    }
    let sandbox = Sandbox::new();
    let output = entering(&bare(&sandbox), &["true"]).uid(65_534).gid(65_534).output().expect("a process");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("root, or CAP_SYS_ADMIN") && stderr(&output).contains("sudo"), "{}", stderr(&output));
}

#[test]
fn a_signal_reaches_the_command_itself() {
    if !may_make_namespaces() {
        return;
    }
    let sandbox = Sandbox::new();
    // Not an interrupt: who runs tests in the background has these ignored, and a shell cannot trap what it was started to ignore.
    let script = "trap 'exit 7' USR1; echo $$; read -r end; exit 1";
    let mut child = entering(&bare(&sandbox), &["sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let said = line_of(&mut child);
    // Open until it has ended, so that it ends by the signal and by nothing else.
    let _input = child.stdin.take();
    let pid = Pid::from_raw(child.id().try_into().expect("a process number"));
    kill(pid, Signal::SIGUSR1).expect("it runs");
    let status = child.wait().expect("a status");
    assert_eq!(said.trim(), pid.to_string(), "the caller's process is the command");
    assert_eq!(status.code(), Some(7));
}

#[test]
fn a_command_has_the_caller_s_umask_environment_and_folder() {
    if !may_make_namespaces() {
        return;
    }
    let sandbox = Sandbox::new();
    let folder = tempfile::tempdir().expect("a folder");
    let strict = || {
        umask(Mode::from_bits_truncate(0o027));
        Ok(())
    };
    let mut command = entering_after(&bare(&sandbox), &["sh", "-c", "umask; pwd -P; echo $PATH"], strict);
    let output = command.current_dir(folder.path()).output().expect("a process");
    let path = std::env::var("PATH").expect("a path to programs");
    let here = fs::canonicalize(folder.path()).expect("a path");
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("0027\n{}\n{path}\n", here.display()));
}

#[test]
fn a_running_command_sees_what_is_written_and_a_user_s_edit_stays() {
    if !may_make_namespaces() {
        return;
    }
    let sandbox = Sandbox::new();
    let folder = tempfile::tempdir().expect("a folder");
    let files = SandboxFiles::new(folder.path().join("a"), folder.path().join("copies"));
    files.write_hosts("127.0.0.1\tlocalhost\n").expect("written");
    files.write_resolv("nameserver 192.0.2.1\n").expect("written");
    let script = "while read -r file; do tail -n 1 /etc/$file; done";
    let mut child = entering(&with_files(&sandbox, files.dir()), &["sh", "-c", script]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
    let mut last_line = |file: &str| {
        writeln!(child.stdin.as_mut().expect("a pipe"), "{file}").expect("it reads");
        line_of(&mut child)
    };
    assert_eq!(last_line("hosts"), "127.0.0.1\tlocalhost\n");
    files.write_hosts("127.0.0.1\tlocalhost\n172.18.0.2\ta\n").expect("written");
    assert_eq!(last_line("hosts"), "172.18.0.2\ta\n");

    fs::write(files.dir().join("resolv.conf"), "nameserver 192.0.2.9\n").expect("edited");
    assert_eq!(files.write_resolv("nameserver 192.0.2.2\n").expect("looked at"), Outcome::KeptUsersEdit);
    assert_eq!(last_line("resolv.conf"), "nameserver 192.0.2.9\n");
    drop(child.stdin.take());
    assert!(child.wait().expect("a status").success());
}

#[test]
fn a_file_is_mounted_where_a_link_leads_and_one_without_a_place_is_told() {
    if !may_make_namespaces() {
        return;
    }
    let sandbox = Sandbox::new();
    let folder = files(&[("resolv.conf", "nameserver 192.0.2.1\n"), ("hosts", "192.0.2.7\tdb\n")]);
    let elsewhere = files(&[("behind", "the host's\n")]);
    let behind = elsewhere.path().join("behind");
    let linked = {
        let behind = behind.clone();
        move || {
            with_empty(&["/etc"])?;
            symlink(&behind, "/etc/resolv.conf")
        }
    };
    let command = ["cat", "/etc/resolv.conf", behind.to_str().expect("text")];
    let output = entering_after(&with_files(&sandbox, folder.path()), &command, linked).output().expect("a process");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "nameserver 192.0.2.1\n".repeat(2));
    let said = stderr(&output);
    assert!(said.starts_with("warning: ") && said.contains("/etc/hosts is missing") && said.lines().count() == 1, "{said}");
    assert_eq!(fs::read_to_string(&behind).expect("the file"), "the host's\n");
}

#[test]
fn a_resolver_service_of_the_host_is_out_of_reach_where_the_sandbox_has_its_own() {
    if !may_make_namespaces() {
        return;
    }
    let sandbox = Sandbox::new();
    let with = files(&[("resolv.conf", "nameserver 192.0.2.1\n")]);
    let without = files(&[("hosts", "192.0.2.7\tdb\n")]);
    // By a path that stays when /run is another.
    let namespace = File::open(sandbox.path()).expect("the namespace");
    let netns = format!("/proc/{}/fd/{}", std::process::id(), namespace.as_raw_fd());
    let socket = "/run/nscd/socket";
    let listening = move || {
        with_empty(&["/run"])?;
        fs::create_dir("/run/nscd")?;
        std::os::unix::net::UnixListener::bind(socket).map(drop)
    };
    for (folder, is_there) in [(&with, false), (&without, true)] {
        let place = Place { netns: netns.clone().into(), files: Some(folder.path().to_owned()) };
        let output = entering_after(&place, &["test", "-S", socket], listening).output().expect("a process");
        assert_eq!(output.status.code(), Some(i32::from(!is_there)), "{}", stderr(&output));
        assert_eq!(stderr(&output), "");
    }
}

#[test]
fn a_running_command_holds_nothing_that_is_unmounted_outside() {
    if !may_make_namespaces() {
        return;
    }
    let (one, other) = (Sandbox::new(), Sandbox::new());
    // Where mounts are shared with other mount namespaces, whatever the machine does elsewhere.
    let path = Path::new(NETNS_DIR).join(format!("{}-too", other.name));
    let mounted = Mounted::new(&other.path(), &path);
    let mut child = entering(&bare(&one), &["sh", "-c", "echo in; read -r end"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
    assert_eq!(line_of(&mut child), "in\n");
    let holds = || text(&format!("/proc/{}/mounts", child.id())).contains(&format!(" {} ", path.display()));
    assert!(holds());
    mounted.unmount();
    until("the mount gone inside", || !holds());
    drop(mounted);
    drop(child.stdin.take());
    child.wait().expect("a status");
}

/// A namespace mounted at a second place, gone when dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(namespace: &Path, at: &Path) -> Self {
        File::create(at).expect("a file to mount on");
        let mounted = Self(at.to_owned());
        mount(Some(namespace), at, None::<&str>, MsFlags::MS_BIND, None::<&str>).expect("mounted");
        mounted
    }

    fn unmount(&self) {
        umount2(&self.0, MntFlags::MNT_DETACH).expect("unmounted");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // It may be unmounted already.
        let _ = umount2(&self.0, MntFlags::MNT_DETACH);
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn work_inside_looks_names_up_in_the_sandbox_s_files_and_leaves_the_caller_outside() {
    if !may_make_namespaces() {
        return;
    }
    let sandbox = Sandbox::new();
    let folder = files(&[("hosts", "192.0.2.7\tonly-inside.test\n")]);
    let look = || ("only-inside.test", 0).to_socket_addrs().map(|found| found.map(|addr| addr.ip()).collect::<Vec<IpAddr>>());
    let own = || fs::read_link("/proc/thread-self/ns/net").expect("a namespace");
    let before = own();
    let place = with_files(&sandbox, folder.path());
    let (found, there) = inside(&place, |warning| panic!("{warning}"), || (look(), own())).expect("entered");
    assert_eq!(found.expect("found"), ["192.0.2.7".parse::<IpAddr>().expect("an address")]);
    assert_ne!(there, before);
    assert_eq!(own(), before);
    let nowhere = Place { netns: "/run/netns/lanloom-is-not-there".into(), files: None };
    let refused = inside(&nowhere, |warning| panic!("{warning}"), || panic!("it was done")).expect_err("no such sandbox");
    assert!(matches!(refused, ExecError::NoSandbox { .. }) && refused.status() == 1, "{refused}");
}
