//! The station controller of an electric-bus depot.

pub mod driver;
pub mod model;
pub mod session;
pub mod wire;
