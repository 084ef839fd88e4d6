//! A service over switches that no kernel knows of: switch `s1` with port `p1` in memory, and namespace `a`; networks `web`, with
//! sandboxes `one` and `two` on it and endpoint `free` in none, and `back`, with nobody.

use lanloom::api::service::{About, Service};
use lanloom::config::{Config, SwitchSettings};
use lanloom::controller::model::{NewEndpoint, NewNetwork, NewSandbox};
use lanloom::controller::{Controller, Guards, Keep, MadeTap, Networking, Plugger, Setup};
use lanloom::names::{IfName, Name};
use lanloom::store::Memory;
use lanloom_drivers::kernel::{self, FakeKernel, Kernel, Netns, NetnsName};
use lanloom_switch_io::link::memory::{Bound, MemoryEnd, pair};
use lanloom_switch_io::link::{LinkError, Offloads};
use lanloom_switch_io::plug::{Plug, Source};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// What is written for sandboxes goes below `home`.
pub(crate) async fn service(home: &Path) -> Service {
    let kernel = FakeKernel::new("/fake/netns");
    kernel.create_netns(&NetnsName::new("a").expect("a name")).await.expect("a new namespace");
    let setup = Setup {
        kernel: Arc::new(kernel.clone()),
        store: Arc::new(Memory::new()),
        plugger: Arc::new(MemoryPlugger { kernel, numbers: AtomicU32::new(0) }),
        ephemeral: true,
        plumbing: None,
        config: Some(Config::parse("[daemon]\nengines = 1\n").expect("a good configuration")),
        guards: Guards::default(),
        remade: Default::default(),
    };
    let networking = Networking::of(&home.join("netns"), &home.join("state"));
    let (controller, _) = Controller::start(setup, networking).await.expect("threads");
    furnish(&controller).await;
    let probe = Box::new(|| Box::pin(async { Vec::new() }) as _);
    Service::new(controller, About { socket: "/fake.sock".into(), state: None, store: "memory", config: None, probe })
}

async fn furnish(controller: &Controller) {
    let name = |text: &str| text.parse::<Name>().expect("a name");
    controller.fabric().create_switch(name("s1"), SwitchSettings::default()).await.expect("a new switch");
    let (end, _) = pair(Bound::default(), Offloads::ALL).expect("two ends");
    controller.fabric().add_memory_port(name("s1"), name("p1"), end).await.expect("a new port");
    for network in ["web", "back"] {
        controller.create_network(name(network), NewNetwork::default()).await.expect("a new network");
    }
    for sandbox in ["one", "two"] {
        let on = vec![("web".to_owned(), NewEndpoint::default())];
        controller.create_sandbox(name(sandbox), NewSandbox::default(), on).await.expect("a new sandbox");
    }
    controller.create_endpoint("web".to_owned(), name("free"), NewEndpoint::default()).await.expect("a new endpoint");
}

/// Plugs ends in memory into ports; what it makes exists in the kernel in memory.
struct MemoryPlugger {
    kernel: FakeKernel,
    numbers: AtomicU32,
}

struct MemoryTap {
    name: IfName,
    end: MemoryEnd,
}

struct Kept;

impl Plugger for MemoryPlugger {
    fn make_tap(&self, netns: Option<&Path>, _: bool) -> io::Result<Box<dyn MadeTap>> {
        let text = format!("ll{}", self.numbers.fetch_add(1, Ordering::Relaxed));
        let netns = netns.map_or(Netns::Daemon, |path| Netns::At(path.to_owned()));
        self.kernel.create_tap(&netns, &kernel::IfName::new(&text).expect("a name")).map_err(io::Error::other)?;
        let (end, _) = pair(Bound::default(), Offloads::ALL)?;
        Ok(Box::new(MemoryTap { name: text.parse().expect("a name"), end }))
    }

    fn open(&self, _: Source) -> Result<Plug, LinkError> {
        let (end, _) = pair(Bound::default(), Offloads::ALL).map_err(LinkError::Io)?;
        Ok(Plug::Memory(end))
    }
}

impl MadeTap for MemoryTap {
    fn name(&self) -> &IfName {
        &self.name
    }

    fn plug(self: Box<Self>, _: Source) -> (Plug, Box<dyn Keep>) {
        (Plug::Memory(self.end), Box::new(Kept))
    }
}

impl Keep for Kept {
    fn keep(&self) -> io::Result<()> {
        Ok(())
    }
}
