//! A thread reads a socket that tunnels share, and finds the port that each datagram is for.

use super::Tenant;
use super::losses::Losses;
use crate::engine::thread::Engine;
use crate::offload::packet_end;
use crate::sys::datagram::Received;
use crate::underlay::Place;
use lanloom_switch_core::vxlan::{HEADER_LEN, Vni, read_vni};
use lanloom_switch_core::{DropReason, Instant, PortId};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that may be on their way from one thread to another for one port; what comes then is lost before the switch.
const ON_THEIR_WAY_MAX: usize = 4 << 20;

/// Senders of what nobody here takes that are remembered.
const STRAYS: usize = 32;

/// A socket, and whose each network is.
pub(super) struct Reader {
    pub(super) place: Place,
    pub(super) socket: OwnedFd,
    routes: BTreeMap<Vni, Target>,
    /// The network that has been here longest: what belongs to none counts on its port.
    oldest: Vec<Vni>,
    /// What came for networks that are not here.
    strays: Vec<Stray>,
    /// Bytes of the longest message of the last call.
    pub(super) longest: usize,
    pub(super) losses: Losses,
}

/// Datagrams of a network that no tunnel here is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stray {
    /// Who sent them.
    pub from: IpAddr,
    /// Their network.
    pub vni: Vni,
    /// How many.
    pub datagrams: u64,
    /// When the last one came.
    pub last: Instant,
}

/// Whose a network is.
#[derive(Clone)]
pub(in crate::engine) enum Target {
    /// A port of this thread.
    Here { key: u32, port: PortId },
    /// A port of another.
    Elsewhere { tenant: Tenant, on_their_way: Arc<AtomicUsize> },
}

/// Datagrams of one peer that go to another thread.
pub(super) struct Parcel {
    from: IpAddr,
    tos: u8,
    size: usize,
    cut: Option<u16>,
    bytes: Vec<u8>,
    counted: Arc<AtomicUsize>,
}

impl Drop for Parcel {
    fn drop(&mut self) {
        self.counted.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

impl Parcel {
    pub(super) fn run(&self) -> Run<'_> {
        let network = read_vni(&self.bytes);
        Run { from: self.from, tos: self.tos, size: self.size, cut: self.cut, bytes: &self.bytes, network }
    }

    pub(super) fn counter() -> Arc<AtomicUsize> {
        Arc::default()
    }

    /// Takes copies, unless too much is on its way already.
    fn of(run: &Run<'_>, counter: &Arc<AtomicUsize>) -> Option<Self> {
        let before = counter.fetch_add(run.bytes.len(), Ordering::Relaxed);
        let Run { from, tos, size, cut, bytes, .. } = *run;
        let parcel = Self { from, tos, size, cut, bytes: bytes.to_vec(), counted: Arc::clone(counter) };
        (before < ON_THEIR_WAY_MAX).then_some(parcel)
    }
}

/// Datagrams of one peer and one network that stand behind each other, all of one size but the last.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) from: IpAddr,
    pub(super) tos: u8,
    pub(super) size: usize,
    /// It is one datagram with a super-frame inside, to be cut into so many bytes of payload each.
    pub(super) cut: Option<u16>,
    pub(super) bytes: &'a [u8],
    network: Result<Vni, DropReason>,
}

impl<'a> Run<'a> {
    /// Each of its datagrams. One may be empty, and ends like any other.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let empty = self.bytes.is_empty().then_some(self.bytes);
        empty.into_iter().chain(self.bytes.chunks(self.size))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.bytes.len().div_ceil(self.size).max(1)
    }
}

/// What a message is to be cut into that holds one super-frame. A tunnel of Linux's on the same machine hands over what its own senders
/// left uncut, and says the size of the segments inside where there otherwise stands that of the datagrams.
fn uncut_size(bytes: &[u8], size: usize) -> Option<u16> {
    let inside = bytes.get(HEADER_LEN..)?;
    let is_whole = size < bytes.len() && packet_end(inside) == Some(inside.len());
    u16::try_from(size).ok().filter(|_| is_whole)
}

/// The runs of a message: a peer's flows of several networks may share a source port, and were merged then.
pub(super) fn runs<'a>(message: &Received<'a>) -> impl Iterator<Item = Run<'a>> {
    let Received { from, mut bytes, size, tos } = *message;
    let cut = uncut_size(bytes, size);
    let size = if cut.is_some() { bytes.len() } else { size };
    let mut is_first = true;
    std::iter::from_fn(move || {
        let from = from?;
        // An empty datagram is a run as well.
        if !std::mem::take(&mut is_first) && bytes.is_empty() {
            return None;
        }
        let first = &bytes[..size.min(bytes.len())];
        let network = read_vni(first);
        let count = bytes.chunks(size).take_while(|datagram| read_vni(datagram) == network).count();
        let (run, rest) = bytes.split_at((count * size).min(bytes.len()));
        bytes = rest;
        Some(Run { from, tos, size, cut, bytes: run, network })
    })
}

impl Reader {
    pub(super) fn new(place: Place, socket: OwnedFd) -> Self {
        Self {
            place,
            socket,
            routes: BTreeMap::new(),
            oldest: Vec::new(),
            strays: Vec::new(),
            longest: 0,
            losses: Losses::default(),
        }
    }

    pub(super) fn set_route(&mut self, vni: Vni, target: Option<Target>) {
        self.oldest.retain(|other| *other != vni);
        match target {
            Some(target) => {
                self.oldest.push(vni);
                self.routes.insert(vni, target);
            }
            None => drop(self.routes.remove(&vni)),
        }
    }

    /// Keeps who sends what nobody here takes, the latest of them.
    pub(super) fn note_stray(&mut self, run: &Run<'_>, now: Instant) {
        let Ok(vni) = run.network else { return };
        let datagrams = run.count() as u64;
        if let Some(stray) = self.strays.iter_mut().find(|stray| stray.from == run.from && stray.vni == vni) {
            stray.datagrams += datagrams;
            stray.last = now;
            return;
        }
        let stray = Stray { from: run.from, vni, datagrams, last: now };
        if self.strays.len() < STRAYS {
            self.strays.push(stray);
        } else if let Some(oldest) = self.strays.iter_mut().min_by_key(|stray| stray.last) {
            *oldest = stray;
        }
    }

    pub(super) fn strays(&self) -> &[Stray] {
        &self.strays
    }

    /// Whose the network is that has been here longest.
    pub(super) fn longest_here(&self) -> Option<&Target> {
        self.oldest.first().and_then(|vni| self.routes.get(vni))
    }

    /// Whose a run is; whose it counts as, and why it is dropped, if it is nobody's. `None` if there is no tunnel at all.
    pub(super) fn target(&self, run: &Run<'_>) -> Option<(&Target, Option<DropReason>)> {
        match run.network {
            Ok(vni) => match self.routes.get(&vni) {
                Some(target) => Some((target, None)),
                None => Some((self.longest_here()?, Some(DropReason::VniUnknown))),
            },
            Err(reason) => Some((self.longest_here()?, Some(reason))),
        }
    }
}

/// Hands a run over to the thread of a port.
pub(super) fn hand_over(tenant: &Tenant, on_their_way: &Arc<AtomicUsize>, run: &Run<'_>) {
    let (key, port, datagrams) = (tenant.key, tenant.port, run.count() as u64);
    // A thread that has ended needs nothing any more.
    let _ = match Parcel::of(run, on_their_way) {
        Some(parcel) => tenant.thread.tell(move |engine: &mut Engine| engine.take_parcel(key, port, &parcel)),
        None => tenant.thread.tell(move |engine: &mut Engine| engine.record_overrun(key, port, datagrams)),
    };
}
