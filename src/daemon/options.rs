//! What a daemon is told, with every place decided.

use crate::api::client::socket::daemon_default;
use crate::cli::daemon::{DaemonArgs, StoreKind};
use crate::daemon::paths::Starter;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// How a daemon runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where its API listens.
    pub socket: PathBuf,
    /// Its configuration file.
    pub config: Option<PathBuf>,
    /// Where its state is kept; `None` keeps it in memory.
    pub state: Option<PathBuf>,
    /// Whether all that it made goes when it stops.
    pub ephemeral: bool,
    /// Where named network namespaces are.
    pub netns_dir: PathBuf,
    /// This host's address in the network that overlays pass; the configuration may say so too.
    pub underlay: Option<IpAddr>,
    /// Where metrics are served over TCP; the configuration may say so too.
    pub metrics: Option<SocketAddr>,
}

impl Options {
    /// Those of a command line, for this process' user.
    ///
    /// # Errors
    /// If a place is not named and none can be found.
    pub fn of(args: DaemonArgs, socket: Option<PathBuf>) -> Result<Self, String> {
        let socket = socket.or_else(daemon_default).ok_or(
            "cannot find a place for the socket: XDG_RUNTIME_DIR is not set; name one with --socket or LANLOOM_SOCKET",
        )?;
        let keeps = args.store == StoreKind::Embedded && !args.ephemeral;
        let state = match args.state_dir {
            _ if !keeps => None,
            Some(named) => Some(named),
            None => Some(Starter::current().state_dir()?),
        };
        let DaemonArgs { config, ephemeral, netns_dir, underlay, metrics, .. } = args;
        Ok(Self { socket, config, state, ephemeral, netns_dir, underlay, metrics })
    }
}
