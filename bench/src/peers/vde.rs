//! VDE: `vde_switch`, and a `vde_plug2tap` for each host.

use super::Peer;
use crate::fault::Result;
use crate::lan::Lan;
use crate::machine::first_line;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Vde;

impl Peer for Vde {
    fn name(&self) -> &'static str {
        "vde"
    }

    fn setup(&self) -> &'static str {
        "vde_switch, and a TAP for each host with a vde_plug2tap between it and the switch; VDE knows no offloads"
    }

    fn version(&self) -> String {
        first_line(Command::new("vde_switch").arg("--version"))
    }

    fn programs(&self) -> &'static [(&'static str, &'static str)] {
        &[("vde_switch", "vde2"), ("vde_plug2tap", "vde2")]
    }

    fn uses_datagrams(&self) -> bool {
        true
    }

    fn join(&self, lan: &mut Lan) -> Result<()> {
        let control = lan.dir.path().join("control");
        let mut switch = lan.switch.command("vde_switch");
        switch.arg("-s").arg(&control).arg("-M").arg(lan.dir.path().join("management"));
        let socket = control.join("ctl");
        lan.start("vde_switch", &mut switch)?.wait_until("the control socket", LIMIT, |_| socket.exists())?;
        let plugs = lan.hosts().map(|host| {
            let mut plug = host.netns.command("vde_plug2tap");
            plug.arg("-s").arg(&control).arg(host.interface);
            (format!("vde_plug2tap-{}", host.interface), plug, host.interface)
        });
        for (name, mut plug, interface) in plugs {
            // The TAP is there as soon as the program is ready, and gone as soon as it ends.
            lan.start(&name, &mut plug)?;
            wait_for(lan, interface)?;
        }
        Ok(())
    }
}

/// Waits until a host has its interface.
fn wait_for(lan: &mut Lan, interface: &str) -> Result<()> {
    crate::stop::wait_until(&format!("the TAP {interface}"), LIMIT, || {
        lan.processes.iter_mut().try_for_each(crate::process::Process::check_alive)?;
        let Some(host) = lan.hosts().into_iter().find(|host| host.interface == interface) else { return Ok(false) };
        Ok(host.netns.ip(&["link", "show", interface]).is_ok())
    })
}
