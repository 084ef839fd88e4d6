//! What there is, and how it comes and goes: switches and ports ([`fabric`]), and on top of them networks, endpoints and
//! sandboxes after Docker's Container Network Model.
//!
//! ```text
//! API, daemon ─▶ Controller ─┬▶ ipam, dns, store
//!                            ├▶ drivers ─▶ fabric (their switches)
//!                            └▶ fabric ─▶ kernel, engine threads
//! ```
//! It knows neither HTTP nor the command line, and moves no frame.
//!
//! | module | one idea |
//! |---|---|
//! | [`fabric`] | switches and ports as objects |
//! | [`model`], [`view`] | networks, endpoints and sandboxes: what they are, and how they are shown |
//! | `refusal`, `events` | what it says |

mod events;
pub mod fabric;
pub mod model;
mod refusal;
pub mod view;

pub use events::{Event, EventKind};
pub use fabric::{
    Capturing, Fabric, FdbView, Keep, KernelPlugger, MadeTap, NewPort, Origin, Plugger, PortView, Removed, Setup, Started,
    SwitchView,
};
pub use refusal::{Refusal, RefusalKind};

use std::io;
use tokio::sync::broadcast;

/// The controller of a daemon. Clones are the same.
#[derive(Clone, Debug)]
pub struct Controller {
    fabric: Fabric,
}

impl Controller {
    /// Starts engine threads, and finds everything again.
    ///
    /// # Errors
    /// If the process has no thread or descriptor left.
    pub async fn start(setup: Setup) -> io::Result<(Self, Started)> {
        let (fabric, started) = Fabric::start(setup).await?;
        Ok((Self { fabric }, started))
    }

    /// The switches and ports.
    pub fn fabric(&self) -> &Fabric {
        &self.fabric
    }

    /// What happens from now on. One that reads too slowly is told how much it missed.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.fabric.events()
    }

    /// Leaves: see [`Fabric::stop`].
    pub async fn stop(&self) -> Removed {
        self.fabric.stop().await
    }

    /// Removes everything of ours from this host.
    pub async fn reset(&self) -> Removed {
        self.fabric.reset().await
    }
}
