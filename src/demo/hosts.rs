//! Hosts that are there: namespaces with an interface, or a TCP/IP stack in this process.

use super::cast::{INTERFACE, Role};
use super::inside::inside;
use super::ping::ping;
use super::verify::Traffic;
use lanloom_lab::live::LiveHost;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A host that takes part.
#[derive(Debug)]
pub(super) struct Host {
    /// Who it is.
    pub(super) role: Role,
    /// What it is made of.
    pub(super) body: Body,
}

/// What a host is made of.
#[derive(Debug)]
pub(super) enum Body {
    /// The namespace at this path.
    Namespace(PathBuf),
    /// A stack of our own; none once it was switched off.
    InProcess(Option<LiveHost>),
}

impl Host {
    /// Asks `to` until it answers: how long that took.
    ///
    /// # Errors
    /// If it does not within `patience`.
    pub(super) fn ping(&self, to: IpAddr, patience: Duration) -> Result<Duration, String> {
        match &self.body {
            Body::Namespace(path) => inside(path, || ping(to, u16::from(self.role.number), patience)),
            Body::InProcess(Some(host)) => host.ping(to, patience).map_err(|error| error.to_string()),
            Body::InProcess(None) => Err("it is switched off".to_owned()),
        }
    }

    /// What its interface has sent and received; `None` in this process.
    ///
    /// # Errors
    /// If the kernel does not say.
    pub(super) fn traffic(&self) -> Result<Option<Traffic>, String> {
        let Body::Namespace(path) = &self.body else { return Ok(None) };
        let file = "/proc/thread-self/net/dev";
        let text = inside(path, || fs::read_to_string(file).map_err(|error| format!("reading {file}: {error}")))?;
        read_traffic(&text, INTERFACE).map(Some).ok_or_else(|| format!("{file} does not show {INTERFACE}"))
    }
}

/// The line of an interface: received bytes and frames first, sent ones from the ninth figure on (`proc_pid_net(5)`).
fn read_traffic(text: &str, interface: &str) -> Option<Traffic> {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'))?;
    let figures: Vec<u64> = line.split_whitespace().map_while(|figure| figure.parse().ok()).collect();
    let at = |place| figures.get(place).copied();
    Some(Traffic { rx_bytes: at(0)?, rx_frames: at(1)?, tx_bytes: at(8)?, tx_frames: at(9)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interface_s_figures_are_read_from_its_line() {
        let text = "Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:       1       2    0    0    0     0          0         0        3       4    0    0    0     0       0          0
  eth0:1090      15    0    0    0     0          0         0      866      11    0    0    0     0       0          0
";
        let expected = Traffic { rx_bytes: 1090, rx_frames: 15, tx_bytes: 866, tx_frames: 11 };
        assert_eq!(read_traffic(text, "eth0"), Some(expected));
        assert_eq!(read_traffic(text, "eth1"), None);
    }
}
