//! Segments and finished frames in a capture file, whose checksums tshark verifies.

mod offload_frames;

use lanloom_switch_io::offload::finish;
use lanloom_switch_io::vnet::VnetHeader;
use offload_frames::{Recipe, may_skip_without, segments};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which of tshark's checksum states mean "wrong" (`0` bad, `1` good, `2` not verified).
const BAD: &str = "ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0";
const GOOD: &str = "tcp.checksum.status == 1 || udp.checksum.status == 1";

#[test]
fn tshark_finds_no_bad_checksum_in_segments_nor_in_finished_frames() {
    if let Err(error) = Command::new("tshark").arg("--version").output() {
        assert!(may_skip_without(&format!("tshark ({error})")));
        return;
    }
    let frames = frames();
    let file = CaptureFile::write(&frames);
    assert_eq!(tshark(&file.0, BAD), Vec::<String>::new(), "frames with bad checksums");
    let good = tshark(&file.0, GOOD).len();
    println!("tshark verified {good} frames, the longest of {} bytes", frames.iter().map(Vec::len).max().unwrap_or(0));
    assert_eq!(good, frames.len(), "every frame was verified");
}

#[test]
fn tshark_sees_a_checksum_that_is_wrong() {
    if let Err(error) = Command::new("tshark").arg("--version").output() {
        assert!(may_skip_without(&format!("tshark ({error})")));
        return;
    }
    // One whose checksum was left partial.
    let file = CaptureFile::write(&[Recipe::default().build().0, frames().remove(0)]);
    assert_eq!(tshark(&file.0, BAD), ["1"]);
}

/// Every kind with each number of tags: its segments, and the super-frame with its checksum finished, as a capture shows it.
fn frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for (ipv6, udp) in [(false, false), (false, true), (true, false), (true, true)] {
        for tags in [vec![], vec![[0x81, 0, 0x60, 7]], vec![[0x88, 0xa8, 0, 5], [0x81, 0, 0x20, 6]]] {
            for (payload, ip_options) in [(5001, 0), (60_000, 0), (4321, 2)] {
                let recipe = Recipe { ipv6, udp, tags: tags.clone(), payload, ip_options, size: 1001, ..Recipe::default() };
                let (mut bytes, vnet): (_, VnetHeader) = recipe.build();
                frames.extend(segments(&bytes, &vnet));
                finish(&mut bytes, vnet.checksum);
                frames.push(bytes);
            }
        }
    }
    frames
}

/// The numbers of the frames that match `filter`.
fn tshark(file: &Path, filter: &str) -> Vec<String> {
    let options = ["ip", "tcp", "udp"].map(|layer| format!("{layer}.check_checksum:TRUE"));
    let mut command = Command::new("tshark");
    command.arg("-n").arg("-r").arg(file).args(["-Y", filter, "-T", "fields", "-e", "frame.number"]);
    let output = command.args(options.iter().flat_map(|option| ["-o", option])).output().expect("it was found before");
    assert!(output.status.success(), "tshark: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// A pcap file, gone when dropped.
struct CaptureFile(PathBuf);

impl CaptureFile {
    fn write(frames: &[Vec<u8>]) -> Self {
        // Magic, version 2.4, zone, accuracy, longest frame, Ethernet.
        let mut bytes = [0xa1b2_c3d4u32, 2 | 4 << 16, 0, 0, 1 << 18, 1].map(u32::to_ne_bytes).concat();
        for frame in frames {
            bytes.extend([0, 0, frame.len() as u32, frame.len() as u32].map(u32::to_ne_bytes).concat());
            bytes.extend(frame);
        }
        let name = format!("lanloom-offload-{}-{:?}.pcap", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).expect("the temporary folder takes a file");
        Self(path)
    }
}

impl Drop for CaptureFile {
    fn drop(&mut self) {
        // A file left over harms nobody.
        let _ = std::fs::remove_file(&self.0);
    }
}
