//! Every request and answer of the API. The keys are promises: they may be added to, not changed.

mod counters;
mod doctor;
mod endpoint;
mod error;
mod fdb;
mod filters;
mod info;
mod network;
mod port;
mod sandbox;
mod stream;
mod switch;
mod trace;
mod tunnel;

pub use counters::{Counters, Drops, Flow, PortCounters, PortQuery};
pub use doctor::{Diagnosis, Finding, Member, PeerInfo};
pub use endpoint::{
    DeleteQuery, EndpointAsked, EndpointCreate, EndpointInfo, EndpointJoin, EndpointLeave, EndpointMade, EndpointQuery,
    RouteInfo,
};
pub use error::{ApiError, ErrorCode};
pub use fdb::{FdbAdd, FdbEntry, FdbFlush, FdbFlushed, FdbKey};
pub use filters::{FilterError, Filters, Purpose, has_label};
pub use info::{Capability, EngineInfo, Info, Reloaded, ResetDone};
pub use network::{
    ConfigFrom, EndpointIpam, EndpointSettings, Ipam, IpamPool, NetworkConnect, NetworkConnected, NetworkCreate,
    NetworkDisconnect, NetworkInfo, NetworkMade, NetworkMember, NetworkMore, NetworkQuery, NetworkUpdate, NetworksPruned,
};
pub use port::{PortAdd, PortChange, PortInfo, PortState};
pub use sandbox::{ExtraHost, GatewayChoice, SandboxCreate, SandboxInfo, SandboxMade, SandboxNetwork};
pub use stream::{CAPTURE_HEADER, CaptureFormat, CaptureQuery, Event};
pub use switch::{SwitchChange, SwitchCreate, SwitchInfo};
pub use trace::{TraceAnswer, TraceRequest};
pub use tunnel::{TunnelInfo, TunnelPeer, TunnelStray, TunnelTrouble};
