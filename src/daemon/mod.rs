//! The daemon: it only wires. What it wires knows nothing of it.
//!
//! | module | one idea |
//! |---|---|
//! | [`options`] | what it is told, with every place decided |
//! | [`lock`], [`socket`] | one daemon a socket; the listening socket |
//! | [`paths`] | where state is |
//! | [`signals`] | what the operator says |
//! | [`notify`] | what systemd is told |
//! | [`logs`] | logs by tracing |

pub mod lock;
pub mod logs;
pub mod notify;
pub mod options;
pub mod paths;
pub mod signals;
pub mod socket;

pub use options::Options;

use crate::api::http::server::{self, Limits};
use crate::api::http::{metrics_router, router};
use crate::api::service::{About, Probe, Service};
use crate::api::types::Capability;
use crate::config::Config;
use crate::controller::{Controller, Guards, KernelPlugger, Networking, Setup};
use crate::store::{Embedded, Memory, Store};
use lanloom_drivers::kernel::{self, Kernel, LinuxKernel};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use notify::Notice;
use signals::{Signals, Wish};
use socket::Socket;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Runs until it is told to stop.
///
/// # Errors
/// Why it cannot start, or what it could not remove at the end; one line.
pub fn run(options: &Options) -> Result<(), String> {
    logs::start()?;
    raise_file_limit();
    let config = options.config.as_deref().map(read_config).transpose()?;
    let socket = Socket::listen(&options.socket)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("control").enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start the daemon: {error}; free some memory or threads"))?;
    runtime.block_on(serve(options, config, &socket))
}

async fn serve(options: &Options, config: Option<Config>, socket: &Socket) -> Result<(), String> {
    let failed = |error| format!("cannot start the daemon: {error}; free some memory, threads or file descriptors");
    let mut signals = Signals::listen().map_err(failed)?;
    let kernel: Arc<dyn Kernel> = Arc::new(LinuxKernel::new(&options.netns_dir));
    // Before anything is made that would outlive a start that fails.
    let metrics = match options.metrics.or(config.as_ref().and_then(|config| config.daemon.metrics)) {
        Some(address) => Some(bind_metrics(address).await?),
        None => None,
    };
    let setup = Setup {
        kernel: Arc::clone(&kernel),
        store: open_store(options.state.as_deref())?,
        plugger: Arc::new(KernelPlugger),
        ephemeral: options.ephemeral,
        plumbing: plumbing(options, socket),
        config,
        guards: Guards::default(),
        remade: Default::default(),
    };
    let home = options.state.as_deref().unwrap_or(socket.path());
    let networking = Networking { underlay: options.underlay, ..Networking::of(&options.netns_dir, home) };
    let (controller, _) = Controller::start(setup, networking).await.map_err(failed)?;
    let service = Arc::new(Service::new(controller.clone(), about(options, socket.path(), kernel)));

    let (stop, stopped) = watch::channel(false);
    let listener = socket.listener().map_err(failed)?;
    let mut servers =
        vec![tokio::spawn(server::serve(listener, router(Arc::clone(&service)), Limits::default(), stopped.clone()))];
    if let Some(listener) = metrics {
        let limits = Limits { connections: 16, ..Limits::default() };
        servers.push(tokio::spawn(server::serve(listener, metrics_router(Arc::clone(&service)), limits, stopped)));
    }
    tracing::info!(socket = %socket.path().display(), "ready");
    notify::tell(Notice::Ready);
    obey(&mut signals, &service).await;

    tracing::info!("stopping");
    notify::tell(Notice::Stopping);
    stop.send_replace(true);
    for server in servers {
        // One that has panicked has said so itself.
        let _ = server.await;
    }
    leave(&controller).await
}

/// Does what signals say, until one says to stop.
async fn obey(signals: &mut Signals, service: &Service) {
    while signals.next().await == Wish::Reload {
        notify::tell(Notice::Reloading);
        match service.reload().await {
            Ok(done) => {
                done.changes.iter().for_each(|change| tracing::info!("{change}"));
                done.notes.iter().for_each(|note| tracing::warn!("{note}"));
                tracing::info!(changes = done.changes.len(), "configuration reloaded");
            }
            Err(error) => tracing::error!("{error}"),
        }
        notify::tell(Notice::Ready);
    }
}

async fn leave(controller: &Controller) -> Result<(), String> {
    let done = controller.stop().await;
    done.removed.iter().for_each(|thing| tracing::info!("removed {thing}"));
    if done.left.is_empty() { Ok(()) } else { Err(format!("cannot remove everything: {}", done.left.join("; "))) }
}

async fn bind_metrics(address: SocketAddr) -> Result<TcpListener, String> {
    let refused = |error| format!("cannot serve metrics on {address}: {error}; give --metrics another address");
    TcpListener::bind(address).await.map_err(refused)
}

/// Where the host ends of veths are: beside the records of them, since what has the ones is to find the others. Without records
/// they are the socket's, and with `--ephemeral` in no place, and gone with the daemon.
fn plumbing(options: &Options, socket: &Socket) -> Option<PathBuf> {
    let of_socket = || socket.path().with_extension("plumbing");
    // Of a folder that is named from where we are: threads in other namespaces are to find it too.
    let of_state = |state: &Path| std::path::absolute(state).unwrap_or_else(|_| state.to_owned()).join("plumbing");
    (!options.ephemeral).then(|| options.state.as_deref().map_or_else(of_socket, of_state))
}

fn read_config(path: &Path) -> Result<Config, String> {
    let shown = path.display();
    let text = fs::read_to_string(path)
        .map_err(|error| format!("cannot read configuration {shown}: {error}; give --config another file"))?;
    Config::parse(&text).map_err(|faults| {
        let lines: Vec<String> = faults.0.iter().map(|fault| format!("line {}: {}", fault.line, fault.what)).collect();
        format!("cannot use configuration {shown}: {}; `lanloom config check {shown}` shows the places", lines.join("; "))
    })
}

fn open_store(state: Option<&Path>) -> Result<Arc<dyn Store>, String> {
    let Some(state) = state else { return Ok(Arc::new(Memory::new())) };
    let store = Embedded::open(state).map_err(|error| error.to_string())?;
    if let Some(aside) = store.set_aside() {
        tracing::error!(kept = %aside.display(), "the store was damaged and a new one begun; what commands made is to be made again");
    }
    Ok(Arc::new(store))
}

/// What a daemon that runs so says of itself.
pub(crate) fn about(options: &Options, socket: &Path, kernel: Arc<dyn Kernel>) -> About {
    About {
        socket: socket.to_owned(),
        state: options.state.clone(),
        store: if options.state.is_some() { "embedded" } else { "memory" },
        config: options.config.clone(),
        probe: probe(kernel),
    }
}

fn probe(kernel: Arc<dyn Kernel>) -> Probe {
    Box::new(move || {
        let kernel = Arc::clone(&kernel);
        Box::pin(async move { kernel.capabilities().await.into_iter().map(capability).collect() })
    })
}

fn capability(found: kernel::Capability) -> Capability {
    let (ok, name) = (found.is_available(), found.kind.name().to_owned());
    let (detail, hint) = found.missing.map(|missing| (missing.why, missing.brings)).unwrap_or_default();
    Capability { name, ok, detail, hint }
}

/// Each port takes descriptors, and the usual soft limit of 1,024 is for programs that use `select`.
fn raise_file_limit() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard, hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}
