//! What others' tables do to what the host forwards, and the places there where our packets can be accepted.

mod iptables;
mod native;

use super::super::error::KernelError;
use super::super::forward::{Gate, Manager, Obstacle, Opened, Others};
use super::nft::Nft;
use super::tool::Programs;

/// What the names of Docker's chains begin with.
const DOCKER: &str = "DOCKER";
/// Docker's chain for what an administrator accepts or drops before Docker does.
const DOCKER_USER: &str = "DOCKER-USER";

/// Brings back what was there before a chain was opened.
type Undo = Box<dyn FnOnce() -> Result<(), KernelError>>;

/// What others' tables hold, in the calling thread's namespace.
pub(super) fn others(nft: &Nft, programs: &Programs) -> Result<Others, KernelError> {
    let mut all = native::others(nft)?;
    let of_old = iptables::of_old(programs)?;
    all.obstacles.extend(of_old.obstacles);
    all.bridges.extend(of_old.bridges);
    Ok(all)
}

/// Whether a chain is one in which Docker says what passes to and from its bridges.
fn is_dockers(chain: &str) -> bool {
    chain.starts_with(DOCKER) && chain != DOCKER_USER
}

/// Has these obstacles accept our packets and no others that this comment marks: all obstacles, or none.
pub(super) fn open(
    nft: &Nft,
    programs: &Programs,
    obstacles: &[Obstacle],
    gates: &[Gate],
    comment: &str,
) -> Result<Vec<Opened>, KernelError> {
    // Those that cannot be opened are named before anything is done.
    let place = |obstacle| Ok(Obstacle::opened(obstacle, gates)?.map(|place| (obstacle, place)));
    let places =
        obstacles.iter().filter_map(|obstacle| place(obstacle).transpose()).collect::<Result<Vec<_>, KernelError>>()?;
    let mut undo: Vec<Undo> = Vec::new();
    for (obstacle, place) in &places {
        let done = match obstacle.manager {
            Manager::Nft => native::open(nft, obstacle, &place.chain, gates, comment),
            Manager::Iptables | Manager::IptablesLegacy => iptables::open(programs, obstacle, &place.chain, gates, comment),
        };
        match done {
            Ok(back) => undo.push(back),
            Err(error) => return Err(error.and(undo.into_iter().rev().filter_map(|back| back().err()))),
        }
    }
    Ok(places.into_iter().map(|(_, place)| place).collect())
}

/// Takes away every rule that this comment marks, wherever it is: also in a chain that is no obstacle any more.
pub(super) fn close(nft: &Nft, programs: &Programs, comment: &str) -> Result<(), KernelError> {
    let failed: Vec<_> =
        [native::close(nft, comment), iptables::close(nft, programs, comment)].into_iter().filter_map(Result::err).collect();
    let mut failed = failed.into_iter();
    failed.next().map_or(Ok(()), |first| Err(first.and(failed)))
}
