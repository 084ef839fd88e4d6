//! Inside a sandbox, from the process of whoever asks: a command in it, or a piece of work.
//!
//! Nothing here speaks to the daemon, and nothing is done with other rights than the caller's. What is entered is a network
//! namespace, and a mount namespace made for the occasion, in which the sandbox's files stand at `/etc` and `/sys` shows its
//! interfaces: as `ip netns exec` does it. Nothing that is mounted there is seen outside.

mod enter;
mod error;
pub mod ping;

pub use error::{ExecError, Warning};

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::panic;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

/// Where a sandbox is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// A file that is its network namespace, like `/run/netns/NAME` or `/proc/PID/ns/net`.
    pub netns: PathBuf,
    /// The folder of its files, like `/etc/netns/NAME`: each is mounted over the one of its name in `/etc`. A folder that is not
    /// there has none.
    pub files: Option<PathBuf>,
}

/// Becomes `command`, a program and its arguments, in the sandbox: this process is the command from then on, with its
/// environment, standard streams, umask and rights, so that signals reach it and its exit status is the caller's. Answers only
/// if that failed; then this thread may be in the sandbox already, and should end with [`ExecError::status`].
///
/// What the sandbox lacks, though the command can be run, goes to `warn`.
pub fn exec(place: &Place, command: &[OsString], mut warn: impl FnMut(&Warning)) -> ExecError {
    let Some((program, arguments)) = command.split_first() else { return ExecError::NoCommand };
    if let Err(error) = enter::enter(place, &mut warn) {
        return error;
    }
    let error = Command::new(program).args(arguments).exec();
    match error.kind() {
        ErrorKind::NotFound => ExecError::NotFound { program: program.clone() },
        _ => ExecError::NotExecutable { program: program.clone(), error },
    }
}

/// Does `work` in a thread of its own that has entered the sandbox, and answers what it answers. Sockets that it opens stay in
/// the sandbox; names that it looks up are looked up by the sandbox's files. A panic of its is passed on.
///
/// # Errors
/// If the sandbox cannot be entered; nothing was done then.
pub fn inside<T: Send>(
    place: &Place,
    mut warn: impl FnMut(&Warning) + Send,
    work: impl FnOnce() -> T + Send,
) -> Result<T, ExecError> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("sandbox".to_owned()).spawn_scoped(scope, move || {
            enter::enter(place, &mut warn)?;
            Ok(work())
        });
        let failed = |error| ExecError::Failed { what: "starting a thread for sandbox", on: place.netns.clone(), error };
        thread.map_err(failed)?.join().unwrap_or_else(|fault| panic::resume_unwind(fault))
    })
}
