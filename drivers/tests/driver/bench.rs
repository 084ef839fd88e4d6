//! What a case acts on: a driver, and the kernel and the switches below it.

use std::fmt::Debug;
use std::process::Command;
use std::sync::Arc;

use lanloom_drivers::driver::{Driver, DriverError, DriverErrorKind, Fabric, FakeFabric, Join};
use lanloom_drivers::kernel::{
    Failing, FakeKernel, Faults, IfName, Kernel, KernelError, LinkChange, LinkInfo, LinuxKernel, Netns, NetnsName, SysctlKey,
    TableName,
};

use super::kinds::{Kind, net};

/// A driver and what is below it.
pub(crate) struct Bench {
    pub(crate) kind: &'static Kind,
    pub(crate) driver: Arc<dyn Driver>,
    /// The kernel, without failures.
    pub(crate) kernel: Arc<dyn Kernel>,
    pub(crate) fabric: Arc<FakeFabric>,
    fake: Option<FakeKernel>,
    heal: Box<dyn Fn()>,
}

/// All that can be seen from outside of what there is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    switches: Vec<(String, Vec<String>)>,
    interfaces: Vec<(String, Vec<String>)>,
    addresses: Vec<String>,
    forwarding: Vec<String>,
    tables: Vec<String>,
}

impl Bench {
    /// In memory.
    pub(crate) fn fake(kind: &'static Kind) -> Self {
        let kernel = FakeKernel::new("/fake/netns");
        let fabric = FakeFabric::in_memory(kernel.clone());
        Self::new(kind, [Arc::new(kernel.clone()), Arc::new(kernel.clone())], fabric, Some(kernel), || {})
    }

    /// In memory, where calls of the kernel and of switches fail.
    pub(crate) fn failing(kind: &'static Kind, seed: u64, probability: f64) -> Self {
        let kernel = FakeKernel::new("/fake/netns");
        let failing = Arc::new(Failing::new(Arc::new(kernel.clone()), Faults::new(seed, probability)));
        let fabric = FakeFabric::in_memory(kernel.clone()).with_faults(Faults::new(!seed, probability));
        let kernels: [Arc<dyn Kernel>; 2] = [Arc::new(kernel.clone()), failing.clone()];
        Self::new(kind, kernels, fabric, Some(kernel), move || failing.faults().heal())
    }

    /// For real, in a process whose namespaces are its own.
    pub(crate) fn real(kind: &'static Kind) -> Self {
        let kernel: Arc<dyn Kernel> = Arc::new(LinuxKernel::new("/run/netns"));
        Self::new(kind, [Arc::clone(&kernel), Arc::clone(&kernel)], FakeFabric::real(kernel), None, || {})
    }

    /// The same, where steps within calls of the kernel fail too.
    pub(crate) fn real_failing(kind: &'static Kind, seed: u64, probability: f64) -> Self {
        let kernel: Arc<dyn Kernel> = Arc::new(LinuxKernel::new("/run/netns"));
        let faults = Arc::new(Faults::new(seed, probability));
        let failing = Arc::new(LinuxKernel::with_faults("/run/netns", Arc::clone(&faults)));
        let fabric = FakeFabric::real(Arc::clone(&kernel)).with_faults(Faults::new(!seed, probability));
        Self::new(kind, [kernel, failing], fabric, None, move || faults.heal())
    }

    /// Above the second kernel; the first is for looking, and never fails.
    fn new(
        kind: &'static Kind,
        [kernel, below]: [Arc<dyn Kernel>; 2],
        fabric: FakeFabric,
        fake: Option<FakeKernel>,
        heal: impl Fn() + 'static,
    ) -> Self {
        let fabric = Arc::new(fabric);
        let driver = (kind.make)(below, Arc::clone(&fabric) as Arc<dyn Fabric>);
        Self { kind, driver, kernel, fabric, fake, heal: Box::new(heal) }
    }

    /// Has the host be what the driver needs it to be.
    pub(crate) async fn begin(&self) {
        let Some(address) = self.kind.underlay else { return };
        let lo = IfName::new("lo").expect("a valid name");
        let change = LinkChange { up: Some(true), ..LinkChange::default() };
        self.kernel.set_link(&Netns::Daemon, &lo, &change).await.expect("up");
        self.kernel.create_address(&Netns::Daemon, &lo, net(address)).await.expect("an address");
    }

    /// A driver that knows nothing yet, above the same kernel and switches: as after a restart.
    pub(crate) fn restart(&mut self) {
        self.driver = (self.kind.make)(Arc::clone(&self.kernel), Arc::clone(&self.fabric) as Arc<dyn Fabric>);
    }

    /// No call fails any more.
    pub(crate) fn heal(&self) {
        self.fabric.faults().heal();
        (self.heal)();
    }

    /// A sandbox's namespace, and an interface's name there.
    pub(crate) async fn sandbox(&self, name: &str) -> Join {
        let name = NetnsName::new(name).expect("a valid name");
        let netns = self.kernel.create_netns(&name).await.expect("a namespace");
        Join { netns: Some(netns.path()), ifname: "eth0".to_owned() }
    }

    /// The interface that a join asked for, if it is there.
    pub(crate) async fn interface(&self, join: &Join) -> Option<LinkInfo> {
        self.kernel.link(&place(join), &IfName::new(&join.ifname).expect("a valid name")).await.ok()
    }

    /// Everything that there is.
    pub(crate) async fn seen(&self) -> Seen {
        let mut switches = Vec::new();
        for switch in self.fabric.switches().await {
            let ports = self.fabric.ports(&switch).await.expect("its ports");
            switches.push((switch, ports));
        }
        let mut interfaces = vec![("the daemon's".to_owned(), self.names(&Netns::Daemon).await)];
        for name in self.kernel.list_netns().await.expect("namespaces") {
            let names = self.names(&self.kernel.netns(&name).expect("a valid name")).await;
            interfaces.push((name, names));
        }
        let addresses = self.kernel.list_addresses_all(&Netns::Daemon).await.expect("addresses");
        let addresses = addresses.into_iter().map(|(name, address)| format!("{address} dev {name}")).collect();
        let (forwarding, tables) = (self.forwarding().await, self.tables());
        Seen { switches, interfaces, addresses, forwarding, tables }
    }

    async fn names(&self, netns: &Netns) -> Vec<String> {
        let links = self.kernel.list_links(netns).await.expect("interfaces");
        links.into_iter().map(|link| link.name).collect()
    }

    /// Whether the host forwards, by family.
    pub(crate) async fn forwarding(&self) -> Vec<String> {
        let mut values = Vec::new();
        for key in ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"] {
            values.push(self.sysctl(key).await.expect("a setting"));
        }
        values
    }

    /// A setting of the daemon's namespace.
    pub(crate) async fn sysctl(&self, key: &str) -> Result<String, KernelError> {
        self.kernel.sysctl(&Netns::Daemon, &SysctlKey::new(key).expect("a valid key")).await
    }

    /// The tables that the firewall has of ours.
    fn tables(&self) -> Vec<String> {
        let ours = ["lanloom-test", "lanloom-test-forwards"];
        let is_there = |name: &&str| match &self.fake {
            Some(fake) => fake.firewall(&TableName::new(name).expect("a valid name")).is_some(),
            None => nft_lists(name),
        };
        ours.into_iter().filter(is_there).map(str::to_owned).collect()
    }
}

/// Whether `nft`, if it is installed, knows the table.
fn nft_lists(table: &str) -> bool {
    let listed = Command::new("nft").args(["list", "table", "inet", table]).output();
    listed.is_ok_and(|output| output.status.success())
}

fn place(join: &Join) -> Netns {
    join.netns.clone().map_or(Netns::Daemon, Netns::At)
}

/// That it was refused, and how.
pub(crate) fn refused<T: Debug>(result: Result<T, DriverError>, kind: DriverErrorKind) -> DriverError {
    let error = result.expect_err("it is to be refused");
    assert_eq!(error.kind, kind, "{error}");
    assert!(!error.hint.is_empty() && !error.why.is_empty(), "{error:?}");
    error
}
