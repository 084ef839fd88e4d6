//! `lanloom sandbox ping`: echo requests from a sandbox (RFC 792, RFC 4443), without a program in it.
//!
//! What happens is told as it does, one [`Echo`] a request, and at the end as a [`Summary`]; whoever calls prints it. To one host:
//! what a group or a broadcast answers is not looked for.

mod packet;
mod report;
mod socket;

pub use report::{Echo, Outcome, Summary, Times};

use super::{ExecError, Place, Warning, inside};
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;
use std::time::{Duration, Instant};

/// How many requests are sent unless somebody says so.
pub const COUNT: u32 = 3;

/// How long each answer is waited for unless somebody says so.
pub const WAIT: Duration = Duration::from_secs(1);

/// From one request to the next, if the answer comes sooner: what ping(8) lets an ordinary user ask for.
pub const INTERVAL: Duration = Duration::from_millis(200);

/// Whom to ask, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PingArgs {
    /// An address, an IPv6 one with its interface if it needs one (`fe80::1%eth0`), or a name as the sandbox knows it.
    pub target: String,
    /// Only addresses of this family; otherwise the one that the sandbox prefers.
    pub family: Option<Family>,
    /// How many requests; all of them are sent, whatever becomes of the first.
    pub count: u32,
    /// How long each answer is waited for.
    pub wait: Duration,
    /// From one request to the next.
    pub interval: Duration,
}

/// `-4` and `-6`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Why nothing was sent.
#[derive(Debug)]
pub enum PingError {
    /// The sandbox could not be entered.
    Enter(ExecError),
    /// Nobody knows the name.
    UnknownName {
        /// The name.
        target: String,
        /// What the resolver said.
        why: String,
    },
    /// The name is known, but has no address of that family.
    NoAddress {
        /// The name.
        target: String,
        /// The family.
        family: Family,
    },
    /// The address is a group's.
    Group {
        /// The address.
        target: String,
    },
}

impl PingArgs {
    /// As usual: [`COUNT`] requests, [`WAIT`] and [`INTERVAL`], of whatever family.
    pub fn new(target: impl Into<String>) -> Self {
        Self { target: target.into(), family: None, count: COUNT, wait: WAIT, interval: INTERVAL }
    }
}

/// Asks from the sandbox, and tells what became of each request.
///
/// # Errors
/// If nothing could be sent at all. That nobody answered is no error: [`Summary::failure`] says so.
pub fn ping(
    place: &Place,
    args: &PingArgs,
    warn: impl FnMut(&Warning) + Send,
    tell: impl FnMut(&Echo) + Send,
) -> Result<Summary, PingError> {
    inside(place, warn, || ping_here(args, tell)).map_err(PingError::Enter)?
}

/// The same from where the thread is.
fn ping_here(args: &PingArgs, mut tell: impl FnMut(&Echo)) -> Result<Summary, PingError> {
    let to = look_up(&args.target, args.family)?;
    let echo = |number| {
        let begin = Instant::now();
        let echo = Echo { number, address: to.ip(), outcome: socket::ask(to, number as u16, args.wait) };
        tell(&echo);
        if number < args.count {
            thread::sleep(args.interval.saturating_sub(begin.elapsed()));
        }
        echo
    };
    let echoes = (1..=args.count).map(echo).collect();
    Ok(Summary::new(&args.target, to.ip(), args.wait, echoes))
}

/// The first address that fits, in the order of preference of the C library (RFC 6724).
fn look_up(target: &str, family: Option<Family>) -> Result<SocketAddr, PingError> {
    let unknown = |error: std::io::Error| PingError::UnknownName { target: target.to_owned(), why: error.to_string() };
    let mut found = (target, 0).to_socket_addrs().map_err(unknown)?;
    let address = match family {
        None => found.next(),
        Some(Family::V4) => found.find(SocketAddr::is_ipv4),
        Some(Family::V6) => found.find(SocketAddr::is_ipv6),
    };
    match (address, family) {
        (Some(address), _) if address.ip().is_multicast() => Err(PingError::Group { target: target.to_owned() }),
        (Some(address), _) => Ok(address),
        (None, Some(family)) => Err(PingError::NoAddress { target: target.to_owned(), family }),
        (None, None) => Err(PingError::UnknownName { target: target.to_owned(), why: "it has no address".to_owned() }),
    }
}

impl fmt::Display for Family {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

impl fmt::Display for PingError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enter(error) => error.fmt(out),
            Self::UnknownName { target, why } => write!(
                out,
                "cannot ping {target}: the sandbox knows no such name: {why}; try its address, or look at the sandbox's \
                 /etc/resolv.conf"
            ),
            Self::NoAddress { target, family } => {
                write!(out, "cannot ping {target}: it has no {family} address; leave the family open")
            }
            Self::Group { target } => write!(out, "cannot ping {target}: it is a group, and answers come from one host"),
        }
    }
}

impl std::error::Error for PingError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Enter(error) => Some(error),
            Self::UnknownName { .. } | Self::NoAddress { .. } | Self::Group { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_it_is_within_its_family() {
        let found = |target: &str, family| look_up(target, family).map(|address| address.ip().to_string());
        assert_eq!(found("192.0.2.7", None).expect("an address"), "192.0.2.7");
        assert_eq!(found("fd00::7", Some(Family::V6)).expect("an address"), "fd00::7");
        assert!(matches!(found("192.0.2.7", Some(Family::V6)), Err(PingError::NoAddress { family: Family::V6, .. })));
        assert!(matches!(found("fd00::7", Some(Family::V4)), Err(PingError::NoAddress { family: Family::V4, .. })));
        assert!(matches!(found("224.0.0.1", None), Err(PingError::Group { .. })));
    }
}
