//! The dependency tree as `cargo metadata` tells it, from the committed lock file.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::process::Command;

/// Every package of the tree, for all platforms, development dependencies included.
pub(crate) struct Tree {
    packages: Vec<Package>,
}

/// One package of the tree.
pub(crate) struct Package {
    /// Its name in the registry.
    pub(crate) name: String,
    /// Its SPDX licence expression, empty if it states none.
    pub(crate) licence: String,
    /// The native library that it says it links.
    pub(crate) links: Option<String>,
    id: String,
    normal: BTreeSet<String>,
    resolved: BTreeSet<String>,
}

impl Tree {
    /// Asks cargo. Panics with cargo's words if it fails, as when the lock file is out of date.
    pub(crate) fn read() -> Self {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let args = ["metadata", "--locked", "--format-version", "1", "--manifest-path", manifest];
        let output = Command::new(cargo).args(args).output().expect("cargo metadata starts");
        assert!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
        Self::parse(&serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON"))
    }

    fn parse(metadata: &Value) -> Self {
        let mut resolved: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for node in list(&metadata["resolve"]["nodes"]) {
            let runs = |dep: &&Value| list(&dep["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
            let targets = list(&node["deps"]).iter().filter(runs).map(|dep| text(&dep["pkg"]).to_owned());
            resolved.insert(text(&node["id"]), targets.collect());
        }
        let package = |package: &Value| {
            let normal = list(&package["dependencies"]).iter().filter(|dep| dep["kind"].is_null());
            Package {
                name: text(&package["name"]).to_owned(),
                licence: text(&package["license"]).to_owned(),
                links: package["links"].as_str().map(str::to_owned),
                id: text(&package["id"]).to_owned(),
                normal: normal.map(|dep| text(&dep["name"]).to_owned()).collect(),
                resolved: resolved.get(text(&package["id"])).cloned().unwrap_or_default(),
            }
        };
        Self { packages: list(&metadata["packages"]).iter().map(package).collect() }
    }

    /// All packages.
    pub(crate) fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// The names that `package`'s manifest lists under `[dependencies]`.
    pub(crate) fn direct(&self, package: &str) -> &BTreeSet<String> {
        &self.named(package).normal
    }

    /// The names of all packages that end up in, or build, `package`: its dependencies and theirs, without those for tests.
    pub(crate) fn reached(&self, package: &str) -> BTreeSet<&str> {
        let by_id: BTreeMap<&str, &Package> = self.packages.iter().map(|package| (package.id.as_str(), package)).collect();
        let mut waiting: Vec<&Package> = vec![self.named(package)];
        let mut seen = BTreeSet::new();
        while let Some(next) = waiting.pop() {
            for dependency in next.resolved.iter().filter_map(|id| by_id.get(id.as_str())) {
                if seen.insert(dependency.id.as_str()) {
                    waiting.push(dependency);
                }
            }
        }
        seen.into_iter().map(|id| by_id[id].name.as_str()).collect()
    }

    fn named(&self, name: &str) -> &Package {
        self.packages.iter().find(|package| package.name == name).unwrap_or_else(|| panic!("no package is called {name}"))
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
