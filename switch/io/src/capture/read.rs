//! Frames back out of capture files: pcap and pcapng, written on machines of either byte order.
//!
//! Believes no length before it has seen the bytes: a file may come from anywhere. Link types other than Ethernet are refused.

mod pcap;
mod pcapng;

use std::fmt;
use std::io::{self, BufReader, Read};

/// Bytes of the longest block that is believed; tools write frames of at most 256 KiB.
const BLOCK_MAX: u32 = 16 << 20;

/// A frame from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Captured {
    /// Which interface it was captured on, from 0: see [`Reader::interface_name`].
    pub interface: u32,
    /// Nanoseconds since 1970; 0 if the file does not say.
    pub time: u64,
    /// What was kept of it.
    pub bytes: Vec<u8>,
    /// Bytes that it had.
    pub original_len: u32,
    /// What the file says about it.
    pub comment: Option<String>,
    /// Its number, the same wherever it was captured.
    pub id: Option<u64>,
}

impl Captured {
    /// Bytes of payload of each frame on the wire, if this is a super-frame of which our comment says so: `… · GSO 45×1448`.
    pub fn segment_size(&self) -> Option<u16> {
        let (_, shape) = self.comment.as_deref()?.rsplit_once(" · ")?;
        let (segments, size) = shape.strip_prefix("GSO ")?.split_once('×')?;
        segments.parse::<u32>().ok()?;
        size.parse().ok().filter(|size| *size > 0)
    }
}

/// Frame `number` of a capture file, from 1 as Wireshark counts.
///
/// # Errors
/// If the file has fewer frames, or is damaged or no capture before that one.
pub fn frame_at(input: impl Read, number: u64) -> Result<Captured, ReadError> {
    let mut reader = Reader::new(input)?;
    let mut frames = 0;
    while let Some(frame) = reader.next()? {
        frames += 1;
        if frames == number {
            return Ok(frame);
        }
    }
    Err(ReadError::NoSuchFrame { number, frames })
}

/// Reads frame after frame.
#[derive(Debug)]
pub struct Reader<R> {
    input: Input<BufReader<R>>,
    format: Format,
}

#[derive(Debug)]
enum Format {
    Pcap(pcap::Header),
    Pcapng(pcapng::Section),
}

impl<R: Read> Reader<R> {
    /// Reads as far as the first header.
    ///
    /// # Errors
    /// If that is not a pcap or pcapng header for Ethernet.
    pub fn new(input: R) -> Result<Self, ReadError> {
        let mut input = Input { inner: BufReader::new(input), at: 0 };
        let magic = input.array::<4>()?.ok_or(ReadError::Empty)?;
        let format = match magic {
            pcapng::MAGIC => Format::Pcapng(pcapng::Section::read(&mut input)?),
            [0x1f, 0x8b, ..] => return Err(ReadError::Compressed),
            _ => Format::Pcap(pcap::Header::read(magic, &mut input)?),
        };
        Ok(Self { input, format })
    }

    /// The next frame, or `None` at the end.
    ///
    /// # Errors
    /// If the file is damaged there, or the frame is not Ethernet.
    // Not an iterator: after an error there is nothing more to ask for.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Captured>, ReadError> {
        match &mut self.format {
            Format::Pcap(header) => header.next(&mut self.input),
            Format::Pcapng(section) => section.next(&mut self.input),
        }
    }

    /// What the file calls an interface that it has shown so far.
    pub fn interface_name(&self, interface: u32) -> Option<&str> {
        match &self.format {
            Format::Pcap(_) => None,
            Format::Pcapng(section) => section.interface_name(interface),
        }
    }
}

/// A source of bytes that knows how far it is.
#[derive(Debug)]
struct Input<R> {
    inner: R,
    at: u64,
}

impl<R: Read> Input<R> {
    /// The next `N` bytes, or `None` if it ends right here.
    fn array<const N: usize>(&mut self) -> Result<Option<[u8; N]>, ReadError> {
        let bytes = self.at_most(N as u32)?;
        match <[u8; N]>::try_from(&bytes[..]) {
            Ok(array) => Ok(Some(array)),
            Err(_) if bytes.is_empty() => Ok(None),
            Err(_) => Err(ReadError::Truncated { at: self.at }),
        }
    }

    /// The next `len` bytes.
    fn bytes(&mut self, len: u32) -> Result<Vec<u8>, ReadError> {
        let bytes = self.at_most(len)?;
        if bytes.len() == len as usize { Ok(bytes) } else { Err(ReadError::Truncated { at: self.at }) }
    }

    /// Takes memory only for what is there.
    fn at_most(&mut self, len: u32) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::new();
        self.inner.by_ref().take(u64::from(len)).read_to_end(&mut bytes).map_err(ReadError::Io)?;
        self.at += bytes.len() as u64;
        Ok(bytes)
    }
}

/// The order of the bytes in a file's numbers.
#[derive(Clone, Copy, Debug)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let two = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(two),
            Self::Big => u16::from_be_bytes(two),
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let four = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(four),
            Self::Big => u32::from_be_bytes(four),
        })
    }

    fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let eight = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u64::from_le_bytes(eight),
            Self::Big => u64::from_be_bytes(eight),
        })
    }
}

/// Ethernet or nothing.
fn check_link_type(link_type: u32) -> Result<(), ReadError> {
    if link_type == 1 { Ok(()) } else { Err(ReadError::LinkType { link_type }) }
}

/// Why no frame comes out of a file.
#[derive(Debug)]
pub enum ReadError {
    /// Reading failed.
    Io(io::Error),
    /// There is nothing in it.
    Empty,
    /// It is compressed by gzip.
    Compressed,
    /// It does not start as a capture does.
    NoCapture {
        /// Its first bytes.
        magic: [u8; 4],
    },
    /// It ends in the middle of something.
    Truncated {
        /// How many bytes it has.
        at: u64,
    },
    /// It contradicts itself.
    Damaged {
        /// After how many bytes.
        at: u64,
        /// What cannot be.
        what: &'static str,
    },
    /// It holds something else than Ethernet frames.
    LinkType {
        /// Its number at tcpdump.org.
        link_type: u32,
    },
    /// It has fewer frames.
    NoSuchFrame {
        /// The frame asked for.
        number: u64,
        /// How many there are.
        frames: u64,
    },
}

impl fmt::Display for ReadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(out, "cannot read the capture: {error}"),
            Self::Empty => out.write_str("the capture is empty: it has not even a header"),
            Self::Compressed => out.write_str("the capture is compressed: unpack it with gunzip first"),
            Self::NoCapture { magic } => {
                write!(
                    out,
                    "no capture: it starts with {magic:02x?}; give a file in pcap or pcapng format, as Wireshark saves them"
                )
            }
            Self::Truncated { at } => write!(out, "the capture ends after {at} bytes, in the middle of a frame or header"),
            Self::Damaged { at, what } => write!(out, "the capture is damaged before byte {at}: {what}"),
            Self::LinkType { link_type } => write!(
                out,
                "the capture holds frames of link type {link_type}, not of Ethernet (1): capture on an Ethernet interface, not on `any`"
            ),
            Self::NoSuchFrame { number: 0, .. } => out.write_str("there is no frame 0: frames are counted from 1"),
            Self::NoSuchFrame { number, frames } => write!(out, "there is no frame {number}: the capture has {frames}"),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        if let Self::Io(error) = self { Some(error) } else { None }
    }
}
