//! From words to a filter: a descent by the grammar of pcap-filter(7), as far as it goes here.

use super::{Node, Side, Term};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Words that an expression may have; bounds how deep it can be, too.
const WORDS_MAX: usize = 256;

pub(super) fn parse(text: &str) -> Result<Node, FilterError> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('!', " ! ").replace("&&", " and ").replace("||", " or ");
    let words: Vec<_> = spaced.split_whitespace().collect();
    if words.len() > WORDS_MAX {
        return Err(FilterError::TooLong { words: words.len() });
    }
    if words.is_empty() {
        return Ok(Node::All);
    }
    let mut parser = Parser { words: &words };
    let node = parser.expression()?;
    match parser.peek() {
        None => Ok(node),
        Some(word) => Err(FilterError::Unexpected { word: word.to_owned(), expected: "and, or, or the end" }),
    }
}

struct Parser<'a> {
    words: &'a [&'a str],
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.words.first().copied()
    }

    fn take(&mut self, expected: &'static str) -> Result<&'a str, FilterError> {
        let (word, rest) = self.words.split_first().ok_or(FilterError::Ends { expected })?;
        self.words = rest;
        Ok(word)
    }

    fn take_if(&mut self, word: &str) -> bool {
        let is_next = self.peek() == Some(word);
        if is_next {
            self.words = &self.words[1..];
        }
        is_next
    }

    fn value<T: FromStr>(&mut self, expected: &'static str) -> Result<T, FilterError> {
        let word = self.take(expected)?;
        word.parse().map_err(|_| FilterError::Unexpected { word: word.to_owned(), expected })
    }

    /// `and` and `or` bind alike, from left to right.
    fn expression(&mut self) -> Result<Node, FilterError> {
        let mut left = self.factor()?;
        loop {
            if self.take_if("and") {
                left = Node::And(Box::new(left), Box::new(self.factor()?));
            } else if self.take_if("or") {
                left = Node::Or(Box::new(left), Box::new(self.factor()?));
            } else {
                return Ok(left);
            }
        }
    }

    fn factor(&mut self) -> Result<Node, FilterError> {
        if self.take_if("not") || self.take_if("!") {
            return Ok(Node::Not(Box::new(self.factor()?)));
        }
        if self.take_if("(") {
            let inner = self.expression()?;
            let closing = self.take(")")?;
            return match closing {
                ")" => Ok(inner),
                word => Err(FilterError::Unexpected { word: word.to_owned(), expected: ")" }),
            };
        }
        self.primitive()
    }

    /// A protocol, perhaps with an end of it, like `tcp port 80`; or an end alone.
    fn primitive(&mut self) -> Result<Node, FilterError> {
        let word = self.take(PRIMITIVES)?;
        let protocol = match word {
            "arp" => Term::Type(0x0806),
            "ip" => Term::Type(0x0800),
            "ip6" => Term::Type(0x86dd),
            "icmp" => Term::ProtocolIn(0x0800, 1),
            "icmp6" => Term::ProtocolIn(0x86dd, 58),
            "tcp" => Term::Protocol(6),
            "udp" => Term::Protocol(17),
            _ => return self.other(word).map(Node::Term),
        };
        match self.peek() {
            Some(next @ ("src" | "dst" | "host" | "net" | "port")) => {
                self.words = &self.words[1..];
                let end = self.end(next)?;
                Ok(Node::And(Box::new(Node::Term(protocol)), Box::new(Node::Term(end))))
            }
            _ => Ok(Node::Term(protocol)),
        }
    }

    fn other(&mut self, word: &str) -> Result<Term, FilterError> {
        match word {
            "broadcast" => Ok(Term::Broadcast),
            "multicast" => Ok(Term::Multicast),
            "vlan" => match self.peek().and_then(|next| next.parse().ok()) {
                Some(vid @ 0..=4095) => {
                    self.words = &self.words[1..];
                    Ok(Term::Vlan(Some(vid)))
                }
                Some(vid) => Err(FilterError::Unexpected { word: vid.to_string(), expected: "a VLAN id from 0 to 4095" }),
                None => Ok(Term::Vlan(None)),
            },
            "less" => Ok(Term::AtMost(self.value("a length in bytes")?)),
            "greater" => Ok(Term::AtLeast(self.value("a length in bytes")?)),
            "ether" => self.ether(),
            "src" | "dst" | "host" | "net" | "port" => self.end(word),
            _ => match word.parse() {
                Ok(address) => Ok(host(Side::Either, address)),
                Err(_) => Err(FilterError::Unexpected { word: word.to_owned(), expected: PRIMITIVES }),
            },
        }
    }

    fn ether(&mut self) -> Result<Term, FilterError> {
        const ADDRESS: &str = "a MAC address like 02:00:00:00:00:0a";
        match self.take("host, src, dst, proto, broadcast or multicast")? {
            "host" => Ok(Term::Mac(Side::Either, self.value(ADDRESS)?)),
            side @ ("src" | "dst") => {
                self.take_if("host");
                let side = if side == "src" { Side::Source } else { Side::Destination };
                Ok(Term::Mac(side, self.value(ADDRESS)?))
            }
            "proto" => self.ether_type(),
            "broadcast" => Ok(Term::Broadcast),
            "multicast" => Ok(Term::Multicast),
            word => Err(FilterError::Unexpected {
                word: word.to_owned(),
                expected: "host, src, dst, proto, broadcast or multicast",
            }),
        }
    }

    fn ether_type(&mut self) -> Result<Term, FilterError> {
        let expected = "an Ethernet type like 0x88b5";
        let word = self.take(expected)?;
        let read = match word.strip_prefix("0x") {
            Some(digits) => u16::from_str_radix(digits, 16),
            None => word.parse(),
        };
        read.map(Term::Type).map_err(|_| FilterError::Unexpected { word: word.to_owned(), expected })
    }

    /// What comes from `src`, `dst`, `host`, `net` or `port` on.
    fn end(&mut self, word: &str) -> Result<Term, FilterError> {
        let expected = "host, net, port or an IP address";
        let (side, what) = match word {
            "src" => (Side::Source, self.take(expected)?),
            "dst" => (Side::Destination, self.take(expected)?),
            what => (Side::Either, what),
        };
        match what {
            "host" => Ok(host(side, self.value("an IP address")?)),
            "net" => self.net(side),
            "port" => Ok(Term::Port(side, self.value("a port number from 0 to 65535")?)),
            address => match address.parse() {
                Ok(address) => Ok(host(side, address)),
                Err(_) => Err(FilterError::Unexpected { word: address.to_owned(), expected }),
            },
        }
    }

    fn net(&mut self, side: Side) -> Result<Term, FilterError> {
        let expected = "a network like 10.1.0.0/16";
        let word = self.take(expected)?;
        let read = || {
            let (address, bits) = word.split_once('/')?;
            let (address, bits): (IpAddr, u8) = (address.parse().ok()?, bits.parse().ok()?);
            let most = if address.is_ipv4() { 32 } else { 128 };
            (bits <= most).then_some(Term::Net(side, address, bits))
        };
        read().ok_or_else(|| FilterError::Unexpected { word: word.to_owned(), expected })
    }
}

fn host(side: Side, address: IpAddr) -> Term {
    Term::Net(side, address, if address.is_ipv4() { 32 } else { 128 })
}

const PRIMITIVES: &str = "arp, ip, ip6, icmp, icmp6, tcp, udp, vlan, host, src, dst, net, port, ether, broadcast, multicast, less, greater, an IP address, not or (";

/// Why an expression is no filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterError {
    /// A word stands where it cannot.
    Unexpected {
        /// The word.
        word: String,
        /// What could stand there.
        expected: &'static str,
    },
    /// Something is missing at the end.
    Ends {
        /// What could stand there.
        expected: &'static str,
    },
    /// More than anybody types.
    TooLong {
        /// How many words it has.
        words: usize,
    },
}

impl fmt::Display for FilterError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected { word, expected } => write!(out, "the filter cannot have {word:?} there: write {expected}"),
            Self::Ends { expected } => write!(out, "the filter ends too early: write {expected}"),
            Self::TooLong { words } => write!(out, "the filter has {words} words, {WORDS_MAX} are the most: make it shorter"),
        }
    }
}

impl std::error::Error for FilterError {}
