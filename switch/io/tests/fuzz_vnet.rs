//! Fuzzing of a virtio-net header and the frame behind it, as a hostile guest writes them: whatever `offload::check` lets
//! through is finished or cut as it promised.
//!
//! Runs for `LANLOOM_FUZZ_SECS` seconds (2 if unset), starting from sound super-frames, and prints how often.

mod offload_frames;

use bolero::{TypeGenerator, check};
use lanloom_switch_io::offload::{self, Cutter};
use lanloom_switch_io::vnet::{VNET_LEN, VnetHeader};
use offload_frames::Recipe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A header and a frame: arbitrary, or a sound super-frame (a plain frame if it has no size) with some bytes changed and the end
/// cut off.
#[derive(Debug, TypeGenerator)]
enum Input {
    Arbitrary { header: [u8; VNET_LEN], bytes: Vec<u8> },
    Changed { kind: Kind, payload: u16, size: Option<u16>, changes: [(u8, u8); 3], cut_off: Option<u8> },
}

#[derive(Debug, TypeGenerator)]
struct Kind {
    ipv6: bool,
    udp: bool,
    tags: [Option<u8>; 2],
    ip_options: u8,
    tcp_options: u8,
}

impl Input {
    /// The bytes of a virtio-net header and of a frame.
    fn bytes(&self) -> ([u8; VNET_LEN], Vec<u8>) {
        match self {
            Self::Arbitrary { header, bytes } => (*header, bytes.clone()),
            Self::Changed { kind, payload, size, changes, cut_off } => {
                let (mut bytes, vnet) = kind.recipe(usize::from(payload % 4096), size.unwrap_or(1)).build();
                let mut header = VnetHeader { gso: vnet.gso.filter(|_| size.is_some()), ..vnet }.emit();
                for (at, value) in changes.map(|(at, value)| (usize::from(at), value)) {
                    let target = if at < VNET_LEN { header.get_mut(at) } else { bytes.get_mut(at - VNET_LEN) };
                    // Half of the values change nothing, so that deep paths are reached.
                    if let Some(byte) = target.filter(|_| value & 1 == 1) {
                        *byte = value;
                    }
                }
                bytes.truncate(cut_off.map_or(usize::MAX, usize::from));
                (header, bytes)
            }
        }
    }
}

impl Kind {
    fn recipe(&self, payload: usize, size: u16) -> Recipe {
        let tags = self.tags.iter().flatten().map(|vid| [0x81, 0, 0, *vid]).collect();
        let (ip_options, tcp_options) = (usize::from(self.ip_options % 11), usize::from(self.tcp_options % 11));
        Recipe { ipv6: self.ipv6, udp: self.udp, tags, ip_options, tcp_options, payload, size, ..Recipe::default() }
    }
}

#[test]
fn fuzz_virtio_net_header() {
    let seconds = std::env::var("LANLOOM_FUZZ_SECS").ok().map_or(2, |text| text.parse().expect("a number of seconds"));
    let [executions, plain, cut, refused] = [const { AtomicU64::new(0) }; 4];
    check!().with_type::<Input>().with_test_time(Duration::from_secs(seconds)).for_each(|input: &Input| {
        executions.fetch_add(1, Ordering::Relaxed);
        let (header, bytes) = input.bytes();
        let ended = VnetHeader::parse(&header).map_or(&refused, |vnet| match exercise(&bytes, &vnet) {
            Ok(1) if vnet.gso.is_none() => &plain,
            Ok(_) => &cut,
            Err(()) => &refused,
        });
        ended.fetch_add(1, Ordering::Relaxed);
    });
    let [executions, plain, cut, refused] = [executions, plain, cut, refused].map(AtomicU64::into_inner);
    println!("virtio-net header: {executions} executions ({plain} plain, {cut} cut, {refused} refused) in {seconds} s");
    assert!(plain > 0 && cut > 0 && refused > 0, "every path was taken");
}

/// Does with a frame what an engine would. How many frames came of it.
fn exercise(bytes: &[u8], vnet: &VnetHeader) -> Result<u32, ()> {
    let shape = offload::check(bytes, vnet);
    let mut finished = bytes.to_vec();
    offload::finish(&mut finished, vnet.checksum);
    if vnet.gso.is_none() {
        return shape.map(|shape| shape.segments).map_err(|_| ());
    }
    let cutter = Cutter::new(bytes, vnet);
    assert_eq!(cutter.as_ref().map(Cutter::shape).map_err(|reason| *reason), shape);
    let mut cutter = cutter.map_err(|_| ())?;
    let shape = cutter.shape();
    let mut out = vec![0; shape.wire_len as usize];
    let lengths: Vec<usize> = std::iter::from_fn(|| cutter.next_into(&mut out)).collect();
    assert_eq!(lengths.len(), shape.segments as usize);
    assert!(lengths.iter().all(|len| *len <= shape.wire_len as usize));
    Ok(shape.segments)
}
