//! That the host forwards: switched on for a family where a network needs it, and off again where nobody does. What it was before
//! is in [`Bystanders`]: who was there when it did not forward.

use std::collections::BTreeSet;

use crate::kernel::firewall::check_interface;
use crate::kernel::{
    Bystanders, FORWARD_V4, FORWARD_V6, Forwarding, IfName, Kernel, KernelError, LinkKind, Netns, SysctlKey, Why,
};

/// The values of `accept_ra` by which an interface listens to router advertisements while the host does not forward IPv6, and also
/// while it does (the kernel's ip-sysctl.rst). Without the latter, switching forwarding on takes away the routes that were learned.
const LISTENS: &str = "1";
const LISTENS_ALWAYS: &str = "2";

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

/// Writes down who is there before the host forwards; `own` are our gateways. Whether there is anything new to be written down.
pub(super) async fn look_around(
    kernel: &dyn Kernel,
    families: &[Family],
    found: &mut Bystanders,
    own: &BTreeSet<IfName>,
) -> Result<bool, KernelError> {
    let starting: Vec<_> = families.iter().filter(|family| family.starts(found)).collect();
    if starting.is_empty() {
        return Ok(false);
    }
    let links = kernel.list_links(&Netns::Daemon).await?.into_iter().filter(|link| link.kind != LinkKind::Loopback);
    // A name that means more than itself in a rule stays out of it.
    let names = links.filter_map(|link| IfName::new(&link.name).ok()).filter(|name| check_interface(name).is_ok());
    let names: BTreeSet<_> = names.filter(|name| !own.contains(name)).collect();
    for family in starting {
        *found.of_mut(family.v4) = Some(names.clone());
        if !family.v4 {
            found.listeners = with_value(kernel, &names, "accept_ra", LISTENS).await?;
            found.listeners = with_value(kernel, &found.listeners, "forwarding", "0").await?;
        }
    }
    Ok(true)
}

/// Those of these interfaces whose setting of IPv6 has that value.
async fn with_value(
    kernel: &dyn Kernel,
    names: &BTreeSet<IfName>,
    setting: &str,
    value: &str,
) -> Result<BTreeSet<IfName>, KernelError> {
    let mut found = BTreeSet::new();
    for name in names {
        match kernel.sysctl(&Netns::Daemon, &setting_v6(name, setting)?).await {
            Ok(now) if now == value => drop(found.insert(name.clone())),
            // One that goes meanwhile, or has no IPv6, has no such setting.
            Err(error) if error.why() != &Why::NoSuchSetting => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(found)
}

fn setting_v6(name: &IfName, setting: &str) -> Result<SysctlKey, KernelError> {
    SysctlKey::new(&format!("net/ipv6/conf/{name}/{setting}"))
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
    let on: Vec<_> = off.iter().map(|family| (family.key.clone(), "1".to_owned())).collect();
    kernel.set_sysctl(&Netns::Daemon, &on).await?;
    Ok(Some(listening.iter().map(listens).collect()))
}

/// Has the host forward these families no more.
pub(super) async fn stop(kernel: &dyn Kernel, families: &[&Family], found: &Bystanders) -> Result<(), KernelError> {
    let off: Vec<_> =
        families.iter().filter(|family| family.is_on).map(|family| (family.key.clone(), "0".to_owned())).collect();
    if !off.is_empty() {
        kernel.set_sysctl(&Netns::Daemon, &off).await?;
    }
    if families.iter().any(|family| !family.v4) {
        listen(kernel, &found.listeners, LISTENS_ALWAYS, LISTENS).await?;
    }
    Ok(())
}

/// Changes how interfaces listen to router advertisements, where nobody else has; which were changed.
async fn listen(kernel: &dyn Kernel, names: &BTreeSet<IfName>, from: &str, to: &str) -> Result<BTreeSet<IfName>, KernelError> {
    let names = with_value(kernel, names, "accept_ra", from).await?;
    if names.is_empty() {
        return Ok(names);
    }
    let keys: Result<Vec<_>, _> = names.iter().map(|name| Ok((setting_v6(name, "accept_ra")?, to.to_owned()))).collect();
    kernel.set_sysctl(&Netns::Daemon, &keys?).await?;
    Ok(names)
}

fn listens(name: &IfName) -> String {
    format!(
        "{name} goes on listening to router advertisements though the host forwards IPv6 now: its accept_ra is 2, and was 1"
    )
}
