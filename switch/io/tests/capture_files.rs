//! Capture files as other people's tools see them.

mod offload_frames;

use lanloom_switch_core::build::build;
use lanloom_switch_core::{Consumed, DropReason, EgressFate, Fate, FloodKind, Generated, Learned, PortId};
use lanloom_switch_io::capture::{Origin, PortLabel, Record, Settings, Writer};
use lanloom_switch_io::vnet::{Checksum, VnetHeader};
use offload_frames::{Recipe, may_skip_without};
use std::path::{Path, PathBuf};
use std::process::Command;

const P1: PortId = PortId::new(1, 0);
const P2: PortId = PortId::new(2, 0);
const P3: PortId = PortId::new(3, 0);
const TIME: u64 = 1_700_000_000_123_456_789;

/// Fields of `tshark`, one column each.
const BAD: &str =
    "ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || icmp.checksum.status == 0";
const GOOD: &str = "tcp.checksum.status == 1 || udp.checksum.status == 1";

fn label(port: PortId, name: &str) -> PortLabel {
    PortLabel { port, name: name.into(), description: format!("tap://{name}") }
}

fn record<'a>(id: u64, port: PortId, bytes: &'a [u8], vnet: VnetHeader, copies: &'a [(PortId, EgressFate)]) -> Record<'a> {
    let (fate, learned) = if copies.is_empty() {
        (Fate::Dropped(DropReason::Isolated), Learned::Refreshed)
    } else if copies.len() > 1 {
        (Fate::Flooded(FloodKind::Unknown), Learned::Moved(P2))
    } else {
        (Fate::Forwarded, Learned::New)
    };
    let segments = lanloom_switch_io::offload::check(bytes, &vnet).map_or(1, |shape| shape.segments);
    let original_len = bytes.len() as u32;
    let origin = Origin::Received { fate, learned, answer: None };
    Record { time: TIME + id, id, port, bytes, original_len, vnet, segments, origin, copies, lost_before: 0 }
}

fn writer(settings: Settings) -> Writer {
    let mut writer = Writer::new(settings);
    writer.port(&label(P1, "p1"));
    writer.port(&label(P2, "p2"));
    writer
}

/// A file of three frames; the third port is made after the first frame.
fn three_frames() -> Vec<u8> {
    let mut writer = writer(Settings::default());
    let frame =
        build("icmp src=02:00:00:00:00:0a src=10.0.0.1 dst=02:00:00:00:00:0b dst=10.0.0.2 len=56").expect("a ping").bytes;
    writer.record(&record(7, P1, &frame, VnetHeader::default(), &[(P2, EgressFate::Sent)]));
    writer.port(&label(P3, "p3"));
    let flood = [(P2, EgressFate::Sent), (P3, EgressFate::Dropped(DropReason::QueueFull))];
    writer.record(&record(8, P1, &frame, VnetHeader::default(), &flood));
    writer.record(&Record { lost_before: 5, ..record(9, P3, &frame, VnetHeader::default(), &[]) });
    assert_eq!(writer.packets(), 3);
    let mut file = writer.take().to_vec();
    file.extend(writer.finish(&[(P1, 2)]));
    file
}

#[test]
fn a_small_file_is_what_the_format_says_to_the_byte() {
    let mut writer = Writer::new(Settings { application: "lanloom 9".into(), snaplen: 96, segments: false });
    writer.port(&label(P1, "p1"));
    let bytes = [[0xff; 6], [2, 0, 0, 0, 0, 0x0a]].concat();
    writer.record(&Record { lost_before: 3, ..record(7, P1, &bytes, VnetHeader::default(), &[]) });
    let mut expected = Vec::new();
    let mut words = |words: &[u32]| expected.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    let text = |text: &[u8; 4]| u32::from_le_bytes(*text);
    // Section: options os (3) and userappl (4).
    words(&[0x0a0d0d0a, 60, 0x1a2b3c4d, 1, u32::MAX, u32::MAX, 3 | 5 << 16, text(b"linu"), text(b"x\0\0\0")]);
    words(&[4 | 9 << 16, text(b"lanl"), text(b"oom "), text(b"9\0\0\0"), 0, 60]);
    // Interface: Ethernet, snaplen, name (2), description (3), resolution (9).
    words(&[1, 52, 1, 96, 2 | 2 << 16, text(b"p1\0\0"), 3 | 8 << 16, text(b"tap:"), text(b"//p1"), 9 | 1 << 16, 9, 0, 52]);
    // Packet: interface, time, lengths, bytes, comment (1), flags (2), drops (4), id (5).
    words(&[6, 104, 0, ((TIME + 7) >> 32) as u32, (TIME + 7) as u32, 12, 12, u32::MAX, 0x0002_ffff, 0x0a00_0000]);
    words(&[1 | 20 << 16, text(b"p1 d"), text(b"ropp"), text(b"ed: "), text(b"isol"), text(b"ated")]);
    words(&[2 | 4 << 16, 3 << 2 | 1, 4 | 8 << 16, 3, 0, 5 | 8 << 16, 7, 0, 0, 104]);
    // Statistics: interface, time, start (2), end (3), received (4), dropped (5).
    let (high, low) = (((TIME + 7) >> 32) as u32, (TIME + 7) as u32);
    words(&[5, 76, 0, high, low, 2 | 8 << 16, high, low, 3 | 8 << 16, high, low, 4 | 8 << 16, 4, 0, 5 | 8 << 16, 3, 0, 0, 76]);
    assert_eq!(writer.finish(&[]).as_ref(), expected);
}

#[test]
fn tshark_shows_each_frame_once_on_its_ports_interface_with_its_verdict() {
    if !has("tshark") {
        return;
    }
    let file = CaptureFile::write(&three_frames());
    let fields =
        ["frame.interface_name", "frame.packet_flags_direction", "frame.packet_id", "frame.comment", "frame.time_epoch"];
    let expected = [
        "p1|0x00000001|7|p1 → p2 · learned 02:00:00:00:00:0a on p1|1700000000.123456796",
        "p1|0x00000001|8|p1 → flood p2 p3 (unknown) · p3 dropped: queue_full · 02:00:00:00:00:0a moved p2 → p1|1700000000.123456797",
        "p3|0x00000001|9|p3 dropped: isolated|1700000000.123456798",
    ];
    assert_eq!(tshark(&file.0, "frame", &fields), expected);
}

#[test]
fn what_the_switch_made_stands_outbound_on_its_ports_interface_and_what_it_took_says_so() {
    let build = |words| build(words).expect("a frame").bytes;
    let asked = build("arp src=02:00:00:00:00:0a src=10.0.0.1 dst=10.0.0.2");
    let answer = build("arp op=reply src=02:00:00:00:00:0b src=10.0.0.2 dst=02:00:00:00:00:0a dst=10.0.0.1");
    let mut writer = writer(Settings::default());
    let made = Some(Generated::ArpReply);
    let origin = Origin::Received { fate: Fate::Consumed(Consumed::Answered), learned: Learned::Refreshed, answer: made };
    writer.record(&Record { origin, ..record(1, P1, &asked, VnetHeader::default(), &[]) });
    let origin = Origin::Generated(Generated::ArpReply);
    writer.record(&Record { origin, ..record(2, P1, &answer, VnetHeader::default(), &[(P1, EgressFate::Sent)]) });
    let bytes = writer.finish(&[]);
    let mut reader = lanloom_switch_io::capture::read::Reader::new(&bytes[..]).expect("a sound file");
    let comments = std::iter::from_fn(|| reader.next().expect("a sound file")).filter_map(|frame| frame.comment);
    let expected = ["p1 consumed: answered · answer: arp reply", "generated: arp reply → p1"];
    assert_eq!(comments.collect::<Vec<_>>(), expected);
    if has("tshark") {
        let file = CaptureFile::write(&bytes);
        let fields = ["frame.interface_name", "frame.packet_flags_direction", "arp.opcode"];
        assert_eq!(tshark(&file.0, "frame", &fields), ["p1|0x00000001|1", "p1|0x00000002|2"]);
    }
}

#[test]
fn capinfos_and_tcpdump_read_a_file_whose_ports_came_during_the_capture() {
    if !has("capinfos") || !has("tcpdump") {
        return;
    }
    let file = CaptureFile::write(&three_frames());
    let about = output(Command::new("capinfos").arg(&file.0));
    for line in
        ["Number of interfaces in file: 3", "Number of packets:   3", "Name = p3", "Description = tap://p1", "nanosecond"]
    {
        assert!(about.contains(line), "no {line:?} in {about}");
    }
    assert!(about.contains(&format!("lanloom {}", env!("CARGO_PKG_VERSION"))), "{about}");
    assert!(about.contains("Number of stat entries = 1"), "{about}");
    let lines = output(Command::new("tcpdump").args(["-n", "-r"]).arg(&file.0));
    let pings = lines.lines().filter(|line| line.contains("10.0.0.1 > 10.0.0.2: ICMP echo request, id 1, seq 1, length 64"));
    assert_eq!(pings.count(), 3, "{lines}");
}

#[test]
fn frames_that_end_alike_share_their_words_and_no_others_do() {
    let bytes = build("eth src=02:00:00:00:00:0a dst=02:00:00:00:00:0b type=88b5").expect("a frame").bytes;
    let mut writer = writer(Settings::default());
    let known = |id, port, copies| {
        let record = record(id, port, &bytes, VnetHeader::default(), copies);
        match record.origin {
            Origin::Received { fate, answer, .. } => {
                Record { origin: Origin::Received { fate, learned: Learned::Refreshed, answer }, ..record }
            }
            Origin::Generated(_) => record,
        }
    };
    let (sent, full) = ([(P2, EgressFate::Sent)], [(P2, EgressFate::Dropped(DropReason::QueueFull))]);
    let mut file = Vec::new();
    writer.record(&record(0, P1, &bytes, VnetHeader::default(), &sent));
    for (id, copies) in [&sent, &sent, &full, &sent].into_iter().enumerate() {
        writer.record(&known(id as u64, P1, copies));
    }
    writer.record(&known(5, P2, &[]));
    writer.write_to(&mut file).expect("a vector takes it");
    writer.port(&label(P2, "web"));
    writer.record(&known(6, P2, &[]));
    file.extend(writer.finish(&[]));
    let mut reader = lanloom_switch_io::capture::read::Reader::new(&file[..]).expect("a sound file");
    let comments =
        std::iter::from_fn(|| reader.next().expect("a sound file")).filter_map(|frame| frame.comment).collect::<Vec<_>>();
    let learned = "p1 → p2 · learned 02:00:00:00:00:0a on p1";
    let dropped = "p1 → p2 dropped: queue_full";
    assert_eq!(comments, [learned, "p1 → p2", "p1 → p2", dropped, "p1 → p2", "p2 dropped: isolated", "web dropped: isolated"]);
}

/// Super-frames of every kind, and frames whose checksum is partial.
fn unfinished() -> Vec<(Vec<u8>, VnetHeader)> {
    let mut frames = Vec::new();
    for (ipv6, udp) in [(false, false), (false, true), (true, false), (true, true)] {
        for tags in [vec![], vec![[0x81, 0, 0x60, 7]], vec![[0x88, 0xa8, 0, 5], [0x81, 0, 0x20, 6]]] {
            for payload in [1001, 5001, 60_000] {
                let recipe = Recipe { ipv6, udp, tags: tags.clone(), payload, size: 1001, ..Recipe::default() };
                let (bytes, vnet) = recipe.build();
                if payload == 1001 {
                    frames.push((bytes.clone(), VnetHeader { gso: None, ..vnet }));
                }
                frames.push((bytes, vnet));
            }
        }
    }
    frames
}

#[test]
fn tshark_finds_no_bad_checksum_in_super_frames_kept_whole_nor_in_segments() {
    if !has("tshark") {
        return;
    }
    let frames = unfinished();
    let mut packets = Vec::new();
    for segments in [false, true] {
        let mut writer = writer(Settings { segments, ..Settings::default() });
        for (id, (bytes, vnet)) in frames.iter().enumerate() {
            writer.record(&record(id as u64, P1, bytes, *vnet, &[(P2, EgressFate::Sent)]));
        }
        packets.push(writer.packets());
        let longest = frames.iter().map(|(bytes, _)| bytes.len()).max();
        let file = CaptureFile::write(&writer.finish(&[]));
        assert_eq!(tshark(&file.0, BAD, &["frame.number"]), Vec::<String>::new(), "bad checksums, segments {segments}");
        let good = tshark(&file.0, GOOD, &["frame.number"]).len() as u64;
        println!("segments {segments}: tshark verified {good} frames; the longest handed over had {longest:?} bytes");
        assert_eq!(good, *packets.last().expect("one mode"), "every packet was verified");
    }
    assert_eq!(packets[0], frames.len() as u64, "a super-frame is recorded once");
    assert!(packets[1] > 10 * packets[0], "and as many as it is cut into with --segments: {packets:?}");
}

#[test]
fn a_super_frame_says_its_size_and_its_segments_their_place() {
    if !has("tshark") {
        return;
    }
    let (bytes, vnet) = Recipe { payload: 3000, size: 1448, ..Recipe::default() }.build();
    let comments = |segments| {
        let mut writer = writer(Settings { segments, ..Settings::default() });
        writer.record(&record(1, P1, &bytes, vnet, &[(P2, EgressFate::Sent)]));
        let file = CaptureFile::write(&writer.finish(&[]));
        tshark(&file.0, "frame", &["frame.comment"])
    };
    let learned = "learned 02:1a:be:11:ed:02 on p1";
    assert_eq!(comments(false), [format!("p1 → p2 · {learned} · GSO 3×1448")]);
    let first = format!("p1 → p2 · {learned} · GSO 3×1448 · segment 1 of 3");
    assert_eq!(comments(true), [&first, "p1 → p2 · segment 2 of 3", "p1 → p2 · segment 3 of 3"]);
}

#[test]
fn a_super_frame_whose_sum_was_left_to_its_segments_is_written_once_with_one_for_its_whole_length() {
    if !has("tshark") {
        return;
    }
    for (ipv6, checksum) in [(false, Checksum::Complete), (true, Checksum::Valid)] {
        let (bytes, vnet) = Recipe { ipv6, payload: 3001, size: 1448, tcp_options: 3, ..Recipe::default() }.build();
        let mut writer = writer(Settings::default());
        writer.record(&record(1, P1, &bytes, VnetHeader { checksum, ..vnet }, &[(P2, EgressFate::Sent)]));
        assert_eq!(writer.packets(), 1, "{checksum:?}");
        let file = CaptureFile::write(&writer.finish(&[]));
        assert_eq!(tshark(&file.0, GOOD, &["frame.cap_len"]), [bytes.len().to_string()], "{checksum:?}");
    }
}

#[test]
fn a_frame_whose_header_lies_stands_in_the_file_as_it_came() {
    let bytes = build("udp src=10.0.0.1 dst=10.0.0.2 len=100").expect("a frame").bytes;
    let (super_frame, vnet) = Recipe::default().build();
    let mut fragment = super_frame.clone();
    fragment[20] |= 0x20;
    let partial = |start, offset| VnetHeader { checksum: Checksum::Partial { start, offset }, ..VnetHeader::default() };
    for (bytes, vnet) in [(&bytes, partial(0, 0)), (&bytes, partial(0, 2)), (&fragment, vnet)] {
        let mut writer = writer(Settings::default());
        writer.record(&record(1, P1, bytes, vnet, &[]));
        let file = writer.finish(&[]);
        let kept = lanloom_switch_io::capture::read::frame_at(&file[..], 1).expect("one frame").bytes;
        assert_eq!(kept, *bytes, "{vnet:?}");
    }
}

#[test]
fn a_snaplen_cuts_what_is_written_and_no_checksum_is_called_bad() {
    if !has("tshark") {
        return;
    }
    let mut writer = writer(Settings { snaplen: 96, ..Settings::default() });
    for (id, (bytes, vnet)) in unfinished().iter().enumerate() {
        writer.record(&record(id as u64, P1, bytes, *vnet, &[(P2, EgressFate::Sent)]));
    }
    let file = CaptureFile::write(&writer.finish(&[]));
    assert_eq!(tshark(&file.0, BAD, &["frame.number"]), Vec::<String>::new());
    let mut lengths = tshark(&file.0, "frame", &["frame.cap_len"]);
    lengths.dedup();
    assert_eq!(lengths, ["96"]);
}

#[test]
fn a_filter_takes_the_frames_that_tcpdump_takes() {
    if !has("tcpdump") {
        return;
    }
    let texts = [
        "arp src=10.0.0.1 dst=10.0.0.2",
        "icmp src=10.0.0.1 dst=10.1.0.2",
        "icmp src=fe80::1 dst=fe80::2",
        "tcp src=10.0.0.1 dst=10.0.0.2 sport=1000 dport=80 len=1000",
        "tcp src=fe80::2 dst=fe80::1 sport=80 dport=1000 flags=S.",
        "udp src=10.0.0.2 dst=10.0.0.53 sport=1000 dport=53",
        "udp src=fe80::1 dst=ff02::fb sport=5353 dport=5353",
        "udp src=10.0.0.9 dst=255.255.255.255 sport=68 dport=67 len=300",
        "eth src=02:00:00:00:00:0a dst=02:00:00:00:00:0b type=0x88b5",
    ];
    let frames: Vec<_> = texts.iter().map(|text| build(text).expect("a frame").bytes).collect();
    let mut writer = writer(Settings::default());
    for (id, bytes) in frames.iter().enumerate() {
        writer.record(&record(id as u64, P1, bytes, VnetHeader::default(), &[]));
    }
    let file = CaptureFile::write(&writer.finish(&[]));
    let hosts =
        ["host 10.0.0.1", "src 10.0.0.2", "dst host fe80::1", "net 10.1.0.0/16", "src net fe80::/64", "port 80", "dst port 53"];
    let kinds = [
        "arp",
        "ip",
        "ip6",
        "icmp",
        "icmp6",
        "tcp",
        "udp",
        "broadcast",
        "multicast",
        "ether proto 0x88b5",
        "ether dst 02:00:00:00:00:0b",
    ];
    let joined = [
        "arp or icmp and host 10.1.0.2",
        "not (tcp or udp) and ip",
        "tcp port 80 or udp port 53",
        "!ip&&!ip6",
        "less 60",
        "greater 500",
    ];
    let short = [
        "src 10.0.0.2 or 10.0.0.1",
        "dst host 10.0.0.53 or 10.0.0.2 and not 10.0.0.2",
        "src fe80::1 or fe80::2",
        "port 80 or 53",
        "tcp src port 80 or 1000",
        "udp dst port 53 or 5353",
        "net 10.1.0.0/16 or 255.255.255.255/32",
        "src net 10.0.0.0/30 or fe80::/64",
        "ip host 10.0.0.9 or 10.0.0.53",
        "arp src 10.0.0.1 or 10.0.0.2",
        "src 10.0.0.1 and (10.0.0.1 or 10.0.0.2) or 10.0.0.2",
        "src 10.0.0.2 or not 10.0.0.1 and ip",
        "ether dst 02:00:00:00:00:0a or 02:00:00:00:00:0b",
        "dst port 80 or (src 10.0.0.2 and not 10.0.0.9) or 67",
    ];
    for expression in hosts.into_iter().chain(kinds).chain(joined).chain(short) {
        let filter: lanloom_switch_core::filter::Filter = expression.parse().expect(expression);
        let ours = (0..frames.len()).filter(|at| filter.matches(&frames[*at], frames[*at].len()));
        let lines = output(Command::new("tcpdump").args(["-n", "-tt", "--nano", "-r"]).arg(&file.0).arg(expression));
        let nanos = lines.lines().filter_map(|line| line.split_once(' ')?.0.strip_prefix("1700000000.")?.parse::<u64>().ok());
        let theirs: Vec<_> = nanos.map(|nanos| (nanos - TIME % 1_000_000_000) as usize).collect();
        assert_eq!(ours.collect::<Vec<_>>(), theirs, "{expression}");
    }
}

/// Whether a tool is there. In CI it must be; elsewhere its tests are skipped, aloud.
fn has(tool: &str) -> bool {
    match Command::new(tool).arg("--version").output() {
        Ok(_) => true,
        Err(error) => {
            assert!(may_skip_without(&format!("{tool} ({error})")), "{tool} must be installed in CI");
            false
        }
    }
}

/// What tshark says of the frames that match `filter`, checking all checksums; fields parted by `|`.
fn tshark(file: &Path, filter: &str, fields: &[&str]) -> Vec<String> {
    let mut command = Command::new("tshark");
    command.args(["-n", "-E", "separator=|", "-T", "fields", "-Y", filter, "-r"]).arg(file);
    for layer in ["ip", "tcp", "udp"] {
        command.args(["-o", &format!("{layer}.check_checksum:TRUE")]);
    }
    command.args(fields.iter().flat_map(|field| ["-e", field]));
    output(&mut command).lines().map(str::to_owned).collect()
}

/// What a tool prints, which must have no complaint about the file.
fn output(command: &mut Command) -> String {
    let output = command.output().expect("it was found before");
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    let complains = ["damaged", "corrupt", "malformed", "cut short", "truncated", "invalid", "error"]
        .iter()
        .any(|word| said.contains(word));
    assert!(output.status.success() && !complains, "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A file, gone when dropped.
struct CaptureFile(PathBuf);

impl CaptureFile {
    fn write(bytes: &[u8]) -> Self {
        let name = format!("lanloom-capture-{}-{:?}.pcapng", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, bytes).expect("the temporary folder takes a file");
        Self(path)
    }
}

impl Drop for CaptureFile {
    fn drop(&mut self) {
        // Nothing more can be done about a file that stays.
        let _ = std::fs::remove_file(&self.0);
    }
}
