//! One port that is found again: adopted, made again, or waiting for its interface.

use super::adopt::Adopted;
use super::ports::plug_as;
use super::reconcile::{self, Step, Wanted, WantedKind};
use super::refusal::Attempt;
use super::registry::{Origin, PortEntry, SwitchEntry, config_of};
use super::tunnels::{has_room, vtep_of};
use super::wiring::{Wire, kernel_name};
use super::{Inner, Refusal};
use crate::config::PortSpec;
use crate::names::Name;
use crate::url::PortUrl;
use lanloom_drivers::kernel::{LinkInfo, LinkKind, Why};
use lanloom_switch_core::{Guard, PortConfig, PortId};
use std::sync::Arc;

/// What to do about a port that waits.
const WAITING: &str = "it is down until that interface is there: see to it, or delete the port";

/// A port to be found again.
pub(super) struct Finding {
    pub(super) entry: Arc<SwitchEntry>,
    pub(super) spec: PortSpec,
    pub(super) origin: Origin,
    /// Whether what is there under its interface's name, if it can be plugged in, is what we made for it.
    pub(super) made: bool,
    pub(super) order: u64,
    /// Which of its switch's tunnels takes its floods, or which it is.
    pub(super) segment: u16,
}

impl Finding {
    pub(super) fn attempt(&self) -> Attempt {
        attempt_of(&self.entry.name, &self.spec.name, &self.spec.url)
    }

    /// What is to be wired.
    pub(super) fn wire(&self) -> Wire<'_> {
        let Self { entry, spec, origin, .. } = self;
        Wire { switch: &entry.name, port: &spec.name, url: &spec.url, origin: *origin, mtu: spec.settings.mtu, record: None }
    }
}

/// Why a port was not plugged in, and the number of its own interface if that is there all the same.
struct Unplugged {
    why: Refusal,
    there: Option<u32>,
}

impl From<Refusal> for Unplugged {
    fn from(why: Refusal) -> Self {
        Self { why, there: None }
    }
}

/// What is being tried with it.
pub(super) fn attempt_of(switch: &Name, port: &Name, url: &PortUrl) -> Attempt {
    Attempt::new("find port again", format!("{switch}/{port} ({url})"))
}

/// The settings of a port of a network until all ports of its switch are found: it carries nothing, for whoever is behind it could
/// speak for those that the switch does not know yet.
pub(super) fn held(found: &Finding, guard: Option<Arc<Guard>>) -> PortConfig {
    let config = config_of(&found.spec, found.segment);
    PortConfig { up: config.up && found.origin != Origin::Network, guard, ..config }
}

impl Inner {
    /// Brings a port about that may be adopted already: adopted, made again, or waiting. Answers what is to be said of it.
    pub(super) async fn find_port(&self, attempt: &Attempt, found: Finding, adopted: Option<Adopted>) -> Vec<String> {
        let (wire, mut notes) = (found.wire(), Vec::new());
        let Finding { entry, spec, origin, made, order, segment } = &found;
        let (origin, made) = (*origin, *made);
        let tried = match adopted {
            Some((id, number)) => Ok((id, false, Some(number))),
            None => self.try_port(attempt, &found).await,
        };
        let plugged = match tried {
            Ok((id, is_new, number)) => Ok((id, made || is_new, number)),
            Err(Unplugged { why, there }) => {
                notes.push(why.to_string());
                // What it waits for is ours if it is there already and only could not be opened, or if its end in our namespace
                // says so; otherwise whose it will be is not known, and it is not ours to delete.
                let made = made && (there.is_some() || matches!(spec.url, PortUrl::Veth(_)));
                self.wait_for(attempt, &found).await.map(|id| (id, made, there))
            }
        };
        // What is larger than its way carries is cut down to that.
        notes.extend(has_room(attempt, wire).err().map(|refusal| refusal.to_string()));
        match plugged {
            Ok((id, made, number)) => {
                if origin == Origin::Config
                    && made
                    && let Err(refusal) = self.claim(attempt, wire).await
                {
                    notes.push(refusal.to_string());
                }
                let (spec, order, segment) = (spec.clone(), *order, *segment);
                self.register(entry, PortEntry { id, origin, spec, made, number, order, segment, leaving: false });
            }
            Err(refusal) => notes.push(refusal.to_string()),
        }
        notes
    }

    /// Plugs in what is there, or makes it. Answers the port, whether it was made, and the interface's number.
    async fn try_port(&self, attempt: &Attempt, found: &Finding) -> Result<(PortId, bool, Option<u32>), Unplugged> {
        let (wire, entry, spec) = (found.wire(), &found.entry, &found.spec);
        if let PortUrl::Vxlan(vxlan) = &spec.url {
            let id = self.plug_tunnel(attempt, found, vxlan).await?;
            return Ok((id, false, None));
        }
        let config = held(found, self.guard(wire));
        let (kind, end) = match &spec.url {
            PortUrl::Tap(_) => (WantedKind::Tap, None),
            PortUrl::Veth(_) => {
                self.clear_end(attempt, wire).await?;
                (WantedKind::Veth { peer: wire.peer() }, self.peer(wire).await?)
            }
            PortUrl::Iface(_) | PortUrl::Vxlan(_) | PortUrl::Memory(_) => (WantedKind::Iface, None),
        };
        let (switch, port) = (entry.name.clone(), spec.name.clone());
        let (there, number) = self.look(&spec.url).await;
        let names: Vec<String> = end.iter().map(|end| end.name.clone()).collect();
        match reconcile::plan(&[Wanted { switch, port, kind, found: there }], &names).pop() {
            Some(Step::Adopt { .. }) => {
                // The guest's end of a veth may have been moved away, and another interface been given its name.
                let is_ours = |number: &u32| match &spec.url {
                    PortUrl::Veth(_) => end.as_ref().is_some_and(|end| end.pair == Some(*number)),
                    PortUrl::Tap(_) | PortUrl::Iface(_) | PortUrl::Vxlan(_) | PortUrl::Memory(_) => true,
                };
                let there = number.filter(is_ours);
                let opened = self.open(attempt, wire).await.map_err(|why| Unplugged { why, there })?;
                let id = plug_as(entry, spec, opened, config).map_err(|error| Unplugged { why: attempt.port(error), there })?;
                Ok((id, false, there))
            }
            Some(Step::Make { .. }) => {
                let wired = self.wire(attempt, wire).await?;
                let id = match plug_as(entry, spec, wired.plug, config) {
                    Ok(id) => id,
                    Err(error) => return Err(attempt.port(error).and(self.unwire(attempt, wire, wired.number).await).into()),
                };
                if let Some(Err(error)) = wired.keep.map(|keep| keep.keep()) {
                    tracing::warn!(port = %spec.name, %error, "the TAP could not be made persistent");
                }
                Ok((id, wired.made, wired.number))
            }
            Some(Step::Wait { why, .. }) => Err(attempt.failed(why, WAITING).into()),
            None => Err(attempt.failed("nothing is to be done", "report it").into()),
        }
    }

    /// Our end of a veth whose other end went with its namespace goes too, before it is taken for one that is there.
    async fn clear_end(&self, attempt: &Attempt, wire: Wire<'_>) -> Result<(), Refusal> {
        if !self.remade.contains(&self.netns(wire.url).path()) {
            return Ok(());
        }
        let plumbing = self.plumbing().await.map_err(|error| attempt.kernel(error))?;
        self.delete_link(&plumbing, &wire.peer()).await.map_err(|error| attempt.kernel(error))
    }

    async fn wait_for(&self, attempt: &Attempt, found: &Finding) -> Result<PortId, Refusal> {
        let (wire, entry, spec) = (found.wire(), &found.entry, &found.spec);
        let (name, url, config) = (spec.name.as_str(), spec.url.to_string(), held(found, self.guard(wire)));
        let waits = match &spec.url {
            PortUrl::Vxlan(vxlan) => {
                entry.comes(&spec.name);
                entry.handle.add_waiting_tunnel(name, &url, vtep_of(entry, vxlan), config)
            }
            PortUrl::Tap(_) | PortUrl::Veth(_) | PortUrl::Iface(_) | PortUrl::Memory(_) => {
                let source = self.source(wire).await.map_err(|error| attempt.kernel(error))?;
                entry.comes(&spec.name);
                entry.handle.add_waiting_port(name, &url, source, config)
            }
        };
        waits.inspect_err(|_| entry.coming.give_up(&spec.name)).map_err(|error| attempt.port(error))
    }

    pub(super) fn guard(&self, wire: Wire<'_>) -> Option<Arc<Guard>> {
        self.guards.get(&(wire.switch.clone(), wire.port.clone())).cloned()
    }

    /// Our end of a port's veth, if it is there.
    pub(super) async fn peer(&self, wire: Wire<'_>) -> Result<Option<LinkInfo>, Refusal> {
        let attempt = Attempt::new("look into", "the plumbing namespace");
        let plumbing = self.plumbing().await.map_err(|error| attempt.kernel(error))?;
        let name = kernel_name(&wire.peer()).map_err(|error| attempt.kernel(error))?;
        match self.kernel.link(&plumbing, &name).await {
            Ok(link) => Ok(Some(link).filter(|link| link.kind == LinkKind::Veth)),
            Err(error) if *error.why() == Why::NoSuchLink => Ok(None),
            Err(error) => Err(attempt.kernel(error)),
        }
    }
}
