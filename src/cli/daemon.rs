//! The arguments of `lanloom daemon`.

use clap::{Args, ValueEnum};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// `daemon`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DaemonArgs {
    /// A TOML file with switches and ports; SIGHUP or `lanloom config reload` reads it again
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where state is kept [default: /var/lib/lanloom, or $XDG_STATE_HOME/lanloom for a user]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// What keeps the state
    #[arg(long, value_enum, default_value_t = StoreKind::Embedded)]
    pub store: StoreKind,
    /// Keep nothing, and remove at the end what was made
    #[arg(long)]
    pub ephemeral: bool,
    /// Where named network namespaces are
    #[arg(long, value_name = "DIR", default_value = "/run/netns")]
    pub netns_dir: PathBuf,
    /// This host's address in the network that overlays pass [default: what the kernel takes to a network's first peer]
    #[arg(long, value_name = "ADDR")]
    pub underlay: Option<IpAddr>,
    /// Serve metrics for Prometheus there too; the socket always does, at /metrics
    #[arg(long, value_name = "ADDR:PORT")]
    pub metrics: Option<SocketAddr>,
}

/// What keeps the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    /// One file in the state directory
    Embedded,
    /// Nothing outlives the daemon; interfaces stay
    Memory,
}

const EXAMPLES: &str = "\
Logs go to stderr; LANLOOM_LOG=debug, or LANLOOM_LOG=info,lanloom::api=debug, says how much.

Example:
  sudo lanloom daemon --config /etc/lanloom.toml --metrics 127.0.0.1:9742";
