//! Linux's own: a bridge with a vxlan device on either machine.

use super::underlay::{self, VNI};
use crate::fault::Result;
use crate::lan::Lan;
use crate::peers::{Peer, linux_bridge};

pub(crate) struct LinuxVxlan;

/// Its name on the command line and in the report.
pub(crate) const NAME: &str = "linux-vxlan";

impl Peer for LinuxVxlan {
    fn name(&self) -> &'static str {
        NAME
    }

    fn setup(&self) -> &'static str {
        "on either machine the kernel's bridge with a vxlan device and the host's veth pair, all offloads on, so that its super-frames pass the \
         underlay's veth pair uncut and without a checksum; br_netfilter off"
    }

    fn version(&self) -> String {
        linux_bridge::LinuxBridge.version()
    }

    fn programs(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn forwards_in_kernel(&self) -> bool {
        true
    }

    fn join(&self, lan: &mut Lan) -> Result<()> {
        underlay::lay(lan)?;
        for machine in underlay::machines(lan) {
            machine.netns.enter(|| {
                linux_bridge::turn_netfilter_off();
                Ok(())
            })?;
            machine.add_address(machine.interface)?;
            machine.add_veth()?;
            machine.netns.ip(&["link", "add", "br0", "type", "bridge"])?;
            let tunnel = ["link", "add", "vx0", "type", "vxlan", "id", VNI, "local", machine.local, "remote", machine.remote];
            machine.netns.ip(&[&tunnel[..], &["dstport", "4789", "dev", machine.interface]].concat())?;
            for port in ["vx0", machine.port] {
                machine.netns.ip(&["link", "set", port, "master", "br0"])?;
            }
            for interface in ["vx0", "br0"] {
                machine.netns.ip(&["link", "set", interface, "up"])?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::tcp;

    #[test]
    fn hosts_behind_two_machines_reach_each_other_with_super_frames() {
        if crate::lan::tests::bridged().is_none() {
            return;
        }
        let mut lan = Lan::new().unwrap();
        LinuxVxlan.join(&mut lan).unwrap();
        lan.configure_hosts().unwrap();
        assert!(tcp::largest_frame(&lan).unwrap() > 1464);
    }
}
