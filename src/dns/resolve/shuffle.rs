//! Another order for every answer, so that those who take the first address spread over all.

/// Puts `items` into an order that `seed` decides: Fisher and Yates' shuffle over SplitMix64 (Steele, Lea and Flood 2014). Not for
/// secrets.
pub(super) fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for last in (1..items.len()).rev() {
        let other = next(&mut seed) % (last as u64 + 1);
        items.swap(last, other as usize);
    }
}

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_three_comes_first_about_as_often_as_the_others() {
        let mut first = [0; 3];
        for seed in 0..3000 {
            let mut items = [0, 1, 2];
            shuffle(&mut items, seed);
            first[items[0]] += 1;
            items.sort_unstable();
            assert_eq!(items, [0, 1, 2]);
        }
        assert!(first.iter().all(|count| (900..1100).contains(count)), "{first:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_order() {
        let order = |seed| {
            let mut items: Vec<u8> = (0..20).collect();
            shuffle(&mut items, seed);
            items
        };
        assert_eq!(order(7), order(7));
        assert_ne!(order(7), order(8));
        shuffle::<u8>(&mut [], 1);
    }
}
