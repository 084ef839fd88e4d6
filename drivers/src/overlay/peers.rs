//! Who the other hosts of a network are.

use std::net::IpAddr;

use async_trait::async_trait;

use super::options::NetworkOptions;
use crate::driver::{DriverError, NetworkSpec};

/// Where it is known who the other hosts of a network are.
#[async_trait]
pub trait Peers: Send + Sync {
    /// The addresses in the underlay of a network's other hosts: of one family, each once. There may be none yet.
    ///
    /// # Errors
    /// [`DriverErrorKind::Invalid`](crate::driver::DriverErrorKind::Invalid) for what cannot be.
    async fn peers_of(&self, network: &NetworkSpec) -> Result<Vec<IpAddr>, DriverError>;
}

/// Somebody says it, by the network's option `lanloom.peers`.
#[derive(Clone, Copy, Debug)]
pub struct ByHand;

#[async_trait]
impl Peers for ByHand {
    async fn peers_of(&self, network: &NetworkSpec) -> Result<Vec<IpAddr>, DriverError> {
        NetworkOptions::parse("look for the peers of network", network).map(|options| options.peers)
    }
}
