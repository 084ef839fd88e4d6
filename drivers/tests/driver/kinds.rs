//! The drivers, each with networks and endpoints to ask it for. Another driver is a line in [`KINDS`].

use std::sync::Arc;

use ipnet::IpNet;
use lanloom_drivers::bridge::Bridge;
use lanloom_drivers::driver::{Driver, EndpointSpec, Fabric, NetworkSpec, PoolData};
use lanloom_drivers::kernel::Kernel;
use lanloom_drivers::overlay::{ByHand, Overlay};
use lanloom_drivers::{bridge, host, null, overlay};

/// Makes a driver above a kernel and switches.
type Make = fn(Arc<dyn Kernel>, Arc<dyn Fabric>) -> Arc<dyn Driver>;

/// One driver.
pub(crate) struct Kind {
    /// Its name.
    pub(crate) name: &'static str,
    /// A new one, as a daemon makes it when it starts.
    pub(crate) make: Make,
    /// Whether its networks are dual stack; without addresses if not.
    has_addresses: bool,
    /// Options without which there is no network.
    options: &'static [(&'static str, &'static str)],
    /// The address that the host has to have for it.
    pub(crate) underlay: Option<&'static str>,
}

/// All of them.
pub(crate) const KINDS: [Kind; 4] = [
    Kind { name: null::NAME, make: |_, _| Arc::new(null::driver()), has_addresses: false, options: &[], underlay: None },
    Kind { name: host::NAME, make: |_, _| Arc::new(host::driver()), has_addresses: false, options: &[], underlay: None },
    Kind {
        name: bridge::NAME,
        make: |kernel, fabric| Arc::new(Bridge::new(kernel, fabric, "test").expect("a valid name")),
        has_addresses: true,
        options: &[],
        underlay: None,
    },
    Kind {
        name: overlay::NAME,
        make: |kernel, fabric| Arc::new(Overlay::new(kernel, fabric, Arc::new(ByHand), None)),
        has_addresses: true,
        options: &[("lanloom.peers", "192.0.2.2,192.0.2.3"), ("com.docker.network.driver.mtu", "1500")],
        underlay: Some("192.0.2.1/24"),
    },
];

impl Kind {
    /// A network unlike those of other numbers: below 200.
    pub(crate) fn network(&self, number: u8) -> NetworkSpec {
        let pools = |pool: String, gateway: String| match self.has_addresses {
            true => vec![PoolData { pool: net(&pool), gateway: Some(net(&gateway)), auxiliary: [].into() }],
            false => Vec::new(),
        };
        NetworkSpec {
            id: format!("{number:02x}").repeat(32),
            name: format!("net{number}"),
            options: self.options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            v4: pools(format!("10.201.{number}.0/24"), format!("10.201.{number}.1/24")),
            v6: pools(format!("fd00:201:{number}::/64"), format!("fd00:201:{number}::1/64")),
            ..NetworkSpec::default()
        }
    }

    /// The network of that number with a pool more, if it has any.
    pub(crate) fn grown(&self, number: u8) -> NetworkSpec {
        let mut network = self.network(number);
        if self.has_addresses {
            let (pool, gateway) = (format!("10.202.{number}.0/24"), format!("10.202.{number}.1/24"));
            network.v4.push(PoolData { pool: net(&pool), gateway: Some(net(&gateway)), auxiliary: [].into() });
        }
        network
    }

    /// An endpoint of the network of that number, unlike those of other numbers there.
    pub(crate) fn endpoint(&self, network: u8, number: u8) -> EndpointSpec {
        let addresses = [format!("10.201.{network}.{number}/24"), format!("fd00:201:{network}::{number}/64")];
        EndpointSpec {
            id: format!("{network:02x}{number:02x}").repeat(16),
            name: format!("ep{number}"),
            addresses: addresses.iter().map(|text| net(text)).filter(|_| self.has_addresses).collect(),
            ..EndpointSpec::default()
        }
    }
}

pub(crate) fn net(text: &str) -> IpNet {
    text.parse().expect("a network")
}
