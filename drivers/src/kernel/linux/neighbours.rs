//! The limits of the neighbour table, raised where this is the machine's first namespace.

use std::path::Path;

use super::super::error::{KernelError, Why};
use super::super::failing::Faults;
use super::super::neighbours::{NOT_HERE, limits, raised, told};
use super::sysctl::{self, ROOT};

/// A setting that only the machine's first namespace shows, on kernels that show each namespace the limits too.
const ONLY_IN_THE_FIRST: &str = "net/core/dev_weight";

/// Raises them in the calling thread's namespace, all or none, and says which.
pub(super) fn raise(at_least: [u32; 3], faults: &Faults) -> Result<Vec<String>, KernelError> {
    if !Path::new(ROOT).join(ONLY_IN_THE_FIRST).exists() {
        return Ok(vec![NOT_HERE.to_owned()]);
    }
    let (mut changes, mut notes) = (Vec::new(), Vec::new());
    for (key, place) in limits()? {
        let now = match sysctl::read(&key) {
            // A kernel without IPv6.
            Err(error) if error.why() == &Why::NoSuchSetting => continue,
            now => now?,
        };
        if let Some(to) = raised(&now, at_least[place]) {
            notes.push(told(&key, &now, &to));
            changes.push((key, to));
        }
    }
    sysctl::change(&changes, faults)?;
    Ok(notes)
}
