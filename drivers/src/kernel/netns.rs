//! Which network namespace is meant.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{KernelError, Why};
use super::name::NetnsName;

/// A network namespace. Naming one does not keep it alive, except [`Netns::Held`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Netns {
    /// The one that the daemon was started in: "the host", whatever PID 1 has.
    Daemon,
    /// The one whose file is mounted at this path.
    At(PathBuf),
    /// One without a path, gone with the last clone of this.
    Held(HeldNetns),
}

impl Netns {
    /// Reads what users write: a name, of a file in `netns_dir`, or an absolute path. It need not exist.
    ///
    /// # Errors
    /// [`Why::InvalidName`] for an invalid name, or a path that holds `..` or a control character.
    pub fn parse(text: &str, netns_dir: &Path) -> Result<Self, KernelError> {
        if !text.starts_with('/') {
            return NetnsName::new(text).map(|name| Self::At(netns_dir.join(name.as_str())));
        }
        let refused = |rule| KernelError::new("naming a network namespace", format!("{text:?}"), Why::InvalidName(rule));
        if text.chars().any(char::is_control) {
            return Err(refused("it holds a control character"));
        }
        if text.split('/').any(|part| part == "..") {
            return Err(refused("a path may not hold `..`"));
        }
        Ok(Self::At(PathBuf::from(text)))
    }

    /// A file by which this process can open the namespace.
    pub fn path(&self) -> PathBuf {
        match self {
            // The main thread's: no thread that stays ever enters another namespace.
            Self::Daemon => PathBuf::from("/proc/self/ns/net"),
            Self::At(path) => path.clone(),
            Self::Held(held) => held.0.path(),
        }
    }
}

impl fmt::Display for Netns {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Daemon => out.write_str("the daemon's namespace"),
            Self::At(path) => write!(out, "{}", path.display()),
            Self::Held(held) => write!(out, "namespace {}", held.0.id()),
        }
    }
}

/// Keeps a namespace without a path alive.
#[derive(Clone)]
pub struct HeldNetns(Arc<dyn Keeper>);

/// Whatever a namespace lives by: a descriptor, or a place in the fake's memory. Dropping it lets go.
pub(crate) trait Keeper: Send + Sync {
    /// A file to open it by.
    fn path(&self) -> PathBuf;
    /// Its number: the inode, or the fake's.
    fn id(&self) -> u64;
}

impl HeldNetns {
    pub(crate) fn new(keeper: impl Keeper + 'static) -> Self {
        Self(Arc::new(keeper))
    }

    pub(crate) fn id(&self) -> u64 {
        self.0.id()
    }
}

impl PartialEq for HeldNetns {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for HeldNetns {}

impl fmt::Debug for HeldNetns {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "HeldNetns({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_file_in_the_directory_and_a_path_is_itself() {
        let dir = Path::new("/run/netns");
        assert_eq!(Netns::parse("a", dir), Ok(Netns::At("/run/netns/a".into())));
        assert_eq!(Netns::parse("/proc/7/ns/net", dir), Ok(Netns::At("/proc/7/ns/net".into())));
        for text in ["", "..", "a/b", "../a", "/run/netns/../../etc/passwd", "/run/a\0b", "a b"] {
            assert!(matches!(Netns::parse(text, dir).expect_err("invalid").why(), Why::InvalidName(_)), "{text:?}");
        }
    }
}
