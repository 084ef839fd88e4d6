//! Interfaces by rtnetlink.

use std::os::fd::AsRawFd;

use futures_util::TryStreamExt;
use lanloom_switch_core::MacAddr;
use rtnetlink::packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo as Info, LinkLayerType, LinkMessage,
};
use rtnetlink::{LinkMessageBuilder, LinkUnspec, LinkVeth};

use super::super::error::{KernelError, Why};
use super::super::failing::Faults;
use super::super::link::{LinkChange, LinkInfo, LinkKind, TapMove, Veth, VethSpec};
use super::super::name::IfName;
use super::ethtool;
use super::inside::{Opened, Session};

/// Makes both ends where they belong. Moving one later would cost a wait of 16 ms in the kernel.
pub(super) fn create_veth(spec: &VethSpec, faults: &Faults) -> Result<Veth, KernelError> {
    spec.check()?;
    let what = "creating a veth";
    let peer_netns = Opened::open(&spec.peer_netns)?;
    let guest = Session::enter(&Opened::open(&spec.netns)?)?;
    faults.pass(what, &spec.name)?;
    let on = format!("{}, with {} in {}", spec.name, spec.peer_name, spec.peer_netns);
    guest.ask(what, &on, |handle| handle.link().add(veth_message(spec, &peer_netns)).execute())?;
    finish_veth(spec, faults, &guest, &peer_netns).map_err(|error| {
        let undone = delete(&guest, &spec.name);
        error.and(undone.err())
    })
}

/// What is left to do once the pair is there; the thread is in the guest's namespace, and ends in the other.
fn finish_veth(spec: &VethSpec, faults: &Faults, guest: &Session, peer_netns: &Opened) -> Result<Veth, KernelError> {
    faults.pass("turning off an interface's offloads", &spec.name)?;
    ethtool::Features::of(&spec.name, &spec.netns)?.turn_off_foreign()?;
    faults.pass("setting an interface up", &spec.peer_name)?;
    let up = LinkChange { up: Some(true), ..LinkChange::default() };
    let peer = set(&Session::enter(peer_netns)?, &spec.peer_name, &up)?;
    Ok(Veth { guest: get(guest, &spec.name)?, peer })
}

/// The guest end is up from the start; the other one cannot be, for it is made first, with nobody to connect to (`ENOTCONN`).
fn veth_message(spec: &VethSpec, peer_netns: &Opened) -> LinkMessage {
    let mut guest = LinkMessageBuilder::<LinkVeth>::new(spec.name.as_str(), spec.peer_name.as_str()).mtu(spec.mtu).up();
    let mut peer = LinkUnspec::new_with_name(spec.peer_name.as_str()).mtu(spec.mtu).setns_by_fd(peer_netns.fd.as_raw_fd());
    if let Some(mac) = spec.mac {
        guest = guest.address(mac.0.to_vec());
    }
    if let Some(frames) = spec.tx_queue_len {
        guest = guest.txqueuelen(frames);
        peer = peer.txqueuelen(frames);
    }
    guest.set_info_data(InfoData::Veth(InfoVeth::Peer(peer.build()))).build()
}

/// Moves and renames by one request, then sets it up: a TAP that is half-way is brought back.
pub(super) fn move_tap(tap: &TapMove, faults: &Faults) -> Result<LinkInfo, KernelError> {
    tap.check()?;
    let what = "moving a TAP";
    let home = Opened::open(&tap.home)?;
    let target = Opened::open(&tap.netns)?;
    let there = Session::enter(&target)?;
    refuse_taken(&there, what, &tap.name, target.inode == home.inode && tap.name == tap.from)?;
    let here = Session::enter(&home)?;
    let index = get(&here, &tap.from)?.index;
    faults.pass(what, &tap.name)?;
    let on = format!("{}, to be {} in {}", tap.from, tap.name, tap.netns);
    let moved = here
        .ask(what, &on, |handle| handle.link().change(move_message(tap, index, &home, &target)).execute())
        .and_then(|()| finish_move(tap, faults, &there));
    moved.map_err(|error| error.and(bring_back(tap, &there, &here, &home).err()))
}

fn finish_move(tap: &TapMove, faults: &Faults, there: &Session) -> Result<LinkInfo, KernelError> {
    faults.pass("setting a TAP up", &tap.name)?;
    let up = LinkChange { up: Some(true), mtu: Some(tap.mtu), mac: tap.mac, tx_queue_len: tap.tx_queue_len, name: None };
    set(there, &tap.name, &up)
}

/// The kernel would find out too, but only after having moved it.
fn refuse_taken(there: &Session, what: &'static str, name: &IfName, itself: bool) -> Result<(), KernelError> {
    match get(there, name) {
        Ok(_) if !itself => Err(KernelError::new(what, format!("{name} in {}", there.netns), Why::Exists)),
        Ok(_) => Ok(()),
        Err(error) if error.why() == &Why::NoSuchLink => Ok(()),
        Err(error) => Err(error),
    }
}

fn move_message(tap: &TapMove, index: u32, home: &Opened, target: &Opened) -> LinkMessage {
    let named = LinkUnspec::new_with_index(index).name(tap.name.as_str());
    if home.inode == target.inode { named.build() } else { named.setns_by_fd(target.fd.as_raw_fd()).build() }
}

/// Wherever the TAP has come to, it is to be at home, down, under its first name.
fn bring_back(tap: &TapMove, there: &Session, here: &Session, home: &Opened) -> Result<(), KernelError> {
    if get(here, &tap.from).is_ok() {
        return Ok(());
    }
    let found = get(there, &tap.name).or_else(|_| get(there, &tap.from))?;
    let message =
        LinkUnspec::new_with_index(found.index).down().name(tap.from.as_str()).setns_by_fd(home.fd.as_raw_fd()).build();
    there.ask("bringing a TAP back", tap.from.as_str(), |handle| handle.link().change(message).execute())
}

/// Makes all changes by one request.
pub(super) fn set(session: &Session, name: &IfName, change: &LinkChange) -> Result<LinkInfo, KernelError> {
    change.check(name)?;
    let what = "changing an interface";
    let index = get(session, name)?.index;
    let mut message = LinkUnspec::new_with_index(index);
    if let Some(up) = change.up {
        message = if up { message.up() } else { message.down() };
    }
    if let Some(mtu) = change.mtu {
        message = message.mtu(mtu);
    }
    if let Some(mac) = change.mac {
        message = message.address(mac.0.to_vec());
    }
    if let Some(new) = &change.name {
        refuse_taken(session, what, new, new == name)?;
        message = message.name(new.as_str());
    }
    if let Some(frames) = change.tx_queue_len {
        message = message.txqueuelen(frames);
    }
    session.ask(what, name.as_str(), |handle| handle.link().change(message.build()).execute())?;
    get(session, change.name.as_ref().unwrap_or(name))
}

/// Deletes an interface.
pub(super) fn delete(session: &Session, name: &IfName) -> Result<(), KernelError> {
    let index = get(session, name)?.index;
    session.ask("deleting an interface", name.as_str(), |handle| handle.link().del(index).execute())
}

/// One interface.
pub(super) fn get(session: &Session, name: &IfName) -> Result<LinkInfo, KernelError> {
    let what = "looking at an interface";
    let answer = session.ask(what, name.as_str(), |handle| {
        let mut answers = Box::pin(handle.link().get().match_name(name.as_str()).execute());
        async move { answers.try_next().await }
    })?;
    let absent = || KernelError::new(what, format!("{name} in {}", session.netns), Why::NoSuchLink);
    answer.as_ref().map(read).ok_or_else(absent)
}

/// All interfaces, by number.
pub(super) fn list(session: &Session) -> Result<Vec<LinkInfo>, KernelError> {
    let messages: Vec<_> = session.ask("listing interfaces", "all", |handle| handle.link().get().execute().try_collect())?;
    let mut links: Vec<_> = messages.iter().map(read).collect();
    links.sort_by_key(|link| link.index);
    Ok(links)
}

/// Reads the kernel's description.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kernel tells a hundred things more")]
fn read(message: &LinkMessage) -> LinkInfo {
    let mut link = LinkInfo {
        name: String::new(),
        index: message.header.index,
        mtu: 0,
        mac: None,
        up: message.header.flags.contains(LinkFlags::Up),
        carrier: message.header.flags.contains(LinkFlags::LowerUp),
        kind: plain_kind(message.header.link_layer_type),
        tx_queue_len: 0,
        pair: None,
    };
    let mut lower = None;
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::Mtu(mtu) => link.mtu = *mtu,
            LinkAttribute::Address(bytes) => link.mac = bytes.as_slice().try_into().ok().map(MacAddr),
            LinkAttribute::TxQueueLen(frames) => link.tx_queue_len = *frames,
            LinkAttribute::Link(index) => lower = Some(*index),
            LinkAttribute::LinkInfo(infos) => link.kind = kind(infos).unwrap_or(link.kind),
            _ => {}
        }
    }
    // Of other kinds it is what they stand on.
    link.pair = lower.filter(|_| link.kind == LinkKind::Veth);
    link
}

fn plain_kind(layer: LinkLayerType) -> LinkKind {
    if layer == LinkLayerType::Loopback { LinkKind::Loopback } else { LinkKind::Device }
}

fn kind(infos: &[Info]) -> Option<LinkKind> {
    let kind = infos.iter().find_map(|info| if let Info::Kind(kind) = info { Some(kind) } else { None })?;
    #[expect(clippy::wildcard_enum_match_arm, reason = "of fifty kinds, these are ours to know")]
    Some(match kind {
        InfoKind::Veth => LinkKind::Veth,
        InfoKind::Tun => LinkKind::Tun,
        InfoKind::Bridge => LinkKind::Bridge,
        InfoKind::Vxlan => LinkKind::Vxlan,
        other => LinkKind::Other(other.to_string()),
    })
}
