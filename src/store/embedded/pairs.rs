//! The tables in the file: pairs by key, and a few numbers on the whole.

use crate::store::{Change, Changes, Operation, Outcome, Pair, Range, Txn};
use redb::{Database, Error, ReadableDatabase, ReadableTable, Table, TableDefinition};

/// Newest format of the tables that this version reads and the one that it writes.
pub(super) const FORMAT: u64 = 1;

/// Numbers on the whole: `format` and `revision`.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");

/// Key to mod_revision and value.
const PAIRS: TableDefinition<'_, &str, (u64, &[u8])> = TableDefinition::new("pairs");

/// How a transaction ended, and what it changed, if anything.
pub(super) type Committed = (Outcome, Option<Changes>);

/// Makes the tables of a new store.
pub(super) fn create(database: &Database, format: u64) -> Result<(), Error> {
    let write = database.begin_write()?;
    write.open_table(PAIRS)?;
    let mut numbers = write.open_table(NUMBERS)?;
    numbers.insert("format", format)?;
    numbers.insert("revision", 0)?;
    drop(numbers);
    Ok(write.commit()?)
}

/// The tables' format. `None` if the tables are not ours.
pub(super) fn format(database: &Database) -> Result<Option<u64>, Error> {
    let numbers = match database.begin_read()?.open_table(NUMBERS) {
        Ok(numbers) => numbers,
        Err(redb::TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Ok(None),
    };
    Ok(numbers.get("format")?.map(|format| format.value()))
}

/// The revision of the last transaction.
pub(super) fn revision(database: &Database) -> Result<u64, Error> {
    let numbers = database.begin_read()?.open_table(NUMBERS)?;
    Ok(numbers.get("revision")?.map_or(0, |revision| revision.value()))
}

pub(super) fn range(database: &Database, prefix: &str) -> Result<Range, Error> {
    let read = database.begin_read()?;
    let table = read.open_table(PAIRS)?;
    let mut pairs = Vec::new();
    for entry in table.range(prefix..)? {
        let (key, value) = entry?;
        if !key.value().starts_with(prefix) {
            break;
        }
        let (mod_revision, value) = value.value();
        pairs.push(Pair { key: key.value().to_owned(), value: value.to_vec(), mod_revision });
    }
    let numbers = read.open_table(NUMBERS)?;
    let revision = numbers.get("revision")?.map_or(0, |revision| revision.value());
    Ok(Range { pairs, revision })
}

/// Does the transaction as the one of revision `next`.
pub(super) fn commit(database: &Database, txn: &Txn, next: u64) -> Result<Committed, Error> {
    let write = database.begin_write()?;
    let mut pairs = write.open_table(PAIRS)?;
    for compare in &txn.compares {
        let found = pairs.get(compare.key())?.map(|entry| entry.value().0);
        if !compare.holds(found) {
            return Ok((Outcome::Conflict(compare.key().to_owned()), None));
        }
    }
    let mut changes = Vec::new();
    for operation in &txn.operations {
        changes.extend(apply(&mut pairs, operation, next)?);
    }
    drop(pairs);
    if changes.is_empty() {
        return Ok((Outcome::Committed(next - 1), None));
    }
    write.open_table(NUMBERS)?.insert("revision", next)?;
    write.commit()?;
    Ok((Outcome::Committed(next), Some(Changes { revision: next, changes })))
}

fn apply(pairs: &mut Table<'_, &str, (u64, &[u8])>, operation: &Operation, next: u64) -> Result<Option<Change>, Error> {
    match operation {
        Operation::Put { key, value } => {
            pairs.insert(key.as_str(), (next, value.as_slice()))?;
            Ok(Some(Change::Put(Pair { key: key.clone(), value: value.clone(), mod_revision: next })))
        }
        Operation::Delete { key } => {
            let was_there = pairs.remove(key.as_str())?.is_some();
            Ok(was_there.then(|| Change::Deleted(key.clone())))
        }
    }
}

/// What [`commit`] would have answered for a transaction that turned out to be in the file. Which of its deletions found
/// something is no longer known; a watcher may be told of one that did not.
pub(super) fn as_committed(txn: &Txn, revision: u64) -> Committed {
    let change = |operation: &Operation| match operation {
        Operation::Put { key, value } => Change::Put(Pair { key: key.clone(), value: value.clone(), mod_revision: revision }),
        Operation::Delete { key } => Change::Deleted(key.clone()),
    };
    let changes = txn.operations.iter().map(change).collect();
    (Outcome::Committed(revision), Some(Changes { revision, changes }))
}
