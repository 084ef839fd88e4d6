//! A host: a namespace on the switch between the hosts, its daemon, and the sandbox that this makes.

use super::super::cast::{INTERFACE, prefix};
use super::super::inside::inside;
use super::super::line::Line;
use super::super::ping::ping;
use super::super::stage::Stage;
use super::daemon::{Daemon, Files};
use super::{NETWORK, SUBNETS, UNDERLAY};
use crate::api::client::Call;
use crate::api::types::{
    EndpointAsked, Ipam, IpamPool, NetworkCreate, NetworkMade, SandboxCreate, SandboxInfo, SandboxMade, SandboxNetwork,
};
use ipnet::IpNet;
use lanloom_drivers::kernel::Netns;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Marks the pings of sandboxes.
const PING: u16 = 10;

/// A host before it is made.
#[derive(Debug)]
pub(super) struct Plan {
    /// Its name, and its port's on the switch between the hosts.
    pub(super) name: &'static str,
    /// Its address among hosts, and the other's.
    pub(super) address: Ipv4Addr,
    pub(super) other: Ipv4Addr,
    /// Its sandbox.
    pub(super) sandbox: &'static str,
    /// Those of the network's addresses that it gives.
    ranges: [&'static str; 2],
}

/// Both.
pub(super) const PLANS: [Plan; 2] = [
    Plan {
        name: "west",
        address: Ipv4Addr::new(192, 0, 2, 1),
        other: Ipv4Addr::new(192, 0, 2, 2),
        sandbox: "shop",
        ranges: ["10.4.0.16/28", "fd00:4::10/124"],
    },
    Plan {
        name: "east",
        address: Ipv4Addr::new(192, 0, 2, 2),
        other: Ipv4Addr::new(192, 0, 2, 1),
        sandbox: "stock",
        ranges: ["10.4.0.32/28", "fd00:4::20/124"],
    },
];

/// A host that takes part.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) plan: &'static Plan,
    pub(super) netns: Netns,
    daemon: Daemon,
}

/// A sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sandbox {
    pub(super) name: &'static str,
    pub(super) netns: PathBuf,
    pub(super) interface: String,
    pub(super) v4: Ipv4Addr,
    pub(super) v6: Ipv6Addr,
}

impl Plan {
    /// Where its daemon has what is its own.
    pub(super) fn files(&self, folder: &Path) -> Files {
        let of = |what: &str| folder.join(format!("{}.{what}", self.name));
        Files { socket: of("sock"), sandboxes: of("sandboxes"), log: of("log") }
    }
}

impl Host {
    /// Makes its namespace, plugs it in, and starts its daemon.
    pub(super) fn create(stage: &mut Stage, plan: &'static Plan) -> Result<Self, String> {
        let name = format!("{}{}", prefix(), plan.name);
        let (netns, path) = (stage.create_namespace(&name)?, stage.netns_dir.join(&name));
        stage.board.add_port_to(UNDERLAY, plan.name, format!("veth://{INTERFACE}?netns={}", path.display()))?;
        stage.create_address(&netns, IpNet::new_assert(plan.address.into(), 24))?;
        let daemon = Daemon::start(stage.board.line().runtime(), &path, &plan.files(&stage.folder), plan.address)?;
        Ok(Self { plan, netns, daemon })
    }

    /// Waits until its daemon answers.
    pub(super) fn wait_for_daemon(&mut self) -> Result<(), String> {
        self.daemon.wait().map_err(|why| format!("the daemon of {}: {why}", self.plan.name))
    }

    /// Has its daemon make its part of the network.
    pub(super) fn create_network(&self, vni: u32) -> Result<(), String> {
        let pool = |(subnet, range): (&str, &str)| IpamPool {
            subnet: Some(subnet.to_owned()),
            ip_range: Some(range.to_owned()),
            ..IpamPool::default()
        };
        let pools = SUBNETS.into_iter().zip(self.plan.ranges).map(pool).collect();
        let options = [
            ("lanloom.peers".to_owned(), self.plan.other.to_string()),
            ("com.docker.network.driver.overlay.vxlanid_list".to_owned(), vni.to_string()),
        ];
        let body = NetworkCreate {
            name: NETWORK.to_owned(),
            driver: Some("overlay".to_owned()),
            enable_ipv6: Some(true),
            ipam: Some(Ipam { config: Some(pools), ..Ipam::default() }),
            options: Some(options.into()),
            ..NetworkCreate::default()
        };
        let call = Call::post("create network", NETWORK, &["v1", "networks"]).json(&body);
        self.line().ask::<NetworkMade>(call).map(drop)
    }

    /// Has its daemon make a sandbox on the network, with an endpoint of that kind.
    pub(super) fn create_sandbox(&self, kind: &str) -> Result<Sandbox, String> {
        let name = self.plan.sandbox;
        let endpoint =
            EndpointAsked { options: [("lanloom.endpoint".to_owned(), kind.to_owned())].into(), ..EndpointAsked::default() };
        let networks = vec![SandboxNetwork { network: NETWORK.to_owned(), endpoint }];
        let body = SandboxCreate { name: name.to_owned(), networks, ..SandboxCreate::default() };
        let call = Call::post("create sandbox", name, &["v1", "sandboxes"]).json(&body);
        self.line().ask::<SandboxMade>(call)?;
        let info = self.line().ask(Call::get("show sandbox", name, &["v1", "sandboxes", name]))?;
        Sandbox::of(name, &info).ok_or_else(|| format!("sandbox {name} has no interface with two addresses"))
    }

    /// Its daemon's socket.
    pub(super) fn line(&self) -> &Line {
        self.daemon.line()
    }

    /// Tells its daemon to end.
    pub(super) fn end(&self) {
        self.daemon.end();
    }

    /// Waits for the end of its daemon.
    pub(super) fn stop(self) -> Result<(), String> {
        self.daemon.stop()
    }
}

impl Sandbox {
    fn of(name: &'static str, info: &SandboxInfo) -> Option<Self> {
        let [endpoint] = &info.endpoints[..] else { return None };
        let addresses = || endpoint.addresses.iter().filter_map(|text| text.parse::<IpNet>().ok()).map(|net| net.addr());
        let v4 = addresses().find_map(|address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        })?;
        let v6 = addresses().find_map(|address| match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(address),
        })?;
        Some(Self { name, netns: info.netns.as_ref()?.into(), interface: endpoint.ifname.clone()?, v4, v6 })
    }

    /// Its addresses.
    pub(super) fn addresses(&self) -> [IpAddr; 2] {
        [self.v4.into(), self.v6.into()]
    }

    /// Asks `to` until it answers: how long that took.
    ///
    /// # Errors
    /// If it does not within `patience`.
    pub(super) fn ping(&self, to: IpAddr, patience: Duration) -> Result<Duration, String> {
        inside(&self.netns, || ping(to, PING, patience))
    }
}
