//! A thread that hears of addresses, routes and interfaces, and has tunnel ports follow: one whose underlay is not there waits and
//! says why, and every one carries what its paths do.

use super::book::{Book, Tenant};
use super::paths::Paths;
use crate::clock;
use crate::holder::holder;
use crate::link::vxlan::Vxlan;
use crate::sys::interface;
use crate::sys::netlink::AddressListener;
use lanloom_switch_core::MacAddr;
use lanloom_switch_core::vxlan::VtepConfig;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// How long changes gather before they are looked at: one command makes several.
const GATHER: Duration = Duration::from_millis(20);

/// How often a tunnel that waits for a UDP port of somebody's is tried, as nobody tells when that is free.
const RETRY: u16 = 2_000;

/// How often paths are looked at besides: of what a router tells about them, nobody hears.
const LOOK: u16 = 30_000;

/// All tunnel ports, and the thread that follows for them.
pub(in crate::engine) struct Keeper {
    pub(super) book: Book,
    kept: Mutex<Kept>,
    bell: EventFd,
}

#[derive(Default)]
struct Kept {
    tunnels: Vec<Tunnel>,
    running: bool,
    stopped: bool,
}

/// One tunnel port.
struct Tunnel {
    tenant: Tenant,
    config: VtepConfig,
    /// What was set by hand.
    entries: Vec<(MacAddr, IpAddr)>,
    seed: u64,
    is_open: bool,
    /// The number of the interface by which its group was joined.
    group_by: Option<u32>,
    /// What the kernel said last when it was not opened.
    failed: Option<Errno>,
    /// What its port was told last.
    told: Option<(u32, Option<String>)>,
}

impl Keeper {
    pub(in crate::engine) fn new() -> io::Result<Arc<Self>> {
        let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        Ok(Arc::new(Self { book: Book::default(), kept: Mutex::default(), bell }))
    }

    /// Opens a port's tunnel, and follows for it from now on. The port's state is right when this returns. One that `waits` is kept
    /// even if it cannot be opened, down and with the reason.
    ///
    /// # Errors
    /// What keeps it from being opened, unless it waits.
    pub(in crate::engine) fn add(
        self: &Arc<Self>,
        tenant: Tenant,
        config: VtepConfig,
        seed: u64,
        waits: bool,
    ) -> io::Result<()> {
        let mut tunnel =
            Tunnel { tenant, config, entries: Vec::new(), seed, is_open: false, group_by: None, failed: None, told: None };
        let mut kept = self.kept();
        if !kept.running {
            let keeper = Arc::downgrade(self);
            let listener = AddressListener::open()?;
            std::thread::Builder::new().name("tunnels".into()).spawn(move || run(&keeper, &listener))?;
            kept.running = true;
        }
        match tunnel.open(&self.book, &mut Paths::default()) {
            Err(error) if !waits => return Err(error),
            Err(error) => tunnel.fail(&error),
            Ok(()) => {}
        }
        kept.tunnels.push(tunnel);
        drop(kept);
        self.ring();
        Ok(())
    }

    /// Closes the tunnels of a port or a switch, and follows for them no longer.
    pub(in crate::engine) fn remove(&self, is_it: impl Fn(&Tenant) -> bool) {
        self.kept().tunnels.retain(|tunnel| !is_it(&tunnel.tenant));
        self.book.remove(is_it);
    }

    /// Changes the peers of a tunnel.
    pub(in crate::engine) fn set_peers(&self, tenant: &Tenant, peers: &[IpAddr]) {
        if let Some(tunnel) = self.kept().tunnels.iter_mut().find(|tunnel| tunnel.tenant.is(tenant)) {
            tunnel.config.peers = peers.to_vec();
        }
        self.ring();
    }

    /// Keeps, or no longer keeps, an entry that was set by hand, for when the tunnel is opened anew. Answers whether it was kept before,
    /// and whether the tunnel is open.
    pub(in crate::engine) fn set_entry(&self, tenant: &Tenant, entry: (MacAddr, IpAddr), there: bool) -> (bool, bool) {
        let mut kept = self.kept();
        let Some(tunnel) = kept.tunnels.iter_mut().find(|tunnel| tunnel.tenant.is(tenant)) else { return (false, false) };
        let before = tunnel.entries.contains(&entry);
        tunnel.entries.retain(|other| *other != entry);
        if there {
            tunnel.entries.push(entry);
        }
        (before, tunnel.is_open)
    }

    /// What a tunnel was made with, as it is now, and the bytes of payload that it carries, if that is known.
    pub(in crate::engine) fn config(&self, tenant: &Tenant) -> Option<(VtepConfig, Option<u32>)> {
        let kept = self.kept();
        let tunnel = kept.tunnels.iter().find(|tunnel| tunnel.tenant.is(tenant))?;
        let mtu = tunnel.told.as_ref().map(|(mtu, _)| *mtu).filter(|mtu| *mtu != u32::MAX);
        Some((tunnel.config.clone(), mtu))
    }

    /// Changes the ageing time of these tunnels, in seconds, for when they are opened anew.
    pub(in crate::engine) fn set_ageing(&self, is_it: impl Fn(&Tenant) -> bool, secs: u32) {
        for tunnel in self.kept().tunnels.iter_mut().filter(|tunnel| is_it(&tunnel.tenant)) {
            tunnel.config.ageing_secs = secs;
        }
    }

    /// Counts what the kernel lost of what was sent to tunnels.
    pub(in crate::engine) fn note_losses(&self) {
        self.book.note_losses();
    }

    pub(in crate::engine) fn stop(&self) {
        self.kept().stopped = true;
        self.ring();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ring(&self) {
        // Fails only if it has rung 2^64 times unheard.
        let _ = self.bell.write(1);
    }

    /// Has every tunnel as it is to be now. Answers when to look again at the latest, in milliseconds; `None` if it is stopped.
    fn look(&self) -> Option<u16> {
        let mut kept = self.kept();
        if kept.stopped {
            return None;
        }
        let mut paths = Paths::default();
        for tunnel in &mut kept.tunnels {
            if tunnel.is_open && tunnel.lost_its_group() {
                tunnel.close(&self.book);
            }
            if tunnel.is_open {
                tunnel.tell(paths.look(&tunnel.config));
            } else if let Err(error) = tunnel.open(&self.book, &mut paths) {
                tunnel.fail(&error);
            }
        }
        Some(if kept.tunnels.iter().all(|tunnel| tunnel.is_open) { LOOK } else { RETRY })
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Keeper")
    }
}

impl Tunnel {
    /// Opens it and plugs it in, with what was set by hand.
    fn open(&mut self, book: &Book, paths: &mut Paths) -> io::Result<()> {
        self.group_by = group_index(&self.config)?;
        let mut vxlan = book.open(&self.tenant, &self.config, (self.seed, self.group_by))?;
        self.set_all(&mut vxlan);
        let state = paths.look(&self.config);
        let (key, port, plugged) = (self.tenant.key, self.tenant.port, state.clone());
        let attached = self.tenant.thread.ask(move |engine| engine.attach_looked_at(key, port, Box::new(vxlan), plugged));
        let attached = attached.map_err(|gone| io::Error::other(gone.to_string())).and_then(|attached| attached);
        if let Err(error) = attached {
            book.remove(|tenant| tenant.is(&self.tenant));
            return Err(error);
        }
        book.admit(&self.tenant, &self.config);
        (self.is_open, self.failed, self.told) = (true, None, Some(state));
        Ok(())
    }

    /// Whether the interface is another by now, or gone, by which its group was joined: what it had joined went with it.
    fn lost_its_group(&self) -> bool {
        group_index(&self.config).ok() != Some(self.group_by)
    }

    /// Pulls it out, until it is opened anew.
    fn close(&mut self, book: &Book) {
        book.remove(|tenant| tenant.is(&self.tenant));
        let (key, port) = (self.tenant.key, self.tenant.port);
        // A switch that is gone has nothing left to close.
        let link = self.tenant.thread.ask(move |engine| engine.detach(key, port));
        drop(link);
        self.is_open = false;
    }

    fn set_all(&self, vxlan: &mut Vxlan) {
        for (mac, dst) in &self.entries {
            // Each was taken before, by a tunnel end such as this one.
            let _ = vxlan.vtep_mut().set_entry(clock::now(), *mac, *dst);
        }
    }

    /// Tells its port why it was not opened. Who is in the way is looked for once and not at every try, as it takes long.
    fn fail(&mut self, error: &io::Error) {
        let errno = error.raw_os_error().map(Errno::from_raw);
        if errno.is_none() || errno != self.failed {
            self.failed = errno;
            self.tell((u32::MAX, Some(self.in_words(error, errno))));
        }
    }

    fn in_words(&self, error: &io::Error, errno: Option<Errno>) -> String {
        let VtepConfig { local, port, group, .. } = &self.config;
        match (errno, group) {
            (Some(Errno::EADDRINUSE), _) => match holder(SocketAddr::new(*local, *port)) {
                Ok(Some(holder)) => format!("UDP port {port} is held by {holder}"),
                Ok(None) | Err(_) => format!("UDP port {port} is in use"),
            },
            (Some(Errno::EADDRNOTAVAIL), _) => format!("no interface here has the address {local}"),
            (Some(Errno::ENODEV), Some(group)) => format!("there is no interface {}", group.ifname),
            (Some(_) | None, _) => error.to_string(),
        }
    }

    /// Tells its port how it is, if that is new.
    fn tell(&mut self, state: (u32, Option<String>)) {
        if self.told.as_ref() == Some(&state) {
            return;
        }
        self.told = Some(state.clone());
        let (key, port) = (self.tenant.key, self.tenant.port);
        // A switch that is gone needs it no longer.
        let _ = self.tenant.thread.ask(move |engine| engine.set_looked_at(key, port, state));
    }
}

/// The number of the interface by which a group is reached; none without a group.
fn group_index(config: &VtepConfig) -> io::Result<Option<u32>> {
    let Some(group) = &config.group else { return Ok(None) };
    Ok(Some(interface::index_of(&group.ifname)?.ok_or(Errno::ENODEV)?))
}

fn run(keeper: &Weak<Keeper>, listener: &AddressListener) {
    loop {
        let Some(held) = keeper.upgrade() else { return };
        listener.forget();
        let Some(again) = held.look() else { return };
        let mut fds = [PollFd::new(held.bell.as_fd(), PollFlags::POLLIN), PollFd::new(listener.fd(), PollFlags::POLLIN)];
        // Interrupted: it is looked at once too often.
        let woken = poll(&mut fds, PollTimeout::from(again)).unwrap_or(0);
        // Silent if it was not the bell.
        let _ = held.bell.read();
        drop(held);
        if woken > 0 {
            std::thread::sleep(GATHER);
        }
    }
}
