//! The command line: words in, one request to the daemon, a table or JSON out.
//!
//! It knows the API's types and client and nothing behind them; what runs inside a sandbox runs in this process. Exit status: 0 done, 1 refused or failed with one line on
//! stderr, 2 wrong usage.

pub(crate) mod capture;
mod config;
mod counters;
pub mod daemon;
pub mod demo;
mod doctor;
mod endpoint;
mod events;
mod fdb;
mod files;
mod info;
mod network;
mod output;
mod page;
mod place;
mod port;
mod sandbox;
mod switch;
mod system;
mod table;
mod trace;
mod words;

pub use output::Failure;

use crate::api::client::Client;
use crate::api::client::socket;
use clap::{Args, CommandFactory, Parser, Subcommand};
use output::Output;
use std::fs::File;
use std::path::PathBuf;

/// A userspace Ethernet switch that shows what it does.
#[derive(Debug, Parser)]
#[command(name = "lanloom", version, max_term_width = 100, infer_long_args = false, subcommand_required = true)]
#[command(arg_required_else_help = true, after_help = FIRST_STEPS)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Args)]
struct Global {
    /// The daemon's socket, if it is not at its usual place
    #[arg(long, global = true, display_order = LAST, env = "LANLOOM_SOCKET", hide_env_values = true, value_name = "PATH")]
    socket: Option<PathBuf>,
}

/// Behind the options of every command, and before `--help`.
const LAST: usize = 900;

const FIRST_STEPS: &str = "\
Example:
  lanloom daemon &
  lanloom network create web
  lanloom sandbox create a --network web
  lanloom sandbox exec a -- ip address
Or a switch alone:
  lanloom switch create s1
  lanloom port add s1 tap://tap0
  lanloom capture s1";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the daemon in the foreground
    Daemon(daemon::DaemonArgs),
    /// Hosts talk through a switch: shown, checked, and gone again
    Demo(demo::DemoArgs),
    /// Version, uptime, and what this kernel offers or lacks
    Info(info::InfoArgs),
    /// The running state as TOML; check or reload a configuration file
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Things that concern the whole host
    #[command(subcommand)]
    System(system::SystemCommand),
    /// Make, list, show and delete networks, and take sandboxes into them
    #[command(subcommand)]
    Network(network::NetworkCommand),
    /// What is wrong with a network, where, and what to do
    Doctor(doctor::DoctorArgs),
    /// Make, list, show and delete sandboxes, and work in them
    #[command(subcommand)]
    Sandbox(sandbox::SandboxCommand),
    /// Make, join, leave, list, show and delete endpoints
    #[command(subcommand)]
    Endpoint(endpoint::EndpointCommand),
    /// Make, list, show, set and delete switches
    #[command(subcommand)]
    Switch(switch::SwitchCommand),
    /// Plug links into a switch
    #[command(subcommand)]
    Port(port::PortCommand),
    /// The addresses that a switch knows
    #[command(subcommand)]
    Fdb(fdb::FdbCommand),
    /// Show or write the frames that pass, each with what became of it
    Capture(capture::CaptureArgs),
    /// What would happen to a frame, step by step; nothing is sent
    Trace(trace::TraceArgs),
    /// Frames, bytes, and drops by reason
    Counters(counters::CountersArgs),
    /// One line per change, as it happens
    Events(events::EventsArgs),
    /// Print the completions for a shell
    Completions(files::CompletionsArgs),
    /// Print or write the manual pages
    Man(files::ManArgs),
}

impl Cli {
    /// The socket that `--socket` or `LANLOOM_SOCKET` names.
    pub fn socket(&self) -> Option<PathBuf> {
        self.global.socket.clone()
    }

    /// The whole command line's description, for completions, manuals and tests.
    pub fn description() -> clap::Command {
        Self::command()
    }
}

/// What the command line needs and may not know: rooms that only the program's wiring reaches.
#[derive(Clone, Copy, Debug)]
pub struct Rooms {
    /// Frame N, from 1, of a capture file.
    pub frame_at: fn(file: File, number: u64) -> Result<FrameInFile, String>,
}

/// A frame as a capture file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameInFile {
    /// What was kept of it.
    pub bytes: Vec<u8>,
    /// How many bytes it had.
    pub len: u32,
    /// Bytes of payload of each frame on the wire, if it is a super-frame and the file says so.
    pub segment_size: Option<u16>,
}

/// Does a command other than `daemon`, which its caller runs.
///
/// # Errors
/// What was refused or failed.
pub fn run(cli: Cli, rooms: &Rooms) -> Result<(), Failure> {
    let client = Client::new(cli.socket().unwrap_or_else(socket::client_default));
    let mut out = Output::stdout();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::runtime)?;
    runtime.block_on(dispatch(cli.command, &client, rooms, &mut out))
}

async fn dispatch(command: Command, client: &Client, rooms: &Rooms, out: &mut Output) -> Result<(), Failure> {
    match command {
        Command::Daemon(_) | Command::Demo(_) => Err(Failure::usage("this is run by the program itself")),
        Command::Info(args) => args.run(client, out).await,
        Command::Config(command) => command.run(client, out).await,
        Command::System(command) => command.run(client, out).await,
        Command::Network(command) => command.run(client, out).await,
        Command::Doctor(args) => args.run(client, out).await,
        Command::Sandbox(command) => command.run(client, out).await,
        Command::Endpoint(command) => command.run(client, out).await,
        Command::Switch(command) => command.run(client, out).await,
        Command::Port(command) => command.run(client, out).await,
        Command::Fdb(command) => command.run(client, out).await,
        Command::Capture(args) => args.run(client, out).await,
        Command::Trace(args) => args.run(client, rooms, out).await,
        Command::Counters(args) => args.run(client, out).await,
        Command::Events(args) => args.run(client, out).await,
        Command::Completions(args) => args.run(out),
        Command::Man(args) => args.run(out),
    }
}

/// `--json`, for everything that shows something.
#[derive(Clone, Copy, Debug, Args)]
pub struct Listing {
    /// JSON in place of a table
    #[arg(long)]
    json: bool,
}
