//! The station controller of an electric-bus depot: the map of the house.
//!
//! ```text
//! 9  bin        depotd, depotctl, depotsim: a dozen lines each
//! ```

pub mod config;
pub mod driver;
pub mod link;
pub mod model;
pub mod outbox;
pub mod port;
pub mod session;
pub mod sim;
pub mod uplink;
pub mod wire;
