//! The `lanloom` program that is measured: one that was named, or the one of this source tree, built for release.

use crate::fault::{Fault, Result, Tried};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where it is, or will be once it is built.
///
/// # Errors
/// If there is no way to tell.
pub(crate) fn path(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = named {
        return std::path::absolute(path).tried(|| format!("looking for {}", path.display()));
    }
    let own = std::env::current_exe().tried(|| "looking for this program's own file")?;
    let target = own.parent().and_then(Path::parent).unwrap_or(Path::new("target"));
    Ok(target.join("release/lanloom"))
}

/// Builds the one of this source tree, always for release.
///
/// # Errors
/// If cargo fails.
pub(crate) fn build() -> Result<()> {
    eprintln!("building lanloom for release …");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--release", "--package", "lanloom", "--bin", "lanloom"]);
    let status = command.status().tried(|| "starting cargo to build lanloom")?;
    if status.success() { Ok(()) } else { Err(Fault::on("building lanloom for release", status)) }
}
