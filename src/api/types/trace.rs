//! What would happen to a frame.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A frame to ask about; nothing is sent and nothing learned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceRequest {
    /// The port it would arrive on.
    pub port: String,
    /// The frame: hexadecimal digits, or a kind (`arp`, `icmp`, `tcp`, `udp`, `eth`) and its fields, like `src=… dst=…`.
    pub frame: String,
    /// How many bytes it has, if the digits are only its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub len: Option<u32>,
    /// Bytes of payload of each frame on the wire, if it is a super-frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segment_size: Option<u16>,
}

/// What would happen, step by step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TraceAnswer {
    /// One line that says what the frame is.
    pub frame: String,
    /// What the request did not say of the frame and had to be chosen.
    #[serde(default)]
    pub assumed: Vec<String>,
    /// What the switch looks at, in order, and what it finds.
    pub steps: Vec<String>,
    /// How the frame ends: `sent to` the ports, or `dropped:` and why.
    pub verdict: String,
    /// The ports that would get it.
    pub ports: Vec<String>,
    /// Why it would be dropped; none if it would not.
    pub drop: Option<String>,
}
