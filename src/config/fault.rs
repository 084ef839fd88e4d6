//! What is wrong with a configuration, and where.

use std::fmt;
use std::ops::Range;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its line, from 1.
    pub line: usize,
    /// Its first character in the line, from 1.
    pub column: usize,
    /// The line as it is in the file.
    pub shown: String,
    /// Characters of it that are wrong, at least 1.
    pub width: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

/// All faults of a configuration, by line; at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Fault {
    /// A fault at these bytes of the text.
    pub(super) fn at(text: &str, span: Range<usize>, what: impl Into<String>) -> Self {
        let start = floor(text, span.start);
        let end = floor(text, span.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |newline| start + newline);
        Self {
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            shown: text[line_start..line_end].trim_end_matches('\r').to_owned(),
            width: text[start..end.min(line_end)].chars().count().max(1),
            what: what.into().trim_end().replace('\n', "; "),
        }
    }
}

/// The last boundary between characters that is not behind `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl fmt::Display for Fault {
    /// Three lines: where and what, the line itself, and marks below what is wrong with it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.shown.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let gutter = self.line.to_string();
        let (indent, skip, marks) = (gutter.len(), self.column - 1, "^".repeat(self.width));
        writeln!(out, "line {}, column {}: {}", self.line, self.column, self.what)?;
        writeln!(out, "  {gutter} | {shown}")?;
        write!(out, "  {:indent$} | {:skip$}{marks}", "", "")
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            write!(out, "{}{fault}", if at == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
