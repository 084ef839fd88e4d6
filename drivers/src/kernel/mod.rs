//! The kernel that drivers and the controller act on: namespaces, interfaces, addresses, routes.
//!
//! One trait, [`Kernel`], and three twins that pass one suite: [`LinuxKernel`] (rtnetlink), [`FakeKernel`] (in memory, without
//! rights) and [`Failing`] (a seeded wrapper that makes any call fail). It is *not* where frames pass, and it opens no port:
//! `lanloom-switch-io` opens what is made here.
//!
//! Three promises of every twin:
//! - an operation that failed has left nothing behind, or says in [`KernelError::also`] what it could not undo;
//! - an operation that was begun is ended, even when nobody waits for it any more;
//! - no descriptor stays open in a namespace after the operation, so that a deleted namespace is really gone: only where an
//!   interface was deleted, until the kernel has freed it, some 15 ms. (A netlink socket pins the namespace that it was opened in;
//!   opening one for each operation costs far less than making an interface does.)
//!
//! | module | one idea |
//! |---|---|
//! | [`name`], [`netns`], [`link`], [`sysctl`], [`plan`] | what is named, where, and what is asked for |
//! | [`firewall`] | what the host's firewall does for our networks |
//! | [`forward`] | what others' firewalls do to them |
//! | [`sockets`] | sockets opened inside a namespace |
//! | [`error`] | what went wrong, and what to do next |
//! | [`capability`] | what this kernel lets us do |
//! | [`private`] | namespaces of one's own, for who is not root |
//! | `linux`, `fake`, `failing` | the twins |

pub mod capability;
pub mod error;
mod failing;
mod fake;
pub mod firewall;
pub mod forward;
pub mod link;
mod linux;
pub mod name;
mod neighbours;
pub mod netns;
pub mod plan;
pub mod private;
pub mod sockets;
pub mod sysctl;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;

use async_trait::async_trait;
use ipnet::IpNet;

pub use capability::{Capability, CapabilityKind, Missing};
pub use error::{KernelError, Needs, Why};
pub use failing::{Failing, Faults};
pub use fake::{FakeKernel, ListeningAt};
pub use firewall::{Bystanders, Egress, Firewall, TableName};
pub use forward::{FORWARD_V4, FORWARD_V6, Forwarding, Gate, Manager, Obstacle, Opened, Others};
pub use link::{LinkChange, LinkInfo, LinkKind, Route, Seen, TapMove, Veth, VethSpec, WayTo};
pub use linux::LinuxKernel;
pub use name::{IfName, NetnsName};
pub use netns::Netns;
pub use plan::Plan;
pub use private::{PrivateError, private_namespaces};
pub use sockets::{CONNECT_PATIENCE, Listening};
pub use sysctl::SysctlKey;

/// The kernel, as far as the control plane acts on it.
#[async_trait]
pub trait Kernel: Send + Sync {
    /// Where the files of named namespaces are, as `/run/netns`.
    fn netns_dir(&self) -> &Path;

    /// Reads what users write: a name, or an absolute path. It need not exist.
    ///
    /// # Errors
    /// [`Why::InvalidName`].
    fn netns(&self, text: &str) -> Result<Netns, KernelError> {
        Netns::parse(text, self.netns_dir())
    }

    /// Makes a named namespace with `lo` up, so that `ip netns` knows it. A file of that name that is no namespace and is
    /// empty, as a crash leaves it, is taken over.
    ///
    /// # Errors
    /// [`Why::Exists`], [`Why::NotPermitted`].
    async fn create_netns(&self, name: &NetnsName) -> Result<Netns, KernelError>;

    /// Unmounts and unlinks a namespace's file. The namespace itself goes as soon as nobody is in it: the answer is who still
    /// is.
    ///
    /// # Errors
    /// [`Why::NoSuchNetns`] if there is no such file, [`Why::InvalidValue`] for a namespace without a path.
    async fn delete_netns(&self, netns: &Netns) -> Result<Vec<Occupant>, KernelError>;

    /// Whether there is such a namespace.
    ///
    /// # Errors
    /// If the path cannot be looked at.
    async fn netns_exists(&self, netns: &Netns) -> Result<bool, KernelError>;

    /// The names in [`Kernel::netns_dir`], sorted.
    ///
    /// # Errors
    /// If the directory cannot be read; one that is not there is empty.
    async fn list_netns(&self) -> Result<Vec<String>, KernelError>;

    /// The namespace where the host ends of our veths live, so that the host takes nothing from them: IPv6 off for each
    /// interface made there, no forwarding, no address, `lo` down. With a path it is mounted there and outlives a crash (one that
    /// is there already is adopted, and set right); without, it lives as long as the answer does.
    ///
    /// # Errors
    /// [`Why::NotPermitted`]; [`Why::ReadOnly`] if `/proc/sys` cannot be written.
    async fn open_plumbing(&self, at: Option<&Path>) -> Result<Netns, KernelError>;

    /// Makes a veth pair.
    ///
    /// # Errors
    /// [`Why::Exists`], [`Why::NoSuchNetns`], [`Why::InvalidValue`], [`Why::NotPermitted`].
    async fn create_veth(&self, spec: &VethSpec) -> Result<Veth, KernelError>;

    /// Moves a TAP to its place if it is not there, names it, and sets it up. On failure it is back where it was, down, under its
    /// first name.
    ///
    /// # Errors
    /// [`Why::NoSuchLink`], [`Why::Exists`], [`Why::NoSuchNetns`], [`Why::InvalidValue`], [`Why::NotPermitted`].
    async fn move_tap(&self, tap: &TapMove) -> Result<LinkInfo, KernelError>;

    /// Changes an interface, and says how it is then.
    ///
    /// # Errors
    /// [`Why::NoSuchLink`], [`Why::Exists`] (the new name), [`Why::InvalidValue`], [`Why::NotPermitted`].
    async fn set_link(&self, netns: &Netns, name: &IfName, change: &LinkChange) -> Result<LinkInfo, KernelError>;

    /// Deletes an interface; with one end of a veth goes the other. Nobody sees it any more then, no frame passes it and its name is
    /// free; that the kernel frees its memory is not waited for.
    ///
    /// # Errors
    /// [`Why::NoSuchLink`], [`Why::NoSuchNetns`], [`Why::NotPermitted`].
    async fn delete_link(&self, netns: &Netns, name: &IfName) -> Result<(), KernelError>;

    /// One interface.
    ///
    /// # Errors
    /// [`Why::NoSuchLink`], [`Why::NoSuchNetns`].
    async fn link(&self, netns: &Netns, name: &IfName) -> Result<LinkInfo, KernelError>;

    /// All interfaces of a namespace, by number.
    ///
    /// # Errors
    /// [`Why::NoSuchNetns`].
    async fn list_links(&self, netns: &Netns) -> Result<Vec<LinkInfo>, KernelError>;

    /// The offloads that an interface has on and a virtio-net header cannot describe (tunnels, SCTP), by ethtool's names: none
    /// on the guest end of our veths.
    ///
    /// # Errors
    /// [`Why::NoSuchLink`], [`Why::NoSuchNetns`].
    async fn foreign_offloads(&self, netns: &Netns, name: &IfName) -> Result<Vec<String>, KernelError>;

    /// Gives an interface an address, with the route to its subnet; an IPv6 one is usable at once (no duplicate detection).
    ///
    /// # Errors
    /// [`Why::Exists`], [`Why::NoSuchLink`], [`Why::NoSuchNetns`].
    async fn create_address(&self, netns: &Netns, name: &IfName, address: IpNet) -> Result<(), KernelError>;

    /// Takes an address from an interface.
    ///
    /// # Errors
    /// [`Why::NoSuchAddress`], [`Why::NoSuchLink`], [`Why::NoSuchNetns`].
    async fn delete_address(&self, netns: &Netns, name: &IfName, address: IpNet) -> Result<(), KernelError>;

    /// An interface's addresses, link-local ones of IPv6 left out, sorted.
    ///
    /// # Errors
    /// [`Why::NoSuchLink`], [`Why::NoSuchNetns`].
    async fn list_addresses(&self, netns: &Netns, name: &IfName) -> Result<Vec<IpNet>, KernelError>;

    /// The addresses of all interfaces of a namespace, by interface, link-local ones of IPv6 left out.
    ///
    /// # Errors
    /// [`Why::NoSuchNetns`].
    async fn list_addresses_all(&self, netns: &Netns) -> Result<Vec<(IfName, IpNet)>, KernelError>;

    /// Does all of a plan inside one entry into the namespace.
    ///
    /// # Errors
    /// Those of [`Kernel::set_link`], [`Kernel::set_sysctl`], [`Kernel::create_address`] and [`Kernel::create_route`].
    async fn configure(&self, netns: &Netns, plan: &Plan) -> Result<(), KernelError>;

    /// Changes settings of a namespace, in order: all, or none.
    ///
    /// # Errors
    /// [`Why::NoSuchSetting`], [`Why::NoSuchNetns`], [`Why::InvalidValue`], [`Why::NotPermitted`], [`Why::ReadOnly`];
    /// [`Why::Os`] for a value that the kernel does not take.
    async fn set_sysctl(&self, netns: &Netns, sysctls: &[(SysctlKey, String)]) -> Result<(), KernelError>;

    /// One setting of a namespace.
    ///
    /// # Errors
    /// [`Why::NoSuchSetting`], [`Why::NoSuchNetns`].
    async fn sysctl(&self, netns: &Netns, key: &SysctlKey) -> Result<String, KernelError>;

    /// Opens a pair of sockets inside a namespace, which they keep alive until they are dropped. Port 0 is one of the
    /// kernel's choice.
    ///
    /// # Errors
    /// [`Why::NoSuchNetns`]; [`Why::NoSuchAddress`] if it is not the namespace's; [`Why::Os`] with `EADDRINUSE`.
    async fn listen(&self, netns: &Netns, udp: SocketAddr, tcp: SocketAddr) -> Result<Listening, KernelError>;

    /// Opens one UDP socket inside a namespace, which it keeps alive until it is dropped; it does not block, and is closed in
    /// a process that is started.
    ///
    /// # Errors
    /// As [`Kernel::listen`].
    async fn open_udp(&self, netns: &Netns, local: SocketAddr) -> Result<UdpSocket, KernelError>;

    /// Connects a TCP socket from inside a namespace, and gives up after [`CONNECT_PATIENCE`]. It does not block, is closed in a
    /// process that is started, and keeps the namespace alive until it is dropped.
    ///
    /// # Errors
    /// [`Why::NoSuchNetns`], [`Why::Os`] if nobody answers.
    async fn open_tcp(&self, netns: &Netns, to: SocketAddr) -> Result<TcpStream, KernelError>;

    /// Adds a route to the main table.
    ///
    /// # Errors
    /// [`Why::Exists`], [`Why::NoSuchLink`], [`Why::NoSuchNetns`], [`Why::Os`] if the gateway cannot be reached.
    async fn create_route(&self, netns: &Netns, route: &Route) -> Result<(), KernelError>;

    /// Takes a route from the main table.
    ///
    /// # Errors
    /// [`Why::NoSuchRoute`], [`Why::NoSuchLink`], [`Why::NoSuchNetns`].
    async fn delete_route(&self, netns: &Netns, route: &Route) -> Result<(), KernelError>;

    /// The routes of the main table, of both families, by destination; without those that the kernel gives each IPv6 interface.
    ///
    /// # Errors
    /// [`Why::NoSuchNetns`].
    async fn list_routes(&self, netns: &Netns) -> Result<Vec<Route>, KernelError>;

    /// How packets to an address go out of a namespace, from that source address if one is given. Nothing is sent.
    ///
    /// # Errors
    /// [`Why::NoSuchRoute`] if none leads there, [`Why::NoSuchAddress`] if the namespace does not have the source,
    /// [`Why::InvalidValue`] if the two are of different families, [`Why::NoSuchNetns`].
    async fn way_to(&self, netns: &Netns, from: Option<IpAddr>, to: IpAddr) -> Result<WayTo, KernelError>;

    /// An interface with all its addresses and its routes. Of many thousands of routes not all are read.
    ///
    /// # Errors
    /// [`Why::NoSuchLink`], [`Why::NoSuchNetns`].
    async fn look_inside(&self, netns: &Netns, name: &IfName) -> Result<Seen, KernelError>;

    /// Raises the limits `gc_thresh1` to `gc_thresh3` of the neighbour tables of both families to these numbers of entries, never
    /// lowers one, and says what it changed, a line each. All namespaces of a machine share them, and only the first one shows
    /// them: elsewhere nothing is changed, and one line says so.
    ///
    /// # Errors
    /// [`Why::NotPermitted`], [`Why::ReadOnly`].
    async fn raise_neighbour_limits(&self, at_least: [u32; 3]) -> Result<Vec<String>, KernelError>;

    /// Has the host's firewall be this, in place of what its table held before, all at once. The same again changes nothing.
    ///
    /// # Errors
    /// [`Why::MissingTool`], [`Why::InvalidValue`], [`Why::InvalidName`], [`Why::NotPermitted`], [`Why::Unsupported`].
    async fn set_firewall(&self, firewall: &Firewall) -> Result<(), KernelError>;

    /// As [`set_firewall`](Self::set_firewall), where `loaded` is loaded and the other [`extends`](Firewall::extends) it: only what is
    /// new is added, which is nothing the kernel has to wait for (2 ms, where 6 ms to 16 ms go by until a table is replaced). Fails
    /// if nothing is loaded; what else somebody changed in between stays so.
    ///
    /// # Errors
    /// Those of `set_firewall`.
    async fn extend_firewall(&self, loaded: &Firewall, firewall: &Firewall) -> Result<(), KernelError>;

    /// Deletes a table of the host's firewall with all that is in it. One that is not there is no error.
    ///
    /// # Errors
    /// [`Why::MissingTool`], [`Why::NotPermitted`], [`Why::Unsupported`].
    async fn delete_firewall(&self, table: &TableName) -> Result<(), KernelError>;

    /// Whether what is loaded is what was asked for: somebody may have flushed it.
    ///
    /// # Errors
    /// [`Why::MissingTool`], [`Why::NotPermitted`], [`Why::Unsupported`].
    async fn firewall_intact(&self, firewall: &Firewall) -> Result<bool, KernelError>;

    /// The bystanders that a loaded table knows: what we found the host to be survives a restart there. None of a table that is
    /// not there.
    ///
    /// # Errors
    /// [`Why::MissingTool`], [`Why::NotPermitted`], [`Why::Unsupported`].
    async fn bystanders(&self, table: &TableName) -> Result<Bystanders, KernelError>;

    /// The gateway interfaces that each loaded table knows whose name begins so: those of all daemons.
    ///
    /// # Errors
    /// [`Why::MissingTool`], [`Why::NotPermitted`], [`Why::Unsupported`].
    async fn gateways(&self, prefix: &str) -> Result<BTreeMap<TableName, BTreeSet<IfName>>, KernelError>;

    /// How the host forwards, to be compared with another reading: one message to the kernel and a few settings read.
    ///
    /// # Errors
    /// [`Why::NotPermitted`].
    async fn forwarding(&self) -> Result<Forwarding, KernelError>;

    /// What others' firewalls hold: chains that drop what is forwarded, and bridges that are kept apart.
    ///
    /// # Errors
    /// [`Why::MissingTool`], [`Why::NotPermitted`], [`Why::Unsupported`].
    async fn others(&self) -> Result<Others, KernelError>;

    /// Has each of these obstacles accept what comes from these gateway interfaces, what goes to them and belongs to a flow that is
    /// known, and what is new where they let that in, by rules that the comment marks: these and no others any more. The same again
    /// changes nothing.
    ///
    /// # Errors
    /// [`Why::NoPlace`], before anything is changed, if one of them has no place for that; [`Why::MissingTool`],
    /// [`Why::InvalidName`], [`Why::NotPermitted`].
    async fn open_forward(&self, obstacles: &[Obstacle], gates: &[Gate], comment: &str) -> Result<Vec<Opened>, KernelError>;

    /// Takes away the rules that the comment marks, and no others; none is no error.
    ///
    /// # Errors
    /// [`Why::MissingTool`], [`Why::InvalidName`], [`Why::NotPermitted`].
    async fn close_forward(&self, comment: &str) -> Result<(), KernelError>;

    /// Has what is sent inside a namespace to port 53 of a server's address, of UDP and TCP, reach the ports that the server
    /// really has; its answers come from port 53. In place of what was redirected there before. Answers what the namespace's rules
    /// are known by until somebody changes one of them ([`Kernel::dns_redirect_stands`]), if that can be told.
    ///
    /// # Errors
    /// [`Why::MissingTool`], [`Why::NoSuchNetns`], [`Why::NotPermitted`], [`Why::Unsupported`]; [`Why::InvalidValue`] unless the
    /// address is one of 127.0.0.0/8 and neither port is 0.
    async fn redirect_dns(&self, netns: &Netns, to: SocketAddr, tcp: u16) -> Result<Option<u32>, KernelError>;

    /// Whether a redirection of DNS is certainly as it was made, whoever made it: no rule of the namespace has changed since. Far
    /// cheaper than making it again.
    ///
    /// # Errors
    /// [`Why::NoSuchNetns`], [`Why::NotPermitted`], [`Why::Unsupported`].
    async fn dns_redirect_stands(&self, netns: &Netns, change: u32) -> Result<bool, KernelError>;

    /// Ends the redirection of DNS inside a namespace; none is no error.
    ///
    /// # Errors
    /// [`Why::MissingTool`], [`Why::NoSuchNetns`], [`Why::NotPermitted`], [`Why::Unsupported`].
    async fn delete_dns_redirect(&self, netns: &Netns) -> Result<(), KernelError>;

    /// What this kernel lets this process do, each thing tried and undone.
    async fn capabilities(&self) -> Vec<Capability>;
}

/// A process that is in a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupant {
    /// Its number.
    pub pid: u32,
    /// Its command, as `/proc/PID/comm` has it.
    pub command: String,
}
