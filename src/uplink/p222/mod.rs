//! The uplink of wire profile 222.
