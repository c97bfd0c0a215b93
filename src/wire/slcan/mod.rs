//! slcan, the Lawicel ASCII protocol of CAN adapters on a serial line (can.md 4.2), for both ends of it.
//!
//! What the adapter says and what it is told never look alike, so one parser reads both: [`Line`] is everything that
//! one line can be. A line is bounded, ends with CR (the error reply is a bare BEL) and is forgotten when it is bad;
//! the next CR is a fresh start.
//!
//! What is absent: the serial line, opening and reopening, the question after flags every second.

pub mod line;
pub mod parser;
pub mod stamp;
pub mod view;

pub use line::{Command, Error, Flags, Line};
pub use parser::Parser;
pub use stamp::Stamps;

use super::codec::Codec;

/// What `depotctl` and the vector tests see.
pub const CODEC: Codec = Codec { name: "slcan", decode: view::decode, encode: view::encode, bus: None };
