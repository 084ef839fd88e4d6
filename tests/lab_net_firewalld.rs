//! firewalld and a daemon of ours on one host: its table has no place for rules of others, so it is asked to trust the gateways by
//! what it offers for that, and nothing is done behind its back.
//!
//! Needs root, `ip` (iproute2), `nft` (nftables), `firewalld`, `dbus-daemon` and `setpriv` (util-linux).

#[path = "lab/networks.rs"]
mod networks;

use networks::house::has;
use networks::{HOST, Networks, OUTSIDE, STATE, Seat};
use std::process::{Child, Stdio};

/// Programs of the house that end with it.
struct Programs(Vec<Child>);

impl Drop for Programs {
    fn drop(&mut self) {
        for program in self.0.iter_mut().rev() {
            let _ = program.kill();
            let _ = program.wait();
        }
    }
}

/// Starts firewalld and the bus that it is spoken to by, with their files in the house.
fn start_firewalld(host: &Networks) -> Programs {
    let dir = host.path("files").display().to_string();
    host.script(&format!(
        "mkdir -p {dir}/run/netns {dir}/run/dbus; mount --rbind /run/netns {dir}/run/netns; mount --rbind {dir}/run /run
         cp -a /etc/firewalld {dir}/etc; mount --bind {dir}/etc /etc/firewalld"
    ));
    let mut programs = Programs(Vec::new());
    for (words, is_there) in [
        ("dbus-daemon --system --nofork --nopidfile", "test -S /run/dbus/system_bus_socket"),
        ("firewalld --nofork --nopid", "firewall-cmd --state"),
    ] {
        let mut command = host.command(&format!("setpriv --pdeathsig KILL {words}").split(' ').collect::<Vec<_>>());
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        programs.0.push(command.spawn().expect("it runs"));
        let is_there: Vec<_> = is_there.split(' ').collect();
        host.wait_for(words, || host.command(&is_there).output().is_ok_and(|output| output.status.success()));
    }
    programs
}

/// That the sandbox reaches the world, by the host's address.
fn is_out(host: &Networks) {
    for (to, source) in OUTSIDE.into_iter().zip(HOST) {
        assert_eq!(host.source_outside("a", to), Some(source));
        host.reaches("a", to);
    }
}

#[test]
fn beside_firewalld_a_network_is_refused_until_its_gateway_is_trusted_and_has_its_way_out_then() {
    if !has("firewalld") || !has("dbus-daemon") {
        return;
    }
    let Some(mut host) = Networks::without_daemon() else { return };
    let _programs = start_firewalld(&host);
    host.start_daemon(&STATE);
    let create = "network create n1 --subnet 10.81.1.0/24 --ipv6 --subnet fd81:1::/64 -o com.docker.network.bridge.name=gw1";
    let said = host.refused(create);
    assert!(said.contains("table inet firewalld") && said.contains("--zone=trusted --add-interface=ll-+"), "{said}");
    let rules = || host.sh("nft -s list table inet firewalld");
    let trust = |name: &str| {
        host.sh(&format!("firewall-cmd --permanent --zone=trusted --add-interface={name}"));
        host.sh("firewall-cmd --reload");
    };
    trust("gw1");
    let before = rules();
    host.says(create);
    host.sandbox("a", &[Seat::new(1, 10)], "");
    is_out(&host);
    host.sh("firewall-cmd --reload");
    is_out(&host);
    // All that are named as they are by default are trusted at once; what is to be reached from outside, none is.
    trust("ll-+");
    host.says("network create n2 --subnet 10.81.2.0/24");
    let routed = "-o com.docker.network.bridge.gateway_mode_ipv4=routed";
    let said = host.refused(&format!("network create n3 --subnet 10.81.3.0/24 {routed}"));
    assert!(said.contains("table inet firewalld"), "{said}");
    is_out(&host);
    host.sh("firewall-cmd --permanent --zone=trusted --remove-interface=ll-+");
    host.sh("firewall-cmd --reload");
    assert_eq!(rules(), before, "nobody else changed it");
}
