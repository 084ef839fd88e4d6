//! The two files of a report: Markdown for people and JSON for programs.

use crate::fault::{Result, Tried};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Writes `STEM.md` and `STEM.json` into a directory, which is made if it is not there, and answers where they are.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn write(dir: &Path, stem: &str, markdown: &str, json: &Value) -> Result<[PathBuf; 2]> {
    std::fs::create_dir_all(dir).tried(|| format!("making {}", dir.display()))?;
    let files =
        [(dir.join(format!("{stem}.md")), markdown.to_owned()), (dir.join(format!("{stem}.json")), format!("{json:#}\n"))];
    for (file, text) in &files {
        std::fs::write(file, text).tried(|| format!("writing {}", file.display()))?;
    }
    Ok(files.map(|(file, _)| file))
}
