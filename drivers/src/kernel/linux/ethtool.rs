//! An interface's features by the ethtool ioctl.
//!
//! What a virtio-net header cannot describe must not come out of a guest: a super-frame of a tunnel (its header would speak of
//! the inner packet; a nested kernel VXLAN ran at 0.27 Mbit/s so), a super-frame or unfinished CRC of SCTP (lost, or finished
//! with the wrong sum). The kernel cuts and finishes those itself once the features are off.

#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, OwnedFd};

use lanloom_switch_io::link::packet;
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::super::error::{KernelError, Needs};
use super::super::name::IfName;
use super::super::netns::Netns;

/// Names, or beginnings of names, of features that a virtio-net header cannot describe.
const FOREIGN: [&str; 7] =
    ["tx-udp_tnl-", "tx-gre-", "tx-ipxip", "tx-tunnel-", "tx-sctp-segmentation", "tx-checksum-sctp", "tx-gso-list"];

/// The same where the kernel's AF_PACKET does not carry it.
const UDP_SEGMENTATION: &str = "tx-udp-segmentation";

const GSTRINGS: u32 = 0x1b;
const GSSET_INFO: u32 = 0x37;
const GFEATURES: u32 = 0x3a;
const SFEATURES: u32 = 0x3b;
/// `ETH_SS_FEATURES`: the set of strings that names the features.
const FEATURE_NAMES: u32 = 4;
/// `ETH_GSTRING_LEN`: bytes of a name.
const NAME_LEN: usize = 32;
/// Far more features than there are (some seventy), and no more memory than that.
const FEATURES_MAX: usize = 1024;

/// The features of one interface of the calling thread's namespace.
pub(super) struct Features {
    socket: OwnedFd,
    name: IfName,
    on: String,
    names: Vec<String>,
    blocks: Vec<Block>,
}

/// 32 features, a bit each (`struct ethtool_get_features_block`).
struct Block {
    available: u32,
    active: u32,
    never_changed: u32,
}

impl Features {
    /// Reads them. The calling thread must be in `netns`, which is for errors to name.
    pub(super) fn of(name: &IfName, netns: &Netns) -> Result<Self, KernelError> {
        let on = format!("{name} in {netns}");
        Self::read(name, on.clone()).map_err(|errno| refused("reading an interface's offloads", &on, errno))
    }

    fn read(name: &IfName, on: String) -> Result<Self, Errno> {
        let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        let mut features = Self { socket, name: name.clone(), on, names: Vec::new(), blocks: Vec::new() };
        features.names = features.read_names()?;
        features.blocks = features.read_blocks()?;
        Ok(features)
    }

    /// Those that are on and a virtio-net header cannot describe.
    pub(super) fn foreign(&self) -> Vec<String> {
        let on = |at: &usize| self.blocks[at / 32].active & bit(*at) != 0;
        self.foreign_numbers().filter(on).map(|at| self.names[at].clone()).collect()
    }

    /// Turns those off that can be.
    pub(super) fn turn_off_foreign(&self) -> Result<(), KernelError> {
        let mut request = vec![SFEATURES, self.blocks.len() as u32];
        request.resize(2 + 2 * self.blocks.len(), 0);
        for at in self.foreign_numbers() {
            let Block { available, never_changed, .. } = self.blocks[at / 32];
            request[2 + at / 32 * 2] |= bit(at) & available & !never_changed;
        }
        self.ioctl(&mut request).map_err(|errno| refused("turning off an interface's offloads", &self.on, errno))
    }

    fn foreign_numbers(&self) -> impl Iterator<Item = usize> {
        let carried = packet::carries_udp_segmentation();
        (0..self.names.len()).filter(move |at| is_foreign(&self.names[*at], carried))
    }

    fn read_names(&self) -> Result<Vec<String>, Errno> {
        // cmd, reserved, a 64-bit mask of sets, and one length.
        let mut info = [GSSET_INFO, 0, 0, 0, 0];
        let [low, high] = mask_halves(1 << FEATURE_NAMES);
        (info[2], info[3]) = (low, high);
        self.ioctl(&mut info)?;
        let count = (info[4] as usize).min(FEATURES_MAX);
        let mut strings = vec![GSTRINGS, FEATURE_NAMES, count as u32];
        strings.resize(3 + count * NAME_LEN / 4, 0);
        self.ioctl(&mut strings)?;
        let bytes: Vec<u8> = strings[3..].iter().flat_map(|word| word.to_ne_bytes()).collect();
        Ok(bytes.chunks_exact(NAME_LEN).map(text).collect())
    }

    fn read_blocks(&self) -> Result<Vec<Block>, Errno> {
        let count = self.names.len().div_ceil(32);
        let mut request = vec![GFEATURES, count as u32];
        request.resize(2 + 4 * count, 0);
        self.ioctl(&mut request)?;
        let block = |words: &[u32]| Block { available: words[0], active: words[2], never_changed: words[3] };
        Ok(request[2..].chunks_exact(4).map(block).collect())
    }

    /// One `SIOCETHTOOL`: the words are a command and the space for its answer.
    fn ioctl(&self, words: &mut [u32]) -> Result<(), Errno> {
        // SAFETY: an all-zero `ifreq` is a valid one (numbers, bytes and pointers).
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(self.name.as_str().bytes()) {
            *to = from as libc::c_char;
        }
        request.ifr_ifru.ifru_data = words.as_mut_ptr().cast();
        // SAFETY: the name is at most 15 bytes and NUL-terminated (`IfName`, zeroed `ifreq`). `words` outlives the call, is aligned
        // for the command's words, and holds the lengths that its callers wrote: the kernel writes no more than these allow, and
        // no more strings than the device has (`ethtool_get_strings` allows what the device counts, which a name set fixed at
        // the kernel's build cannot change between two calls).
        let answer = unsafe { libc::ioctl(self.socket.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
        Errno::result(answer).map(drop)
    }
}

/// Whether a virtio-net header cannot describe a feature's frames; `carried` is whether AF_PACKET carries UDP super-frames.
fn is_foreign(feature: &str, carried: bool) -> bool {
    FOREIGN.iter().any(|name| feature.starts_with(name)) || (!carried && feature == UDP_SEGMENTATION)
}

fn bit(at: usize) -> u32 {
    1 << (at % 32)
}

/// A 64-bit number as two words in memory order.
fn mask_halves(mask: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = mask.to_ne_bytes();
    [u32::from_ne_bytes([a, b, c, d]), u32::from_ne_bytes([e, f, g, h])]
}

/// A name up to its NUL.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn refused(what: &'static str, on: &str, errno: Errno) -> KernelError {
    KernelError::errno(what, on, errno, Needs::NetAdmin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn udp_segmentation_is_foreign_only_where_the_kernel_does_not_carry_it() {
        assert!(is_foreign("tx-udp-segmentation", false) && !is_foreign("tx-udp-segmentation", true));
        for carried in [false, true] {
            assert!(is_foreign("tx-udp_tnl-csum-segmentation", carried) && !is_foreign("tx-tcp-segmentation", carried));
        }
    }
}
