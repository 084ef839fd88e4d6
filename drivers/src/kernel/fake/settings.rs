//! Settings of a namespace, and whole plans, as plain values.

use super::super::error::{KernelError, Why};
use super::super::forward::FORWARD_V4;
use super::super::link::LinkChange;
use super::super::name::IfName;
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
        sysctls.iter().for_each(|(key, value)| space.write(key, value));
        Ok(())
    }

    pub(super) fn sysctl(&mut self, place: &Place, key: &SysctlKey) -> Result<String, KernelError> {
        let what = "reading a setting";
        let without_ipv6 = self.without_ipv6;
        let space = self.space(what, place)?;
        exists(what, space, key, without_ipv6)?;
        Ok(space.read(key))
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

impl Space {
    fn read(&self, key: &SysctlKey) -> String {
        let preset = || DEFAULTS.iter().find(|(last, _)| key.parts().last() == Some(last)).map_or("0", |(_, value)| value);
        self.settings.get(key).cloned().unwrap_or_else(|| preset().to_owned())
    }

    /// Writes a setting, and what the kernel changes with it.
    fn write(&mut self, key: &SysctlKey, value: &str) {
        let changes = self.read(key) != value;
        self.settings.insert(key.clone(), value.to_owned());
        match key.parts().collect::<Vec<_>>().as_slice() {
            ["net", "ipv4", "ip_forward"] | ["net", "ipv4", "conf", "all", "forwarding"] if changes => {
                self.forward("ipv4", value)
            }
            ["net", "ipv6", "conf", "all", "forwarding"] if changes => self.forward("ipv6", value),
            _ => {}
        }
    }

    /// A host that begins to forward a family, or stops, does so by all of its interfaces and those that come (`inet_forward_change`
    /// and `addrconf_fixup_forwarding` in the kernel's `devinet.c` and `addrconf.c`).
    fn forward(&mut self, family: &str, value: &str) {
        let names: Vec<_> = self.links().map(|link| link.name.to_string()).collect();
        let names = names.iter().map(String::as_str).chain(["all", "default"]);
        let mut keys: Vec<_> = names.filter_map(|name| forwarding_of(family, name)).collect();
        if family == "ipv4" {
            keys.extend(SysctlKey::new(FORWARD_V4));
            let accepts = if value == "0" { "1" } else { "0" };
            let redirects = SysctlKey::new("net/ipv4/conf/all/accept_redirects").ok();
            self.settings.extend(redirects.map(|key| (key, accepts.to_owned())));
        }
        self.settings.extend(keys.into_iter().map(|key| (key, value.to_owned())));
    }

    /// An interface that comes begins with what `default` says.
    pub(super) fn begin(&mut self, name: &IfName) {
        for family in ["ipv4", "ipv6"] {
            let value = forwarding_of(family, "default").map(|key| self.read(&key));
            self.settings.extend(forwarding_of(family, name.as_str()).zip(value));
        }
    }

    /// An interface keeps its settings under another name.
    pub(super) fn rename_settings(&mut self, from: &IfName, to: &IfName) {
        let renamed = |key: &SysctlKey| {
            let parts: Vec<_> = key.parts().map(|part| if part == from.as_str() { to.as_str() } else { part }).collect();
            SysctlKey::new(&parts.join("/")).ok()
        };
        let own: Vec<_> = self.settings.keys().filter(|key| key.interface() == Some(from.as_str())).cloned().collect();
        for key in own {
            let value = self.settings.remove(&key);
            self.settings.extend(renamed(&key).zip(value));
        }
    }
}

/// The setting by which an interface forwards a family; that of any name that an interface can have is there.
fn forwarding_of(family: &str, name: &str) -> Option<SysctlKey> {
    SysctlKey::new(&format!("net/{family}/conf/{name}/forwarding")).ok()
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
