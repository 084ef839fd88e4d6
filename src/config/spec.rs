//! What a switch, a port, an entry is to be.

use super::words::{Openings, Storm, text};
use crate::names::Name;
use crate::url::PortUrl;
use lanloom_switch_core::{FdbLimits, MacAddr, PortConfig};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

/// Seconds of ageing time that 802.1D-2004 Table 7-5 allows.
pub const AGEING_SECS: RangeInclusive<u32> = FdbLimits::AGEING_SECS;

/// Most entries that a filtering database may be given room for.
const FDB_MOST: u32 = 16_777_216;

/// `[daemon]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DaemonSpec {
    /// Engine threads, 1 to 64; one per core if not given.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "engines")]
    pub engines: Option<u32>,
    /// Microseconds that a busy engine looks for more frames before it sleeps, 0 to 1000; the engine's default if not given.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "spin_micros")]
    pub spin_micros: Option<u32>,
    /// Where `/metrics` is served over TCP; nowhere if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<SocketAddr>,
}

/// `[[switch]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SwitchSpec {
    /// Its name.
    pub name: Name,
    /// Its settings.
    #[serde(flatten)]
    pub settings: SwitchSettings,
    /// `[[switch.port]]`: each name once.
    #[serde(rename = "port", skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortSpec>,
    /// `[[switch.fdb]]`: each address once in a VLAN, on ports that are there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fdb: Vec<FdbSpec>,
}

/// What can be set of a switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SwitchSettings {
    /// Whole seconds without a frame after which an address is forgotten, within [`AGEING_SECS`].
    #[serde(deserialize_with = "ageing")]
    pub ageing: u32,
    /// Addresses that its filtering database holds at most.
    #[serde(skip_serializing_if = "is_usual_fdb_limit", deserialize_with = "fdb_entries")]
    pub fdb_limit: u32,
}

/// `[[switch.port]]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PortSpec {
    /// Its name.
    pub name: Name,
    /// What is plugged in.
    pub url: PortUrl,
    /// Its settings.
    #[serde(flatten)]
    pub settings: PortSettings,
}

/// What can be set of a port, named as in `bridge link`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PortSettings {
    /// Administratively up.
    #[serde(skip_serializing_if = "is_true")]
    pub up: bool,
    /// Whether source addresses are learned here.
    #[serde(skip_serializing_if = "is_true")]
    pub learning: bool,
    /// Whether frames to unknown unicast addresses are flooded here.
    #[serde(skip_serializing_if = "is_true")]
    pub flood: bool,
    /// Whether multicast frames are flooded here.
    #[serde(skip_serializing_if = "is_true")]
    pub mcast_flood: bool,
    /// Whether broadcasts are flooded here.
    #[serde(skip_serializing_if = "is_true")]
    pub bcast_flood: bool,
    /// Isolated ports exchange frames only with ports that are not.
    #[serde(skip_serializing_if = "is_false")]
    pub isolated: bool,
    /// Largest payload in bytes; that of the interface if not given.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "mtu")]
    pub mtu: Option<u32>,
    /// Which of 01-80-C2-00-00-01…0F pass.
    #[serde(skip_serializing_if = "Openings::is_empty")]
    pub forward: Openings,
    /// How much of what arrives here may be flooded.
    #[serde(skip_serializing_if = "Storm::is_default")]
    pub storm: Storm,
    /// Learned addresses that it may hold, at least 1; bounded by the switch alone if not given.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "fdb_limit")]
    pub fdb_limit: Option<u32>,
    /// Whether a frame from one address more is dropped, in place of the port's oldest address being forgotten.
    #[serde(skip_serializing_if = "is_false")]
    pub fdb_limit_drops: bool,
}

/// `[[switch.fdb]]`: an address set by hand. The zero address with `dst` has a tunnel's floods sent there too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FdbSpec {
    /// The address of one station, or zero.
    #[serde(with = "text")]
    pub mac: MacAddr,
    /// The port that leads to it.
    pub port: Name,
    /// Of a tunnel: which of its other ends leads to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dst: Option<IpAddr>,
    /// Its VLAN, 0 on a switch that does not look at tags.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub vid: u16,
    /// Ages like a learned address, but never moves to another port.
    #[serde(default, skip_serializing_if = "is_false")]
    pub sticky: bool,
}

/// What an entry is known by. A station is at one place of a switch; floods go to as many other ends of a tunnel as are set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FdbKey {
    /// A station's address.
    Station(MacAddr),
    /// A tunnel's port, and the other end that floods are sent to.
    Flood(Name, IpAddr),
}

impl FdbSpec {
    /// What it is known by.
    pub fn key(&self) -> FdbKey {
        match self.dst.filter(|_| self.mac == MacAddr::ZERO) {
            Some(dst) => FdbKey::Flood(self.port.clone(), dst),
            None => FdbKey::Station(self.mac),
        }
    }
}

impl DaemonSpec {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for SwitchSettings {
    fn default() -> Self {
        let FdbLimits { entries, ageing_secs } = FdbLimits::default();
        Self { ageing: ageing_secs, fdb_limit: entries }
    }
}

impl SwitchSettings {
    /// The same as the switch is told it.
    pub fn limits(&self) -> FdbLimits {
        FdbLimits { entries: self.fdb_limit, ageing_secs: self.ageing }
    }
}

impl Default for PortSettings {
    fn default() -> Self {
        let usual = PortConfig::default();
        Self {
            up: usual.up,
            learning: usual.learning,
            flood: usual.flood,
            mcast_flood: usual.mcast_flood,
            bcast_flood: usual.bcast_flood,
            isolated: usual.isolated,
            mtu: None,
            forward: Openings::default(),
            storm: Storm::default(),
            fdb_limit: None,
            fdb_limit_drops: usual.fdb_limit_drops,
        }
    }
}

impl PortSettings {
    /// The same as the switch is told it, for a link whose MTU is `link_mtu` if that is known.
    pub fn config(&self, link_mtu: Option<u32>) -> PortConfig {
        PortConfig {
            up: self.up,
            learning: self.learning,
            flood: self.flood,
            mcast_flood: self.mcast_flood,
            bcast_flood: self.bcast_flood,
            isolated: self.isolated,
            mtu: self.mtu.or(link_mtu).unwrap_or(u32::MAX),
            reserved_open: self.forward.bits(),
            storm: self.storm.limit(),
            fdb_limit: self.fdb_limit,
            fdb_limit_drops: self.fdb_limit_drops,
            ..PortConfig::default()
        }
    }
}

fn is_true(value: &bool) -> bool {
    *value
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_zero(value: &u16) -> bool {
    *value == 0
}

fn is_usual_fdb_limit(value: &u32) -> bool {
    *value == FdbLimits::default().entries
}

macro_rules! ranges {
    ($($name:ident $range:expr;)*) => {$(
        fn $name<'de, D: serde::Deserializer<'de>, T: From<u32>>(from: D) -> Result<T, D::Error> {
            within(from, $range).map(T::from)
        }
    )*};
}

ranges! {
    ageing AGEING_SECS;
    fdb_entries 1..=FDB_MOST;
    fdb_limit 1..=FDB_MOST;
    mtu crate::url::MTU_MIN..=crate::url::VETH_MTU_MAX;
    engines 1..=64;
    spin_micros 0..=1000;
}

fn within<'de, D: serde::Deserializer<'de>>(from: D, range: RangeInclusive<u32>) -> Result<u32, D::Error> {
    let number = i64::deserialize(from)?;
    let fits = u32::try_from(number).ok().filter(|number| range.contains(number));
    let (least, most) = (range.start(), range.end());
    fits.ok_or_else(|| serde::de::Error::custom(format!("{number} is not possible; write {least} to {most}")))
}
