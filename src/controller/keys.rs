//! Networks, endpoints and sandboxes in the store: a record each, under its id.

use super::model::{Endpoint, Id, Network, Sandbox};
use crate::store::{self, Operation, Pair, RecordError};
use serde::Serialize;
use serde::de::DeserializeOwned;

const NETWORKS: &str = "/lanloom/networks/";
const ENDPOINTS: &str = "/lanloom/endpoints/";
const SANDBOXES: &str = "/lanloom/sandboxes/";
/// What is remembered of the host.
const HOST: &str = "/lanloom/host/";
/// From which the host's own prefix of unique local IPv6 addresses is made (RFC 4193).
pub(super) const HOST_ID: &str = "/lanloom/host/id";

/// The schema of these values. 4: a sandbox has what leads to its name server. 5: a network says which of its options nobody asked for.
const SCHEMA: u32 = 5;

/// An object that has a record.
pub(super) trait Recorded: Serialize + DeserializeOwned {
    /// What its key begins with.
    const PREFIX: &str;
    fn id(&self) -> &Id;

    fn key(&self) -> String {
        format!("{}{}", Self::PREFIX, self.id())
    }

    fn put(&self) -> Result<Operation, RecordError> {
        Ok(Operation::Put { key: self.key(), value: store::encode(SCHEMA, self)? })
    }

    fn delete(&self) -> Operation {
        Operation::Delete { key: self.key() }
    }
}

macro_rules! recorded {
    ($($kind:ident $prefix:ident;)*) => {$(
        impl Recorded for $kind {
            const PREFIX: &str = $prefix;

            fn id(&self) -> &Id {
                &self.id
            }
        }
    )*};
}

recorded! {
    Network NETWORKS;
    Endpoint ENDPOINTS;
    Sandbox SANDBOXES;
}

/// Writes a plain value under a key of [`HOST`].
pub(super) fn put_host(key: &str, value: &str) -> Result<Operation, RecordError> {
    Ok(Operation::Put { key: key.to_owned(), value: store::encode(SCHEMA, &value)? })
}

/// The ids of objects whose records could not be read.
#[derive(Debug, Default)]
pub(super) struct Obscure {
    pub(super) networks: Vec<String>,
    pub(super) endpoints: Vec<String>,
    pub(super) sandboxes: Vec<String>,
}

impl Obscure {
    fn note(&mut self, key: &str) {
        let kinds = [(NETWORKS, &mut self.networks), (ENDPOINTS, &mut self.endpoints), (SANDBOXES, &mut self.sandboxes)];
        for (prefix, ids) in kinds {
            ids.extend(key.strip_prefix(prefix).map(str::to_owned));
        }
    }
}

/// All that is in the store of these, and what of it could not be read.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    pub(super) networks: Vec<Network>,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) sandboxes: Vec<Sandbox>,
    pub(super) host_id: Option<String>,
    /// A line for each, with its key.
    pub(super) unreadable: Vec<String>,
    /// The ids of these: what stands on them is left as it is.
    pub(super) obscure: Obscure,
    /// Whether the store could not be read at all.
    pub(super) is_blind: bool,
}

impl Shelf {
    /// Whether it is known of all networks what they are.
    pub(super) fn is_clear(&self) -> bool {
        !self.is_blind && self.obscure.networks.is_empty()
    }

    pub(super) fn read(pairs: &[Pair]) -> Self {
        let mut shelf = Self::default();
        for pair in pairs {
            if let Err(error) = shelf.read_one(pair) {
                shelf.unreadable.push(format!("{}: {error}", pair.key));
                shelf.obscure.note(&pair.key);
            }
        }
        shelf
    }

    fn read_one(&mut self, pair: &Pair) -> Result<(), RecordError> {
        if pair.key.starts_with(NETWORKS) {
            self.networks.push(store::decode(SCHEMA, &pair.value)?);
        } else if pair.key.starts_with(ENDPOINTS) {
            self.endpoints.push(store::decode(SCHEMA, &pair.value)?);
        } else if pair.key.starts_with(SANDBOXES) {
            self.sandboxes.push(store::decode(SCHEMA, &pair.value)?);
        } else if pair.key == HOST_ID {
            self.host_id = Some(store::decode(SCHEMA, &pair.value)?);
        } else if pair.key.starts_with(HOST) {
            return Err(RecordError::Malformed("this version does not know what it is".to_owned()));
        }
        Ok(())
    }
}
