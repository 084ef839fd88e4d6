//! Exit statuses and error lines of the program itself: 0 done, 1 refused or failed, 2 wrong usage.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

#[test]
fn without_a_daemon_every_command_that_needs_one_says_so_in_one_line() {
    let commands = [
        "info",
        "config show",
        "config reload",
        "system reset",
        "switch create s1",
        "switch ls",
        "switch show s1",
        "switch set s1 --ageing 60",
        "switch delete s1",
        "port add s1 tap://t0",
        "port ls s1",
        "port show s1 p1",
        "port set s1 p1 down",
        "port delete s1 p1",
        "fdb show s1",
        "fdb add s1 02:00:00:00:00:0a p1",
        "fdb delete s1 02:00:00:00:00:0a",
        "fdb flush s1",
        "capture s1",
        "trace s1 p1 ffffffffffff02000000000a0806",
        "counters s1/p1",
        "events",
        "network create web",
        "network ls",
        "network inspect web",
        "network rm web",
        "network connect web a",
        "network disconnect web a",
        "network update web --label-add a=b",
        "network prune --force",
        "endpoint create e --network web",
        "endpoint join web/e a",
        "endpoint leave web/e",
        "endpoint ls",
        "endpoint inspect web/e",
        "endpoint delete web/e",
        "sandbox create a --network web",
        "sandbox ls",
        "sandbox inspect a",
        "sandbox delete a",
        "sandbox exec a -- true",
        "sandbox ping a b",
    ];
    for command in commands {
        let output = lanloom(&["--socket", "/nonexistent/lanloom.sock"], command);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{command}: {said}");
        assert!(output.stdout.is_empty(), "{command}");
        assert_eq!(said.lines().count(), 1, "{command}: {said}");
        assert!(said.starts_with("lanloom: cannot "), "{command}: {said}");
        assert!(said.contains("/nonexistent/lanloom.sock") && said.contains("start one with"), "{command}: {said}");
    }
}

#[test]
fn wrong_usage_is_status_2_before_any_daemon_is_asked() {
    let wrong = [
        "switch create a/b",
        "switch create ..",
        "switch set s1",
        "switch",
        "port set s1 p1",
        "port set s1 p1 --learning maybe",
        "port set s1 p1 --fdb-limit 0",
        "counters s1/p1/x",
        "capture s1 -c 0",
        "fdb show s1 --format table --json",
        "daemon --store etcd",
        "network create a/b",
        "network create web --gateway 10.9.0.1",
        "network create web --subnet 10.9.0.0/24 --subnet 10.9.0.0/16",
        "network create web --ipv6=perhaps",
        "network ls --filter colour=red",
        "network ls --filter scope=moon",
        "network ls -q --json",
        "network inspect",
        "network rm",
        "network update web",
        "network connect web a --ip fd00::1",
        "network prune",
        "network prune --force --filter until=yesterday",
        "endpoint create e",
        "sandbox create a --ip 10.9.0.7",
        "sandbox create a --network web -p 80:80",
        "sandbox create a --network web:colour=red",
        "sandbox exec a",
        "sandbox ping a",
        "sandbox ping -c 0 a b",
        "nonsense",
    ];
    for command in wrong {
        let output = lanloom(&["--socket", "/nonexistent/lanloom.sock"], command);
        assert_eq!(output.status.code(), Some(2), "{command}: {}", stderr(&output));
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{command}");
    }
}

#[test]
fn of_several_things_each_that_failed_has_its_line() {
    for command in ["network rm web back", "network inspect web back", "sandbox delete a b", "endpoint delete e f"] {
        let output = lanloom(&["--socket", "/nonexistent/lanloom.sock"], command);
        let said = stderr(&output);
        assert_eq!((output.status.code(), said.lines().count()), (Some(1), 2), "{command}: {said}");
        assert!(said.lines().all(|line| line.starts_with("lanloom: cannot ")), "{command}: {said}");
    }
}

#[test]
fn a_name_that_is_empty_or_none_is_wrong_usage_before_any_daemon_is_asked() {
    for command in [
        &["sandbox", "inspect"][..],
        &["sandbox", "delete"],
        &["network", "inspect"],
        &["network", "rm"],
        &["endpoint", "inspect"],
        &["endpoint", "delete"],
        &["endpoint", "leave"],
        &["switch", "show"],
        &["switch", "delete"],
    ] {
        for (name, says) in [("", ""), ("a b", "' ' in it")] {
            let output = Command::new(env!("CARGO_BIN_EXE_lanloom")).args(command).arg(name).output().expect("it runs");
            let said = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{command:?} {name:?}: {said}");
            assert!(said.contains("empty") != name.contains(' ') && said.contains(says), "{command:?} {name:?}: {said}");
            assert!(!said.contains("/v1/"), "{said}");
        }
    }
}

#[test]
fn a_configuration_s_faults_are_shown_with_their_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("lanloom.toml");
    fs::write(&file, "[[switch]]\nname = \"s1\"\nageing = 5\n").expect("written");
    let output = lanloom(&[], &format!("config check {}", file.display()));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("line 3, column 10"), "{output:?}");
    fs::write(&file, "[[switch]]\nname = \"s1\"\nageing = 50\n").expect("written");
    assert_eq!(lanloom(&[], &format!("config check {}", file.display())).status.code(), Some(0));
    let output = lanloom(&[], "config check /nonexistent.toml");
    assert!(output.status.code() == Some(1) && stderr(&output).contains("/nonexistent.toml"), "{output:?}");
}

#[test]
fn a_daemon_does_not_start_with_an_option_that_no_driver_knows() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("lanloom.toml");
    fs::write(&file, "[drivers.bridge]\n\"lanloom.trsuted\" = true\n").expect("written");
    assert_eq!(lanloom(&[], &format!("config check {}", file.display())).status.code(), Some(1));
    let socket = folder.path().join("lanloom.sock");
    let output = lanloom(&["--socket", &socket.display().to_string()], &format!("daemon --config {}", file.display()));
    let said = stderr(&output);
    assert!(output.status.code() == Some(1) && said.contains(&file.display().to_string()), "{said}");
    assert!(said.contains("line 2: ") && said.contains("did you mean lanloom.trusted?"), "{said}");
}

#[test]
fn a_frame_of_a_file_that_has_it_not_is_refused_before_any_daemon_is_asked() {
    let said = stderr(&lanloom(&[], "trace s1 p1 /nonexistent.pcapng:3"));
    assert!(said.starts_with("lanloom: cannot read frame 3 of /nonexistent.pcapng: "), "{said}");
}

#[test]
fn a_socket_that_may_not_be_opened_is_answered_with_group_and_sudo() {
    if !nix::unistd::geteuid().is_root() {
        assert!(std::env::var_os("CI").is_none(), "this needs root, and with CI set nothing is skipped");
        println!("skipped: only root can make a socket that this user may not open");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("closed.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("bound");
    make_readable_for_all(folder.path());
    let program = folder.path().join("lanloom");
    fs::copy(env!("CARGO_BIN_EXE_lanloom"), &program).expect("copied");
    let mut command = Command::new(&program);
    std::os::unix::process::CommandExt::uid(&mut command, 65534);
    let output = command.arg("--socket").arg(&socket).args(["switch", "ls"]).output().expect("it runs");
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("you may not open") && said.contains("usermod -aG lanloom") && said.contains("sudo"), "{said}");
}

#[test]
fn completions_and_manual_pages_are_written_for_every_command() {
    let commands = commands();
    assert!(commands.len() > 20, "{commands:?}");
    for shell in ["bash", "zsh", "fish"] {
        let output = lanloom(&[], &format!("completions {shell}"));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{shell}: {}", stderr(&output));
        for word in commands.iter().flat_map(|command| command.split('-').skip(1)) {
            assert!(text.contains(word), "{shell} knows no {word}");
        }
    }
    let bash = String::from_utf8_lossy(&lanloom(&[], "completions bash").stdout).into_owned();
    for command in &commands {
        // `lanloom__subcmd__switch__subcmd__create)`, or without the middle words, as the generator has it.
        let cases = [command.replace('-', "__subcmd__"), command.replace('-', "__")];
        assert!(cases.iter().any(|case| bash.contains(&format!("{case})"))), "bash completes nothing after {command}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let output = lanloom(&[], &format!("man --out {}", folder.path().display()));
    assert!(output.status.success(), "{}", stderr(&output));
    for command in &commands {
        let page = fs::read_to_string(folder.path().join(format!("{command}.1"))).expect(command);
        assert!(page.contains(&format!(".TH {command} 1")) && page.contains(".SH SYNOPSIS"), "{command}: {page}");
        let words: Vec<&str> = command.split('-').skip(1).collect();
        assert_eq!(String::from_utf8_lossy(&lanloom(&[], format!("man {}", words.join(" ")).trim()).stdout), page, "{command}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), commands.len(), "and for nothing else");
    assert_eq!(lanloom(&[], "man no such").status.code(), Some(2));
}

#[test]
fn what_the_systemd_unit_starts_is_what_the_program_takes() {
    let unit = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/dist/lanloom.service")).expect("the unit");
    assert_eq!(unit_faults(&unit), Vec::<String>::new());
    // A unit with a fault is found.
    for (right, wrong) in [
        ("lanloom daemon", "lanloom daemon --state-folder /x"),
        ("lanloom daemon", "lanloom demon"),
        ("Type=notify\n", "Type=notify-of-sorts\n"),
    ] {
        assert!(unit.contains(right), "{right}");
        let broken = unit.replacen(right, wrong, 1);
        if wrong.starts_with("lanloom") || analyze(&unit).is_some() {
            assert_ne!(unit_faults(&broken), Vec::<String>::new(), "{wrong}");
        }
    }
}

/// What is wrong with a unit: the command line that it has, and what systemd says of it where that is there.
fn unit_faults(unit: &str) -> Vec<String> {
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("what it starts");
    let words = start.split(' ').filter(|word| *word != "$LANLOOM_OPTIONS");
    let parsed = <lanloom::cli::Cli as clap::Parser>::try_parse_from(words);
    let mut faults: Vec<String> = parsed.err().map(|error| error.to_string()).into_iter().collect();
    faults.extend(analyze(unit).unwrap_or_default().lines().map(str::to_owned));
    faults
}

/// What `systemd-analyze verify` says of a unit whose program is there, if it is there itself.
fn analyze(unit: &str) -> Option<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("lanloom.service");
    let unit = unit.replace("/usr/bin/lanloom", env!("CARGO_BIN_EXE_lanloom")).replace("man:lanloom(1)", "man:man(1)");
    fs::write(&file, unit).expect("written");
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&file).output().ok()?;
    let said = stderr(&output);
    Some(said.lines().filter(|line| line.contains("lanloom.service")).collect::<Vec<_>>().join("\n"))
}

/// Every command, by its full name: `lanloom-switch-create`.
fn commands() -> Vec<String> {
    fn collect(command: &clap::Command, name: String, all: &mut Vec<String>) {
        command.get_subcommands().for_each(|child| collect(child, format!("{name}-{}", child.get_name()), all));
        all.push(name);
    }
    let mut root = lanloom::cli::Cli::description().disable_help_subcommand(true);
    root.build();
    let mut all = Vec::new();
    collect(&root, "lanloom".to_owned(), &mut all);
    all
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let script = format!("{} completions bash | head -c 1 >/dev/null; echo ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_lanloom"));
    let output = Command::new("bash").args(["-c", &script]).output().expect("bash runs");
    assert_eq!((String::from_utf8_lossy(&output.stdout).trim(), stderr(&output).as_str()), ("0", ""));
}

fn lanloom(global: &[&str], command: &str) -> Output {
    let mut run = Command::new(env!("CARGO_BIN_EXE_lanloom"));
    run.env_remove("LANLOOM_SOCKET").args(global).args(command.split(' ')).output().expect("it runs")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn make_readable_for_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("changed");
}
