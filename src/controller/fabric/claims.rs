//! What is written down of the interfaces that were made for ports, so that a crash leaves nothing that nobody knows of.

use super::records::{self, MadeRecord, Records, made_key, port_key};
use super::refusal::Attempt;
use super::registry::Origin;
use super::switches::unsaid;
use super::wiring::Wire;
use super::{Inner, Refusal};
use crate::store::{Operation, Pair, Txn};

impl Inner {
    /// Writes down that a port's interface is ours, before it is made, and with it the port's own record if that comes along. What is
    /// written down already is not written again, so that a full disk is no reason not to make it after a reboot.
    pub(super) async fn claim(&self, attempt: &Attempt, wire: Wire<'_>) -> Result<(), Refusal> {
        let put = records::put_made(wire.switch, wire.port, wire.url, wire.origin == Origin::Config);
        let put = put.map_err(unsaid(attempt))?;
        let range = self.store.range(put.key()).await.map_err(|error| attempt.store(error))?;
        let is_written = |pair: Pair| put == Operation::Put { key: pair.key, value: pair.value };
        let is_claimed = range.pairs.into_iter().any(is_written);
        let puts: Vec<_> = Some(put).filter(|_| !is_claimed).into_iter().chain(wire.record.cloned()).collect();
        if puts.is_empty() { Ok(()) } else { self.commit(attempt, Txn::of(puts)).await }
    }

    /// Whether it is written down that a port's interface is ours.
    pub(super) async fn is_claimed(&self, attempt: &Attempt, wire: Wire<'_>) -> Result<bool, Refusal> {
        Ok(self.made_record(attempt, wire).await?.is_some_and(|record| record.is_of(wire.url)))
    }

    /// Has nothing of ours under a port's name that is of another place: what an earlier port of that name left goes first, so that
    /// its record is neither taken for this port's nor lost.
    pub(super) async fn clear_place(&self, attempt: &Attempt, wire: Wire<'_>) -> Result<(), Refusal> {
        match self.made_record(attempt, wire).await? {
            Some(record) if !record.is_of(wire.url) => self.remove_made(wire.switch, wire.port, &record).await,
            Some(_) | None => Ok(()),
        }
    }

    /// The record of what was made for a port of that name, if it can be read.
    async fn made_record(&self, attempt: &Attempt, wire: Wire<'_>) -> Result<Option<MadeRecord>, Refusal> {
        let key = made_key(wire.switch, wire.port);
        let range = self.store.range(&key).await.map_err(|error| attempt.store(error))?;
        let pairs: Vec<Pair> = range.pairs.into_iter().filter(|pair| pair.key == key).collect();
        Ok(Records::read(&pairs).made.pop().map(|(_, _, record)| record))
    }

    /// Deletes these records, after the interface.
    pub(super) async fn disclaim(&self, attempt: &Attempt, wire: Wire<'_>) -> Result<(), Refusal> {
        let record = wire.record.map(|_| port_key(wire.switch, wire.port));
        let keys = [made_key(wire.switch, wire.port)].into_iter().chain(record);
        self.commit(attempt, Txn::of(keys.map(|key| Operation::Delete { key }))).await
    }
}
