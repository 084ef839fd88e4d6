//! Captures that explain themselves: each frame once, with what the switch did with it and why.
//!
//! ```text
//! engine thread:  Sender::record … Sender::flush ─▶ ring ─▶ Receiver::next  :writer thread
//! ```
//! The engine copies a frame once, into memory that it gives away; everything else (naming, describing, finishing checksums,
//! cutting, writing) is the other side's. It is *not* a filter language, and it opens no files.
//!
//! | module | one idea |
//! |---|---|
//! | [`record`] | a frame and its verdict, as the engine hands them over |
//! | [`ring`] | the bounded way from the engine to whoever writes |

pub mod record;
pub mod ring;

pub use record::{PortLabel, Record};
pub use ring::{Heard, Receiver, Records, Scope, Sender};
