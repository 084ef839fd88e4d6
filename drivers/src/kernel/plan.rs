//! All of an interface's settings at once.

use ipnet::IpNet;
use lanloom_switch_core::MacAddr;

use super::error::KernelError;
use super::link::{LinkChange, Route};
use super::name::IfName;
use super::sysctl::SysctlKey;

/// What an interface is to become, done in the order of the fields inside one entry into its namespace. One that fails half
/// way is undone: name, MAC, MTU, up or down, settings, addresses and routes are as they were before. Neighbours are told of
/// addresses that are new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its name now.
    pub link: IfName,
    /// Its new name, which all below has to use.
    pub rename: Option<IfName>,
    /// Its hardware address; it stays if none is given.
    pub mac: Option<MacAddr>,
    /// Its MTU in bytes; it stays if none is given.
    pub mtu: Option<u32>,
    /// Settings of the namespace, mostly of this interface.
    pub sysctls: Vec<(SysctlKey, String)>,
    /// Its addresses besides those that it has.
    pub addresses: Vec<IpNet>,
    /// Whether to set it up; one that is up stays up.
    pub up: bool,
    /// Routes of the main table, which may be by other interfaces too.
    pub routes: Vec<Route>,
}

impl Plan {
    /// A plan that changes nothing.
    pub fn new(link: IfName) -> Self {
        Self {
            link,
            rename: None,
            mac: None,
            mtu: None,
            sysctls: Vec::new(),
            addresses: Vec::new(),
            up: false,
            routes: Vec::new(),
        }
    }

    /// Its name after the first step.
    pub fn name(&self) -> &IfName {
        self.rename.as_ref().unwrap_or(&self.link)
    }

    /// Name, MAC and MTU, which one request changes.
    pub(crate) fn change(&self) -> LinkChange {
        LinkChange { name: self.rename.clone(), mac: self.mac, mtu: self.mtu, ..LinkChange::default() }
    }

    /// Whether it can be done at all.
    pub(crate) fn check(&self) -> Result<(), KernelError> {
        self.change().check(&self.link)?;
        self.sysctls.iter().try_for_each(|(key, value)| key.check_value(value))
    }
}
