//! What every store does: one suite for all kinds.

use super::*;
use crate::store::history::KEPT;
use std::time::Duration;

macro_rules! suite {
    ($kind:ident, $make:expr) => {
        mod $kind {
            use super::*;

            #[tokio::test]
            async fn a_range_holds_what_was_put_under_its_prefix_by_key_with_revisions() {
                let (store, _guard) = $make;
                a_range_holds_what_was_put(&store).await;
            }

            #[tokio::test]
            async fn a_transaction_is_done_whole_or_not_at_all() {
                let (store, _guard) = $make;
                whole_or_not_at_all(&store).await;
            }

            #[tokio::test]
            async fn a_transaction_that_changes_nothing_has_no_revision() {
                let (store, _guard) = $make;
                nothing_changed(&store).await;
            }

            #[tokio::test]
            async fn what_no_store_takes_is_refused() {
                let (store, _guard) = $make;
                refused(&store).await;
            }

            #[tokio::test]
            async fn a_watch_tells_each_change_under_its_prefix_once_in_order() {
                let (store, _guard) = $make;
                watched(&store).await;
            }

            #[tokio::test]
            async fn a_watch_from_a_forgotten_revision_is_told_so() {
                let (store, _guard) = $make;
                compacted(&store).await;
            }

            #[tokio::test]
            async fn of_many_that_race_for_one_key_one_gets_it() {
                let (store, _guard) = $make;
                one_wins(std::sync::Arc::new(store)).await;
            }
        }
    };
}

suite!(memory, (Memory::new(), ()));
suite!(embedded, {
    let dir = tempfile::tempdir().expect("a temporary directory");
    (Embedded::open(dir.path()).expect("a new store"), dir)
});

fn put(key: &str, value: &str) -> Operation {
    Operation::Put { key: key.into(), value: value.into() }
}

fn delete(key: &str) -> Operation {
    Operation::Delete { key: key.into() }
}

async fn commit(store: &impl Store, operations: impl IntoIterator<Item = Operation>) -> u64 {
    match store.txn(Txn::of(operations)).await.expect("a transaction that stores take") {
        Outcome::Committed(revision) => revision,
        Outcome::Conflict(key) => panic!("no compare, and yet a conflict on {key}"),
    }
}

async fn keys(store: &impl Store, prefix: &str) -> Vec<(String, u64)> {
    let range = store.range(prefix).await.expect("a range");
    range.pairs.into_iter().map(|pair| (pair.key, pair.mod_revision)).collect()
}

async fn a_range_holds_what_was_put(store: &impl Store) {
    assert_eq!(store.range("").await.expect("a range"), Range { pairs: vec![], revision: 0 });
    assert_eq!(commit(store, [put("b/2", "x"), put("b/1", "y"), put("a", "z"), put("c", "")]).await, 1);
    assert_eq!(commit(store, [put("b/2", "new")]).await, 2);
    assert_eq!(keys(store, "b/").await, [("b/1".to_owned(), 1), ("b/2".to_owned(), 2)]);
    assert_eq!(keys(store, "").await.len(), 4);
    assert_eq!(keys(store, "b/3").await, []);
    let range = store.range("b/2").await.expect("a range");
    assert_eq!((range.pairs[0].value.as_slice(), range.revision), (b"new".as_slice(), 2));
}

async fn whole_or_not_at_all(store: &impl Store) {
    let create = |key: &str| Txn::of([put(key, "1"), put("other", "1")]).only_if(Compare::Absent(key.into()));
    assert_eq!(store.txn(create("k")).await.expect("a transaction"), Outcome::Committed(1));
    assert_eq!(store.txn(create("k")).await.expect("a transaction"), Outcome::Conflict("k".into()));
    let update = |mod_revision| {
        let compare = Compare::Unchanged { key: "k".into(), mod_revision };
        Txn::of([put("k", "2"), delete("other")]).only_if(Compare::Absent("no".into())).only_if(compare)
    };
    for stale in [0, 2] {
        assert_eq!(store.txn(update(stale)).await.expect("a transaction"), Outcome::Conflict("k".into()));
    }
    assert_eq!(keys(store, "").await, [("k".to_owned(), 1), ("other".to_owned(), 1)]);
    assert_eq!(store.txn(update(1)).await.expect("a transaction"), Outcome::Committed(2));
    assert_eq!(keys(store, "").await, [("k".to_owned(), 2)]);
    let gone = Txn::of([put("x", "")]).only_if(Compare::Unchanged { key: "other".into(), mod_revision: 1 });
    assert_eq!(store.txn(gone).await.expect("a transaction"), Outcome::Conflict("other".into()));
}

async fn nothing_changed(store: &impl Store) {
    assert_eq!(commit(store, [put("k", "")]).await, 1);
    assert_eq!(commit(store, []).await, 1);
    assert_eq!(commit(store, [delete("not there")]).await, 1);
    assert_eq!(commit(store, [delete("k"), delete("not there")]).await, 2);
}

async fn refused(store: &impl Store) {
    let many = |count: usize| Txn::of((0..count).map(|n| put(&n.to_string(), "")));
    assert!(matches!(store.txn(many(OPERATIONS_MAX + 1)).await, Err(StoreError::TooMany(129))));
    assert!(matches!(store.txn(Txn::of([put("", "")])).await, Err(StoreError::Key(_))));
    assert!(matches!(store.txn(Txn::of([put("a\0", "")])).await, Err(StoreError::Key(_))));
    assert!(matches!(store.txn(Txn::of([put(&"k".repeat(KEY_MAX + 1), "")])).await, Err(StoreError::Key(_))));
    assert!(matches!(store.txn(Txn::of([put("k", ""), delete("k")])).await, Err(StoreError::Twice(_))));
    let large = "v".repeat(SIZE_MAX);
    assert!(matches!(store.txn(Txn::of([put("k", &large)])).await, Err(StoreError::TooLarge(_))));
    assert_eq!(keys(store, "").await, []);
    assert_eq!(commit(store, many(OPERATIONS_MAX).operations).await, 1);
    assert_eq!(commit(store, [put(&"k".repeat(KEY_MAX), &large[KEY_MAX..])]).await, 2);
}

async fn next(watch: &mut Box<dyn Watch>) -> WatchEvent {
    let event = tokio::time::timeout(Duration::from_secs(30), watch.next()).await;
    event.expect("an event within 30 s").expect("a store that is open")
}

async fn watched(store: &impl Store) {
    commit(store, [put("w/a", "1"), put("x", "")]).await;
    let mut from_start = store.watch("w/", 1);
    let mut from_now = store.watch("w/", 2);
    let mut from_later = store.watch("w/", 4);
    commit(store, [put("x", "2")]).await;
    commit(store, [delete("w/a"), delete("w/none"), put("w/b", "3")]).await;
    let first = WatchEvent::Changes(Changes { revision: 1, changes: vec![written("w/a", "1", 1)] });
    let changes = vec![Change::Deleted("w/a".into()), written("w/b", "3", 3)];
    let second = WatchEvent::Changes(Changes { revision: 3, changes });
    assert_eq!(next(&mut from_start).await, first);
    assert_eq!(next(&mut from_start).await, second);
    assert_eq!(next(&mut from_now).await, second);
    let (event, revision) = tokio::join!(next(&mut from_later), commit(store, [put("w/c", "4")]));
    assert_eq!(event, WatchEvent::Changes(Changes { revision, changes: vec![written("w/c", "4", 4)] }));
}

fn written(key: &str, value: &str, mod_revision: u64) -> Change {
    Change::Put(Pair { key: key.into(), value: value.into(), mod_revision })
}

async fn compacted(store: &impl Store) {
    let mut slow = store.watch("k", 1);
    let last = KEPT as u64 + 10;
    for revision in 1..=last {
        assert_eq!(commit(store, [put("k", "")]).await, revision);
    }
    assert_eq!(next(&mut slow).await, WatchEvent::Compacted { oldest: 11 });
    assert_eq!(next(&mut store.watch("k", 10)).await, WatchEvent::Compacted { oldest: 11 });
    let oldest = next(&mut store.watch("k", 11)).await;
    assert_eq!(oldest, WatchEvent::Changes(Changes { revision: 11, changes: vec![written("k", "", 11)] }));
}

async fn one_wins(store: std::sync::Arc<impl Store + 'static>) {
    let mut racers = tokio::task::JoinSet::new();
    for racer in 0..20 {
        let store = std::sync::Arc::clone(&store);
        let txn = Txn::of([put("prize", &racer.to_string())]).only_if(Compare::Absent("prize".into()));
        racers.spawn(async move { store.txn(txn).await.expect("a transaction") });
    }
    let outcomes = racers.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Committed(1)).count(), 1);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Conflict("prize".into())).count(), 19);
}
