//! What a command prints, and how it fails.

use crate::api::types::ApiError;
use crate::cli::page::Page;
use crate::cli::table::Table;
use crate::cli::words::short;
use serde::Serialize;
use std::env;
use std::fmt;
use std::io::{self, IsTerminal, Write};

/// Where a command's answer goes.
pub(super) struct Output {
    to: Box<dyn Write>,
    colour: bool,
}

impl Output {
    /// Standard output; coloured if it is a terminal and `NO_COLOR` is not set (no-color.org).
    pub(super) fn stdout() -> Self {
        let stdout = io::stdout();
        let colour = stdout.is_terminal() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { to: Box::new(stdout), colour }
    }

    /// Whether colours are wanted.
    pub(super) fn coloured(&self) -> bool {
        self.colour
    }

    /// Prints a line.
    pub(super) fn line(&mut self, line: impl fmt::Display) -> Result<(), Failure> {
        writeln!(self.to, "{line}").map_err(Failure::output)
    }

    /// Prints ids, one a line: whole, or as tables show them.
    pub(super) fn ids<'a>(&mut self, mut ids: impl Iterator<Item = &'a str>, whole: bool) -> Result<(), Failure> {
        ids.try_for_each(|id| self.line(if whole { id } else { short(id) }))
    }

    /// Prints bytes as they are, at once.
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.to.write_all(bytes).and_then(|()| self.to.flush()).map_err(Failure::output)
    }

    /// Prints a value as JSON.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).map_err(|error| Failure::output(error.into()))?;
        self.line(text)
    }

    /// Prints a page.
    pub(super) fn page(&mut self, page: &Page) -> Result<(), Failure> {
        write!(self.to, "{}", page.render(self.colour)).map_err(Failure::output)
    }

    /// Prints pages with an empty line between.
    pub(super) fn pages<T>(
        &mut self,
        things: &[T],
        mut show: impl FnMut(&mut Self, &T) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        for (at, thing) in things.iter().enumerate() {
            if at > 0 {
                self.line("")?;
            }
            show(self, thing)?;
        }
        Ok(())
    }

    /// Prints a table.
    pub(super) fn table(&mut self, table: &Table) -> Result<(), Failure> {
        write!(self.to, "{}", table.render(self.colour)).map_err(Failure::output)
    }
}

/// Why a command ends with another status than 0.
#[derive(Debug)]
pub struct Failure {
    lines: Vec<String>,
    status: u8,
}

impl Failure {
    /// The exit status: 1 refused or failed, 2 wrong usage.
    pub fn status(&self) -> u8 {
        self.status
    }

    /// The lines for stderr, one for each thing that failed; none if whoever read the output went away, which is no failure.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Wrong usage.
    pub fn usage(line: impl Into<String>) -> Self {
        Self { lines: vec![line.into()], status: 2 }
    }

    /// Something failed: what was tried, on what, why, and what to do next.
    pub fn failed(line: impl Into<String>) -> Self {
        Self { lines: vec![line.into()], status: 1 }
    }

    /// A command was not run, which this status says too.
    pub(super) fn of_command(status: u8, line: impl Into<String>) -> Self {
        Self { lines: vec![line.into()], status }
    }

    /// All of these, if there are any.
    pub(super) fn all(failures: Vec<Self>) -> Result<(), Self> {
        let status = failures.iter().map(|failure| failure.status).max();
        let lines = failures.into_iter().flat_map(|failure| failure.lines).collect();
        status.map_or(Ok(()), |status| Err(Self { lines, status }))
    }

    pub(super) fn runtime(error: io::Error) -> Self {
        Self::failed(format!("cannot start: {error}; free some memory or file descriptors"))
    }

    pub(super) fn output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self { lines: Vec::new(), status: 0 };
        }
        Self::failed(format!("cannot write the answer to standard output: {error}; see where it goes to"))
    }
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        // An error line is one line, whatever a name or the kernel put into it.
        Self::failed(error.to_string().replace(char::is_control, " "))
    }
}
