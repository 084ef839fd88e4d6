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

/// A crate that was chosen for a role: the package that has the role, its folder, and what the role is.
struct Role {
    name: &'static str,
    package: &'static str,
    folder: &'static str,
    does: &'static str,
}

const ROLES: &[Role] = &[
    role("etherparse", "lanloom-switch-core", "switch/core", "reads headers for trace and capture text"),
    role("nix", "lanloom-switch-io", "switch/io", "makes the system calls of the links"),
    role("bytes", "lanloom-switch-io", "switch/io", "holds frames that cross threads"),
    role("tun-tap", "lanloom-switch-io", "switch/io", "opens a TAP without offloads"),
    role("smoltcp", "lanloom-lab", "switch/lab", "is the TCP/IP of hosts in process"),
    role("rtnetlink", "lanloom-drivers", "drivers", "makes interfaces, addresses and routes"),
    role("dashmap", "lanloom", ".", "holds registries that many read while one writes"),
    role("tokio", "lanloom", ".", "runs the control plane"),
];

const fn role(name: &'static str, package: &'static str, folder: &'static str, does: &'static str) -> Role {
    Role { name, package, folder, does }
}

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
    for Role { name, package, folder, does } in ROLES {
        assert!(tree.direct(package).contains(*name), "{package} does not depend on {name} any more, which {does}");
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join("src");
        let used = source::files(&src).iter().any(|file| mentions(file, &name.replace('-', "_")));
        assert!(used, "{package} depends on {name} but no longer uses it; it {does}");
    }
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

fn mentions(file: &Path, name: &str) -> bool {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("reading {}: {error}", file.display()));
    source::paths(&text).iter().any(|path| path[0] == name)
}
