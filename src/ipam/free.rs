//! What is free: runs of numbers, in order. A run of 2⁶⁴ addresses takes as much memory as one of two.

use super::span::Span;
use std::collections::BTreeMap;

/// A set of numbers, kept as its longest runs: the first number of each, and its last. Runs neither touch nor overlap.
///
/// Taking, releasing and finding the next free number take O(log runs).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Free {
    runs: BTreeMap<u128, u128>,
}

impl Free {
    /// The set that has all of `span`.
    pub(super) fn all_of(span: Span) -> Self {
        Self { runs: BTreeMap::from([(span.first, span.last)]) }
    }

    /// The lowest free number in `span`.
    pub(super) fn lowest_in(&self, span: Span) -> Option<u128> {
        self.runs_in(span).next().map(|run| run.first)
    }

    /// The free runs in `span`, lowest first, cut to it.
    pub(super) fn runs_in(&self, span: Span) -> impl Iterator<Item = Span> + '_ {
        let start = self.run_of(span.first).map_or(span.first, |run| run.first);
        let runs = self.runs.range(start..=span.last);
        runs.filter_map(move |(first, last)| Span { first: *first, last: *last }.and(span))
    }

    /// Takes `span` out of the set. Says whether all of it was free; if it was not, nothing changes.
    pub(super) fn take(&mut self, span: Span) -> bool {
        let Some(run) = self.run_of(span.first).filter(|run| span.last <= run.last) else {
            return false;
        };
        self.runs.remove(&run.first);
        if run.first < span.first {
            self.runs.insert(run.first, span.first - 1);
        }
        if span.last < run.last {
            self.runs.insert(span.last + 1, run.last);
        }
        true
    }

    /// Puts `span`, none of which is free, back into the set.
    pub(super) fn release(&mut self, span: Span) {
        debug_assert_eq!(self.lowest_in(span), None, "only what was taken can be released");
        let before = span.first.checked_sub(1).and_then(|number| self.run_of(number));
        let after = span.last.checked_add(1).and_then(|number| self.runs.remove(&number));
        let first = before.map_or(span.first, |run| run.first);
        self.runs.insert(first, after.unwrap_or(span.last));
    }

    /// The run that `number` lies in.
    fn run_of(&self, number: u128) -> Option<Span> {
        let (first, last) = self.runs.range(..=number).next_back()?;
        Some(Span { first: *first, last: *last }).filter(|run| run.contains(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const ALL: Span = Span { first: 0, last: u128::MAX };

    #[test]
    fn what_is_taken_leaves_a_gap_that_closes_at_release() {
        let mut free = Free::all_of(ALL);
        assert!(free.take(Span { first: 10, last: 19 }));
        assert_eq!(free.lowest_in(Span { first: 10, last: 30 }), Some(20));
        assert!(!free.take(Span { first: 19, last: 21 }), "its first number is not free");
        assert_eq!(
            free.runs_in(Span { first: 8, last: 21 }).collect::<Vec<_>>(),
            [Span { first: 8, last: 9 }, Span { first: 20, last: 21 }]
        );
        free.release(Span { first: 10, last: 19 });
        assert_eq!(free, Free::all_of(ALL));
    }

    #[test]
    fn both_ends_of_all_numbers_can_be_taken_and_released() {
        let mut free = Free::all_of(ALL);
        assert!(free.take(Span::one(0)) && free.take(Span::one(u128::MAX)));
        assert_eq!(free.runs_in(ALL).collect::<Vec<_>>(), [Span { first: 1, last: u128::MAX - 1 }]);
        free.release(Span::one(0));
        free.release(Span::one(u128::MAX));
        assert!(free.take(ALL));
        assert_eq!(free.lowest_in(ALL), None);
        free.release(ALL);
        assert_eq!(free, Free::all_of(ALL));
    }

    proptest! {
        #[test]
        fn it_is_the_set_of_what_was_not_taken(steps in prop::collection::vec((0u128..40, 0u128..8), 1..60)) {
            let span = Span { first: 0, last: 49 };
            let (mut free, mut model) = (Free::all_of(span), (0..50).collect::<BTreeSet<u128>>());
            for (first, reach) in steps {
                let block = Span { first, last: first + reach };
                let numbers: BTreeSet<u128> = (block.first..=block.last).collect();
                if model.is_disjoint(&numbers) {
                    free.release(block);
                    model.extend(&numbers);
                } else {
                    prop_assert_eq!(free.take(block), numbers.is_subset(&model));
                    if numbers.is_subset(&model) {
                        model.retain(|number| !block.contains(*number));
                    }
                }
                prop_assert_eq!(free.lowest_in(block), model.range(block.first..=block.last).next().copied());
                let runs: Vec<Span> = free.runs_in(span).collect();
                prop_assert!(runs.windows(2).all(|pair| pair[0].last + 1 < pair[1].first), "runs touch: {:?}", runs);
                prop_assert_eq!(runs.iter().flat_map(|run| run.first..=run.last).collect::<BTreeSet<_>>(), model.clone());
            }
        }
    }
}
