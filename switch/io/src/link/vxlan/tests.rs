//! What a tunnel sends, as sockets of peers on the loopback interface of a namespace of the test's own receive it.

use super::*;
use crate::sys::netns::{alone, ip};
use crate::vnet::{Checksum, Gso, GsoKind};
use lanloom_switch_core::vxlan::{InnerTags, Tos, Vni, VtepConfig};
use lanloom_switch_core::{DropReason, MacAddr};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

const LOCAL: &str = "127.0.0.1";
const PEERS: [&str; 3] = ["127.0.0.2", "127.0.0.3", "127.0.0.4"];

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

struct Lab {
    link: Vxlan,
    peers: Vec<UdpSocket>,
}

impl Lab {
    /// A tunnel with those of [`PEERS`], and their sockets.
    fn new(count: usize, change: impl FnOnce(&mut VtepConfig)) -> Self {
        ip("link set lo up");
        let peers = PEERS[..count].iter().map(|peer| address(peer)).collect();
        let mut config = VtepConfig { peers, ..VtepConfig::new(Vni::new(42).expect("24 bits"), address(LOCAL)) };
        change(&mut config);
        let sockets = config.peers.iter().map(|peer| UdpSocket::bind((*peer, config.port)).expect("a socket"));
        let peers: Vec<UdpSocket> = sockets.collect();
        let (_, underlay) = Underlay::open(config.local, config.port).expect("sockets");
        let link = Vxlan::new(Vtep::new(config, 7), Arc::new(underlay), 7, None).expect("a link");
        Self { link, peers }
    }

    fn send(&mut self, frames: &[(Vec<u8>, VnetHeader)]) -> Vec<EgressFate> {
        let mut batch = Batch::new(64);
        frames.iter().for_each(|(bytes, vnet)| assert!(batch.push_copy(bytes, *vnet)));
        let slots: Vec<u16> = (0..frames.len() as u16).collect();
        let mut fates = Vec::new();
        self.link.send(&mut batch, &slots, &mut fates);
        fates
    }

    /// The datagrams that a peer has got, with their senders' ports, as long as they come.
    fn got(&self, peer: usize) -> Vec<(u16, Vec<u8>)> {
        let socket = &self.peers[peer];
        socket.set_read_timeout(Some(Duration::from_millis(200))).expect("a socket");
        let mut bytes = vec![0; 70_000];
        let next = || socket.recv_from(&mut bytes).ok().map(|(len, from)| (from, bytes[..len].to_vec()));
        let port = |from: SocketAddr| from.port();
        std::iter::from_fn(next).map(|(from, bytes)| (port(from), bytes)).collect()
    }
}

/// The frames in datagrams of network 42.
fn frames(got: &[(u16, Vec<u8>)]) -> Vec<Vec<u8>> {
    let head = [8, 0, 0, 0, 0, 0, 42, 0];
    got.iter().map(|(_, bytes)| bytes.strip_prefix(&head).expect("its header").to_vec()).collect()
}

fn udp(source: u16, len: usize) -> Vec<u8> {
    let mut bytes =
        vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    bytes.extend(source.to_be_bytes());
    bytes.resize(len, source as u8);
    bytes
}

fn plain(bytes: Vec<u8>) -> (Vec<u8>, VnetHeader) {
    (bytes, VnetHeader::default())
}

/// A TCP super-frame of `payload` bytes, cut into 1,000 each.
fn tcp(payload: usize) -> (Vec<u8>, VnetHeader) {
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    bytes.extend((40 + payload as u16).to_be_bytes());
    bytes.extend([0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    bytes.extend([0x12, 0x34, 0, 80, 0, 0, 0, 0, 0, 0, 0, 1, 0x50, 0x10, 1, 0, 0, 0, 0, 0]);
    bytes.extend((0..payload).map(|at| (at / 3) as u8));
    let gso = Some(Gso { kind: GsoKind::Tcp4, size: 1000, ecn: false });
    (bytes, VnetHeader { checksum: Checksum::Complete, gso, header_len: 54 })
}

#[test]
fn frames_of_a_flow_come_whole_in_order_and_from_one_port() {
    alone(|| {
        let mut lab = Lab::new(1, |_| {});
        let sent: Vec<_> = [60, 60, 60, 40, 60, 90, 90, 1400].into_iter().map(|len| plain(udp(7, len))).collect();
        assert_eq!(lab.send(&sent), vec![EgressFate::Sent; 8]);
        let got = lab.got(0);
        assert_eq!(frames(&got), sent.iter().map(|(bytes, _)| bytes.clone()).collect::<Vec<_>>());
        assert!(got.iter().all(|(port, _)| *port == got[0].0 && *port >= 49_152), "{got:?}");
    });
}

#[test]
fn flows_leave_by_many_ports_and_each_stays_in_order() {
    alone(|| {
        let mut lab = Lab::new(1, |_| {});
        let sent: Vec<_> = (0..60).map(|at| plain(udp(at % 20, 60 + usize::from(at) / 20))).collect();
        assert_eq!(lab.send(&sent), vec![EgressFate::Sent; 60]);
        let got = lab.got(0);
        let ports: std::collections::BTreeSet<u16> = got.iter().map(|(port, _)| *port).collect();
        assert!(ports.len() >= 10, "{ports:?}");
        let all = frames(&got);
        for flow in 0..20u8 {
            let lens: Vec<_> = all.iter().filter(|bytes| bytes[35] == flow).map(Vec::len).collect();
            assert_eq!(lens, [60, 61, 62]);
        }
    });
}

#[test]
fn a_super_frame_arrives_as_its_segments_whether_the_kernel_cuts_or_not() {
    alone(|| {
        let mut lab = Lab::new(1, |_| {});
        assert!(lab.link.underlay().segments() >= 64, "this kernel cuts");
        let (bytes, vnet) = tcp(62_000);
        let mut cutter = crate::offload::Cutter::new(&bytes, &vnet).expect("sound");
        let mut out = vec![0; 2000];
        let cut: Vec<Vec<u8>> = std::iter::from_fn(|| cutter.next_into(&mut out).map(|len| out[..len].to_vec())).collect();
        for segments in [true, false] {
            if !segments {
                lab.link.underlay().refuse_segments();
                assert!(lab.link.underlay().features().contains(&"no UDP_SEGMENT: works, slower".to_owned()));
            }
            assert_eq!(lab.send(&[(bytes.clone(), vnet)]), [EgressFate::Sent]);
            assert_eq!(frames(&lab.got(0)), cut, "cut by the kernel: {segments}");
        }
        let peer = lab.link.vtep().peers().next().expect("one").sent;
        assert_eq!((peer.frames, peer.gso_segments), (2, 124));
    });
}

#[test]
fn a_flood_reaches_every_peer_and_what_one_peer_leads_to_it_alone() {
    alone(|| {
        let mut lab = Lab::new(3, |_| {});
        let mut broadcast = udp(1, 60);
        broadcast[..6].fill(0xff);
        let set = lab.link.vtep_mut().set_entry(Instant::default(), MacAddr([2, 0, 0, 0, 0, 1]), address(PEERS[1]));
        set.expect("room");
        let (bytes, vnet) = tcp(3000);
        assert_eq!(lab.send(&[plain(broadcast.clone()), (bytes, vnet)]), [EgressFate::Sent; 2]);
        for peer in [0, 2] {
            assert_eq!(frames(&lab.got(peer)), [broadcast.clone()]);
        }
        assert_eq!(frames(&lab.got(1)).len(), 4);
    });
}

#[test]
fn what_has_no_peer_ends_as_such() {
    alone(|| {
        let mut lab = Lab::new(0, |_| {});
        assert_eq!(lab.send(&[plain(udp(1, 60))]), [EgressFate::Dropped(DropReason::NoPeer)]);
    });
}

#[test]
fn a_tag_goes_into_the_tunnel_only_if_tags_are_kept() {
    alone(|| {
        let bare = udp(1, 80);
        let tagged = [&bare[..12], &[0x81, 0, 0, 5], &bare[12..]].concat();
        for tags in [InnerTags::Discard, InnerTags::Keep] {
            let mut lab = Lab::new(1, |config| config.tags = tags);
            let (long, vnet) = tcp(2500);
            let long = [&long[..12], &[0x81, 0, 0, 5], &long[12..]].concat();
            assert_eq!(lab.send(&[plain(tagged.clone()), (long, vnet.shifted(4))]), [EgressFate::Sent; 2]);
            let all = frames(&lab.got(0));
            let kept = tags == InnerTags::Keep;
            assert_eq!(all[0], if kept { tagged.clone() } else { bare.clone() });
            let len = if kept { 1058 } else { 1054 };
            assert_eq!(all[1..].iter().map(Vec::len).collect::<Vec<_>>(), [len, len, len - 500]);
        }
    });
}

#[test]
fn a_partial_checksum_is_finished_on_its_way_into_the_tunnel() {
    alone(|| {
        let mut lab = Lab::new(1, |_| {});
        let bytes = udp(1, 60);
        let vnet = VnetHeader { checksum: Checksum::Partial { start: 34, offset: 6 }, ..VnetHeader::default() };
        let mut finished = bytes.clone();
        crate::offload::finish(&mut finished, vnet.checksum);
        assert_ne!(finished, bytes);
        assert_eq!(lab.send(&[(bytes, vnet)]), [EgressFate::Sent]);
        assert_eq!(frames(&lab.got(0)), [finished]);
    });
}

#[test]
fn what_the_path_does_not_carry_ends_as_such_and_what_goes_with_it_arrives() {
    alone(|| {
        let mut lab = Lab::new(1, |config| config.tos = Tos::Fixed(0x28));
        ip("link set lo mtu 1400");
        let sent = [plain(udp(1, 60)), plain(udp(1, 1500)), plain(udp(1, 61)), tcp(62_000)];
        let big = EgressFate::Dropped(DropReason::MtuExceeded);
        assert_eq!(lab.send(&sent), [EgressFate::Sent, big, EgressFate::Sent, EgressFate::Sent]);
        assert_eq!(frames(&lab.got(0))[..2], [udp(1, 60), udp(1, 61)]);
        ip("link set lo mtu 1000");
        assert_eq!(lab.send(&[tcp(62_000), plain(udp(1, 60))]), [big, EgressFate::Sent]);
        assert!(lab.link.underlay().segments() > 1, "that was no matter of cutting");
        // From the loopback interface's address nothing goes elsewhere.
        let set = lab.link.vtep_mut().set_entry(Instant::default(), MacAddr([2, 0, 0, 0, 0, 1]), address("10.9.9.9"));
        set.expect("room");
        let gone = EgressFate::Dropped(DropReason::LinkError);
        assert_eq!(lab.send(&[plain(udp(1, 60))]), [gone]);
        assert!(lab.link.underlay().trouble().is_some());
    });
}

#[test]
fn a_port_that_somebody_has_is_passed_over() {
    alone(|| {
        ip("link set lo up");
        let taken: Vec<_> = (0..64).map(|at| UdpSocket::bind((LOCAL, 49_152 + at * 256)).expect("free")).collect();
        let mut lab = Lab::new(1, |_| {});
        assert_eq!(lab.send(&[plain(udp(1, 60))]), [EgressFate::Sent]);
        let ports: Vec<u16> = lab.got(0).iter().map(|(port, _)| *port).collect();
        assert!(ports[0] % 256 == 1 && ports[0] >= 49_152, "{ports:?}");
        drop(taken);
    });
}
