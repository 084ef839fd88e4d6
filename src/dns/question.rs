//! Queries for the tests of names.

use domain::base::iana::{Class, Rtype};
use domain::base::{MessageBuilder, Name};
use std::str::FromStr;

/// A query for `name` as it is written, `RD` set; with `edns` it says how many bytes an answer may have.
pub(super) fn query(id: u16, name: &str, rtype: Rtype, class: Class, edns: Option<u16>) -> Vec<u8> {
    let mut message = MessageBuilder::new_vec();
    message.header_mut().set_id(id);
    message.header_mut().set_rd(true);
    let mut message = message.question();
    message.push((Name::<Vec<u8>>::from_str(name).expect("a name"), rtype, class)).expect("room");
    let mut message = message.additional();
    if let Some(size) = edns {
        let sized = message.opt(|opt| {
            opt.set_udp_payload_size(size);
            Ok(())
        });
        sized.expect("room");
    }
    message.finish()
}
