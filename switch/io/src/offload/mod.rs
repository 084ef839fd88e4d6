//! Cutting super-frames and finishing checksums: pure, bytes in and bytes out.
