//! Options: those of endpoints, typed, and how options are read one by one. Their names and defaults are libnetwork's, but for
//! those that begin with `lanloom.`.

mod value;

use std::collections::BTreeMap;

use lanloom_switch_core::MacAddr;

use crate::driver::{DriverError, GuardMode, OWN_PREFIX, PortKind};
use crate::nearest::nearest;
pub(crate) use value::{Fault, address, boolean, guard, mtu, unread};
use value::{kind, mac};

/// What libnetwork's options of bridges begin with.
pub(crate) const BRIDGE_PREFIX: &str = "com.docker.network.bridge.";
/// What libnetwork's options of overlays begin with.
pub(crate) const OVERLAY_PREFIX: &str = "com.docker.network.driver.overlay.";

/// MTU in bytes, of networks.
pub(crate) const MTU: &str = "com.docker.network.driver.mtu";
/// What the names of interfaces in sandboxes begin with, of networks: the controller's to read.
pub(crate) const IFACE_PREFIX: &str = "com.docker.network.container_iface_prefix";
/// What source addresses may be, of networks and endpoints.
pub(crate) const GUARD: &str = "lanloom.guard";
/// Whether endpoints may send what routers, DHCP servers and bridges do, of networks and endpoints.
pub(crate) const TRUSTED: &str = "lanloom.trusted";
/// The hardware address of an endpoint.
pub(crate) const ENDPOINT_MAC: &str = "com.docker.network.endpoint.macaddress";
const ENDPOINT: &str = "lanloom.endpoint";
/// An endpoint's own name of its interface, and settings: the controller's to read.
const ENDPOINT_IFNAME: &str = "com.docker.network.endpoint.ifname";
const ENDPOINT_SYSCTLS: &str = "com.docker.network.endpoint.sysctls";

/// What an endpoint may have of what begins with our own prefix.
const OF_ENDPOINTS: [&str; 3] = [ENDPOINT, GUARD, TRUSTED];

/// What `docs/networks.md` tells of endpoints' options, in its order: for whoever misspelled one.
const DOCUMENTED_OF_ENDPOINTS: [&str; 6] = [ENDPOINT, ENDPOINT_MAC, ENDPOINT_IFNAME, ENDPOINT_SYSCTLS, GUARD, TRUSTED];

/// The least MTU of a link that carries IPv6, in bytes (RFC 8200, 5).
pub(crate) const MTU_MIN_V6: u32 = 1280;

/// An endpoint's options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndpointOptions {
    /// What its interface is.
    pub(crate) kind: PortKind,
    /// Its hardware address, if asked for one here.
    pub(crate) mac: Option<MacAddr>,
    /// What source addresses it may use; what its network says if not given.
    pub(crate) guard: Option<GuardMode>,
    /// Whether it is trusted; what its network says if not given.
    pub(crate) trusted: Option<bool>,
}

impl EndpointOptions {
    /// Reads an endpoint's options.
    pub(crate) fn parse(what: &str, name: &str, all: &BTreeMap<String, String>) -> Result<Self, DriverError> {
        Self::read(all).map_err(|fault| fault.at(what, name))
    }

    fn read(all: &BTreeMap<String, String>) -> Result<Self, Fault> {
        refuse_unknown(all, &[OWN_PREFIX, BRIDGE_PREFIX, OVERLAY_PREFIX], &OF_ENDPOINTS, &DOCUMENTED_OF_ENDPOINTS)?;
        let known = Known(all);
        Ok(Self {
            kind: known.read(ENDPOINT, kind)?.unwrap_or_default(),
            mac: known.read(ENDPOINT_MAC, mac)?,
            guard: known.read(GUARD, guard)?,
            trusted: known.read(TRUSTED, boolean)?,
        })
    }

    /// What its sources are held to, and whether it is trusted, where its network says this.
    pub(crate) fn guard_or(&self, usual: (GuardMode, bool)) -> (GuardMode, bool) {
        (self.guard.unwrap_or(usual.0), self.trusted.unwrap_or(usual.1))
    }
}

/// What begins with one of these prefixes has to mean something; all else is carried.
pub(crate) fn refuse_unknown(
    all: &BTreeMap<String, String>,
    prefixes: &[&str],
    known: &[&str],
    documented: &[&str],
) -> Result<(), Fault> {
    let ours = |key: &&String| prefixes.iter().any(|prefix| key.starts_with(prefix));
    match all.keys().filter(ours).find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(unknown(key, documented)),
        None => Ok(()),
    }
}

/// An option that nothing is known of, what it may have been meant for, and what there is.
pub(crate) fn unknown(key: &str, documented: &[&str]) -> Fault {
    let meant = nearest(key, documented).map(|meant| format!("did you mean {meant}? ")).unwrap_or_default();
    Fault::new(format!("unknown option {key}"), format!("{meant}known here are {}", documented.join(", ")))
}

/// Options that are read one by one.
pub(crate) struct Known<'a>(pub(crate) &'a BTreeMap<String, String>);

impl Known<'_> {
    /// The option's value, if it is given.
    pub(crate) fn read<T>(&self, key: &str, parse: impl FnOnce(&str, &str) -> Result<T, Fault>) -> Result<Option<T>, Fault> {
        self.0.get(key).map(|value| parse(key, value)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::DriverErrorKind;

    fn endpoint(options: &[(&str, &str)]) -> Result<EndpointOptions, DriverError> {
        let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        EndpointOptions::parse("create endpoint", "e", &options)
    }

    #[test]
    fn an_endpoint_s_options_are_read() {
        let mac = MacAddr([2, 0, 0, 0, 0, 1]);
        let options = [(ENDPOINT, "veth"), (ENDPOINT_MAC, "02:00:00:00:00:01"), (GUARD, "off"), (TRUSTED, "true")];
        let expected =
            EndpointOptions { kind: PortKind::Veth, mac: Some(mac), guard: Some(GuardMode::Off), trusted: Some(true) };
        assert_eq!(endpoint(&options), Ok(expected));
        for wrong in [(ENDPOINT_MAC, "01:00:00:00:00:01"), (ENDPOINT_MAC, "x"), (ENDPOINT, "tun")] {
            assert_eq!(endpoint(&[wrong]).expect_err("it cannot be").kind, DriverErrorKind::Invalid);
        }
    }

    #[test]
    fn what_is_others_is_carried_and_a_network_s_refused() {
        endpoint(&[(ENDPOINT_IFNAME, "lan0"), ("com.example.colour", "blue")]).expect("carried");
        for key in ["com.docker.network.bridge.enable_icc", "com.docker.network.driver.overlay.vxlanid_list", "lanloom.peers"] {
            let error = endpoint(&[(key, "1")]).expect_err("that is a network's").to_string();
            assert!(error.contains("lanloom.endpoint, com.docker.network.endpoint.macaddress, "), "{error}");
        }
    }
}
