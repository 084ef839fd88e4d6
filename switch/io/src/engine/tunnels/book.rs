//! Who shares what: underlays, the sockets that receive for them, and the tunnel ports on both.

use super::reader::{Parcel, Reader, Stray, Target};
use crate::engine::mailbox::Mailbox;
use crate::link::vxlan::Vxlan;
use crate::underlay::{Place, Underlay, receiver};
use lanloom_switch_core::PortId;
use lanloom_switch_core::vxlan::{Vni, Vtep, VtepConfig};
use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whose tunnel it is.
#[derive(Clone)]
pub(in crate::engine) struct Tenant {
    pub(in crate::engine) thread: Arc<Mailbox>,
    pub(in crate::engine) key: u32,
    pub(in crate::engine) port: PortId,
}

/// All underlays and tunnels of all threads.
#[derive(Default)]
pub(in crate::engine) struct Book {
    pages: Mutex<Pages>,
}

#[derive(Default)]
struct Pages {
    underlays: BTreeMap<(IpAddr, u16), Arc<Underlay>>,
    rooms: BTreeMap<Place, Room>,
}

/// A place that datagrams are received at, the thread that reads it, and the networks that are received there.
struct Room {
    reader: Arc<Mailbox>,
    tenants: BTreeMap<Vni, Tenant>,
}

impl Tenant {
    pub(in crate::engine) fn is(&self, other: &Self) -> bool {
        self.is_of(&other.thread, other.key) && self.port == other.port
    }

    /// Whether it is one of that switch.
    pub(in crate::engine) fn is_of(&self, thread: &Arc<Mailbox>, key: u32) -> bool {
        Arc::ptr_eq(&self.thread, thread) && self.key == key
    }
}

impl Book {
    /// Opens a tunnel for a port, its hashes from `seed` on, its group by the interface of that number: the sockets that nobody opened
    /// before, and the link. Its datagrams come in from [`Book::admit`] on.
    ///
    /// # Errors
    /// `EEXIST` if a tunnel of that network is there already, else the kernel's.
    pub(in crate::engine) fn open(
        &self,
        tenant: &Tenant,
        config: &VtepConfig,
        (seed, group_by): (u64, Option<u32>),
    ) -> io::Result<Vxlan> {
        let mut pages = self.pages();
        let places = places(config);
        if places.iter().any(|place| pages.rooms.get(place).is_some_and(|room| room.tenants.contains_key(&config.vni))) {
            let why = format!("there is a tunnel of network {} at {} already", config.vni, config.local);
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        let opened = pages.take_in(tenant, config, &places);
        let vxlan = opened.and_then(|underlay| Vxlan::new(Vtep::new(config.clone(), seed), underlay, seed, group_by));
        if vxlan.is_err() {
            pages.clear();
        }
        vxlan
    }

    /// From now on the port gets what is for it.
    pub(in crate::engine) fn admit(&self, tenant: &Tenant, config: &VtepConfig) {
        let mut pages = self.pages();
        for place in places(config) {
            let Some(room) = pages.rooms.get_mut(&place) else { continue };
            room.tenants.insert(config.vni, tenant.clone());
            let is_here = Arc::ptr_eq(&room.reader, &tenant.thread);
            let target = if is_here { Target::here(tenant) } else { Target::elsewhere(tenant) };
            let vni = config.vni;
            // A thread that has ended reads nothing any more.
            let _ = room.reader.tell(move |engine| engine.set_route(&place, vni, Some(target)));
        }
    }

    /// Takes a port's tunnel out, or those of a whole switch, and closes what nobody needs any more.
    pub(in crate::engine) fn remove(&self, is_it: impl Fn(&Tenant) -> bool) {
        let mut pages = self.pages();
        for (place, room) in &mut pages.rooms {
            let gone: Vec<Vni> = room.tenants.iter().filter(|(_, tenant)| is_it(tenant)).map(|(vni, _)| *vni).collect();
            for vni in gone {
                room.tenants.remove(&vni);
                let place = place.clone();
                // As above.
                let _ = room.reader.ask(move |engine| engine.set_route(&place, vni, None));
            }
        }
        pages.clear();
    }

    /// What came to a place for networks that are not there.
    pub(super) fn strays(&self, place: &Place) -> Vec<Stray> {
        let reader = self.pages().rooms.get(place).map(|room| Arc::clone(&room.reader));
        let place = place.clone();
        reader.and_then(|reader| reader.ask(move |engine| engine.strays(&place)).ok()).unwrap_or_default()
    }

    /// The places that datagrams are received at, and the threads that read them.
    pub(super) fn readers(&self) -> Vec<(Place, Arc<Mailbox>)> {
        self.pages().rooms.iter().map(|(place, room)| (place.clone(), Arc::clone(&room.reader))).collect()
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// Has a tunnel's underlay and all its places there.
    fn take_in(&mut self, tenant: &Tenant, config: &VtepConfig, places: &[Place]) -> io::Result<Arc<Underlay>> {
        let key = (config.local, config.port);
        let underlay = match self.underlays.get(&key) {
            Some(underlay) => Arc::clone(underlay),
            None => {
                let (socket, underlay) = Underlay::open(config.local, config.port)?;
                self.read(tenant, places[0].clone(), socket)?;
                let underlay = Arc::new(underlay);
                self.underlays.insert(key, Arc::clone(&underlay));
                underlay
            }
        };
        for place in &places[1..] {
            if !self.rooms.contains_key(place) {
                let (socket, _) = receiver(place)?;
                self.read(tenant, place.clone(), socket)?;
            }
        }
        Ok(underlay)
    }

    /// Has the tenant's thread read a socket.
    fn read(&mut self, tenant: &Tenant, place: Place, socket: OwnedFd) -> io::Result<()> {
        let reader = Reader::new(place.clone(), socket);
        let added = tenant.thread.ask(move |engine| engine.add_reader(reader));
        added.map_err(|gone| io::Error::other(gone.to_string()))??;
        self.rooms.insert(place, Room { reader: Arc::clone(&tenant.thread), tenants: BTreeMap::new() });
        Ok(())
    }

    /// Closes what nobody is at.
    fn clear(&mut self) {
        self.rooms.retain(|place, room| {
            if room.tenants.is_empty() {
                let place = place.clone();
                // As above.
                let _ = room.reader.ask(move |engine| engine.remove_reader(&place));
            }
            !room.tenants.is_empty()
        });
        let rooms = &self.rooms;
        self.underlays.retain(|(address, port), _| rooms.contains_key(&Place { address: *address, port: *port, ifname: None }));
    }
}

/// Where a tunnel's datagrams come in: its own address first.
fn places(config: &VtepConfig) -> Vec<Place> {
    let own = Place { address: config.local, port: config.port, ifname: None };
    let group = config.group.as_ref().map(|group| Place::of_group(group, config.port));
    std::iter::once(own).chain(group).collect()
}

impl Target {
    fn here(tenant: &Tenant) -> Self {
        Self::Here { key: tenant.key, port: tenant.port }
    }

    fn elsewhere(tenant: &Tenant) -> Self {
        Self::Elsewhere { tenant: tenant.clone(), on_their_way: Parcel::counter() }
    }
}
