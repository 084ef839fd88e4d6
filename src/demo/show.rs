//! What a person sees: one line a check, a bar while bytes move. With `--json` nothing but the JSON.

use super::outcome::{Check, Status};
use super::{terminal, words};
use std::env;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Columns of a line that is not on a narrower terminal, and where a check's detail begins in it.
const WIDTH: usize = 104;
const DETAIL: usize = 23;

/// Columns that a detail has on the narrowest terminal.
const LEAST: usize = 30;

/// Columns of the bar.
const BAR: u64 = 40;

/// How often the bar is drawn again.
const REDRAW: Duration = Duration::from_millis(100);

/// Where the demo's lines go.
#[derive(Debug)]
pub(super) struct Show {
    quiet: bool,
    terminal: bool,
    colour: bool,
    width: usize,
}

impl Show {
    /// Standard output; `quiet` says nothing. Colours on a terminal unless `NO_COLOR` is set (no-color.org).
    pub(super) fn new(quiet: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        let colour = terminal && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let width = terminal::columns().map_or(WIDTH, |columns| columns.clamp(DETAIL + LEAST, WIDTH));
        Self { quiet, terminal, colour, width }
    }

    /// Columns that a line may have.
    pub(super) fn columns(&self) -> usize {
        self.width
    }

    /// Shows a line, or several.
    pub(super) fn line(&self, text: &str) {
        if !self.quiet {
            // Whoever closed our output does not want to read more, and what was made is to be removed all the same.
            let _ = writeln!(io::stdout(), "{text}");
        }
    }

    /// Shows a headline.
    pub(super) fn headline(&self, text: &str) {
        self.line(&self.coloured("1", text));
    }

    /// Shows a check's outcome.
    pub(super) fn check(&self, check: &Check) {
        let (colour, mark) = match check.status {
            Status::Ok => ("32", "✓ ok     "),
            Status::Failed => ("31", "✗ failed "),
            Status::Skipped => ("33", "- skipped"),
        };
        let lines = words::wrapped(&check.detail, self.width - DETAIL).join(&format!("\n{}", " ".repeat(DETAIL)));
        self.line(&format!("  {} {:<11}{lines}", self.coloured(colour, mark), check.name()));
    }

    /// Begins a bar for so many bytes.
    pub(super) fn progress(&self, total: u64) -> Progress<'_> {
        Progress { show: self, total, begin: Instant::now(), drawn: None, quarters: 0 }
    }

    fn coloured(&self, colour: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn raw(&self, text: &str) {
        if !self.quiet {
            // As in `line`.
            let _ = write!(io::stdout(), "{text}").and_then(|()| io::stdout().flush());
        }
    }
}

/// A bar on a terminal; elsewhere a line at each quarter.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    show: &'a Show,
    total: u64,
    begin: Instant,
    drawn: Option<Instant>,
    quarters: u64,
}

impl Progress<'_> {
    /// So many bytes have arrived.
    pub(super) fn at(&mut self, bytes: u64) {
        let rate = words::rate(bytes, self.begin.elapsed());
        if !self.show.terminal {
            return self.quarter(bytes, &rate);
        }
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= REDRAW || bytes == self.total) {
            self.drawn = Some(Instant::now());
            self.show.raw(&format!("\r  {} {:>3} %  {rate:<14}", bar(bytes, self.total), percent(bytes, self.total)));
        }
    }

    fn quarter(&mut self, bytes: u64, rate: &str) {
        let quarters = percent(bytes, self.total) / 25;
        if quarters > self.quarters {
            self.quarters = quarters;
            self.show.line(&format!("{:>25} % of {}, {rate}", quarters * 25, words::bytes(self.total)));
        }
    }
}

impl Drop for Progress<'_> {
    /// Clears the bar's line: what came out of it is said by the check.
    fn drop(&mut self) {
        if self.drawn.is_some() {
            self.show.raw("\r\x1b[K");
        }
    }
}

fn percent(part: u64, total: u64) -> u64 {
    (u128::from(part) * 100 / u128::from(total.max(1))) as u64
}

fn bar(part: u64, total: u64) -> String {
    let full = (percent(part, total) * BAR / 100).min(BAR);
    format!("{}{}", "█".repeat(full as usize), "░".repeat((BAR - full) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_wide_at_each_moment() {
        for part in [0, 1, 500, 999, 1000] {
            assert_eq!(bar(part, 1000).chars().count() as u64, BAR);
        }
        assert!(bar(0, 1000).starts_with('░') && bar(1000, 1000).ends_with('█'));
        assert_eq!([percent(1, 3), percent(0, 0), percent(1 << 40, 1 << 40)], [33, 0, 100]);
    }
}
