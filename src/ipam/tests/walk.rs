//! Random histories: at every step the allocator answers what the model does.

use super::model::{Answer, Model, addresses};
use super::*;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config as Runs, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeSet;

/// Ranges small enough to be exhausted now and then, and no larger than the model can count.
const RANGES: [(&str, u8); 5] =
    [("10.0.0.0/26", 28), ("10.0.0.128/27", 29), ("10.0.1.0/29", 31), ("fd00::/122", 125), ("fd00::80/126", 127)];

/// Every refusal that a long walk meets.
const REFUSALS: [&str; 14] = [
    "exhausted",
    "has another",
    "in use: an auxiliary address",
    "in use: its broadcast address",
    "in use: its network address",
    "in use: its subnet-router anycast address",
    "in use: the address",
    "in use: the gateway",
    "no pool",
    "none named",
    "out of range",
    "overlap",
    "size",
    "unnamed",
];

/// One step. Numbers choose among what there is when the step is taken.
#[derive(Clone, Debug)]
enum Step {
    Any { v6: bool, size: Option<u8>, avoid: Vec<Net> },
    Named { net: Net, range: Option<Net> },
    ReleasePool { nth: usize },
    Request { nth: usize, ask: Ask },
    RequestFrom { nths: Vec<usize>, ask: Ask },
    Release { nth: usize, address: usize },
}

/// A subnet of the arena: the one with so many bits of host that has this address.
#[derive(Clone, Debug)]
struct Net {
    v6: bool,
    host: u8,
    address: u16,
}

#[derive(Clone, Debug)]
struct Ask {
    owner: u8,
    kind: AddressKind,
    address: Option<usize>,
    serial: bool,
}

fn nets() -> impl Strategy<Value = Net> {
    (prop::bool::weighted(0.3), 0u8..7, 0u16..512).prop_map(|(v6, host, address)| Net { v6, host, address })
}

fn asks() -> impl Strategy<Value = Ask> {
    let kind = prop_oneof![
        1 => Just(AddressKind::Gateway),
        1 => Just(AddressKind::Auxiliary),
        6 => Just(AddressKind::Endpoint),
    ];
    let address = prop::option::weighted(0.25, 0usize..130);
    (0u8..40, kind, address, prop::bool::weighted(0.2)).prop_map(|(owner, kind, address, serial)| Ask {
        owner,
        kind,
        address,
        serial,
    })
}

fn steps() -> impl Strategy<Value = Step> {
    let chosen = (prop::bool::weighted(0.3), prop::option::weighted(0.2, 24u8..34), prop::collection::vec(nets(), 0..3));
    prop_oneof![
        3 => chosen.prop_map(|(v6, size, avoid)| Step::Any { v6, size: size.map(|size| if v6 { size + 96 } else { size }), avoid }),
        3 => (nets(), prop::option::of(nets())).prop_map(|(net, range)| Step::Named { net, range }),
        3 => (0usize..64).prop_map(|nth| Step::ReleasePool { nth }),
        20 => (0usize..64, asks()).prop_map(|(nth, ask)| Step::Request { nth, ask }),
        4 => (prop::collection::vec(0usize..64, 0..4), asks()).prop_map(|(nths, ask)| Step::RequestFrom { nths, ask }),
        12 => (0usize..64, 0usize..130).prop_map(|(nth, address)| Step::Release { nth, address }),
    ]
}

impl Net {
    fn net(&self) -> IpNet {
        let (base, bits) = if self.v6 { ("fd00::", 128) } else { ("10.0.0.0", 32) };
        let address = match ip(base) {
            IpAddr::V4(v4) => IpAddr::from(std::net::Ipv4Addr::from_bits(v4.to_bits() + u32::from(self.address))),
            IpAddr::V6(v6) => IpAddr::from(std::net::Ipv6Addr::from_bits(v6.to_bits() + u128::from(self.address))),
        };
        IpNet::new(address, bits - self.host).unwrap().trunc()
    }

    /// The part of `subnet` that it stands for.
    fn inside(&self, subnet: IpNet) -> IpNet {
        let prefix = (subnet.max_prefix_len() - self.host).max(subnet.prefix_len());
        let parts: Vec<IpNet> = subnet.subnets(prefix).unwrap().collect();
        parts[usize::from(self.address) % parts.len()]
    }
}

/// The allocator, and the model beside it.
struct Walk {
    ipam: Ipam,
    model: Model,
}

impl Walk {
    fn new() -> Self {
        let ranges = RANGES.iter().map(|(base, size)| (net(base), *size)).collect();
        Self { ipam: small(&RANGES), model: Model::new(ranges) }
    }

    /// Takes a step with both, and holds their answers against each other.
    fn take(&mut self, step: &Step) -> Answer {
        let (ours, expected) = match step {
            Step::Any { v6, size, avoid } => self.any(*v6, *size, avoid),
            Step::Named { net, range } => self.named(net, range.as_ref()),
            Step::ReleasePool { nth } => {
                let id = self.nth(*nth);
                (Answer::Ended(self.ipam.release_pool(&id)), self.model.release_pool(&id))
            }
            Step::Request { nth, ask } => {
                let id = self.nth(*nth);
                let ask = address_ask(ask, &id);
                let ours = self.ipam.request_address(&id, &ask).map(|net| Answer::Address(id.clone(), net));
                (ours.unwrap_or_else(|error| refusal(&error)), self.model.request(&id, &ask))
            }
            Step::RequestFrom { nths, ask } => self.request_from(nths, ask),
            Step::Release { nth, address } => {
                let id = self.nth(*nth);
                let address = nth_address(&id, *address);
                (Answer::Released(self.ipam.release_address(&id, address)), self.model.release(&id, address))
            }
        };
        assert_eq!(ours, expected, "at {step:?} with the pools {:?}", self.model.pools);
        ours
    }

    fn any(&mut self, v6: bool, size: Option<u8>, avoid: &[Net]) -> (Answer, Answer) {
        let family = if v6 { Family::V6 } else { Family::V4 };
        let avoid: Vec<IpNet> = avoid.iter().map(Net::net).collect();
        let size = size.filter(|size| *size <= family.bits());
        let expected = self.model.any(family, size, &avoid);
        let ask = PoolAsk { size, avoid, ..PoolAsk::any(family) };
        (pool_answer(self.ipam.request_pool(&ask)), expected)
    }

    fn named(&mut self, net: &Net, range: Option<&Net>) -> (Answer, Answer) {
        let subnet = net.net();
        let range = range.map(|range| range.inside(subnet));
        let ask = PoolAsk { range, ..PoolAsk::subnet(subnet) };
        (pool_answer(self.ipam.request_pool(&ask)), self.model.named(subnet, range))
    }

    fn request_from(&mut self, nths: &[usize], ask: &Ask) -> (Answer, Answer) {
        let ids: Vec<PoolId> = nths.iter().map(|nth| self.nth(*nth)).collect();
        let ask = address_ask(ask, ids.last().unwrap_or(&gone()));
        let ours = self.ipam.request_from(&ids, &ask).map(|(id, net)| Answer::Address(id, net));
        (ours.unwrap_or_else(|error| refusal(&error)), self.model.request_from(&ids, &ask))
    }

    /// One of the pools, or sometimes one that is not there.
    fn nth(&self, nth: usize) -> PoolId {
        let count = self.model.pools.len() + 1;
        self.model.pools.keys().nth(nth % count).cloned().unwrap_or_else(gone)
    }

    /// Holds all that can be seen of the allocator against the model.
    fn compare(&self) {
        let pools: Vec<&PoolId> = self.ipam.pools().collect();
        let mut expected: Vec<&PoolId> = self.model.pools.keys().collect();
        expected.sort_by_key(|id| (id.family(), (*id).clone()));
        assert_eq!(pools, expected);
        for id in pools {
            assert_eq!(self.ipam.usage(id), Some(self.model.usage(id)), "usage of {id}");
        }
    }

    /// Releases every pool: nothing is left of what was.
    fn end(mut self) {
        while let Some(id) = self.model.pools.keys().next().cloned() {
            assert_eq!(Answer::Ended(self.ipam.release_pool(&id)), self.model.release_pool(&id));
        }
        assert_eq!(format!("{:?}", self.ipam), format!("{:?}", small(&RANGES)));
    }
}

fn gone() -> PoolId {
    PoolId::new(net("10.9.0.0/30"), None).unwrap()
}

fn address_ask(ask: &Ask, id: &PoolId) -> AddressAsk {
    let address = ask.address.map(|nth| nth_address(id, nth));
    AddressAsk { address, owner: format!("o{}", ask.owner), kind: ask.kind, serial: ask.serial }
}

/// An address of the pool's subnet, or sometimes one outside.
fn nth_address(id: &PoolId, nth: usize) -> IpAddr {
    let count = addresses(id.subnet()).count();
    addresses(id.subnet()).nth(nth % (count + 1)).unwrap_or_else(|| ip("192.0.2.1"))
}

fn pool_answer(answer: Result<Pool, PoolError>) -> Answer {
    let error = match answer {
        Ok(pool) => return Answer::Pool(pool.id),
        Err(error) => error,
    };
    assert!(!error.hint().is_empty());
    let why = match error {
        PoolError::Overlap { .. } => "overlap".to_owned(),
        PoolError::Exhausted { .. } => "exhausted".to_owned(),
        PoolError::Size { .. } => "size".to_owned(),
        PoolError::SubnetNotMasked(_)
        | PoolError::RangeNotMasked(_)
        | PoolError::RangeOutside { .. }
        | PoolError::RangeWithoutSubnet(_)
        | PoolError::WrongFamily { .. }
        | PoolError::SizeOfSubnet { .. }
        | PoolError::NullSpecific(_)
        | PoolError::NullFamily => format!("unforeseen: {error}"),
    };
    Answer::Refused(why)
}

fn refusal(error: &AddressError) -> Answer {
    assert!(!error.hint().is_empty());
    let why = match error {
        AddressError::InUse { by, .. } => format!("in use: {by}"),
        AddressError::OutOfRange { .. } => "out of range".to_owned(),
        AddressError::Exhausted { .. } => "exhausted".to_owned(),
        AddressError::HasAnother { .. } => "has another".to_owned(),
        AddressError::NoSuchPool(_) => "no pool".to_owned(),
        AddressError::NoPool => "none named".to_owned(),
        AddressError::AuxiliaryUnnamed => "unnamed".to_owned(),
    };
    Answer::Refused(why)
}

#[test]
fn a_hundred_thousand_steps_go_as_the_model_says() {
    const SEED: [u8; 16] = *b"lanloom ipam: 01";
    println!("seed {SEED:?}");
    let mut runner = TestRunner::new_with_rng(Runs::default(), TestRng::from_seed(RngAlgorithm::XorShift, &SEED));
    let (steps, mut walk) = (steps(), Walk::new());
    let (mut refusals, mut most) = (BTreeSet::new(), 0);
    for nth in 0..120_000 {
        if let Answer::Refused(why) = walk.take(&steps.new_tree(&mut runner).unwrap().current()) {
            refusals.insert(why.split(" of o").next().unwrap_or_default().to_owned());
        }
        most = most.max(walk.model.pools.len());
        if nth % 500 == 0 {
            walk.compare();
        }
    }
    assert_eq!(refusals.iter().map(String::as_str).collect::<Vec<_>>(), REFUSALS, "what the walk met is not what it is for");
    assert!(most >= 20, "the walk never saw more than {most} pools");
    walk.end();
}

proptest! {
    #[test]
    fn every_short_history_goes_as_the_model_says(steps in prop::collection::vec(steps(), 1..60)) {
        let mut walk = Walk::new();
        for step in &steps {
            let before = format!("{:?}", walk.ipam);
            let answer = walk.take(step);
            if matches!(answer, Answer::Refused(_) | Answer::Ended(None) | Answer::Released(None)) {
                prop_assert_eq!(before, format!("{:?}", walk.ipam), "changed by {:?}", step);
            }
            walk.compare();
        }
        walk.end();
    }
}
