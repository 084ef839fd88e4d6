//! What a controller is made of, and how it starts. What it finds then is in `find`, and cannot fail the start.

use super::registry::{EVENTS, SwitchEntry};
use super::{Event, Fabric, Inner, Plugger};
use crate::config::Config;
use crate::names::Name;
use crate::store::Store;
use dashmap::DashMap;
use lanloom_drivers::kernel::Kernel;
use lanloom_switch_core::Guard;
use lanloom_switch_io::engine::{EngineConfig, EngineEvent, Engines, EventKind as EngineEventKind};
use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::sync::broadcast;

/// What a controller is made of.
pub struct Setup {
    /// The kernel.
    pub kernel: Arc<dyn Kernel>,
    /// The records.
    pub store: Arc<dyn Store>,
    /// Opens links.
    pub plugger: Arc<dyn Plugger>,
    /// Whether all that is made goes when the daemon stops.
    pub ephemeral: bool,
    /// Where the namespace of the veths' host ends is mounted; with none it goes with the daemon, and so do the veths.
    pub plumbing: Option<PathBuf>,
    /// What the configuration file says, if there is one. What an earlier start made for the file is deleted when the file no
    /// longer wants it, but not when there is no file.
    pub config: Option<Config>,
    /// What the ports of networks are held to, from their first frame on.
    pub guards: Guards,
    /// Namespaces that were just made anew under the name of one that is gone: nothing in them is what was in that one, which the kernel
    /// may not have taken down yet.
    pub remade: HashSet<PathBuf>,
}

/// Guards, by switch and port.
pub type Guards = HashMap<(Name, Name), Arc<Guard>>;

/// What a start or a reload did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Started {
    /// A line for each change of the configuration that was made.
    pub changes: Vec<String>,
    /// A line for each thing that is not as it was wanted.
    pub notes: Vec<String>,
}

impl Fabric {
    /// Starts engine threads, and finds everything again.
    ///
    /// # Errors
    /// If the process has no thread or descriptor left.
    pub async fn start(setup: Setup) -> io::Result<(Self, Started)> {
        let Setup { kernel, store, plugger, ephemeral, plumbing: plumbing_path, config: file, guards, remade } = setup;
        let config = file.clone().unwrap_or_default();
        let (events, switches) = (broadcast::Sender::new(EVENTS), Arc::new(DashMap::new()));
        let engines = Engines::start(engine_config(&config, events.clone(), &switches)?)?;
        engines.lacks().iter().for_each(|lack| tracing::warn!("ports will not hear of {lack}"));
        let inner = Inner {
            kernel,
            store,
            plugger,
            engines,
            switches,
            writer: tokio::sync::Mutex::new(()),
            daemon: config.daemon.clone(),
            ephemeral,
            plumbing_path,
            plumbing: tokio::sync::Mutex::new(None),
            guards,
            remade,
            last_order: AtomicU64::new(0),
            events,
        };
        let controller = Self { inner: Arc::new(inner) };
        let found = controller.change(move |inner| async move { Ok(inner.find_again(file.as_ref()).await) }).await;
        let started = found.unwrap_or_else(|refusal| Started { changes: vec![], notes: vec![refusal.to_string()] });
        started.notes.iter().for_each(|note| tracing::warn!("{note}"));
        Ok((controller, started))
    }
}

/// Engine events become ours on a thread that ends with the engines.
fn engine_config(
    config: &Config,
    events: broadcast::Sender<Event>,
    switches: &Arc<DashMap<Name, Arc<SwitchEntry>>>,
) -> io::Result<EngineConfig> {
    let (sender, receiver) = mpsc::sync_channel::<EngineEvent>(EVENTS);
    // The switches hold the engines, and these this thread.
    let switches = Arc::downgrade(switches);
    let to_tell = move |event: EngineEvent| {
        let entry = || switches.upgrade()?.get(&event.switch.parse::<Name>().ok()?).map(|entry| Arc::clone(&entry));
        let entry = entry();
        let is_told = match &event.kind {
            EngineEventKind::PortDown { port, .. } => entry.as_ref().is_some_and(|entry| entry.stays(port)),
            EngineEventKind::PortUp { .. } | EngineEventKind::AddressMoved { .. } | EngineEventKind::Storm { .. } => true,
        };
        let kind = super::EventKind::from(event);
        if !is_told {
            return None;
        }
        match entry {
            Some(entry) => entry.coming.hold(kind),
            None => Some(kind),
        }
    };
    let forward = move || {
        for kind in receiver.into_iter().filter_map(to_tell) {
            // Nobody may be listening.
            let _ = events.send(kind.into());
        }
    };
    std::thread::Builder::new().name("events".into()).spawn(forward)?;
    let usual = EngineConfig::default();
    let threads = config.daemon.engines.map_or(usual.threads, |threads| threads as usize);
    let spin = config.daemon.spin_micros.map_or(usual.spin, |micros| Duration::from_micros(micros.into()));
    Ok(EngineConfig { threads, spin, events: Some(sender) })
}
