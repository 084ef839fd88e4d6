//! The store's file: who may open it, what makes it ours, and what is done with a damaged one.
//!
//! `lock` in the state directory is held (`flock`) as long as the store is open, so that two daemons never meet, not even while
//! the file is made, renamed or reopened. A new file is filled under another name first, so that a crash leaves none half made.

use super::{io_error, pairs};
use crate::store::StoreError;
use redb::{Builder, Database, DatabaseError};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

const FILE: &str = "store.redb";
const UNFINISHED: &str = "store.redb.new";
const LOCK: &str = "lock";

/// How long another daemon may hold the lock before that counts.
const PATIENCE: Duration = Duration::from_secs(2);

/// Bytes of the file that may be held in memory.
const CACHE: usize = 4 << 20;

type Opener = dyn Fn(&Path) -> Result<Database, DatabaseError> + Send + Sync;

/// A store's file that nobody else has.
pub(super) struct StoreFile {
    path: PathBuf,
    opener: Box<Opener>,
    _lock: File,
}

/// What a file turned out to be.
enum Found {
    Good,
    Newer(u64),
    Damaged(String),
}

impl StoreFile {
    /// Takes the state directory's store for this process, and sees to it that there is a good one. Tells where a damaged one
    /// was left.
    pub(super) fn claim(state_dir: &Path) -> Result<(Self, Option<PathBuf>), StoreError> {
        Self::claim_with(state_dir, Box::new(|path| builder().open(path)))
    }

    /// As [`StoreFile::claim`], the database being opened by `opener`.
    pub(super) fn claim_with(state_dir: &Path, opener: Box<Opener>) -> Result<(Self, Option<PathBuf>), StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(state_dir);
        made.map_err(|why| failed("make", state_dir, why))?;
        let file = Self { path: state_dir.join(FILE), opener, _lock: lock(&state_dir.join(LOCK))? };
        let set_aside = file.make_good(state_dir).map_err(|error| match error {
            Unfit::Newer(found) => StoreError::Newer { file: file.path.clone(), found, known: pairs::FORMAT },
            Unfit::Io(why) => failed("open", &file.path, why),
        })?;
        Ok((file, set_aside))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the database.
    pub(super) fn open(&self) -> Result<Database, redb::Error> {
        Ok((self.opener)(&self.path)?)
    }

    /// That something could not be done, and was not.
    pub(super) fn failed(&self, what: &'static str, error: redb::Error) -> StoreError {
        failed(what, &self.path, io_error(error))
    }

    /// That something could not be done, as far as one can tell.
    pub(super) fn failed_unknown(&self, what: &'static str, error: redb::Error) -> StoreError {
        StoreError::Failed { what, file: self.path.clone(), why: io_error(error), unknown: true }
    }

    fn make_good(&self, state_dir: &Path) -> Result<Option<PathBuf>, Unfit> {
        let set_aside = match self.inspect()? {
            None => None,
            Some(Found::Good) => return Ok(None),
            Some(Found::Newer(found)) => return Err(Unfit::Newer(found)),
            Some(Found::Damaged(why)) => Some(self.set_aside(&why)?),
        };
        create(&state_dir.join(UNFINISHED), &self.path)?;
        File::open(state_dir)?.sync_all()?;
        Ok(set_aside)
    }

    /// Reads the whole file, every checksum of it. `None` if there is none.
    fn inspect(&self) -> Result<Option<Found>, Unfit> {
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
            Ok(found) if found.len() == 0 => return Ok(Some(Found::Damaged("it is empty".into()))),
            Ok(_) => {}
        }
        // redb trusts some numbers of a file before it has checked them, and panics when they are damaged.
        match catch_unwind(AssertUnwindSafe(|| self.open().and_then(examine))) {
            Ok(Ok(found)) => Ok(Some(found)),
            Ok(Err(error)) => damage(error).map(|why| Some(Found::Damaged(why))),
            Err(_) => Ok(Some(Found::Damaged("its numbers contradict each other".into()))),
        }
    }

    fn set_aside(&self, why: &str) -> io::Result<PathBuf> {
        let name = |number: u32| self.path.with_file_name(format!("{FILE}.damaged-{number}"));
        let free = (1..).map(name).find(|path| !path.exists()).unwrap_or_else(|| name(0));
        fs::rename(&self.path, &free)?;
        tracing::error!(file = %self.path.display(), kept = %free.display(), why, "the store is damaged: set aside, a new one made");
        Ok(free)
    }
}

impl std::fmt::Debug for StoreFile {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "StoreFile({})", self.path.display())
    }
}

/// Why a file can neither be used nor replaced.
enum Unfit {
    Newer(u64),
    Io(io::Error),
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn examine(mut database: Database) -> Result<Found, redb::Error> {
    if !database.check_integrity()? {
        tracing::warn!("the store was not closed well and has been repaired; every acknowledged change is in it");
    }
    match pairs::format(&database)? {
        Some(format) if format > pairs::FORMAT => Ok(Found::Newer(format)),
        Some(_) => pairs::range(&database, "").map(|_| Found::Good),
        None => Ok(Found::Damaged("its tables are missing".into())),
    }
}

/// What is wrong with the bytes, or the error if it is not the bytes that are wrong.
fn damage(error: redb::Error) -> Result<String, Unfit> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "whatever else opening says is about what the file holds")]
    match error {
        redb::Error::Io(error) if !matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            Err(error.into())
        }
        redb::Error::DatabaseAlreadyOpen | redb::Error::UpgradeRequired(_) | redb::Error::PreviousIo => {
            Err(io_error(error).into())
        }
        other => Ok(other.to_string()),
    }
}

fn create(unfinished: &Path, path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(unfinished)?;
    let database = builder().create_file(file).map_err(|error| io_error(error.into()))?;
    pairs::create(&database, pairs::FORMAT).map_err(io_error)?;
    drop(database);
    fs::rename(unfinished, path)
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    builder
}

/// Takes the lock and leaves our process id in it, for the error that another daemon gives. A daemon that was killed holds it until
/// the kernel has closed all that it had.
fn lock(path: &Path) -> Result<File, StoreError> {
    let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let mut file = open.map_err(|why| failed("open", path, why))?;
    let end = Instant::now() + PATIENCE;
    let answer = loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if Instant::now() < end => thread::sleep(Duration::from_millis(10)),
            answer => break answer,
        }
    };
    match answer {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let by = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            return Err(StoreError::Held { file: path.with_file_name(FILE), by });
        }
        Err(TryLockError::Error(why)) => return Err(failed("lock", path, why)),
    }
    let noted = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    noted.map_err(|why| failed("write", path, why))?;
    Ok(file)
}

fn failed(what: &'static str, file: &Path, why: io::Error) -> StoreError {
    StoreError::Failed { what, file: file.to_owned(), why, unknown: false }
}
