//! `kill -9` of a process that commits: whatever it was told to be committed is there afterwards.

use lanloom::store::{Embedded, Operation, Outcome, Store, Txn};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const CHILD: &str = "LANLOOM_TEST_STORE_CRASH_DIR";
const ROUNDS: u64 = 12;

/// Commits numbers for ever, from the one after the last found, and prints each that was acknowledged.
async fn commit_for_ever(dir: &Path) {
    let store = Embedded::open(dir).expect("the killed one's store");
    let mut number = store.range("n/").await.expect("a range").revision;
    loop {
        number += 1;
        let put = |key: String| Operation::Put { key, value: number.to_string().into_bytes() };
        let txn = Txn::of([put(format!("n/{}", number % 500)), put("last".into()), put(format!("twin/{}", number % 500))]);
        assert_eq!(store.txn(txn).await.expect("a transaction"), Outcome::Committed(number));
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nacknowledged {number}").expect("a parent that reads");
        out.flush().expect("a parent that reads");
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a committing child, kills it some commits later, and returns the last number that it printed.
fn kill_while_committing(dir: &Path, after: u64, wait: Duration) -> u64 {
    let test = "every_acknowledged_commit_survives_kill_9";
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", test, "--nocapture"]).env(CHILD, dir).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = Killed(command.spawn().expect("this test again"));
    let mut lines = BufReader::new(child.0.stdout.take().expect("piped")).lines();
    let mut numbers = lines.by_ref().map_while(Result::ok).filter_map(acknowledged);
    let enough = numbers.by_ref().nth(after as usize).expect("a child that commits");
    std::thread::sleep(wait);
    child.0.kill().expect("a child that runs");
    numbers.last().unwrap_or(enough)
}

fn acknowledged(line: String) -> Option<u64> {
    line.strip_prefix("acknowledged ")?.parse().ok()
}

#[tokio::test]
async fn every_acknowledged_commit_survives_kill_9() {
    if let Some(dir) = std::env::var_os(CHILD) {
        return commit_for_ever(Path::new(&dir)).await;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut most = 0;
    for round in 0..ROUNDS {
        let last = kill_while_committing(dir.path(), round * 3, Duration::from_micros(round * 137));
        assert!(last > most, "round {round}: nothing new was acknowledged after {most}");
        most = last;
        let store = Embedded::open(dir.path()).expect("the killed one's store");
        assert_eq!(store.set_aside(), None, "round {round}");
        let range = store.range("").await.expect("a range");
        let value = |key: &str| {
            let pair = range.pairs.iter().find(|pair| pair.key == key);
            pair.and_then(|pair| String::from_utf8_lossy(&pair.value).parse::<u64>().ok())
        };
        let found = value("last").expect("at least one");
        assert!(found >= last && range.revision == found, "round {round}: {last} was acknowledged, {found} is there");
        for number in found.saturating_sub(499).max(1)..=found {
            let slot = number % 500;
            assert_eq!((value(&format!("n/{slot}")), value(&format!("twin/{slot}"))), (Some(number), Some(number)));
        }
    }
    println!("{ROUNDS} kills, {most} acknowledged commits, all there");
}
