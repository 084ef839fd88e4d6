//! IPv4 and IPv6, and the transport headers in them.

use super::{application, icmp};
use etherparse::{
    IgmpSlice, IpNumber, LaxIpPayloadSlice, LaxIpv4Slice, LaxIpv6Slice, LaxSlicedPacket, TcpSlice, TransportSlice, UdpSlice,
};
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// An IP packet: between whom, and what is behind its headers.
pub(super) struct IpPacket<'a> {
    pub(super) from: IpAddr,
    pub(super) to: IpAddr,
    payload: &'a LaxIpPayloadSlice<'a>,
    /// Payload bytes that the header states, of which there may be fewer.
    stated: usize,
    truncated: bool,
}

impl<'a> IpPacket<'a> {
    /// `whole` bytes were there from the IP header on.
    pub(super) fn v4(ip: &'a LaxIpv4Slice<'a>, whole: usize) -> Self {
        let header = ip.header();
        let headers = header.slice().len() + ip.extensions().auth.map_or(0, |auth| auth.slice().len());
        let total = usize::from(header.total_len());
        Self::new(header.source_addr().into(), header.destination_addr().into(), ip.payload(), headers, total, whole)
    }

    /// `whole` bytes were there from the IP header on.
    pub(super) fn v6(ip: &'a LaxIpv6Slice<'a>, whole: usize) -> Self {
        let header = ip.header();
        let headers = header.slice().len() + ip.extensions().slice().len();
        let total = match header.payload_length() {
            0 => 0,
            len => header.slice().len() + usize::from(len),
        };
        Self::new(header.source_addr().into(), header.destination_addr().into(), ip.payload(), headers, total, whole)
    }

    fn new(from: IpAddr, to: IpAddr, payload: &'a LaxIpPayloadSlice<'a>, headers: usize, total: usize, whole: usize) -> Self {
        // Zero is what a super-frame of more than 64 KiB says.
        let stated = if total == 0 { whole } else { total }.saturating_sub(headers);
        Self { from, to, payload, stated, truncated: total > whole }
    }

    /// Writes the packet's line; with `nested`, without what a tunnel carries.
    pub(super) fn line(&self, out: &mut fmt::Formatter<'_>, packet: &LaxSlicedPacket<'_>, nested: bool) -> fmt::Result {
        match &packet.transport {
            Some(TransportSlice::Icmpv4(message)) => icmp::v4_line(out, self, message, self.behind(8))?,
            Some(TransportSlice::Icmpv6(message)) => icmp::v6_line(out, self, message, self.behind(8))?,
            Some(TransportSlice::Igmp(message)) => self.igmp_line(out, message)?,
            Some(TransportSlice::Udp(datagram)) => self.udp_line(out, datagram, nested)?,
            Some(TransportSlice::Tcp(segment)) => self.tcp_line(out, segment)?,
            None => self.other_line(out)?,
        }
        if self.truncated { out.write_str(" (truncated)") } else { Ok(()) }
    }

    /// Stated bytes behind a header of `header` bytes.
    fn behind(&self, header: usize) -> usize {
        self.stated.saturating_sub(header)
    }

    fn tcp_line(&self, out: &mut fmt::Formatter<'_>, tcp: &TcpSlice<'_>) -> fmt::Result {
        let (from, to) = self.ends(tcp.source_port(), tcp.destination_port());
        write!(out, "tcp {from} > {to} [{}] seq {}", Flags(tcp), tcp.sequence_number())?;
        if tcp.ack() {
            write!(out, " ack {}", tcp.acknowledgment_number())?;
        }
        write!(out, " len {}", self.behind(tcp.header_slice().len()))
    }

    fn udp_line(&self, out: &mut fmt::Formatter<'_>, udp: &UdpSlice<'_>, nested: bool) -> fmt::Result {
        let (from, to) = self.ends(udp.source_port(), udp.destination_port());
        let len = self.behind(8);
        if !application::line(out, from, to, udp.payload(), len, nested)? {
            write!(out, "udp {from} > {to} len {len}")?;
        }
        Ok(())
    }

    fn igmp_line(&self, out: &mut fmt::Formatter<'_>, igmp: &IgmpSlice<'_>) -> fmt::Result {
        let what = match igmp {
            IgmpSlice::MembershipQuery(_) | IgmpSlice::MembershipQueryWithSources(_) => "query",
            IgmpSlice::MembershipReportV1(_) => "v1 report",
            IgmpSlice::MembershipReportV2(_) => "v2 report",
            IgmpSlice::MembershipReportV3(_) => "v3 report",
            IgmpSlice::LeaveGroup(_) => "leave",
            IgmpSlice::Unknown(_) => "message",
        };
        write!(out, "igmp {} > {} {what}", self.from, self.to)
    }

    /// A fragment, a transport header that is cut, or a protocol of which only the name is known.
    fn other_line(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = self.payload.ip_number;
        match protocol {
            IpNumber::TCP => out.write_str("tcp ")?,
            IpNumber::UDP => out.write_str("udp ")?,
            IpNumber::ICMP => out.write_str("icmp ")?,
            IpNumber::IPV6_ICMP => out.write_str("icmp6 ")?,
            _ => write!(out, "ip protocol {} ", protocol.0)?,
        }
        let ports = (super::u16_at(self.payload.payload, 0), super::u16_at(self.payload.payload, 2));
        match (protocol, ports) {
            (IpNumber::TCP | IpNumber::UDP, (Some(from), Some(to))) if !self.payload.fragmented => {
                let (from, to) = self.ends(from, to);
                write!(out, "{from} > {to}, {} B", self.stated)
            }
            _ if self.payload.fragmented => write!(out, "{} > {} fragment, {} B", self.from, self.to, self.stated),
            _ => write!(out, "{} > {}, {} B", self.from, self.to, self.stated),
        }
    }

    fn ends(&self, from: u16, to: u16) -> (SocketAddr, SocketAddr) {
        (SocketAddr::new(self.from, from), SocketAddr::new(self.to, to))
    }
}

/// The flags of a TCP segment in tcpdump's letters.
struct Flags<'a>(&'a TcpSlice<'a>);

impl fmt::Display for Flags<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tcp = self.0;
        let flags = [
            (tcp.fin(), 'F'),
            (tcp.syn(), 'S'),
            (tcp.rst(), 'R'),
            (tcp.psh(), 'P'),
            (tcp.ack(), '.'),
            (tcp.urg(), 'U'),
            (tcp.ece(), 'E'),
            (tcp.cwr(), 'W'),
        ];
        let mut set = flags.into_iter().filter_map(|(is_set, letter)| is_set.then_some(letter)).peekable();
        if set.peek().is_none() {
            return out.write_str("none");
        }
        set.try_for_each(|letter| fmt::Write::write_char(out, letter))
    }
}
