//! Our segments and those that Linux makes of the same super-frame, byte for byte.
//!
//! In a network namespace of its own, each super-frame is sent through AF_PACKET with a virtio-net header into one end of a
//! veth pair whose offloads are off, so that the kernel cuts it in software before the other end receives it. Plain frames
//! with a partial checksum, which the kernel finishes on the same way, are compared too. Needs root, `ip` (iproute2) and
//! `ethtool`.

#![allow(unsafe_code)]

mod offload_frames;

use lanloom_switch_io::buffer::FRAME_MAX;
use lanloom_switch_io::offload::{check, finish, unfinish};
use lanloom_switch_io::vnet::{Checksum, VnetHeader};
use nix::sched::{CloneFlags, CpuSet, sched_setaffinity, unshare};
use nix::unistd::Pid;
use offload_frames::{Recipe, SOURCE, may_skip_without, segments};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::process::Command;
use std::time::{Duration, Instant};

/// The frame that follows each super-frame: all segments are there when it arrives.
const MARKER: [u8; 60] = filler(SOURCE);

/// The frame that finds out whether the pair carries frames yet. Its source is not that of the frames to compare.
const PROBE: [u8; 60] = filler([2, 0x1a, 0xbe, 0x11, 0xed, 3]);

/// A frame of an EtherType for experiments.
const fn filler(source: [u8; 6]) -> [u8; 60] {
    let mut bytes = [0xee; 60];
    let mut at = 0;
    while at < 6 {
        bytes[6 + at] = source[at];
        at += 1;
    }
    (bytes[0], bytes[12], bytes[13]) = (2, 0x88, 0xb5);
    bytes
}

#[test]
fn segments_and_finished_checksums_are_byte_for_byte_those_of_the_kernel() {
    if let Err(why) = usable() {
        assert!(may_skip_without(&why));
        return;
    }
    // The namespace and all in it are gone with the thread and its sockets.
    let compared = std::thread::spawn(compare_all).join();
    let (frames, segments, largest) = compared.expect("every super-frame is cut as the kernel does");
    println!("compared {frames} super-frames, {segments} segments; the largest super-frame had {largest} bytes");
    assert_eq!(largest, FRAME_MAX, "the longest frame was among them");
}

/// Whether this process may make namespaces, and the tools are there.
fn usable() -> Result<(), String> {
    for (tool, argument) in [("ip", "-V"), ("ethtool", "--version")] {
        Command::new(tool).arg(argument).output().map_err(|error| format!("{tool} ({error})"))?;
    }
    let made = std::thread::spawn(|| unshare(CloneFlags::CLONE_NEWNET)).join();
    made.expect("no panic").map_err(|error| format!("unshare of a network namespace ({error}; run as root)"))
}

fn compare_all() -> (usize, usize, usize) {
    let veth = Veth::new();
    let (mut frames, mut count, mut largest) = (0, 0, 0);
    for recipe in recipes() {
        for (bytes, vnet) in turns(&recipe) {
            count += compare(&veth, &recipe, &bytes, &vnet);
            frames += 1;
            largest = largest.max(bytes.len());
        }
        compare_finished(&veth, &recipe);
        compare_unfinished(&veth, &recipe);
    }
    (frames, count, largest)
}

/// A super-frame as the recipe says, and again with what changes its checksums.
fn turns(recipe: &Recipe) -> Vec<(Vec<u8>, VnetHeader)> {
    let (bytes, vnet) = recipe.build();
    let mut routed = bytes.clone();
    // As if the pseudo-header were of another address than the header: a routing header's last.
    routed[recipe.checksum_field()] ^= 0x5a;
    let first = &segments(&bytes, &vnet)[0];
    let zero = with_payload_word_added(bytes.clone(), recipe, word(first, recipe.checksum_field()));
    let mut turns = vec![(routed, vnet), (zero, vnet)];
    // Without a partial checksum Linux takes only TCP, and of that only what it can dissect by itself: the rest is made partial.
    if !recipe.udp && recipe.tags.is_empty() && recipe.ip_options == 0 {
        turns.push((bytes.clone(), VnetHeader { checksum: Checksum::Complete, ..vnet }));
    }
    turns.push((bytes, vnet));
    turns
}

/// The frame whose first payload word has `more` added. If that is the checksum, the new checksum is 0.
fn with_payload_word_added(mut bytes: Vec<u8>, recipe: &Recipe, more: u16) -> Vec<u8> {
    let at = recipe.headers_len();
    let (sum, carry) = word(&bytes, at).overflowing_add(more);
    bytes[at..at + 2].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
    bytes
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn compare(veth: &Veth, recipe: &Recipe, bytes: &[u8], vnet: &VnetHeader) -> usize {
    let shape = check(bytes, vnet).unwrap_or_else(|reason| panic!("{reason}: {recipe:?}"));
    let theirs = veth.receive(bytes, vnet);
    let ours = segments(bytes, vnet);
    assert_eq!(ours.len(), shape.segments as usize);
    assert_eq!(theirs.len(), ours.len(), "segments of {recipe:?}, {vnet:?}");
    for (at, (theirs, ours)) in theirs.iter().zip(&ours).enumerate() {
        assert_eq!(ours, theirs, "segment {at} (ours left, the kernel's right) of {recipe:?}, {vnet:?}");
    }
    ours.len()
}

/// The same for a plain frame with a partial checksum: the first of its payload, at most.
fn compare_finished(veth: &Veth, recipe: &Recipe) {
    let recipe = Recipe { payload: recipe.payload.min(1400), ..recipe.clone() };
    let (bytes, vnet) = recipe.build();
    let vnet = VnetHeader { gso: None, ..vnet };
    let ours = finished(bytes.clone(), &vnet);
    let zero = with_payload_word_added(bytes.clone(), &recipe, word(&ours, recipe.checksum_field()));
    for bytes in [bytes, zero] {
        let theirs = veth.receive(&bytes, &vnet);
        assert_eq!(vec![finished(bytes, &vnet)], theirs, "(ours left, the kernel's right) of {recipe:?}");
    }
}

/// A TCP super-frame that came without a partial checksum: the kernel takes it once it is made partial, and cuts it as we cut what
/// came.
fn compare_unfinished(veth: &Veth, recipe: &Recipe) {
    if recipe.udp {
        return;
    }
    let (mut bytes, vnet) = recipe.build();
    bytes[recipe.checksum_field()] ^= 0x5a;
    let complete = VnetHeader { checksum: Checksum::Complete, ..vnet };
    let ours = segments(&bytes, &complete);
    let checksum = unfinish(&mut bytes, &complete).expect("a super-frame of TCP");
    assert_eq!(checksum, vnet.checksum, "{recipe:?}");
    let theirs = veth.receive(&bytes, &VnetHeader { checksum, ..vnet });
    assert!(ours == theirs, "segments of {recipe:?} made partial are not those of what came");
}

fn finished(mut bytes: Vec<u8>, vnet: &VnetHeader) -> Vec<u8> {
    finish(&mut bytes, vnet.checksum);
    bytes
}

/// Every kind, with and without tags, at lengths where something ends exactly or not; at most 900 segments each, since the
/// kernel queues 1,000 frames for the receiving end.
fn recipes() -> Vec<Recipe> {
    let mut recipes = Vec::new();
    for (ipv6, udp) in [(false, false), (false, true), (true, false), (true, true)] {
        for tags in [vec![], vec![[0x81, 0, 0x60, 7]], vec![[0x88, 0xa8, 0, 5], [0x81, 0, 0x20, 6]]] {
            let kind = Recipe { ipv6, udp, tags, ..Recipe::default() };
            recipes.extend(variants(&kind));
        }
    }
    recipes
}

fn variants(kind: &Recipe) -> Vec<Recipe> {
    let seg = |payload, size| Recipe { payload, size, ..kind.clone() };
    let mut all = vec![
        seg(4000, 1448),
        seg(2 * 1448, 1448),
        seg(2 * 1448 + 1, 1448),
        seg(1449, 1448),
        seg(5001, 1001),
        seg(if kind.udp { 128 } else { 5000 }, if kind.udp { 1 } else { 8 }),
        seg(60_000, 1428),
        seg(60_001, 30_000),
        // The longest frame there is.
        seg(FRAME_MAX - kind.headers_len(), 1448),
    ];
    all.extend([1, 3, 10].map(|ip_options| Recipe { ip_options, seed: 77, ..seg(3001, 700) }));
    all.extend([false, true].map(|dont_fragment| Recipe { dont_fragment, id: 0, ..kind.clone() }));
    if !kind.udp {
        all.extend([0, 3, 10].map(|tcp_options| Recipe { tcp_options, ..seg(5001, 1000) }));
        // FIN, RST, PSH, ACK, URG, ECE, CWR one by one, then all.
        for tcp_flags in [0x01, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xdd] {
            all.extend([false, true].map(|ecn| Recipe { tcp_flags, ecn, ..kind.clone() }));
        }
    }
    all.extend((0..=255).step_by(5).map(|seed| Recipe { seed, ..seg(1000 + usize::from(seed) * 3, 400) }));
    all
}

/// A veth pair in this thread's own namespace: the kernel cuts what is sent at one end.
struct Veth {
    sender: OwnedFd,
    receiver: OwnedFd,
}

impl Veth {
    fn new() -> Self {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
        stay_on_this_cpu();
        run("ip", &["link", "add", "cut0", "type", "veth", "peer", "name", "cut1"]);
        for end in ["cut0", "cut1"] {
            run("ip", &["link", "set", end, "mtu", "65535", "addrgenmode", "none", "up"]);
            run("ethtool", &["-K", end, "tx", "off", "tso", "off", "gso", "off", "gro", "off", "txvlan", "off"]);
        }
        let sender = packet_socket("cut0", 0);
        set(&sender, libc::SOL_PACKET, libc::PACKET_VNET_HDR, 1);
        set(&sender, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, 1 << 20);
        let receiver = packet_socket("cut1", libc::ETH_P_ALL as u16);
        set(&receiver, libc::SOL_PACKET, libc::PACKET_AUXDATA, 1);
        set(&receiver, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, 64 << 20);
        let veth = Self { sender, receiver };
        veth.wait_until_it_carries();
        veth
    }

    /// A device that just came up drops frames silently until the kernel's link watch has given it a queue.
    fn wait_until_it_carries(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.is_waiting(50) {
            assert!(Instant::now() < deadline, "the veth pair carries a frame within 20 s");
            self.send(&PROBE, &VnetHeader::default());
        }
    }

    /// Whether a frame can be received within so many milliseconds.
    fn is_waiting(&self, milliseconds: i32) -> bool {
        let mut waiting = libc::pollfd { fd: self.receiver.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid pollfd.
        unsafe { libc::poll(&raw mut waiting, 1, milliseconds) == 1 }
    }

    /// What arrives of a frame at the other end.
    fn receive(&self, bytes: &[u8], vnet: &VnetHeader) -> Vec<Vec<u8>> {
        self.send(bytes, vnet);
        self.send(&MARKER, &VnetHeader::default());
        let frames = std::iter::from_fn(|| Some(self.recv())).take_while(|frame| frame[..] != MARKER);
        frames.filter(|frame| frame.get(6..12) == Some(&SOURCE)).collect()
    }

    fn send(&self, bytes: &[u8], vnet: &VnetHeader) {
        let message = [&vnet.emit()[..10], bytes].concat();
        // SAFETY: the pointer and length are those of `message`.
        let sent = unsafe { libc::send(self.sender.as_raw_fd(), message.as_ptr().cast(), message.len(), 0) };
        assert_eq!(sent, message.len() as isize, "the kernel takes {vnet:?}: {}", io::Error::last_os_error());
    }

    /// The next frame, a tag that the kernel took out put back. Waits at most 20 seconds.
    fn recv(&self) -> Vec<u8> {
        assert!(self.is_waiting(20_000), "a frame arrives within 20 s");
        let mut bytes = vec![0; FRAME_MAX + 64];
        let mut control = [0u64; 16];
        let mut part = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        // SAFETY: all zero is a valid msghdr.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        (message.msg_control, message.msg_controllen) = (control.as_mut_ptr().cast(), size_of_val(&control));
        // SAFETY: the message points at `part` and `control`, which outlive the call.
        let len = unsafe { libc::recvmsg(self.receiver.as_raw_fd(), &raw mut message, 0) };
        bytes.truncate(usize::try_from(len).expect("recvmsg reads a frame"));
        assert_eq!(message.msg_flags & (libc::MSG_TRUNC | libc::MSG_CTRUNC), 0, "all of it");
        if let Some(tag) = tag_of(&message) {
            bytes.splice(12..12, tag);
        }
        bytes
    }
}

/// The tag in a message's auxiliary data.
fn tag_of(message: &libc::msghdr) -> Option<[u8; 4]> {
    // SAFETY: the message was filled in by recvmsg and its control buffer lives.
    let header = unsafe { libc::CMSG_FIRSTHDR(message).as_ref() }?;
    assert_eq!((header.cmsg_level, header.cmsg_type), (libc::SOL_PACKET, libc::PACKET_AUXDATA));
    // SAFETY: data of this type is a tpacket_auxdata.
    let aux = unsafe { libc::CMSG_DATA(header).cast::<libc::tpacket_auxdata>().read_unaligned() };
    (aux.tp_status & libc::TP_STATUS_VLAN_VALID != 0).then(|| {
        let ([t0, t1], [c0, c1]) = (aux.tp_vlan_tpid.to_be_bytes(), aux.tp_vlan_tci.to_be_bytes());
        [t0, t1, c0, c1]
    })
}

/// A raw socket on an interface that receives frames of `protocol`, none if 0.
fn packet_socket(interface: &str, protocol: u16) -> OwnedFd {
    // SAFETY: plain call; the result is checked.
    let raw = unsafe { libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    assert!(raw >= 0, "a packet socket: {}", io::Error::last_os_error());
    // SAFETY: a new descriptor that nobody else owns.
    let socket = unsafe { OwnedFd::from_raw_fd(raw) };
    // SAFETY: all zero is a valid sockaddr_ll.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = protocol.to_be();
    address.sll_ifindex = nix::net::if_::if_nametoindex(interface).expect("the interface exists") as i32;
    let len = size_of_val(&address) as libc::socklen_t;
    // SAFETY: pointer and length are those of `address`.
    let bound = unsafe { libc::bind(raw, (&raw const address).cast(), len) };
    assert_eq!(bound, 0, "bind to {interface}: {}", io::Error::last_os_error());
    socket
}

fn set(socket: &OwnedFd, level: i32, option: i32, value: i32) {
    let len = size_of_val(&value) as libc::socklen_t;
    // SAFETY: pointer and length are those of `value`.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), len) };
    assert_eq!(done, 0, "socket option {level}/{option}: {}", io::Error::last_os_error());
}

/// Frames sent from two CPUs may overtake each other on their way to the other end.
fn stay_on_this_cpu() {
    let mut only = CpuSet::new();
    // SAFETY: plain call.
    let here = unsafe { libc::sched_getcpu() };
    only.set(usize::try_from(here).expect("a CPU number")).expect("a CPU number");
    sched_setaffinity(Pid::from_raw(0), &only).expect("a thread may stay where it is");
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().expect("it was found before");
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {why}");
}
