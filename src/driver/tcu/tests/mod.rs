//! The driver over conversations written out, and over noise.

mod bench;
mod charging;
mod orders;
mod random;
mod steps;
mod vehicle;
