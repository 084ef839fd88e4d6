//! A house to try the controller in: a kernel and links in memory, real engine threads, a store that can be made to fail.

use crate::config::{Config, PortSettings, SwitchSettings};
use crate::controller::fabric::{Fabric, FdbPick, Keep, MadeTap, NewPort, Plugger, Refusal, Setup, Started};
use crate::names::{IfName, Name};
use crate::store::{Answer, Memory, Outcome, Range, Store, StoreError, Txn, Watch};
use lanloom_drivers::kernel::{self, FakeKernel, Kernel, LinkInfo, LinkKind, Netns, NetnsName, VethSpec};
use lanloom_switch_io::link::memory::{Bound, MemoryEnd, pair};
use lanloom_switch_io::link::{LinkError, Offloads};
use lanloom_switch_io::plug::{Plug, Source};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(in crate::controller) const PLUMBING: &str = "/fake/plumbing";

/// A store in memory that fails at the call that its countdown says.
#[derive(Debug)]
pub(in crate::controller) struct FlakyStore {
    inner: Memory,
    pub(in crate::controller) countdown: AtomicI64,
    /// Whether nothing can be read.
    pub(in crate::controller) is_blind: AtomicBool,
    /// What becomes of the call at which the countdown ends, and of those behind it.
    pub(in crate::controller) end: Mutex<End>,
    /// Told when a call was left without an answer.
    pub(in crate::controller) silent: tokio::sync::Notify,
}

/// What becomes of a call that is made to fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::controller) enum End {
    /// It fails; those behind it do not.
    #[default]
    Once,
    /// It fails, and so do all behind it.
    ForGood,
    /// It never answers, as if the daemon had been killed before it.
    KilledBefore,
    /// The same, when it is written.
    KilledAfter,
}

impl FlakyStore {
    pub(in crate::controller) fn new() -> Self {
        Self {
            inner: Memory::new(),
            countdown: AtomicI64::new(i64::MAX),
            is_blind: AtomicBool::new(false),
            end: Mutex::default(),
            silent: tokio::sync::Notify::new(),
        }
    }

    /// Lets so many calls pass, and ends so.
    pub(in crate::controller) fn fail_after(&self, calls: i64, end: End) {
        *self.end.lock().expect("no panic") = end;
        self.countdown.store(calls, Ordering::SeqCst);
    }

    /// No call fails any more. Answers whether one has.
    pub(in crate::controller) fn heal(&self) -> bool {
        self.countdown.swap(i64::MAX, Ordering::SeqCst) < 0
    }

    async fn never(&self) -> Result<Outcome, StoreError> {
        self.silent.notify_one();
        std::future::pending().await
    }

    async fn step(&self, txn: Txn) -> Result<Outcome, StoreError> {
        let left = self.countdown.fetch_sub(1, Ordering::SeqCst);
        let end = *self.end.lock().expect("no panic");
        match (left, end) {
            (1.., _) | (..0, End::Once) => self.inner.txn(txn).await,
            (0, End::Once) | (..=0, End::ForGood) => {
                let why = io::Error::other("injected");
                Err(StoreError::Failed { what: "write", file: "store.redb".into(), why, unknown: false })
            }
            (0, End::KilledAfter) => {
                self.inner.txn(txn).await?;
                self.never().await
            }
            (..=0, End::KilledBefore | End::KilledAfter) => self.never().await,
        }
    }
}

impl Store for FlakyStore {
    fn range<'a>(&'a self, prefix: &'a str) -> Answer<'a, Range> {
        if self.is_blind.load(Ordering::SeqCst) {
            let why = io::Error::other("injected");
            return Box::pin(async {
                Err(StoreError::Failed { what: "read", file: "store.redb".into(), why, unknown: false })
            });
        }
        self.inner.range(prefix)
    }

    fn txn(&self, txn: Txn) -> Answer<'_, Outcome> {
        Box::pin(self.step(txn))
    }

    fn watch(&self, prefix: &str, from_revision: u64) -> Box<dyn Watch> {
        self.inner.watch(prefix, from_revision)
    }
}

/// Ends in memory for links; TAPs exist in the kernel in memory, and go as real ones do.
pub(in crate::controller) struct FakePlugger {
    kernel: FakeKernel,
    numbers: AtomicU32,
    ends: Mutex<Vec<FakeEnd>>,
    pub(in crate::controller) fails: AtomicBool,
}

struct FakeEnd {
    source: Arc<Mutex<Option<Source>>>,
    name: IfName,
    other: MemoryEnd,
    kept: Arc<AtomicBool>,
}

struct FakeTap {
    name: IfName,
    end: MemoryEnd,
    kept: Arc<AtomicBool>,
    source: Arc<Mutex<Option<Source>>>,
}

struct FakeKeep(Arc<AtomicBool>);

impl Keep for FakeKeep {
    fn keep(&self) -> io::Result<()> {
        self.0.store(true, Ordering::SeqCst);
        Ok(())
    }
}

impl MadeTap for FakeTap {
    fn name(&self) -> &IfName {
        &self.name
    }

    fn plug(self: Box<Self>, source: Source) -> (Plug, Box<dyn Keep>) {
        *self.source.lock().expect("no panic") = Some(source);
        (Plug::Memory(self.end), Box::new(FakeKeep(self.kept)))
    }
}

impl Plugger for FakePlugger {
    fn make_tap(&self, netns: Option<&Path>, _: bool) -> io::Result<Box<dyn MadeTap>> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let name: IfName = format!("ll{}", self.numbers.fetch_add(1, Ordering::SeqCst)).parse().expect("a name");
        let netns = netns.map_or(Netns::Daemon, |path| Netns::At(path.to_owned()));
        self.kernel.create_tap(&netns, &kernel_name(name.as_str())).map_err(io::Error::other)?;
        let (end, other) = pair(Bound::default(), Offloads::ALL)?;
        let (kept, source) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
        let ours = FakeEnd { source: Arc::clone(&source), name: name.clone(), other, kept: Arc::clone(&kept) };
        self.ends.lock().expect("no panic").push(ours);
        Ok(Box::new(FakeTap { name, end, kept, source }))
    }

    fn open(&self, source: Source) -> Result<Plug, LinkError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(LinkError::Gone);
        }
        let (end, other) = pair(Bound::default(), Offloads::ALL).map_err(LinkError::Io)?;
        let name = source.ifname.parse().expect("a name");
        let source = Arc::new(Mutex::new(Some(source)));
        let ours = FakeEnd { source, name, other, kept: Arc::new(AtomicBool::new(true)) };
        self.ends.lock().expect("no panic").push(ours);
        Ok(Plug::Memory(end))
    }
}

pub(in crate::controller) fn kernel_name(name: &str) -> kernel::IfName {
    kernel::IfName::new(name).expect("a name")
}

pub(in crate::controller) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

pub(in crate::controller) fn port(name: Option<&str>, url: &str) -> NewPort {
    let name = name.map(|name| name.parse().expect("a name"));
    NewPort { name, url: url.parse().expect("a URL"), settings: PortSettings::default(), segment: 0 }
}

pub(in crate::controller) fn station(mac: &str) -> FdbPick {
    FdbPick::station(mac.parse().expect("an address"))
}

/// All that outlives a controller.
#[derive(Clone)]
pub(in crate::controller) struct House {
    pub(in crate::controller) kernel: FakeKernel,
    pub(in crate::controller) store: Arc<FlakyStore>,
    pub(in crate::controller) plugger: Arc<FakePlugger>,
}

impl House {
    /// With namespaces `a` and `b`, and an interface `eth9` of somebody's.
    pub(in crate::controller) async fn new() -> Self {
        let kernel = FakeKernel::new("/fake/netns");
        for netns in ["a", "b"] {
            kernel.create_netns(&NetnsName::new(netns).expect("a name")).await.expect("a new namespace");
        }
        kernel.create_tap(&Netns::Daemon, &kernel_name("eth9")).expect("a new interface");
        let store = Arc::new(FlakyStore::new());
        let (numbers, ends, fails) = (AtomicU32::new(0), Mutex::default(), AtomicBool::new(false));
        let plugger = Arc::new(FakePlugger { kernel: kernel.clone(), numbers, ends, fails });
        Self { kernel, store, plugger }
    }

    pub(in crate::controller) async fn start(&self) -> Fabric {
        let (controller, started) = self.start_with(Arc::new(self.kernel.clone()), "", false).await;
        assert_eq!(started.notes, Vec::<String>::new());
        controller
    }

    /// With a configuration file that says so.
    pub(in crate::controller) async fn start_with(
        &self,
        kernel: Arc<dyn Kernel>,
        config: &str,
        ephemeral: bool,
    ) -> (Fabric, Started) {
        let config = Config::parse(&format!("[daemon]\nengines = 1\n{config}")).expect("a good configuration");
        self.start_on(kernel, Some(config), ephemeral).await
    }

    pub(in crate::controller) async fn start_on(
        &self,
        kernel: Arc<dyn Kernel>,
        config: Option<Config>,
        ephemeral: bool,
    ) -> (Fabric, Started) {
        let (store, plugger) = (Arc::clone(&self.store) as Arc<dyn Store>, Arc::clone(&self.plugger) as Arc<dyn Plugger>);
        let setup = Setup {
            kernel,
            store,
            plugger,
            ephemeral,
            plumbing: Some(PLUMBING.into()),
            config,
            guards: Default::default(),
            remade: Default::default(),
        };
        Fabric::start(setup).await.expect("threads")
    }

    /// A controller with switch `s1` on it.
    pub(in crate::controller) async fn with_switch(&self) -> Fabric {
        let controller = self.start().await;
        controller.create_switch(name("s1"), SwitchSettings::default()).await.expect("a new switch");
        controller
    }

    /// A veth pair of somebody's: one end is `name` in that namespace, the other is among the daemon's interfaces.
    pub(in crate::controller) async fn somebodys_veth(&self, netns: &Netns, name: &str) {
        let (netns, peer_netns) = (netns.clone(), Netns::Daemon);
        let (name, peer_name) = (kernel_name(name), kernel_name(&format!("x-{name}")));
        let spec = VethSpec { netns, name, peer_netns, peer_name, mtu: 1500, mac: None, tx_queue_len: None };
        self.kernel.create_veth(&spec).await.expect("a new pair");
    }

    /// What is recorded of the interfaces that we made is left out.
    pub(in crate::controller) async fn records(&self) -> Vec<String> {
        let records = self.store.range("").await.expect("records").pairs;
        records.into_iter().map(|pair| pair.key).filter(|key| !key.starts_with("/lanloom/made/")).collect()
    }

    /// What nobody holds open and was not made to stay is gone, as in a real kernel.
    pub(in crate::controller) async fn settle(&self) {
        let ends: Vec<FakeEnd> = self.plugger.ends.lock().expect("no panic").drain(..).collect();
        for end in ends {
            let gone = matches!(end.other.recv_frame(Duration::ZERO), Err(LinkError::Closed));
            if gone && !end.kept.load(Ordering::SeqCst) {
                self.delete_tap(&end).await;
            }
            if !gone {
                self.plugger.ends.lock().expect("no panic").push(end);
            }
        }
    }

    /// The daemon's, and all that have a name.
    pub(in crate::controller) async fn namespaces(&self) -> Vec<Netns> {
        let named = self.kernel.list_netns().await.expect("namespaces");
        [Netns::Daemon].into_iter().chain(named.iter().map(|name| at(name))).collect()
    }

    async fn delete_tap(&self, end: &FakeEnd) {
        let moved = end.source.lock().expect("no panic").as_ref().map(|source| (source.ifname.clone(), source.netns.clone()));
        for netns in self.namespaces().await {
            let path = match &netns {
                Netns::At(path) => Some(path.clone()),
                Netns::Daemon | Netns::Held(_) => None,
            };
            let is_there = moved.as_ref().is_some_and(|(_, place)| *place == path);
            let has_moved = |link: &LinkInfo| is_there && moved.as_ref().is_some_and(|(ifname, _)| *ifname == link.name);
            let named = |link: &LinkInfo| link.name == end.name.as_str() || has_moved(link);
            let links = self.kernel.list_links(&netns).await.unwrap_or_default();
            for link in links.iter().filter(|link| named(link) && link.kind == LinkKind::Tun) {
                self.kernel.delete_link(&netns, &kernel_name(&link.name)).await.expect("a link");
            }
        }
    }

    /// Every interface, by namespace, name, kind and MTU, and every record.
    pub(in crate::controller) async fn traces(&self) -> Vec<String> {
        self.settle().await;
        let mut traces = Vec::new();
        for netns in [Netns::Daemon, at("a"), at("b"), Netns::At(PLUMBING.into())] {
            let links = self.kernel.list_links(&netns).await.unwrap_or_default();
            let told = |link: LinkInfo| format!("{netns} {} {:?} {}", link.name, link.kind, link.mtu);
            traces.extend(links.into_iter().filter(|link| link.kind != LinkKind::Loopback).map(told));
        }
        let records = self.store.range("").await.expect("records").pairs;
        traces.extend(records.into_iter().map(|pair| format!("{} {}", pair.key, String::from_utf8_lossy(&pair.value))));
        traces.sort();
        traces
    }
}

pub(in crate::controller) fn at(netns: &str) -> Netns {
    Netns::At(PathBuf::from("/fake/netns").join(netns))
}

/// What the controller shows: configuration, and what its engine has.
pub(in crate::controller) fn shown(controller: &Fabric) -> Vec<String> {
    let mut shown = vec![controller.config().to_toml()];
    for switch in controller.switches().expect("engines") {
        shown.push(format!("{} {:?} {}", switch.name, switch.status.limits, switch.status.ports));
        for port in controller.ports(&switch.name).expect("the switch") {
            shown.push(format!("{} {:?} {}", port.spec.name, port.state, port.mtu));
        }
        for entry in controller.fdb(&switch.name).expect("the switch") {
            shown.push(format!("{} {} {}", entry.mac, entry.port, entry.is_static));
        }
    }
    shown
}

pub(in crate::controller) fn why<T: std::fmt::Debug>(done: Result<T, Refusal>) -> String {
    done.expect_err("a refusal").to_string()
}
