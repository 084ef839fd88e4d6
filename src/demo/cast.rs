//! Who takes part: three hosts, each as real as the rights allow.

use super::leftovers::STEM;
use super::rights::Rights;
use super::verify::Known;
use crate::cli::demo::Subject;
use lanloom_switch_core::MacAddr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

/// What a host is, and how it is plugged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A namespace with a TAP.
    Tap,
    /// A namespace with one end of a veth pair.
    Veth,
    /// A TCP/IP stack in this process, on a link in memory.
    InProcess,
}

/// A host before it is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Role {
    /// What people call it.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) kind: Kind,
    /// Its number, from 1: the last of its addresses, and of its port's name.
    pub(super) number: u8,
    /// Its namespace's name; none in this process.
    pub(super) namespace: Option<String>,
}

impl Kind {
    /// The check that is about such hosts.
    pub(super) fn subject(self) -> Subject {
        match self {
            Self::Tap => Subject::Tap,
            Self::Veth => Subject::Veth,
            Self::InProcess => Subject::InProcess,
        }
    }
}

impl Role {
    /// Its IPv4 address.
    pub(super) fn v4(&self) -> Ipv4Addr {
        v4(self.number)
    }

    /// Its IPv6 address.
    pub(super) fn v6(&self) -> Ipv6Addr {
        Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, u16::from(self.number))
    }

    /// The one of its addresses that is of the same kind as `like`.
    pub(super) fn address(&self, like: Subject) -> IpAddr {
        if like == Subject::Ping6 { self.v6().into() } else { self.v4().into() }
    }

    /// Its Ethernet address: the one that `lanloom trace` assumes for its IPv4 address.
    pub(super) fn mac(&self) -> MacAddr {
        let [a, b, c, d] = self.v4().octets();
        MacAddr([2, 0, a, b, c, d])
    }

    /// The name of its port.
    pub(super) fn port(&self) -> String {
        format!("p{}", self.number)
    }

    /// The URL of what is plugged into its port, with its namespace's file in that folder; none in this process.
    pub(super) fn url(&self, folder: &Path) -> Option<String> {
        let netns = self.netns(folder)?;
        let scheme = match self.kind {
            Kind::Tap => "tap",
            Kind::Veth => "veth",
            Kind::InProcess => return None,
        };
        Some(format!("{scheme}://{INTERFACE}?netns={}&mac={}", netns.display(), self.mac()))
    }

    /// Where its namespace's file is.
    pub(super) fn netns(&self, folder: &Path) -> Option<PathBuf> {
        self.namespace.as_ref().map(|name| folder.join(name))
    }

    /// What the switch is to know of it.
    pub(super) fn known(&self) -> Known {
        Known { host: self.name, mac: self.mac().to_string(), port: self.port() }
    }
}

/// The IPv4 address of the host with that number.
pub(super) fn v4(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 1, 0, number)
}

/// The interface in each namespace.
pub(super) const INTERFACE: &str = "eth0";

/// What the names of this process's namespaces begin with.
pub(super) fn prefix() -> String {
    format!("{STEM}{}-", std::process::id())
}

/// The hosts that can be, given what the kernel allows: `tap` is why TAPs cannot be made, if they cannot.
pub(super) fn cast(rights: &Rights, tap: Option<&str>) -> Vec<Role> {
    let kinds = match (rights, tap) {
        (Rights::None(_), _) => [Kind::InProcess; 3],
        (Rights::Machine | Rights::Own, Some(_)) => [Kind::Veth, Kind::Veth, Kind::InProcess],
        (Rights::Machine | Rights::Own, None) => [Kind::Tap, Kind::Veth, Kind::InProcess],
    };
    let named = ["blue", "green", "red"].into_iter().zip(kinds).zip(1..);
    let role = |((name, kind), number)| Role {
        name,
        kind,
        number,
        namespace: (kind != Kind::InProcess).then(|| format!("{}{name}", prefix())),
    };
    named.map(role).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_as_real_as_the_rights_allow() {
        let kinds = |rights: &Rights, tap: Option<&str>| cast(rights, tap).iter().map(|role| role.kind).collect::<Vec<_>>();
        assert_eq!(kinds(&Rights::Machine, None), [Kind::Tap, Kind::Veth, Kind::InProcess]);
        assert_eq!(kinds(&Rights::Own, Some("no device")), [Kind::Veth, Kind::Veth, Kind::InProcess]);
        assert_eq!(kinds(&Rights::None("why".to_owned()), None), [Kind::InProcess; 3]);
    }

    #[test]
    fn a_role_says_how_it_is_plugged_in() {
        let roles = cast(&Rights::Machine, None);
        let folder = Path::new("/run/netns");
        let blue = format!("tap://eth0?netns=/run/netns/{}blue&mac=02:00:0a:01:00:01", prefix());
        assert_eq!(roles[0].url(folder), Some(blue));
        assert_eq!(roles[2].url(folder), None);
        assert_eq!(roles[1].address(Subject::Ping6).to_string(), "fd00:1::2");
        assert_eq!(roles[1].address(Subject::Ping4).to_string(), "10.1.0.2");
    }
}
