//! Opening what is plugged into ports: the one thing of the data plane that differs between a kernel and a test.

use crate::names::IfName;
use lanloom_switch_io::link::plain_tap::PlainTap;
use lanloom_switch_io::link::tap::{Keeper, Tap};
use lanloom_switch_io::link::{Link, LinkError};
use lanloom_switch_io::plug::{Plug, Source};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::Path;

/// Opens interfaces for ports.
pub trait Plugger: Send + Sync {
    /// Makes a TAP in the namespace at `netns`, or in the daemon's, under a name of its own, gone again with the last that holds it
    /// open.
    ///
    /// # Errors
    /// The kernel's.
    fn make_tap(&self, netns: Option<&Path>, offload: bool) -> io::Result<Box<dyn MadeTap>>;

    /// Opens an interface that is there.
    ///
    /// # Errors
    /// If it is not there, or not of that kind.
    fn open(&self, source: Source) -> Result<Plug, LinkError>;

    /// Opens a TAP that is there and open to nobody, with its number, for whoever opens many: nothing is looked at first. `None` if
    /// it is not so, or cannot be had so quickly; [`Plugger::open`] says why.
    fn adopt(&self, source: Source) -> Option<(Plug, u32)> {
        drop(source);
        None
    }
}

/// A TAP that waits for its name.
pub trait MadeTap: Send {
    /// What it is called until then.
    fn name(&self) -> &IfName;

    /// Takes it apart: what goes into the port, and what makes it outlive the daemon once all else has been done.
    fn plug(self: Box<Self>, source: Source) -> (Plug, Box<dyn Keep>);
}

/// Makes a TAP outlive the daemon.
pub trait Keep: Send + Sync {
    /// Does so.
    ///
    /// # Errors
    /// The kernel's.
    fn keep(&self) -> io::Result<()>;
}

/// The plugger of a daemon.
#[derive(Clone, Copy, Debug, Default)]
pub struct KernelPlugger;

struct NewTap {
    name: IfName,
    link: Box<dyn Link>,
    keeper: Keeper,
}

impl Plugger for KernelPlugger {
    fn make_tap(&self, netns: Option<&Path>, offload: bool) -> io::Result<Box<dyn MadeTap>> {
        let name = passing_name()?;
        let (link, keeper): (Box<dyn Link>, Keeper) = if offload {
            let tap = Tap::open_in(netns, name.as_str(), false)?;
            let keeper = tap.keeper()?;
            (Box::new(tap), keeper)
        } else {
            let tap = PlainTap::open_in(netns, name.as_str(), false)?;
            let keeper = tap.keeper()?;
            (Box::new(tap), keeper)
        };
        Ok(Box::new(NewTap { name, link, keeper }))
    }

    fn open(&self, source: Source) -> Result<Plug, LinkError> {
        let link = source.open_existing()?;
        Ok(Plug::Interface(source, Some(link)))
    }

    fn adopt(&self, source: Source) -> Option<(Plug, u32)> {
        let (link, number) = source.open_numbered().ok()?;
        Some((Plug::Interface(source, Some(link)), number))
    }
}

impl MadeTap for NewTap {
    fn name(&self) -> &IfName {
        &self.name
    }

    fn plug(self: Box<Self>, source: Source) -> (Plug, Box<dyn Keep>) {
        (Plug::Interface(source, Some(self.link)), Box::new(self.keeper))
    }
}

impl Keep for Keeper {
    fn keep(&self) -> io::Result<()> {
        Self::keep(self)
    }
}

/// A name that nobody else has: opening a TAP of several queues by the name of another's would join it.
fn passing_name() -> io::Result<IfName> {
    let random = RandomState::new().hash_one(std::process::id()) & 0xf_ffff_ffff_ffff;
    format!("ll{random:013x}").parse().map_err(io::Error::other)
}
