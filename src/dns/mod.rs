//! Names: a DNS server for each sandbox, which knows the sandboxes on the same networks and asks others about the rest.
//!
//! ```text
//! query ─▶ server (sockets, limits) ─▶ Authority (the controller) ─▶ resolve (pure, over a Zone and a View) ─▶ Reply
//!              │                                                                          answer │ forward │ drop
//!              └──────────── Dialer: a socket in the host's namespace or the sandbox's ◀─────────┘
//! ```
//!
//! - [`zone`] holds the names of all networks, [`resolve`] answers one question of one sandbox: both are pure.
//! - [`server`] listens, bounds, and forwards.
//!
//! It is *not* a resolver that follows referrals, and not a cache.
//!
//! Names are answered only from networks that the sandbox is on. What is ours never leaves: a name that is known to such a network,
//! anything under the name of such a network (`x.web` on the network `web`, be there an `x` or not), and names that exist on a
//! network of others. A network that is called like a public domain therefore hides that domain from its sandboxes.
//!
//! # The codec
//!
//! Messages are read and written by the `domain` crate of NLnet Labs, with `std` alone: eleven crates, of which five were new
//! here. It reads lazily, a question without the records after it, keeps types that it does not know as numbers, as a
//! forwarder must (RFC 3597), and stops writing at a limit. `simple-dns` has no `unsafe` and one dependency, but reads a message whole
//! and refuses unknown types; `hickory-proto` needs more than fifty crates and reads messages whole.
//!
//! `domain` has `unsafe` where it views checked bytes as names, and before 0.12.3 could be made to panic and to follow pointers for
//! long (RUSTSEC-2026-0310): nothing older may be used. It sees little of what comes in: one question, whose name may not be
//! compressed, and at most four records after it. Of upstreams' answers it sees the header alone. `tests/fuzz_dns.rs` throws
//! bytes at both.

#[cfg(test)]
mod question;
pub mod resolve;
pub mod server;
pub mod zone;
