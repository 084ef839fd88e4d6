//! The controller on a real kernel, in namespaces of its own: what it made carries frames, outlives `kill -9`, is found again
//! as it was, and goes without a trace. Needs root; without, it says so and ends.

use lanloom::config::SwitchSettings;
use lanloom::controller::{Controller, Guards, KernelPlugger, Networking, NewPort, Setup};
use lanloom::names::Name;
use lanloom::store::Embedded;
use lanloom_drivers::kernel::LinuxKernel;
use lanloom_switch_io::engine::PortState;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;

const DIR: &str = "LANLOOM_TEST_CONTROLLER_DIR";
const TEST: &str = "what_was_made_outlives_kill_9_and_a_reset_leaves_nothing";

/// A namespace for the daemon and one for each host, and a directory; gone with this.
struct House {
    dir: PathBuf,
}

impl House {
    fn new() -> Self {
        let dir = std::env::temp_dir().join(format!("lanloom-controller-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("netns")).expect("a directory");
        let house = Self { dir };
        for netns in ["a", "b", "c", "daemon"] {
            let file = house.netns(netns);
            std::fs::write(&file, "").expect("a file");
            run("unshare", &[&format!("--net={}", file.display()), "ip", "link", "set", "lo", "up"]);
        }
        house
    }

    fn netns(&self, name: &str) -> PathBuf {
        self.dir.join("netns").join(name)
    }

    /// What a command prints inside a namespace.
    fn inside(&self, netns: &str, command: &[&str]) -> String {
        let net = format!("--net={}", self.netns(netns).display());
        run("nsenter", &[&[net.as_str()], command].concat())
    }

    /// The interfaces of a namespace with their numbers, without `lo` and what the kernel puts everywhere.
    fn links(&self, netns: &str) -> Vec<String> {
        let shown = self.inside(netns, &["ip", "-o", "link"]);
        let told = shown.lines().filter_map(|line| Some(line.split_once(": <")?.0.to_owned()));
        told.filter(|link| !link.ends_with(": lo")).collect()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        for file in std::fs::read_dir(self.dir.join("netns")).into_iter().flatten().flatten() {
            let _ = Command::new("umount").arg("-l").arg(file.path()).stderr(Stdio::null()).status();
        }
        let _ = Command::new("umount").arg("-l").arg(self.dir.join("plumbing")).stderr(Stdio::null()).status();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn run(command: &str, args: &[&str]) -> String {
    let done = Command::new(command).args(args).output().unwrap_or_else(|error| panic!("{command}: {error}"));
    assert!(done.status.success(), "{command} {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// A process with a controller in it, which does what it is told line by line.
struct Daemon {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Daemon {
    fn start(house: &House) -> Self {
        let net = format!("--net={}", house.netns("daemon").display());
        let mut command = Command::new("nsenter");
        command.arg(net).arg(std::env::current_exe().expect("this test")).args(["--exact", TEST, "--nocapture"]);
        command.env(DIR, &house.dir).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this test again");
        let orders = child.stdin.take().expect("piped");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, orders, answers }
    }

    /// Gives an order and returns the answer.
    fn ask(&mut self, order: &str) -> String {
        writeln!(self.orders, "{order}").expect("a daemon that listens");
        let mut line = String::new();
        while !line.starts_with("answer ") {
            line.clear();
            assert!(self.answers.read_line(&mut line).expect("a pipe") > 0, "the daemon ended at '{order}'");
        }
        line["answer ".len()..].trim().to_owned()
    }

    fn kill_9(mut self) {
        self.child.kill().expect("a daemon that runs");
        self.child.wait().expect("a daemon that was killed");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other side: a controller that follows orders.
async fn follow_orders(dir: &Path) {
    let store = Arc::new(Embedded::open(&dir.join("state")).expect("the store"));
    let setup = Setup {
        kernel: Arc::new(LinuxKernel::new(dir.join("netns"))),
        store,
        plugger: Arc::new(KernelPlugger),
        ephemeral: false,
        plumbing: Some(dir.join("plumbing")),
        config: None,
        guards: Guards::default(),
        remade: Default::default(),
    };
    let networking = Networking::of(&dir.join("netns"), dir);
    let (controller, started) = Controller::start(setup, networking).await.expect("threads");
    let mut notes = started.notes;
    for order in std::io::stdin().lines() {
        let order = order.expect("a parent");
        let answer = answer(&controller, &order, &mut notes).await;
        println!("\nanswer {answer}");
    }
}

async fn answer(controller: &Controller, order: &str, notes: &mut Vec<String>) -> String {
    let s1: Name = "s1".parse().expect("a name");
    let said = |done: Result<String, lanloom::controller::Refusal>| done.unwrap_or_else(|refusal| refusal.to_string());
    match order.split_once(' ').unwrap_or((order, "")) {
        ("create", _) => said(controller.fabric().create_switch(s1, SwitchSettings::default()).await.map(|()| "done".into())),
        ("add", url) => {
            let new = NewPort { name: None, url: url.parse().expect("a URL"), settings: Default::default(), segment: 0 };
            said(controller.fabric().add_port(s1, new).await.map(|name| name.to_string()))
        }
        ("mtu", port) => {
            let change = |settings: &mut lanloom::config::PortSettings| settings.mtu = Some(1300);
            said(controller.fabric().set_port(s1, port.parse().expect("a name"), change).await.map(|()| "done".into()))
        }
        ("delete", port) => {
            said(controller.fabric().delete_port(s1, port.parse().expect("a name")).await.map(|()| "done".into()))
        }
        ("states", _) => {
            let ports = controller.fabric().ports(&s1).expect("the switch");
            let state = |state: &PortState| match state {
                PortState::Up => "up".to_owned(),
                PortState::Down { reason } => format!("down ({reason})"),
            };
            let told = ports.iter().map(|port| format!("{}={}", port.spec.name, state(&port.state)));
            told.chain(notes.drain(..)).collect::<Vec<_>>().join(" ")
        }
        ("reset", _) => controller.reset().await.left.join(" "),
        other => format!("what is {other:?}?"),
    }
}

fn ping(house: &House, from: &str, to: &str) {
    house.inside(from, &["ping", "-c", "2", "-i", "0.2", "-W", "5", to]);
}

#[tokio::test]
async fn what_was_made_outlives_kill_9_and_a_reset_leaves_nothing() {
    if let Some(dir) = std::env::var_os(DIR) {
        return follow_orders(Path::new(&dir)).await;
    }
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "with CI set nothing may be skipped, and this needs root");
        return println!("skipped: needs root for namespaces and TAPs");
    }
    let house = House::new();
    house.inside("daemon", &["ip", "link", "add", "mine", "type", "veth", "peer", "name", "eth0"]);
    let mut daemon = Daemon::start(&house);
    assert_eq!(daemon.ask("create"), "done");
    assert_eq!(daemon.ask("add tap://t0?netns=a&mac=02:00:00:00:00:0a"), "p1");
    assert_eq!(daemon.ask("add veth://v0?netns=b"), "p2");
    assert_eq!(daemon.ask("add tap://plain0?netns=c&offload=off&mtu=1400"), "p3");
    assert!(daemon.ask("add tap://t0?netns=a").contains("port s1/p1 has that interface"));
    assert!(daemon.ask("add veth://v1?netns=nowhere").contains("no network namespace nowhere"));
    for (netns, dev, address) in [("a", "t0", "10.9.0.1/24"), ("b", "v0", "10.9.0.2/24"), ("c", "plain0", "10.9.0.3/24")] {
        house.inside(netns, &["ip", "address", "add", address, "dev", dev]);
    }
    assert_eq!(daemon.ask("states"), "p1=up p2=up p3=up");
    ping(&house, "a", "10.9.0.2");
    ping(&house, "b", "10.9.0.3");
    assert_eq!(daemon.ask("mtu p2"), "done");
    assert!(house.inside("b", &["ip", "link", "show", "v0"]).contains("mtu 1300"));

    let before = ["a", "b", "c", "daemon"].map(|netns| house.links(netns));
    daemon.kill_9();
    let mut daemon = Daemon::start(&house);
    assert_eq!(daemon.ask("states"), "p1=up p2=up p3=up");
    assert_eq!(["a", "b", "c", "daemon"].map(|netns| house.links(netns)), before, "the same interfaces by number");
    ping(&house, "a", "10.9.0.2");
    ping(&house, "c", "10.9.0.1");

    assert_eq!(daemon.ask("delete p3"), "done");
    assert_eq!(house.links("c"), Vec::<String>::new());
    assert_eq!(daemon.ask("reset"), "");
    assert_eq!(["a", "b", "c"].map(|netns| house.links(netns).len()), [0, 0, 0]);
    assert_eq!(house.links("daemon"), before[3], "somebody's interfaces stay");
    assert!(!run("mount", &[]).contains(&house.dir.join("plumbing").display().to_string()), "the plumbing namespace is gone");
    daemon.kill_9();
}
