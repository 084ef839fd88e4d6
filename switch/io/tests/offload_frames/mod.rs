//! Super-frames to order, made by hand: what a guest or Linux hands to a link that takes everything.
//!
//! Nothing here uses the code under test; the partial checksum is summed word by word.

#![allow(dead_code, reason = "each test file uses its part")]

use lanloom_switch_io::offload::Cutter;
use lanloom_switch_io::vnet::{Checksum, Gso, GsoKind, VnetHeader};

/// The source address of all of them, to tell them from a kernel's own chatter.
pub(crate) const SOURCE: [u8; 6] = [2, 0x1a, 0xbe, 0x11, 0xed, 2];

/// What a super-frame is to be.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) ipv6: bool,
    pub(crate) udp: bool,
    /// VLAN tags, outermost first.
    pub(crate) tags: Vec<[u8; 4]>,
    /// IPv4 options, or the bodies of an IPv6 hop-by-hop and destination header: this many times 4 or 8 bytes.
    pub(crate) ip_options: usize,
    /// TCP options: this many times 4 bytes.
    pub(crate) tcp_options: usize,
    pub(crate) tcp_flags: u8,
    pub(crate) ecn: bool,
    pub(crate) dont_fragment: bool,
    pub(crate) id: u16,
    pub(crate) sequence: u32,
    pub(crate) payload: usize,
    pub(crate) size: u16,
    /// Mixed into payload and addresses.
    pub(crate) seed: u8,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            ipv6: false,
            udp: false,
            tags: Vec::new(),
            ip_options: 0,
            tcp_options: 0,
            tcp_flags: 0x18,
            ecn: false,
            dont_fragment: true,
            id: 0xfffe,
            sequence: 0xffff_f000,
            payload: 4000,
            size: 1448,
            seed: 0,
        }
    }
}

impl Recipe {
    /// The frame and its virtio-net header, with a partial checksum.
    pub(crate) fn build(&self) -> (Vec<u8>, VnetHeader) {
        let packet = self.transport();
        let mut bytes = vec![2, 0x1a, 0xbe, 0x11, 0xed, 1];
        bytes.extend(SOURCE);
        bytes.extend(self.tags.concat());
        bytes.extend(if self.ipv6 { [0x86, 0xdd] } else { [8, 0] });
        bytes.extend(if self.ipv6 { self.v6(packet.len()) } else { self.v4(packet.len()) });
        let start = bytes.len() as u16;
        let offset = if self.udp { 6 } else { 16 };
        let header_len = start + self.transport_header_len() as u16;
        bytes.extend(packet);
        let field = usize::from(start + offset);
        let pseudo = self.pseudo_header(bytes.len() - usize::from(start));
        bytes[field..field + 2].copy_from_slice(&pseudo.to_be_bytes());
        let kind = match (self.udp, self.ipv6) {
            (true, _) => GsoKind::Udp,
            (false, false) => GsoKind::Tcp4,
            (false, true) => GsoKind::Tcp6,
        };
        let gso = Some(Gso { kind, size: self.size, ecn: self.ecn });
        (bytes, VnetHeader { checksum: Checksum::Partial { start, offset }, gso, header_len })
    }

    /// Bytes in front of the payload.
    pub(crate) fn headers_len(&self) -> usize {
        let ip = if self.ipv6 { 40 + 16 * self.ip_options } else { 20 + 4 * self.ip_options };
        14 + 4 * self.tags.len() + ip + self.transport_header_len()
    }

    /// Where the TCP or UDP checksum is.
    pub(crate) fn checksum_field(&self) -> usize {
        self.headers_len() - self.transport_header_len() + if self.udp { 6 } else { 16 }
    }

    fn transport_header_len(&self) -> usize {
        if self.udp { 8 } else { 20 + 4 * self.tcp_options }
    }

    fn transport(&self) -> Vec<u8> {
        let mut packet = vec![0x30, self.seed, 0, 80];
        if self.udp {
            packet.extend(((8 + self.payload) as u16).to_be_bytes());
            packet.extend([0, 0]);
        } else {
            packet.extend(self.sequence.to_be_bytes());
            packet.extend([0, 1, 2, 3, (5 + self.tcp_options as u8) << 4, self.tcp_flags, 0x10, 0, 0, 0, 0, 0]);
            packet.extend(vec![1; 4 * self.tcp_options]);
        }
        packet.extend((0..self.payload).map(|at| (at as u8).wrapping_mul(31) ^ self.seed ^ (at >> 8) as u8));
        packet
    }

    fn v4(&self, len: usize) -> Vec<u8> {
        let header_len = 20 + 4 * self.ip_options;
        let mut header = vec![0x40 | (header_len / 4) as u8, 2];
        header.extend(((header_len + len) as u16).to_be_bytes());
        header.extend(self.id.to_be_bytes());
        header.extend([if self.dont_fragment { 0x40 } else { 0 }, 0, 64, self.protocol(), 0, 0]);
        header.extend(self.addresses());
        header.extend(vec![1; 4 * self.ip_options]);
        let checksum = !sum(&header, 0);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        header
    }

    fn v6(&self, len: usize) -> Vec<u8> {
        let extensions = 16 * self.ip_options;
        let mut header = vec![0x60, 0x20, 0, 7];
        header.extend(((extensions + len) as u16).to_be_bytes());
        header.extend([if extensions > 0 { 0 } else { self.protocol() }, 64]);
        header.extend(self.addresses());
        if let Some(units) = self.ip_options.checked_sub(1) {
            for next in [60, self.protocol()] {
                // PadN over the whole header (RFC 8200, 4.2).
                header.extend([next, units as u8, 1, (8 * units + 4) as u8]);
                header.extend(vec![0; 8 * units + 4]);
            }
        }
        header
    }

    fn protocol(&self) -> u8 {
        if self.udp { 17 } else { 6 }
    }

    fn addresses(&self) -> Vec<u8> {
        if self.ipv6 {
            let host = |last| [0xfd, 0, 0xab, self.seed, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
            [host(1), host(2)].concat()
        } else {
            vec![10, self.seed, 0, 1, 10, self.seed, 0, 2]
        }
    }

    fn pseudo_header(&self, len: usize) -> u16 {
        sum(&self.addresses(), u32::from(self.protocol()) + len as u32)
    }
}

/// The ones' complement sum of `bytes` and a number of at most 17 bits, word by word (RFC 1071, 4.1).
fn sum(bytes: &[u8], more: u32) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let sum = words.sum::<u32>() + more;
    let once = (sum & 0xffff) + (sum >> 16);
    ((once & 0xffff) + (once >> 16)) as u16
}

/// The segments that we make of a super-frame. Panics if it is none.
pub(crate) fn segments(bytes: &[u8], vnet: &VnetHeader) -> Vec<Vec<u8>> {
    let mut cutter = Cutter::new(bytes, vnet).expect("a sound super-frame");
    let mut out = vec![0; cutter.shape().wire_len as usize];
    std::iter::from_fn(|| cutter.next_into(&mut out).map(|len| out[..len].to_vec())).collect()
}

/// Whether a test whose `tool` is missing may pass without it, which it then says. In CI it must not.
pub(crate) fn may_skip_without(tool: &str) -> bool {
    assert!(std::env::var_os("CI").is_none(), "{tool} is not usable here, and with CI set nothing is skipped: install it");
    println!("skipped: {tool} is not usable here");
    true
}
