//! The suite that every driver passes: each case is a promise of the trait.

pub(crate) mod bench;
pub(crate) mod endpoints;
pub(crate) mod faults;
pub(crate) mod kinds;
pub(crate) mod networks;
pub(crate) mod restart;
pub(crate) mod together;
