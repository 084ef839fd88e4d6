//! Which endpoint of a sandbox gives it its way out, and why: highest priority first, then libnetwork's order (`sandbox.go`,
//! `Less`). The same order decides which network answers a name. Pure.

use std::cmp::Reverse;

/// An endpoint of a sandbox, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What it goes by; comes back in the answer.
    pub key: String,
    /// The name of its network.
    pub network: String,
    /// What the user gave it: the highest first.
    pub priority: i32,
    /// Whether its network is internal.
    pub internal: bool,
    /// Whether it has a way out over IPv4.
    pub v4: bool,
    /// Whether it has a way out over IPv6.
    pub v6: bool,
}

/// IPv4 or IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// What was chosen, and why in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// [`Candidate::key`].
    pub key: String,
    /// Why it and no other.
    pub why: String,
}

impl Candidate {
    /// Less comes first: priority, not internal, both families before IPv6 before IPv4 before none, network by its bytes.
    fn rank(&self) -> (Reverse<i32>, bool, Reverse<u8>, &str) {
        (Reverse(self.priority), self.internal, Reverse(u8::from(self.v6) * 2 + u8::from(self.v4)), &self.network)
    }

    const fn gives(&self, way: Way) -> bool {
        match way {
            Way::V4 => self.v4,
            Way::V6 => self.v6,
        }
    }
}

/// Puts candidates into the order of choice.
pub fn order(candidates: &mut [Candidate]) {
    candidates.sort_by(|a, b| a.rank().cmp(&b.rank()));
}

/// The first in order that has a way out.
pub fn choose(candidates: &[Candidate], way: Way) -> Option<Choice> {
    let mut able: Vec<Candidate> = candidates.iter().filter(|candidate| candidate.gives(way)).cloned().collect();
    order(&mut able);
    let (first, second) = (able.first()?, able.get(1));
    let why = match second {
        None => "no other has a way out".to_owned(),
        Some(next) if next.priority < first.priority => {
            format!("its priority {} is above the {} of {}", first.priority, next.priority, next.network)
        }
        Some(next) if next.internal && !first.internal => format!("{} is internal", next.network),
        Some(next) if (next.v4, next.v6) != (first.v4, first.v6) => {
            let has = if first.v4 && first.v6 { "both families" } else { "IPv6" };
            format!("it gives {has}, and {} does not", next.network)
        }
        Some(next) => format!("of equal ones its network comes before {} by name", next.network),
    };
    Some(Choice { key: first.key.clone(), why })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(network: &str, priority: i32, internal: bool, v4: bool, v6: bool) -> Candidate {
        Candidate { key: network.to_owned(), network: network.to_owned(), priority, internal, v4, v6 }
    }

    fn chosen(candidates: &[Candidate], way: Way) -> String {
        choose(candidates, way).map_or_else(|| "none".to_owned(), |choice| format!("{}: {}", choice.key, choice.why))
    }

    #[test]
    fn priority_goes_before_all_else() {
        let all = [candidate("a", 0, false, true, true), candidate("z", 5, false, true, false)];
        assert_eq!(chosen(&all, Way::V4), "z: its priority 5 is above the 0 of a");
        assert_eq!(chosen(&all, Way::V6), "a: no other has a way out");
    }

    #[test]
    fn of_equal_priority_an_internal_network_comes_last_and_both_families_come_first() {
        let all =
            [candidate("a", 0, true, true, true), candidate("b", 0, false, true, false), candidate("c", 0, false, true, true)];
        assert_eq!(chosen(&all, Way::V4), "c: it gives both families, and b does not");
        assert_eq!(chosen(&all[..2], Way::V4), "b: a is internal");
    }

    #[test]
    fn names_decide_among_equals_by_their_bytes() {
        let all = [candidate("b", 0, false, true, false), candidate("B", 0, false, true, false)];
        assert_eq!(chosen(&all, Way::V4), "B: of equal ones its network comes before b by name");
    }

    #[test]
    fn without_a_way_out_there_is_none() {
        assert_eq!(chosen(&[candidate("a", 9, true, false, false)], Way::V4), "none");
        assert_eq!(chosen(&[], Way::V6), "none");
    }
}
