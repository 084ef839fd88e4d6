//! Damage, foreign versions, rivals and failing disks.

use super::*;
use crate::store::{Operation, Pair};
use redb::backends::FileBackend;
use redb::{Builder, StorageBackend};
use std::fs;
use std::fs::OpenOptions;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;

fn dir() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn put(key: &str, value: &[u8]) -> Txn {
    Txn::of([Operation::Put { key: key.into(), value: value.into() }])
}

async fn filled(dir: &TempDir) -> Vec<Pair> {
    let store = Embedded::open(dir.path()).expect("a new store");
    for number in 0..20u8 {
        store.txn(put(&format!("k{number:02}"), &[number; 300])).await.expect("a transaction");
    }
    store.range("").await.expect("a range").pairs
}

#[tokio::test]
async fn what_was_committed_is_there_after_reopening_and_the_revision_goes_on() {
    let dir = dir();
    let before = filled(&dir).await;
    let store = Embedded::open(dir.path()).expect("the same store");
    let range = store.range("").await.expect("a range");
    assert_eq!((range.pairs, range.revision, store.set_aside()), (before, 20, None));
    assert_eq!(store.txn(put("more", b"")).await.expect("a transaction"), Outcome::Committed(21));
}

#[tokio::test]
async fn a_second_daemon_is_refused_and_told_which_file_and_who_has_it() {
    let dir = dir();
    let first = Embedded::open(dir.path()).expect("a new store");
    let refusal = Embedded::open(dir.path()).expect_err("it is open already").to_string();
    assert!(refusal.contains(&first.path().display().to_string()), "{refusal}");
    assert!(refusal.contains(&format!("process {}", std::process::id())) && refusal.contains("--state-dir"), "{refusal}");
    drop(first);
    Embedded::open(dir.path()).expect("free again");
}

#[tokio::test]
async fn a_newer_store_is_refused_and_left_as_it_is() {
    let dir = dir();
    filled(&dir).await;
    let path = dir.path().join("store.redb");
    let database = Database::open(&path).expect("ours");
    pairs::create(&database, pairs::FORMAT + 1).expect("a disk that works");
    drop(database);
    let before = fs::read(&path).expect("the file");
    let refusal = Embedded::open(dir.path()).expect_err("it is newer").to_string();
    assert!(refusal.contains("has format 2, written by a newer version"), "{refusal}");
    assert_eq!(fs::read(&path).expect("the file").len(), before.len());
    assert!(Embedded::open(dir.path()).is_err(), "refused again, not set aside");
}

#[tokio::test]
async fn a_file_that_is_no_store_is_set_aside_byte_for_byte() {
    for (number, bytes) in [vec![], b"hello".to_vec(), vec![0xa5; 100_000], vec![0; 8192]].into_iter().enumerate() {
        let dir = dir();
        fs::write(dir.path().join("store.redb"), &bytes).expect("the file");
        let store = Embedded::open(dir.path()).expect("a new store in its place");
        let kept = store.set_aside().expect("set aside").to_owned();
        assert_eq!(fs::read(kept).expect("the kept file"), bytes, "case {number}");
        store.txn(put("k", b"")).await.expect("a transaction");
    }
}

#[tokio::test]
async fn a_database_of_somebody_else_is_set_aside() {
    let dir = dir();
    drop(Database::create(dir.path().join("store.redb")).expect("a new database"));
    let store = Embedded::open(dir.path()).expect("a new store in its place");
    assert_eq!(store.set_aside(), Some(dir.path().join("store.redb.damaged-1").as_path()));
}

/// Whatever byte is damaged, the pairs read are the ones written, or the file is kept under another name.
#[tokio::test]
async fn a_damaged_byte_anywhere_never_loses_or_changes_a_pair_in_silence() {
    let (source, mut harmless, mut kept) = (dir(), 0, 0);
    let before = filled(&source).await;
    let bytes = fs::read(source.path().join("store.redb")).expect("the file");
    let used = bytes.iter().rposition(|byte| *byte != 0).unwrap_or(0) + 1;
    let places = (0..used.min(320)).step_by(3).chain((320..used).step_by(used / 80));
    for place in places {
        let mut damaged = bytes.clone();
        damaged[place] ^= 0x55;
        let dir = dir();
        fs::write(dir.path().join("store.redb"), &damaged).expect("the file");
        let store = Embedded::open(dir.path()).unwrap_or_else(|error| panic!("byte {place}: {error}"));
        let pairs = store.range("").await.expect("a range").pairs;
        match store.set_aside() {
            None => {
                assert_eq!(pairs, before, "byte {place}");
                harmless += 1;
            }
            Some(path) => {
                assert_eq!((pairs, fs::read(path).expect("the kept file").len()), (vec![], damaged.len()), "byte {place}");
                kept += 1;
            }
        }
    }
    assert!(harmless > 0 && kept > 0, "{harmless} harmless, {kept} set aside: the damage did not reach both kinds of byte");
}

#[tokio::test]
async fn a_file_cut_anywhere_is_set_aside_or_whole() {
    let source = dir();
    let before = filled(&source).await;
    let bytes = fs::read(source.path().join("store.redb")).expect("the file");
    for len in (1..bytes.len()).step_by(bytes.len() / 40) {
        let dir = dir();
        fs::write(dir.path().join("store.redb"), &bytes[..len]).expect("the file");
        let store = Embedded::open(dir.path()).unwrap_or_else(|error| panic!("{len} bytes: {error}"));
        let pairs = store.range("").await.expect("a range").pairs;
        assert!(store.set_aside().is_some() && pairs.is_empty() || pairs == before, "{len} bytes");
    }
}

/// A disk that fails when its countdown passes 0, for one call or from then on.
#[derive(Debug)]
struct Flaky {
    inner: FileBackend,
    countdown: Arc<AtomicI64>,
    for_ever: bool,
}

impl Flaky {
    fn step(&self) -> io::Result<()> {
        let left = self.countdown.fetch_sub(1, Ordering::SeqCst);
        let fails = left == 0 || (self.for_ever && left < 0);
        if fails { Err(io::Error::other("injected: the disk failed")) } else { Ok(()) }
    }
}

impl StorageBackend for Flaky {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.step().and_then(|()| self.inner.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.step().and_then(|()| self.inner.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.step().and_then(|()| self.inner.sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.step().and_then(|()| self.inner.write(offset, data))
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }
}

const NEVER: i64 = i64::MAX;

fn flaky(dir: &TempDir, for_ever: bool) -> (Embedded, Arc<AtomicI64>) {
    let countdown = Arc::new(AtomicI64::new(NEVER));
    let shared = Arc::clone(&countdown);
    let opener = move |path: &Path| {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let backend = Flaky { inner: FileBackend::new(file)?, countdown: Arc::clone(&shared), for_ever };
        Builder::new().create_with_backend(backend)
    };
    let (file, set_aside) = StoreFile::claim_with(dir.path(), Box::new(opener)).expect("a disk that works so far");
    (Embedded::start(file, set_aside).expect("a disk that works so far"), countdown)
}

#[tokio::test]
async fn one_failure_of_the_disk_at_any_step_is_not_even_noticed() {
    let dir = dir();
    let (store, countdown) = flaky(&dir, false);
    let mut expected = 0;
    for step in 0..60 {
        countdown.store(step, Ordering::SeqCst);
        expected += 1;
        let outcome = store.txn(put("k", &step.to_le_bytes())).await;
        assert_eq!(outcome.unwrap_or_else(|error| panic!("step {step}: {error}")), Outcome::Committed(expected));
        countdown.store(0, Ordering::SeqCst);
        let range = store.range("").await.unwrap_or_else(|error| panic!("step {step}: {error}"));
        assert_eq!((range.pairs[0].value.as_slice(), range.revision), (step.to_le_bytes().as_slice(), expected));
    }
}

#[tokio::test]
async fn a_disk_that_fails_for_a_while_gives_errors_and_then_the_store_goes_on_by_itself() {
    let dir = dir();
    let (store, countdown) = flaky(&dir, true);
    store.txn(put("k", b"before")).await.expect("a transaction");
    for step in 0..25 {
        countdown.store(step, Ordering::SeqCst);
        let during = store.txn(put("k", &step.to_le_bytes())).await;
        let range = store.range("").await;
        if countdown.load(Ordering::SeqCst) < 0 {
            let said = during.as_ref().err().or(range.as_ref().err()).map(ToString::to_string);
            assert!(said.is_none_or(|said| said.contains("injected") && said.contains("store.redb")), "step {step}");
        }
        countdown.store(NEVER, Ordering::SeqCst);
        let after = store.range("").await.expect("a disk that works again");
        if during.is_ok() {
            assert_eq!(after.pairs[0].value, step.to_le_bytes(), "step {step}: acknowledged");
        }
        let Outcome::Committed(revision) = store.txn(put("k", b"after")).await.expect("a transaction") else {
            panic!("no compare, and yet a conflict")
        };
        assert_eq!(revision, after.revision + 1);
    }
    drop(store);
    let store = Embedded::open(dir.path()).expect("the same store");
    assert_eq!(store.set_aside(), None);
    assert_eq!(store.range("").await.expect("a range").pairs[0].value, b"after");
}
