//! The queues between the hosts, read while a peer is up: what a switch loses under load depends on them as much as on its speed.

use crate::fault::{Result, Tried};
use crate::lan::Lan;
use crate::peers::Peer;
use crate::process::run;
use std::fs::{read_dir, read_to_string};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// The packet sockets of a namespace with their memory.
const SOCKETS: [&str; 4] = ["-0", "-a", "-m", "-n"];
const LIMIT: Duration = Duration::from_secs(10);

/// A line for each kind of queue.
///
/// The backlog is the machine's, the others are the namespaces'.
///
/// # Errors
/// If the hosts' interfaces cannot be read.
pub(crate) fn describe(lan: &Lan, peer: &dyn Peer) -> Result<Vec<String>> {
    let length = lan.a.netns.ip(&["-o", "link", "show", lan.a.interface])?;
    let mut lines = vec![
        format!("host interface's transmit queue: {} frames", word_after(&length, "qlen").unwrap_or("no")),
        format!("kernel's receive backlog per core: {} frames", sysctl("net/core/netdev_max_backlog")?),
    ];
    let mut sockets = run(lan.switch.command("ss").args(SOCKETS), LIMIT)?;
    for process in &lan.processes {
        for netns in held_namespaces(process.pid()) {
            sockets += &run(Command::new("nsenter").arg(format!("--net={}", netns.display())).arg("ss").args(SOCKETS), LIMIT)?;
        }
    }
    lines.extend(receive_buffers(&sockets).map(|bytes| format!("packet socket's receive buffer: {bytes} bytes")));
    if peer.uses_datagrams() {
        let length = lan.switch.enter(|| sysctl("net/unix/max_dgram_qlen"))?;
        lines.push(format!("datagram sockets between switch and ports: {length} frames"));
    }
    Ok(lines)
}

/// The network namespaces that a program keeps open, as files that can be entered.
fn held_namespaces(pid: u32) -> Vec<PathBuf> {
    let descriptors = read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten().map(|entry| entry.path());
    descriptors.filter(|path| path.read_link().is_ok_and(|target| target.to_string_lossy().starts_with("net:["))).collect()
}

fn sysctl(name: &str) -> Result<String> {
    let path = format!("/proc/sys/{name}");
    Ok(read_to_string(&path).tried(|| format!("reading {path}"))?.trim().to_owned())
}

fn word_after<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.split([' ', '\\', '\n']).filter(|word| !word.is_empty()).skip_while(|&other| other != word).nth(1)
}

/// The `rbN` of `ss -m`, in bytes, each value once.
fn receive_buffers(ss: &str) -> impl Iterator<Item = &str> {
    let mut sizes: Vec<&str> = ss.split(['(', ',']).filter_map(|part| part.strip_prefix("rb")).collect();
    sizes.sort_unstable();
    sizes.dedup();
    sizes.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receive_buffers_are_read_from_ss_and_named_once() {
        let ss = "p_raw UNCONN 0 0 *:pa *\n skmem:(r0,rb425984,t0,tb212992,f0,w0,o0,bl0,d0)\n\
            p_raw UNCONN 0 0 *:pb *\n skmem:(r0,rb425984,t0,tb212992,f0,w0,o0,bl0,d0)\n";
        assert_eq!(receive_buffers(ss).collect::<Vec<_>>(), ["425984"]);
    }

    #[test]
    fn the_namespaces_that_a_program_keeps_open_are_found() {
        let own = std::fs::File::open("/proc/self/ns/net").unwrap();
        let found = held_namespaces(std::process::id());
        let same = |path: &PathBuf| std::fs::read_link(path).unwrap() == std::fs::read_link("/proc/self/ns/net").unwrap();
        assert!(found.iter().any(same), "{found:?}");
        drop(own);
    }

    #[test]
    fn the_queue_length_is_the_word_after_qlen() {
        assert_eq!(word_after("4: va: <UP> mtu 1500 qdisc noqueue state UP qlen 1000\\ link", "qlen"), Some("1000"));
        assert_eq!(word_after("4: va: <UP>", "qlen"), None);
    }
}
