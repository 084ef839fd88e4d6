//! Why nothing ran in a sandbox, and what it lacks though something does.

use nix::errno::Errno;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a command did not run in a sandbox.
#[derive(Debug)]
pub enum ExecError {
    /// No network namespace is at that path.
    NoSandbox {
        /// The path.
        netns: PathBuf,
    },
    /// Entering needs rights that this process has not.
    NotPermitted {
        /// The sandbox's network namespace.
        netns: PathBuf,
    },
    /// The kernel refused a step, or something was used up.
    Failed {
        /// What was tried.
        what: &'static str,
        /// On what.
        on: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// No program was given.
    NoCommand,
    /// There is no such program, or not the interpreter that its first line names.
    NotFound {
        /// The program.
        program: OsString,
    },
    /// It is there, and cannot be run.
    NotExecutable {
        /// The program.
        program: OsString,
        /// What the kernel said.
        error: io::Error,
    },
}

impl ExecError {
    /// The exit status that tells it from one of the command's, as env(1) and others use them: 127 if the command was not found,
    /// 126 if it cannot be run, 125 if we failed. What is refused before anything was tried has ours: 1 for a sandbox that is not
    /// there or not to be entered, 2 for no command.
    pub fn status(&self) -> u8 {
        match self {
            Self::NoSandbox { .. } | Self::NotPermitted { .. } => 1,
            Self::NoCommand => 2,
            Self::Failed { .. } => 125,
            Self::NotExecutable { .. } => 126,
            Self::NotFound { .. } => 127,
        }
    }
}

impl fmt::Display for ExecError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSandbox { netns } => write!(
                out,
                "cannot enter sandbox {}: no network namespace is there; `lanloom sandbox ls` shows what is",
                netns.display()
            ),
            Self::NotPermitted { netns } => write!(
                out,
                "cannot enter sandbox {}: it needs root, or CAP_SYS_ADMIN where the sandbox was made; use sudo, or run this where \
                 its daemon runs",
                netns.display()
            ),
            Self::Failed { what, on, error } => {
                write!(out, "cannot enter sandbox: {what} {}: {error}; `dmesg` may say more", on.display())
            }
            Self::NoCommand => out.write_str("cannot run nothing: give a command behind `--`"),
            Self::NotFound { program } => {
                write!(out, "cannot run {program:?} in the sandbox: not found; look at its name, PATH and interpreter")
            }
            Self::NotExecutable { program, error } => {
                write!(out, "cannot run {program:?} in the sandbox: {error}; look at its rights and what kind of file it is")
            }
        }
    }
}

impl std::error::Error for ExecError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Failed { error, .. } | Self::NotExecutable { error, .. } => Some(error),
            Self::NoSandbox { .. } | Self::NotPermitted { .. } | Self::NoCommand | Self::NotFound { .. } => None,
        }
    }
}

/// What a sandbox that was entered lacks.
#[derive(Debug)]
pub enum Warning {
    /// `/sys` could not be mounted anew.
    NoSys {
        /// What the kernel said.
        errno: Errno,
    },
    /// The folder of its files cannot be read.
    NoFiles {
        /// The folder.
        folder: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// A file has nothing to be mounted over.
    NoTarget {
        /// The file.
        file: PathBuf,
        /// What is missing, or a link that leads nowhere.
        target: PathBuf,
    },
    /// A file could not be mounted.
    NotMounted {
        /// The file.
        file: PathBuf,
        /// Over what.
        target: PathBuf,
        /// What the kernel said.
        errno: Errno,
    },
    /// A service of the host's could not be kept from answering for names.
    HostResolves {
        /// Its socket.
        socket: PathBuf,
        /// What the kernel said.
        errno: Errno,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSys { errno } => write!(out, "/sys shows the host's interfaces inside: mounting it anew: {}", errno.desc()),
            Self::NoFiles { folder, error } => {
                write!(out, "the host's /etc is seen inside: reading {}: {error}", folder.display())
            }
            Self::NoTarget { file, target } => write!(
                out,
                "{} is not seen inside: {} is missing, or is a link to nothing; create it, empty",
                file.display(),
                target.display()
            ),
            Self::NotMounted { file, target, errno } => {
                write!(out, "the host's {} is seen inside: mounting {}: {}", target.display(), file.display(), errno.desc())
            }
            Self::HostResolves { socket, errno } => {
                write!(out, "names may be answered for the host: closing {}: {}", socket.display(), errno.desc())
            }
        }
    }
}
