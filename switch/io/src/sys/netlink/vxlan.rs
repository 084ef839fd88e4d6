//! VXLAN interfaces of the kernel's (`if_link.h`).

use super::{IFLA_IFNAME, IFLA_INFO_DATA, IFLA_LINKINFO, INFO, Nsid, RTM_GETLINK, attribute, dump, find, messages};
use std::io;

const IFLA_INFO_KIND: u16 = 1;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_VXLAN_ID: u16 = 1;
const IFLA_VXLAN_PORT: u16 = 15;
const IFLA_VXLAN_COLLECT_METADATA: u16 = 25;
const IFF_UP: u32 = 1;

/// A VXLAN interface of the kernel's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VxlanLink {
    pub(crate) ifname: String,
    /// Only then it listens.
    pub(crate) up: bool,
    /// The UDP port that it listens on.
    pub(crate) port: u16,
    /// Its network, unless it takes any.
    pub(crate) vni: Option<u32>,
    /// The number of the namespace that its socket is in, in the one that it is in itself; `None` if they are the same.
    pub(crate) underlay: Option<Nsid>,
}

/// The VXLAN interfaces of this thread's namespace.
pub(crate) fn vxlans() -> io::Result<Vec<VxlanLink>> {
    let mut kind = Vec::new();
    attribute(&mut kind, IFLA_INFO_KIND, b"vxlan\0");
    // A kernel that never had one answers with all interfaces.
    let mut body = vec![0; INFO];
    attribute(&mut body, IFLA_LINKINFO, &kind);
    let answers = dump(RTM_GETLINK, &body)?;
    Ok(answers.iter().flat_map(|answer| messages(answer)).filter_map(|(_, body)| vxlan(body)).collect())
}

/// A VXLAN interface, if that is what the message is about.
fn vxlan(body: &[u8]) -> Option<VxlanLink> {
    let flags = u32::from_ne_bytes(body.get(8..12)?.try_into().ok()?);
    let about = body.get(INFO..)?;
    let info = find(about, IFLA_LINKINFO)?;
    let data = (find(info, IFLA_INFO_KIND)?.strip_suffix(&[0])? == b"vxlan").then(|| find(info, IFLA_INFO_DATA))??;
    let name = find(about, IFLA_IFNAME)?;
    let takes_any = find(data, IFLA_VXLAN_COLLECT_METADATA).is_some_and(|set| set != [0]);
    let vni = find(data, IFLA_VXLAN_ID).and_then(|vni| vni.try_into().ok()).map(u32::from_ne_bytes);
    let underlay = find(about, IFLA_LINK_NETNSID).and_then(|number| number.try_into().ok());
    Some(VxlanLink {
        ifname: String::from_utf8_lossy(name.strip_suffix(&[0]).unwrap_or(name)).into_owned(),
        up: flags & IFF_UP != 0,
        port: u16::from_be_bytes(find(data, IFLA_VXLAN_PORT)?.try_into().ok()?),
        vni: vni.filter(|_| !takes_any),
        underlay: underlay.map(Nsid::from_ne_bytes),
    })
}
