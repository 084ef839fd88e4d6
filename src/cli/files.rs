//! `lanloom completions` and `lanloom man`: what a package installs beside the program.

use crate::cli::Cli;
use crate::cli::output::{Failure, Output};
use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::Man;
use std::fs;
use std::path::{Path, PathBuf};

/// `completions`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  lanloom completions bash > /etc/bash_completion.d/lanloom")]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// `man`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  lanloom man | man -l -\n  lanloom man switch create | man -l -\n  lanloom man --out /usr/local/share/man/man1"
)]
pub struct ManArgs {
    /// The command whose page to print
    command: Vec<String>,
    /// Write a page for every command into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    out: Option<PathBuf>,
}

impl CompletionsArgs {
    pub(super) fn run(self, out: &mut Output) -> Result<(), Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::description(), "lanloom", &mut text);
        out.bytes(&text)
    }
}

impl ManArgs {
    pub(super) fn run(self, out: &mut Output) -> Result<(), Failure> {
        let pages = pages();
        match self.out {
            Some(folder) => pages.into_iter().try_for_each(|page| write(&folder, page, out)),
            None => {
                let name = [&["lanloom".to_owned()], &self.command[..]].concat().join("-");
                let unknown = || Failure::usage(format!("there is no manual page {name}; `lanloom help` lists the commands"));
                out.bytes(&render(pages.into_iter().find(|page| page.get_name() == name).ok_or_else(unknown)?)?)
            }
        }
    }
}

/// Every command as one with its full name, `lanloom-switch-create`.
fn pages() -> Vec<Command> {
    let mut root = Cli::description().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    collect(&root, String::new(), &mut pages);
    pages
}

fn collect(command: &Command, parent: String, pages: &mut Vec<Command>) {
    let name = if parent.is_empty() { command.get_name().to_owned() } else { format!("{parent}-{}", command.get_name()) };
    pages.push(command.clone().name(name.clone()));
    command.get_subcommands().for_each(|child| collect(child, name.clone(), pages));
}

fn render(page: Command) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    Man::new(page).render(&mut text).map_err(Failure::output)?;
    Ok(text)
}

fn write(folder: &Path, page: Command, out: &mut Output) -> Result<(), Failure> {
    let path = folder.join(format!("{}.1", page.get_name()));
    let text = render(page)?;
    let failed =
        |error| Failure::failed(format!("cannot write manual page {}: {error}; give a folder that exists", path.display()));
    fs::write(&path, text).map_err(failed)?;
    out.line(path.display())
}
