//! Captures that explain themselves: each frame once, with what the switch did with it and why.
//!
//! ```text
//! engine: Sender::record … Sender::flush ─▶ ring ─▶ Receiver::next ─┬▶ Writer: pcapng
//!                                                                    └▶ Lines: text
//! ```
//! The engine copies a frame once, into memory that it gives away; everything else (naming, describing, finishing checksums,
//! cutting, writing) is the other side's. It is *not* a filter language, and it opens no files.
//!
//! | module | one idea |
//! |---|---|
//! | [`record`] | a frame and its verdict, as the engine hands them over |
//! | [`ring`] | the bounded way from the engine to whoever writes |
//! | [`comment`] | a verdict in words |
//! | [`text`] | a line per frame |
//! | [`pcapng`] | the blocks of a capture file |
//! | [`writer`] | records and verdicts as such a file |
//! | [`read`] | frames back out of one |

pub mod comment;
pub mod pcapng;
pub mod read;
pub mod record;
pub mod ring;
pub mod text;
pub mod writer;

pub use comment::Comment;
pub use record::{Origin, PortLabel, PortNames, Record};
pub use ring::{CaptureId, Heard, Receiver, Records, Scope, Sender};
pub use text::Lines;
pub use writer::{Settings, Writer};

/// Has this thread, and those that it starts from now on, make way for forwarding when cores are short: for whoever writes a
/// capture. What it is too slow for is counted as lost in the capture, and the frames themselves go on.
pub fn make_way() {
    // Then it merely competes.
    let _ = crate::sys::priority::go_last();
}
