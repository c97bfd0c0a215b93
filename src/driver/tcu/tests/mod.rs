//! The driver over conversations written out, and over noise.
