//! What passes on the underlay, as a cable would carry it: captured at the other machine, and read by tshark.

use super::Site;
use super::house::{House, PATIENCE, has};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Layers whose checksums are looked at, also where tshark by itself would not.
const CHECKED: [&str; 3] = ["ip.check_checksum:TRUE", "tcp.check_checksum:TRUE", "udp.check_checksum:TRUE"];
/// How a stream fares is not what is looked at (group "Sequence"): whether its packets are whole is.
const NO_STREAMS: &str = "tcp.analyze_sequence_numbers:FALSE";
/// What tshark complains of: warnings and errors of any dissector, what it cannot read, and checksums.
const COMPLAINTS: &str = "(_ws.expert.severity >= 0x600000 && !(_ws.expert.group == 0x2000000)) || _ws.malformed || ip.checksum.status == 0 || \
     tcp.checksum.status == 0 || udp.checksum.status == 0 || icmp.checksum.status == 0 || icmpv6.checksum.status == 0";

/// A capture that goes on until it is [ended](Self::end).
pub(crate) struct Outside {
    tcpdump: Child,
    file: PathBuf,
}

impl Site {
    /// Begins to capture at the other machine's interface what a cable would carry. `None` if there are no tools.
    pub(crate) fn capture(&self) -> Option<Outside> {
        if !has("tshark") || !has("tcpdump") {
            return None;
        }
        self.cut_outside();
        Some(Outside::start(self, "far", "u2"))
    }
}

impl Outside {
    fn start(house: &House, netns: &str, ifname: &str) -> Self {
        let file = house.path("outside.pcap");
        let words = format!("ip netns exec {netns} tcpdump -Z root -i {ifname} -s 0 -B 16384 -U -w {}", file.display());
        let mut command = house.command(&words.split(' ').collect::<Vec<_>>());
        let mut tcpdump = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("tcpdump runs");
        let mut lines = BufReader::new(tcpdump.stderr.take().expect("piped")).lines();
        let listening = lines.find(|line| line.as_ref().is_ok_and(|line| line.contains("listening on")));
        assert!(listening.is_some(), "tcpdump does not listen");
        Self { tcpdump, file }
    }

    /// Ends it once something that matches a display filter has come.
    pub(crate) fn end_after(mut self, filter: &str, count: usize) -> Seen {
        let seen = Seen(self.file.clone());
        let begin = std::time::Instant::now();
        while seen.count(filter) < count {
            assert!(
                begin.elapsed() < PATIENCE,
                "{count} of {filter:?} did not come: {:?}",
                seen.fields("frame", &["_ws.col.Info"])
            );
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        self.stop();
        seen
    }

    fn stop(&mut self) {
        // It is ours and not waited for yet, so the number is still its own.
        let _ = kill(Pid::from_raw(self.tcpdump.id().cast_signed()), Signal::SIGINT);
        let _ = self.tcpdump.wait();
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        let _ = self.tcpdump.kill();
        let _ = self.tcpdump.wait();
    }
}

/// What was captured.
pub(crate) struct Seen(PathBuf);

impl Seen {
    /// A line for each packet that matches a display filter, with the values of some fields, each list of values outermost first.
    pub(crate) fn fields(&self, filter: &str, fields: &[&str]) -> Vec<Vec<Vec<String>>> {
        let mut command = Command::new("tshark");
        command.arg("-n").arg("-r").arg(&self.0).args(["-Y", filter, "-T", "fields", "-E", "occurrence=a", "-o", NO_STREAMS]);
        command.args(CHECKED.iter().flat_map(|option| ["-o", option]));
        command.args(fields.iter().flat_map(|field| ["-e", field]));
        let output = command.output().expect("tshark runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let values = |cell: &str| cell.split(',').map(str::to_owned).collect();
        text.lines().map(|line| line.split('\t').map(values).collect()).collect()
    }

    pub(crate) fn count(&self, filter: &str) -> usize {
        self.fields(filter, &["frame.number"]).len()
    }

    /// What tshark complains of, a line each.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let fields =
            ["frame.number", "ip.src", "_ws.expert.message", "_ws.col.Info", "udp.checksum.status", "tcp.checksum.status"];
        self.fields(COMPLAINTS, &fields).into_iter().map(|line| format!("{line:?}")).collect()
    }
}
