//! Answers without an end: events and captures.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// One change, as it happened; a line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// When, in RFC 3339 with nanoseconds, UTC.
    pub time: String,
    /// What kind: `switch.created`, `port.down`, ….
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about: `switch`, `port`, `reason`, ….
    #[serde(flatten)]
    #[schema(value_type = std::collections::HashMap<String, Object>)]
    pub fields: Map<String, Value>,
}

/// The header of a capture's answer that has its number: `DELETE /v1/capture/NUMBER` ends it in good order.
pub const CAPTURE_HEADER: &str = "lanloom-capture";

/// What to capture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct CaptureQuery {
    /// The switch.
    pub switch: String,
    /// Only frames that come or go by this port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Packets or lines; lines if not given.
    #[serde(default)]
    #[param(inline)]
    pub format: CaptureFormat,
    /// End after so many frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Keep so many bytes of each frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snaplen: Option<u32>,
    /// Only frames that were dropped, or of which a copy was.
    #[serde(default)]
    pub drops: bool,
    /// Only frames that this takes, in the words of tcpdump: `arp or icmp`, `host 10.0.0.1 and tcp port 80`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Frames as on the wire in place of super-frames.
    #[serde(default)]
    pub segments: bool,
    /// Lines with ANSI colours.
    #[serde(default)]
    pub colour: bool,
}

/// How a capture is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CaptureFormat {
    /// pcapng, with verdicts as comments.
    Pcapng,
    /// A line per frame.
    #[default]
    Text,
}
