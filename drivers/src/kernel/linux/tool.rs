//! Programs of others, run in the calling thread's namespace: a process begins where the thread is that starts it.

use std::env;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::join3;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::runtime::Builder;
use tokio::time::timeout_at;

use super::super::error::{KernelError, Needs, Why};

/// Where programs of the administrator are, whether or not PATH says so.
const SBIN: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
/// How long a program may take: they take milliseconds.
const DEADLINE: Duration = Duration::from_secs(10);
/// Most bytes of what a program says that an error repeats.
const SAID_MAX: usize = 300;

/// A program that we call, and the package that brings it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tool {
    pub(super) name: &'static str,
    pub(super) package: &'static str,
}

pub(super) const NFT: Tool = Tool { name: "nft", package: "nftables" };

/// Where programs are looked for.
#[derive(Clone, Debug, Default)]
pub(super) enum Programs {
    /// In PATH, and where an administrator's are.
    #[default]
    Installed,
    /// In these directories only.
    In(Vec<PathBuf>),
}

impl Programs {
    /// A program's path.
    pub(super) fn find(&self, tool: Tool) -> Result<PathBuf, KernelError> {
        let dirs = match self {
            Self::Installed => {
                let path = env::var_os("PATH").unwrap_or_default();
                env::split_paths(&path).chain(SBIN.map(PathBuf::from)).collect()
            }
            Self::In(dirs) => dirs.clone(),
        };
        let why = Why::MissingTool { tool: tool.name, package: tool.package };
        let absent = || KernelError::new("looking for a program", tool.name, why);
        dirs.iter().map(|dir| dir.join(tool.name)).find(|path| runs(path)).ok_or_else(absent)
    }
}

fn runs(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// Runs a program to its end with this input, and answers its output. The calling thread must be one of its own.
pub(super) fn run(what: &'static str, program: &Path, args: &[&str], input: &[u8]) -> Result<String, KernelError> {
    run_within(DEADLINE, what, program, args, input)
}

fn run_within(
    deadline: Duration,
    what: &'static str,
    program: &Path,
    args: &[&str],
    input: &[u8],
) -> Result<String, KernelError> {
    let on = || format!("{} {}", program.display(), args.join(" "));
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::TimedOut => KernelError::new(what, on(), Why::Other(format!("it took longer than {deadline:?}"))),
        _ => KernelError::new(what, on(), Why::Other(error.to_string())),
    };
    let mut command = Command::new(program);
    command.args(args).env("LC_ALL", "C").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let until = Instant::now() + deadline;
    let said = talk(&mut child, input, until).and_then(|said| Ok((wait(&mut child, until)?, said)));
    if said.is_err() {
        // It may have ended by now: then there is nobody to kill, and it is only taken leave of.
        let _ = child.kill();
        let _ = child.wait();
    }
    let (status, [output, complaint]) = said.map_err(failed)?;
    if status.success() { Ok(output) } else { Err(KernelError::new(what, on(), sort(&complaint))) }
}

/// Feeds a program and listens to both of its outputs until it closes them. Not as a process of tokio's: on kernels without
/// pidfd those catch SIGCHLD, which interrupts whatever system call any thread is in.
fn talk(child: &mut Child, input: &[u8], until: Instant) -> io::Result<[String; 2]> {
    let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take()) else {
        return Err(io::Error::other("it has no pipes"));
    };
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    runtime.block_on(async {
        let mut feed = Sender::from_owned_fd(stdin.into())?;
        let write = async move {
            // One that ends without reading all of it says why.
            let _ = feed.write_all(input).await;
        };
        let pipes = (Receiver::from_owned_fd(stdout.into())?, Receiver::from_owned_fd(stderr.into())?);
        let all = join3(write, read(pipes.0), read(pipes.1));
        let (_, output, complaint) = timeout_at(until.into(), all).await?;
        Ok([output?, complaint?])
    })
}

async fn read(mut pipe: Receiver) -> io::Result<String> {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Waits for the end of a program that has closed its outputs, which is about to come.
fn wait(child: &mut Child, until: Instant) -> io::Result<ExitStatus> {
    loop {
        match child.try_wait()? {
            Some(status) => return Ok(status),
            None if Instant::now() < until => thread::sleep(Duration::from_micros(100)),
            None => return Err(ErrorKind::TimedOut.into()),
        }
    }
}

/// Sorts what a program complained about: error numbers come as their texts.
fn sort(text: &str) -> Why {
    let holds = |part: &str| text.contains(part);
    if holds("Operation not permitted") || holds("Permission denied") || holds("you must be root") {
        return Why::NotPermitted(Needs::NetAdmin);
    }
    if holds("Operation not supported") || holds("Protocol not supported") {
        return Why::Unsupported;
    }
    let mut line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it failed and said nothing").to_owned();
    while line.len() > SAID_MAX {
        line.pop();
    }
    Why::Other(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SH: Tool = Tool { name: "sh", package: "dash" };

    fn sh(script: &str, input: &[u8]) -> Result<String, KernelError> {
        run("trying", &Programs::Installed.find(SH).expect("a shell"), &["-c", script], input)
    }

    #[test]
    fn a_program_gets_its_input_and_its_output_is_the_answer() {
        let much = "x".repeat(300_000);
        assert_eq!(sh("cat", much.as_bytes()), Ok(much), "more than a pipe holds");
        assert_eq!(sh("echo done", b"nobody reads this"), Ok("done\n".to_owned()));
    }

    #[test]
    fn what_a_program_complains_about_is_in_the_error() {
        let error = sh("echo 'no such table' >&2; exit 1", b"").expect_err("it failed");
        assert_eq!(error.why(), &Why::Other("no such table".to_owned()));
        let error = sh("echo 'x: Operation not permitted' >&2; exit 1", b"").expect_err("it failed");
        assert_eq!(error.why(), &Why::NotPermitted(Needs::NetAdmin));
    }

    #[test]
    fn a_program_that_does_not_end_is_not_waited_for() {
        let (shell, deadline) = (Programs::Installed.find(SH).expect("a shell"), Duration::from_millis(50));
        let error = run_within(deadline, "trying", &shell, &["-c", "exec sleep 600"], b"").expect_err("it sleeps");
        assert_eq!(error.why(), &Why::Other("it took longer than 50ms".to_owned()));
        let quiet = ["-c", "exec sleep 600 <&- >&- 2>&-"];
        let error = run_within(deadline, "trying", &shell, &quiet, b"").expect_err("it sleeps and is silent");
        assert_eq!(error.why(), &Why::Other("it took longer than 50ms".to_owned()));
    }

    #[test]
    fn a_program_that_is_missing_is_named_with_its_package() {
        let error = Programs::In(vec!["/nonexistent".into()]).find(NFT).expect_err("nothing is there");
        assert!(error.to_string().contains("the program nft is missing; install the package nftables"), "{error}");
    }
}
