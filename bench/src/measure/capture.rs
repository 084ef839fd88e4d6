//! What is left of TCP's throughput while everything is captured into a file.

use super::tcp;
use crate::fault::{Fault, Result, Tried};
use crate::lan::Lan;
use crate::leftovers::{TMPFS, name};
use crate::peers::Peer;
use nix::sys::statvfs::statvfs;
use std::path::PathBuf;

/// What a second of throughput may need: 16 Gbit/s.
const BYTES_PER_SEC: u64 = 2 << 30;

/// What one run showed.
pub(crate) struct Capturing {
    pub(crate) gbit_per_sec: f64,
    /// About 1 if the whole of every frame was written; less tells how much was not.
    pub(crate) file_bytes_per_tcp_byte: f64,
}

/// TCP, one stream, while the peer captures into memory, so that no disk is measured. The capture is at work before and after.
///
/// # Errors
/// If the peer cannot capture, there is no room for the file, or the capture ended by itself.
pub(crate) fn throughput(peer: &dyn Peer, lan: &Lan, secs: u64) -> Result<Capturing> {
    let file = TemporaryFile(PathBuf::from(TMPFS).join(name("capture.pcapng")));
    let secs = secs.min(seconds_that_fit()?);
    let mut capture = peer.capture(lan, &file.0)?;
    capture.wait_until("the file", std::time::Duration::from_secs(10), |_| file.0.exists())?;
    let run = tcp::throughput(lan, 1, secs)?;
    capture.check_alive()?;
    capture.interrupt();
    let length = std::fs::metadata(&file.0).tried(|| format!("reading {}", file.0.display()))?.len();
    let sent = run.gbit_per_sec * 1e9 / 8.0 * secs as f64;
    Ok(Capturing { gbit_per_sec: run.gbit_per_sec, file_bytes_per_tcp_byte: length as f64 / sent })
}

/// At most half of what is free is filled.
fn seconds_that_fit() -> Result<u64> {
    let space = statvfs(TMPFS).tried(|| format!("reading the free space of {TMPFS}"))?;
    let free = space.blocks_available() * space.fragment_size();
    match free / 2 / BYTES_PER_SEC {
        0 => Err(Fault::on(format!("capturing into {TMPFS}"), format!("only {} MiB are free there", free >> 20))),
        secs => Ok(secs),
    }
}

/// Removed when dropped.
struct TemporaryFile(PathBuf);

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // It is not there if the capture never began.
        let _ = std::fs::remove_file(&self.0);
    }
}
