//! Every request and answer of the API. The keys are promises: they may be added to, not changed.

mod counters;
mod error;
mod fdb;
mod info;
mod port;
mod stream;
mod switch;
mod trace;

pub use counters::{Counters, Drops, Flow, PortCounters, PortQuery};
pub use error::{ApiError, ErrorCode};
pub use fdb::{FdbAdd, FdbEntry, FdbFlush, FdbFlushed, FdbKey};
pub use info::{Capability, EngineInfo, Info, Reloaded, ResetDone};
pub use port::{PortAdd, PortChange, PortInfo, PortState};
pub use stream::{CAPTURE_HEADER, CaptureFormat, CaptureQuery, Event};
pub use switch::{SwitchChange, SwitchCreate, SwitchInfo};
pub use trace::{TraceAnswer, TraceRequest};
