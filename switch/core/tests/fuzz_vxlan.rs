//! Fuzzing of datagrams as hostile and honest peers send them: arbitrary bytes, frames under right headers and bent ones, from named
//! peers and strangers, at any time. Nothing panics, only what a whole datagram of a peer holds comes out, each is counted
//! with its peer, and no table outgrows its bounds.
//!
//! Runs for `LANLOOM_FUZZ_SECS` seconds (2 if unset) and prints how often.

use bolero::{TypeGenerator, check};
use lanloom_switch_core::vxlan::{InnerTags, Marks, ReservedBits, Vni, Vtep, VtepConfig, header, mark, read_vni};
use lanloom_switch_core::{DropReason, FdbLimits, Frame, Instant, MacAddr};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Debug, TypeGenerator)]
struct Arrival {
    from: u8,
    wait_ms: u16,
    tos: u8,
    bytes: Bytes,
}

#[derive(Debug, TypeGenerator)]
enum Bytes {
    Arbitrary(Vec<u8>),
    /// A frame under a header, in which some bits are turned.
    Inside {
        source: u8,
        rest: Vec<u8>,
        at: u8,
        turned: u8,
    },
    /// An IP packet of some class in a frame.
    Packet {
        source: u8,
        v6: bool,
        tos: u8,
        rest: Vec<u8>,
    },
}

const VNI: u32 = 42;
/// Peers that are named; whoever comes from another address is a stranger.
const PEERS: u8 = 3;

fn address(number: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, number % (PEERS + 2)).into()
}

impl Bytes {
    fn all(&self) -> Vec<u8> {
        let under = |frame: &[u8]| [&header(Vni::new(VNI).expect("24 bits"))[..], frame].concat();
        let ethernet = |source: &u8, kind: [u8; 2]| [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, source % 32][..], &kind].concat();
        match self {
            Self::Arbitrary(bytes) => bytes.clone(),
            Self::Inside { source, rest, at, turned } => {
                let mut bytes = under(&[&ethernet(source, [0x88, 0xb5]), &rest[..]].concat());
                bytes[usize::from(*at) % 22] ^= turned;
                bytes
            }
            Self::Packet { source, v6: false, tos, rest } => {
                let packet = [&[0x45, *tos, 0, 20, 0, 0, 0, 0, 64, 17, 0, 0][..], &[10; 8], rest].concat();
                under(&[ethernet(source, [8, 0]), packet].concat())
            }
            Self::Packet { source, v6: true, tos, rest } => {
                let packet = [&[0x60 | tos >> 4, tos << 4, 0, 0, 0, 0, 59, 64][..], &[10; 32], rest].concat();
                under(&[ethernet(source, [0x86, 0xdd]), packet].concat())
            }
        }
    }
}

#[derive(Default)]
struct Seen {
    came_out: AtomicU64,
    marked: AtomicU64,
    strange: AtomicU64,
    malformed: AtomicU64,
    lost: AtomicU64,
}

#[test]
fn fuzz_vxlan() {
    let seconds = std::env::var("LANLOOM_FUZZ_SECS").ok().map_or(2, |text| text.parse().expect("a number of seconds"));
    let (executions, seen) = (AtomicU64::new(0), Seen::default());
    check!().with_type::<(u8, Vec<Arrival>)>().with_test_time(Duration::from_secs(seconds)).for_each(|(kind, arrivals)| {
        executions.fetch_add(1, Ordering::Relaxed);
        let (mut vtep, mut now) = (vtep(*kind), Instant::from_secs(1));
        let mut heard = 0;
        for arrival in arrivals {
            now = now + Duration::from_millis(u64::from(arrival.wait_ms));
            heard += u64::from(exercise(&mut vtep, now, arrival, &seen));
        }
        assert_eq!(vtep.peers().map(|peer| peer.received.frames).sum::<u64>(), heard, "each with its peer");
        assert!(vtep.peers().count() <= usize::from(PEERS));
        assert!(vtep.entries(now).len() <= FdbLimits::default().entries as usize + usize::from(PEERS));
    });
    let Seen { came_out, marked, strange, malformed, lost } = seen;
    let counts = [came_out, marked, strange, malformed, lost].map(AtomicU64::into_inner);
    let [came_out, marked, strange, malformed, lost] = counts;
    let executions = executions.into_inner();
    println!(
        "vxlan: {executions} executions ({came_out} came out, {marked} of them marked, {strange} of strangers, {malformed} malformed, \
         {lost} lost to congestion) in {seconds} s"
    );
    assert!(counts.into_iter().all(|count| count > 0), "every path was taken");
}

/// One of four ends, strict and tolerant, that keep tags and do not.
fn vtep(kind: u8) -> Vtep {
    let reserved = if kind & 1 == 0 { ReservedBits::Strict } else { ReservedBits::Tolerant };
    let tags = if kind & 2 == 0 { InnerTags::Discard } else { InnerTags::Keep };
    let peers = (0..PEERS).map(address).collect();
    let vni = Vni::new(VNI).expect("24 bits");
    Vtep::new(VtepConfig { peers, reserved, tags, ..VtepConfig::new(vni, Ipv4Addr::new(10, 0, 0, 200).into()) }, 3)
}

/// Whether a frame came out.
fn exercise(vtep: &mut Vtep, now: Instant, arrival: &Arrival, seen: &Seen) -> bool {
    let (bytes, from) = (arrival.bytes.all(), address(arrival.from));
    assert_eq!(read_vni(&bytes).is_ok(), bytes.len() >= 8);
    let is_peer = vtep.config().peers.contains(&from);
    let strict = vtep.config().reserved == ReservedBits::Strict;
    let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
    match vtep.handle_datagram(now, from, arrival.tos, &bytes) {
        Ok(inside) => {
            assert!(is_peer, "nobody else comes in");
            assert!(!strict || bytes[..4] == [8, 0, 0, 0] && bytes[7] == 0);
            assert_eq!(inside.frame, &bytes[8..], "as it was sent");
            let frame = Frame::new(inside.frame).expect("a whole frame");
            assert!(!inside.probe || frame.ethertype() == 0x88b5);
            if let Marks::Mark(bits) = inside.marks {
                count(&seen.marked);
                let mut marked = inside.frame.to_vec();
                mark(&mut marked, bits);
                assert_eq!(marked.len(), inside.frame.len());
                assert!(marked.iter().zip(inside.frame).filter(|(one, other)| one != other).count() <= 3, "class and checksum");
            }
            count(&seen.came_out);
            let source = frame.source();
            assert!(source == MacAddr::ZERO || source.is_group() || vtep.route(now, source).len() <= usize::from(PEERS));
            return true;
        }
        Err(DropReason::PeerUnknown) => {
            assert!(!is_peer);
            count(&seen.strange);
        }
        Err(DropReason::VxlanMalformed) => {
            count(&seen.malformed);
        }
        Err(DropReason::EcnLost) => {
            assert_eq!(arrival.tos & 3, 3);
            count(&seen.lost);
        }
        Err(DropReason::VlanFiltered) => assert_eq!(vtep.config().tags, InnerTags::Discard),
        Err(reason) => panic!("{reason:?}, though nothing was set by hand"),
    }
    false
}
