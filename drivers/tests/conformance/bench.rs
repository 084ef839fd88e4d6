//! What a case of the suite acts on: a kernel, and what a test needs besides.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use lanloom_drivers::kernel::{Failing, FakeKernel, Faults, IfName, Kernel, LinuxKernel, Netns, NetnsName, VethSpec};

use super::tap::Tap;

/// Liveness only: nothing here takes a hundredth of it.
const DEADLINE: Duration = Duration::from_secs(20);

/// Which twin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twin {
    Fake,
    Failing,
    Linux,
}

/// A kernel with a directory of its own and names that no other test has.
pub(crate) struct Bench {
    pub(crate) kernel: Arc<dyn Kernel>,
    pub(crate) dir: PathBuf,
    fake: Option<FakeKernel>,
    unique: u32,
}

/// Keeps a TAP there until it is dropped.
pub(crate) type TapGuard = Box<dyn Any + Send>;

impl Bench {
    /// None if this process may not make namespaces: then it says so, and fails where nothing may be skipped.
    pub(crate) fn new(twin: Twin) -> Option<Self> {
        match twin {
            Twin::Fake | Twin::Failing => Some(Self::fake(twin)),
            Twin::Linux => may_make_namespaces().then(Self::linux),
        }
    }

    fn fake(twin: Twin) -> Self {
        let dir = PathBuf::from("/fake/netns");
        let fake = FakeKernel::new(&dir);
        let kernel: Arc<dyn Kernel> = match twin {
            Twin::Failing => Arc::new(Failing::new(Arc::new(fake.clone()), Faults::none())),
            Twin::Fake | Twin::Linux => Arc::new(fake.clone()),
        };
        Self { kernel, dir, fake: Some(fake), unique: unique() }
    }

    fn linux() -> Self {
        let unique = unique();
        let dir = PathBuf::from(format!("/run/lanloom-test-{}-{unique}", std::process::id()));
        Self { kernel: Arc::new(LinuxKernel::new(&dir)), dir, fake: None, unique }
    }

    fn is_linux(&self) -> bool {
        self.fake.is_none()
    }

    /// The twin in memory, if it is one.
    pub(crate) fn memory(&self) -> Option<&FakeKernel> {
        self.fake.as_ref()
    }

    /// Whether this machine lacks a program that the real kernel's case needs: then it says so, and fails where nothing may be
    /// skipped.
    pub(crate) fn lacks(&self, programs: &[&str]) -> bool {
        let has = |program: &str| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let dirs = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
            dirs.into_iter().any(|dir| dir.join(program).is_file())
        };
        let Some(missing) = programs.iter().find(|program| self.is_linux() && !has(program)) else { return false };
        assert!(std::env::var_os("CI").is_none(), "{missing} must be here where nothing may be skipped");
        eprintln!("skipped: this needs the program {missing}");
        true
    }

    pub(crate) async fn netns(&self, name: &str) -> Netns {
        self.kernel.create_netns(&netns_name(name)).await.expect("a namespace")
    }

    /// The kernel with a host's namespace that only this test has, and that namespace: what is done to a firewall is done there.
    pub(crate) async fn host(&self) -> (Arc<dyn Kernel>, Netns) {
        if !self.is_linux() {
            return (Arc::clone(&self.kernel), Netns::Daemon);
        }
        let netns = Netns::At(self.dir.join("host"));
        if !self.kernel.netns_exists(&netns).await.expect("a look") {
            self.netns("host").await;
        }
        (Arc::new(LinuxKernel::new(&self.dir).with_host(netns.clone())), netns)
    }

    /// A TAP in the daemon's namespace, with a name that nobody else there has.
    pub(crate) fn tap(&self) -> (IfName, TapGuard) {
        let name = self.tap_name();
        match &self.fake {
            Some(fake) => {
                fake.create_tap(&Netns::Daemon, &name).expect("a TAP in memory");
                (name, Box::new(()))
            }
            None => {
                let tap = Tap::create(name.as_str()).expect("a TAP; this needs /dev/net/tun");
                (name, Box::new(tap))
            }
        }
    }

    /// A TAP in another namespace.
    pub(crate) fn tap_in(&self, netns: &Netns) -> (IfName, TapGuard) {
        let name = self.tap_name();
        let tap: TapGuard = match &self.fake {
            Some(fake) => {
                fake.create_tap(netns, &name).expect("a TAP in memory");
                Box::new(())
            }
            None => {
                let tap = lanloom_switch_io::link::tap::Tap::open_in(Some(&netns.path()), name.as_str(), false);
                Box::new(tap.expect("a TAP; this needs /dev/net/tun"))
            }
        };
        (name, tap)
    }

    fn tap_name(&self) -> IfName {
        if_name(&format!("llt{}x{}", std::process::id() % 1_000_000, self.unique))
    }
}

impl Drop for Bench {
    /// Takes away whatever a failed test left.
    fn drop(&mut self) {
        if !self.is_linux() {
            return;
        }
        for entry in std::fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            while nix::mount::umount2(&entry.path(), nix::mount::MntFlags::MNT_DETACH).is_ok() {}
            let _ = std::fs::remove_file(entry.path());
        }
        while nix::mount::umount2(&self.dir, nix::mount::MntFlags::MNT_DETACH).is_ok() {}
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn may_make_namespaces() -> bool {
    let root = nix::unistd::geteuid().is_root();
    let may_skip = std::env::var_os("CI").is_none();
    assert!(root || may_skip, "this must run as root where nothing may be skipped");
    if !root {
        eprintln!("skipped: making network namespaces needs root");
    }
    root
}

fn unique() -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}

pub(crate) fn if_name(name: &str) -> IfName {
    IfName::new(name).expect("a valid name")
}

pub(crate) fn netns_name(name: &str) -> NetnsName {
    NetnsName::new(name).expect("a valid name")
}

/// A plain pair: `e0` in the one, `p0` in the other.
pub(crate) fn veth(netns: &Netns, peer_netns: &Netns) -> VethSpec {
    VethSpec {
        netns: netns.clone(),
        name: if_name("e0"),
        peer_netns: peer_netns.clone(),
        peer_name: if_name("p0"),
        mtu: 1500,
        mac: None,
        tx_queue_len: None,
    }
}

/// The interfaces of a namespace, without those that some kernels put into each.
pub(crate) async fn names(kernel: &dyn Kernel, netns: &Netns) -> Vec<String> {
    let links = kernel.list_links(netns).await.expect("interfaces");
    let ours = |name: &String| {
        !["tunl0", "sit0", "gre0", "gretap0", "erspan0", "ip6tnl0", "ip6gre0", "ip_vti0", "ip6_vti0"].contains(&name.as_str())
    };
    links.into_iter().map(|link| link.name).filter(ours).collect()
}

/// Waits until it is so.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < DEADLINE, "{what} did not come true within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
