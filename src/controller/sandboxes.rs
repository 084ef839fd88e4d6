//! Making and deleting sandboxes (`controller.go` NewSandbox, `sandbox.go` Delete): a namespace, its files, its name server, and
//! its endpoints.

use super::book::{self, Unfound};
use super::model::{Id, NewEndpoint, NewSandbox, Sandbox, SandboxPlace, SandboxState};
use super::refusal::Attempt;
use super::{EventKind, Inner, Refusal};
use crate::names::Name;
use lanloom_drivers::kernel::{IfName, Kernel, KernelError, LinkChange, Netns, NetnsName, SysctlKey, Why};
use std::path::Path;
use std::sync::Arc;

/// What is set of a namespace that is made for a sandbox, whatever the host has: it forwards nothing from one network to another,
/// follows no advertisement, and has IPv6 on interfaces only that are given an address of it.
const SETTINGS: [(&str, &str); 4] = [
    ("net/ipv4/ip_forward", "0"),
    ("net/ipv6/conf/all/forwarding", "0"),
    ("net/ipv6/conf/default/accept_ra", "0"),
    ("net/ipv6/conf/default/disable_ipv6", "1"),
];

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
        for (network, _) in &networks {
            self.find_network(&attempt, network)?;
        }
        let (id, state, created) = (Id::random(), SandboxState::Creating, super::now());
        let sandbox = Sandbox { id: id.clone(), name, state, created, spec };
        self.save(&attempt, &sandbox).await?;
        let sandbox = self.book.put_sandbox(sandbox);
        if let Err(refusal) = self.furnish(&attempt, &sandbox, networks).await {
            return Err(refusal.and(self.unmake_sandbox(&attempt, &sandbox).await));
        }
        self.tell(EventKind::SandboxCreated { sandbox: sandbox.name.to_string(), id: sandbox.id.to_string() });
        Ok(id)
    }

    async fn may_create(&self, attempt: &Attempt, name: &Name, spec: &NewSandbox) -> Result<(), Refusal> {
        if self.book.sandboxes().iter().any(|sandbox| sandbox.name == *name) {
            return Err(attempt.conflict(format!("sandbox {name} already exists"), "choose another name, or delete that one"));
        }
        let path = match &spec.place {
            SandboxPlace::Own | SandboxPlace::Host => return Ok(()),
            SandboxPlace::At(path) => path,
        };
        let holder = self.book.sandboxes().into_iter().find(|sandbox| self.netns_path(sandbox).as_ref() == Some(path));
        if let Some(holder) = holder {
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

    async fn furnish(&self, attempt: &Attempt, sandbox: &Sandbox, networks: Vec<(String, NewEndpoint)>) -> Result<(), Refusal> {
        open_namespace(&*self.kernel, sandbox).await.map_err(|error| attempt.kernel(error))?;
        self.start_names(attempt, sandbox).await?;
        for (network, new) in networks {
            self.attach(attempt, &network, sandbox, new).await?;
        }
        self.write_files(sandbox);
        let ready = Sandbox { state: SandboxState::Ready, ..sandbox.clone() };
        self.save(attempt, &ready).await?;
        self.book.put_sandbox(ready);
        Ok(())
    }

    pub(super) async fn delete_sandbox(&self, text: &str, force: bool) -> Result<(), Refusal> {
        let attempt = Attempt::new("delete sandbox", text);
        let sandbox = self.find_sandbox(&attempt, text)?;
        if force {
            for endpoint in self.book.endpoints_in(&sandbox.id) {
                self.leave(&attempt, &endpoint, true).await?;
            }
        }
        self.unmake_sandbox(&attempt, &sandbox).await
    }

    /// Deletes a sandbox with its endpoints, its files and the namespace that was made for it. Goes on after a failure and names
    /// all that is left; it stays then as one that is being deleted.
    pub(super) async fn unmake_sandbox(&self, attempt: &Attempt, sandbox: &Sandbox) -> Result<(), Refusal> {
        let deleting = Sandbox { state: SandboxState::Deleting, ..sandbox.clone() };
        self.save(attempt, &deleting).await?;
        self.book.put_sandbox(deleting.clone());
        let mut left = Vec::new();
        for endpoint in self.book.endpoints_in(&sandbox.id) {
            left.extend(self.leave(attempt, &endpoint, false).await.err().map(|refusal| refusal.why));
        }
        self.stop_names(sandbox).await;
        left.extend(self.delete_files(sandbox).err());
        let gone = match sandbox.spec.place {
            SandboxPlace::Own => self.kernel.delete_netns(&self.netns_of(sandbox)).await.map(drop),
            SandboxPlace::At(_) => self.kernel.delete_dns_redirect(&self.netns_of(sandbox)).await,
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
        for (key, value) in SETTINGS {
            settings.push((SysctlKey::new(key)?, value.to_owned()));
        }
    }
    if let SandboxPlace::At(_) = sandbox.spec.place {
        let up = LinkChange { up: Some(true), ..LinkChange::default() };
        kernel.set_link(&netns, &IfName::new("lo")?, &up).await?;
    }
    for (key, value) in &sandbox.spec.sysctls {
        settings.push((SysctlKey::new(key)?, value.clone()));
    }
    if settings.is_empty() { Ok(()) } else { kernel.set_sysctl(&netns, &settings).await }
}
