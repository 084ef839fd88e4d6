//! That the host forwards: switched on for a family where a network needs it, and off again where nobody does. What it was before
//! is in [`Bystanders`]: who was there when it did not forward, and the settings that the kernel changes with this one.

use std::collections::BTreeSet;

use crate::kernel::firewall::check_element;
use crate::kernel::{
    Bystanders, FORWARD_V4, FORWARD_V6, Forwarding, IfName, Kernel, KernelError, LinkKind, Netns, SysctlKey, Why,
};

/// The values of `accept_ra` by which an interface listens to router advertisements while the host does not forward IPv6, and also
/// while it does (the kernel's ip-sysctl.rst). Without the latter, switching forwarding on takes away the routes that were learned.
const LISTENS: &str = "1";
const LISTENS_ALWAYS: &str = "2";

/// The values of settings that are on or off, and what they are called.
const ON: &str = "1";
const OFF: &str = "0";
const FORWARDING: &str = "forwarding";
const REDIRECTS: &str = "net/ipv4/conf/all/accept_redirects";
/// Where `conf` has what interfaces that come later begin with.
const DEFAULT: &str = "default";

/// A family of addresses that is to be forwarded, or is not.
pub(super) struct Family {
    pub(super) v4: bool,
    pub(super) wanted: bool,
    is_on: bool,
    /// Whether it was on before we came: whoever switched it off since, switched it off for others too.
    was_on: bool,
    key: SysctlKey,
}

impl Family {
    /// Both, IPv4 first; a kernel without IPv6 has but one.
    pub(super) fn all(wanted: [bool; 2], now: &Forwarding, before: [bool; 2]) -> Result<Vec<Self>, KernelError> {
        let mut families = Vec::new();
        for (at, key, is_on) in [(0, FORWARD_V4, now.v4), (1, FORWARD_V6, now.v6)] {
            let (v4, wanted, was_on) = (at == 0, wanted[at], before[at]);
            match is_on {
                Some(is_on) => families.push(Self { v4, wanted, is_on, was_on, key: SysctlKey::new(key)? }),
                None if wanted => return Err(KernelError::new("having the host forward", key, Why::NoSuchSetting)),
                None => {}
            }
        }
        Ok(families)
    }

    /// As people name it.
    pub(super) fn name(&self) -> &'static str {
        if self.v4 { "IPv4" } else { "IPv6" }
    }

    fn starts(&self, found: &Bystanders) -> bool {
        self.wanted && !self.is_on && !self.was_on && found.of(self.v4).is_none()
    }
}

/// Writes down who is there before the host forwards; `own` are our gateways. None if there is nothing new to be written down, else
/// what is to be known about it.
pub(super) async fn look_around(
    kernel: &dyn Kernel,
    families: &[Family],
    found: &mut Bystanders,
    own: &BTreeSet<IfName>,
) -> Result<Option<Vec<String>>, KernelError> {
    let starting: Vec<_> = families.iter().filter(|family| family.starts(found)).collect();
    if starting.is_empty() {
        return Ok(None);
    }
    let links = kernel.list_links(&Netns::Daemon).await?.into_iter().filter(|link| link.kind != LinkKind::Loopback);
    let (names, unnamed): (Vec<_>, Vec<_>) = links.map(|link| as_element(&link.name)).partition(Result::is_ok);
    let names: BTreeSet<_> = names.into_iter().flatten().filter(|name| !own.contains(name)).collect();
    for family in starting {
        note(kernel, family.v4, &names, found).await?;
    }
    Ok(Some(unnamed.into_iter().filter_map(Result::err).map(|error| passes(&error)).collect()))
}

/// An interface's name, if it can stand in the firewall.
fn as_element(name: &str) -> Result<IfName, KernelError> {
    let name = IfName::new(name)?;
    check_element(&name).map(|()| name)
}

/// That a rule cannot name an interface.
fn passes(error: &KernelError) -> String {
    format!("the host is a router for an interface that was there before, since no rule can name it: {error}")
}

/// Writes down what the kernel changes besides when the host begins to forward a family, and what depends on it (`inet_forward_change`
/// and `addrconf_forward_change` in the kernel's `devinet.c` and `addrconf.c`).
async fn note(kernel: &dyn Kernel, v4: bool, names: &BTreeSet<IfName>, found: &mut Bystanders) -> Result<(), KernelError> {
    let mut with_default = names.clone();
    with_default.insert(IfName::new(DEFAULT)?);
    let forwarders = with_value(kernel, &with_default, v4, FORWARDING, ON).await?;
    if v4 {
        found.forwarders_v4 = forwarders;
        found.no_redirects = kernel.sysctl(&Netns::Daemon, &SysctlKey::new(REDIRECTS)?).await? == OFF;
    } else {
        found.listeners = with_value(kernel, &(names - &forwarders), v4, "accept_ra", LISTENS).await?;
        found.forced = with_value(kernel, names, v4, "force_forwarding", ON).await?;
        found.forwarders_v6 = forwarders;
    }
    *found.of_mut(v4) = Some(names.clone());
    Ok(())
}

/// Those of these interfaces whose setting of a family has that value.
async fn with_value(
    kernel: &dyn Kernel,
    names: &BTreeSet<IfName>,
    v4: bool,
    setting: &str,
    value: &str,
) -> Result<BTreeSet<IfName>, KernelError> {
    let mut found = BTreeSet::new();
    for name in names {
        match kernel.sysctl(&Netns::Daemon, &setting_of(v4, name, setting)?).await {
            Ok(now) if now == value => drop(found.insert(name.clone())),
            // One that goes meanwhile, or lacks the family, has no such setting, and an older kernel may lack it.
            Err(error) if error.why() != &Why::NoSuchSetting => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(found)
}

fn setting_of(v4: bool, name: &IfName, setting: &str) -> Result<SysctlKey, KernelError> {
    let family = if v4 { "ipv4" } else { "ipv6" };
    SysctlKey::new(&format!("net/{family}/conf/{name}/{setting}"))
}

/// The interfaces with addresses of a family that came after the host forwarded it for us, and are not ours: whoever made them may
/// rely on that. Of those that were there before nobody can, for nothing passes between them.
pub(super) async fn relying(
    kernel: &dyn Kernel,
    family: &Family,
    found: &Bystanders,
    own: &BTreeSet<IfName>,
) -> Result<BTreeSet<IfName>, KernelError> {
    let Some(before) = found.of(family.v4) else { return Ok(BTreeSet::new()) };
    let all = kernel.list_addresses_all(&Netns::Daemon).await?.into_iter();
    let of_family = all.filter(|(_, net)| net.addr().is_ipv4() == family.v4 && !net.addr().is_loopback());
    Ok(of_family.map(|(name, _)| name).filter(|name| !before.contains(name) && !own.contains(name)).collect())
}

/// Has the host forward what is wanted and is not forwarded; whether there was anything, and what is to be known about it.
pub(super) async fn start(
    kernel: &dyn Kernel,
    families: &[Family],
    found: &Bystanders,
) -> Result<Option<Vec<String>>, KernelError> {
    let off: Vec<_> = families.iter().filter(|family| family.wanted && !family.is_on).collect();
    if off.is_empty() {
        return Ok(None);
    }
    let listening = match off.iter().any(|family| !family.v4) {
        true => listen(kernel, &found.listeners, LISTENS, LISTENS_ALWAYS).await?,
        false => BTreeSet::new(),
    };
    let on: Vec<_> = off.iter().map(|family| (family.key.clone(), ON.to_owned())).collect();
    kernel.set_sysctl(&Netns::Daemon, &on).await?;
    Ok(Some(listening.iter().map(listens).collect()))
}

/// Has the host forward these families no more, and be otherwise what it was too: nothing of that has to be known any more.
pub(super) async fn stop(kernel: &dyn Kernel, families: &[&Family], found: &mut Bystanders) -> Result<(), KernelError> {
    let off: Vec<_> =
        families.iter().filter(|family| family.is_on).map(|family| (family.key.clone(), OFF.to_owned())).collect();
    if !off.is_empty() {
        kernel.set_sysctl(&Netns::Daemon, &off).await?;
    }
    for family in families {
        // What stopped just now, or before a start of ours, has taken these along.
        let stopped = with_value(kernel, found.forwarders(family.v4), family.v4, FORWARDING, OFF).await?;
        let keys = stopped.iter().map(|name| Ok((setting_of(family.v4, name, FORWARDING)?, ON.to_owned())));
        let mut back = keys.collect::<Result<Vec<_>, KernelError>>()?;
        if family.v4 && found.no_redirects {
            back.push((SysctlKey::new(REDIRECTS)?, OFF.to_owned()));
        }
        if !back.is_empty() {
            kernel.set_sysctl(&Netns::Daemon, &back).await?;
        }
        if !family.v4 {
            listen(kernel, &found.listeners, LISTENS_ALWAYS, LISTENS).await?;
        }
        found.forget(family.v4);
    }
    Ok(())
}

/// Changes how interfaces listen to router advertisements, where nobody else has; which were changed.
async fn listen(kernel: &dyn Kernel, names: &BTreeSet<IfName>, from: &str, to: &str) -> Result<BTreeSet<IfName>, KernelError> {
    let names = with_value(kernel, names, false, "accept_ra", from).await?;
    if names.is_empty() {
        return Ok(names);
    }
    let keys: Result<Vec<_>, _> = names.iter().map(|name| Ok((setting_of(false, name, "accept_ra")?, to.to_owned()))).collect();
    kernel.set_sysctl(&Netns::Daemon, &keys?).await?;
    Ok(names)
}

fn listens(name: &IfName) -> String {
    format!(
        "{name} goes on listening to router advertisements though the host forwards IPv6 now: its accept_ra is 2, and was 1"
    )
}
