//! Who holds a UDP port that could not be had: a tunnel of the kernel's, a process, or somebody who does not show.
//!
//! It is asked once something has failed, takes some milliseconds, and needs no right: who has few sees less. What it says may be
//! over by the time that it is read.

mod process;
mod sockets;
mod vxlan;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Who holds a UDP port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A VXLAN interface of the kernel's, which listens for all of a port's VXLAN networks at every address.
    Vxlan {
        /// Its name.
        ifname: String,
        /// Its network; none for one that takes whichever it is told for each packet (`external`).
        vni: Option<u32>,
        /// The namespace that it was taken to, if it is not the caller's: its socket stayed. Docker's swarm does so.
        netns: Option<PathBuf>,
    },
    /// A process.
    Process {
        /// Its number.
        pid: u32,
        /// Its command, as `/proc/PID/comm` has it.
        command: String,
    },
    /// Some tunnel of the kernel's of another kind, or a process that this one may not look into.
    Unseen,
}

/// Who keeps the calling thread from binding a UDP socket to that address: who has the address, or all of them. `None` if nobody does.
///
/// # Errors
/// If `/proc` cannot be read.
pub fn holder(local: SocketAddr) -> io::Result<Option<Holder>> {
    let Some(inode) = sockets::in_the_way(local)? else { return Ok(None) };
    let found = process::having(inode).or_else(|| vxlan::listening(local.port()));
    Ok(Some(found.unwrap_or(Holder::Unseen)))
}

impl fmt::Display for Holder {
    /// What follows "is held by".
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vxlan { ifname, vni, netns } => {
                write!(out, "the kernel's VXLAN interface {ifname}")?;
                vni.map_or(Ok(()), |vni| write!(out, " (VNI {vni})"))?;
                netns.as_ref().map_or(Ok(()), |netns| write!(out, " in the namespace {}", netns.display()))
            }
            Self::Process { pid, .. } if *pid == std::process::id() => write!(out, "this daemon itself (process {pid})"),
            Self::Process { pid, command } => write!(out, "{command} (process {pid})"),
            Self::Unseen => out.write_str("somebody in this namespace who cannot be seen"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::netns::{alone, ip};
    use std::io::{BufRead, BufReader};
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
    use std::os::fd::OwnedFd;
    use std::process::{Child, Command, Stdio};
    use std::sync::mpsc;

    /// A program that ends with the test.
    struct Program(Child);

    impl Program {
        fn start(program: &str, words: &[&str], input: impl Into<Stdio>) -> Self {
            let command = Command::new(program).args(words).stdin(input).stdout(Stdio::piped()).spawn();
            Self(command.expect(program))
        }

        /// Waits for its first line.
        fn says(&mut self) {
            let said = BufReader::new(self.0.stdout.take().expect("a pipe")).lines().next();
            said.expect("a line").expect("text");
        }
    }

    impl Drop for Program {
        fn drop(&mut self) {
            // It may have ended by itself.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    fn at(address: impl Into<IpAddr>) -> SocketAddr {
        SocketAddr::new(address.into(), 4789)
    }

    fn words(local: SocketAddr) -> String {
        holder(local).expect("an answer").map(|holder| holder.to_string()).unwrap_or_default()
    }

    #[test]
    fn a_vxlan_interface_of_the_kernels_is_named_with_its_network_as_long_as_it_is_up() {
        alone(|| {
            ip("link set lo up");
            ip("link add vx0 type vxlan id 42 dstport 4789 local 127.0.0.1");
            ip("link add vx1 type vxlan id 43 dstport 4790 local 127.0.0.1");
            ip("link set vx1 up");
            assert_eq!(words(at(Ipv4Addr::LOCALHOST)), "");
            ip("link set vx0 up");
            assert_eq!(words(at(Ipv4Addr::LOCALHOST)), "the kernel's VXLAN interface vx0 (VNI 42)");
            assert!(UdpSocket::bind(at(Ipv4Addr::LOCALHOST)).is_err());
            assert_eq!(words(at(Ipv6Addr::LOCALHOST)), "");
            ip("link del vx0");
            ip("link add vx6 type vxlan external dstport 4789");
            ip("link set vx6 up");
            assert_eq!(words(at(Ipv6Addr::LOCALHOST)), "the kernel's VXLAN interface vx6");
        });
    }

    #[test]
    fn an_interface_that_was_taken_elsewhere_is_named_with_where_it_is() {
        alone(|| {
            let mut there = Program::start("unshare", &["--net", "sh", "-c", "echo there; read end"], Stdio::piped());
            there.says();
            let pid = there.0.id();
            ip("link set lo up");
            ip("link add vx0 type vxlan id 42 dstport 4789 local 127.0.0.1");
            ip(&format!("link set vx0 netns {pid}"));
            let inside = format!("--net=/proc/{pid}/ns/net");
            let up = Command::new("nsenter").args([&inside, "ip", "link", "set", "vx0", "up"]).status();
            assert!(up.expect("nsenter (util-linux)").success());
            let said = words(at(Ipv4Addr::LOCALHOST));
            assert_eq!(said, format!("the kernel's VXLAN interface vx0 (VNI 42) in the namespace /proc/{pid}/ns/net"));
        });
    }

    #[test]
    fn a_process_is_named_with_its_number_whichever_of_its_addresses_is_in_the_way() {
        alone(|| {
            ip("link set lo up");
            for (theirs, in_the_way, free) in [
                ("127.0.0.1", at(Ipv4Addr::LOCALHOST), at([127, 0, 0, 2])),
                ("0.0.0.0", at([127, 0, 0, 2]), at(Ipv6Addr::LOCALHOST)),
                ("::", at(Ipv4Addr::LOCALHOST), SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 4790)),
                ("::1", at(Ipv6Addr::LOCALHOST), at(Ipv4Addr::LOCALHOST)),
            ] {
                // Its standard input is what holds the port.
                let socket = UdpSocket::bind((theirs, 4789)).expect("a free port");
                let program = Program::start("sleep", &["600"], OwnedFd::from(socket));
                assert_eq!(words(in_the_way), format!("sleep (process {})", program.0.id()), "{theirs}");
                assert_eq!(words(free), "", "{theirs}");
            }
            let ours = UdpSocket::bind(at(Ipv4Addr::LOCALHOST)).expect("it is free again");
            assert_eq!(words(at(Ipv4Addr::LOCALHOST)), format!("this daemon itself (process {})", std::process::id()));
            drop(ours);
            assert_eq!(words(at(Ipv4Addr::LOCALHOST)), "");
        });
    }

    #[test]
    fn an_interface_in_a_namespace_that_does_not_show_is_said_not_to_be_seen() {
        alone(|| {
            ip("link set lo up");
            ip("link add vx0 type vxlan id 42 dstport 4789 local 127.0.0.1");
            let (told, tid) = mpsc::channel();
            let (taken, come) = mpsc::channel::<()>();
            // Only a thread of this process is there, and only the namespaces of whole processes are looked into.
            let there = std::thread::spawn(move || {
                nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET).expect("allowed here");
                told.send(nix::unistd::gettid()).expect("heard");
                come.recv().expect("told");
                ip("link set vx0 up");
                told.send(nix::unistd::gettid()).expect("heard");
                // Until the namespace was looked for.
                come.recv().expect("told");
            });
            ip(&format!("link set vx0 netns {}", tid.recv().expect("told")));
            taken.send(()).expect("heard");
            tid.recv().expect("it is up");
            assert_eq!(words(at(Ipv4Addr::LOCALHOST)), "somebody in this namespace who cannot be seen");
            taken.send(()).expect("heard");
            there.join().expect("no panic");
        });
    }
}
