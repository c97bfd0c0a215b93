//! The station controller of an electric-bus depot.

pub mod model;
pub mod wire;
