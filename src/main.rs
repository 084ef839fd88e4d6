//! `lanloom`: one program, the daemon and what speaks to it.

use clap::Parser;
use lanloom::cli::{self, Cli, Failure};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(line) = failure.line() {
                eprintln!("lanloom: {line}");
            }
            ExitCode::from(failure.status())
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    cli::run(cli)
}
