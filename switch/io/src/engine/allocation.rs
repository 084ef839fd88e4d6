//! The frame path allocates nothing: a counting allocator under this crate's own tests says so.

#[path = "../../../core/tests/counting/mod.rs"]
mod counting;

use super::runtime::{Buffers, SwitchRuntime};
use crate::buffer::Batch;
use crate::clock;
use crate::link::memory::{Bound, MemoryEnd, pair};
use crate::link::vxlan::Vxlan;
use crate::link::{Link, LinkError, Offloads, Waiting};
use crate::sys::netns::{alone, ip};
use crate::underlay::Underlay;
use crate::vnet::{Checksum, Gso, GsoKind, VnetHeader};
use etherparse::PacketBuilder;
use lanloom_switch_core::vxlan::{Vni, Vtep, VtepConfig};
use lanloom_switch_core::{EgressFate, PortConfig, PortId, StormLimit, SwitchConfig};
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// Brings the same frames for ever, and takes all that it is sent.
struct Stub {
    brings: Vec<(Vec<u8>, VnetHeader)>,
    offloads: Offloads,
    fd: MemoryEnd,
}

impl Link for Stub {
    fn recv(&mut self, batch: &mut Batch) -> Result<Waiting, LinkError> {
        for (bytes, vnet) in &self.brings {
            batch.push_copy(bytes, *vnet);
        }
        Ok(Waiting::None)
    }

    fn send(&mut self, _: &mut Batch, slots: &[u16], fates: &mut Vec<EgressFate>) {
        fates.extend(slots.iter().map(|_| EgressFate::Sent));
    }

    fn overrun(&mut self) -> u64 {
        0
    }

    fn offloads(&self) -> Offloads {
        self.offloads
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.fd()
    }
}

fn plug(runtime: &mut SwitchRuntime, brings: Vec<(Vec<u8>, VnetHeader)>, offloads: Offloads) -> PortId {
    let (fd, _) = pair(Bound::default(), offloads).expect("descriptors");
    let config = PortConfig { storm: Some(StormLimit { rate: u32::MAX, burst: u32::MAX }), ..PortConfig::default() };
    let id = runtime.add_port("p", "p", config).expect("a place");
    let port = runtime.port_mut(id).expect("the port just made");
    port.link = Some(Box::new(Stub { brings, offloads, fd }));
    port.down = None;
    runtime.settle(id).expect("the port just made");
    id
}

fn tcp(to: u8, payload: usize, vnet: VnetHeader) -> (Vec<u8>, VnetHeader) {
    let builder = PacketBuilder::ethernet2([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, to]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64);
    let mut bytes = Vec::new();
    builder.tcp(1, 2, 3, 4).write(&mut bytes, &vec![5; payload]).expect("a frame that can be built");
    (bytes, vnet)
}

#[test]
fn the_frame_path_allocates_nothing_whatever_is_left_to_do_for_a_frame() {
    let partial = VnetHeader { checksum: Checksum::Partial { start: 34, offset: 16 }, ..VnetHeader::default() };
    let gso = Some(Gso { kind: GsoKind::Tcp4, size: 1000, ecn: false });
    let mut brings: Vec<_> = (0..20).map(|_| tcp(2, 100, VnetHeader::default())).collect();
    brings.extend((0..20).map(|_| tcp(3, 100, partial)));
    brings.extend([tcp(2, 30_000, VnetHeader { gso, ..partial }), tcp(9, 30_000, VnetHeader { gso, ..partial })]);
    brings.extend([tcp(3, 30_000, VnetHeader { gso, ..partial }), (vec![1; 13], VnetHeader::default())]);
    brings.extend([tcp(2, 100, VnetHeader { checksum: Checksum::Partial { start: 9999, offset: 0 }, ..partial })]);
    let (mut runtime, mut buffers) = (SwitchRuntime::new("s", SwitchConfig::default(), clock::now()), Buffers::new());
    let from = plug(&mut runtime, brings, Offloads::ALL);
    for (to, offloads) in [(2, Offloads::ALL), (3, Offloads::NONE), (4, Offloads::NONE)] {
        let mut hello = tcp(1, 0, VnetHeader::default());
        hello.0[6..12].copy_from_slice(&[2, 0, 0, 0, 0, to]);
        let id = plug(&mut runtime, vec![hello], offloads);
        runtime.serve(id, true, &mut buffers).expect("a link that is up");
    }
    let mut serve = |times| {
        for _ in 0..times {
            let frames = runtime.serve(from, true, &mut buffers).expect("a link that is up");
            assert_eq!(frames, 45);
        }
    };
    // Memory that is used again every round is taken in the first.
    serve(2);
    assert_eq!(counting::allocations(|| serve(100)), 0);
    let sent = |id: usize| runtime.switch.counters(PortId::new(id as u16, 0)).expect("there").tx;
    assert!(sent(1).gso_segments > 0 && sent(2).frames > 2000 && sent(3).gso_segments > 0, "all kinds of frames went");
}

#[test]
fn tunnels_allocate_nothing_on_the_way_in_nor_out() {
    let partial = VnetHeader { checksum: Checksum::Partial { start: 34, offset: 16 }, ..VnetHeader::default() };
    let gso = Some(Gso { kind: GsoKind::Tcp4, size: 1000, ecn: false });
    let mut frames: Vec<_> = (0..20).map(|at| tcp(at, 100, partial)).collect();
    frames.extend((0..3).map(|_| tcp(2, 30_000, VnetHeader { gso, ..partial })));
    alone(move || {
        ip("link set lo up");
        let [local, peer] = [[127, 0, 0, 1], [127, 0, 0, 2]].map(std::net::IpAddr::from);
        let vtep = VtepConfig { peers: vec![peer], ..VtepConfig::new(Vni::new(42).expect("24 bits"), local) };
        let (_socket, underlay) = Underlay::open(local, 4789).expect("sockets");
        let mut link = Vxlan::new(Vtep::new(vtep, 7), Arc::new(underlay), 7, None).expect("a link");
        let (mut batch, mut fates) = (Batch::new(64), Vec::with_capacity(64));
        let datagram = [&[8, 0, 0, 0, 0, 0, 42, 0][..], &tcp(1, 1000, VnetHeader::default()).0].concat();
        let mut carry = |times| {
            for _ in 0..times {
                batch.clear();
                frames.iter().for_each(|(bytes, vnet)| assert!(batch.push_copy(bytes, *vnet)));
                let slots: [u16; 23] = std::array::from_fn(|at| at as u16);
                fates.clear();
                link.send(&mut batch, &slots, &mut fates);
                assert_eq!(fates, [EgressFate::Sent; 23]);
                batch.clear();
                (0..40).for_each(|_| assert!(link.take(clock::now(), (peer, 0, None), &datagram, &mut batch)));
                link.close(&mut batch);
            }
        };
        carry(3);
        assert_eq!(counting::allocations(|| carry(50)), 0);
    });
}
