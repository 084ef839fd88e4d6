//! An ordinary user's process makes namespaces of its own, and the kernel does there what it does for root.
//!
//! Without libtest's harness: each case is a process that must have one thread when it begins.

use std::error::Error;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use lanloom_drivers::kernel::private::{Forbidden, Step, try_private_namespaces};
use lanloom_drivers::kernel::{
    Bystanders, Capability, CapabilityKind, Egress, Firewall, IfName, Kernel, LinuxKernel, Netns, NetnsName, SysctlKey,
    TableName, VethSpec, Why, private_namespaces,
};

type Outcome = Result<(), Box<dyn Error>>;

/// The user and group that files belong to whose owner is unknown: nobody.
const NOBODY: u32 = 65_534;

/// The namespace that is made, which nobody outside must see.
const NETNS: &str = "lanloom-private";

/// A name, and what is done under it.
type Case = (&'static str, fn() -> Outcome);

/// Each is run as an ordinary user, in a process of its own.
const CASES: [Case; 4] = [
    ("a_user_makes_namespaces_and_veths_of_their_own", a_user_makes_namespaces_and_veths_of_their_own),
    ("what_a_user_lacks_is_named_with_what_brings_it", what_a_user_lacks_is_named_with_what_brings_it),
    ("the_run_directory_is_their_own_but_for_their_sockets", the_run_directory_is_their_own_but_for_their_sockets),
    ("the_setting_that_forbids_it_is_found", the_setting_that_forbids_it_is_found),
];

fn main() -> ExitCode {
    if let Ok(name) = std::env::var("LANLOOM_CASE") {
        return inner(&name);
    }
    let failed = CASES.iter().filter(|(name, _)| !run(name)).count();
    let passed = CASES.len() - failed;
    println!("\ntest result: {}. {passed} passed; {failed} failed; 0 ignored", if failed == 0 { "ok" } else { "FAILED" });
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One case, in this process.
fn inner(name: &str) -> ExitCode {
    let Some((_, case)) = CASES.iter().find(|(known, _)| *known == name) else { return ExitCode::FAILURE };
    match case() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One case, in a process of nobody's, or of whoever runs this if that is not root.
fn run(name: &str) -> bool {
    let room = Room::new(name).expect("a directory for the case");
    let mut command = Command::new(room.0.join("test"));
    command.env("LANLOOM_CASE", name).env("LANLOOM_ROOM", &room.0);
    if nix::unistd::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let ok = command.status().expect("a process").success();
    let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
    let clean = !mounts.contains(NETNS) && !Path::new("/run/netns").join(NETNS).exists();
    println!("test {name} ... {}", if ok && clean { "ok" } else { "FAILED" });
    ok && clean
}

/// A directory where nobody may run a copy of this program.
struct Room(PathBuf);

impl Room {
    fn new(name: &str) -> std::io::Result<Self> {
        let room = Self(std::env::temp_dir().join(format!("lanloom-{name}-{}", std::process::id())));
        fs::create_dir_all(&room.0)?;
        fs::copy(std::env::current_exe()?, room.0.join("test"))?;
        fs::set_permissions(&room.0, fs::Permissions::from_mode(0o755))?;
        fs::set_permissions(room.0.join("test"), fs::Permissions::from_mode(0o755))?;
        if nix::unistd::geteuid().is_root() {
            chown(&room.0, Some(NOBODY), Some(NOBODY))?;
        }
        Ok(room)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What must be so, said as an error if it is not.
fn ensure(is_so: bool, what: impl Into<String>) -> Outcome {
    if is_so { Ok(()) } else { Err(what.into().into()) }
}

fn wait<T>(future: impl Future<Output = T>) -> Result<T, Box<dyn Error>> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future))
}

fn a_user_makes_namespaces_and_veths_of_their_own() -> Outcome {
    ensure(!nix::unistd::geteuid().is_root(), "this is for an ordinary user")?;
    private_namespaces()?;
    let kernel = LinuxKernel::new("/run/netns");
    wait(async {
        let lo = kernel.link(&Netns::Daemon, &IfName::new("lo")?).await?;
        ensure(lo.up, "lo is up")?;
        let plumbing = kernel.open_plumbing(Some(Path::new("/run/lanloom/lanloom-private-plumbing"))).await?;
        let netns = kernel.create_netns(&NetnsName::new(NETNS)?).await?;
        let (name, peer_name) = (IfName::new("eth0")?, IfName::new("p0")?);
        let spec = VethSpec {
            netns: netns.clone(),
            name: name.clone(),
            peer_netns: plumbing,
            peer_name,
            mtu: 1500,
            mac: None,
            tx_queue_len: None,
        };
        let made = kernel.create_veth(&spec).await?;
        ensure(made.guest.up && made.guest.carrier, "the veth is up")?;
        ensure(kernel.foreign_offloads(&netns, &name).await?.is_empty(), "its offloads are off")?;
        kernel.create_address(&netns, &name, "fd00::1/64".parse()?).await?;
        firewalled(&kernel, &netns).await?;
        ensure(kernel.list_netns().await? == [NETNS], "the namespace is listed")?;
        ensure(ip_knows(NETNS)?, "`ip netns exec` finds it")?;
        ensure(kernel.delete_netns(&netns).await?.is_empty(), "nobody is in it")?;
        ensure(kernel.list_netns().await?.is_empty(), "the namespace is gone")
    })?
}

/// Egress and DNS in a user's own namespaces are as root's; without `nft`, the error names the package.
async fn firewalled(kernel: &LinuxKernel, netns: &Netns) -> Outcome {
    kernel.set_sysctl(&Netns::Daemon, &[(SysctlKey::new("net.ipv4.ip_forward")?, "1".to_owned())]).await?;
    let table = TableName::new("lanloom-private")?;
    let (pools, gateway) = (vec!["10.0.0.0/24".parse()?], IfName::new("gw0")?);
    let network = Egress::usual(gateway, pools);
    let firewall = Firewall { table, networks: vec![network], bystanders: Bystanders::default(), bridges: [].into() };
    match kernel.set_firewall(&firewall).await {
        Err(error) if matches!(error.why(), Why::MissingTool { .. }) && std::env::var_os("CI").is_none() => {
            eprintln!("skipped: a firewall needs the package nftables");
            return Ok(());
        }
        done => done?,
    }
    ensure(kernel.firewall_intact(&firewall).await?, "it is loaded")?;
    ensure(kernel.others().await?.obstacles.is_empty(), "nothing is in the way")?;
    Ok(kernel.redirect_dns(netns, "127.0.0.11:5353".parse()?, 5353).await.map(drop)?)
}

/// Whether iproute2 runs a command in the namespace and that command sees the interface there.
fn ip_knows(name: &str) -> Result<bool, Box<dyn Error>> {
    let output = match Command::new("ip").args(["netns", "exec", name, "cat", "/proc/self/net/dev"]).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && std::env::var_os("CI").is_none() => {
            eprintln!("skipped: ip netns exec needs the package iproute2");
            return Ok(true);
        }
        output => output?,
    };
    Ok(output.status.success() && String::from_utf8(output.stdout)?.contains("eth0:"))
}

fn what_a_user_lacks_is_named_with_what_brings_it() -> Outcome {
    let outside = LinuxKernel::new("/run/netns");
    let before = wait(outside.capabilities())?;
    ensure(!find(&before, CapabilityKind::NetworkNamespaces)?.is_available(), "an ordinary user makes none outside")?;
    ensure(find(&before, CapabilityKind::UserNamespaces)?.is_available(), format!("{before:?}"))?;
    private_namespaces()?;
    let links = || wait(outside.list_links(&Netns::Daemon));
    let links_before = links()??;
    let within = wait(outside.capabilities())?;
    ensure(links()?? == links_before, "trying leaves nothing behind")?;
    for kind in [
        CapabilityKind::NetworkNamespaces,
        CapabilityKind::Veth,
        CapabilityKind::Bridge,
        CapabilityKind::PacketVnetHeader,
        CapabilityKind::IpForward,
    ] {
        let capability = find(&within, kind)?;
        ensure(capability.is_available(), capability.to_string())?;
    }
    let openable = fs::File::options().read(true).write(true).open("/dev/net/tun").is_ok();
    let tap = find(&within, CapabilityKind::Tap)?;
    ensure(tap.is_available() == openable, format!("it is openable: {openable}; {tap}"))?;
    ensure(openable || tap.to_string().contains("/dev/net/tun"), tap.to_string())
}

fn find(all: &[Capability], kind: CapabilityKind) -> Result<&Capability, Box<dyn Error>> {
    Ok(all.iter().find(|capability| capability.kind == kind).ok_or("it is not told")?)
}

fn the_run_directory_is_their_own_but_for_their_sockets() -> Outcome {
    let users = || -> Vec<_> { fs::read_dir("/run/user").into_iter().flatten().flatten().map(|e| e.file_name()).collect() };
    let (before, room) = (users(), PathBuf::from(std::env::var("LANLOOM_ROOM")?));
    private_namespaces()?;
    let mut names: Vec<_> = fs::read_dir("/run")?.flatten().map(|entry| entry.file_name()).collect();
    names.retain(|name| name != "user");
    names.sort();
    ensure(names == ["lanloom", "netns"], format!("{names:?}"))?;
    ensure(users() == before, "what was in /run/user is there")?;
    fs::write(room.join("seen"), "from within")?;
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    ensure(!mounts.contains("shared:"), "no mount of ours reaches the machine's")
}

fn the_setting_that_forbids_it_is_found() -> Outcome {
    private_namespaces()?;
    // The limit of the user namespace that we are root of: the machine's stays what it is.
    fs::write("/proc/sys/user/max_user_namespaces", "0")?;
    let error = try_private_namespaces().err().ok_or("it is forbidden")?;
    ensure(error.step() == Step::Unshare, error.to_string())?;
    let named = matches!(error.why(), Forbidden::Setting { name: "user.max_user_namespaces", .. });
    ensure(named, error.to_string())?;
    let still = private_namespaces().err().ok_or("it is forbidden")?;
    ensure(still == error, "the whole way says the same")?;
    ensure(fs::read_dir("/run/netns").is_ok(), "and nothing has changed")
}
