//! Making and deleting sandboxes (`controller.go` NewSandbox, `sandbox.go` Delete): a namespace, its files, its name server, and
//! its endpoints.

use super::book::{self, Unfound};
use super::identity::identity;
use super::ipv6::has_ipv6;
use super::model::{Id, NewEndpoint, NewSandbox, Sandbox, SandboxPlace, SandboxState};
use super::refusal::Attempt;
use super::{EventKind, Inner, Refusal};
use crate::names::Name;
use lanloom_drivers::kernel::{IfName, Kernel, KernelError, LinkChange, Netns, NetnsName, SysctlKey, Why};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is set of a namespace that is made for a sandbox, whatever the host has: it forwards nothing from one network to another,
/// follows no advertisement, and has IPv6 on interfaces only that are given an address of it.
const SETTINGS: [(&str, &str); 4] = [
    ("net/ipv4/ip_forward", "0"),
    ("net/ipv6/conf/all/forwarding", "0"),
    ("net/ipv6/conf/default/accept_ra", "0"),
    ("net/ipv6/conf/default/disable_ipv6", "1"),
];

/// The namespace of the daemon itself.
const OWN_NAMESPACE: &str = "/proc/self/ns/net";

impl Inner {
    /// The sandbox that a text means.
    pub(super) fn find_sandbox(&self, attempt: &Attempt, text: &str) -> Result<Arc<Sandbox>, Refusal> {
        book::find(&self.book.sandboxes(), text).map_err(|unfound| match unfound {
            Unfound::Nothing => attempt.not_found(format!("sandbox {text} not found"), "see `lanloom sandbox ls`"),
            Unfound::Several(count) => attempt
                .invalid(format!("sandbox {text} is ambiguous: {count} ids begin so"), "give more of the id, or the name"),
        })
    }

    pub(super) async fn create_sandbox(
        &self,
        name: Name,
        spec: NewSandbox,
        networks: Vec<(String, NewEndpoint)>,
    ) -> Result<Id, Refusal> {
        let attempt = Attempt::new("create sandbox", &name);
        self.may_create(&attempt, &name, &spec).await?;
        let mut before = Vec::new();
        for (network, _) in &networks {
            before.push(self.find_network(&attempt, network)?);
        }
        let (id, state, created) = (Id::random(), SandboxState::Creating, super::now());
        let identity = match &spec.place {
            SandboxPlace::At(path) => identity(path),
            SandboxPlace::Own | SandboxPlace::Host => None,
        };
        let sandbox = Sandbox { id: id.clone(), name, state, created, spec, identity, redirect: None };
        self.save(&attempt, &sandbox).await?;
        let sandbox = self.book.put_sandbox(sandbox);
        if let Err(refusal) = self.furnish(&attempt, &sandbox, networks).await {
            let refusal = refusal.and(self.unmake_sandbox(&attempt, &sandbox, false).await);
            for network in &before {
                self.doze_off(&attempt, &network.id).await;
            }
            return Err(refusal);
        }
        self.tell(EventKind::SandboxCreated { sandbox: sandbox.name.to_string(), id: sandbox.id.to_string() });
        Ok(id)
    }

    async fn may_create(&self, attempt: &Attempt, name: &Name, spec: &NewSandbox) -> Result<(), Refusal> {
        match self.book.sandboxes().into_iter().find(|sandbox| sandbox.name == *name) {
            None => {}
            Some(holder) if holder.state == SandboxState::Ready => {
                let why = format!("sandbox {name} already exists");
                return Err(attempt.conflict(why, "choose another name, or delete that one"));
            }
            // What an earlier change left half done is finished first.
            Some(holder) => self.unmake_sandbox(attempt, &holder, false).await?,
        }
        let path = match &spec.place {
            SandboxPlace::Own => return self.may_make_namespace(attempt, name).await,
            SandboxPlace::Host if spec.sysctls.is_empty() => return Ok(()),
            SandboxPlace::Host => {
                let why = "settings of a sandbox in the host's namespace would be the host's";
                return Err(attempt.invalid(why, "leave them out, or give the sandbox a namespace of its own"));
            }
            SandboxPlace::At(path) => path,
        };
        let number = number(path);
        if number.is_some() && number == self::number(Path::new(OWN_NAMESPACE)) {
            let why = format!("{} is the daemon's own network namespace", path.display());
            return Err(attempt.invalid(why, "write `--netns host` for a sandbox there, or name another"));
        }
        let is_same = |other: &PathBuf| other == path || (number.is_some() && self::number(other) == number);
        let holder = self.book.sandboxes().into_iter().find(|sandbox| self.netns_path(sandbox).as_ref().is_some_and(is_same));
        if let Some(holder) = holder {
            self.check_not_stale(attempt, &holder)?;
            let why = format!("sandbox {} has the namespace {}", holder.name, path.display());
            return Err(attempt.conflict(why, "connect networks to that one"));
        }
        match self.kernel.netns_exists(&Netns::At(path.clone())).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                let why = format!("there is no network namespace at {}", path.display());
                Err(attempt.not_found(why, "give the path of one, as /proc/PID/ns/net or one of /run/netns"))
            }
            Err(error) => Err(attempt.kernel(error)),
        }
    }

    /// A namespace of that name that is there is somebody's: it is neither taken nor, when the sandbox goes, deleted.
    async fn may_make_namespace(&self, attempt: &Attempt, name: &Name) -> Result<(), Refusal> {
        let path = self.kernel.netns_dir().join(name.as_str());
        if !self.kernel.netns_exists(&Netns::At(path.clone())).await.map_err(|error| attempt.kernel(error))? {
            return Ok(());
        }
        let why = format!("there is a network namespace at {} already", path.display());
        Err(attempt.conflict(why, format!("choose another name, or have it adopted with `--netns {}`", path.display())))
    }

    async fn furnish(&self, attempt: &Attempt, sandbox: &Sandbox, networks: Vec<(String, NewEndpoint)>) -> Result<(), Refusal> {
        open_namespace(&*self.kernel, sandbox).await.map_err(|error| attempt.kernel(error))?;
        let identity = self.identity_of(sandbox);
        let redirect = self.start_names(attempt, sandbox).await?;
        for (network, new) in networks {
            self.attach(attempt, &network, sandbox, new).await?;
        }
        self.write_files(sandbox);
        let ready = Sandbox { state: SandboxState::Ready, identity, redirect, ..sandbox.clone() };
        self.save(attempt, &ready).await?;
        self.book.put_sandbox(ready);
        Ok(())
    }

    pub(super) async fn delete_sandbox(&self, text: &str, force: bool) -> Result<(), Refusal> {
        let attempt = Attempt::new("delete sandbox", text);
        let sandbox = self.find_sandbox(&attempt, text)?;
        let networks = self.book.endpoints_in(&sandbox.id).into_iter().map(|endpoint| endpoint.network.clone());
        let networks: Vec<Id> = networks.collect();
        self.unmake_sandbox(&attempt, &sandbox, force).await?;
        for network in &networks {
            self.doze_off(&attempt, network).await;
        }
        Ok(())
    }

    /// Deletes a sandbox with its endpoints, its files and the namespace that was made for it. Goes on after a failure and names
    /// all that is left; it stays then as one that is being deleted. With `force`, also where drivers cannot take endpoints away.
    pub(super) async fn unmake_sandbox(&self, attempt: &Attempt, sandbox: &Sandbox, force: bool) -> Result<(), Refusal> {
        let deleting = Sandbox { state: SandboxState::Deleting, ..sandbox.clone() };
        self.save(attempt, &deleting).await?;
        self.book.put_sandbox(deleting.clone());
        let mut left = Vec::new();
        for endpoint in self.book.endpoints_in(&sandbox.id) {
            left.extend(self.leave(attempt, &endpoint, force).await.err().map(|refusal| refusal.why));
        }
        self.stop_names(sandbox).await;
        left.extend(self.delete_files(sandbox).err());
        let gone = match sandbox.spec.place {
            // What is at its path now is another's.
            SandboxPlace::Own | SandboxPlace::At(_) if self.is_stale(sandbox) => Ok(()),
            SandboxPlace::Own => self.kernel.delete_netns(&self.netns_of(sandbox)).await.map(drop),
            SandboxPlace::At(_) => self.close_redirect(sandbox).await,
            SandboxPlace::Host => Ok(()),
        };
        // Where there is no nft, there was no rule.
        let is_left =
            |error: &KernelError| !matches!(error.why(), Why::NoSuchNetns(_) | Why::MissingTool { .. } | Why::Unsupported);
        left.extend(gone.err().filter(is_left).map(|error| error.to_string()));
        if !left.is_empty() {
            return Err(attempt.failed(left.join("; "), "see to these, and delete it again"));
        }
        self.erase(attempt, &deleting).await?;
        self.book.remove_sandbox(&sandbox.id);
        self.ways.remove(&sandbox.id);
        self.notes.remove(&sandbox.id);
        self.tell(EventKind::SandboxDeleted { sandbox: sandbox.name.to_string(), id: sandbox.id.to_string() });
        Ok(())
    }

    /// Whether the namespace of a sandbox is there.
    pub(super) async fn has_namespace(&self, path: &Path) -> bool {
        // One that cannot be looked at may be there.
        self.kernel.netns_exists(&Netns::At(path.to_owned())).await.unwrap_or(true)
    }
}

/// What a namespace is, whatever path leads to it: the device and the number of its file.
fn number(path: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

/// Makes the namespace of a sandbox that has its own, unless it is there, and sets it. In somebody's the loopback interface is
/// switched on: the name server is there.
pub(super) async fn open_namespace(kernel: &dyn Kernel, sandbox: &Sandbox) -> Result<(), KernelError> {
    let netns = match &sandbox.spec.place {
        SandboxPlace::Own => Netns::At(kernel.netns_dir().join(sandbox.name.as_str())),
        SandboxPlace::At(path) => Netns::At(path.clone()),
        SandboxPlace::Host => Netns::Daemon,
    };
    let mut settings = Vec::new();
    if sandbox.spec.place == SandboxPlace::Own {
        if kernel.netns_exists(&netns).await? && sandbox.state == SandboxState::Ready {
            return Ok(());
        }
        kernel.create_netns(&NetnsName::new(sandbox.name.as_str())?).await?;
        let has_ipv6 = has_ipv6(kernel).await;
        for (key, value) in SETTINGS.into_iter().filter(|(key, _)| has_ipv6 || !key.starts_with("net/ipv6/")) {
            settings.push((SysctlKey::new(key)?, value.to_owned()));
        }
    }
    if let SandboxPlace::At(_) = sandbox.spec.place {
        let up = LinkChange { up: Some(true), ..LinkChange::default() };
        kernel.set_link(&netns, &IfName::new("lo")?, &up).await?;
    }
    let mut of_interfaces = Vec::new();
    for (key, value) in &sandbox.spec.sysctls {
        let key = SysctlKey::new(key)?;
        if key.interface().is_some() { &mut of_interfaces } else { &mut settings }.push((key, value.clone()));
    }
    if !settings.is_empty() {
        kernel.set_sysctl(&netns, &settings).await?;
    }
    for setting in of_interfaces {
        match kernel.set_sysctl(&netns, &[setting]).await {
            // The interface is to come: it is set with its addresses then.
            Err(error) if *error.why() == Why::NoSuchSetting => {}
            done => done?,
        }
    }
    Ok(())
}
