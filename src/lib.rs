//! The control plane: API, command line and daemon of Lanloom.

pub mod api;
pub mod cli;
pub mod config;
pub mod controller;
pub mod daemon;
pub mod demo;
pub mod dns;
pub mod etc;
pub mod exec;
pub mod ipam;
pub mod names;
pub mod store;
pub mod url;
