//! What the driver `overlay` makes of its options and of the underlay, on a kernel and switches in memory.

mod overlay;
