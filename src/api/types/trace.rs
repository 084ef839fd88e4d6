//! What would happen to a frame.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A frame to ask about; nothing is sent and nothing learned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceRequest {
    /// The port it would arrive on.
    pub port: String,
    /// The frame: hexadecimal digits, or `arp|icmp|tcp|udp src=… dst=…`.
    pub frame: String,
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
    /// How the frame ends: as a capture would say it.
    pub verdict: String,
    /// The ports that would get it.
    pub ports: Vec<String>,
    /// Why it would be dropped; none if it would not.
    pub drop: Option<String>,
}
