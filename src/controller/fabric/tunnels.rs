//! Ports that are ends of VXLAN networks: what is under them, and why they may not be had.
//!
//! No interface is made for one, and nothing of it outlives the daemon: its port's record is all there is.

use super::finding::{Finding, held};
use super::ports::plug_as;
use super::refusal::Attempt;
use super::registry::SwitchEntry;
use super::switches::unsaid;
use super::wiring::{Wire, Wired};
use super::{EventKind, Inner, Refusal};
use crate::names::Name;
use crate::store::Txn;
use crate::url::{PortUrl, VxlanUrl};
use lanloom_switch_core::PortId;
use lanloom_switch_core::vxlan::VtepConfig;
use lanloom_switch_io::engine::{Engines, PortError, VtepStatus};
use lanloom_switch_io::holder::holder;
use lanloom_switch_io::link::LinkError;
use lanloom_switch_io::plug::Plug;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::task::spawn_blocking;

/// A tunnel end of a switch, which forgets what was learned when that does.
pub(super) fn vtep_of(entry: &SwitchEntry, url: &VxlanUrl) -> VtepConfig {
    VtepConfig { ageing_secs: entry.settings().ageing, ..url.config() }
}

/// Whether the MTU that a port is given goes through its tunnel, as far as is known now.
pub(super) fn has_room(attempt: &Attempt, wire: Wire<'_>) -> Result<(), Refusal> {
    let PortUrl::Vxlan(url) = wire.url else { return Ok(()) };
    let Some(mtu) = wire.mtu.or(url.mtu) else { return Ok(()) };
    let config = url.config();
    let (room, _) = Engines::look_at_underlay(&config);
    if mtu <= room {
        return Ok(());
    }
    let (overhead, path) = (config.overhead(), room.saturating_add(config.overhead()));
    let why = format!(
        "{mtu} bytes of payload do not fit: the way to the other ends carries {path}, {overhead} of them for the tunnel"
    );
    Err(attempt.invalid(why, format!("give an MTU of {room} or less, or raise that of the way")))
}

impl Inner {
    /// How a tunnel's port is as such; nothing if it is none.
    pub(super) fn vtep(&self, switch: &Name, port: &Name) -> Option<VtepStatus> {
        let entry = self.switches.get(switch).map(|entry| Arc::clone(entry.value()))?;
        let port = entry.port(port).filter(|port| matches!(port.spec.url, PortUrl::Vxlan(_)))?;
        entry.handle.vtep(port.id).ok()
    }

    /// What a new tunnel's port is to be plugged into.
    pub(super) fn wire_tunnel(&self, attempt: &Attempt, wire: Wire<'_>, url: &VxlanUrl) -> Result<Wired, Refusal> {
        has_room(attempt, wire)?;
        let entry = self.entry(attempt, wire.switch)?;
        let plug = Plug::Vxlan(vtep_of(&entry, url));
        Ok(Wired { plug, made: false, is_new: false, number: None, recorded: false, keep: None })
    }

    /// Plugs in a tunnel that is found again.
    pub(super) async fn plug_tunnel(&self, attempt: &Attempt, found: &Finding, url: &VxlanUrl) -> Result<PortId, Refusal> {
        let config = held(found, self.guard(found.wire()));
        match plug_as(&found.entry, &found.spec, Plug::Vxlan(vtep_of(&found.entry, url)), config) {
            Ok(id) => Ok(id),
            Err(error) => {
                let refusal = self.unplugged(attempt, &found.spec.url, error).await;
                let hint = format!("it is down until that is so no more: {}", refusal.hint);
                Err(Refusal { hint, ..refusal })
            }
        }
    }

    /// Where a tunnel leads, and which segment of its switch it is.
    pub(super) fn tunnel(&self, switch: &Name, name: &Name) -> Option<(VxlanUrl, u16)> {
        let port = self.entry(&Attempt::new("look at", switch), switch).ok()?.port(name)?;
        match port.spec.url {
            PortUrl::Vxlan(url) => Some((url, port.segment)),
            PortUrl::Tap(_) | PortUrl::Veth(_) | PortUrl::Iface(_) | PortUrl::Memory(_) => None,
        }
    }

    /// Changes the other ends that a tunnel was given.
    pub(super) async fn set_peers(&self, switch: &Name, name: &Name, peers: Vec<IpAddr>) -> Result<(), Refusal> {
        let attempt = Attempt::new("set the peers of tunnel", format!("{switch}/{name}"));
        let entry = self.entry(&attempt, switch)?;
        let old = self.tunnel(switch, name).and_then(|(url, _)| Some((url, entry.port(name)?)));
        let Some((url, mut port)) = old else {
            return Err(attempt.not_found("there is no such tunnel", format!("see `lanloom port ls {switch}`")));
        };
        let url = VxlanUrl { remotes: peers, ..url };
        port.spec.url = PortUrl::Vxlan(url.clone());
        if port.origin.is_recorded() {
            let put = port.put(&entry.name).map_err(unsaid(&attempt))?;
            self.commit(&attempt, Txn::of([put])).await?;
        }
        entry.handle.set_vtep_peers(port.id, &url.remotes).map_err(|error| attempt.port(error))?;
        entry.ports.insert(name.clone(), port);
        self.tell(EventKind::PortSet { switch: switch.to_string(), port: name.to_string() });
        Ok(())
    }

    /// Why something could not be plugged in.
    pub(super) async fn unplugged(&self, attempt: &Attempt, url: &PortUrl, error: PortError) -> Refusal {
        let errno = match &error {
            PortError::Link(LinkError::Io(error)) => error.raw_os_error(),
            PortError::Link(_) | PortError::Gone | PortError::NoSuchPort | PortError::Full => None,
        };
        let PortUrl::Vxlan(url) = url else { return attempt.port(error) };
        match errno {
            None if is_taken(&error) => attempt.conflict(
                format!("there is a tunnel of VNI {} at that group and UDP port already", url.vni),
                "choose another VNI, group= or port=, or delete that one's port",
            ),
            Some(nix::libc::EADDRINUSE) => busy(attempt, url).await,
            Some(nix::libc::EADDRNOTAVAIL) if is_tentative(url.local) => {
                let why = format!("{} cannot be used yet: the kernel asks whether somebody else has it", url.local);
                attempt.failed(why, "try again when `ip address` does not call it tentative any more, or add it with nodad")
            }
            Some(nix::libc::EADDRNOTAVAIL) => {
                let hint = "see `ip address`; local= is an address by which the other ends reach this host";
                attempt.not_found(format!("{} is no address of this host", url.local), hint)
            }
            Some(nix::libc::ENODEV) => {
                let dev = url.group.as_ref().map(|(_, dev)| dev.to_string()).unwrap_or_default();
                attempt.not_found(
                    format!("there is no interface {dev}"),
                    "see `ip link`; dev= is the one that the group is reached by",
                )
            }
            Some(nix::libc::EACCES | nix::libc::EPERM) => attempt.failed(
                format!("UDP port {} is not for everybody", url.port),
                "run as root, or give another port= at all ends",
            ),
            Some(_) | None => attempt.port(error),
        }
    }
}

/// Whether another tunnel of ours receives the same network at the same place.
fn is_taken(error: &PortError) -> bool {
    matches!(error, PortError::Link(LinkError::Io(error)) if error.kind() == io::ErrorKind::AlreadyExists)
}

/// Whether an address of IPv6 is here and waits for the end of duplicate address detection (RFC 4862, 5.4).
fn is_tentative(address: IpAddr) -> bool {
    /// `IFA_F_TENTATIVE`.
    const TENTATIVE: u8 = 0x40;
    let IpAddr::V6(address) = address else { return false };
    let wanted = format!("{:032x}", u128::from(address));
    let listed = std::fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap_or_default();
    let flags = listed.lines().filter_map(|line| line.strip_prefix(&wanted)?.split_whitespace().nth(3));
    flags.filter_map(|flags| u8::from_str_radix(flags, 16).ok()).any(|flags| flags & TENTATIVE != 0)
}

/// Who has the UDP port of a tunnel.
async fn busy(attempt: &Attempt, url: &VxlanUrl) -> Refusal {
    let at = SocketAddr::new(url.local, url.port);
    // It looks at every process.
    let held = spawn_blocking(move || holder(at)).await.ok().and_then(Result::ok).flatten();
    match held {
        Some(holder) => {
            let hint = "give another with &port=, the same at all ends, or stop that";
            attempt.conflict(format!("UDP port {} is held by {holder}", url.port), hint)
        }
        None => attempt.conflict(format!("UDP port {} was in use just now", url.port), "try again"),
    }
}
