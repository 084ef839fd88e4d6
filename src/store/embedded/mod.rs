//! A store in one crash-safe file of the daemon's state directory, by redb.
//!
//! A committed transaction is on the disk. After an IO error redb wants its file reopened, and so does this, once per call and
//! again with the next: a disk that was full for a while needs no restart of the daemon. Readers of the file's format, its lock
//! and what is done with a damaged one are in [`file`].

mod file;
mod pairs;

#[cfg(test)]
mod tests;

use super::history::{self, History};
use super::{Answer, Outcome, Range, Store, StoreError, Txn, Watch};
use file::StoreFile;
use redb::Database;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A store in a file.
#[derive(Debug)]
pub struct Embedded {
    inner: Arc<Inner>,
    set_aside: Option<PathBuf>,
}

#[derive(Debug)]
struct Inner {
    file: StoreFile,
    state: Mutex<State>,
    history: History,
}

#[derive(Debug)]
struct State {
    /// `None` after a failure, until it can be opened again.
    database: Option<Database>,
    /// Of the last transaction that is known to be committed.
    revision: u64,
}

impl Embedded {
    /// Opens the store of a state directory, and makes both if there are none. The file is checked whole; a damaged one is
    /// renamed, and [`Embedded::set_aside`] tells.
    ///
    /// # Errors
    /// If another daemon has it, a newer version wrote it, or the disk fails.
    pub fn open(state_dir: &Path) -> Result<Self, StoreError> {
        let (file, set_aside) = StoreFile::claim(state_dir)?;
        Self::start(file, set_aside)
    }

    /// What a damaged store was renamed to when this one was opened in its place.
    pub fn set_aside(&self) -> Option<&Path> {
        self.set_aside.as_deref()
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.inner.file.path()
    }

    fn start(file: StoreFile, set_aside: Option<PathBuf>) -> Result<Self, StoreError> {
        let opened = file.open().and_then(|database| Ok((pairs::revision(&database)?, database)));
        let (revision, database) = opened.map_err(|error| file.failed("open", error))?;
        let state = Mutex::new(State { database: Some(database), revision });
        let history = History::new(revision, history::KEPT);
        Ok(Self { inner: Arc::new(Inner { file, state, history }), set_aside })
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        tokio::task::spawn_blocking(move || work(&inner)).await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Inner {
    fn range(&self, prefix: &str) -> Result<Range, StoreError> {
        let mut state = self.lock();
        let read = |database: &Database| pairs::range(database, prefix);
        let first = self.try_with(&mut state, read);
        let answer = first.or_else(|_| self.try_with(&mut state, read));
        answer.map_err(|error| self.file.failed("read", error))
    }

    fn commit(&self, txn: &Txn) -> Result<Outcome, StoreError> {
        txn.check()?;
        let mut state = self.lock();
        let opened = self.try_with(&mut state, |_| Ok(()));
        opened.map_err(|error| self.file.failed("open", error))?;
        let next = state.revision + 1;
        let first = self.try_with(&mut state, |database| pairs::commit(database, txn, next));
        let (outcome, changes) = match first {
            Ok(committed) => committed,
            Err(_) => self.commit_again(&mut state, txn, next)?,
        };
        if let Some(changes) = changes {
            state.revision = changes.revision;
            self.history.push(changes);
        }
        Ok(outcome)
    }

    /// After a failure: whether the transaction got through is in the file, and only if it did not is it tried again.
    fn commit_again(&self, state: &mut State, txn: &Txn, next: u64) -> Result<pairs::Committed, StoreError> {
        let database = self.file.open().and_then(|database| match pairs::revision(&database)? {
            found if found == next => Ok((pairs::as_committed(txn, next), database)),
            _ => Ok((pairs::commit(&database, txn, next)?, database)),
        });
        let (committed, database) = database.map_err(|error| self.file.failed_unknown("write", error))?;
        state.database = Some(database);
        Ok(committed)
    }

    /// Does `work` with the database, which is opened before if need be and closed after a failure.
    fn try_with<T>(&self, state: &mut State, work: impl Fn(&Database) -> Result<T, redb::Error>) -> Result<T, redb::Error> {
        let database = match state.database.take() {
            Some(database) => database,
            None => self.reopen(state)?,
        };
        let answer = work(&database)?;
        state.database = Some(database);
        Ok(answer)
    }

    /// A transaction of which we could not tell whether it got through may turn out to be in the file. Its changes are no longer
    /// known, so watchers have to read anew.
    fn reopen(&self, state: &mut State) -> Result<Database, redb::Error> {
        let database = self.file.open()?;
        let found = pairs::revision(&database)?;
        if found != state.revision {
            state.revision = found;
            self.history.forget(found);
        }
        Ok(database)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for Embedded {
    fn range<'a>(&'a self, prefix: &'a str) -> Answer<'a, Range> {
        let prefix = prefix.to_owned();
        Box::pin(self.run(move |inner| inner.range(&prefix)))
    }

    fn txn(&self, txn: Txn) -> Answer<'_, Outcome> {
        Box::pin(self.run(move |inner| inner.commit(&txn)))
    }

    fn watch(&self, prefix: &str, from_revision: u64) -> Box<dyn Watch> {
        self.inner.history.watch(prefix, from_revision)
    }
}

/// What redb says, as an error of the operating system's kind.
fn io_error(error: redb::Error) -> io::Error {
    if let redb::Error::Io(error) = error { error } else { io::Error::other(error.to_string()) }
}
