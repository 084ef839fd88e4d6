//! Tries what this kernel lets this process do, in a namespace that ends with the thread that tries.

use nftables::types::NfFamily;
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::{LinkBridge, LinkVeth, LinkVxlan};

use super::super::capability::{Capability, CapabilityKind, Missing};
use super::super::error::{KernelError, Needs, Why};
use super::super::netns::Netns;
use super::super::private::try_private_namespaces;
use super::super::sysctl::SysctlKey;
use super::inside::Session;
use super::nft::{Nft, deletion};
use super::probe_sys::{self, Tap};
use super::sysctl;
use super::tool::Programs;

/// Tries everything. The calling thread, which must be one of its own, stays in a namespace that only it is in.
pub(super) fn capabilities(programs: &Programs) -> Vec<Capability> {
    let within = unshare(CloneFlags::CLONE_NEWNET).map_err(no_namespaces);
    Capability::all(|kind| match kind {
        CapabilityKind::NetworkNamespaces => within.clone(),
        CapabilityKind::UserNamespaces => try_private_namespaces().map_err(|error| missing(error.why(), error.hint())),
        CapabilityKind::Tap => tap(0).map(drop),
        CapabilityKind::TapUdpSegmentation => tap(libc::IFF_VNET_HDR)
            .and_then(|tap| tap.offload_udp_segmentation().map_err(|errno| missing(said(errno), "Linux 6.2 or newer"))),
        CapabilityKind::PacketVnetHeader => {
            probe_sys::packet_vnet_header().map_err(|errno| packet(errno, "Linux 6.5 or newer"))
        }
        CapabilityKind::PacketIgnoreOutgoing => {
            probe_sys::packet_ignore_outgoing().map_err(|errno| packet(errno, "Linux 4.20 or newer"))
        }
        CapabilityKind::Veth => within.clone().and_then(|()| link(LinkVeth::new("v0", "v1").build(), "veth")),
        CapabilityKind::Bridge => within.clone().and_then(|()| link(LinkBridge::new("b0").build(), "bridge")),
        CapabilityKind::Vxlan => within.clone().and_then(|()| link(LinkVxlan::new("x0", 1).build(), "vxlan")),
        CapabilityKind::Nft => nft(programs, within.clone()),
        CapabilityKind::IpForward => within.clone().and_then(|()| ip_forward()),
    })
}

fn missing(why: impl ToString, brings: impl Into<String>) -> Missing {
    Missing { why: why.to_string(), brings: brings.into() }
}

fn said(errno: Errno) -> String {
    format!("{} ({errno:?})", errno.desc())
}

fn no_namespaces(errno: Errno) -> Missing {
    let error = KernelError::errno("making a network namespace", "for trying", errno, Needs::SysAdmin);
    missing(error.why(), error.hint())
}

/// A TAP that goes when it is dropped, with these flags besides.
fn tap(flags: i32) -> Result<Tap, Missing> {
    Tap::open(flags).map_err(|(step, errno)| {
        let brings = match (step, errno) {
            ("opening /dev/net/tun", Errno::EACCES | Errno::EPERM) => {
                "as root: chmod 0666 /dev/net/tun, as stock Debian has it; or run as root; in a container: --device /dev/net/tun"
            }
            ("opening /dev/net/tun", Errno::ENOENT | Errno::ENODEV | Errno::ENXIO) => {
                "as root: modprobe tun; in a container: --device /dev/net/tun"
            }
            (_, Errno::EPERM) => "CAP_NET_ADMIN: run as root, or in namespaces of your own",
            _ => "CONFIG_TUN in the kernel",
        };
        missing(format!("{step}: {}", said(errno)), brings)
    })
}

fn packet(errno: Errno, since: &str) -> Missing {
    let brings = if errno == Errno::EPERM { "CAP_NET_RAW: run as root, or in namespaces of your own" } else { since };
    missing(said(errno), brings)
}

/// Makes an interface in the thread's own namespace, which takes it along.
fn link(message: LinkMessage, module: &str) -> Result<(), Missing> {
    let session = Session::connect(Netns::Daemon).map_err(|error| missing(error.why(), error.hint()))?;
    session.ask("creating an interface", module, |handle| handle.link().add(message).execute()).map_err(|error| {
        let brings = if error.why() == &Why::Unsupported { format!("as root: modprobe {module}") } else { error.hint() };
        missing(error.why(), brings)
    })
}

/// Makes a table in the thread's own namespace, which takes it along.
fn nft(programs: &Programs, within: Result<(), Missing>) -> Result<(), Missing> {
    let tried = Nft::find(programs);
    let tried = tried.map_err(|error| missing(error.why(), error.hint()))?;
    within?;
    let table = deletion(NfFamily::INet, "lanloom-probe");
    tried.apply("making a table", table).map_err(|error| {
        let brings = if error.why() == &Why::Unsupported { "as root: modprobe nf_tables".to_owned() } else { error.hint() };
        missing(error.why(), brings)
    })
}

/// Switches it on in the thread's own namespace.
fn ip_forward() -> Result<(), Missing> {
    let on = SysctlKey::new("net.ipv4.ip_forward").and_then(|key| sysctl::write(&[(key, "1".to_owned())]));
    on.map_err(|error| missing(error.why(), error.hint()))
}
