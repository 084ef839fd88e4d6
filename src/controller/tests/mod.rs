//! Networks, endpoints and sandboxes on a kernel in memory: what comes of what is asked for, what is undone, what a start finds.

mod asking;
mod changes;
mod config;
mod endpoints;
mod families;
mod forced;
mod gateways;
mod given;
mod gone;
mod growing;
mod history;
mod house;
mod known;
mod names;
mod networks;
mod objects;
mod picture;
mod restart;
mod rollback;
mod rounds;
mod sandboxes;
mod stale;
mod strange;
mod subnets;
mod told;
mod upkeep;
