//! What only a real kernel can show: whether the host takes nothing, and whether nothing of ours keeps a namespace.

use std::fs;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::thread;

use ipnet::IpNet;
use lanloom_drivers::kernel::{CapabilityKind, Kernel, LinuxKernel, Netns, SysctlKey, VethSpec, Why};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use super::bench::{Bench, Twin, eventually, if_name, names, netns_name, veth};
use super::firewalls::firewall;

/// What a thread inside the namespace does.
pub(crate) fn inside<T: Send + 'static>(netns: &Netns, work: impl FnOnce() -> T + Send + 'static) -> T {
    let path = netns.path();
    let inside = move || {
        setns(fs::File::open(path).expect("the namespace"), CloneFlags::CLONE_NEWNET).expect("entered");
        work()
    };
    thread::spawn(inside).join().expect("a thread")
}

/// What a command says that is run inside the namespace; its words have no blanks in them.
pub(crate) fn run(netns: &Netns, command: &str) -> String {
    let words: Vec<_> = command.split(' ').map(str::to_owned).collect();
    let output = inside(netns, move || {
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
        std::process::Command::new(&words[0]).args(&words[1..]).env("PATH", path).output().expect("a program")
    });
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// What a thread inside the namespace reads from a file.
fn read_inside(netns: &Netns, file: &str) -> String {
    let file = file.to_owned();
    inside(netns, || fs::read_to_string(file).expect("a file of the namespace"))
}

/// Has a thread inside the namespace write to a file.
fn write_inside(netns: &Netns, file: &str, text: &str) {
    let (file, text) = (file.to_owned(), text.to_owned());
    inside(netns, || fs::write(file, text).expect("a setting of the namespace"));
}

/// The interfaces that have an IPv6 address, as the namespace's kernel lists them.
fn ipv6_interfaces(netns: &Netns) -> Vec<String> {
    let lines = read_inside(netns, "/proc/thread-self/net/if_inet6");
    lines.lines().filter_map(|line| line.split_whitespace().last().map(str::to_owned)).collect()
}

/// No address, no IPv6, no forwarding: there is nothing in it that could answer.
fn assert_still(plumbing: &Netns) {
    assert_eq!(ipv6_interfaces(plumbing), Vec::<String>::new());
    assert_eq!(read_inside(plumbing, "/proc/sys/net/ipv4/ip_forward").trim(), "0");
    assert_eq!(read_inside(plumbing, "/proc/sys/net/ipv6/conf/default/disable_ipv6").trim(), "1");
    let addresses = read_inside(plumbing, "/proc/thread-self/net/fib_trie");
    assert!(!addresses.contains("LOCAL"), "{addresses}");
}

#[tokio::test]
async fn the_host_takes_nothing_from_the_plumbing_s_ends() {
    let Some(bench) = Bench::new(Twin::Linux) else { return };
    for at in [None, Some(bench.dir.join("plumbing"))] {
        let netns = bench.netns(if at.is_some() { "a" } else { "b" }).await;
        let plumbing = bench.kernel.open_plumbing(at.as_deref()).await.expect("plumbing");
        bench.kernel.create_veth(&veth(&netns, &plumbing)).await.expect("a veth");
        // The guest end has its link-local address, as the kernel gives it; that the other has none is no matter of time then.
        eventually("the guest end has an IPv6 address", async || ipv6_interfaces(&netns).contains(&"e0".to_owned())).await;
        assert_still(&plumbing);
    }
}

#[tokio::test]
async fn adopted_plumbing_is_set_right() {
    let Some(bench) = Bench::new(Twin::Linux) else { return };
    // A namespace that somebody made otherwise: IPv6 is on, `lo` up, frames are forwarded, and an interface has addresses.
    let netns = bench.netns("plumbing").await;
    bench.kernel.create_veth(&veth(&netns, &netns)).await.expect("a veth");
    for address in ["10.0.0.1/24", "10.0.0.2/24", "fd00::1/64"] {
        let address = address.parse().expect("an address");
        bench.kernel.create_address(&netns, &if_name("e0"), address).await.expect("an address");
    }
    write_inside(&netns, "/proc/sys/net/ipv4/ip_forward", "1");
    assert!(!ipv6_interfaces(&netns).is_empty());
    bench.kernel.open_plumbing(Some(&netns.path())).await.expect("adopted");
    assert_still(&netns);
    assert!(!bench.kernel.link(&netns, &if_name("lo")).await.expect("there").up);
    bench.kernel.open_plumbing(Some(&netns.path())).await.expect("adopted again");
}

#[tokio::test]
async fn plumbing_is_still_where_proc_sys_is_read_only_too() {
    let Some(bench) = Bench::new(Twin::Linux) else { return };
    let dir = bench.dir.clone();
    // A thread whose /proc/sys is as a container's; the kernel's threads begin where the one that asks is.
    let contained = move || {
        let none = None::<&str>;
        unshare(CloneFlags::CLONE_NEWNS).expect("mounts of its own");
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("private mounts");
        mount(Some("/proc/sys"), "/proc/sys", none, MsFlags::MS_BIND, none).expect("a bind mount");
        let read_only = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(none, "/proc/sys", none, read_only, none).expect("read-only");
        fs::write("/proc/sys/net/ipv4/ip_forward", "0").expect_err("it is read-only");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(LinuxKernel::new(dir).open_plumbing(None)).expect("plumbing")
    };
    let plumbing = thread::spawn(contained).join().expect("a thread");
    let netns = bench.netns("a").await;
    bench.kernel.create_veth(&veth(&netns, &plumbing)).await.expect("a veth");
    eventually("the guest end has an IPv6 address", async || ipv6_interfaces(&netns).contains(&"e0".to_owned())).await;
    assert_still(&plumbing);
}

#[tokio::test]
async fn a_crash_s_empty_file_is_taken_over_and_anything_else_is_not() {
    let Some(bench) = Bench::new(Twin::Linux) else { return };
    bench.netns("a").await;
    let file = |name: &str| bench.dir.join(name);
    fs::write(file("stale"), "").expect("an empty file");
    fs::write(file("mine"), "something").expect("a file");
    assert_eq!(bench.kernel.list_netns().await.expect("names"), ["a"], "what is not mounted is no namespace");
    bench.netns("stale").await;
    assert_eq!(bench.kernel.list_netns().await.expect("names"), ["a", "stale"]);
    bench.kernel.create_netns(&netns_name("mine")).await.expect_err("somebody's file");
    bench.kernel.delete_netns(&Netns::At(file("mine"))).await.expect_err("no namespace");
    assert_eq!(fs::read_to_string(file("mine")).expect("untouched"), "something");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interface_that_the_kernel_does_not_delete_is_refused_with_its_reason_and_stays() {
    let Some(bench) = Bench::new(Twin::Linux) else { return };
    let netns = bench.netns("a").await;
    let error = bench.kernel.delete_link(&netns, &if_name("lo")).await.expect_err("nobody deletes that");
    assert!(error.to_string().contains("lo in ") && error.why() != &Why::NoSuchLink, "{error}");
    assert_eq!(names(&*bench.kernel, &netns).await, ["lo"]);
}

#[tokio::test]
async fn who_is_still_inside_a_deleted_namespace_is_told() {
    let Some(bench) = Bench::new(Twin::Linux) else { return };
    let netns = bench.netns("a").await;
    let path = netns.path();
    let begin = move || {
        setns(fs::File::open(path).expect("the namespace"), CloneFlags::CLONE_NEWNET).expect("entered");
        std::process::Command::new("sleep").arg("600").spawn().expect("a process")
    };
    let mut inside = thread::spawn(begin).join().expect("a thread");
    let occupants = bench.kernel.delete_netns(&netns).await.expect("deleted");
    inside.kill().expect("ended");
    inside.wait().expect("ended");
    let told: Vec<_> = occupants.iter().map(|one| (one.pid, one.command.as_str())).collect();
    assert_eq!(told, [(inside.id(), "sleep")]);
}

#[tokio::test]
async fn operations_of_many_tasks_at_once_do_not_meet() {
    let Some(bench) = Bench::new(Twin::Linux) else { return };
    let plumbing = bench.kernel.open_plumbing(None).await.expect("plumbing");
    let make = |number: usize| {
        let (kernel, plumbing) = (bench.kernel.clone(), plumbing.clone());
        async move {
            let netns = kernel.create_netns(&netns_name(&format!("n{number}"))).await?;
            let spec = VethSpec { peer_name: if_name(&format!("p{number}")), ..veth(&netns, &plumbing) };
            kernel.create_veth(&spec).await?;
            kernel.delete_netns(&netns).await
        }
    };
    let tasks: Vec<_> = (0..16).map(|number| tokio::spawn(make(number))).collect();
    for task in tasks {
        assert_eq!(task.await.expect("no panic").expect("made and deleted"), []);
    }
    assert_eq!(bench.kernel.list_netns().await.expect("names"), Vec::<String>::new());
    eventually("all ends are gone", async || names(&*bench.kernel, &plumbing).await == ["lo"]).await;
}

#[tokio::test]
async fn an_ipv6_address_is_usable_at_once() {
    let Some(bench) = Bench::new(Twin::Linux) else { return };
    let netns = bench.netns("a").await;
    bench.kernel.create_veth(&veth(&netns, &netns)).await.expect("a veth");
    let address = "fd00::1/64".parse().expect("an address");
    bench.kernel.create_address(&netns, &if_name("e0"), address).await.expect("an address");
    let path = netns.path();
    // An address still being looked for twins of cannot be bound (RFC 4862, 5.4).
    let bind = move || {
        setns(fs::File::open(path).expect("the namespace"), CloneFlags::CLONE_NEWNET).expect("entered");
        UdpSocket::bind("[fd00::1]:0").map(drop)
    };
    thread::spawn(bind).join().expect("a thread").expect("bound");
}

#[tokio::test]
async fn sockets_opened_inside_are_reached_from_inside_alone() {
    let Some(bench) = Bench::new(Twin::Linux) else { return };
    let netns = bench.netns("a").await;
    let any = SocketAddr::from(([127, 0, 0, 11], 0));
    let listening = bench.kernel.listen(&netns, any, any).await.expect("listening");
    let (udp, tcp) = (listening.udp.local_addr().expect("bound"), listening.tcp.local_addr().expect("bound"));
    let path = netns.path();
    let ask = move || {
        setns(fs::File::open(path).expect("the namespace"), CloneFlags::CLONE_NEWNET).expect("entered");
        TcpStream::connect(tcp).expect("connected");
        let socket = UdpSocket::bind("127.0.0.1:0").expect("bound");
        socket.send_to(b"hello", udp).expect("sent");
    };
    thread::spawn(ask).join().expect("a thread");
    listening.tcp.accept().expect("it connected");
    let stream = bench.kernel.open_tcp(&netns, tcp).await.expect("connected from inside");
    assert_eq!(stream.peer_addr().expect("connected"), tcp);
    listening.tcp.accept().expect("it connected too");
    assert!(bench.kernel.open_tcp(&Netns::Daemon, tcp).await.is_err(), "nobody listens there outside");
    let mut bytes = [0; 9];
    assert_eq!(listening.udp.recv(&mut bytes).map(|length| &bytes[..length]).expect("it sent"), b"hello");
}

#[tokio::test]
async fn an_interface_with_a_dot_has_settings() {
    let Some(bench) = Bench::new(Twin::Linux) else { return };
    let netns = bench.netns("a").await;
    let spec = VethSpec { name: if_name("e0.7"), ..veth(&netns, &netns) };
    bench.kernel.create_veth(&spec).await.expect("a veth");
    for name in ["net/ipv4/conf/e0.7/proxy_arp", "net.ipv4.conf.e0/7.forwarding"] {
        let key = SysctlKey::new(name).expect("valid");
        bench.kernel.set_sysctl(&netns, &[(key.clone(), "1".to_owned())]).await.expect("changed");
        assert_eq!(read_inside(&netns, &format!("/proc/sys/{}", key.parts().collect::<Vec<_>>().join("/"))).trim(), "1");
    }
}

#[tokio::test]
async fn where_nft_is_missing_its_package_is_named() {
    let Some(bench) = Bench::new(Twin::Linux) else { return };
    let netns = bench.netns("host").await;
    let without = LinuxKernel::new(&bench.dir).with_host(netns).with_programs(vec![bench.dir.clone()]);
    let error = without.set_firewall(&firewall(Vec::new())).await.expect_err("it is missing");
    assert_eq!(error.why(), &Why::MissingTool { tool: "nft", package: "nftables" });
    assert!(error.hint().contains("apt install nftables"), "{error}");
    let told = without.capabilities().await.into_iter().find(|one| one.kind == CapabilityKind::Nft).expect("it is told");
    let missing = told.missing.expect("and missing");
    assert!(missing.brings.contains("apt install nftables"), "{missing:?}");
}

#[tokio::test]
async fn a_kernel_with_all_programs_can_give_networks_egress() {
    let Some(bench) = Bench::new(Twin::Linux).filter(|bench| !bench.lacks(&["nft"])) else { return };
    let told = bench.kernel.capabilities().await;
    for kind in [CapabilityKind::Nft, CapabilityKind::IpForward] {
        let capability = told.iter().find(|one| one.kind == kind).expect("it is told");
        assert!(capability.is_available(), "{capability}");
    }
}

#[tokio::test]
async fn a_setting_that_can_only_be_written_is_written() {
    let Some(bench) = Bench::new(Twin::Linux) else { return };
    let netns = bench.netns("a").await;
    let flush = SysctlKey::new("net.ipv4.route.flush").expect("valid");
    bench.kernel.sysctl(&netns, &flush).await.expect_err("it cannot be read");
    bench.kernel.set_sysctl(&netns, &[(flush, "1".to_owned())]).await.expect("written");
}

#[tokio::test]
async fn of_more_routes_than_anybody_needs_not_all_are_read_and_other_interfaces_are_shown_whole() {
    let Some(bench) = Bench::new(Twin::Linux) else { return };
    let netns = bench.netns("a").await;
    bench.kernel.create_veth(&veth(&netns, &netns)).await.expect("a veth");
    let subnet: IpNet = "10.2.0.1/24".parse().expect("an address");
    bench.kernel.create_address(&netns, &if_name("p0"), subnet).await.expect("an address");
    let line = |at: u32| format!("route add 172.{}.{}.{}/32 dev e0\n", 16 + (at >> 16), at >> 8 & 255, at & 255);
    let batch = bench.dir.join("routes");
    fs::write(&batch, (0..20_000).map(line).collect::<String>()).expect("a file");
    run(&netns, &format!("ip -batch {}", batch.display()));
    let e0 = bench.kernel.look_inside(&netns, &if_name("e0")).await.expect("seen");
    assert!(!e0.all_routes && e0.routes.len() < 20_000, "{} routes", e0.routes.len());
    let p0 = bench.kernel.look_inside(&netns, &if_name("p0")).await.expect("seen");
    assert!(p0.all_routes && p0.routes.iter().any(|route| route.to == subnet.trunc()), "{:?}", p0.routes);
    assert!(p0.routes.iter().all(|route| route.dev == if_name("p0")), "{:?}", p0.routes);
}
