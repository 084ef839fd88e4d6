//! Pools: what is asked for, what is given, and how a pool is named.

use super::error::PoolError;
use super::span::{Family, within};
use ipnet::IpNet;
use std::fmt;
use std::str::FromStr;

/// A wish for a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolAsk {
    /// IPv4 or IPv6.
    pub family: Family,
    /// This subnet; the lowest free one of the defaults if `None`. `0.0.0.0/24` and `::/64` name a size and no subnet.
    pub subnet: Option<IpNet>,
    /// Give addresses of this part of the subnet only. It needs a subnet.
    pub range: Option<IpNet>,
    /// Networks to keep clear of: the host's routes, its name servers. They are held against automatically chosen pools only;
    /// a default route is no network, and not counted.
    pub avoid: Vec<IpNet>,
    /// Prefix length of the pool; that of the default range if `None`.
    pub size: Option<u8>,
}

/// A pool that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// What it goes by.
    pub id: PoolId,
    /// The subnet of the network.
    pub subnet: IpNet,
    /// The part of the subnet that addresses are given from: all of it, unless a sub-range was asked for.
    pub range: IpNet,
}

/// The name of a pool: its subnet, and its sub-range if it has one. Its text is `172.28.0.0/16` or
/// `172.28.0.0/16/172.28.5.0/24`, libnetwork's without the address space.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId {
    subnet: IpNet,
    range: Option<IpNet>,
}

/// Which pool is asked for.
pub(super) enum Wish {
    /// This one.
    This(PoolId),
    /// Any of the defaults, of this size or that of its range.
    Any(Option<u8>),
}

impl PoolAsk {
    /// A wish for any pool of a family.
    pub fn any(family: Family) -> Self {
        Self { family, subnet: None, range: None, avoid: Vec::new(), size: None }
    }

    /// A wish for that subnet.
    pub fn subnet(subnet: IpNet) -> Self {
        Self { subnet: Some(subnet), ..Self::any(Family::of_net(subnet)) }
    }

    /// What it comes down to.
    pub(super) fn wish(&self) -> Result<Wish, PoolError> {
        let Some(subnet) = self.subnet else {
            return self.range.map_or(Ok(Wish::Any(self.size)), |range| Err(PoolError::RangeWithoutSubnet(range)));
        };
        if Family::of_net(subnet) != self.family {
            return Err(PoolError::WrongFamily { subnet, family: self.family });
        }
        if let Some(size) = self.size.filter(|size| *size != subnet.prefix_len()) {
            return Err(PoolError::SizeOfSubnet { subnet, size });
        }
        if subnet.addr().is_unspecified() && subnet.prefix_len() > 0 {
            let any = Wish::Any(Some(subnet.prefix_len()));
            return self.range.map_or(Ok(any), |range| Err(PoolError::RangeWithoutSubnet(range)));
        }
        PoolId::new(subnet, self.range).map(Wish::This)
    }
}

impl PoolId {
    /// The pool of that subnet and sub-range, if there can be one.
    ///
    /// # Errors
    /// Bits are set behind a prefix, or the sub-range does not lie in the subnet.
    pub fn new(subnet: IpNet, range: Option<IpNet>) -> Result<Self, PoolError> {
        if subnet != subnet.trunc() {
            return Err(PoolError::SubnetNotMasked(subnet));
        }
        if let Some(range) = range {
            if range != range.trunc() {
                return Err(PoolError::RangeNotMasked(range));
            }
            if !within(subnet, range) {
                return Err(PoolError::RangeOutside { range, subnet });
            }
        }
        Ok(Self { subnet, range })
    }

    /// The subnet.
    pub fn subnet(&self) -> IpNet {
        self.subnet
    }

    /// The part of the subnet that addresses are given from.
    pub fn range(&self) -> IpNet {
        self.range.unwrap_or(self.subnet)
    }

    /// The sub-range, if it has one.
    pub fn sub_range(&self) -> Option<IpNet> {
        self.range
    }

    /// Its family.
    pub fn family(&self) -> Family {
        Family::of_net(self.subnet)
    }

    pub(super) fn pool(self) -> Pool {
        Pool { subnet: self.subnet, range: self.range(), id: self }
    }
}

impl fmt::Display for PoolId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.subnet)?;
        self.range.map_or(Ok(()), |range| write!(out, "/{range}"))
    }
}

/// A text that names no pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolIdError(String);

impl fmt::Display for PoolIdError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:?} names no pool; write SUBNET or SUBNET/RANGE, like 10.1.0.0/16 or 10.1.0.0/16/10.1.2.0/24", self.0)
    }
}

impl std::error::Error for PoolIdError {}

impl FromStr for PoolId {
    type Err = PoolIdError;

    fn from_str(text: &str) -> Result<Self, PoolIdError> {
        let net = |text: &str| text.parse::<IpNet>().ok();
        let second = text.match_indices('/').nth(1).map(|(at, _)| at);
        let parts = match second {
            None => net(text).map(|subnet| (subnet, None)),
            Some(at) => net(&text[..at]).zip(net(&text[at + 1..])).map(|(subnet, range)| (subnet, Some(range))),
        };
        let id = parts.and_then(|(subnet, range)| Self::new(subnet, range).ok());
        id.ok_or_else(|| PoolIdError(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_comes_back_from_its_text() {
        for text in ["10.1.0.0/16", "10.1.0.0/16/10.1.2.0/24", "fd00::/64", "fd00::/64/fd00::8000:0:0:0/65", "0.0.0.0/0"] {
            assert_eq!(text.parse::<PoolId>().map(|id| id.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn a_text_that_names_no_pool_is_told_what_would() {
        for text in
            ["", "/", "//", "10.1.0.0", "10.1.0.1/16", "10.1.0.0/16/", "10.1.0.0/16/10.2.0.0/24", "10.0.0.0/8/fd00::/64"]
        {
            let said = text.parse::<PoolId>().map_err(|error| error.to_string());
            assert!(said.as_ref().is_err_and(|said| said.contains("write SUBNET")), "{text:?}: {said:?}");
        }
    }
}
