//! A sandbox's files on disk, and what is a user's of them.
//!
//! What was written last is kept as a copy: a file that differs from it was edited, and a file that is there without a copy is the
//! user's own. The copies lie in a folder apart, because `ip netns exec` mounts everything that it finds beside the files.
//!
//! A file is written into the inode that it has, never replaced: whoever has entered the sandbox has this inode mounted at
//! `/etc`, and would go on seeing the old one. So that a reader finds the old text or the new, it is one write, filled up with
//! empty lines to the old length before the file is cut. The text is first written beside the copy: if a crash comes in between,
//! the next write knows the file for ours.

use super::merge::merge;
use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The names of the files, in `/etc` and in the sandbox's folder.
const NAMES: [&str; 2] = [HOSTS, RESOLV];
const HOSTS: &str = "hosts";
const RESOLV: &str = "resolv.conf";

/// Where a sandbox's files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SandboxFiles {
    dir: PathBuf,
    copies: PathBuf,
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The file holds what is wanted.
    Written,
    /// A user has edited the file, or it was there before us: `resolv.conf` is left as it is; in `hosts` only our lines changed,
    /// or nothing if it was never ours.
    KeptUsersEdit,
}

/// What could not be done to which file.
#[derive(Debug)]
pub struct EtcError {
    what: &'static str,
    path: PathBuf,
    error: io::Error,
    also: Vec<Self>,
}

/// How a file and its copy stand to each other.
enum Found {
    /// There is none.
    Nothing,
    /// As it is to be, and known for ours.
    Same,
    /// As we wrote it.
    Ours,
    /// We wrote it, and somebody changed it.
    Edited { present: Vec<u8>, last: Vec<u8> },
    /// It was there before us, or is something that we never make.
    Theirs,
}

impl SandboxFiles {
    /// The files in `dir`, like `/etc/netns/NAME`, with copies of what was written last in `copies`: a folder of this sandbox
    /// alone, which lasts as long as `dir` does.
    pub fn new(dir: impl Into<PathBuf>, copies: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), copies: copies.into() }
    }

    /// Where the files are: what is mounted over `/etc` by whoever enters the sandbox.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes `hosts`. In a file that was edited since, lines of ours come and go and all others stay.
    ///
    /// # Errors
    /// If a file or folder cannot be read or written.
    pub fn write_hosts(&self, text: &str) -> Result<Outcome, EtcError> {
        match self.find(HOSTS, text)? {
            Found::Same => Ok(Outcome::Written),
            Found::Theirs => Ok(Outcome::KeptUsersEdit),
            Found::Nothing | Found::Ours => self.put(HOSTS, text.as_bytes(), text),
            Found::Edited { present, last } => {
                let merged = merge(&present, &last, text.as_bytes());
                self.put(HOSTS, &merged.bytes, text)?;
                Ok(if merged.edited { Outcome::KeptUsersEdit } else { Outcome::Written })
            }
        }
    }

    /// Writes `resolv.conf`, unless it was edited since: then nothing is done to it.
    ///
    /// # Errors
    /// If a file or folder cannot be read or written.
    pub fn write_resolv(&self, text: &str) -> Result<Outcome, EtcError> {
        match self.find(RESOLV, text)? {
            Found::Same => Ok(Outcome::Written),
            Found::Edited { .. } | Found::Theirs => Ok(Outcome::KeptUsersEdit),
            Found::Nothing | Found::Ours => self.put(RESOLV, text.as_bytes(), text),
        }
    }

    /// Deletes what we made, edited or not, and the folders if nothing else is in them. A file that was there before us stays.
    ///
    /// # Errors
    /// What could not be deleted; the rest is.
    pub fn delete(&self) -> Result<(), EtcError> {
        let mut failures = Vec::new();
        let mut gone = |path: PathBuf, done: io::Result<()>| match done {
            Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::DirectoryNotEmpty) => {
                failures.push(EtcError::new("delete", &path, error));
            }
            Ok(()) | Err(_) => {}
        };
        for name in NAMES {
            let (file, copy, next) = (self.dir.join(name), self.copies.join(name), self.next(name));
            if copy.exists() || next.exists() {
                gone(file.clone(), fs::remove_file(&file));
            }
            // The copies last: if the file cannot be deleted now, it is known for ours the next time.
            if !file.exists() || !copy.exists() {
                gone(copy.clone(), fs::remove_file(&copy));
                gone(next.clone(), fs::remove_file(&next));
            }
        }
        for folder in [&self.dir, &self.copies] {
            gone(folder.clone(), fs::remove_dir(folder));
        }
        EtcError::all(failures)
    }

    fn find(&self, name: &str, wanted: &str) -> Result<Found, EtcError> {
        let path = self.dir.join(name);
        let present = match fs::symlink_metadata(&path) {
            Ok(there) if there.is_file() => read(&path)?.unwrap_or_default(),
            Ok(_) => return Ok(Found::Theirs),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(EtcError::new("look at", &path, error)),
        };
        let (last, next) = (read(&self.copies.join(name))?, read(&self.next(name))?);
        if next.is_none() && present == wanted.as_bytes() && last.as_ref() == Some(&present) {
            return Ok(Found::Same);
        }
        // Cut short by a crash: nothing is written yet, or all but the cut behind the text.
        let half = next.is_some_and(|next| present.is_empty() || present.trim_ascii_end() == next.trim_ascii_end());
        if half || present == wanted.as_bytes() || last.as_ref() == Some(&present) {
            return Ok(Found::Ours);
        }
        Ok(last.map_or(Found::Theirs, |last| Found::Edited { present, last }))
    }

    /// Lets a file hold `bytes`, with `text` remembered as ours of it.
    fn put(&self, name: &str, bytes: &[u8], text: &str) -> Result<Outcome, EtcError> {
        let (path, copy, next) = (self.dir.join(name), self.copies.join(name), self.next(name));
        make_dir(&self.copies)?;
        make_dir(&self.dir)?;
        fs::write(&next, text).map_err(|error| EtcError::new("write", &next, error))?;
        write_in_place(&path, bytes).map_err(|error| EtcError::new("write", &path, error))?;
        fs::rename(&next, &copy).map_err(|error| EtcError::new("write", &copy, error))?;
        Ok(Outcome::Written)
    }

    /// Where a text is before it is written.
    fn next(&self, name: &str) -> PathBuf {
        self.copies.join(format!("{name}.next"))
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, EtcError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(EtcError::new("read", path, error)),
    }
}

/// Makes a folder that everybody can read, and those that it is in.
fn make_dir(dir: &Path) -> Result<(), EtcError> {
    if dir.is_dir() {
        return Ok(());
    }
    if let Some(parent) = dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_dir(parent)?;
    }
    // The umask takes rights from what is made, but not from what is set.
    let made = fs::DirBuilder::new().mode(0o755).create(dir);
    made.and_then(|()| fs::set_permissions(dir, Permissions::from_mode(0o755)))
        .map_err(|error| EtcError::new("make", dir, error))
}

fn write_in_place(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => create(path)?,
        Err(error) => return Err(error),
    };
    let old = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    let mut filled = bytes.to_vec();
    filled.resize(old.max(bytes.len()), b'\n');
    file.write_all(&filled)?;
    file.set_len(bytes.len() as u64)
}

fn create(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    Ok(file)
}

impl EtcError {
    fn new(what: &'static str, path: &Path, error: io::Error) -> Self {
        Self { what, path: path.to_owned(), error, also: Vec::new() }
    }

    /// All failures as one.
    fn all(failures: Vec<Self>) -> Result<(), Self> {
        let mut failures = failures.into_iter();
        failures.next().map_or(Ok(()), |first| Err(Self { also: failures.collect(), ..first }))
    }
}

impl fmt::Display for EtcError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = match self.error.kind() {
            ErrorKind::PermissionDenied => "run the daemon as root, or give it a --netns-dir of its own",
            ErrorKind::ReadOnlyFilesystem => "give the daemon a --netns-dir that can be written",
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some room there",
            _ => "look at that file and the rights of its folders",
        };
        write!(out, "cannot {} {}: {}; {hint}", self.what, self.path.display(), self.error)?;
        self.also.iter().try_for_each(|other| write!(out, "; and {other}"))
    }
}

impl std::error::Error for EtcError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    /// Files in a folder of their own, gone with it.
    struct Room {
        folder: tempfile::TempDir,
        files: SandboxFiles,
    }

    impl Room {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let files = SandboxFiles::new(folder.path().join("netns/a"), folder.path().join("copies/a"));
            Self { folder, files }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.files.dir.join(name)
        }

        fn read(&self, name: &str) -> String {
            fs::read_to_string(self.path(name)).expect("the file")
        }

        fn write(&self, name: &str, text: &str) {
            fs::create_dir_all(&self.files.dir).expect("the folder");
            fs::write(self.path(name), text).expect("written");
        }

        fn resolv(&self, text: &str) -> Outcome {
            self.files.write_resolv(text).expect("written")
        }

        fn hosts(&self, text: &str) -> Outcome {
            self.files.write_hosts(text).expect("written")
        }

        fn entries(&self, dir: &str) -> Vec<String> {
            let entries = fs::read_dir(self.folder.path().join(dir)).expect("a folder").flatten();
            let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
            names.sort();
            names
        }
    }

    #[test]
    fn a_file_that_holds_what_is_wanted_is_not_written_again() {
        let room = Room::new();
        let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1000);
        for text in ["nameserver 127.0.0.11\n", "nameserver 127.0.0.12\n"] {
            assert_eq!((room.resolv(text), room.hosts(text)), (Outcome::Written, Outcome::Written));
            let files = [room.path(RESOLV), room.path(HOSTS)];
            let written = || files.each_ref().map(|file| file.metadata().and_then(|file| file.modified()).expect("a time"));
            assert!(written().iter().all(|time| *time != long_ago), "another text is written");
            for file in &files {
                File::open(file).and_then(|file| file.set_modified(long_ago)).expect("set");
            }
            assert_eq!((room.resolv(text), room.hosts(text)), (Outcome::Written, Outcome::Written));
            assert_eq!(written(), [long_ago; 2], "the same text is not");
        }
    }

    #[test]
    fn the_folder_of_the_files_holds_nothing_else_for_everything_there_is_mounted() {
        let room = Room::new();
        assert_eq!((room.hosts("h\n"), room.resolv("r\n")), (Outcome::Written, Outcome::Written));
        assert_eq!(room.entries("netns/a"), ["hosts", "resolv.conf"]);
        assert_eq!((room.read("hosts"), room.read("resolv.conf")), ("h\n".to_owned(), "r\n".to_owned()));
    }

    #[test]
    fn a_new_text_goes_into_the_same_inode_whether_longer_or_shorter() {
        let room = Room::new();
        room.resolv("nameserver 192.0.2.1\n");
        let mounted = File::open(room.path("resolv.conf")).expect("the file");
        let inode = mounted.metadata().expect("its state").ino();
        for text in ["nameserver 192.0.2.1\noptions rotate\n", "# none\n"] {
            assert_eq!(room.resolv(text), Outcome::Written);
            assert_eq!(room.read("resolv.conf"), text);
            assert_eq!(fs::metadata(room.path("resolv.conf")).expect("its state").ino(), inode);
        }
    }

    #[test]
    fn an_edited_resolv_conf_is_left_as_it_is_and_again_ours_when_the_edit_is_undone() {
        let room = Room::new();
        room.resolv("first\n");
        room.write("resolv.conf", "first\nmine\n");
        assert_eq!(room.resolv("second\n"), Outcome::KeptUsersEdit);
        assert_eq!(room.read("resolv.conf"), "first\nmine\n");
        room.write("resolv.conf", "first\n");
        assert_eq!(room.resolv("second\n"), Outcome::Written);
        assert_eq!(room.read("resolv.conf"), "second\n");
    }

    #[test]
    fn in_edited_hosts_only_our_lines_change_each_time() {
        let room = Room::new();
        room.hosts("127.0.0.1\tlocalhost\n");
        room.write("hosts", "127.0.0.1\tlocalhost\n192.0.2.7 db\n");
        assert_eq!(room.hosts("127.0.0.1\tlocalhost\n172.18.0.2\ta\n"), Outcome::KeptUsersEdit);
        assert_eq!(room.read("hosts"), "127.0.0.1\tlocalhost\n172.18.0.2\ta\n192.0.2.7 db\n");
        assert_eq!(room.hosts("127.0.0.1\tlocalhost\n"), Outcome::KeptUsersEdit);
        assert_eq!(room.read("hosts"), "127.0.0.1\tlocalhost\n192.0.2.7 db\n");
    }

    #[test]
    fn a_file_that_was_there_before_us_is_neither_written_nor_deleted() {
        let room = Room::new();
        room.write("resolv.conf", "mine\n");
        std::os::unix::fs::symlink("/nonexistent/hosts", room.path("hosts")).expect("a link");
        assert_eq!((room.resolv("ours\n"), room.hosts("ours\n")), (Outcome::KeptUsersEdit, Outcome::KeptUsersEdit));
        room.files.delete().expect("nothing to delete");
        assert_eq!(room.entries("netns/a"), ["hosts", "resolv.conf"]);
        assert_eq!(room.read("resolv.conf"), "mine\n");
    }

    #[test]
    fn a_file_that_says_what_is_wanted_is_ours_though_the_copies_were_lost() {
        let room = Room::new();
        room.resolv("first\n");
        fs::remove_dir_all(&room.files.copies).expect("lost");
        assert_eq!(room.resolv("first\n"), Outcome::Written);
        assert_eq!(room.resolv("second\n"), Outcome::Written);
        assert_eq!(room.read("resolv.conf"), "second\n");
    }

    #[test]
    fn a_write_that_a_crash_cut_short_is_no_user_s_edit() {
        for left in ["", "first\nand more\n", "second\n\n\n\n\n\n\n\n\n", "second\n"] {
            let room = Room::new();
            room.resolv("first\nand more\n");
            fs::write(room.files.next(RESOLV), "second\n").expect("written");
            room.write("resolv.conf", left);
            assert_eq!(room.resolv("third\n"), Outcome::Written, "{left:?}");
            assert_eq!(room.read("resolv.conf"), "third\n");
            assert_eq!(room.entries("copies/a"), ["resolv.conf"]);
        }
    }

    #[test]
    fn deleting_leaves_nothing_of_ours_and_everything_else() {
        let room = Room::new();
        room.hosts("h\n");
        room.resolv("r\n");
        room.write("hosts", "h\nmine\n");
        room.write("nsswitch.conf", "hosts: files\n");
        room.files.delete().expect("deleted");
        assert_eq!(room.entries("netns/a"), ["nsswitch.conf"]);
        assert!(room.entries("copies").is_empty());
        fs::remove_file(room.path("nsswitch.conf")).expect("removed");
        room.files.delete().expect("deleted again");
        assert!(room.entries("netns").is_empty());
    }

    #[test]
    fn what_cannot_be_written_is_said_with_the_path_and_what_to_do() {
        let room = Room::new();
        fs::write(room.folder.path().join("netns"), "a file where a folder should be").expect("written");
        let error = room.files.write_hosts("h\n").expect_err("no folder").to_string();
        assert!(error.starts_with("cannot ") && error.contains("netns") && error.contains("; look at"), "{error}");
    }
}
