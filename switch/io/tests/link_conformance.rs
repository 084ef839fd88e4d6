//! One suite that every kind of link passes: memory, TAP with and without offloads, AF_PACKET on a veth pair.
//!
//! The far end is a link too, so that frames can be put in and taken out: the other end in memory, or AF_PACKET on the
//! interface that a guest would use. TAP and veth need root and `ip` (iproute2).

mod common;

use common::{Netns, until};
use lanloom_switch_core::EgressFate;
use lanloom_switch_io::buffer::Batch;
use lanloom_switch_io::link::memory::{Bound, pair};
use lanloom_switch_io::link::packet::Packet;
use lanloom_switch_io::link::plain_tap::PlainTap;
use lanloom_switch_io::link::tap::Tap;
use lanloom_switch_io::link::{Link, LinkError, Offloads, Waiting};
use lanloom_switch_io::vnet::{Checksum, Gso, GsoKind, VnetHeader};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A link under test, and the far end of it.
struct Pair {
    link: Box<dyn Link>,
    far: Box<dyn Link>,
    /// What the link is to take uncut and unfinished.
    offloads: Offloads,
    /// Makes the link's interface go.
    pull: Box<dyn FnOnce()>,
    _netns: Option<Netns>,
}

fn memory() -> Option<Pair> {
    let (link, far) = pair(Bound { frames: 1024, bytes: 1 << 24 }, Offloads::ALL).expect("descriptors");
    let (link, far, offloads) = (Box::new(link), Box::new(far), Offloads::ALL);
    Some(Pair { link, far, offloads, pull: Box::new(|| {}), _netns: None })
}

fn tap() -> Option<Pair> {
    let netns = Netns::new()?;
    let link = netns.inside(|| Tap::open("t0", false)).expect("a TAP");
    Some(on_interface(netns, Box::new(link), Offloads::ALL))
}

fn plain_tap() -> Option<Pair> {
    let netns = Netns::new()?;
    let link = netns.inside(|| PlainTap::open("t0", false)).expect("a TAP");
    Some(on_interface(netns, Box::new(link), Offloads::NONE))
}

fn packet() -> Option<Pair> {
    let netns = Netns::new()?;
    netns.run("ip link add t1 type veth peer name t0");
    // The sender last: it carries at once then, and not only when the kernel's link watch has come by.
    netns.run("ip link set t0 up");
    netns.run("ip link set t1 up");
    let link = netns.inside(|| Packet::open("t1")).expect("the veth's end");
    Some(on_interface(netns, Box::new(link), Offloads::ALL))
}

/// A link whose far end is the interface `t0`.
fn on_interface(netns: Netns, link: Box<dyn Link>, offloads: Offloads) -> Pair {
    netns.run("ip link set t0 up");
    let far: Box<dyn Link> = Box::new(netns.inside(|| Packet::open("t0")).expect("the far interface"));
    let delete = format!("ip -n {} link del t0", netns.name);
    let pull = Box::new(move || {
        common::run(&delete);
    });
    Pair { link, far, offloads, pull, _netns: Some(netns) }
}

/// Runs a test of the suite for every kind.
macro_rules! for_every_kind {
    ($($test:ident)*) => {$(
        mod $test {
            #[test]
            fn memory() { super::memory().into_iter().for_each(super::suite::$test); }
            #[test]
            fn tap() { super::tap().into_iter().for_each(super::suite::$test); }
            #[test]
            fn plain_tap() { super::plain_tap().into_iter().for_each(super::suite::$test); }
            #[test]
            fn packet() { super::packet().into_iter().for_each(super::suite::$test); }
        }
    )*};
}

for_every_kind! {
    frames_of_every_size_arrive_whole_and_in_order
    a_burst_longer_than_a_batch_arrives_in_parts
    nothing_waiting_is_told_and_a_waiting_frame_wakes
    tags_arrive_where_they_were
    a_super_frame_passes_uncut_where_offloads_say_so
    an_interface_that_goes_is_told
}

#[test]
fn a_tap_that_somebody_has_open_is_left_to_them() {
    let Some(netns) = Netns::new() else { return };
    let owner = netns.inside(|| Tap::open("t0", true)).expect("a TAP");
    let second = netns.inside(|| Tap::open("t0", true).map(drop)).expect_err("it is somebody's");
    assert_eq!(second.raw_os_error(), Some(libc::EBUSY));
    drop(owner);
    netns.inside(|| Tap::open("t0", false).map(drop)).expect("a TAP that nobody has open");
}

#[test]
fn a_packet_link_has_its_interface_take_frames_for_others_as_long_as_it_is_open() {
    let Some(netns) = Netns::new() else { return };
    netns.run("ip link add t1 type veth peer name t0");
    let is_promiscuous = || !netns.run("ip -details link show t1").contains("promiscuity 0");
    assert!(!is_promiscuous());
    let link = netns.inside(|| Packet::open("t1")).expect("the veth's end");
    assert!(is_promiscuous());
    drop(link);
    assert!(!is_promiscuous());
}

#[test]
fn a_tap_that_somebody_made_persistent_outlives_us_whatever_we_want_of_our_own() {
    let Some(netns) = Netns::new() else { return };
    netns.run("ip tuntap add t0 mode tap vnet_hdr multi_queue");
    netns.run("ip tuntap add t1 mode tap");
    drop(netns.inside(|| Tap::open("t0", false)).expect("a TAP"));
    drop(netns.inside(|| PlainTap::open("t1", false)).expect("a TAP"));
    drop(netns.inside(|| Tap::open("t2", false)).expect("a TAP of our own"));
    let left = netns.run("ip -o link");
    assert!(left.contains("t0:") && left.contains("t1:") && !left.contains("t2:"), "{left}");
}

mod suite {
    use super::*;

    pub(super) fn frames_of_every_size_arrive_whole_and_in_order(pair: Pair) {
        let sizes = [60, 61, 100, 511, 512, 1000, 1513, 1514];
        let frames: Vec<_> = sizes.iter().enumerate().map(|(number, size)| frame(number as u8, *size)).collect();
        let Pair { mut link, mut far, .. } = pair;
        give(&mut *far, &frames);
        assert_eq!(take(&mut *link, frames.len()), frames, "received");
        give(&mut *link, &frames);
        assert_eq!(take(&mut *far, frames.len()), frames, "sent");
    }

    pub(super) fn a_burst_longer_than_a_batch_arrives_in_parts(pair: Pair) {
        let Pair { mut link, mut far, .. } = pair;
        let frames: Vec<_> = (0..200).map(|number| frame(number, 60 + usize::from(number))).collect();
        give(&mut *far, &frames);
        let mut batch = Batch::new(8);
        until("eight frames", || {
            batch.clear();
            let waiting = link.recv(&mut batch).expect("a link that is up");
            batch.len() == 8 && waiting == Waiting::Maybe
        });
        assert!(ours(&batch).count() > 0);
        let first = ours(&batch).count();
        assert_eq!(take(&mut *link, frames.len() - first), frames[first..]);
    }

    pub(super) fn nothing_waiting_is_told_and_a_waiting_frame_wakes(pair: Pair) {
        let Pair { mut link, mut far, .. } = pair;
        let mut batch = Batch::new(64);
        until("silence", || {
            batch.clear();
            let waiting = link.recv(&mut batch).expect("a link that is up");
            batch.is_empty() && waiting == Waiting::None && !is_readable(&*link, PollTimeout::ZERO)
        });
        give(&mut *far, &[frame(1, 60)]);
        assert!(is_readable(&*link, PollTimeout::from(5000_u16)));
        assert_eq!(take(&mut *link, 1), [frame(1, 60)]);
    }

    pub(super) fn tags_arrive_where_they_were(pair: Pair) {
        let Pair { mut link, mut far, .. } = pair;
        let tagged = |number, tags: &[[u8; 4]]| {
            let mut bytes = frame(number, 100);
            for tag in tags.iter().rev() {
                bytes.splice(12..12, *tag);
            }
            bytes
        };
        let (inner, outer) = ([0x81, 0, 0x20, 5], [0x88, 0xa8, 0, 7]);
        let frames = [tagged(1, &[inner]), tagged(2, &[outer, inner]), tagged(3, &[]), tagged(4, &[outer])];
        give(&mut *far, &frames);
        assert_eq!(take(&mut *link, frames.len()), frames, "received");
        give(&mut *link, &frames);
        assert_eq!(take(&mut *far, frames.len()), frames, "sent");
    }

    pub(super) fn a_super_frame_passes_uncut_where_offloads_say_so(pair: Pair) {
        let Pair { mut link, mut far, offloads, .. } = pair;
        assert_eq!(link.offloads(), offloads);
        for (takes, kind) in [(offloads.tso4, GsoKind::Tcp4), (offloads.tso6, GsoKind::Tcp6), (offloads.uso, GsoKind::Udp)] {
            if !takes {
                continue;
            }
            let (bytes, vnet) = super_frame(kind, 60_000);
            let mut batch = Batch::new(1);
            assert!(batch.push_copy(&bytes, vnet));
            let mut fates = Vec::new();
            link.send(&mut batch, &[0], &mut fates);
            assert_eq!(fates, [EgressFate::Sent], "{kind:?}");
            let mut got = None;
            until("a super-frame", || {
                batch.clear();
                far.recv(&mut batch).expect("a link that is up");
                got = (0..batch.len())
                    .find(|at| batch.bytes(*at)[6] == 0x0a)
                    .map(|at| (batch.bytes(at).to_vec(), batch.descriptor(at).vnet));
                got.is_some()
            });
            let (got, header) = got.expect("a super-frame");
            println!("{kind:?}: the largest frame seen has {} bytes", got.len());
            assert_eq!(got.len(), bytes.len(), "{kind:?}");
            assert_eq!(header.gso, vnet.gso, "{kind:?}");
            assert_eq!(header.checksum, vnet.checksum, "{kind:?}");
        }
    }

    pub(super) fn an_interface_that_goes_is_told(pair: Pair) {
        let Pair { mut link, far, pull, _netns, .. } = pair;
        drop(far);
        pull();
        let mut batch = Batch::new(8);
        until("an error", || {
            batch.clear();
            matches!(link.recv(&mut batch), Err(LinkError::Gone | LinkError::Closed | LinkError::Down))
        });
    }
}

/// A frame of an EtherType for experiments; nobody else sends from its source.
fn frame(number: u8, size: usize) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, 2, 0x0a, 0, 0, 0, 0, 1, 0x88, 0xb5, number];
    bytes.resize(size, number ^ 0x55);
    bytes
}

/// A super-frame of 1,400-byte segments, its checksum partial.
fn super_frame(kind: GsoKind, payload: usize) -> (Vec<u8>, VnetHeader) {
    let builder = etherparse::PacketBuilder::ethernet2([0x0a, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let payload = vec![0x5a; payload];
    let mut bytes = Vec::new();
    let (start, offset) = match kind {
        GsoKind::Tcp4 => {
            builder.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).tcp(1, 2, 3, 4).write(&mut bytes, &payload).map(|()| (34, 16))
        }
        GsoKind::Tcp6 => builder.ipv6([1; 16], [2; 16], 64).tcp(1, 2, 3, 4).write(&mut bytes, &payload).map(|()| (54, 16)),
        GsoKind::Udp => builder.ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(1, 2).write(&mut bytes, &payload).map(|()| (34, 6)),
    }
    .expect("a frame that can be built");
    bytes[..12].copy_from_slice(&[2, 0, 0, 0, 0, 2, 0x0a, 0, 0, 0, 0, 1]);
    let header_len = bytes.len() - payload.len();
    let gso = Some(Gso { kind, size: 1400, ecn: false });
    let vnet = VnetHeader { checksum: Checksum::Partial { start, offset }, gso, header_len: header_len as u16 };
    (bytes, vnet)
}

fn give(link: &mut dyn Link, frames: &[Vec<u8>]) {
    for burst in frames.chunks(32) {
        let mut batch = Batch::new(burst.len());
        for bytes in burst {
            assert!(batch.push_copy(bytes, VnetHeader::default()));
        }
        let numbers: Vec<u16> = (0..burst.len() as u16).collect();
        let mut fates = Vec::new();
        link.send(&mut batch, &numbers, &mut fates);
        assert!(fates.iter().all(|fate| *fate == EgressFate::Sent) && fates.len() == burst.len(), "{fates:?}");
    }
}

fn ours(batch: &Batch) -> impl Iterator<Item = &[u8]> {
    (0..batch.len()).map(|at| batch.bytes(at)).filter(|bytes| bytes[6..12] == [0x0a, 0, 0, 0, 0, 1])
}

fn take(link: &mut dyn Link, count: usize) -> Vec<Vec<u8>> {
    let (mut batch, mut frames) = (Batch::new(16), Vec::new());
    until("every frame", || {
        batch.clear();
        link.recv(&mut batch).expect("a link that is up");
        frames.extend(ours(&batch).map(<[u8]>::to_vec));
        frames.len() >= count
    });
    frames
}

fn is_readable(link: &dyn Link, patience: PollTimeout) -> bool {
    let mut fds = [PollFd::new(link.fd(), PollFlags::POLLIN)];
    poll(&mut fds, patience).is_ok_and(|ready| ready == 1)
}
