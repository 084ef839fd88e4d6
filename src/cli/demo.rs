//! The arguments of `lanloom demo`.

use clap::{Args, ValueEnum};
use std::str::FromStr;

/// `demo`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// Leave everything up until Ctrl-C, and say how to look at it from another terminal
    #[arg(long, conflicts_with = "json")]
    pub keep: bool,
    /// The outcome as JSON in place of text
    #[arg(long)]
    pub json: bool,
    /// How much to send over TCP, like 16M or 1G
    #[arg(long, value_name = "SIZE", default_value = "1G")]
    pub size: Size,
    /// Break what this check looks at, to see the demo catch it
    #[arg(long = "break", value_enum, value_name = "CHECK")]
    pub fault: Option<Subject>,
}

/// What a check of the demo is about, and how `--break` breaks it. A name, once given, stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Subject {
    /// The daemon answers on its socket. Broken: its socket's file is removed
    Daemon,
    /// A TAP in a namespace is up on its port. Broken: the port is set down
    Tap,
    /// A veth in a namespace is up on its port. Broken: the interface is deleted
    Veth,
    /// A host in this process is up on its port. Broken: the host is switched off
    InProcess,
    /// Every host answers every other over IPv4. Broken: one has no such address
    Ping4,
    /// Every host answers every other over IPv6. Broken: one has no such address
    Ping6,
    /// The switch knows each host where it is. Broken: a port does not learn
    Fdb,
    /// What is sent over TCP arrives as it was sent. Broken: one bit is flipped on the way
    Transfer,
    /// The switch counted what the hosts sent and received. Broken: two ports are isolated, and their frames dropped
    Counters,
    /// The switch says beforehand where a frame would go. Broken: the port that it should go to is set down
    Trace,
    /// The capture holds every frame with its verdict. Broken: the file loses its end
    Capture,
    /// Networks have sandboxes, each with the interfaces and addresses that it is said to have. Broken: one loses its interface
    Networks,
    /// A sandbox knows those of its networks by name, and no others. Broken: it asks somebody else
    Names,
    /// Sandboxes of one network reach each other by name, also one that is on two. Broken: a port is set down
    Reach,
    /// Sandboxes of different networks do not reach each other. Broken: one is connected to the other's network
    Isolation,
    /// A sandbox on two networks passes nothing on between them. Broken: it forwards, and the guards are off
    Relay,
    /// A sandbox fetches a page from the host. Broken: the port of the host in its network is set down
    Page,
    /// Sandboxes on two hosts, each with a daemon of its own, reach each other by one network. Broken: a host does not know the other
    Overlay,
    /// What passes in that network is found between the hosts, in VXLAN datagrams. Broken: they have another identifier
    Underlay,
    /// The doctor names what is wrong between the hosts, and it heals. Broken: it stays as it is
    Doctor,
    /// Nothing is left afterwards. Broken: something is left, and removed only after the check has seen it
    Cleanup,
}

impl Subject {
    /// Its name, as written after `--break` and in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
            Self::Tap => "tap",
            Self::Veth => "veth",
            Self::InProcess => "in-process",
            Self::Ping4 => "ping4",
            Self::Ping6 => "ping6",
            Self::Fdb => "fdb",
            Self::Transfer => "transfer",
            Self::Counters => "counters",
            Self::Trace => "trace",
            Self::Capture => "capture",
            Self::Networks => "networks",
            Self::Names => "names",
            Self::Reach => "reach",
            Self::Isolation => "isolation",
            Self::Relay => "relay",
            Self::Page => "page",
            Self::Overlay => "overlay",
            Self::Underlay => "underlay",
            Self::Doctor => "doctor",
            Self::Cleanup => "cleanup",
        }
    }
}

/// Bytes, written with K, M or G for 1024 and its powers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (digits, shift) = match text.as_bytes().last() {
            Some(b'K' | b'k') => (&text[..text.len() - 1], 10),
            Some(b'M' | b'm') => (&text[..text.len() - 1], 20),
            Some(b'G' | b'g') => (&text[..text.len() - 1], 30),
            _ => (text, 0),
        };
        let number = digits.parse::<u64>().ok().filter(|number| (1..=SIZE_MAX >> shift).contains(number));
        number.map(|number| Self(number << shift)).ok_or_else(|| "write 1 to 1024G, like 16M or 1G".to_owned())
    }
}

const SIZE_MAX: u64 = 1 << 40;

const EXAMPLES: &str = "\
Runs with whatever rights it finds, and says what it left out for lack of them. It starts a daemon of its
own, on a socket of its own. Ends with status 1 if a check failed.

Example:
  lanloom demo --keep
  lanloom demo --json --size 16M
  lanloom demo --break fdb";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_and_bounds() {
        let read = |text: &str| text.parse::<Size>().ok().map(|size| size.0);
        assert_eq!(read("1G"), Some(1 << 30));
        assert_eq!(read("16m"), Some(16 << 20));
        assert_eq!(read("700"), Some(700));
        for text in ["", "G", "0", "-1", "1T", "1.5G", "99999999999999999999", "2000G", "é"] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_subject_is_called_the_same_everywhere() {
        for subject in Subject::value_variants() {
            assert_eq!(subject.to_possible_value().map(|value| value.get_name().to_owned()).as_deref(), Some(subject.name()));
        }
    }
}
