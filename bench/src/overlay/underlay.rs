//! The two machines that a tunnel joins, and the veth pair between them.

use crate::fault::Result;
use crate::lan::{Host, Lan};
use crate::netns::Netns;

/// The network of both tunnel ends.
pub(crate) const VNI: &str = "42";
/// What is left inside of an underlay of 1500 bytes: VXLAN over IPv4 takes 50.
pub(crate) const MTU: &str = "1450";

/// One machine: where its tunnel ends, and the host behind it.
pub(crate) struct Machine<'a> {
    pub(crate) netns: &'a Netns,
    pub(crate) host: &'a Host,
    /// Its interface on the underlay.
    pub(crate) interface: &'static str,
    /// The end of the host's veth pair, if it has one.
    pub(crate) port: &'static str,
    /// Its address on the underlay, in 10.8.0.0/24, and the other's.
    pub(crate) local: &'static str,
    pub(crate) remote: &'static str,
    /// What its files are called by.
    pub(crate) name: &'static str,
}

impl Machine<'_> {
    /// Gives the underlay's address to one of this machine's interfaces.
    ///
    /// # Errors
    /// If `ip` refuses.
    pub(crate) fn add_address(&self, interface: &str) -> Result<()> {
        self.netns.ip(&["addr", "add", &format!("{}/24", self.local), "dev", interface])?;
        self.netns.ip(&["link", "set", interface, "up"]).map(drop)
    }

    /// Joins the host to this machine by a veth pair of the tunnel's MTU.
    ///
    /// # Errors
    /// If `ip` refuses.
    pub(crate) fn add_veth(&self) -> Result<()> {
        let (inside, outside) = (self.host.netns.name(), self.netns.name());
        let words =
            ["link", "add", self.host.interface, "netns", inside, "mtu", MTU, "type", "veth", "peer", "name", self.port];
        self.netns.ip(&[&words[..], &["netns", outside]].concat())?;
        self.netns.ip(&["link", "set", self.port, "up"]).map(drop)
    }
}

/// Makes the second machine and what joins it to the first. Nobody has an address yet.
///
/// # Errors
/// If `ip` refuses.
pub(crate) fn lay(lan: &mut Lan) -> Result<()> {
    lan.add_netns()?;
    let [one, two] = machines(lan);
    let (first, second) = (one.netns.name(), two.netns.name());
    let words = ["link", "add", one.interface, "netns", first, "type", "veth", "peer", "name", two.interface, "netns", second];
    one.netns.ip(&words)?;
    for machine in [&one, &two] {
        machine.netns.ip(&["link", "set", machine.interface, "up"])?;
    }
    Ok(())
}

/// Both machines of a LAN whose underlay is laid.
pub(crate) fn machines(lan: &Lan) -> [Machine<'_>; 2] {
    const LOCALS: [&str; 2] = ["10.8.0.1", "10.8.0.2"];
    let machine = |netns, host, interface, port, at: usize, name| {
        let (local, remote) = (LOCALS[at], LOCALS[1 - at]);
        Machine { netns, host, interface, port, local, remote, name }
    };
    [machine(&lan.switch, &lan.a, "u1", "pa", 0, "h1"), machine(&lan.others[0], &lan.b, "u2", "pb", 1, "h2")]
}
