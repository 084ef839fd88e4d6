//! x

pub mod names;
pub mod url;
