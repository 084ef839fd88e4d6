//! Echo requests and replies in bytes.

use etherparse::{IcmpEchoHeader, Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type, Ipv4Header};
use std::net::IpAddr;

/// Bytes of payload, as ping(8) sends them: 64 with the header.
const PAYLOAD: usize = 56;

/// What a request carries, and only its own reply can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The number of the request.
    pub(super) sequence: u16,
    /// What tells it from all others that run at the same time. The identifier does not: the kernel sets that of some sockets.
    pub(super) cookie: u64,
}

/// In what a reply arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrapping {
    /// Alone.
    Icmp,
    /// Behind the header of IPv4, as raw sockets hand it over.
    Ipv4,
}

impl Mark {
    fn payload(self) -> [u8; PAYLOAD] {
        let mut payload = [0; PAYLOAD];
        payload.iter_mut().zip(b"lanloom ".iter().chain(&self.cookie.to_be_bytes()).cycle()).for_each(|(to, from)| *to = *from);
        payload
    }

    fn header(self) -> IcmpEchoHeader {
        IcmpEchoHeader { id: self.cookie as u16, seq: self.sequence }
    }

    /// The request to an address.
    pub(super) fn request(self, to: IpAddr) -> Vec<u8> {
        let payload = self.payload();
        match to {
            IpAddr::V4(_) => {
                let header = Icmpv4Header::with_checksum(Icmpv4Type::EchoRequest(self.header()), &payload);
                [&header.to_bytes()[..], &payload].concat()
            }
            IpAddr::V6(_) => {
                // The kernel finishes this checksum, for it alone knows the source address (RFC 3542 clause 3.1).
                let header = Icmpv6Header::new(Icmpv6Type::EchoRequest(self.header()));
                [&header.to_bytes()[..], &payload].concat()
            }
        }
    }

    /// Whether these bytes, from that address, are the reply.
    pub(super) fn is_answered_by(self, bytes: &[u8], from: IpAddr, wrapping: Wrapping) -> bool {
        let answer = match from {
            IpAddr::V4(_) => unwrapped(bytes, wrapping).and_then(reply_v4),
            IpAddr::V6(_) => reply_v6(bytes),
        };
        answer.is_some_and(|(sequence, payload)| sequence == self.sequence && payload == self.payload())
    }
}

fn unwrapped(bytes: &[u8], wrapping: Wrapping) -> Option<&[u8]> {
    match wrapping {
        Wrapping::Icmp => Some(bytes),
        Wrapping::Ipv4 => Ipv4Header::from_slice(bytes).ok().map(|(_, behind)| behind),
    }
}

fn reply_v4(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (header, payload) = Icmpv4Header::from_slice(bytes).ok()?;
    let Icmpv4Type::EchoReply(echo) = header.icmp_type else { return None };
    Some((echo.seq, payload))
}

fn reply_v6(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (header, payload) = Icmpv6Header::from_slice(bytes).ok()?;
    let Icmpv6Type::EchoReply(echo) = header.icmp_type else { return None };
    Some((echo.seq, payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const MARK: Mark = Mark { sequence: 3, cookie: 0x0102_0304_0506_0708 };
    const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    /// The request turned into its reply: another type, and the checksum does not matter behind the kernel.
    fn reply(to: IpAddr) -> Vec<u8> {
        let mut bytes = MARK.request(to);
        bytes[0] = if to.is_ipv4() { 0 } else { 129 };
        bytes
    }

    #[test]
    fn a_request_has_the_type_and_length_of_its_family() {
        assert_eq!((MARK.request(V4)[0], MARK.request(V6)[0]), (8, 128));
        assert_eq!((MARK.request(V4).len(), MARK.request(V6).len()), (64, 64));
    }

    #[test]
    fn only_the_reply_to_this_very_request_answers_it() {
        for to in [V4, V6] {
            assert!(MARK.is_answered_by(&reply(to), to, Wrapping::Icmp));
            assert!(!MARK.is_answered_by(&MARK.request(to), to, Wrapping::Icmp), "a request, as loopback shows it");
            assert!(!MARK.is_answered_by(&reply(to)[..63], to, Wrapping::Icmp), "it lost a byte on the way");
            let (later, other) = (Mark { sequence: 4, ..MARK }, Mark { cookie: 7, ..MARK });
            assert!(
                !later.is_answered_by(&reply(to), to, Wrapping::Icmp) && !other.is_answered_by(&reply(to), to, Wrapping::Icmp)
            );
        }
    }

    #[test]
    fn a_raw_socket_s_reply_is_read_behind_its_ip_header_and_rubbish_is_none() {
        let header = Ipv4Header::new(64, 64, etherparse::IpNumber::ICMP, [127, 0, 0, 1], [127, 0, 0, 1]).expect("it fits");
        let packet = [&header.to_bytes()[..], &reply(V4)].concat();
        assert!(MARK.is_answered_by(&packet, V4, Wrapping::Ipv4));
        for len in 0..packet.len() {
            assert!(!MARK.is_answered_by(&packet[..len], V4, Wrapping::Ipv4), "{len}");
            assert!(!MARK.is_answered_by(&packet[..len], V6, Wrapping::Icmp), "{len}");
        }
    }
}
