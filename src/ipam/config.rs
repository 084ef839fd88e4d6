//! What the creator of a network may say about its addresses, and whether it makes sense.

use super::fault::{ConfigError, ConfigErrors, Fault, Field, shown};
use super::span::{Family, number, within};
use super::special::special;
use super::subnet::reserved;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The auxiliary address of this name is what endpoints route IPv4 through, in place of the gateway.
pub const DEFAULT_GATEWAY_V4: &str = "DefaultGatewayIPv4";

/// The auxiliary address of this name is what endpoints route IPv6 through, in place of the gateway.
pub const DEFAULT_GATEWAY_V6: &str = "DefaultGatewayIPv6";

/// One subnet of a network, as its creator wishes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The subnet; any if `None`.
    pub subnet: Option<IpNet>,
    /// The part of the subnet to give addresses of; all if `None`.
    pub ip_range: Option<IpNet>,
    /// The gateway's address; the first free one if `None`.
    pub gateway: Option<IpAddr>,
    /// Addresses to keep out of use, by name.
    pub aux: BTreeMap<String, IpAddr>,
}

/// A [`Config`] as text, the way that commands and the API bring it. What is empty is not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigText {
    /// As `10.1.0.0/16`.
    pub subnet: String,
    /// As `10.1.2.0/24`.
    pub ip_range: String,
    /// As `10.1.0.1`.
    pub gateway: String,
    /// As `router` and `10.1.0.2`.
    pub aux: BTreeMap<String, String>,
}

impl Config {
    /// Reads and checks the configuration of a network: each subnet for itself, and each against those before it. Several may
    /// be the same subnet if each is another sub-range of it.
    ///
    /// # Errors
    /// All faults at once, in order.
    pub fn parse(texts: &[ConfigText]) -> Result<Vec<Self>, ConfigErrors> {
        let mut errors = Vec::new();
        let configs: Vec<Self> = texts.iter().map(|text| text.read(&mut errors)).collect();
        errors.extend(faults_between(&configs));
        if errors.is_empty() { Ok(configs) } else { Err(ConfigErrors(errors)) }
    }

    /// Checks the configuration of a network.
    ///
    /// # Errors
    /// All faults at once, in order.
    pub fn check(configs: &[Self]) -> Result<(), ConfigErrors> {
        let mut errors = Vec::new();
        configs.iter().for_each(|config| config.faults(&mut errors));
        errors.extend(faults_between(configs));
        if errors.is_empty() { Ok(()) } else { Err(ConfigErrors(errors)) }
    }

    /// The family of the subnet, if one is named.
    pub fn family(&self) -> Option<Family> {
        self.subnet.map(Family::of_net)
    }

    /// What endpoints route through in place of the gateway: the auxiliary address of that name.
    pub fn default_gateway(&self) -> Option<IpAddr> {
        self.aux.get(default_gateway_name(self.family()?)).copied()
    }

    fn faults(&self, errors: &mut Vec<ConfigError>) {
        let Some(subnet) = self.subnet else {
            return self.faults_without_subnet(errors);
        };
        if subnet != subnet.trunc() {
            errors.push(ConfigError::new(Field::Subnet, subnet, Fault::NotMasked(subnet.trunc())));
        }
        let block = special(subnet.trunc());
        errors.extend(block.map(|(block, what)| ConfigError::new(Field::Subnet, subnet, Fault::Special(block, what))));
        let range = self.ip_range.and_then(|range| Some((range, range_fault(subnet.trunc(), range)?)));
        errors.extend(range.map(|(range, fault)| ConfigError::new(Field::IpRange, range, fault)));
        let mut seen: BTreeMap<IpAddr, Field> = BTreeMap::new();
        for (field, address) in self.addresses() {
            let fault = address_fault(subnet.trunc(), &field, address);
            let fault = fault.or_else(|| seen.get(&address).cloned().map(Fault::Twice));
            errors.extend(fault.map(|fault| ConfigError::new(field.clone(), address, fault)));
            seen.entry(address).or_insert(field);
        }
    }

    /// Whether no two pools could be had of them in one address space.
    fn collides(&self, other: &Self) -> bool {
        let Some((one, two)) = self.subnet.zip(other.subnet) else { return false };
        let both_in_part = self.ip_range.is_some() && other.ip_range.is_some() && self.ip_range != other.ip_range;
        let named = !one.addr().is_unspecified() || one.prefix_len() == 0;
        named && (within(one, two) || within(two, one)) && !(one == two && both_in_part)
    }

    fn faults_without_subnet(&self, errors: &mut Vec<ConfigError>) {
        errors.extend(self.ip_range.map(|range| ConfigError::new(Field::IpRange, range, Fault::NoSubnet)));
        errors.extend(self.addresses().map(|(field, address)| ConfigError::new(field, address, Fault::NoSubnet)));
    }

    fn addresses(&self) -> impl Iterator<Item = (Field, IpAddr)> {
        let gateway = self.gateway.map(|address| (Field::Gateway, address));
        gateway.into_iter().chain(self.aux.iter().map(|(name, address)| (Field::Aux(name.clone()), *address)))
    }
}

/// The subnets that overlap with one before them.
fn faults_between(configs: &[Config]) -> impl Iterator<Item = ConfigError> {
    configs.iter().enumerate().filter_map(|(nth, config)| {
        let other = configs[..nth].iter().find(|before| config.collides(before))?;
        Some(ConfigError::new(Field::Subnet, config.subnet?, Fault::Overlap(other.subnet?)))
    })
}

fn default_gateway_name(family: Family) -> &'static str {
    match family {
        Family::V4 => DEFAULT_GATEWAY_V4,
        Family::V6 => DEFAULT_GATEWAY_V6,
    }
}

fn range_fault(subnet: IpNet, range: IpNet) -> Option<Fault> {
    if Family::of_net(subnet) != Family::of_net(range) {
        return Some(Fault::Family(subnet));
    }
    if range.prefix_len() < subnet.prefix_len() {
        return Some(Fault::Bigger(subnet));
    }
    if range != range.trunc() {
        return Some(Fault::NotMasked(range.trunc()));
    }
    (!within(subnet, range)).then_some(Fault::Outside(subnet))
}

fn address_fault(subnet: IpNet, field: &Field, address: IpAddr) -> Option<Fault> {
    let family = Family::of_net(subnet);
    let other = |field: &Field| matches!(field, Field::Aux(name) if name == default_gateway_name(family.other()));
    if Family::of(address) != family || other(field) {
        return Some(Fault::Family(subnet));
    }
    if !subnet.contains(&address) {
        return Some(Fault::Outside(subnet));
    }
    let holder = reserved(subnet).find(|(reserved, _)| *reserved == number(address));
    holder.map(|(_, holder)| Fault::Reserved(subnet, holder))
}

impl ConfigText {
    /// Reads and checks one. What cannot be read is not checked any further, nor is anything against a subnet that cannot.
    fn read(&self, errors: &mut Vec<ConfigError>) -> Config {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let subnet = given(&self.subnet).map(|text| net(Field::Subnet, &text));
        let unreadable = matches!(subnet, Some(Err(_)));
        let mut keep = Keep(errors);
        let config = Config {
            subnet: keep.sound(subnet),
            ip_range: keep.sound(given(&self.ip_range).map(|text| net(Field::IpRange, &text))),
            gateway: keep.sound(given(&self.gateway).map(|text| address(Field::Gateway, &text))),
            aux: self.aux.iter().filter_map(|(name, text)| keep.sound(Some(aux(name, text)))).collect(),
        };
        if !unreadable {
            config.faults(errors);
        }
        config
    }
}

/// Keeps errors, and lets values pass.
struct Keep<'a>(&'a mut Vec<ConfigError>);

impl Keep<'_> {
    fn sound<T>(&mut self, read: Option<Result<T, ConfigError>>) -> Option<T> {
        read?.map_err(|error| self.0.push(error)).ok()
    }
}

fn net(field: Field, text: &str) -> Result<IpNet, ConfigError> {
    text.parse().map_err(|_| ConfigError::new(field, shown(text), Fault::NoCidr))
}

fn address(field: Field, text: &str) -> Result<IpAddr, ConfigError> {
    text.parse().map_err(|_| ConfigError::new(field, shown(text), Fault::NoAddress))
}

fn aux(name: &str, text: &str) -> Result<(String, IpAddr), ConfigError> {
    address(Field::Aux(name.to_owned()), text).map(|address| (name.to_owned(), address))
}
