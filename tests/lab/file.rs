//! Frames in a capture file, for tshark to verify.

use super::sandbox::must;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which of tshark's checksum states mean "wrong" (`0` bad, `1` good).
const BAD: &str = "ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0";
const GOOD: &str = "tcp.checksum.status == 1 || udp.checksum.status == 1";

/// A pcap file, gone when dropped.
pub(crate) struct CaptureFile(PathBuf);

impl CaptureFile {
    /// Writes the frames, or says that tshark is missing and answers nothing. Panics instead under CI.
    pub(crate) fn for_tshark(frames: &[Vec<u8>]) -> Option<Self> {
        if let Err(error) = Command::new("tshark").arg("--version").output() {
            assert!(std::env::var_os("CI").is_none(), "tshark is not usable here ({error}), and nothing may be skipped");
            println!("skipped: tshark is not usable here: {error}");
            return None;
        }
        // Magic, version 2.4, zone, accuracy, longest frame, Ethernet.
        let mut bytes = [0xa1b2_c3d4u32, 2 | 4 << 16, 0, 0, 1 << 18, 1].map(u32::to_ne_bytes).concat();
        for frame in frames {
            bytes.extend([0, 0, frame.len() as u32, frame.len() as u32].map(u32::to_ne_bytes).concat());
            bytes.extend(frame);
        }
        let name = format!("lanloom-lab-{}-{:?}.pcap", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).expect("the temporary folder takes a file");
        Some(Self(path))
    }

    /// The numbers of the frames with a bad checksum.
    pub(crate) fn bad(&self) -> Vec<String> {
        tshark(&self.0, BAD)
    }

    /// How many frames have a layer-4 checksum that is right.
    pub(crate) fn good(&self) -> usize {
        tshark(&self.0, GOOD).len()
    }
}

impl Drop for CaptureFile {
    fn drop(&mut self) {
        // A file left over harms nobody.
        let _ = std::fs::remove_file(&self.0);
    }
}

fn tshark(file: &Path, filter: &str) -> Vec<String> {
    let options = ["ip", "tcp", "udp"].map(|layer| format!("{layer}.check_checksum:TRUE"));
    let mut command = Command::new("tshark");
    command.arg("-n").arg("-r").arg(file).args(["-Y", filter, "-T", "fields", "-e", "frame.number"]);
    must(command.args(options.iter().flat_map(|option| ["-o", option]))).lines().map(str::to_owned).collect()
}
