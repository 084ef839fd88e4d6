//! What this process may do, found by trying, whoever runs it; and a network of its own to do it in.
//!
//! Before any thread is made, because the kernel moves a process into namespaces of its own only then.
#![allow(unsafe_code)]

use lanloom_drivers::kernel::private_namespaces;
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use std::fs;

/// Effective capabilities that making hosts takes: `CAP_NET_ADMIN`, `CAP_NET_RAW` and `CAP_SYS_ADMIN` (`capabilities(7)`).
const NEEDED: u64 = 1 << 12 | 1 << 13 | 1 << 21;

/// How far the kernel lets this process go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    /// Namespaces of the machine, which others see too.
    Machine,
    /// Namespaces within one of its own, which nobody else sees.
    Own,
    /// No namespaces, and why.
    None(String),
}

impl Rights {
    /// Finds out, and goes where hosts can be made: this process's own interfaces stay away from the machine's.
    pub(super) fn take() -> Self {
        let machine = machine().map_err(|errno| errno.to_string());
        let machine = machine.and_then(|()| unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| errno.to_string()));
        match machine {
            Ok(()) => Self::Machine,
            Err(_) => match private_namespaces() {
                Ok(()) => Self::Own,
                Err(error) => Self::None(format!("{error}")),
            },
        }
    }

    /// In words.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Machine => "all that is needed; the hosts are network namespaces of this machine".to_owned(),
            Self::Own => "an ordinary user's; the hosts are network namespaces that only this process sees".to_owned(),
            Self::None(_) => "none to make network namespaces; all hosts are in this process".to_owned(),
        }
    }
}

/// Whether namespaces can be made and entered right here.
fn machine() -> nix::Result<()> {
    if effective() & NEEDED != NEEDED {
        return Err(Errno::EPERM);
    }
    // A child tries: a filter of system calls may forbid what the capabilities allow.
    // SAFETY: this process has one thread, and the child makes system calls only.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let refused = unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).is_err();
            // SAFETY: it ends the child, and nothing else.
            unsafe { nix::libc::_exit(i32::from(refused)) }
        }
        ForkResult::Parent { child } => match waitpid(child, None)? {
            WaitStatus::Exited(_, 0) => Ok(()),
            _ => Err(Errno::EPERM),
        },
    }
}

/// The capabilities that this process has in effect; none if the kernel does not say.
fn effective() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    line.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or(0)
}
