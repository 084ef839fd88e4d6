//! Port 53 of a sandbox's resolver address, redirected to the ports that the server really has.
//!
//! What comes back is rewritten by the kernel's memory of the flow. An answer that comes after it forgot (30 s for UDP) would
//! come from a strange port: the second chain gives it the right one.

use std::net::{Ipv4Addr, SocketAddr};

use nftables::batch::Batch;
use nftables::expr::Expression;
use nftables::stmt::{NAT, Statement};
use nftables::types::{NfChainType, NfFamily, NfHook};
use nix::errno::Errno;

use super::super::error::{KernelError, Needs};
use super::super::sockets::loopback_server;
use super::generation::{generation, has_table};
use super::nft::{self, NewTable, Nft, field, is, text};

/// The table in the sandbox. One sandbox has one server.
const TABLE: &str = "lanloom-dns";
/// `NF_IP_PRI_NAT_DST`, where destinations are rewritten.
const DESTINATION: i32 = -100;
/// `NF_IP_PRI_NAT_SRC`.
const SOURCE: i32 = 100;
/// The port of DNS (RFC 1035, 4.2).
const DNS: u16 = 53;

/// Redirects in the calling thread's namespace, in place of what was redirected before. Answers the number of that change, if nobody
/// made another at the same time.
pub(super) fn set(nft: &Nft, udp: SocketAddr, tcp: u16) -> Result<Option<u32>, KernelError> {
    let what = "redirecting DNS";
    let batch = ruleset(loopback_server(what, udp, tcp)?, udp.port(), tcp);
    let before = generation().ok();
    nft.apply(what, batch)?;
    Ok(generation().ok().filter(|now| before.is_some_and(|before| *now == before.wrapping_add(1))))
}

/// Whether nobody has changed a rule of the calling thread's namespace since that change. The table is looked for as well: after a
/// restart of the machine, somebody may have made as many changes as there had been.
pub(super) fn stands(change: u32) -> Result<bool, KernelError> {
    let stands = || Ok(generation()? == change && has_table(TABLE)?);
    stands().map_err(|errno: Errno| KernelError::errno("looking at a redirection of DNS", TABLE, errno, Needs::NetAdmin))
}

/// Redirects no more.
pub(super) fn delete(nft: &Nft) -> Result<(), KernelError> {
    nft.apply("ending a redirection of DNS", nft::deletion(NfFamily::IP, TABLE))
}

fn ruleset(server: Ipv4Addr, udp: u16, tcp: u16) -> Batch<'static> {
    let mut table = NewTable::new(NfFamily::IP, TABLE);
    table.chain("output", NfChainType::NAT, NfHook::Output, DESTINATION);
    table.chain("postrouting", NfChainType::NAT, NfHook::Postrouting, SOURCE);
    for (protocol, port) in [("udp", udp), ("tcp", tcp)] {
        let asked = vec![
            is(field("ip", "daddr"), text(server)),
            is(field(protocol, "dport"), number(DNS)),
            Statement::DNAT(Some(to(server, port))),
        ];
        table.rule("output", "to the server's own port", asked);
        let answered = vec![
            is(field("ip", "saddr"), text(server)),
            is(field(protocol, "sport"), number(port)),
            Statement::SNAT(Some(to(server, DNS))),
        ];
        table.rule("postrouting", "from where it was asked", answered);
    }
    table.finish()
}

fn to<'a>(address: Ipv4Addr, port: u16) -> NAT<'a> {
    NAT { addr: Some(text(address)), family: None, port: Some(number(port)), flags: None }
}

fn number<'a>(port: u16) -> Expression<'a> {
    Expression::Number(u32::from(port))
}
