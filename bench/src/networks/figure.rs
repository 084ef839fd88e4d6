//! What is measured of networks, and what is wanted of each.

use crate::results::Summary;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// One thing that is done, and how long it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operation {
    /// Making a network.
    Create,
    /// Deleting it.
    Delete,
    /// Taking a container into a network, until a ping through it is answered.
    Connect,
    /// Taking it out again, until it has no way there.
    Disconnect,
    /// The kernel alone: making a veth pair with one end in another namespace.
    Make,
    /// The kernel alone: moving an interface into a namespace.
    Move,
    /// The kernel alone: deleting an interface, until it says that nobody sees it any more.
    Vanish,
    /// The kernel alone: deleting an interface, until it is freed.
    Remove,
}

impl Operation {
    /// What is asked of both sides.
    pub(crate) const ASKED: [Self; 4] = [Self::Create, Self::Delete, Self::Connect, Self::Disconnect];

    /// The kernel's floor.
    pub(crate) const FLOOR: [Self; 4] = [Self::Make, Self::Move, Self::Vanish, Self::Remove];

    /// Its name in JSON.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Create => "create_network_ms",
            Self::Delete => "delete_network_ms",
            Self::Connect => "connect_ms",
            Self::Disconnect => "disconnect_ms",
            Self::Make => "make_interface_ms",
            Self::Move => "move_interface_ms",
            Self::Vanish => "vanish_interface_ms",
            Self::Remove => "delete_interface_ms",
        }
    }

    /// Its name in the report.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Create => "create a network",
            Self::Delete => "delete it",
            Self::Connect => "connect, until a ping is answered",
            Self::Disconnect => "disconnect, until the network is out of reach",
            Self::Make => "make a veth pair with one end in a namespace",
            Self::Move => "move an interface into a namespace",
            Self::Vanish => "delete an interface, until nobody sees it any more",
            Self::Remove => "delete it, until its memory is free and the kernel answers",
        }
    }

    /// How many times faster than Docker ours is to be. Set beforehand; nothing is wanted of the kernel.
    pub(crate) fn target(self) -> Option<f64> {
        match self {
            Self::Create => Some(10.0),
            Self::Delete => Some(5.0),
            Self::Connect => Some(4.0),
            Self::Disconnect => Some(2.5),
            Self::Make | Self::Move | Self::Vanish | Self::Remove => None,
        }
    }
}

impl Serialize for Operation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key())
    }
}

/// Every sample in milliseconds: by operation, then by round.
#[derive(Default, Serialize)]
#[serde(transparent)]
pub(crate) struct Times(BTreeMap<Operation, Vec<Vec<f64>>>);

impl Times {
    /// Adds a round's samples.
    pub(crate) fn add_round(&mut self, samples: &[(Operation, f64)]) {
        let mut round: BTreeMap<Operation, Vec<f64>> = BTreeMap::new();
        for &(operation, millis) in samples {
            round.entry(operation).or_default().push(millis);
        }
        for (operation, samples) in round {
            self.0.entry(operation).or_default().push(samples);
        }
    }

    /// The rounds' medians: the middle one and the ends.
    pub(crate) fn summary(&self, operation: Operation) -> Option<Summary> {
        let medians: Vec<f64> = self.0.get(&operation)?.iter().filter_map(|round| Some(Summary::of(round)?.median)).collect();
        Summary::of(&medians)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_median_of_the_rounds_medians() {
        let mut times = Times::default();
        for round in [[1.0, 2.0, 90.0], [7.0, 8.0, 9.0], [4.0, 3.0, 5.0]] {
            times.add_round(&round.map(|millis| (Operation::Create, millis)));
        }
        assert_eq!(times.summary(Operation::Create), Some(Summary { median: 4.0, min: 2.0, max: 8.0 }));
        assert_eq!(times.summary(Operation::Delete), None);
    }
}
