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
    let mut parser = Parser { words: &words, before: None };
    let node = parser.expression()?;
    match parser.peek() {
        None => Ok(node),
        Some(word) => Err(FilterError::Unexpected { word: word.to_owned(), expected: "and, or, or the end" }),
    }
}

struct Parser<'a> {
    words: &'a [&'a str],
    /// What an address or number is that says nothing of itself: what the one before it was.
    before: Option<Qualifiers>,
}

/// What stands before an address or a number.
#[derive(Clone, Copy)]
struct Qualifiers {
    protocol: Option<Term>,
    side: Side,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Host,
    Net,
    Port,
    Mac,
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
            let before = self.before;
            let inner = self.expression()?;
            let closing = self.take(")")?;
            self.before = before;
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
            _ => return self.other(word),
        };
        match self.peek() {
            Some(next @ ("src" | "dst" | "host" | "net" | "port")) => {
                self.words = &self.words[1..];
                self.end(Some(protocol), next)
            }
            _ => Ok(self.alone(protocol)),
        }
    }

    /// A word that leaves nothing for those behind it.
    fn alone(&mut self, term: Term) -> Node {
        self.before = None;
        Node::Term(term)
    }

    fn other(&mut self, word: &'a str) -> Result<Node, FilterError> {
        match word {
            "ether" => self.ether(),
            "src" | "dst" | "host" | "net" | "port" => self.end(None, word),
            "broadcast" | "multicast" | "vlan" | "less" | "greater" => {
                let term = self.plain(word)?;
                Ok(self.alone(term))
            }
            _ => match self.before {
                Some(before) => self.qualified(before, word),
                None => match word.parse() {
                    Ok(address) => Ok(self.alone(host(Side::Either, address))),
                    Err(_) => Err(FilterError::Unexpected { word: word.to_owned(), expected: PRIMITIVES }),
                },
            },
        }
    }

    fn plain(&mut self, word: &str) -> Result<Term, FilterError> {
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
            word => Err(FilterError::Unexpected { word: word.to_owned(), expected: PRIMITIVES }),
        }
    }

    fn ether(&mut self) -> Result<Node, FilterError> {
        const EXPECTED: &str = "host, src, dst, proto, broadcast or multicast";
        let side = match self.take(EXPECTED)? {
            "host" => Side::Either,
            side @ ("src" | "dst") => {
                self.take_if("host");
                if side == "src" { Side::Source } else { Side::Destination }
            }
            "proto" => {
                let kind = self.ether_type()?;
                return Ok(self.alone(kind));
            }
            "broadcast" => return Ok(self.alone(Term::Broadcast)),
            "multicast" => return Ok(self.alone(Term::Multicast)),
            word => return Err(FilterError::Unexpected { word: word.to_owned(), expected: EXPECTED }),
        };
        let address = self.take(MAC_ADDRESS)?;
        self.qualified(Qualifiers { protocol: None, side, kind: Kind::Mac }, address)
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
    fn end(&mut self, protocol: Option<Term>, word: &'a str) -> Result<Node, FilterError> {
        let expected = "host, net, port or an IP address";
        let (side, what) = match word {
            "src" => (Side::Source, self.take(expected)?),
            "dst" => (Side::Destination, self.take(expected)?),
            what => (Side::Either, what),
        };
        let (kind, word) = match what {
            "host" => (Kind::Host, self.take(Kind::Host.expected())?),
            "net" => (Kind::Net, self.take(Kind::Net.expected())?),
            "port" => (Kind::Port, self.take(Kind::Port.expected())?),
            address if address.parse::<IpAddr>().is_ok() => (Kind::Host, address),
            word => return Err(FilterError::Unexpected { word: word.to_owned(), expected }),
        };
        self.qualified(Qualifiers { protocol, side, kind }, word)
    }

    /// An address or a number with what stands before it, or stood before the one before it.
    fn qualified(&mut self, qualifiers: Qualifiers, word: &str) -> Result<Node, FilterError> {
        let Qualifiers { protocol, side, kind } = qualifiers;
        let read = match kind {
            Kind::Host => word.parse().ok().map(|address| host(side, address)),
            Kind::Net => net(side, word),
            Kind::Port => word.parse().ok().map(|port| Term::Port(side, port)),
            Kind::Mac => word.parse().ok().map(|mac| Term::Mac(side, mac)),
        };
        let unexpected = || FilterError::Unexpected { word: word.to_owned(), expected: kind.expected() };
        let end = Node::Term(read.ok_or_else(unexpected)?);
        self.before = Some(qualifiers);
        Ok(match protocol {
            Some(protocol) => Node::And(Box::new(Node::Term(protocol)), Box::new(end)),
            None => end,
        })
    }
}

impl Kind {
    fn expected(self) -> &'static str {
        match self {
            Self::Host => "an IP address",
            Self::Net => "a network like 10.1.0.0/16",
            Self::Port => "a port number from 0 to 65535",
            Self::Mac => MAC_ADDRESS,
        }
    }
}

fn net(side: Side, word: &str) -> Option<Term> {
    let (address, bits) = word.split_once('/')?;
    let (address, bits): (IpAddr, u8) = (address.parse().ok()?, bits.parse().ok()?);
    let most = if address.is_ipv4() { 32 } else { 128 };
    (bits <= most).then_some(Term::Net(side, address, bits))
}

fn host(side: Side, address: IpAddr) -> Term {
    Term::Net(side, address, if address.is_ipv4() { 32 } else { 128 })
}

const MAC_ADDRESS: &str = "a MAC address like 02:00:00:00:00:0a";

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
