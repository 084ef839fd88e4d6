//! `lanloom`: one program, the daemon and what speaks to it.

use clap::Parser;
use lanloom::cli::{self, Cli, Command, Failure, FrameInFile, Rooms};
use lanloom::daemon::{self, Options};
use lanloom_switch_io::capture::{make_way, read};
use std::fs::File;
use std::io::BufReader;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Demo(args) = &cli.command {
        return lanloom::demo::run(args);
    }
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            for line in failure.lines() {
                eprintln!("lanloom: {line}");
            }
            ExitCode::from(failure.status())
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let socket = cli.socket();
    if matches!(cli.command, Command::Capture(_)) {
        make_way();
    }
    match cli.command {
        Command::Daemon(args) => Options::of(args, socket).and_then(|options| daemon::run(&options)).map_err(Failure::failed),
        _ => cli::run(cli, &Rooms { frame_at }),
    }
}

fn frame_at(file: File, number: u64) -> Result<FrameInFile, String> {
    let frame = read::frame_at(BufReader::new(file), number).map_err(|error| error.to_string())?;
    let segment_size = frame.segment_size();
    Ok(FrameInFile { bytes: frame.bytes, len: frame.original_len, segment_size })
}
