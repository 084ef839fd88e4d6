//! Lanloom's benchmarks: `compare` puts it beside other switches, between two real hosts; `networks` puts its
//! networks beside Docker's; `overlay` puts its tunnels beside others'; `core` measures its core alone.
//!
//! What is here measures and reports; it asserts nothing. Whether a target is reached is in the report, in words.

mod compare;
mod core;
mod fault;
mod figure;
mod lan;
mod leftovers;
mod machine;
mod measure;
mod netns;
mod networks;
mod overlay;
mod packet;
mod pages;
mod peers;
mod process;
mod program;
mod progress;
mod report;
mod results;
mod stop;
mod targets;
mod virtual_time;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Lanloom's benchmarks
#[derive(Parser)]
#[command(name = "lanloom-bench", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Compare what can join two hosts: the Linux bridge, Open vSwitch, VDE and Lanloom (needs root)
    Compare(compare::CompareArgs),
    /// Compare how fast networks and connections are made with Docker Engine (needs root)
    Networks(networks::NetworksArgs),
    /// Compare what can carry a network from one machine to another: Linux's VXLAN, Open vSwitch and Lanloom (needs root)
    Overlay(overlay::OverlayArgs),
    /// Measure the core alone: decisions a second on one thread
    Core(core::CoreArgs),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Compare(args) => compare::run(&args),
        Command::Networks(args) => networks::run(&args),
        Command::Overlay(args) => overlay::run(&args),
        Command::Core(args) => core::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("lanloom-bench: {fault}");
            ExitCode::FAILURE
        }
    }
}
