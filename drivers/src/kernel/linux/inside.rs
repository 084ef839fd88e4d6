//! Work inside a namespace: in a thread of its own that enters it, does everything there, and ends.
//!
//! A thread's namespace is the thread's alone, and a runtime's workers are everybody's: so none of them ever enters one. The
//! thread has its own single-threaded runtime, whose netlink connection ends with it; nothing stays open in the namespace.

use std::fs::File;
use std::future::Future;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::thread;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns};
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};
use rtnetlink::Handle;
use tokio::runtime::{Builder, Runtime};

use super::super::error::{KernelError, Needs, Why};
use super::super::netns::Netns;

/// The namespace of the calling thread.
const HERE: &str = "/proc/thread-self/ns/net";

/// Runs blocking work in a thread of its own, to its end even when nobody waits any more.
pub(super) async fn in_thread<T, W>(what: &'static str, work: W) -> Result<T, KernelError>
where
    T: Send + 'static,
    W: FnOnce() -> Result<T, KernelError> + Send + 'static,
{
    let (answer, answered) = tokio::sync::oneshot::channel();
    let run = move || {
        // Nobody to answer to: the work is done all the same.
        let _ = answer.send(work());
    };
    thread::Builder::new()
        .name("kernel".to_owned())
        .spawn(run)
        .map_err(|error| KernelError::new(what, "a thread for it", Why::Other(error.to_string())))?;
    answered.await.map_err(|_| KernelError::new(what, "its thread", Why::Other("it ended without an answer".to_owned())))?
}

/// A namespace's file, opened.
#[derive(Debug)]
pub(super) struct Opened {
    /// The file.
    pub(super) fd: OwnedFd,
    /// What it was asked for as.
    pub(super) netns: Netns,
    /// Its inode, which tells namespaces apart.
    pub(super) inode: u64,
}

impl Opened {
    /// Opens a namespace's file, by whichever thread.
    pub(super) fn open(netns: &Netns) -> Result<Self, KernelError> {
        let what = "opening a network namespace";
        let path = netns.path();
        let absent = || KernelError::new(what, netns.to_string(), Why::NoSuchNetns(path.clone()));
        let needs = if path.starts_with("/proc") { Needs::Process } else { Needs::File };
        let failed = |errno| KernelError::errno(what, netns.to_string(), errno, needs);
        let file = match open_file(&path) {
            Ok(file) => file,
            Err(Errno::ENOENT | Errno::ENOTDIR) => return Err(absent()),
            Err(errno) => return Err(failed(errno)),
        };
        if fstatfs(&file).map_err(failed)?.filesystem_type() != NSFS_MAGIC {
            return Err(absent());
        }
        let inode = file.metadata().map_err(|error| failed(errno_of(&error)))?.ino();
        Ok(Self { fd: file.into(), netns: netns.clone(), inode })
    }

    /// The calling thread's namespace.
    pub(super) fn here() -> Result<Self, KernelError> {
        Self::open(&Netns::At(HERE.into()))
    }

    /// Moves the calling thread, which must be one of [`in_thread`], into the namespace.
    pub(super) fn enter(&self) -> Result<(), KernelError> {
        if Self::here()?.inode == self.inode {
            return Ok(());
        }
        setns(&self.fd, CloneFlags::CLONE_NEWNET)
            .map_err(|errno| KernelError::errno("entering a network namespace", self.netns.to_string(), errno, Needs::SysAdmin))
    }
}

/// Opens for reading, never waiting as a FIFO's opener would.
fn open_file(path: &Path) -> Result<File, Errno> {
    File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(|error| errno_of(&error))
}

/// The error number of a standard error.
pub(super) fn errno_of(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// A netlink connection of the thread's namespace; it belongs there even when the thread goes on elsewhere.
pub(super) struct Session {
    runtime: Runtime,
    handle: Handle,
    /// Where it is.
    pub(super) netns: Netns,
}

impl Session {
    /// Enters a namespace and connects to its netlink.
    pub(super) fn enter(opened: &Opened) -> Result<Self, KernelError> {
        opened.enter()?;
        Self::connect(opened.netns.clone())
    }

    /// The same with a kernel that answers no more than a question is limited to (`NETLINK_GET_STRICT_CHK`), if it can.
    pub(super) fn enter_strictly(opened: &Opened) -> Result<Self, KernelError> {
        opened.enter()?;
        let open = || rtnetlink::new_connection_with_strict_check().or_else(|_| rtnetlink::new_connection());
        Self::open(opened.netns.clone(), open)
    }

    /// Connects to the netlink of the thread's namespace.
    pub(super) fn connect(netns: Netns) -> Result<Self, KernelError> {
        Self::open(netns, rtnetlink::new_connection)
    }

    fn open<C, U>(netns: Netns, connect: impl FnOnce() -> std::io::Result<(C, Handle, U)>) -> Result<Self, KernelError>
    where
        C: Future<Output = ()> + Send + 'static,
    {
        let failed = |error: &std::io::Error| {
            KernelError::errno("opening a netlink socket", netns.to_string(), errno_of(error), Needs::NetAdmin)
        };
        let runtime = Builder::new_current_thread().enable_io().build().map_err(|error| failed(&error))?;
        let within = runtime.enter();
        let (connection, handle, _) = connect().map_err(|error| failed(&error))?;
        drop(within);
        runtime.spawn(connection);
        Ok(Self { runtime, handle, netns })
    }

    /// Makes one request, and waits for its answer.
    pub(super) fn ask<T, F>(&self, what: &'static str, on: &str, request: impl FnOnce(&Handle) -> F) -> Result<T, KernelError>
    where
        F: Future<Output = Result<T, rtnetlink::Error>>,
    {
        self.runtime.block_on(request(&self.handle)).map_err(|error| self.refused(what, on, &error))
    }

    fn refused(&self, what: &'static str, on: &str, error: &rtnetlink::Error) -> KernelError {
        let on = format!("{on} in {}", self.netns);
        if let rtnetlink::Error::NetlinkError(message) = error {
            return KernelError::errno(what, on, Errno::from_raw(message.raw_code().abs()), Needs::NetAdmin);
        }
        KernelError::new(what, on, Why::Other(error.to_string()))
    }
}
