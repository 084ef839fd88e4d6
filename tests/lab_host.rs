//! The host and the sandboxes do not meet on a port: nothing that a sandbox sends reaches the stack of the host that the
//! switch runs on, and nothing of the host's reaches the sandbox. A port on the host's own interface leaves the host its frames.
//!
//! "The host" is a namespace of the test's own. Needs root, `ip` (iproute2) and `ping`.

mod lab;

use lab::sandbox::{Sandbox, may_make_namespaces, run_inside};
use lab::wire::Wire;
use lab::{Host, Kind, Lab, assert_the_law_holds, if_name, until};
use lanloom_drivers::kernel::Kernel;
use lanloom_switch_core::{MacAddr, PortConfig};
use lanloom_switch_io::capture::{Heard, Scope};
use lanloom_switch_io::plug::{Plug, Source, SourceKind};
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, socket};
use std::net::{IpAddr, Ipv6Addr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// Time in which an answer that is not to come would have come a thousand times.
const SILENCE: Duration = Duration::from_millis(500);

#[test]
fn a_sandbox_on_a_veth_port_gets_no_answer_from_its_host_nor_the_host_a_frame_of_it() {
    if !may_make_namespaces() {
        return;
    }
    let host = Sandbox::new();
    host.inside(|| {
        let interface = HostInterface::new(&host);
        let lab = Lab::new().expect("namespaces can be made");
        let (guest, neighbour) = (lab.host(Kind::Veth), lab.host(Kind::Veth));
        let peer_macs = peer_macs(&lab);
        let everything = Everything::open();
        let mut wire = Wire::on(&guest);

        // The neighbour answers, so that silence means something.
        for address in neighbour.addresses() {
            guest.sandbox.run(&format!("ping -q -c 1 -W 10 {address}"));
        }
        for address in interface.addresses {
            assert!(!answers(&guest, &address.to_string()), "the host answered for {address}");
            let listener = TcpListener::bind((address, 0)).expect("a listener on the host");
            let there = listener.local_addr().expect("an address");
            let connect = || guest.sandbox.inside(|| TcpStream::connect_timeout(&there, SILENCE));
            assert!(connect().is_err(), "a sandbox connected to its host at {there}");
            // Without asking for the address, straight to the end that the switch has.
            for mac in &peer_macs {
                guest.sandbox.ip(&format!("neigh replace {address} lladdr {mac} dev e0"));
                assert!(connect().is_err(), "a sandbox connected to its host at {there} through {mac}");
            }
        }
        for mac in peer_macs {
            let address = link_local(mac);
            assert!(!answers(&guest, &format!("{address}%e0")), "the host end answered for {address}");
        }
        let learned =
            |line: &&str| line.contains("lladdr") && interface.addresses.iter().any(|own| line.starts_with(&own.to_string()));
        guest.sandbox.ip("neigh flush nud permanent");
        for address in interface.addresses {
            answers(&guest, &address.to_string());
        }
        assert_eq!(guest.sandbox.ip("neigh show").lines().find(learned), None, "an address of the host's was resolved");
        let all_nodes = guest.sandbox.attempt("ping -c 1 -W 0.5 ff02::1%e0");
        let told = String::from_utf8_lossy(&all_nodes.stdout).into_owned();
        let from = |line: &&str| line.contains("bytes from") && !line.contains(&link_local(neighbour.mac).to_string());
        assert_eq!(told.lines().filter(from).find(|line| !line.contains(&link_local(guest.mac).to_string())), None, "{told}");

        for address in guest.addresses() {
            assert!(!host.attempt(&format!("ping -q -c 1 -W 0.5 {address}")).status.success(), "the host reached {address}");
        }
        assert_eq!(wire.drain(interface.mac.0), [], "frames of the host's in the sandbox");

        let known = [host.ip("neigh show"), run_inside(&lab.plumbing, "ip neigh show")].concat();
        assert!(!known.contains(&guest.mac.to_string()), "the host knows the sandbox: {known}");
        host.run("ping -q -c 1 127.0.0.1");
        let seen = everything.frames();
        assert!(!seen.is_empty(), "the host's capture sees the host's own frames");
        let theirs = |frame: &&Vec<u8>| frame.windows(6).take(7).any(|at| at == guest.mac.0 || at == neighbour.mac.0);
        assert_eq!(seen.iter().find(theirs), None, "a frame of the sandbox's in the host's namespace");
        assert_the_law_holds(&lab.switch);
    });
}

/// Whether an echo request of a host's is answered.
fn answers(from: &Host, address: &str) -> bool {
    from.sandbox.attempt(&format!("ping -q -c 1 -W 0.5 {address}")).status.success()
}

/// The addresses of the ends that the switch has.
fn peer_macs(lab: &Lab) -> Vec<MacAddr> {
    let links = lab.wait(lab.kernel.list_links(&lab.plumbing));
    let macs: Vec<MacAddr> = links.iter().filter(|link| link.name.starts_with('p')).filter_map(|link| link.mac).collect();
    assert_eq!(macs.len(), 2);
    macs
}

/// The address that an interface gives itself (RFC 4291, appendix A).
fn link_local(mac: MacAddr) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0.map(u16::from);
    Ipv6Addr::new(0xfe80, 0, 0, 0, (a ^ 2) << 8 | b, c << 8 | 0xff, 0xfe00 | d, e << 8 | f)
}

/// An interface of the host's with addresses of the very subnets that the sandboxes are in.
struct HostInterface {
    addresses: [IpAddr; 2],
    mac: MacAddr,
}

impl HostInterface {
    fn new(host: &Sandbox) -> Self {
        host.ip("link add h0 address 02:00:00:00:fe:01 type veth peer name h1");
        for command in
            ["addr add 10.7.0.254/24 dev h0", "addr add fd07::fe/64 dev h0 nodad", "link set h0 up", "link set h1 up"]
        {
            host.ip(command);
        }
        host.sysctl("ipv4/ip_forward", "1");
        let addresses = [[10, 7, 0, 254].into(), Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, 0xfe).into()];
        Self { addresses, mac: MacAddr([2, 0, 0, 0, 0xfe, 1]) }
    }
}

/// A socket that sees every frame of every interface of this thread's namespace.
struct Everything(OwnedFd);

impl Everything {
    fn open() -> Self {
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        Self(socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll).expect("a packet socket"))
    }

    fn frames(&self) -> Vec<Vec<u8>> {
        let mut buffer = vec![0; 65_536];
        let read = || recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()).map(|len| buffer[..len].to_vec()).ok();
        std::iter::from_fn(read).collect()
    }
}

#[test]
fn a_port_on_the_hosts_own_interface_leaves_the_host_its_frames() {
    if !may_make_namespaces() {
        return;
    }
    let (host, far) = (Sandbox::quiet(), Sandbox::quiet());
    host.inside(|| {
        let lab = Lab::new().expect("namespaces can be made");
        host.ip(&format!("link add i0 type veth peer name i0 netns {}", far.name));
        for (number, end) in [(1, &host), (2, &far)] {
            end.ip(&format!("addr add 10.8.0.{number}/24 dev i0"));
            end.ip("link set i0 up");
        }
        let source = Source { ifname: "i0".to_owned(), netns: None, kind: SourceKind::Packet, label: None };
        let plug = Plug::Interface(source, None);
        let port = lab.switch.add_port("i0", "iface://i0", plug, PortConfig::default()).expect("a port");
        lab.until_up(&lab.switch, port);
        let mut capture = lab.switch.capture(Scope::default()).expect("the switch");
        far.run("ping -q -c 3 -i 0.01 -W 10 10.8.0.1");
        let host_mac = lab.wait(lab.kernel.link(&host.netns, &if_name("i0"))).mac.expect("an address");
        let far_mac = lab.wait(lab.kernel.link(&far.netns, &if_name("i0"))).mac.expect("an address");
        let mut sources = Vec::new();
        until("the far side's requests on the port", || {
            while let Heard::Records(records) = capture.next(Duration::from_millis(1)) {
                sources.extend(records.iter().map(|record| record.source()));
            }
            sources.iter().filter(|source| **source == far_mac).count() >= 3
        });
        assert!(!sources.contains(&host_mac), "what the host sends out of its interface does not come in on the port");
        assert_the_law_holds(&lab.switch);
    });
}
