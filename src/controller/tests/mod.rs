//! Networks, endpoints and sandboxes on a kernel in memory: what comes of what is asked for, what is undone, what a start finds.

mod config;
mod house;
mod objects;
