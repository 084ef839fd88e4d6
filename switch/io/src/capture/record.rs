//! A frame and its verdict, as the engine hands them over.

use crate::vnet::VnetHeader;
use lanloom_switch_core::{DropReason, EgressFate, Fate, Generated, Learned, MacAddr, PortId};
use std::borrow::Cow;
use std::collections::HashMap;

/// Whether a frame was received or made, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Received on the record's port.
    Received {
        /// How it ended.
        fate: Fate,
        /// What its source taught the switch.
        learned: Learned,
        /// What the switch sent back because of it, which has a record of its own.
        answer: Option<Generated>,
    },
    /// Made by the switch itself, to be sent on the record's port; its one copy says how that ended.
    Generated(Generated),
}

/// One frame, received or made by the switch, and all that became of it.
///
/// `bytes` and `vnet` belong together: both as received, or both as after finishing the checksum in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// When it was received or made: nanoseconds of wall-clock time since 1970.
    pub time: u64,
    /// Its number, the same in every capture of this switch.
    pub id: u64,
    /// The port that it came in on, or that the switch made it for.
    pub port: PortId,
    /// From the destination address on; behind the ring cut to the capture's snaplen, but for the Ethernet header.
    pub bytes: &'a [u8],
    /// Bytes that it had before it was cut to the snaplen.
    pub original_len: u32,
    /// Checksum and segmentation that are left to do.
    pub vnet: VnetHeader,
    /// Frames on the wire that it stands for; 1 unless it is a super-frame.
    pub segments: u32,
    /// Where it is from and how it ended.
    pub origin: Origin,
    /// Its copies, each as it ended after the link's answer.
    pub copies: &'a [(PortId, EgressFate)],
    /// Frames of the same port that the ring had no room for since the one before. The engine leaves it 0.
    pub lost_before: u32,
}

impl Record<'_> {
    /// Why the frame or a copy of it was dropped: the frame's own reason, else that of the first copy dropped.
    pub fn drop_reason(&self) -> Option<DropReason> {
        if let Origin::Received { fate: Fate::Dropped(reason), .. } = self.origin {
            return Some(reason);
        }
        self.copies.iter().find_map(|(_, fate)| match fate {
            EgressFate::Dropped(reason) => Some(*reason),
            EgressFate::Sent => None,
        })
    }

    /// Whether the frame came in on `port`, or a copy of it was to go out there.
    pub fn touches(&self, port: PortId) -> bool {
        self.port == port || self.copies.iter().any(|(copy, _)| *copy == port)
    }

    /// The source address; zero if so much was not kept.
    pub fn source(&self) -> MacAddr {
        let bytes = self.bytes.get(6..).and_then(|bytes| bytes.first_chunk()).copied();
        MacAddr(bytes.unwrap_or_default())
    }

    /// Whether `bytes` is the frame as it was, not cut to a snaplen.
    pub fn is_whole(&self) -> bool {
        self.bytes.len() == self.original_len as usize
    }
}

/// How a port is called in a capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortLabel {
    /// The port.
    pub port: PortId,
    /// Its name, like `p1`.
    pub name: String,
    /// What is plugged into it, like `tap://web0`.
    pub description: String,
}

/// What the ports of a capture are called.
#[derive(Clone, Debug, Default)]
pub struct PortNames(HashMap<PortId, String>);

impl PortNames {
    /// Calls a port so from now on.
    pub fn set(&mut self, label: &PortLabel) {
        self.0.insert(label.port, label.name.clone());
    }

    /// A port's name; one that nobody named shows its number.
    pub fn name(&self, port: PortId) -> Cow<'_, str> {
        match self.0.get(&port) {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("port{}", port.index())),
        }
    }
}
