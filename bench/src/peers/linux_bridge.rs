//! The Linux kernel's bridge between two veth pairs.

use super::Peer;
use crate::fault::Result;
use crate::lan::Lan;
use crate::machine::first_line;
use std::path::Path;
use std::process::Command;

pub(crate) struct LinuxBridge;

impl Peer for LinuxBridge {
    fn name(&self) -> &'static str {
        "linux-bridge"
    }

    fn setup(&self) -> &'static str {
        "the kernel's bridge and a veth pair for each host, all offloads on; br_netfilter off, since with it every frame would pass a firewall"
    }

    fn version(&self) -> String {
        format!("Linux {}", first_line(Command::new("uname").arg("-r")))
    }

    fn programs(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    fn forwards_in_kernel(&self) -> bool {
        true
    }

    fn join(&self, lan: &mut Lan) -> Result<()> {
        lan.switch.enter(|| {
            turn_netfilter_off();
            Ok(())
        })?;
        lan.switch.ip(&["link", "add", "br0", "type", "bridge"])?;
        for end in lan.add_veths()? {
            lan.switch.ip(&["link", "set", end, "master", "br0"])?;
        }
        lan.switch.ip(&["link", "set", "br0", "up"])?;
        Ok(())
    }
}

/// For the bridges of this thread's namespace only. Where the module is not loaded there is nothing to turn off.
pub(crate) fn turn_netfilter_off() {
    for table in ["iptables", "ip6tables", "arptables"] {
        let path = format!("/proc/sys/net/bridge/bridge-nf-call-{table}");
        if Path::new(&path).exists()
            && let Err(why) = std::fs::write(&path, "0")
        {
            eprintln!("could not turn {path} off, so the bridge has a firewall in it: {why}");
        }
    }
}
