//! A second daemon in the same house: with a socket, a state, and a folder of namespaces of its own.

#![allow(dead_code, reason = "each test file uses its part")]

use super::house::House;
use std::process::{Child, Output, Stdio};

/// The daemon. It ends when dropped.
pub(crate) struct Second(Child);

impl Drop for Second {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Second {
    /// Starts it, and waits until it answers.
    pub(crate) fn start(host: &House) -> Self {
        let daemon = ["--state-dir".to_owned(), host.path("second").display().to_string()];
        let rest = ["--netns-dir".to_owned(), host.path("netns").display().to_string()];
        let words = Self::words(host, &[&["daemon".to_owned()], &daemon[..], &rest[..]].concat());
        let log = std::fs::File::create(host.path("second.log")).expect("a log");
        let mut command = host.command(&words);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("it runs");
        let second = Self(child);
        host.wait_for("the second daemon", || second.lanloom(host, "network ls"));
        second
    }

    /// The folder of its namespaces, as seen from that of the first one's.
    pub(crate) fn folder(host: &House) -> String {
        format!("../..{}", host.path("netns").display())
    }

    fn words(host: &House, words: &[String]) -> Vec<String> {
        let socket = format!("LANLOOM_SOCKET={}", host.path("second.sock").display());
        [&["env".to_owned(), socket, env!("CARGO_BIN_EXE_lanloom").to_owned()], words].concat()
    }

    fn output(&self, host: &House, words: &str) -> Output {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        host.command(&Self::words(host, &words)).output().expect("it runs")
    }

    /// Whether a command of it succeeds.
    pub(crate) fn lanloom(&self, host: &House, words: &str) -> bool {
        self.output(host, words).status.success()
    }

    /// What a command of it printed. Fails if it failed.
    pub(crate) fn says(&self, host: &House, words: &str) -> String {
        let output = self.output(host, words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "the second daemon, {words}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
