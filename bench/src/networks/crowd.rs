//! Many endpoints on one network of ours: that they are there and hear each other, and how soon after the daemon was killed and
//! started again.

use crate::fault::{Fault, Result, Tried};
use crate::networks::echo::Echo;
use crate::networks::http::Body;
use crate::networks::lanloom::{api, create_sandbox, namespace, spawn_daemon, start_daemon};
use crate::networks::room::{Room, child_of};
use crate::networks::side::Api;
use crate::process::Process;
use crate::stop;
use nix::sys::signal::{Signal, kill};
use serde::Serialize;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const NETWORK: &str = "crowd";

/// How many sandboxes are asked for at once.
const AT_ONCE: u32 = 8;

/// How many endpoints the last one pings.
const SAMPLE: usize = 25;

/// Long enough to measure also what is far too slow.
const LIMIT: Duration = Duration::from_secs(300);

/// What many endpoints on one network came to.
#[derive(Serialize)]
pub(crate) struct Crowd {
    /// How many were asked for, each in a sandbox of its own.
    pub(crate) endpoints: u32,
    /// Until all were there, in seconds.
    pub(crate) made_secs: f64,
    /// Ports of the network's switch that carry frames, its gateway's with them.
    pub(crate) ports_up: usize,
    /// How many others the last one pinged, all of which answered.
    pub(crate) pinged: usize,
    /// From the start of a new daemon, after the old one was killed, to the first answer to the last endpoint; in milliseconds.
    pub(crate) restart_first_answer_ms: f64,
    /// From there to the last of as many answers as before.
    pub(crate) restart_all_answers_ms: f64,
    /// From there until the API showed all ports up again.
    pub(crate) restart_all_up_ms: f64,
}

/// Makes so many, kills the daemon and starts it again.
///
/// # Errors
/// If one is not made or not heard.
pub(crate) fn measure(program: &Path, endpoints: u32) -> Result<Crowd> {
    let room = Room::open("crowd")?;
    let daemon = start_daemon(program, &room)?;
    let api = api(&room);
    let begin = Instant::now();
    api.create(NETWORK)?;
    let last = fill(&api, endpoints)?;
    let made_secs = begin.elapsed().as_secs_f64();
    eprintln!("… made in {made_secs:.0} s, now killing the daemon and starting it again");
    let ports = endpoints as usize + 1;
    stop::wait_until("the ports", LIMIT, || Ok(ports_up(&api)? == ports))?;
    let echo = Echo::open(&namespace(&api, &room, &last)?)?;
    let targets = sample(&api, &last)?;
    ping_all(&echo, &targets)?;
    end(daemon)?;
    let begin = Instant::now();
    let mut daemon = spawn_daemon(program, &room)?;
    ping_all(&echo, &targets[..1])?;
    let first = begin.elapsed();
    ping_all(&echo, &targets)?;
    let all = begin.elapsed();
    daemon.wait_until("the ports", LIMIT, |_| ports_up(&api).is_ok_and(|up| up == ports))?;
    let up = begin.elapsed();
    let [first, all, up] = [first, all, up].map(|time| time.as_secs_f64() * 1e3);
    Ok(Crowd {
        endpoints,
        made_secs,
        ports_up: ports_up(&api)?,
        pinged: targets.len(),
        restart_first_answer_ms: first,
        restart_all_answers_ms: all,
        restart_all_up_ms: up,
    })
}

/// Makes the sandboxes, some at once, and the last alone. Returns its name.
fn fill(api: &Api, endpoints: u32) -> Result<String> {
    let next = AtomicU32::new(1);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= endpoints {
                return Ok(());
            }
            create_sandbox(api, &name(number), NETWORK)?;
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        let ends = workers.into_iter().map(|worker| match worker.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ends.collect::<Result<()>>()
    })?;
    let last = name(endpoints);
    create_sandbox(api, &last, NETWORK)?;
    Ok(last)
}

fn name(number: u32) -> String {
    format!("s{number}")
}

/// How many ports of the network's switch carry frames.
fn ports_up(api: &Api) -> Result<usize> {
    let answer = api.ask("GET", &format!("/switches/{NETWORK}/ports"), &Body::Nothing)?;
    let ports = answer.as_array().ok_or("the answer is no list").tried(|| "counting ports")?;
    Ok(ports.iter().filter(|port| port["state"] == "up").count())
}

/// Addresses of some others, evenly spread over all.
fn sample(api: &Api, last: &str) -> Result<Vec<Ipv4Addr>> {
    let mut addresses = api.addresses(NETWORK)?;
    addresses.remove(last);
    let mut all: Vec<_> = addresses.into_values().collect();
    all.sort();
    let step = all.len().div_ceil(SAMPLE).max(1);
    let some: Vec<_> = all.into_iter().step_by(step).collect();
    if some.is_empty() { Err(Fault::on("choosing endpoints to ping", "there is one alone")) } else { Ok(some) }
}

fn ping_all(echo: &Echo, targets: &[Ipv4Addr]) -> Result<()> {
    targets.iter().try_for_each(|&target| echo.until_answered(target))
}

/// Kills the daemon as `kill -9` does; it is a child of what was started.
fn end(daemon: Process) -> Result<()> {
    let child = child_of(daemon.pid()).ok_or("it has none").tried(|| "looking for the daemon's process")?;
    kill(child, Signal::SIGKILL).tried(|| "killing the daemon")?;
    let gone = || Ok(!Path::new(&format!("/proc/{child}")).exists());
    stop::wait_until("the end of the daemon", LIMIT, gone)?;
    drop(daemon);
    Ok(())
}
