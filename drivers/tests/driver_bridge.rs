//! What the driver `bridge` makes of its options, on a kernel and switches in memory.

mod bridge;
