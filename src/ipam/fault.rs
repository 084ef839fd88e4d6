//! What is wrong with the configuration of a network.

use super::lease::Holder;
use super::span::Family;
use super::special::private;
use ipnet::IpNet;
use std::fmt;

/// Everything that is wrong with the configuration of a network; at least one fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

/// One fault of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    field: Field,
    given: String,
    fault: Fault,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Subnet,
    IpRange,
    Gateway,
    Aux(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    NoCidr,
    NoAddress,
    NotMasked(IpNet),
    NoSubnet,
    Family(IpNet),
    Bigger(IpNet),
    Outside(IpNet),
    Reserved(IpNet, Holder),
    Twice(Field),
    Overlap(IpNet),
    Special(IpNet, &'static str),
}

impl ConfigError {
    pub(super) fn new(field: Field, given: impl fmt::Display, fault: Fault) -> Self {
        Self { field, given: given.to_string(), fault }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> String {
        match &self.fault {
            Fault::NoCidr => "write an address and a prefix length, like 10.1.0.0/16".to_owned(),
            Fault::NoAddress => "write an address, like 10.1.0.1".to_owned(),
            Fault::NotMasked(right) => format!("write {right}"),
            Fault::NoSubnet => "give the subnet that it lies in with --subnet".to_owned(),
            Fault::Family(subnet) => format!("give it with a subnet of its own family; {subnet} is another"),
            Fault::Bigger(subnet) | Fault::Outside(subnet) => format!("give one inside {subnet}"),
            Fault::Reserved(subnet, _) => format!("give another address of {subnet}"),
            Fault::Twice(_) => "give each its own address".to_owned(),
            Fault::Overlap(_) => "give subnets that do not overlap, or several ip-ranges of the same one".to_owned(),
            Fault::Special(block, _) => format!("give one of {}", private(Family::of_net(*block))),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (field, given) = (&self.field, &self.given);
        match (&self.fault, field) {
            (Fault::NoSubnet, Field::Subnet | Field::IpRange | Field::Gateway) => {
                write!(out, "every ip-range or gateway must have a corresponding subnet: {field} {given} has none")
            }
            (Fault::NoSubnet, Field::Aux(_)) => {
                write!(out, "every auxiliary address must have a corresponding subnet: {field} {given} has none")
            }
            (fault, _) => {
                write!(out, "invalid {field} {given}: ")?;
                fault.say(field, out)
            }
        }
    }
}

impl Fault {
    /// What is wrong with that field, in the words of moby (`api/types/network/ipam.go`) where it has some.
    fn say(&self, field: &Field, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCidr => out.write_str("invalid CIDR block notation"),
            Self::NoAddress => out.write_str("invalid address"),
            Self::NotMasked(right) => write!(out, "it should be {right}"),
            Self::NoSubnet => out.write_str("it has no subnet"),
            Self::Family(subnet) => write!(out, "parent subnet is an {} block", Family::of_net(*subnet)),
            Self::Bigger(subnet) => write!(out, "CIDR block is bigger than its parent subnet {subnet}"),
            Self::Outside(subnet) => match field {
                Field::IpRange => write!(out, "parent subnet {subnet} doesn't contain ip-range"),
                Field::Subnet | Field::Gateway | Field::Aux(_) => {
                    write!(out, "parent subnet {subnet} doesn't contain this address")
                }
            },
            Self::Reserved(subnet, holder) => write!(out, "of {subnet} it is {holder}"),
            Self::Twice(other) => write!(out, "it is the {other} as well"),
            Self::Overlap(other) => write!(out, "it overlaps with subnet {other} of the same network"),
            Self::Special(block, what) => write!(out, "no network can have addresses of {block}: it is {what}"),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Subnet => out.write_str("subnet"),
            Self::IpRange => out.write_str("ip-range"),
            Self::Gateway => out.write_str("gateway"),
            Self::Aux(name) => write!(out, "auxiliary address {}", shown(name)),
        }
    }
}

impl std::error::Error for ConfigError {}

impl ConfigErrors {
    /// What a person can do about it: for each fault, in order.
    pub fn hint(&self) -> String {
        let hints: Vec<String> = self.0.iter().map(ConfigError::hint).collect();
        hints.join("; ")
    }
}

impl fmt::Display for ConfigErrors {
    /// All faults in one line.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: Vec<String> = self.0.iter().map(ConfigError::to_string).collect();
        write!(out, "invalid network config: {}", faults.join("; "))
    }
}

impl std::error::Error for ConfigErrors {}

/// A text as a message may carry it: without control characters, and cut when long.
pub(super) fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let start: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().count() > MOST { format!("{start}…") } else { start }
}
