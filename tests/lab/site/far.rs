//! The other machine's end of the tunnel, by programs that are not ours.

use super::house::has;
use super::{B, B6, Site, Underlay, VNI};

/// Where Debian has Open vSwitch's schema.
const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

impl Site {
    /// Host `b` on the interface `pb` of the other machine.
    fn add_b(&self) {
        self.script(&format!(
            "ip link add eth0 netns b mtu {} type veth peer name pb netns far
             ip -n far link set pb up; ip -n b address add {B}/24 dev eth0
             ip -n b address add {B6}/64 dev eth0 nodad; ip -n b link set eth0 up",
            self.mtu()
        ));
    }

    /// Linux's end: a vxlan device in a bridge. These words of `ip link add … type vxlan` besides, with us as peer.
    pub(crate) fn linux(&self, words: &str) {
        self.linux_to(&format!("remote {} {words}", self.local()));
    }

    /// The same with whom these words name.
    pub(crate) fn linux_to(&self, words: &str) {
        self.add_b();
        self.script(&format!(
            "ip -n far link add br0 type bridge
             ip -n far link add vx0 type vxlan id {VNI} local {} dstport 4789 dev u2 {words}
             for port in vx0 pb; do ip -n far link set $port master br0 up; done
             ip -n far link set br0 up",
            self.remote()
        ));
    }

    /// Open vSwitch's end: its userspace datapath with a vxlan port. `None` if it is not there.
    pub(crate) fn ovs(&self) -> Option<()> {
        if !has("ovs-vswitchd") {
            return None;
        }
        self.add_b();
        // It takes nothing whose checksum is still to be finished.
        self.cut_outside();
        let (remote, bits) = (self.remote(), if self.underlay == Underlay::V4 { "24" } else { "64 nodad" });
        let dir = self.path("ovs").display().to_string();
        self.script(&format!(
            "mkdir {dir}; ovsdb-tool create {dir}/conf.db {SCHEMA}; ip -n far address flush dev u2 scope global"
        ));
        self.start("far", &format!("ovsdb-server {dir}/conf.db --remote=punix:{dir}/db.sock"));
        self.wait_for("Open vSwitch's database", || self.path("ovs/db.sock").exists());
        let vsctl = format!("ip netns exec far ovs-vsctl --db=unix:{dir}/db.sock --timeout=20");
        self.script(&format!("{vsctl} --no-wait init"));
        self.start("far", &format!("ovs-vswitchd unix:{dir}/db.sock"));
        // Its tunnels look for their way in the kernel's routes, so the address is on the bridge that the underlay is a port of.
        self.script(&format!(
            "{vsctl} -- add-br br-phy -- set bridge br-phy datapath_type=netdev -- add-port br-phy u2
             ip -n far address add {remote}/{bits} dev br-phy; ip -n far link set br-phy up
             {vsctl} -- add-br br-int -- set bridge br-int datapath_type=netdev -- add-port br-int pb \\
                -- add-port br-int vx0 -- set interface vx0 type=vxlan options:remote_ip={local} options:key={VNI}
             ip netns exec b ethtool -K eth0 tx off tso off gso off",
            local = self.local(),
        ));
        Some(())
    }
}
