//! What a network's `--ipam-driver` names.

use super::error::{AddressError, PoolError};
use super::lease::{AddressAsk, Lease, Usage};
use super::null::Null;
use super::pool::{Pool, PoolAsk, PoolId};
use super::{Defaults, Ipam};
use ipnet::IpNet;
use std::net::IpAddr;

/// An IPAM driver. Its methods are [`Ipam`]'s; `None` for an address says that the network has none.
#[derive(Clone, Debug)]
pub enum Driver {
    /// `default`: addresses of ours.
    Default(Box<Ipam>),
    /// `null`: no addresses.
    Null(Null),
}

impl Driver {
    /// The names of the drivers.
    pub const NAMES: [&str; 2] = ["default", "null"];

    /// The driver of that name, one of [`Driver::NAMES`]; an empty name is the default one.
    pub fn named(name: &str, defaults: Defaults) -> Option<Self> {
        match name {
            "" | "default" => Some(Self::Default(Box::new(Ipam::new(defaults)))),
            "null" => Some(Self::Null(Null)),
            _ => None,
        }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Default(_) => "default",
            Self::Null(_) => "null",
        }
    }

    /// The address space that its pools are in, by libnetwork's name.
    pub const fn address_space(&self) -> &'static str {
        match self {
            Self::Default(_) => "LocalDefault",
            Self::Null(_) => "null",
        }
    }

    /// Requests a pool.
    ///
    /// # Errors
    /// See [`Ipam::request_pool`] and [`Null::request_pool`].
    pub fn request_pool(&mut self, ask: &PoolAsk) -> Result<Pool, PoolError> {
        match self {
            Self::Default(ipam) => ipam.request_pool(ask),
            Self::Null(null) => null.request_pool(ask),
        }
    }

    /// Releases a pool with its leases; `None` if there is no such pool.
    pub fn release_pool(&mut self, pool: &PoolId) -> Option<Vec<Lease>> {
        match self {
            Self::Default(ipam) => ipam.release_pool(pool),
            Self::Null(_) => None,
        }
    }

    /// Requests an address of a pool.
    ///
    /// # Errors
    /// See [`Ipam::request_address`] and [`Null::request_address`].
    pub fn request_address(&mut self, pool: &PoolId, ask: &AddressAsk) -> Result<Option<IpNet>, AddressError> {
        match self {
            Self::Default(ipam) => ipam.request_address(pool, ask).map(Some),
            Self::Null(null) => null.request_address(pool, ask),
        }
    }

    /// Requests an address of the first of these pools that has one.
    ///
    /// # Errors
    /// See [`Ipam::request_from`] and [`Null::request_address`].
    pub fn request_from(&mut self, pools: &[PoolId], ask: &AddressAsk) -> Result<Option<(PoolId, IpNet)>, AddressError> {
        match self {
            Self::Default(ipam) => ipam.request_from(pools, ask).map(Some),
            Self::Null(null) => pools.iter().try_fold(None, |_, pool| null.request_address(pool, ask)).map(|_| None),
        }
    }

    /// Releases an address; `None` if the pool has given no such address.
    pub fn release_address(&mut self, pool: &PoolId, address: IpAddr) -> Option<Lease> {
        match self {
            Self::Default(ipam) => ipam.release_address(pool, address),
            Self::Null(_) => None,
        }
    }

    /// What a pool has and has not left; `None` if there is no such pool, or nothing to count.
    pub fn usage(&self, pool: &PoolId) -> Option<Usage> {
        match self {
            Self::Default(ipam) => ipam.usage(pool),
            Self::Null(_) => None,
        }
    }
}
