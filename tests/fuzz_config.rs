//! Fuzzing of configurations, as a hurried person writes them: whatever is read shows and reads back the same, and every fault
//! is on a line that exists.
//!
//! Runs for `LANLOOM_FUZZ_SECS` seconds (2 if unset), and prints how often.

use bolero::{TypeGenerator, check};
use lanloom::config::{Config, diff};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const TABLES: [&str; 6] = ["[daemon]", "[[switch]]", "[[switch.port]]", "[[switch.fdb]]", "[switch]", "[[port]]"];
const KEYS: [&str; 17] = [
    "name",
    "url",
    "ageing",
    "fdb_limit",
    "up",
    "learning",
    "flood",
    "isolated",
    "mtu",
    "forward",
    "storm",
    "mac",
    "port",
    "vid",
    "dst",
    "engines",
    "metrics",
];
const VALUES: [&str; 19] = [
    "\"s1\"",
    "\"p1\"",
    "\"tap://t1?netns=a\"",
    "\"veth://v1?netns=b&mtu=1400\"",
    "\"vxlan://42?local=10.0.0.1&remote=10.0.0.2\"",
    "\"00:00:00:00:00:00\"",
    "\"10.0.0.3\"",
    "true",
    "false",
    "300",
    "-1",
    "70000",
    "0",
    "[\"lldp\", \"lacp\"]",
    "\"off\"",
    "\"10:5\"",
    "\"02:00:00:00:00:0a\"",
    "\"127.0.0.1:9469\"",
    "{ x = 1 }",
];

/// What the edits start from.
const SOUND: &str = r#"[daemon]
engines = 2
[[switch]]
name = "lab"
ageing = 300
[[switch.port]]
name = "p1"
url = "tap://t1?netns=a"
forward = ["lldp"]
[[switch.port]]
name = "p2"
url = "veth://v1?netns=b"
storm = "10:5"
[[switch.port]]
name = "p3"
url = "vxlan://42?local=10.0.0.1"
[[switch.fdb]]
mac = "02:00:00:00:00:0a"
port = "p2"
[[switch.fdb]]
mac = "00:00:00:00:00:00"
port = "p3"
dst = "10.0.0.2""#;

/// What happens to a line of it.
#[derive(Debug, TypeGenerator)]
enum Edit {
    Before(u8, Line),
    Replace(u8, Line),
    Delete(u8),
}

impl Edit {
    fn apply(&self, lines: &mut Vec<String>) {
        let at = |at: &u8| usize::from(*at) % lines.len();
        match self {
            Self::Before(place, line) => lines.insert(at(place), line.text()),
            Self::Replace(place, line) => {
                let at = at(place);
                lines[at] = line.text();
            }
            Self::Delete(place) if lines.len() > 1 => drop(lines.remove(at(place))),
            Self::Delete(_) => {}
        }
    }
}

/// One line.
#[derive(Debug, TypeGenerator)]
enum Line {
    Table(u8),
    Setting(u8, u8),
    Quoted(u8, String),
    Text(String),
}

impl Line {
    fn text(&self) -> String {
        let one = |of: &[&'static str], at: &u8| of[usize::from(*at) % of.len()];
        match self {
            Self::Table(table) => one(&TABLES, table).to_owned(),
            Self::Setting(key, value) => format!("{} = {}", one(&KEYS, key), one(&VALUES, value)),
            Self::Quoted(key, value) => format!("{} = {value:?}", one(&KEYS, key)),
            Self::Text(text) => text.clone(),
        }
    }
}

#[test]
fn fuzz_config() {
    let secs = std::env::var("LANLOOM_FUZZ_SECS").ok().map_or(2, |text| text.parse().expect("a number of seconds"));
    let (executions, good) = (AtomicU64::new(0), AtomicU64::new(0));
    check!().with_type::<[Option<Edit>; 6]>().with_test_time(Duration::from_secs(secs)).for_each(|edits| {
        executions.fetch_add(1, Ordering::Relaxed);
        let mut lines: Vec<String> = SOUND.lines().map(str::to_owned).collect();
        edits.iter().flatten().for_each(|edit| edit.apply(&mut lines));
        let text = lines.join("\n");
        match Config::parse(&text) {
            Ok(config) => {
                good.fetch_add(u64::from(!config.switches.is_empty()), Ordering::Relaxed);
                assert_eq!(Config::parse(&config.to_toml()).as_ref(), Ok(&config), "{text}");
                assert_eq!(diff(&config, &config), [], "{text}");
            }
            Err(faults) => {
                assert!(!faults.0.is_empty(), "{text}");
                for fault in &faults.0 {
                    let line = text.split('\n').nth(fault.line - 1).unwrap_or_else(|| panic!("no line {}: {text}", fault.line));
                    assert_eq!(line.trim_end_matches('\r'), fault.shown, "{text}");
                    assert!(!fault.what.is_empty() && !fault.what.contains('\n'), "{fault:?}");
                }
            }
        }
    });
    let (executions, good) = (executions.into_inner(), good.into_inner());
    println!("configuration: {executions} executions ({good} read with a switch in it) in {secs} s");
    assert!(good > 0 && good < executions, "both ways were taken");
}
