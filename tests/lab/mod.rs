//! A switch on engine threads, and hosts in network namespaces of their own, for tests on the real kernel.
//!
//! Interfaces are made as the daemon makes them: veths by the kernel layer with their host ends in a plumbing namespace, TAPs
//! in the daemon's namespace and moved from there. Everything is gone when it is dropped, also after a failure.

#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod file;
pub(crate) mod sandbox;
pub(crate) mod stream;
pub(crate) mod wire;

use lanloom_drivers::kernel::{IfName, Kernel, KernelError, LinuxKernel, Netns, TapMove, VethSpec};
use lanloom_switch_core::{Counters, DropReason, MacAddr, PortConfig, PortId, SwitchConfig};
use lanloom_switch_io::engine::{EngineConfig, Engines, PortState, SwitchHandle};
use lanloom_switch_io::link::memory::{Bound, MemoryEnd, pair};
use lanloom_switch_io::link::plain_tap::PlainTap;
use lanloom_switch_io::link::tap::Tap;
use lanloom_switch_io::link::{Link, Offloads};
use lanloom_switch_io::plug::{Plug, Source, SourceKind};
pub(crate) use sandbox::Sandbox;
use std::cell::Cell;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

/// Liveness only: what is tested comes within milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

static NAMES: AtomicU32 = AtomicU32::new(0);

/// What a host is plugged in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tap,
    PlainTap,
    Veth,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Tap, Self::PlainTap, Self::Veth];

    /// Whether super-frames pass it uncut.
    pub(crate) fn offloads(self) -> bool {
        self != Self::PlainTap
    }

    pub(crate) fn source(self, netns: &Netns, ifname: &str, persist: bool) -> Source {
        let kind = match self {
            Self::Tap => SourceKind::Tap { offload: true, persist },
            Self::PlainTap => SourceKind::Tap { offload: false, persist },
            Self::Veth => SourceKind::Packet,
        };
        Source { ifname: ifname.to_owned(), netns: Some(netns.path()), kind, label: None }
    }
}

/// A switch, the threads that it runs on, and the kernel.
pub(crate) struct Lab {
    pub(crate) switch: SwitchHandle,
    pub(crate) engines: Engines,
    pub(crate) kernel: LinuxKernel,
    pub(crate) plumbing: Netns,
    runtime: Runtime,
    hosts: Cell<u8>,
}

/// A station on the lab's switch, with `e0` in a namespace of its own.
pub(crate) struct Host {
    pub(crate) sandbox: Sandbox,
    pub(crate) port: PortId,
    pub(crate) kind: Kind,
    pub(crate) mac: MacAddr,
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
}

impl Host {
    pub(crate) fn addresses(&self) -> [IpAddr; 2] {
        [self.v4.into(), self.v6.into()]
    }
}

impl Lab {
    /// None if this process may not make namespaces: then it says so, and fails where nothing may be skipped.
    pub(crate) fn new() -> Option<Self> {
        if !sandbox::may_make_namespaces() {
            return None;
        }
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let kernel = LinuxKernel::new(sandbox::NETNS_DIR);
        let plumbing = runtime.block_on(kernel.open_plumbing(None)).expect("a plumbing namespace");
        let engines = Engines::start(EngineConfig { threads: 2, ..EngineConfig::default() }).expect("threads");
        let switch = engines.create_switch("s", SwitchConfig::default()).expect("a switch");
        Some(Self { switch, engines, kernel, plumbing, runtime, hosts: Cell::new(0) })
    }

    /// The kernel's answer, waited for.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = Result<T, KernelError>>) -> T {
        self.runtime.block_on(work).expect("the kernel does it")
    }

    /// A host with an address of each family, on a port that is up.
    pub(crate) fn host(&self, kind: Kind) -> Host {
        self.host_with(kind, 1500, PortConfig::default())
    }

    pub(crate) fn host_with(&self, kind: Kind, mtu: u32, config: PortConfig) -> Host {
        let host = self.host_in(Sandbox::new(), kind, mtu, config);
        self.address(&host, &format!("{}/64", host.v6));
        host
    }

    /// A host that says nothing by itself: without IPv6.
    pub(crate) fn quiet_host(&self, kind: Kind, config: PortConfig) -> Host {
        self.host_in(Sandbox::quiet(), kind, 1500, config)
    }

    fn host_in(&self, sandbox: Sandbox, kind: Kind, mtu: u32, config: PortConfig) -> Host {
        self.hosts.set(self.hosts.get() + 1);
        let number = self.hosts.get();
        let port = self.plug(&self.switch, kind, &sandbox, "e0", mtu, config);
        let (v4, v6) = (Ipv4Addr::new(10, 7, 0, number), Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, number.into()));
        let link = self.wait(self.kernel.link(&sandbox.netns, &if_name("e0")));
        let host = Host { sandbox, port, kind, mac: link.mac.expect("an Ethernet interface"), v4, v6 };
        self.address(&host, &format!("{v4}/24"));
        self.until_up(&self.switch, port);
        host
    }

    fn address(&self, host: &Host, address: &str) {
        let address = address.parse().expect("an address");
        self.wait(self.kernel.create_address(&host.sandbox.netns, &if_name("e0"), address));
    }

    /// Makes an interface of the kind in the sandbox and plugs it into a port of the switch.
    pub(crate) fn plug(
        &self,
        switch: &SwitchHandle,
        kind: Kind,
        sandbox: &Sandbox,
        ifname: &str,
        mtu: u32,
        config: PortConfig,
    ) -> PortId {
        let number = NAMES.fetch_add(1, Ordering::Relaxed);
        let plug = if kind == Kind::Veth {
            let peer = format!("p{number}");
            self.wait(self.kernel.create_veth(&VethSpec {
                netns: sandbox.netns.clone(),
                name: if_name(ifname),
                peer_netns: self.plumbing.clone(),
                peer_name: if_name(&peer),
                mtu,
                mac: None,
                tx_queue_len: None,
            }));
            Plug::Interface(kind.source(&self.plumbing, &peer, false), None)
        } else {
            let from = format!("llt{}x{number}", std::process::id() % 1_000_000);
            let link: Box<dyn Link> = match kind {
                Kind::Tap => Box::new(Tap::open(&from, false).expect("a TAP")),
                Kind::PlainTap | Kind::Veth => Box::new(PlainTap::open(&from, false).expect("a TAP")),
            };
            let (netns, name) = (sandbox.netns.clone(), if_name(ifname));
            let tap = TapMove { home: Netns::Daemon, from: if_name(&from), netns, name, mtu, mac: None, tx_queue_len: None };
            self.wait(self.kernel.move_tap(&tap));
            Plug::Interface(kind.source(&sandbox.netns, ifname, false), Some(link))
        };
        switch.add_port(&format!("p{number}"), &format!("{kind:?}"), plug, config).expect("a port")
    }

    /// Plugs one end of a link in memory into a port, and answers the other.
    pub(crate) fn memory(&self, offloads: Offloads) -> (PortId, MemoryEnd) {
        let bound = Bound { frames: 4096, bytes: 16 << 20 };
        let (ours, theirs) = pair(bound, offloads).expect("descriptors");
        let name = format!("m{}", NAMES.fetch_add(1, Ordering::Relaxed));
        let port = self.switch.add_port(&name, "memory", Plug::Memory(theirs), PortConfig::default()).expect("a port");
        (port, ours)
    }

    pub(crate) fn until_up(&self, switch: &SwitchHandle, port: PortId) {
        until("the port up", || {
            let ports = switch.ports().expect("the switch");
            ports.iter().any(|status| status.id == port && status.state == PortState::Up)
        });
    }

    pub(crate) fn counters(&self, port: PortId) -> Counters {
        counters(&self.switch, port)
    }
}

pub(crate) fn counters(switch: &SwitchHandle, port: PortId) -> Counters {
    let all = switch.counters().expect("the switch");
    all.into_iter().find(|(id, ..)| *id == port).map(|(.., counters)| counters).expect("the port")
}

/// The accounting law, on every port of a switch: rx = forwarded + consumed + dropped.
pub(crate) fn assert_the_law_holds(switch: &SwitchHandle) {
    for (_, name, counters) in switch.counters().expect("the switch") {
        let ended = counters.forwarded + counters.consumed + counters.rx_dropped();
        assert_eq!(counters.rx.frames, ended, "{name}: {counters:?}");
    }
}

/// Everything that was dropped on a port, by reason, to print.
pub(crate) fn drops(counters: &Counters) -> Vec<(DropReason, u64)> {
    counters.drops().collect()
}

pub(crate) fn if_name(name: &str) -> IfName {
    IfName::new(name).expect("a valid name")
}

/// Waits until something holds.
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not come within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
