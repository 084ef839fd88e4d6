//! The lab: makes things, links them, and lets time pass.

use crate::error::LabError;
use crate::host::{Host, HostConfig};
use crate::lab_host::LabHost;
use crate::lab_link::LabLink;
use crate::lab_switch::LabSwitch;
use crate::world::{Place, World};
use lanloom_switch_core::{FdbLimits, Instant, MacAddr, PortConfig, Switch, SwitchConfig};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// How long a frame is on a link unless told otherwise. Not zero, so that a loop takes virtual time and ends.
pub const LATENCY: Duration = Duration::from_micros(10);

/// How much virtual time a blocking call gives the other end unless told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Hosts, switches and links in one process and one thread, in virtual time. See the [crate] page.
///
/// A clone is the same lab.
#[derive(Clone, Debug)]
pub struct Lab {
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    world: RefCell<World>,
    seed: u64,
    patience: Cell<Duration>,
}

impl Lab {
    /// An empty lab at moment 0. All that is random in it follows from `seed`: the same calls make the same history.
    pub fn new(seed: u64) -> Self {
        let (world, patience) = (RefCell::new(World::default()), Cell::new(PATIENCE));
        Self { shared: Rc::new(Shared { world, seed, patience }) }
    }

    /// Adds a host with addresses like `["10.0.0.1/24", "fd00::1/64"]`. Its Ethernet address is 02-00-00-00-00-01 for the first
    /// host, and so on.
    ///
    /// # Errors
    /// If an address is not written so, or there are too many.
    pub fn host(&self, name: &str, addresses: &[&str]) -> Result<LabHost, LabError> {
        let number = self.with(|world| world.hosts.len() as u64 + 1);
        let mut config = HostConfig::new(MacAddr::from_bits(0x02 << 40 | number));
        for address in addresses {
            config = config.with_address(address).map_err(|why| LabError::Host { host: name.to_owned(), why })?;
        }
        self.host_with(name, config)
    }

    /// Adds a host of that configuration.
    ///
    /// # Errors
    /// If the host cannot hold it.
    pub fn host_with(&self, name: &str, config: HostConfig) -> Result<LabHost, LabError> {
        let (now, seed) = (self.now(), self.seed_of(name));
        let host = Host::new(config, seed, now).map_err(|why| LabError::Host { host: name.to_owned(), why })?;
        Ok(LabHost::new(self, self.with(|world| world.add_host(name, host))))
    }

    /// Adds a switch without ports; links give it some. Its filtering database has the default limits.
    pub fn switch(&self, name: &str) -> LabSwitch {
        self.switch_with(name, FdbLimits::default())
    }

    /// Adds a switch whose filtering database has these limits.
    pub fn switch_with(&self, name: &str, fdb: FdbLimits) -> LabSwitch {
        let core = Switch::new(SwitchConfig { fdb, seed: self.seed_of(name) });
        LabSwitch::new(self, self.with(|world| world.add_switch(name, core)))
    }

    /// Links two hosts, a host and a switch, or two switches. A switch gets a port for it, with the default configuration.
    ///
    /// # Errors
    /// If a host has a link already, a switch has no place for one more port, or one of them is in another lab.
    pub fn link<'a>(&self, one: impl Into<Plug<'a>>, other: impl Into<Plug<'a>>) -> Result<LabLink, LabError> {
        let plugs = [one.into(), other.into()];
        plugs.iter().try_for_each(|plug| self.check(plug))?;
        if let [Plug::Host(one), Plug::Host(other)] = plugs
            && one.number() == other.number()
        {
            return Err(LabError::Linked { host: one.name() });
        }
        let [one, other] = plugs;
        let places = [self.place(&one)?, self.place(&other)?];
        Ok(LabLink::new(self, self.with(|world| world.add_link(places, LATENCY))))
    }

    /// The present moment of virtual time.
    pub fn now(&self) -> Instant {
        self.with(|world| world.now)
    }

    /// Lets virtual time pass, with all that happens in it.
    pub fn run_for(&self, time: Duration) {
        let until = self.now() + time;
        while self.with(|world| world.step(until)) {}
    }

    /// Sets how much virtual time a blocking call gives the other end; [`PATIENCE`] at first.
    pub fn set_patience(&self, patience: Duration) {
        self.shared.patience.set(patience);
    }

    pub(crate) fn patience(&self) -> Duration {
        self.shared.patience.get()
    }

    /// Lets virtual time pass until `done` answers, for at most `patience`.
    pub(crate) fn wait_for<T>(
        &self,
        patience: Duration,
        what: &str,
        mut done: impl FnMut(&mut World) -> Result<Option<T>, LabError>,
    ) -> Result<T, LabError> {
        let until = self.now() + patience;
        loop {
            if let Some(answer) = self.with(&mut done)? {
                return Ok(answer);
            }
            if !self.with(|world| world.step(until)) {
                return Err(LabError::TimedOut { what: what.to_owned(), after: patience });
            }
        }
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.shared.world.borrow_mut())
    }

    fn is(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }

    fn check(&self, plug: &Plug<'_>) -> Result<(), LabError> {
        let lab = match plug {
            Plug::Host(host) => host.lab(),
            Plug::Switch(switch) => switch.lab(),
        };
        if !self.is(lab) {
            return Err(LabError::OtherLab);
        }
        match plug {
            Plug::Host(host) if self.with(|world| world.is_linked(host.number())) => {
                Err(LabError::Linked { host: host.name() })
            }
            Plug::Host(_) | Plug::Switch(_) => Ok(()),
        }
    }

    fn place(&self, plug: &Plug<'_>) -> Result<Place, LabError> {
        match plug {
            Plug::Host(host) => Ok(Place::Card(host.number())),
            Plug::Switch(switch) => {
                let number = switch.number();
                let port = self.with(|world| world.switches[number].core.add_port(PortConfig::default()));
                Ok(Place::Port(number, port.ok_or_else(|| LabError::NoPlace { switch: switch.name() })?))
            }
        }
    }

    /// A seed of its own for everything that has a name (FNV-1a over the lab's seed, the name and the count of things).
    fn seed_of(&self, name: &str) -> u64 {
        let count = self.with(|world| world.hosts.len() + world.switches.len()) as u64;
        let text = self.shared.seed.to_le_bytes().into_iter().chain(count.to_le_bytes()).chain(name.bytes());
        text.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }
}

/// What a link can be plugged into.
#[derive(Clone, Copy, Debug)]
pub enum Plug<'a> {
    /// A host's network card.
    Host(&'a LabHost),
    /// A new port of a switch.
    Switch(&'a LabSwitch),
}

impl<'a> From<&'a LabHost> for Plug<'a> {
    fn from(host: &'a LabHost) -> Self {
        Self::Host(host)
    }
}

impl<'a> From<&'a LabSwitch> for Plug<'a> {
    fn from(switch: &'a LabSwitch) -> Self {
        Self::Switch(switch)
    }
}
