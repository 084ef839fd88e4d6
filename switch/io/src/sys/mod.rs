//! The few calls into the kernel that no safe crate offers. All `unsafe` of this crate is in this folder.

pub(crate) mod datagram;
pub(crate) mod interface;
pub(crate) mod mmsg;
pub(crate) mod netlink;
pub(crate) mod netns;
pub(crate) mod options;
pub(crate) mod priority;
pub(crate) mod tun;
