//! TCP through a tunnel of the hosts' own (VXLAN by the kernel) that the switch carries without knowing of it.

use super::tcp::{self, Throughput};
use crate::fault::Result;
use crate::lan::{Host, Lan};

/// The tunnel's interface in either host.
const TUNNEL: &str = "vx";

/// One stream from host a to host b inside the tunnel.
///
/// # Errors
/// If the tunnel cannot be made or iperf3 fails.
pub(crate) fn throughput(lan: &Lan, secs: u64) -> Result<Throughput> {
    let _ends = [End::create(&lan.a, &lan.b)?, End::create(&lan.b, &lan.a)?];
    tcp::throughput_to(lan, lan.b.inner, 1, secs)
}

/// One end of the tunnel, deleted when dropped.
struct End<'a>(&'a Host);

impl<'a> End<'a> {
    fn create(host: &'a Host, other: &Host) -> Result<Self> {
        let words = ["link", "add", TUNNEL, "type", "vxlan", "id", "42", "local", host.address, "remote", other.address];
        host.netns.ip(&[&words[..], &["dstport", "4789", "dev", host.interface]].concat())?;
        let end = Self(host);
        host.netns.ip(&["addr", "add", &format!("{}/24", host.inner), "dev", TUNNEL])?;
        host.netns.ip(&["link", "set", TUNNEL, "up"])?;
        Ok(end)
    }
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        // It goes with its namespace at the latest.
        let _ = self.0.netns.ip(&["link", "del", TUNNEL]);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn tcp_goes_through_the_tunnel_and_the_tunnel_is_gone_afterwards() {
        let Some(lan) = crate::lan::tests::bridged() else { return };
        assert!(super::throughput(&lan, 1).unwrap().gbit_per_sec > 0.0);
        assert!(!lan.hosts().iter().any(|host| host.netns.ip(&["-o", "link"]).unwrap().contains(super::TUNNEL)));
    }
}
