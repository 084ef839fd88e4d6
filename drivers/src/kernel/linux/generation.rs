//! Whether somebody changed the firewall, for one message to the kernel: each transaction of nftables, whoever makes it, gives the
//! rules of a namespace the next number (`nf_tables_commit` in the kernel's `nf_tables_api.c`).

use std::fs;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

use super::super::error::{KernelError, Needs, Why};
use super::super::forward::{FORWARD_V4, FORWARD_V6, Forwarding};
use super::super::sysctl::SysctlKey;
use super::sysctl;

/// The length of `struct nlmsghdr` and of `struct nfgenmsg` (`linux/netlink.h`, `linux/netfilter/nfnetlink.h`).
const HEADER: usize = 16;
const FAMILY_HEADER: usize = 4;
/// The length of `struct nlattr`, and what attributes are rounded up to (`NLA_ALIGNTO`).
const ATTRIBUTE: usize = 4;
/// `NLMSG_ERROR`.
const ERROR: u16 = 2;
/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// `NFNL_SUBSYS_NFTABLES`, in the upper byte of a message's type.
const NFTABLES: u16 = 10 << 8;
/// `NFT_MSG_NEWGEN` and `NFT_MSG_GETGEN` (`linux/netfilter/nf_tables.h`).
const NEW_GENERATION: u16 = NFTABLES | 15;
const GET_GENERATION: u16 = NFTABLES | 16;
/// `NFT_MSG_NEWTABLE` and `NFT_MSG_GETTABLE`.
const NEW_TABLE: u16 = NFTABLES;
const GET_TABLE: u16 = NFTABLES | 1;
/// `NFPROTO_UNSPEC` and `NFPROTO_IPV4`.
const ANY_FAMILY: u8 = 0;
const IPV4: u8 = 2;
/// `NFTA_TABLE_NAME`, a string that ends in zero.
const TABLE_NAME: u16 = 1;
/// `NFTA_GEN_ID`, a number in network byte order.
const ID: u16 = 1;
/// More than an answer has.
const ANSWER_MAX: usize = 512;

/// Where the kernel lists the tables of `iptables` before nftables, of each family.
const TABLES_OF_OLD: [&str; 2] = ["/proc/thread-self/net/ip_tables_names", "/proc/thread-self/net/ip6_tables_names"];

/// How the host forwards, in the calling thread's namespace.
pub(super) fn look() -> Result<Forwarding, KernelError> {
    let generation = match generation() {
        Ok(number) => Some(number),
        Err(Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT | Errno::EINVAL) => None,
        Err(errno) => {
            return Err(KernelError::errno("asking for the generation of the firewall", "nftables", errno, Needs::NetAdmin));
        }
    };
    Ok(Forwarding { generation, legacy: tables_of_old(), v4: is_on(FORWARD_V4)?, v6: is_on(FORWARD_V6)? })
}

/// The names of the tables of `iptables` before nftables, a line each, of IPv4 and IPv6, in the calling thread's namespace; a kernel that
/// has no such tables has no such file.
pub(super) fn tables_of_old() -> [String; 2] {
    TABLES_OF_OLD.map(|names| fs::read_to_string(names).unwrap_or_default())
}

/// Whether a family is forwarded; `None` if the kernel lacks it.
fn is_on(key: &str) -> Result<Option<bool>, KernelError> {
    match sysctl::read(&SysctlKey::new(key)?) {
        Ok(value) => Ok(Some(value != "0")),
        Err(error) if error.why() == &Why::NoSuchSetting => Ok(None),
        Err(error) => Err(error),
    }
}

/// The number of the generation of the rules in the calling thread's namespace.
pub(super) fn generation() -> Result<u32, Errno> {
    read(&ask(&request(GET_GENERATION, ANY_FAMILY, &[]))?)
}

/// Whether the calling thread's namespace has an IPv4 table of that name.
pub(super) fn has_table(name: &str) -> Result<bool, Errno> {
    let answer = ask(&request(GET_TABLE, IPV4, &attribute(TABLE_NAME, &[name.as_bytes(), &[0]].concat())))?;
    match read(&answer) {
        _ if kind(&answer) == Some(NEW_TABLE) => Ok(true),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(errno),
        Ok(_) => Err(Errno::EBADMSG),
    }
}

/// The kernel answers before it returns from the sending, so nothing is waited for.
fn ask(request: &[u8]) -> Result<Vec<u8>, Errno> {
    let kind = SockType::Raw;
    let socket = socket(AddressFamily::Netlink, kind, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkNetFilter)?;
    send(socket.as_raw_fd(), request, MsgFlags::empty())?;
    let mut answer = vec![0; ANSWER_MAX];
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT)?;
    answer.truncate(length);
    Ok(answer)
}

fn request(kind: u16, family: u8, attributes: &[u8]) -> Vec<u8> {
    let mut message = vec![0; HEADER + FAMILY_HEADER];
    let length = (HEADER + FAMILY_HEADER + attributes.len()) as u32;
    message[..4].copy_from_slice(&length.to_ne_bytes());
    message[4..6].copy_from_slice(&kind.to_ne_bytes());
    message[6..8].copy_from_slice(&REQUEST.to_ne_bytes());
    message[HEADER] = family;
    message.extend(attributes);
    message
}

fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut attribute = ((ATTRIBUTE + value.len()) as u16).to_ne_bytes().to_vec();
    attribute.extend(kind.to_ne_bytes());
    attribute.extend(value);
    attribute.resize(attribute.len().next_multiple_of(ATTRIBUTE), 0);
    attribute
}

/// What a message is.
fn kind(message: &[u8]) -> Option<u16> {
    message.get(4..6).and_then(|bytes| bytes.try_into().ok()).map(u16::from_ne_bytes)
}

/// The number that an answer holds, or the error that it is.
fn read(answer: &[u8]) -> Result<u32, Errno> {
    match kind(answer) {
        Some(NEW_GENERATION) => number(answer.get(HEADER + FAMILY_HEADER..).unwrap_or_default()).ok_or(Errno::EBADMSG),
        Some(ERROR) => {
            let code = answer.get(HEADER..HEADER + 4).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
            Err(code.map_or(Errno::EBADMSG, |code| Errno::from_raw(code.saturating_neg())))
        }
        Some(_) | None => Err(Errno::EBADMSG),
    }
}

/// The value of the attribute [`ID`].
fn number(mut attributes: &[u8]) -> Option<u32> {
    loop {
        let length = usize::from(u16::from_ne_bytes(attributes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(attributes.get(2..ATTRIBUTE)?.try_into().ok()?);
        if kind == ID {
            return Some(u32::from_be_bytes(attributes.get(ATTRIBUTE..ATTRIBUTE + 4)?.try_into().ok()?));
        }
        attributes = attributes.get(length.max(ATTRIBUTE).next_multiple_of(ATTRIBUTE)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, rest: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER + rest.len()).expect("short");
        [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &[0; 10], rest].concat()
    }

    #[test]
    fn the_number_is_found_wherever_it_stands_in_an_answer() {
        let (name, id) = (attribute(3, b"nft\0\0"), attribute(ID, &7_u32.to_be_bytes()));
        for attributes in [[id.clone(), name.clone()].concat(), [name, id].concat()] {
            assert_eq!(read(&message(NEW_GENERATION, &[&[0; 4][..], &attributes].concat())), Ok(7));
        }
    }

    #[test]
    fn an_answer_that_is_an_error_or_makes_no_sense_is_one() {
        let refused = (-libc::EPERM).to_ne_bytes();
        assert_eq!(read(&message(ERROR, &refused)), Err(Errno::EPERM));
        let whole = message(NEW_GENERATION, &[&[0; 4][..], &attribute(ID, &[0; 4])].concat());
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), Err(Errno::EBADMSG), "{length} bytes");
        }
        assert_eq!(read(&message(NEW_GENERATION, &[0; 12])), Err(Errno::EBADMSG), "attributes without a length");
    }
}
