//! Cutting super-frames and finishing checksums: pure, bytes in and bytes out.
//!
//! A frame comes with a [`VnetHeader`] that says what its sender left undone. This module checks that header against the bytes
//! ([`check`]), tells what a link needs done before it can carry the frame ([`need`]), and does it ([`finish`], [`unfinish`],
//! [`Cutter`]). The other way, [`Merger`] makes one frame of many,
//! and [`checksum_of`] and [`uncut`] find what was left undone where nobody says.
//! It knows no links and counts nothing, and a header that lies never gets past [`check`].
//!
//! ```text
//! check ─▶ Shape ─▶ … the switch decides … ─▶ need ─┬▶ Nothing:  send
//!                                                   ├▶ Finish:   finish(bytes), send
//!                                                   ├▶ Unfinish: unfinish(bytes), send
//!                                                   └▶ Cut:      Cutter, send its segments
//! ```

mod checksum;
mod cut;
mod finish;
mod layers;
mod merge;
mod shape;
#[cfg(test)]
mod tests;
mod undone;

pub use cut::Cutter;
pub use finish::{finish, finish_whole, unfinish};
pub use merge::Merger;
pub use shape::{MAX_UDP_SEGMENTS, MIN_TCP_SIZE, Shape, check, shape_of};
pub use undone::{checksum_of, packet_end, size_within, uncut};

use crate::link::Offloads;
use crate::vnet::{Checksum, GsoKind, VnetHeader};

/// What is to be done to a frame before a link can carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// Its partial checksum is to be finished, by [`finish`].
    Finish,
    /// It is a super-frame, to be sent whole, and its checksum is to be made partial, by [`unfinish`].
    Unfinish,
    /// It is a super-frame and is to be cut, by [`Cutter`].
    Cut,
}

/// What a frame with this header needs before a link that takes `offloads` can carry it.
#[inline]
pub fn need(vnet: &VnetHeader, offloads: Offloads) -> Need {
    let partial = matches!(vnet.checksum, Checksum::Partial { .. });
    match vnet.gso {
        Some(gso) if offloads.checksum && takes(offloads, gso.kind) => {
            if partial {
                Need::Nothing
            } else {
                Need::Unfinish
            }
        }
        Some(_) => Need::Cut,
        None if offloads.checksum || !partial => Need::Nothing,
        None => Need::Finish,
    }
}

fn takes(offloads: Offloads, kind: GsoKind) -> bool {
    match kind {
        GsoKind::Tcp4 => offloads.tso4,
        GsoKind::Tcp6 => offloads.tso6,
        GsoKind::Udp => offloads.uso,
    }
}
