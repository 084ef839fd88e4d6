//! Networks, endpoints and sandboxes: what they are, and what is asked for. Values only; what is done with them is elsewhere.
//!
//! What is here is what the records have, so that a record and the object that it describes cannot differ. States are enums, and
//! say what an unfinished operation was about to do: a start finishes it or undoes it. Nothing is counted: how many endpoints a
//! network has is how many say that they are on it.
//!
//! | file | one idea |
//! |---|---|
//! | [`id`] | what they are known by |
//! | [`network`], [`endpoint`], [`sandbox`] | each with its states, and as it is asked for |

pub mod endpoint;
pub mod id;
pub mod network;
pub mod sandbox;

pub use endpoint::{Endpoint, EndpointState, Joint, MacText, NewEndpoint};
pub use id::{Id, SHORT_ID};
pub use network::{Network, NetworkChange, NetworkState, NewNetwork, Pool, PoolAsked};
pub use sandbox::{Identity, NewSandbox, Redirect, Sandbox, SandboxPlace, SandboxState};

use std::collections::BTreeMap;

/// Options, labels: words under words.
pub type Words = BTreeMap<String, String>;
