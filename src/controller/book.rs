//! The networks, endpoints and sandboxes there are, read by many while the controller writes. What is told of them (which
//! endpoints a network has, which a sandbox) is looked up, and kept nowhere.

use super::model::{Endpoint, EndpointState, Id, Network, Sandbox};
use crate::names::Name;
use dashmap::DashMap;
use std::sync::Arc;

/// All of them, by id.
#[derive(Debug, Default)]
pub(super) struct Book {
    networks: DashMap<Id, Arc<Network>>,
    endpoints: DashMap<Id, Arc<Endpoint>>,
    sandboxes: DashMap<Id, Arc<Sandbox>>,
}

/// Something that a user may name.
pub(super) trait Named {
    fn id(&self) -> &Id;
    fn name(&self) -> &Name;
}

/// Why a text names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfound {
    /// Nothing goes by it.
    Nothing,
    /// So many ids begin with it, or so many things have that name.
    Several(usize),
}

macro_rules! shelf {
    ($kind:ident $shelf:ident $all:ident $one:ident $put:ident $remove:ident) => {
        impl Named for $kind {
            fn id(&self) -> &Id {
                &self.id
            }

            fn name(&self) -> &Name {
                &self.name
            }
        }

        impl Book {
            /// All of them, by name.
            pub(super) fn $all(&self) -> Vec<Arc<$kind>> {
                let mut all: Vec<_> = self.$shelf.iter().map(|one| Arc::clone(one.value())).collect();
                all.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
                all
            }

            /// One, by its id.
            pub(super) fn $one(&self, id: &Id) -> Option<Arc<$kind>> {
                self.$shelf.get(id).map(|one| Arc::clone(one.value()))
            }

            pub(super) fn $put(&self, one: $kind) -> Arc<$kind> {
                let one = Arc::new(one);
                self.$shelf.insert(one.id.clone(), Arc::clone(&one));
                one
            }

            pub(super) fn $remove(&self, id: &Id) {
                self.$shelf.remove(id);
            }
        }
    };
}

shelf!(Network networks networks network put_network remove_network);
shelf!(Endpoint endpoints endpoints endpoint put_endpoint remove_endpoint);
shelf!(Sandbox sandboxes sandboxes sandbox put_sandbox remove_sandbox);

impl Book {
    /// The endpoints of a network, by name.
    pub(super) fn endpoints_on(&self, network: &Id) -> Vec<Arc<Endpoint>> {
        self.endpoints_that(|endpoint| endpoint.network == *network)
    }

    /// The endpoints in a sandbox, or on their way into or out of it, by name.
    pub(super) fn endpoints_in(&self, sandbox: &Id) -> Vec<Arc<Endpoint>> {
        self.endpoints_that(|endpoint| endpoint.state.joint().is_some_and(|joint| joint.sandbox == *sandbox))
    }

    /// The endpoints that are joined to a sandbox, by name.
    pub(super) fn joined_to(&self, sandbox: &Id) -> Vec<Arc<Endpoint>> {
        self.endpoints_that(|endpoint| matches!(&endpoint.state, EndpointState::Joined(joint) if joint.sandbox == *sandbox))
    }

    fn endpoints_that(&self, is_it: impl Fn(&Endpoint) -> bool) -> Vec<Arc<Endpoint>> {
        let found = self.endpoints.iter().filter(|endpoint| is_it(endpoint.value())).map(|one| Arc::clone(one.value()));
        let mut found: Vec<_> = found.collect();
        found.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        found
    }
}

/// What a text means: an id, a name, or the beginning of one id only.
pub(super) fn find<T: Named>(all: &[Arc<T>], text: &str) -> Result<Arc<T>, Unfound> {
    let only = |is_it: &dyn Fn(&T) -> bool| {
        let found: Vec<&Arc<T>> = all.iter().filter(|one| is_it(one)).collect();
        match found[..] {
            [] => Err(Unfound::Nothing),
            [one] => Ok(Arc::clone(one)),
            _ => Err(Unfound::Several(found.len())),
        }
    };
    let by_id = only(&|one| one.id().as_str() == text);
    let by_name = |_| only(&|one| one.name().as_str() == text);
    let by_prefix = |unfound| match unfound {
        Unfound::Nothing if !text.is_empty() => only(&|one| one.id().as_str().starts_with(text)),
        other => Err(other),
    };
    by_id.or_else(by_name).or_else(by_prefix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::model::{NewSandbox, SandboxState};

    fn sandbox(id: &str, name: &str) -> Arc<Sandbox> {
        let id = Id::try_from(format!("{id:0<64}")).expect("hex digits");
        let (name, spec) = (name.parse().expect("a name"), NewSandbox::default());
        Arc::new(Sandbox { id, name, state: SandboxState::Ready, created: 0, spec, identity: None, redirect: None })
    }

    #[test]
    fn a_whole_id_wins_over_a_name_and_a_name_over_the_beginning_of_an_id() {
        let all = [sandbox("abc1", "web"), sandbox("abc2", "abc1"), sandbox("f00d", "db")];
        let named = |text: &str| find(&all, text).map(|found| found.name.to_string());
        assert_eq!(named(&format!("{:0<64}", "abc1")), Ok("web".into()));
        assert_eq!(named("abc1"), Ok("abc1".into()));
        assert_eq!(named("f0"), Ok("db".into()));
        assert_eq!(named("abc"), Err(Unfound::Several(2)));
        assert_eq!(named("nobody"), Err(Unfound::Nothing));
        assert_eq!(named(""), Err(Unfound::Nothing));
    }
}
