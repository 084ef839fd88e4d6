//! Settings of a namespace, and whole plans, as plain values.

use super::super::error::{KernelError, Why};
use super::super::link::LinkChange;
use super::super::neighbours::{limits, raised, told};
use super::super::plan::Plan;
use super::super::sysctl::SysctlKey;
use super::world::{Place, Space, World};

/// What a fresh namespace of Linux has other than 0.
const DEFAULTS: [(&str, &str); 6] = [
    ("accept_redirects", "1"),
    ("accept_ra", "1"),
    ("send_redirects", "1"),
    ("gc_thresh1", "128"),
    ("gc_thresh2", "512"),
    ("gc_thresh3", "1024"),
];

impl World {
    /// All of it or nothing: what fails half way is tried on a copy.
    pub(super) fn configure(&mut self, place: &Place, plan: &Plan) -> Result<(), KernelError> {
        plan.check()?;
        let mut next = self.clone();
        next.steps(place, plan)?;
        *self = next;
        Ok(())
    }

    fn steps(&mut self, place: &Place, plan: &Plan) -> Result<(), KernelError> {
        self.set(place, &plan.link, &plan.change())?;
        self.set_sysctl(place, &plan.sysctls)?;
        plan.addresses.iter().try_for_each(|address| self.create_address(place, plan.name(), *address))?;
        if plan.up {
            self.set(place, plan.name(), &LinkChange { up: Some(true), ..LinkChange::default() })?;
        }
        plan.routes.iter().try_for_each(|route| self.create_route(place, route))
    }

    pub(super) fn set_sysctl(&mut self, place: &Place, sysctls: &[(SysctlKey, String)]) -> Result<(), KernelError> {
        let what = "changing a setting";
        sysctls.iter().try_for_each(|(key, value)| key.check_value(value))?;
        let without_ipv6 = self.without_ipv6;
        let space = self.space(what, place)?;
        sysctls.iter().try_for_each(|(key, _)| exists(what, space, key, without_ipv6))?;
        space.settings.extend(sysctls.iter().cloned());
        Ok(())
    }

    pub(super) fn sysctl(&mut self, place: &Place, key: &SysctlKey) -> Result<String, KernelError> {
        let what = "reading a setting";
        let without_ipv6 = self.without_ipv6;
        let space = self.space(what, place)?;
        exists(what, space, key, without_ipv6)?;
        let preset = || DEFAULTS.iter().find(|(last, _)| key.parts().last() == Some(last)).map_or("0", |(_, value)| value);
        Ok(space.settings.get(key).cloned().unwrap_or_else(|| preset().to_owned()))
    }

    /// The daemon's namespace is the first of this machine.
    pub(super) fn raise_neighbour_limits(&mut self, at_least: [u32; 3]) -> Result<Vec<String>, KernelError> {
        let mut notes = Vec::new();
        for (key, place) in limits()? {
            let now = match self.sysctl(&Place::Daemon, &key) {
                // A kernel without IPv6.
                Err(error) if *error.why() == Why::NoSuchSetting => continue,
                now => now?,
            };
            if let Some(to) = raised(&now, at_least[place]) {
                notes.push(told(&key, &now, &to));
                self.set_sysctl(&Place::Daemon, &[(key, to)])?;
            }
        }
        Ok(notes)
    }
}

/// Every setting is there except those of interfaces that are not, and of families that do not exist.
fn exists(what: &'static str, space: &Space, key: &SysctlKey, without_ipv6: bool) -> Result<(), KernelError> {
    let parts: Vec<_> = key.parts().collect();
    let known = match parts.as_slice() {
        ["net", "ipv6", ..] if without_ipv6 => false,
        ["net", "ipv4" | "ipv6", "conf" | "neigh", name, _] => {
            ["all", "default"].contains(name) || space.links().any(|link| link.name.as_str() == *name)
        }
        ["net", family, ..] => ["ipv4", "ipv6", "core", "netfilter"].contains(family),
        _ => false,
    };
    if known { Ok(()) } else { Err(KernelError::new(what, key.to_string(), Why::NoSuchSetting)) }
}
