//! What the tree of dependencies may contain, which crates may depend on which, and where a crate that was
//! chosen for a role must be used (ARCHITECTURE.md).

#[path = "support/metadata.rs"]
mod metadata;
#[path = "support/source.rs"]
mod source;

use metadata::Tree;
use std::fs;
use std::path::Path;

/// Licences that the whole tree may be under, tests and other platforms included.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that call tools which a machine with Rust and a C compiler does not have.
const BANNED: &[&str] = &[
    "aws-lc-sys",
    "autotools",
    "bindgen",
    "cmake",
    "meson",
    "pkg-config",
    "prost-build",
    "protobuf-codegen",
    "protobuf-src",
    "protoc-bin-vendored",
    "system-deps",
    "tonic-build",
    "vcpkg",
];

/// Values of a manifest's `links` key that need no library of the system: `defmt` only keeps a linker script unique, and is in the
/// lock file for a feature of smoltcp that nobody turns on.
const LINKS: &[&str] = &["defmt", "rayon-core"];

/// A crate that was chosen for a role.
struct Role {
    name: &'static str,
    /// The package that has the role.
    package: &'static str,
    /// What it is.
    does: &'static str,
    /// The file or folder that has it and the item of the crate without which it would not.
    place: (&'static str, &'static str),
    /// The test of behaviour that runs through that file.
    proof: (&'static str, &'static str),
}

const ROLES: &[Role] = &[
    Role {
        name: "etherparse",
        package: "lanloom-switch-core",
        does: "reads headers for trace and capture text",
        place: ("switch/core/src/describe", "etherparse::"),
        proof: ("switch/core/tests/describe.rs", "tcp_shows_flags_numbers_and_payload_length"),
    },
    Role {
        name: "nix",
        package: "lanloom-switch-io",
        does: "makes the system calls of the links",
        place: ("switch/io/src/engine/thread.rs", "nix::sys::epoll::Epoll"),
        proof: ("switch/io/tests/engine_interfaces.rs", "an_idle_engine"),
    },
    Role {
        name: "bytes",
        package: "lanloom-switch-io",
        does: "holds frames that cross threads",
        place: ("switch/io/src/capture/ring.rs", "bytes::BytesMut"),
        proof: ("switch/io/tests/capture_ring.rs", "everything_arrives_in_order_while_there_is_room"),
    },
    Role {
        name: "tun-tap",
        package: "lanloom-switch-io",
        does: "opens a TAP without offloads",
        place: ("switch/io/src/link/plain_tap.rs", "tun_tap::Iface"),
        proof: ("tests/lab_offloads.rs", "what_a_port_without_offloads_gets_from_real_streams_has_no_bad_checksum"),
    },
    Role {
        name: "smoltcp",
        package: "lanloom-lab",
        does: "is the TCP/IP of hosts in process",
        place: ("switch/lab/src/host/mod.rs", "smoltcp::iface::Interface"),
        proof: ("switch/lab/tests/lab.rs", "a_megabyte_crosses_a_switch_by_tcp_over_both_ip_versions"),
    },
    Role {
        name: "rtnetlink",
        package: "lanloom-drivers",
        does: "makes interfaces, addresses and routes",
        place: ("drivers/src/kernel/linux/link.rs", "rtnetlink::LinkVeth"),
        proof: ("tests/controller_kernel.rs", "what_was_made_outlives_kill_9_and_a_reset_leaves_nothing"),
    },
    Role {
        name: "nftables",
        package: "lanloom-drivers",
        does: "says the firewall's rules to nft",
        place: ("drivers/src/kernel/linux/nft.rs", "nftables::batch::Batch"),
        proof: ("drivers/tests/conformance/packets.rs", "what_leaves_a_network_has_a_source_of_the_host_s"),
    },
    Role {
        name: "domain",
        package: "lanloom",
        does: "reads and writes DNS messages",
        place: ("src/dns/resolve/answer.rs", "domain::base::MessageBuilder"),
        proof: ("tests/dns_dig.rs", "dig_reads_addresses_names_services_and_empty_answers"),
    },
    Role {
        name: "dashmap",
        package: "lanloom",
        does: "holds registries that many read while one writes",
        place: ("src/controller/fabric/registry.rs", "dashmap::DashMap"),
        proof: ("tests/api_daemon.rs", "what_commands_made"),
    },
    Role {
        name: "tokio",
        package: "lanloom",
        does: "runs the control plane",
        place: ("src/daemon", "tokio::"),
        proof: ("tests/api_daemon.rs", "hosts_talk"),
    },
];

/// A crate of the workspace and what must not end up in it, directly or through others.
struct CrateRule {
    package: &'static str,
    never: &'static [&'static str],
}

const CRATES: &[CrateRule] = &[
    CrateRule {
        package: "lanloom-switch-core",
        never: &[
            "libc",
            "nix",
            "rustix",
            "mio",
            "socket2",
            "tokio",
            "tracing",
            "log",
            "rand",
            "getrandom",
            "lanloom-switch-io",
        ],
    },
    CrateRule { package: "lanloom-switch-io", never: &["tokio", "rtnetlink", "lanloom-lab", "lanloom-drivers", "lanloom"] },
    CrateRule { package: "lanloom-lab", never: &["tokio", "rtnetlink", "lanloom-drivers", "lanloom"] },
    CrateRule { package: "lanloom-drivers", never: &["lanloom"] },
];

#[test]
fn every_licence_is_permissive() {
    let refused: Vec<String> = (Tree::read().packages().iter())
        .filter(|package| !is_permissive(&package.licence))
        .map(|package| format!("{}: {:?}", package.name, package.licence))
        .collect();
    assert!(refused.is_empty(), "neither Apache-2.0, MIT nor alike:\n  {}", refused.join("\n  "));
}

#[test]
fn nothing_needs_a_tool_or_a_library_to_build() {
    let tree = Tree::read();
    let banned = tree.packages().iter().filter(|package| BANNED.contains(&package.name.as_str()));
    assert_eq!(banned.map(|package| &package.name).collect::<Vec<_>>(), Vec::<&String>::new(), "banned crates in the tree");
    let linked = tree.packages().iter().filter_map(|package| Some((&package.name, package.links.as_deref()?)));
    let foreign: Vec<_> = linked.filter(|(_, library)| !LINKS.contains(library)).collect();
    assert_eq!(foreign, [], "crates that link a native library");
}

#[test]
fn each_named_crate_has_its_role() {
    let tree = Tree::read();
    for Role { name, package, does, place: (place, item), proof: (tests, test) } in ROLES {
        assert!(tree.direct(package).contains(*name), "{package} does not depend on {name} any more, which {does}");
        assert!(uses(place, item), "{place} does not use {item} any more: {name} {does}");
        let proofs = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(tests));
        assert!(proofs.contains(&format!("fn {test}")), "{tests} has no test {test} any more, which shows that {name} {does}");
    }
}

#[test]
fn a_crate_that_lost_its_place_is_noticed() {
    assert!(uses("switch/io/src/link/plain_tap.rs", "tun_tap::Iface"));
    assert!(!uses("switch/io/src/link/tap.rs", "tun_tap::Iface"));
    assert!(!uses("switch/io/src/link/plain_tap.rs", "tun_tap::Queue"));
}

#[test]
fn every_crate_keeps_to_the_table() {
    let tree = Tree::read();
    let broken: Vec<String> = CRATES.iter().flat_map(|rule| broken_by_crate(rule, &tree)).collect();
    assert!(broken.is_empty(), "the dependency table of ARCHITECTURE.md is broken:\n  {}", broken.join("\n  "));
}

#[test]
fn a_crate_that_breaks_the_table_is_named_with_its_rule() {
    let rule = CrateRule { package: "lanloom", never: &["lanloom-switch-core", "no-such-crate"] };
    let broken = broken_by_crate(&rule, &Tree::read());
    assert_eq!(broken, ["lanloom depends on lanloom-switch-core, which its row of the table forbids"]);
}

#[test]
fn a_licence_expression_is_read_as_spdx_says() {
    for fine in [
        "MIT",
        "MIT/Apache-2.0",
        "(MIT OR Apache-2.0) AND Unicode-3.0",
        "MIT OR GPL-3.0-only",
        "GPL-2.0-only OR (MIT AND Zlib)",
    ] {
        assert!(is_permissive(fine), "{fine}");
    }
    for refused in [
        "",
        "GPL-3.0-only",
        "MIT AND LGPL-2.1-or-later",
        "MPL-2.0",
        "(MIT OR Zlib) AND (GPL-2.0-only OR AGPL-3.0-only)",
        "MIT OR",
    ] {
        assert!(!is_permissive(refused), "{refused}");
    }
}

fn broken_by_crate(rule: &CrateRule, tree: &Tree) -> Vec<String> {
    let reached = tree.reached(rule.package);
    let forbidden = rule.never.iter().filter(|name| reached.contains(**name));
    forbidden.map(|name| format!("{} depends on {name}, which its row of the table forbids", rule.package)).collect()
}

/// Whether the SPDX expression can be met with [`LICENCES`] alone. AND binds tighter than OR; `/` is the old OR.
fn is_permissive(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ").replace(" WITH ", "+WITH+");
    let mut words = spaced.split_whitespace().peekable();
    let allowed = either(&mut words);
    allowed == Some(true) && words.next().is_none()
}

fn either<'a>(words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> Option<bool> {
    let mut allowed = both(words)?;
    while words.next_if_eq(&"OR").is_some() {
        allowed |= both(words)?;
    }
    Some(allowed)
}

fn both<'a>(words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> Option<bool> {
    let mut allowed = one(words)?;
    while words.next_if_eq(&"AND").is_some() {
        allowed &= one(words)?;
    }
    Some(allowed)
}

fn one<'a>(words: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>) -> Option<bool> {
    if words.next_if_eq(&"(").is_some() {
        let allowed = either(words)?;
        return (words.next() == Some(")")).then_some(allowed);
    }
    words.next().map(|name| LICENCES.contains(&name.replace("+WITH+", " WITH ").as_str()))
}

/// Whether a file or folder of this repository uses an item, or anything below a path that ends in `::`.
fn uses(place: &str, item: &str) -> bool {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(place);
    let files = if path.is_dir() { source::files(&path) } else { vec![path] };
    files.iter().flat_map(|file| source::paths(&read(file))).map(|path| path.join("::")).any(|path| {
        if item.ends_with("::") { path.starts_with(item) } else { path == item || path.starts_with(&format!("{item}::")) }
    })
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("reading {}: {error}", file.display()))
}
