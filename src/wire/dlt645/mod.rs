//! DL/T 645-2007, and 645-1997 for reading: meters on RS-485 (rs485.md 1).
//!
//! [`frame`] cuts and checks, [`control`] names the functions, [`item`] is the table of data identifiers, [`value`]
//! knows BCD, [`question`] makes the questions that a station may ask, and [`json`] is the vocabulary of people and
//! tests.
//!
//! What is absent: a question that clears a meter, its demand or its events, or that trips its relay (functions 19, 1A,
//! 1B, 1C). They are recognised when somebody else sends them, and [`json`] makes them again octet by octet for people
//! who look at frames; nothing that reaches a line goes through it. DL/T 698.45, whose frames also begin with 68, is
//! refused.

pub mod control;
pub mod frame;
pub mod item;
mod item1997;
mod json;
pub mod question;
pub mod value;

pub use control::Control;
pub use frame::{Address, Frame, cut};
pub use item::Di;
pub use json::CODEC;
