//! From a URL to something plugged in, and back.
//!
//! A TAP is made where it belongs, named, and only made to outlive us when all else is done: until then closing it undoes
//! everything. Its descriptor keeps a namespace alive, and is closed as soon as the namespace's name goes (the engine's watcher
//! hears of it); moving the TAP there instead would cost the kernel 16 ms. A veth is made whole by the kernel, its own end in the
//! plumbing namespace under a name that follows from switch, port and URL, so that it is found again after a crash.

use super::hints::{UNKNOWN_HINT, open_failed, tap_failed};
use super::plugger::Keep;
use super::reconcile::Found;
use super::refusal::Attempt;
use super::registry::Origin;
use super::{Inner, Refusal};
use crate::names::Name;
use crate::store::Operation;
use crate::url::{Place, PortUrl, TAP_MTU_MAX, TapUrl, VETH_MTU_MAX, VXLAN_MTU_MAX, VethUrl};
use lanloom_drivers::kernel::{self, KernelError, LinkChange, LinkKind, Netns, TapMove, VethSpec, Why};
use lanloom_switch_io::plug::{Plug, Source, SourceKind};
use std::path::PathBuf;

/// MTU of an interface that nothing was said about, in bytes.
const MTU_USUAL: u32 = 1500;

/// Something to plug in, and what is left to do once it is.
pub(super) struct Wired {
    pub(super) plug: Plug,
    /// Whether we made it.
    pub(super) made: bool,
    /// Whether that was just now.
    pub(super) is_new: bool,
    /// The number of the interface under the URL's name.
    pub(super) number: Option<u32>,
    /// Whether the port's record was written down with it.
    pub(super) recorded: bool,
    /// What makes it outlive us.
    pub(super) keep: Option<Box<dyn Keep>>,
}

/// A port to wire.
#[derive(Clone, Copy)]
pub(super) struct Wire<'a> {
    pub(super) switch: &'a Name,
    pub(super) port: &'a Name,
    pub(super) url: &'a PortUrl,
    /// Who wants it.
    pub(super) origin: Origin,
    /// MTU that was set of the port.
    pub(super) mtu: Option<u32>,
    /// The port's record, if that is written down together with what is made.
    pub(super) record: Option<&'a Operation>,
}

impl Wire<'_> {
    /// The MTU that its interface is to have.
    pub(super) fn interface_mtu(&self) -> u32 {
        self.mtu.or(self.url.mtu()).unwrap_or(MTU_USUAL)
    }

    /// The largest MTU that its interface can have.
    pub(super) fn most_mtu(&self) -> u32 {
        match self.url {
            PortUrl::Tap(_) => TAP_MTU_MAX,
            PortUrl::Vxlan(_) => VXLAN_MTU_MAX,
            PortUrl::Veth(_) | PortUrl::Iface(_) | PortUrl::Memory(_) => VETH_MTU_MAX,
        }
    }

    /// The name of a veth's end in the plumbing namespace.
    pub(super) fn peer(&self) -> String {
        let netns = self.url.netns().map(ToString::to_string).unwrap_or_default();
        let text = format!("{}/{}/{}/{netns}", self.switch, self.port, self.url.target());
        // FNV-1a, because the name has to be the same after an upgrade.
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        format!("h{:014x}", hash >> 8)
    }
}

impl Inner {
    /// The namespace that a URL means.
    pub(super) fn netns(&self, url: &PortUrl) -> Netns {
        url.netns().map_or(Netns::Daemon, |netns| Netns::At(netns.path(self.kernel.netns_dir())))
    }

    /// Where the host ends of veths are; made at the first need.
    pub(super) async fn plumbing(&self) -> Result<Netns, KernelError> {
        let mut plumbing = self.plumbing.lock().await;
        if let Some(open) = &*plumbing {
            return Ok(open.clone());
        }
        let opened = self.kernel.open_plumbing(self.plumbing_path.as_deref()).await?;
        Ok(plumbing.insert(opened).clone())
    }

    /// Where what is under a URL's name is opened, if not in the daemon's namespace.
    fn opened_in(&self, url: &PortUrl) -> Option<PathBuf> {
        match self.netns(url) {
            Netns::Daemon => None,
            other => Some(other.path()),
        }
    }

    /// How a TAP is opened, and opened again.
    pub(super) fn tap_source(&self, wire: Wire<'_>, tap: &TapUrl) -> Source {
        let kind = SourceKind::Tap { offload: tap.offload, persist: tap.persist && !self.ephemeral };
        Source { ifname: wire.url.target().into_owned(), netns: self.opened_in(wire.url), kind, label: None }
    }

    /// How a port's link is opened, and opened again.
    pub(super) async fn source(&self, wire: Wire<'_>) -> Result<Source, KernelError> {
        let netns = self.opened_in(wire.url);
        let ifname = wire.url.target().into_owned();
        Ok(match wire.url {
            PortUrl::Tap(tap) => self.tap_source(wire, tap),
            PortUrl::Veth(_) => {
                // A port can wait for a plumbing namespace that cannot be opened now, if it has a path.
                let netns: PathBuf = match &self.plumbing_path {
                    Some(path) => path.clone(),
                    None => self.plumbing().await?.path(),
                };
                let guest = wire.url.netns().map_or_else(|| ifname.clone(), |netns| format!("{ifname} in {netns}"));
                Source { ifname: wire.peer(), netns: Some(netns), kind: SourceKind::Packet, label: Some(guest) }
            }
            // The last two have none, and are not asked.
            PortUrl::Iface(_) | PortUrl::Vxlan(_) | PortUrl::Memory(_) => {
                Source { ifname, netns, kind: SourceKind::Packet, label: None }
            }
        })
    }

    /// What is under the name of a URL's interface, and its number.
    pub(super) async fn look(&self, url: &PortUrl) -> (Found, Option<u32>) {
        let Some(Place::Interface(name, _)) = url.place() else { return (Found::Nothing, None) };
        let name = match kernel_name(name.as_str()) {
            Ok(name) => name,
            Err(error) => return (Found::Unknown(error.to_string()), None),
        };
        match self.kernel.link(&self.netns(url), &name).await {
            Ok(link) => {
                let found = match link.kind {
                    LinkKind::Tun => Found::Tap { attached: link.carrier },
                    LinkKind::Veth => Found::Veth,
                    LinkKind::Loopback | LinkKind::Bridge | LinkKind::Vxlan | LinkKind::Device | LinkKind::Other(_) => {
                        Found::Other
                    }
                };
                (found, Some(link.index))
            }
            Err(error) => match error.why() {
                Why::NoSuchLink => (Found::Nothing, None),
                Why::NoSuchNetns(_) => (Found::NoNamespace, None),
                _ => (Found::Unknown(error.to_string()), None),
            },
        }
    }

    /// Makes or opens what a new port is to be plugged into. What fails leaves nothing behind.
    pub(super) async fn wire(&self, attempt: &Attempt, wire: Wire<'_>) -> Result<Wired, Refusal> {
        if let PortUrl::Vxlan(vxlan) = wire.url {
            return self.wire_tunnel(attempt, wire, vxlan);
        }
        let target = wire.url.target();
        let (found, number) = self.look(wire.url).await;
        match (&found, wire.url) {
            (Found::Unknown(why), _) => return Err(attempt.failed(why, UNKNOWN_HINT)),
            (Found::NoNamespace, _) => {
                let netns = wire.url.netns().map(ToString::to_string).unwrap_or_default();
                let hint = "make it with `ip netns add`, or name another";
                return Err(attempt.not_found(format!("there is no network namespace {netns}"), hint));
            }
            (Found::Nothing, PortUrl::Iface(_)) => {
                let hint = "see `ip link`, or let tap:// or veth:// make one";
                return Err(attempt.not_found(format!("there is no interface {target}"), hint));
            }
            (Found::Tap { attached: true }, PortUrl::Tap(_)) => {
                let why = format!("another process has the TAP {target} open");
                return Err(attempt.conflict(why, "stop that process, or choose another interface name"));
            }
            (Found::Veth | Found::Nothing, PortUrl::Veth(_)) if self.has_end(wire, number).await? => {
                // Made for this very port by a daemon whose records were lost; the guest may have taken its end elsewhere.
                let plug = self.open(attempt, wire).await?;
                self.claim(attempt, wire).await?;
                let recorded = wire.record.is_some();
                return Ok(Wired { plug, made: true, is_new: false, number, recorded, keep: None });
            }
            (Found::Tap { .. } | Found::Veth | Found::Other, PortUrl::Veth(_))
            | (Found::Veth | Found::Other, PortUrl::Tap(_)) => {
                let why = format!("there is an interface {target} already");
                let hint = match wire.origin {
                    Origin::Command | Origin::Config => "choose another interface name, or iface:// to use that one",
                    Origin::Network => "choose another interface name",
                };
                return Err(attempt.conflict(why, hint));
            }
            (_, PortUrl::Tap(_) | PortUrl::Veth(_) | PortUrl::Iface(_) | PortUrl::Vxlan(_) | PortUrl::Memory(_)) => {}
        }
        let made = match (found, wire.url) {
            (Found::Nothing, PortUrl::Tap(tap)) => {
                self.claim(attempt, wire).await?;
                self.make_tap(attempt, wire, tap).await
            }
            (Found::Nothing, PortUrl::Veth(veth)) => {
                self.claim(attempt, wire).await?;
                self.make_veth(attempt, wire, veth).await
            }
            _ => {
                let made = self.is_claimed(attempt, wire).await?;
                let plug = self.open(attempt, wire).await?;
                return Ok(Wired { plug, made, is_new: false, number, recorded: false, keep: None });
            }
        };
        match made {
            Ok(wired) => Ok(wired),
            Err(refusal) => Err(refusal.and(self.disclaim(attempt, wire).await)),
        }
    }

    /// Whether our end of a veth is there: the other end of the interface that has that number, or of one that went elsewhere.
    async fn has_end(&self, wire: Wire<'_>, number: Option<u32>) -> Result<bool, Refusal> {
        let is_it = |pair: Option<u32>| number.is_none() || pair == number;
        Ok(self.peer(wire).await?.is_some_and(|end| is_it(end.pair)))
    }

    /// Opens what is there.
    pub(super) async fn open(&self, attempt: &Attempt, wire: Wire<'_>) -> Result<Plug, Refusal> {
        let source = self.source(wire).await.map_err(|error| attempt.kernel(error))?;
        self.plugger.open(source).map_err(|error| open_failed(attempt, wire.url, &error))
    }

    async fn make_tap(&self, attempt: &Attempt, wire: Wire<'_>, url: &TapUrl) -> Result<Wired, Refusal> {
        let source = self.source(wire).await.map_err(|error| attempt.kernel(error))?;
        let home = self.netns(wire.url);
        let tap = self.plugger.make_tap(source.netns.as_deref(), url.offload).map_err(|error| tap_failed(attempt, &error))?;
        let from = kernel_name(tap.name().as_str()).map_err(|error| attempt.kernel(error))?;
        let name = kernel_name(url.ifname.as_str()).map_err(|error| attempt.kernel(error))?;
        let (netns, mtu, mac) = (home.clone(), wire.interface_mtu(), url.mac);
        let moved = self.kernel.move_tap(&TapMove { home, from, netns, name, mtu, mac, tx_queue_len: None }).await;
        let number = Some(moved.map_err(|error| attempt.kernel(error))?.index);
        let (plug, keep) = tap.plug(source);
        let stays = url.persist && !self.ephemeral;
        let recorded = wire.record.is_some();
        Ok(Wired { plug, made: true, is_new: true, number, recorded, keep: stays.then_some(keep) })
    }

    async fn make_veth(&self, attempt: &Attempt, wire: Wire<'_>, url: &VethUrl) -> Result<Wired, Refusal> {
        let peer_netns = self.plumbing().await.map_err(|error| attempt.kernel(error))?;
        let name = kernel_name(url.ifname.as_str()).map_err(|error| attempt.kernel(error))?;
        let peer_name = kernel_name(&wire.peer()).map_err(|error| attempt.kernel(error))?;
        let (netns, mtu, mac) = (self.netns(wire.url), wire.interface_mtu(), url.mac);
        let spec = VethSpec { netns, name, peer_netns, peer_name, mtu, mac, tx_queue_len: None };
        let veth = self.kernel.create_veth(&spec).await.map_err(|error| attempt.kernel(error))?;
        let number = Some(veth.guest.index);
        match self.open(attempt, wire).await {
            Ok(plug) => {
                let recorded = wire.record.is_some();
                Ok(Wired { plug, made: true, is_new: true, number, recorded, keep: None })
            }
            Err(refusal) => Err(refusal.and(self.unwire(attempt, wire, number).await)),
        }
    }

    /// Deletes the interface that was made for a port and has that number. One that is gone already is as good as deleted; one
    /// that has taken its name is somebody else's, and stays.
    pub(super) async fn unwire(&self, attempt: &Attempt, wire: Wire<'_>, number: Option<u32>) -> Result<(), Refusal> {
        let deleted = match wire.url {
            PortUrl::Tap(_) => match self.look(wire.url).await {
                (Found::Tap { .. }, there) if there == number => {
                    self.delete_link(&self.netns(wire.url), &wire.url.target()).await
                }
                (Found::Unknown(why), _) => return Err(attempt.failed(why, UNKNOWN_HINT)),
                (Found::Tap { .. } | Found::Veth | Found::Other | Found::Nothing | Found::NoNamespace, _) => Ok(()),
            },
            // Its end in our namespace has a name that nobody else gives.
            PortUrl::Veth(_) => match self.plumbing().await {
                Ok(plumbing) => self.delete_link(&plumbing, &wire.peer()).await,
                Err(error) => Err(error),
            },
            PortUrl::Iface(_) | PortUrl::Vxlan(_) | PortUrl::Memory(_) => Ok(()),
        };
        deleted.map_err(|error| attempt.kernel(error))
    }

    pub(super) async fn delete_link(&self, netns: &Netns, name: &str) -> Result<(), KernelError> {
        match self.kernel.delete_link(netns, &kernel_name(name)?).await {
            Err(error) if matches!(error.why(), Why::NoSuchLink | Why::NoSuchNetns(_)) => Ok(()),
            done => done,
        }
    }

    /// Gives the interface of a port an MTU; one that is not there gets it when it is made, and one under its name that has
    /// another number is somebody else's.
    pub(super) async fn set_interface_mtu(&self, wire: Wire<'_>, number: Option<u32>, mtu: u32) -> Result<(), KernelError> {
        let mut ends = Vec::new();
        if matches!(wire.url, PortUrl::Tap(_) | PortUrl::Veth(_)) {
            let guest = (self.netns(wire.url), wire.url.target().into_owned());
            match self.kernel.link(&guest.0, &kernel_name(&guest.1)?).await {
                Ok(link) if Some(link.index) == number && matches!(link.kind, LinkKind::Tun | LinkKind::Veth) => {
                    ends.push(guest)
                }
                Ok(_) => {}
                Err(error) if matches!(error.why(), Why::NoSuchLink | Why::NoSuchNetns(_)) => {}
                Err(error) => return Err(error),
            }
        }
        if matches!(wire.url, PortUrl::Veth(_)) {
            ends.push((self.plumbing().await?, wire.peer()));
        }
        let change = LinkChange { mtu: Some(mtu), ..LinkChange::default() };
        for (netns, name) in ends {
            match self.kernel.set_link(&netns, &kernel_name(&name)?, &change).await {
                Err(error) if matches!(error.why(), Why::NoSuchLink | Why::NoSuchNetns(_)) => {}
                done => drop(done?),
            }
        }
        Ok(())
    }
}

/// A name of ours as the kernel's layer wants it. Ours are checked more strictly.
pub(super) fn kernel_name(name: &str) -> Result<kernel::IfName, KernelError> {
    kernel::IfName::new(name)
}
