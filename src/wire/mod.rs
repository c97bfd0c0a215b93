//! Bytes and their meaning. Knows nothing else of ours.

pub mod hex;
