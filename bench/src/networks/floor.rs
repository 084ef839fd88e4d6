//! The kernel's own floor under a connection: what it takes to move an interface into a namespace and to delete one, asked by
//! rtnetlink without anything else. Both wait until no CPU reads what they change (RCU), however little there is to do.

use crate::fault::{Fault, Result, Tried};
use crate::netns::Netns;
use crate::networks::figure::Operation;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

/// Two namespaces and a socket in the first.
pub(crate) struct Floor {
    near: Netns,
    far: Netns,
    socket: OwnedFd,
}

impl Floor {
    /// # Errors
    /// If a namespace cannot be made.
    pub(crate) fn new() -> Result<Self> {
        let (near, far) = (Netns::create("floor-near")?, Netns::create("floor-far")?);
        let open = || {
            let netlink = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute);
            netlink.tried(|| "opening a socket for rtnetlink")
        };
        let socket = near.enter(open)?;
        Ok(Self { near, far, socket })
    }

    /// Moves one end of a veth pair and deletes the other, and so both. In milliseconds.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(crate) fn measure(&self) -> Result<[(Operation, f64); 2]> {
        self.near.ip(&["link", "add", "near", "type", "veth", "peer", "name", "moved"])?;
        let index = |name: &str| self.near.enter(|| if_nametoindex(name).tried(|| format!("looking for {name}")));
        let (near, moved) = (index("near")?, index("moved")?);
        let path = Path::new(crate::leftovers::NETNS_DIR).join(self.far.name());
        let far = File::open(&path).tried(|| format!("opening {}", path.display()))?;
        let begin = Instant::now();
        self.request(libc::RTM_NEWLINK, moved, Some(far.as_raw_fd())).tried(|| "moving an interface")?;
        let (move_time, begin) = (begin.elapsed(), Instant::now());
        self.request(libc::RTM_DELLINK, near, None).tried(|| "deleting an interface")?;
        let remove_time = begin.elapsed();
        Ok([(Operation::Move, move_time), (Operation::Remove, remove_time)]
            .map(|(what, time)| (what, time.as_secs_f64() * 1e3)))
    }

    /// Sends a message about an interface and waits for its acknowledgement.
    fn request(&self, kind: u16, index: u32, namespace: Option<i32>) -> Result<()> {
        send(self.socket.as_raw_fd(), &message(kind, index, namespace), MsgFlags::empty()).tried(|| "sending to rtnetlink")?;
        let mut answer = [0; 512];
        let length = recv(self.socket.as_raw_fd(), &mut answer, MsgFlags::empty()).tried(|| "receiving from rtnetlink")?;
        match error(&answer[..length]) {
            Some(0) => Ok(()),
            Some(code) => Err(Fault::on("asking rtnetlink", std::io::Error::from_raw_os_error(-code))),
            None => Err(Fault::on("asking rtnetlink", "the answer is no acknowledgement")),
        }
    }
}

/// netlink(7) and rtnetlink(7): the header, an `ifinfomsg` that names the interface, and where it is to go as an attribute.
fn message(kind: u16, index: u32, namespace: Option<i32>) -> Vec<u8> {
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16;
    let attribute =
        namespace.map(|fd| [&8u16.to_ne_bytes()[..], &libc::IFLA_NET_NS_FD.to_ne_bytes(), &fd.to_ne_bytes()].concat());
    let attribute = attribute.unwrap_or_default();
    let length = (HEADER_LEN + IFINFOMSG_LEN + attribute.len()) as u32;
    let header = [&length.to_ne_bytes()[..], &kind.to_ne_bytes(), &flags.to_ne_bytes(), &[0; 8]].concat();
    let ifinfomsg = [&[0; 4][..], &index.to_ne_bytes(), &[0; 8]].concat();
    [header, ifinfomsg, attribute].concat()
}

/// The code of an acknowledgement: 0, or an error as a negative number.
fn error(answer: &[u8]) -> Option<i32> {
    let kind = u16::from_ne_bytes(answer.get(4..6)?.try_into().ok()?);
    let code = i32::from_ne_bytes(answer.get(HEADER_LEN..HEADER_LEN + 4)?.try_into().ok()?);
    (i32::from(kind) == libc::NLMSG_ERROR).then_some(code)
}

const HEADER_LEN: usize = 16;
const IFINFOMSG_LEN: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_as_long_as_it_says() {
        for (namespace, length) in [(None, 32), (Some(3), 40)] {
            let message = message(libc::RTM_NEWLINK, 7, namespace);
            assert_eq!(message.len(), length);
            assert_eq!(message[..4], (length as u32).to_ne_bytes());
        }
    }

    #[test]
    fn an_acknowledgement_is_known_from_other_answers() {
        let answer = |kind: u16, code: i32| [&[0; 4][..], &kind.to_ne_bytes(), &[0; 10], &code.to_ne_bytes()].concat();
        assert_eq!(error(&answer(2, 0)), Some(0));
        assert_eq!(error(&answer(2, -19)), Some(-19));
        assert_eq!(error(&answer(16, 0)), None);
        assert_eq!(error(&[]), None);
    }
}
